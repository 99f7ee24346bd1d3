import LinuxIO
import Synchronization
import Wire

/// The state that forwarding threads share with each other and with the control thread. The threads access it through `SharedAddresses`.
package final class ForwardingState: Sendable {
    /// The most pipes that a thread can use for splicing.
    package static let pipesPerThreadMax = PipePool.pipesMax
    /// The most threads: `ProcessCell.pausedThreads` has a bit for each.
    package static let threadsMax = 64

    /// The default of `handshakesPerServer`. Further connections are closed. A handshake takes only a round trip, but they arrive in bursts.
    package static let handshakesPerServerMax = 1024

    /// Keeps the namespaces of `serverRules` open.
    private let namespaces: NetworkNamespaces
    /// The configured proxies.
    package let frontends: [Frontend]
    package let backends: [Backend]
    /// The process's `maxconn`: the most sessions at a time.
    package let sessionsMax: Int
    /// The most pipes that each thread may hold for splicing.
    package let pipesPerThread: Int
    /// Sizes and limits.
    package let tuning: Tuning
    /// The limit on handshakes per server that are being finished for clients that have left.
    let handshakesPerServer: Int
    /// One cell.
    package let process = SharedCells<ProcessCell>(count: 1) { _ in ProcessCell() }
    let controlWakeUps: SharedCells<WakeUp>
    /// By frontend and backend.
    package let frontendCells: SharedCells<FrontendCell>
    package let backendCells: SharedCells<BackendCell>
    /// By server, flat over all backends.
    package let serverCells: SharedCells<ServerCell>
    /// By bind, flat over all frontends.
    package let bindCells: SharedCells<BindCell>
    /// The flat index of each frontend's first bind.
    package let firstBinds: [Int]
    /// By server and reason: how often sessions have left the server.
    let tallies: SharedCells<Tally>
    /// The flat index of each backend's first server.
    package let firstServers: [Int]
    /// By thread.
    package let mailboxes: SharedCells<ThreadMailbox>
    package let counters: [ThreadCounters]
    /// The counts of earlier processes. Only the control thread writes them.
    package let inherited: ThreadCounters
    /// The counters of every thread, and those of earlier processes.
    package let allCounters: [ThreadCounters]
    /// The log targets with their addresses.
    package let destinations: [LogDestination]
    let logs: FrozenLogs
    let names: FrozenNames
    /// By server, flat over all backends: the encoded extensions of its PROXY header.
    let proxyHeaderValues: FrozenTexts
    /// True when headers to a server pass on the authority in the client's header.
    let forwardsAuthority: Bool
    /// Wakes the control thread when a session leaves a server, a handshake is abandoned, a forwarding thread is stuck, or awaited work begins.
    package var controlWakeUp: WakeUp { _read { yield controlWakeUps[0].pointee } }

    let frontendRules: FrozenTable<FrontendRules>
    let backendRules: FrozenTable<BackendRules>
    /// By server, flat over all backends.
    let serverRules: FrozenTable<ServerRules>
    /// By server with a `source`.
    let sources: FrozenTable<SourceRules>
    let sourcePorts: SharedCells<SourcePorts>
    /// By thread: the addresses of its backends' counters.
    let backendCounters: FrozenTable<ElementAddresses<ServerCounters>>

    /// Creates the state of `threads` threads without sessions.
    ///
    /// - Parameters:
    ///   - namespaces: contains those of all servers that have one.
    ///   - seed: determines the draws of `balance random`.
    package init(
        frontends: [Frontend], backends: [Backend], routes: [[ServerRoute]], sessionsMax: Int, threads: Int, destinations: [LogDestination],
        frontendLogs: [ProxyLog], pipesPerThread: Int = pipesPerThreadMax, handshakesPerServer: Int = handshakesPerServerMax,
        tuning: Tuning = Tuning(), namespaces: NetworkNamespaces = NetworkNamespaces(), seed: UInt64 = 0
    ) throws(SystemError) {
        precondition((1...Self.threadsMax).contains(threads), "\(threads) threads, at most \(Self.threadsMax)")
        precondition(backends.count <= Int(Session.noBackend), "\(backends.count) backends, at most \(Session.noBackend)")
        self.frontends = frontends
        self.backends = backends
        self.sessionsMax = sessionsMax
        self.destinations = destinations
        self.pipesPerThread = pipesPerThread
        self.handshakesPerServer = handshakesPerServer
        (self.tuning, self.namespaces) = (tuning, namespaces)
        logs = FrozenLogs(frontendLogs)
        names = FrozenNames(frontends: frontends, backends: backends)
        proxyHeaderValues = FrozenTexts(backends.flatMap { $0.servers.map(\.proxyHeaderValues) })
        forwardsAuthority = backends.contains { $0.servers.contains { $0.proxyHeader?.hasAuthority ?? false } }
        frontendCells = SharedCells(count: frontends.count, areApart: true) { _ in FrontendCell() }
        var first = 0
        let firstServers = backends.map { backend in
            defer { first += backend.servers.count }
            return first
        }
        let servers = first
        self.firstServers = firstServers
        let now = MonotonicClock.now().nanoseconds / 1_000_000
        let fullConnections = Backend.fullConnections(of: backends, frontends: frontends, sessionsMax: sessionsMax)
        backendCells = SharedCells(count: backends.count, areApart: true) {
            BackendCell(
                balancer: BackendBalancer(
                    backends[$0], routes: routes[$0], firstServer: firstServers[$0], fullConnections: fullConnections[$0], seed: seed &+ UInt64($0)),
                retryBudget: RetryBudget(percent: backends[$0].retryBudgetPercent, now: now),
                hedgeBudget: RetryBudget(percent: Backend.hedgePercentMax, freeMax: 0, now: now))
        }
        let addresses = routes.joined().map(\.address)
        serverCells = SharedCells(count: servers, areApart: true) { ServerCell(address: addresses[$0]) }
        var sources: [SourceSettings] = []
        var rules: [ServerRules] = []
        for (index, backend) in backends.enumerated() {
            for server in backend.servers {
                let source = backend.source(of: server)
                rules.append(
                    ServerRules(
                        server, of: backend, at: index, source: source == nil ? nil : UInt32(sources.count), namespace: namespaces[server.namespace]))
                if let source { sources.append(source) }
            }
        }
        serverRules = FrozenTable(rules)
        self.sources = FrozenTable(sources.map { SourceRules($0) })
        sourcePorts = SharedCells(count: sources.count, areApart: true) { SourcePorts(sources[$0]) }
        tallies = SharedCells(count: servers * RetryReason.count) { _ in Tally() }
        let binds = frontends.flatMap(\.binds)
        var bind = 0
        firstBinds = frontends.map { frontend in
            defer { bind += frontend.binds.count }
            return bind
        }
        bindCells = SharedCells(count: binds.count, areApart: true) { BindCell(binds[$0]) }
        counters = (0..<threads).map { _ in
            ThreadCounters(frontends: frontends.count, servers: servers, backends: backends.count, binds: binds.count)
        }
        inherited = ThreadCounters(frontends: frontends.count, servers: servers, backends: backends.count, binds: binds.count)
        allCounters = counters + [inherited]
        frontendRules = FrozenTable(frontends.map { FrontendRules($0, backends: backends, processLimit: sessionsMax) })
        backendRules = FrozenTable(backends.map { BackendRules($0) })
        backendCounters = FrozenTable(counters.map(\.backends.addresses))
        controlWakeUps = try SharedCells(count: 1) { _ throws(SystemError) in try WakeUp() }
        mailboxes = try SharedCells(count: threads, areApart: true) { _ throws(SystemError) in try ThreadMailbox() }
    }

    /// Requests one wake-up of the control thread when a forwarding thread next has work. An idle process thus reads no counters.
    package func awaitWork() { process[0].pointee.isWorkAwaited.store(true, ordering: .relaxed) }

    /// The current activity of a thread.
    package func activity(ofThread thread: Int) -> ThreadActivity { ThreadActivity(rawValue: counters[thread].own.activity.value) ?? .waiting }

    /// The number of times that sessions have left a server for this reason.
    package func retryCount(_ server: ServerReference, for reason: RetryReason) -> UInt64 {
        tallies[flatIndex(server) * RetryReason.count + reason.index].pointee.value
    }

    /// Updates the retry budgets with the number of sessions. Call it every second.
    package func updateRetryBudgets(now: Instant) {
        let addresses = SharedAddresses(self)
        for backend in backends.indices {
            let sessions = addresses.sessionsBegun(of: backend)
            backendCells[backend].pointee.retryBudget.withLock { $0.update(sessions: sessions, now: now.nanoseconds / 1_000_000) }
            backendCells[backend].pointee.hedgeBudget.withLock { $0.update(sessions: sessions, now: now.nanoseconds / 1_000_000) }
        }
    }

    /// The flat index of a bind of `frontend` that has its own limit or statistics; `nil` for any other bind.
    func trackedBind(_ bind: Int, of frontend: Int) -> Int? {
        let settings = frontends[frontend]
        guard settings.binds.indices.contains(bind), settings.countsBinds || settings.binds[bind].connectionsMax != nil else { return nil }
        return firstBinds[frontend] + bind
    }

    /// The flat index of a server.
    package func flatIndex(_ server: ServerReference) -> Int { firstServers[server.backend] + server.server }
}

extension ForwardingState {
    /// Applies a server's new route. It takes effect for new sessions immediately, and queued sessions get the places that it adds.
    package func setRoute(_ route: ServerRoute, of server: ServerReference) {
        let index = UInt32(flatIndex(server))
        serverCells[Int(index)].pointee.address.withLock { $0 = route.address.map { RawSocketAddress($0) } }
        let grants = backendCells[server.backend].pointee.balancer.withLock { $0.update(index, route) }
        let addresses = SharedAddresses(self)
        for grant in grants { addresses.send(grant) }
    }

    /// Opens a socket for a check of `server`, or for a question to its agent, at `address`.
    package func openSocket(for address: SocketAddress, ofCheckOf server: ServerReference) throws(SystemError) -> FileDescriptor {
        let namespace: NetworkNamespace? = if case .ip = address { serverRules[flatIndex(server)].pointee.namespace } else { nil }
        let socket = try Sockets.open(.stream, for: address, in: namespace)
        tuning.serverBuffers.set(on: socket.raw)
        return socket
    }

    /// Removes and returns the servers that sessions have left since the last call, by backend and in the order of the file.
    package func takeReportedServers() -> [ServerReference] {
        let servers = process[0].pointee.reportedServers.withLock { retryCount in
            defer { retryCount = [] }
            return retryCount
        }
        return servers.sorted().map { server in
            let backend = serverRules[Int(server)].pointee.backend
            return ServerReference(backend: backend, server: Int(server) - firstServers[backend])
        }
    }
}
