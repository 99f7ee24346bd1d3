import Glibc
import LinuxIO
import Proxy
import Wire

/// Keeps the addresses of servers with names current, and remembers them for a start without nameservers.
final class ResolverControl {
    /// What the owner does when a server's address changes. All are called on the reactor's thread.
    struct Handlers {
        /// The server is to be checked at this address; `nil` for not at all.
        var setCheckAddress: (ServerReference, SocketAddress?) -> Void = { _, _ in }
        /// Tries an address as the server's checks would, while the present one still serves.
        var tryAddress: (ServerReference, SocketAddress, _ answer: @escaping (Bool) -> Void) -> Void = { $2(true) }
        /// The server has another address, or none: what was seen was another host's.
        var addressGone: (ServerReference) -> Void = { _ in }
    }

    private let configuration: AgentConfiguration
    private let remembered: AddressMemory
    private let servers: ServerControl
    private let reactor: Reactor
    private let log: any EventLog
    /// To be set before the first event.
    var handlers = Handlers()
    private var runners: [ResolverRunner] = []
    private var runnerOf: [ServerReference: ResolverRunner] = [:]
    /// Writes down what resolvers find; `nil` without a `state-dir`, and once another process speaks for this node.
    private var keeper: AddressKeeper?

    /// Resolves nothing yet.
    ///
    /// - Parameters:
    ///   - remembered: what names had not too long ago.
    ///   - keeper: where what is found is written; `nil` for nowhere.
    init(
        _ configuration: AgentConfiguration, remembered: AddressMemory, keeper: AddressKeeper.Resources?, servers: ServerControl, reactor: Reactor,
        log: any EventLog
    ) {
        (self.configuration, self.remembered, self.servers) = (configuration, remembered, servers)
        (self.reactor, self.log) = (reactor, log)
        self.keeper = keeper.map { AddressKeeper($0) { log.write($0, $1) } }
    }

    // MARK: Runners

    /// Adds a runner for every `resolvers` section that has servers; it is started later.
    func addSections() {
        for settings in configuration.resolvers {
            let servers = resolvedServers { $1.resolvers == settings.name }
            guard !servers.isEmpty else { continue }
            add(settings, servers) { [log] sentence, isAlarm in
                let subject = LogSubject(resolver: settings.name, sentence)
                log.write(isAlarm ? .warning : .notice, "Resolvers \(settings.name): \(sentence).", about: subject)
            }
        }
    }

    /// Adds a runner that keeps the addresses of `servers` current; it is started later.
    ///
    /// - Parameter tell: takes its sentences, and whether they are bad news.
    @discardableResult
    func add(_ settings: ResolverSettings, _ servers: [ResolvedServer], _ tell: @escaping (String, Bool) -> Void) -> ResolverRunner {
        var handlers = ResolverRunner.Handlers(
            address: { [unowned self] in addressFound($0, $1, source: $2) }, lost: { [unowned self] in addressLost($0, $1) },
            check: { [unowned self] in self.handlers.tryAddress($0, $1.endpoint(port: port(of: $0)), $2) }, log: tell)
        handlers.priority = { [servers = self.servers] in servers.apply(.setPriority($1), to: $0) }
        handlers.weight = { [unowned self] server, weight in
            let weight = weight ?? configuration.backends[server.backend].servers[server.server].weight
            self.servers.heedOthers { self.servers.apply(.setWeight(weight, by: "its service record"), to: server) }
        }
        let runner = ResolverRunner(
            settings: settings, servers: servers, remembered: remembered(servers), reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
        for server in servers { runnerOf[server.reference] = runner }
        runners.append(runner)
        return runner
    }

    /// Starts every runner, and remembers what they find.
    func start() {
        for runner in runners { runner.start() }
        keepAddresses()
    }

    /// Starts another runner, which resolves other names than servers'.
    func start(_ runner: ResolverRunner) {
        runners.append(runner)
        runner.start()
    }

    /// Asks nothing more, and remembers nothing more.
    func stop() {
        for runner in runners { runner.stop() }
        (runners, runnerOf, keeper) = ([], [:], nil)
    }

    /// Another process remembers addresses from here on.
    func stopKeeping() { keeper = nil }

    /// The servers whose backend and line are wanted, with the addresses that they have.
    func resolvedServers(where isWanted: (Backend, Server) -> Bool) -> [ResolvedServer] {
        configuration.backends.enumerated().flatMap { index, backend in
            backend.servers.enumerated().compactMap { place, server in
                guard isWanted(backend, server) else { return nil }
                let reference = ServerReference(backend: index, server: place)
                return ResolvedServer(reference: reference, server: server, status: servers.status(of: reference))
            }
        }
    }

    /// How many resolutions have failed.
    var failuresCount: Int {
        runners.flatMap(\.counters).reduce(0) { total, counters in
            let refusals = counters.noSuchName + counters.refused
            return total + counters.timeouts + counters.other + refusals
        }
    }

    /// What names had before the start, those of them that have not been answered for since too long.
    private func remembered(_ servers: [ResolvedServer]) -> [DNSName: [KnownName.Entry]] {
        var entries: [DNSName: [KnownName.Entry]] = [:]
        for name in servers.map(\.hostName) { entries[name] = remembered.entries(of: name, now: WallTime.now().seconds) }
        return entries.filter { !$0.value.isEmpty }
    }

    private func keepAddresses() {
        guard let keeper else { return }
        keeper.look(runners.flatMap(\.knownNames), now: reactor.now, wall: WallTime.now().seconds)
        reactor.setTimer(at: reactor.now.advanced(by: AddressKeeper.lookInterval)) { [unowned self] in keepAddresses() }
    }

    // MARK: Events of servers

    /// A check of this server has ended.
    func checkFinished(_ server: ServerReference, isPassing: Bool) {
        guard let runner = runnerOf[server] else { return }
        runner.checksChanged(server, isPassing: isPassing)
        if !isPassing { runner.askSoon(server) }
    }

    /// Sessions have left this server: its name may lead elsewhere by now.
    func askSoon(_ server: ServerReference) { runnerOf[server]?.askSoon(server) }

    /// An operator has taken this server out, or no longer.
    func reserve(_ server: ServerReference, _ isReserved: Bool) { runnerOf[server]?.reserve(server, isReserved) }

    // MARK: Events of resolvers

    private func port(of server: ServerReference) -> UInt16 {
        if case .name(_, let port) = configuration.backends[server.backend].servers[server.server].endpoint { port } else { 0 }
    }

    private func addressFound(_ server: ServerReference, _ address: ResolvedAddress, source: String) {
        let found = address.endpoint(port: port(of: server))
        let before = servers.status(of: server).address
        guard before != found else { return }
        if before != nil { handlers.addressGone(server) }
        servers.heedOthers { servers.apply(.addressResolved(found, by: source), to: server) }
        handlers.setCheckAddress(server, found)
    }

    private func addressLost(_ server: ServerReference, _ loss: AddressLoss) {
        handlers.addressGone(server)
        servers.heedOthers { servers.apply(.addressLost(reason: loss.description), to: server) }
        handlers.setCheckAddress(server, nil)
    }
}
