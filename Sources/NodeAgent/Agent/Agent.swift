import Glibc
import LinuxIO
import Proxy
import Synchronization
import Wire

/// The running agent. It lives on the control thread and owns all parts.
///
/// It creates the parts and connects them. Events come from checks, sessions, resolvers, databases, peers, operators and signals. `ServerControl` decides what
/// an event means for servers, and `carryOut` performs the decision.
final class Agent {
    let configuration: AgentConfiguration
    let reactor: Reactor
    let log: AgentLog
    /// The state that the forwarding threads share.
    let state: ForwardingState
    let forwarder: Forwarder
    let lifecycle: LifecycleLog
    let node: String
    /// Addresses of the names that start-up resolved.
    let names: [NameQuestion: IPAddress]

    let servers: ServerControl
    let gossip: GossipControl
    let resolvers: ResolverControl
    let databases: DatabaseControl
    let evidence: EvidenceControl
    let probe: ProbeService
    let rates: RateSampler
    let statistics: StatisticsReader
    private(set) lazy var drain = DrainControl(configuration.global, reactor: reactor, log: log, process: self)
    private(set) lazy var successions = SuccessionControl(self, reactor: reactor, log: log)
    private lazy var commands = AgentCommands(
        statistics: statistics, servers: servers, gossip: gossip, databases: databases, evidence: evidence, probe: probe, drain: drain, reactor: reactor)
    /// The state that this process passes to its predecessor and its successor.
    private(set) lazy var report = StateReport(state, statistics, servers: servers) { [reactor] in reactor.now }

    /// Every bound socket, for successors to inherit; empty once this process stops.
    var exposedSockets: [OpenFile]
    /// Whether every frontend has stopped accepting.
    var isStopping: Bool { drain.hasClosedListeners }
    /// The time until which a superseded process waits for requests that it has already accepted; `nil` before it is superseded.
    var lingersUntil: Instant?

    /// The helper process of external checks; `nil` without one.
    let externalPrograms: ExternalPrograms?
    private(set) var checks: CheckRunner?
    /// The questions to the servers' agents.
    private var serverAgents: CheckRunner?
    private(set) var handshakes: HandshakeFinisher?
    private(set) var runtime: RuntimeServer?
    private var statsSockets: [StatsSocket]
    private let probeConnectionsMax: Int
    private var watchdog: Watchdog?
    private var signals: Signals?

    /// Blocks the signals, then starts the forwarding threads, which forward sessions immediately.
    init(_ resources: consuming Resources, reactor: Reactor) throws(SystemError) {
        let configuration = resources.configuration
        self.configuration = configuration
        self.reactor = reactor
        (node, names, externalPrograms) = (resources.node, resources.names, resources.externalPrograms)
        exposedSockets = resources.boundSockets
        (statsSockets, probeConnectionsMax) = (resources.statsSockets, resources.limits.probeConnectionsMax)
        let registry = ServerRegistry(backends: configuration.backends, now: reactor.now) {
            resources.addresses[$0.backend][$0.server]
        } memory: {
            let backend = configuration.backends[$0.backend]
            return resources.servers[ServerName(backend: backend.name, server: backend.servers[$0.server].name)]
        }
        var random = SystemRandomNumberGenerator()
        state = try ForwardingState(
            frontends: configuration.frontends, backends: configuration.backends, routes: registry.routes, sessionsMax: resources.limits.sessionsMax,
            threads: resources.listeners.count, destinations: resources.logPlan.destinations, frontendLogs: resources.logPlan.frontends,
            pipesPerThread: resources.limits.pipesMax / max(1, resources.listeners.count), handshakesPerServer: resources.limits.handshakesPerServer,
            tuning: configuration.global.tuning, namespaces: resources.namespaces, seed: random.next())
        log = try AgentLog(
            resources.logPlan, process: state.process, sendBytes: configuration.global.tuning.logSendBytes, logsToTerminal: resources.logsToTerminal,
            reactor: reactor)
        servers = ServerControl(registry, now: { reactor.now }) { [state] server in
            let cell = state.serverCells[state.flatIndex(server)]
            // Sessions that wait for a server that stops move to the others.
            return ServerLoad(sessions: cell.pointee.sessions.value, requeued: cell.pointee.waiting.value)
        }
        gossip = GossipControl(resources.gossip, reactor: reactor, log: log)
        resolvers = ResolverControl(
            configuration, remembered: resources.rememberedAddresses, keeper: resources.addressKeeper, servers: servers, reactor: reactor, log: log)
        let numbers = resources.gossip?.plan.identifiers ?? [:]
        databases = DatabaseControl(
            configuration, .init(accesses: resources.databases, numbers: numbers, servers: resources.servers, writers: resources.writers),
            servers: servers, reactor: reactor, log: log)
        evidence = EvidenceControl(state, servers: servers, reactor: reactor, log: log)
        probe = try ProbeService(
            configuration.probes, backends: configuration.backends, ports: resources.probePorts, memories: resources.probes, reactor: reactor)
        rates = RateSampler(state, reactor: reactor)
        let process = StatisticsReader.Process(
            node: node, descriptorsMax: resources.limits.descriptors, startedAt: reactor.now,
            listenersCount: (resources.listeners.first?.count ?? 0) + resources.statsSockets.count, statsSocketsCount: resources.statsSockets.count)
        statistics = StatisticsReader(configuration, process, state: state, servers: servers, rates: rates, reactor: reactor)
        lifecycle = LifecycleLog(
            configuration, statistics.outlines, node: node, files: resources.configurationFiles.map(\.name), state: state, log: log)
        // Signals are blocked before the first thread starts, because threads inherit the mask. `serve` sets the handler, which needs a complete `self`.
        signals = try Signals(reactor: reactor) { _ in }
        forwarder = try Forwarder(state: state, listeners: resources.listeners)
        connect()
    }

    /// Connects the parts: each part's findings go to the parts that act on them.
    private func connect() {
        servers.carryOut = { [unowned self] in carryOut($0) }
        resolvers.handlers = ResolverControl.Handlers(
            setCheckAddress: { [unowned self] in setCheckAddress(of: $0, $1) },
            tryAddress: { [unowned self] in checks?.runTrial($0, at: $1, $2) },
            addressInvalidated: { [unowned self] in databases.addressInvalidated($0) })
        databases.handlers = DatabaseControl.Handlers(
            cluster: { [unowned self] in gossip.runner }, closeSessions: { [unowned self] in forwarder.shutdownSessions(of: $0) },
            checkNow: { [unowned self] in checks?.checkNow($0) })
        evidence.handlers = EvidenceControl.Handlers(
            checkSoon: { [unowned self] in checks?.checkSoon($0) }, checkNow: { [unowned self] in checks?.checkNow($0) },
            resolveSoon: { [unowned self] in resolvers.resolveSoon($0) })
        statistics.sources = StatisticsReader.Sources(
            isStopping: { [unowned self] in isStopping }, isChecking: { [unowned self] in checks?.isChecking($0) ?? false },
            isAskingAgent: { [unowned self] in serverAgents?.isChecking($0) ?? false },
            resolutionsFailed: { [unowned self] in resolvers.failuresCount })
    }

    /// Starts the parts that run on the control thread; the reactor's loop then drives them.
    func serve() throws(SystemError) {
        signals = nil
        signals = try Signals(reactor: reactor) { [unowned self] in receive($0) }
        try startProbe()
        watchdog = try Watchdog(forwarder, report: probe.setStuckThreads) { thread, activity in
            Terminal.report(.alert, "forwarding thread \(thread + 1) stuck for 10s (phase: \(activity)); this process aborts", timeout: .none)
            abort()
        }
        let handshakes = HandshakeFinisher(reactor: reactor, state: state) { [evidence] in evidence.handshakeFailed($0) }
        let checks = CheckRunner(
            reactor: reactor, backends: configuration.backends, spread: configuration.global.checkSpread, random: SystemRandomNumberGenerator(),
            plan: { [databases, statistics] in databases.checkPlan(of: $0, statistics.checkSubject(of: $0), $1) },
            initialAddress: { [servers] in servers.status(of: $0).address },
            openSocket: { [state] address, server throws(SystemError) in try state.openSocket(for: address, ofCheckOf: server) },
            openProgram: { [unowned self] server, address throws(SystemError) in try openProgram(server, address) },
            source: checkSource, abandoned: { handshakes.finish($1, of: $0) },
            finished: { [unowned self] in checkFinished($0, $1) })
        let serverAgents = makeServerAgents()
        (self.checks, self.serverAgents, self.handshakes) = (checks, serverAgents, handshakes)
        resolvers.addSections()
        databases.addDiscoveries(to: resolvers)
        resolvers.start()
        start(checks)
        logDeathOfExternalPrograms()
        serverAgents.start()
        try startRuntime()
        try reactor.watch(state.controlWakeUp.raw, for: .read) { [unowned self] _ in
            state.controlWakeUp.clear()
            logSlowThreads()
            evidence.collectReports()
            handshakes.takeAll()
            rates.sampleSoon()
        }
        tick()
    }

    private func startProbe() throws(SystemError) {
        let sources = ProbeControl.Sources(
            count: { [servers] backend in
                let status = servers.registry.status(ofBackend: backend)
                return ProbeCount(usable: status.activeServers + status.backupServers - status.uncheckedServers, unchecked: status.uncheckedServers)
            },
            peers: { [configuration, gossip] backend in
                gossip.peerViews(of: configuration.backends[backend].servers.indices.map { ServerReference(backend: backend, server: $0) })
            },
            log: { [log] in log.write($0, $1, about: LogSubject(kind: "probe", about: $2)) })
        try probe.start(sources, connectionsMax: probeConnectionsMax)
    }

    private func startRuntime() throws(SystemError) {
        let runtime = RuntimeServer(
            reactor: reactor, interpreter: RuntimeInterpreter(target: commands), connectionsMax: configuration.global.statsConnectionsMax,
            timeout: configuration.global.statsTimeout
        ) { [unowned self] in successions.handOver(to: $0, $1) }
        for socket in statsSockets { try runtime.serve(socket.file, rights: socket.rights, connectionsMax: socket.connectionsMax) }
        statsSockets = []
        self.runtime = runtime
    }

    /// Stops all parts and closes the remaining sessions.
    func stop() {
        lifecycle.logEnd(isSuperseded: lingersUntil != nil)
        probe.setStopping()
        gossip.stop()
        runtime?.close()
        stopChecks()
        handshakes?.stop()
        resolvers.stop()
        forwarder.stop()
        watchdog?.end()
        probe.end()
    }

    /// Stops the checks, and the questions to the servers' agents.
    func stopChecks() {
        checks?.stop()
        serverAgents?.stop()
    }

    private func setCheckAddress(of server: ServerReference, _ address: SocketAddress?) {
        checks?.setAddress(of: server, address)
        if !hasAgentElsewhere(server) { serverAgents?.setAddress(of: server, address) }
    }

    private func tick() {
        state.updateRetryBudgets(now: reactor.now)
        evidence.logRetries()
        servers.timePassed()
        successions.secondPassed()
        probe.secondPassed()
        log.writeDueLines()
        databases.decide()
        rates.sample()
        reactor.setTimer(at: reactor.now.advanced(by: .seconds(1))) { [unowned self] in tick() }
    }
}
