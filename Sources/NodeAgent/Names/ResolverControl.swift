import Glibc
import LinuxIO
import Proxy
import Wire

/// Maintains the addresses of servers with names, and stores them for a start without nameservers.
final class ResolverControl {
    /// Requests to the owner. All are called on the reactor's thread.
    struct Handlers {
        /// Sets the address at which the server is checked; `nil` stops its checks.
        var setCheckAddress: (ServerReference, SocketAddress?) -> Void = { _, _ in }
        /// Tries an address as the server's checks would, while the present one still serves.
        var tryAddress: (ServerReference, SocketAddress, _ answer: @escaping (Bool) -> Void) -> Void = { $2(true) }
        /// The server's address has changed or is lost: earlier observations are about another host.
        var addressInvalidated: (ServerReference) -> Void = { _ in }
    }

    private let configuration: AgentConfiguration
    private let remembered: AddressMemory
    private let servers: ServerControl
    private let reactor: Reactor
    private let log: any EventLog
    /// Set before the first event.
    var handlers = Handlers()
    private var runners: [ResolverRunner] = []
    private var runnerOf: [ServerReference: ResolverRunner] = [:]
    /// Stores what resolvers find; `nil` without a `state-dir`, and once another process stores it.
    private var keeper: AddressKeeper?

    /// Resolves nothing yet.
    ///
    /// - Parameters:
    ///   - remembered: recent addresses of names.
    ///   - keeper: the store for new addresses; `nil` for no store.
    init(
        _ configuration: AgentConfiguration, remembered: AddressMemory, keeper: AddressKeeper.Resources?, servers: ServerControl, reactor: Reactor,
        log: any EventLog
    ) {
        (self.configuration, self.remembered, self.servers) = (configuration, remembered, servers)
        (self.reactor, self.log) = (reactor, log)
        self.keeper = keeper.map { AddressKeeper($0) { log.write($0, $1) } }
    }

    // MARK: Runners

    /// Adds a runner for every `resolvers` section that has servers; `start` starts it.
    func addSections() {
        for settings in configuration.resolvers {
            let servers = resolvedServers { $1.resolvers == settings.name }
            guard !servers.isEmpty else { continue }
            add(settings, servers) { [log] level, sentence, name in
                log.write(level, "Resolvers \(settings.name): \(sentence).", about: LogSubject(resolver: settings.name, about: name))
            }
        }
    }

    /// Adds a runner that maintains the addresses of `servers`; `start` starts it.
    ///
    /// - Parameter report: receives the runner's sentences, each with its level and the name that it is about.
    @discardableResult
    func add(_ settings: ResolverSettings, _ servers: [ResolvedServer], _ report: @escaping (LogLevel, String, DNSName) -> Void) -> ResolverRunner {
        var handlers = ResolverRunner.Handlers(
            address: { [unowned self] in addressFound($0, $1, source: $2) }, lost: { [unowned self] in addressLost($0, $1) },
            check: { [unowned self] in self.handlers.tryAddress($0, $1.endpoint(port: port(of: $0)), $2) }, log: report)
        handlers.priority = { [servers = self.servers] in servers.apply(.setPriority($1), to: $0) }
        handlers.weight = { [unowned self] server, weight in
            let weight = weight ?? configuration.backends[server.backend].servers[server.server].weight
            self.servers.limitingLogs { self.servers.apply(.setWeight(weight, by: "its service record"), to: server) }
        }
        let runner = ResolverRunner(
            settings: settings, servers: servers, remembered: remembered(servers), reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
        for server in servers { runnerOf[server.reference] = runner }
        runners.append(runner)
        return runner
    }

    /// Starts every runner, and stores what they find.
    func start() {
        for runner in runners { runner.start() }
        storeAddresses()
    }

    /// Adds and starts a runner that resolves names of things other than servers.
    func start(_ runner: ResolverRunner) {
        runners.append(runner)
        runner.start()
    }

    /// Stops every runner and the storing of addresses.
    func stop() {
        for runner in runners { runner.stop() }
        (runners, runnerOf, keeper) = ([], [:], nil)
    }

    /// Stops storing addresses, because another process does.
    func stopStoring() { keeper = nil }

    /// The servers for which `isWanted` is true, with their present addresses.
    func resolvedServers(where isWanted: (Backend, Server) -> Bool) -> [ResolvedServer] {
        configuration.backends.enumerated().flatMap { index, backend in
            backend.servers.enumerated().compactMap { place, server in
                guard isWanted(backend, server) else { return nil }
                let reference = ServerReference(backend: index, server: place)
                return ResolvedServer(reference: reference, server: server, status: servers.status(of: reference))
            }
        }
    }

    /// The number of failed resolutions.
    var failuresCount: Int {
        runners.flatMap(\.counters).reduce(0) { total, counters in
            let refusals = counters.noSuchName + counters.refused
            return total + counters.timeouts + counters.other + refusals
        }
    }

    /// The stored addresses of the servers' names, as far as they are recent enough.
    private func remembered(_ servers: [ResolvedServer]) -> [DNSName: [KnownName.Entry]] {
        var entries: [DNSName: [KnownName.Entry]] = [:]
        for name in servers.map(\.hostName) { entries[name] = remembered.entries(of: name, now: WallTime.now().seconds) }
        return entries.filter { !$0.value.isEmpty }
    }

    private func storeAddresses() {
        guard let keeper else { return }
        keeper.update(runners.flatMap(\.knownNames), now: reactor.now, wall: WallTime.now().seconds)
        reactor.setTimer(at: reactor.now.advanced(by: AddressKeeper.pollInterval)) { [unowned self] in storeAddresses() }
    }

    // MARK: Events of servers

    /// Passes the result of a check to the server's runner.
    func checkFinished(_ server: ServerReference, isPassing: Bool) {
        guard let runner = runnerOf[server] else { return }
        runner.checksChanged(server, isPassing: isPassing)
        if !isPassing { runner.resolveSoon(server) }
    }

    /// Asks for this server's name early, because sessions have left the server: the name may have another address.
    func resolveSoon(_ server: ServerReference) { runnerOf[server]?.resolveSoon(server) }

    /// Records whether an operator has taken this server out.
    func reserve(_ server: ServerReference, _ isReserved: Bool) { runnerOf[server]?.reserve(server, isReserved) }

    // MARK: Events of resolvers

    private func port(of server: ServerReference) -> UInt16 {
        if case .name(_, let port) = configuration.backends[server.backend].servers[server.server].endpoint { port } else { 0 }
    }

    private func addressFound(_ server: ServerReference, _ address: ResolvedAddress, source: String) {
        let found = address.endpoint(port: port(of: server))
        let before = servers.status(of: server).address
        guard before != found else { return }
        if before != nil { handlers.addressInvalidated(server) }
        servers.limitingLogs { servers.apply(.addressResolved(found, by: source), to: server) }
        handlers.setCheckAddress(server, found)
    }

    private func addressLost(_ server: ServerReference, _ loss: AddressLoss) {
        handlers.addressInvalidated(server)
        servers.limitingLogs { servers.apply(.addressLost(reason: loss.description), to: server) }
        handlers.setCheckAddress(server, nil)
    }
}
