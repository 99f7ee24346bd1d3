import LinuxIO
import Proxy
import Wire

/// Opens every listening socket of a configuration, or takes it over from an earlier process.
struct StartSockets {
    private static let statsBacklogMin = 1024

    /// Resolves names.
    var names: NameResolution
    private let threads: Int
    private let socketsPerBind: Int
    private let accounts: AccountFiles
    private let inherited: InheritedSockets
    private let namespaces: NetworkNamespaces
    /// The kernel's numbers (SO_NETNS_COOKIE) of `namespaces`, without those that the thread may not enter.
    private let namedNamespaces: Set<UInt64>
    private let replacesOthers: Bool
    private let reducesGroups: Bool
    /// The addresses at which this process listens, by the number of their network namespace.
    private var listening: [UInt64: ListeningAddresses] = [:]

    /// Prepares sockets for `threads` forwarding threads, `socketsPerBind` per address (`nil`: one for each thread). Uses sockets of `inherited` where
    /// possible. Replaces the paths and ports of a running process only with `replacesOthers`.
    ///
    /// - Parameters:
    ///   - namespaces: contains those of all binds.
    ///   - reducesGroups: whether to close inherited sockets beyond `socketsPerBind`, because the kernel moves the connections in their queues. Network
    ///     namespaces have their own settings, so sockets of a `namespace` are never closed.
    init(
        names: NameResolution, threads: Int, socketsPerBind: Int? = nil, accounts: AccountFiles, inherited: InheritedSockets,
        namespaces: NetworkNamespaces = NetworkNamespaces(), replacesOthers: Bool = false, reducesGroups: Bool = false
    ) {
        self.names = names
        self.threads = threads
        self.socketsPerBind = socketsPerBind ?? threads
        for (address, namespace) in inherited.streamAddresses { listening[namespace, default: ListeningAddresses()].insert(address) }
        self.accounts = accounts
        (self.inherited, self.namespaces, namedNamespaces) = (inherited, namespaces, namespaces.numbers)
        self.replacesOthers = replacesOthers
        self.reducesGroups = reducesGroups
    }

    /// Opens the frontends' listeners, by thread. `sessionsMax` is the `maxconn` of the process.
    mutating func listeners(_ configuration: AgentConfiguration, sessionsMax: Int) throws(StartError) -> [[ThreadListener]] {
        var listeners: [[ThreadListener]] = Array(repeating: [], count: threads)
        for (index, frontend) in configuration.frontends.enumerated() where !frontend.isDisabled {
            let owner = StartSockets.owner(frontend)
            let names = zip(frontend.binds, frontend.bindNumbers).map { $0.name ?? "\($1)" }
            for (number, bind) in frontend.binds.enumerated() {
                let backlog = bind.backlog ?? frontend.backlog ?? bind.connectionsMax ?? frontend.connectionsMax ?? sessionsMax
                let files = try open(bind, owner: owner, backlog: backlog, frontend: frontend, count: socketsPerBind)
                // Every socket needs a thread and every thread a socket: with more threads than sockets, threads share sockets; with fewer, threads own
                // several.
                for turn in 0..<max(threads, files.count) {
                    let (thread, file) = (turn % threads, files[turn % files.count])
                    let bound = Sockets.localAddress(file.raw)
                    let isWildcard = bound?.address?.isUnspecified ?? false
                    listeners[thread].append(
                        ThreadListener(
                            file: file, frontend: index, address: isWildcard ? nil : bound, name: names[number], proxyHeader: bind.proxyHeader,
                            bind: number))
                }
            }
        }
        return listeners
    }

    /// Opens the sockets of the probe sections.
    mutating func probes(_ configuration: AgentConfiguration) throws(StartError) -> [ProbePort] {
        var ports: [ProbePort] = []
        for (index, probe) in configuration.probes.enumerated() {
            var files: [OpenFile] = []
            for bind in probe.binds {
                // The probe's thread calls `listen` when the answer is pass.
                files += try open(bind, owner: StartSockets.owner(probe), backlog: nil, count: 1)
            }
            ports.append(ProbePort(index: index, settings: probe, listeners: files))
        }
        return ports
    }

    /// Opens the stats sockets.
    mutating func statsSockets(_ configuration: AgentConfiguration) throws(StartError) -> [StatsSocket] {
        var sockets: [StatsSocket] = []
        for settings in configuration.global.statsSockets {
            let backlog = settings.bind.backlog ?? max(StartSockets.statsBacklogMin, configuration.global.statsConnectionsMax)
            let files = try open(settings.bind, owner: StartSockets.statsOwner, backlog: backlog, count: 1)
            sockets += files.map { StatsSocket(file: $0, rights: settings.rights, connectionsMax: settings.bind.connectionsMax) }
        }
        return sockets
    }

    /// Resolves the names and accounts that the sockets need, without opening any.
    mutating func check(_ configuration: AgentConfiguration) throws(StartError) {
        for (bind, owner) in StartSockets.binds(of: configuration) {
            _ = try names.address(of: bind, owner: owner)
            _ = try owners(of: bind, owner)
        }
    }

    /// Everything that a start listens at, and its owner in messages: frontends, probes and stats sockets.
    static func binds(of configuration: AgentConfiguration) -> [(bind: Bind, owner: String)] {
        var binds: [(bind: Bind, owner: String)] = []
        for frontend in configuration.frontends where !frontend.isDisabled { binds += frontend.binds.map { ($0, owner(frontend)) } }
        for probe in configuration.probes { binds += probe.binds.map { ($0, owner(probe)) } }
        return binds + configuration.global.statsSockets.map { ($0.bind, statsOwner) }
    }

    /// The owner of the stats sockets in messages.
    private static let statsOwner = "stats socket"

    /// The owner of a frontend's sockets in messages: "listen mysql".
    static func owner(_ frontend: Frontend) -> String { "\(frontend.isListen ? "listen" : "frontend") \(frontend.name)" }

    private static func owner(_ probe: ProbeSettings) -> String { "probe \(probe.name)" }

    /// Owner and group of a bind at a path.
    private func owners(of bind: Bind, _ owner: String) throws(StartError) -> (user: UInt32?, group: UInt32?) {
        let place = "\(bind.location): '\(owner)'"
        let user: UInt32? = if let name = bind.user { try accounts.userIdentifier(name, for: place) } else { nil }
        let group: UInt32? = if let name = bind.group { try accounts.groupIdentifier(name, for: place) } else { nil }
        return (user, group)
    }

    /// Opens the sockets of a bind: those of `frontend`, or of another part of the agent.
    private mutating func open(_ bind: Bind, owner: String, backlog: Int?, frontend: Frontend? = nil, count: Int) throws(StartError) -> [OpenFile] {
        let resolved = try names.address(of: bind, owner: owner)
        var request = ListenRequest(
            address: resolved ?? .unix(""), endpoint: bind.endpoint.description, owner: owner, location: bind.location)
        request.keepAlive = frontend?.keepAlive ?? .off
        request.delaysAcknowledgements = frontend?.delaysAcknowledgements ?? false
        request.setOptions(of: bind)
        request.namespace = namespaces[bind.namespace]
        (request.userIdentifier, request.groupIdentifier) = try owners(of: bind, owner)
        request.replacesOthers = replacesOthers
        /// The backlog of each of `sockets` sockets, which share the queue of their address.
        func share(of sockets: Int) -> Int32? { backlog.map { Int32(clamping: ($0 + sockets - 1) / max(1, sockets)) } }
        return try StartError.wrapping { () throws(ListenError) in
            if case .inherited(let number) = bind.endpoint { return [try ListeningSockets.inherit(number, for: request)] }
            let place = try request.namespaceNumber ?? inherited.ownNamespace
            if let address = resolved {
                // A path that has been removed leads nowhere, so the socket is created again.
                var files = ListeningSockets.isReachable(address) ? inherited.take(.stream, at: address, interface: bind.interface, namespace: place) : []
                if files.isEmpty, bind.namespace == nil { files = inherited.takeForeign(at: address, interface: bind.interface, except: namedNamespaces) }
                if reducesGroups, bind.namespace == nil, files.count > count { files = Array(files[..<max(1, count)]) }
                request.backlog = share(of: files.count)
                for file in files { try ListeningSockets.adopt(file, for: request) }
                if !files.isEmpty { return files }
            }
            if case .unix = request.address { request.backlog = share(of: 1) } else { request.backlog = share(of: count) }
            request.sharesOwnAddress = listening[place]?.overlaps(request.address) ?? false
            listening[place, default: ListeningAddresses()].insert(request.address)
            return try ListeningSockets.open(request, count: count)
        }
    }
}

extension ListenRequest {
    /// Sets the options of a bind line, except those of accounts.
    fileprivate mutating func setOptions(of bind: Bind) {
        isV6Only = bind.isV6Only
        userTimeout = Int32(clamping: bind.userTimeout?.wholeMilliseconds ?? 0)
        permissions = bind.permissions
        (interface, isTransparent) = (bind.interface, bind.isTransparent)
        segmentSizeMax = Int32(clamping: bind.segmentSizeMax ?? 0)
        (typeOfService, usesFastOpen) = (bind.typeOfService, bind.usesFastOpen)
    }
}

/// The addresses of listening sockets.
private struct ListeningAddresses {
    private var all: Set<SocketAddress> = []
    private var ports: Set<UInt16> = []
    private var wildcardPorts: Set<UInt16> = []

    /// Whether a client of `address` may also reach one of these: same port, and same address or a wildcard.
    func overlaps(_ address: SocketAddress) -> Bool {
        guard case .ip(let host, let port) = address else { return all.contains(address) }
        return all.contains(address) || wildcardPorts.contains(port) || host.isUnspecified && ports.contains(port)
    }

    mutating func insert(_ address: SocketAddress) {
        all.insert(address)
        guard case .ip(let host, let port) = address else { return }
        ports.insert(port)
        if host.isUnspecified { wildcardPorts.insert(port) }
    }
}
