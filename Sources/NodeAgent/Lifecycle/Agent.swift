import Glibc
import LinuxIO
import Proxy
import Synchronization
import Wire

/// The running agent: the control thread's one owner of everything.
///
/// Events come in from checks, resolvers, operators and signals; `ServerRegistry` decides what they mean, and `perform` carries its effects out.
final class Agent {
    /// An open stats socket.
    struct StatsSocket {
        /// Bound and listening.
        var file: OpenFile
        /// What a connection may do.
        var level: StatsSocketSettings.Level
    }

    /// What start-up has opened and found out.
    struct Resources {
        /// Valid.
        var configuration: AgentConfiguration
        /// By worker.
        var listeners: [[WorkerListener]]
        /// Open stats sockets.
        var statsSockets: [StatsSocket]
        /// Open probe sockets.
        var probePorts: [ProbePort]
        /// Each server's address at the start, by backend; `nil` for one that waits for its resolver.
        var addresses: [[SocketAddress?]]
        /// Where lines go.
        var logPlan: LogPlan
        /// The descriptor limit, and how many sessions and pipes it allows.
        var limits: Limits.Plan
        /// The node's name.
        var node: String
        /// What the `gossip` section needs; `nil` without one.
        var gossip: GossipRunner.Resources?
        /// Whether lines about servers also go to stderr.
        var tellsTerminal = false
    }

    private static let drainLook = Duration.milliseconds(50)

    let configuration: AgentConfiguration
    let state: ForwardingState
    let descriptorsMax: Int
    let node: String
    let startedAt: Instant
    let startedWall = WallTime.now()
    let listenerCount: Int
    let reactor: Reactor
    let log: AgentLog
    private(set) var registry: ServerRegistry
    private(set) var isStopping = false
    var gossip: GossipRunner?
    private var gossipResources: GossipRunner.Resources?
    var resolvers: [ResolverRunner] = []
    var resolverOf: [ServerReference: Int] = [:]
    var rates: RateSamples

    let statsSockets: [StatsSocket]
    private let forwarder: Forwarder
    private let fitness: ProbeFitness
    private var probe: ProbeResponder?
    private(set) var checks: CheckRunner?
    private var handshakes: HandshakeFinisher?
    private var runtime: RuntimeServer?
    private var signals: Signals?

    /// Blocks the signals, then starts the workers and the probe: sessions are forwarded from here on.
    init(_ resources: consuming Resources, reactor: Reactor) throws(SystemError) {
        let configuration = resources.configuration
        self.configuration = configuration
        self.reactor = reactor
        statsSockets = resources.statsSockets
        descriptorsMax = resources.limits.descriptors
        node = resources.node
        gossipResources = resources.gossip
        startedAt = reactor.now
        listenerCount = (resources.listeners.first?.count ?? 0) + resources.statsSockets.count
        let registry = ServerRegistry(backends: configuration.backends, now: reactor.now) { resources.addresses[$0.backend][$0.server] }
        self.registry = registry
        state = try ForwardingState(
            frontends: configuration.frontends, backends: configuration.backends, routes: Agent.routes(registry), sessionsMax: resources.limits.sessionsMax,
            workers: resources.listeners.count, destinations: resources.logPlan.destinations, frontendLogs: resources.logPlan.frontends,
            pipesPerWorker: resources.limits.pipesMax / max(1, resources.listeners.count))
        rates = RateSamples(frontends: configuration.frontends.count, backends: configuration.backends.count, servers: state.serverCells.count)
        log = try AgentLog(resources.logPlan, process: state.process, tellsTerminal: resources.tellsTerminal)
        fitness = try ProbeFitness(backendNames: configuration.backends.map(\.name))
        // Blocked before the first thread starts, so that none of them gets one; who takes them is said in `serve`, when `self` is complete.
        signals = try Signals(reactor: reactor) { _ in }
        forwarder = try Forwarder(state: state, listeners: resources.listeners)
        if !resources.probePorts.isEmpty {
            probe = try ProbeResponder(ports: resources.probePorts, fitness: fitness) { Terminal.tell(.alert, $0, patience: .none) }
        }
    }

    /// Starts everything that the control thread itself runs; the reactor's loop then serves it.
    func serve() throws(SystemError) {
        signals = nil
        signals = try Signals(reactor: reactor) { [unowned self] in receive($0) }
        for backend in configuration.backends.indices { tellProbe(backend) }
        let addresses = { [registry] (server: ServerReference) in registry.status(of: server).address }
        let checks = CheckRunner(reactor: reactor, backends: configuration.backends, initialAddress: addresses) { [unowned self] server, result in
            checkFinished(server, result)
        }
        self.checks = checks
        startResolvers()
        if let resources = gossipResources.take() { try startGossip(resources) }
        pauseChecks(checks)
        checks.start()
        let runtime = RuntimeServer(
            reactor: reactor, target: self, connectionsMax: configuration.global.statsConnectionsMax, timeout: configuration.global.statsTimeout)
        for socket in statsSockets { try runtime.serve(socket.file, level: socket.level) }
        self.runtime = runtime
        let handshakes = HandshakeFinisher(reactor: reactor, state: state)
        self.handshakes = handshakes
        try reactor.watch(state.controlWakeUp.raw, for: .read) { [unowned self] _ in
            takeFailedConnects()
            handshakes.takeAll()
        }
        tick()
    }

    /// Servers that start in maintenance are not checked before they leave it.
    private func pauseChecks(_ checks: CheckRunner) {
        for backend in configuration.backends.indices {
            for place in configuration.backends[backend].servers.indices {
                let server = ServerReference(backend: backend, server: place)
                if !registry.status(of: server).isChecked { checks.pause(server) }
            }
        }
    }

    /// Ends everything; sessions that are left are closed.
    func stop() {
        fitness.setStopping()
        gossip?.stop()
        runtime?.close()
        checks?.stop()
        handshakes?.stop()
        for resolver in resolvers { resolver.stop() }
        forwarder.stop()
        probe.take()?.end()
    }

    // MARK: Events

    func change(_ event: ServerRegistry.Event, of server: ServerReference) {
        let state = state
        let load = { (server: ServerReference) in
            ServerLoad(
                sessions: state.serverCells[state.flatIndex(server)].pointee.sessions.value,
                queued: state.backendCells[server.backend].pointee.waiting.value)
        }
        for effect in registry.apply(event, to: server, now: reactor.now, load: load) { perform(effect) }
    }

    private func perform(_ effect: ServerRegistry.Effect) {
        switch effect {
        case .log(let level, let text, let backend): log.write(level, text, backend: backend)
        case .routingChanged(let backend):
            forwarder.publish(Agent.routes(registry))
            tellProbe(backend)
        case .shutdownSessions(let server): forwarder.shutdownSessions(of: server)
        case .pauseChecks(let server): checks?.pause(server)
        case .resumeChecks(let server): checks?.resume(server)
        }
    }

    private func checkFinished(_ server: ServerReference, _ result: CheckResult) -> CheckPace {
        take(result, of: server)
        if let resolver = resolver(of: server) {
            resolver.checksChanged(server, isPassing: result.status.isPass)
            if !result.status.isPass { resolver.askSoon(server) }
        }
        return registry.checkPace(of: server)
    }

    /// Workers have failed to connect: those servers are checked, and their names asked for, at once.
    private func takeFailedConnects() {
        state.controlWakeUp.clear()
        for backend in configuration.backends.indices {
            for place in configuration.backends[backend].servers.indices {
                let server = ServerReference(backend: backend, server: place)
                let failure = state.serverCells[state.flatIndex(server)].pointee.connectFailed.exchange(.none, ordering: .relaxed)
                guard failure != .none else { continue }
                take(failure, of: server)
                checks?.checkSoon(server)
                resolver(of: server)?.askSoon(server)
            }
        }
    }

    private func receive(_ request: SignalRequest) {
        switch request {
        case .stop: reactor.stop()
        case .softStop: softStop()
        case .report:
            for backend in configuration.backends.indices { report(backend) }
        case .reload: log.write(.warning, "SIGUSR2 changes nothing: the configuration is read at start only; restart the agent to have it read again.")
        }
    }

    /// SIGHUP: one line for every backend.
    private func report(_ backend: Int) {
        let status = registry.status(ofBackend: backend)
        let name = configuration.backends[backend].name
        let servers = "\(status.activeServers) active and \(status.backupServers) backup servers available"
        log.write(.notice, "Proxy \(name) is \(status.text): \(servers).", backend: backend)
    }

    // MARK: Stopping

    /// No new sessions; the process ends with the last one.
    private func softStop() {
        guard !isStopping else { return }
        isStopping = true
        fitness.setStopping()
        forwarder.stopListening()
        for proxy in snapshot().stoppingOrder {
            let counts = "FE: \(proxy.frontend?.sessions.total ?? 0), BE: \(proxy.backend?.sessions.total ?? 0)"
            let text = "Proxy \(proxy.name) stopped (cumulated conns: \(counts))."
            if let frontend = configuration.frontends.firstIndex(where: { $0.identifier == proxy.identifier }) {
                log.write(.warning, text, frontend: frontend)
            } else if let backend = configuration.backends.firstIndex(where: { $0.identifier == proxy.identifier }) {
                log.write(.warning, text, backend: backend)
            }
        }
        endWhenEmpty()
    }

    private func endWhenEmpty() {
        let isEmpty = state.process[0].pointee.sessions.value == 0 && handshakes?.isIdle != false
        guard !isEmpty || !forwarder.hasStoppedListening else { return reactor.stop() }
        reactor.setTimer(at: reactor.now.advanced(by: Agent.drainLook)) { [unowned self] in endWhenEmpty() }
    }

    // MARK: What others are told

    /// What the workers are to know.
    private static func routes(_ registry: ServerRegistry) -> [[ServerRoute]] {
        registry.backends.enumerated().map { index, backend in
            backend.servers.indices.map { place in
                let status = registry.status(of: ServerReference(backend: index, server: place))
                return ServerRoute(address: status.address, isUsable: status.isUsable, weight: status.weight)
            }
        }
    }

    private func tellProbe(_ backend: Int) {
        let status = registry.status(ofBackend: backend)
        fitness.setUsable(status.activeServers + status.backupServers, backend: backend)
    }

    private func tick() {
        sampleRates()
        reactor.setTimer(at: reactor.now.advanced(by: .seconds(1))) { [unowned self] in tick() }
    }
}
