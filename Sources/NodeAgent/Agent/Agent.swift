import Glibc
import Gossip
import LinuxIO
import Proxy
import Synchronization
import Wire

/// The running agent: the control thread's one owner of everything.
///
/// Events come in from checks, resolvers, operators and signals; `ServerRegistry` decides what they mean, and `perform` carries its effects out.
final class Agent {
    /// What start-up has opened and found out.
    struct Resources: ~Copyable {
        /// Valid.
        var configuration: AgentConfiguration
        /// By thread.
        var listeners: [[ThreadListener]]
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
        /// Names that were looked up.
        var names: [NameQuestion: IPAddress] = [:]
        /// What an earlier process answered to load balancers.
        var probes: [String: ProbeMemory] = [:]
        /// What an earlier process knew of the servers.
        var servers: [ServerName: ServerMemory] = [:]
        /// What names had not too long ago, for those that nameservers do not answer for.
        var rememberedAddresses = AddressMemory()
        /// Where that is written; `nil` without a `state-dir`.
        var addressKeeper: AddressKeeper.Resources?
        /// How each backend's databases are asked; `nil` without a `database` section.
        var databases: [DatabaseAccess?] = []
        /// Whom an earlier process sent writes to, by proxy.
        var writers: [String: WriterMemory] = [:]
        /// The files that the configuration was read from.
        var configurationFiles: [(name: String, bytes: [UInt8])] = []
        /// Whether lines about servers also go to stderr.
        var tellsTerminal = false

        /// Every bound socket.
        var boundSockets: [OpenFile] {
            var files: [OpenFile] = []
            var known: Set<ObjectIdentifier> = []
            for file in listeners.joined().map(\.file) where known.insert(ObjectIdentifier(file)).inserted { files.append(file) }
            files += probePorts.flatMap(\.listeners) + statsSockets.map(\.file)
            if let socket = gossip?.socket { files.append(socket.file) }
            return files
        }
    }

    private static let acceptLook = Duration.milliseconds(2)
    /// How long a process that has been taken over from waits for questions that it has accepted already.
    private static let lingerMax = Duration.seconds(1)
    private static let acceptPatience = Duration.milliseconds(300)

    let configuration: AgentConfiguration
    let outlines: [ProxyOutline]
    let state: ForwardingState
    let limits: Limits.Plan
    let node: String
    let startedAt: Instant
    let startedWall = WallTime.now()
    let listenerCount: Int
    let reactor: Reactor
    let log: AgentLog
    let servers: ServerControl
    var registry: ServerRegistry { servers.registry }
    private(set) var isStopping = false
    var draining = DrainState()
    var gossip: GossipRunner?
    var gossipResources: GossipRunner.Resources?
    /// What the gossip remembers, before it starts and after it has been handed over.
    var gossipMemory: GossipMemory?
    /// Every bound socket, for processes that take over; none once this one stops.
    private(set) var exposedSockets: [OpenFile]
    let configurationFiles: [(name: String, bytes: [UInt8])]
    let names: [NameQuestion: IPAddress]
    var databases: DatabaseWatches
    var successions: [Succession] = []
    /// What the process before this one knew, until it is silent.
    var inherited: AgentState?
    var resolvers: [ResolverRunner] = []
    var resolverOf: [ServerReference: ResolverRunner] = [:]
    let rememberedAddresses: AddressMemory
    /// Writes down what resolvers find; `nil` without a `state-dir`, and once another process speaks for this node.
    var addressKeeper: AddressKeeper?
    var rates: RateSamples
    /// By backend: `fullconn`, which `show stat` shows as its limit.
    let fullConnections: [Int]
    /// Built when a command first names a server.
    private(set) lazy var serverNames = ServerNames(configuration.backends)
    var evidence: EvidenceBook

    private var lingersUntil: Instant?
    let statsSocketCount: Int
    private var statsSockets: [StatsSocket]
    let forwarder: Forwarder
    private let fitness: ProbeFitness
    private var probe: ProbeResponder?
    private var probePorts: [ProbePort]
    private let probeMemories: [String: ProbeMemory]
    private var watchdog: Watchdog?
    private(set) var probing: ProbeControl?
    private(set) var checks: CheckRunner?
    private(set) var handshakes: HandshakeFinisher?
    private var runtime: RuntimeServer?
    private var signals: Signals?

    /// Blocks the signals, then starts the forwarding threads and the probe: sessions are forwarded from here on.
    init(_ resources: consuming Resources, reactor: Reactor) throws(SystemError) {
        let configuration = resources.configuration
        self.configuration = configuration
        outlines = [ProxyOutline](configuration)
        self.reactor = reactor
        (statsSockets, statsSocketCount) = (resources.statsSockets, resources.statsSockets.count)
        limits = resources.limits
        node = resources.node
        gossipResources = resources.gossip
        gossipMemory = resources.gossip?.memory
        exposedSockets = resources.boundSockets
        (configurationFiles, names) = (resources.configurationFiles, resources.names)
        rememberedAddresses = resources.rememberedAddresses
        startedAt = reactor.now
        listenerCount = (resources.listeners.first?.count ?? 0) + resources.statsSockets.count
        let registry = ServerRegistry(backends: configuration.backends, now: reactor.now) {
            resources.addresses[$0.backend][$0.server]
        } memory: {
            let backend = configuration.backends[$0.backend]
            return resources.servers[ServerName(backend: backend.name, server: backend.servers[$0.server].name)]
        }
        databases = DatabaseWatches(
            configuration.backends, accesses: resources.databases, numbers: resources.gossip?.plan.identifiers ?? [:], servers: resources.servers,
            writers: resources.writers, now: reactor.now)
        state = try ForwardingState(
            frontends: configuration.frontends, backends: configuration.backends, routes: registry.routes, sessionsMax: resources.limits.sessionsMax,
            threads: resources.listeners.count, destinations: resources.logPlan.destinations, frontendLogs: resources.logPlan.frontends,
            pipesPerThread: resources.limits.pipesMax / max(1, resources.listeners.count), handshakesPerServer: resources.limits.handshakesPerServer)
        servers = ServerControl(registry, now: { reactor.now }) { [state] server in
            ServerLoad(
                sessions: state.serverCells[state.flatIndex(server)].pointee.sessions.value,
                queued: state.backendCells[server.backend].pointee.waiting.value)
        }
        evidence = EvidenceBook(configuration.backends)
        fullConnections = configuration.fullConnections(sessionsMax: resources.limits.sessionsMax)
        rates = RateSamples(frontends: configuration.frontends.count, backends: configuration.backends.count, servers: state.serverCells.count)
        log = try AgentLog(resources.logPlan, process: state.process, tellsTerminal: resources.tellsTerminal, reactor: reactor)
        fitness = try Agent.fitness(configuration, now: reactor.now)
        // Blocked before the first thread starts, so that none of them gets one; who takes them is said in `serve`, when `self` is complete.
        signals = try Signals(reactor: reactor) { _ in }
        forwarder = try Forwarder(state: state, listeners: resources.listeners)
        (probePorts, probeMemories) = (resources.probePorts, resources.probes)
        addressKeeper = resources.addressKeeper.map { [log] in AddressKeeper($0) { log.write($0, $1) } }
        servers.carryOut = { [unowned self] in carryOut($0) }
    }

    /// Starts everything that the control thread itself runs; the reactor's loop then serves it.
    func serve() throws(SystemError) {
        signals = nil
        signals = try Signals(reactor: reactor) { [unowned self] in receive($0) }
        try startProbe()
        watchdog = try Watchdog(forwarder) { [fitness] in
            fitness.setStuck(threads: $0)
        } giveUp: { thread, place in
            Terminal.tell(.alert, "worker thread \(thread + 1) has not come round for 10s (\(place)): this process ends", patience: .none)
            abort()
        }
        let addresses = { [registry] (server: ServerReference) in registry.status(of: server).address }
        let handshakes = HandshakeFinisher(reactor: reactor, state: state) { [unowned self] in handshakeFailed($0) }
        let checks = CheckRunner(
            reactor: reactor, backends: configuration.backends, plan: { [unowned self] in checkPlan(of: $0, $1) }, initialAddress: addresses,
            abandoned: { handshakes.finish($1, of: $0) }, finished: { [unowned self] in checkFinished($0, $1) })
        (self.checks, self.handshakes) = (checks, handshakes)
        startResolvers()
        pauseChecks(checks)
        checks.start()
        checkRequiredServers(checks)
        let runtime = RuntimeServer(
            reactor: reactor, interpreter: RuntimeInterpreter(target: self), connectionsMax: configuration.global.statsConnectionsMax,
            timeout: configuration.global.statsTimeout
        ) { [unowned self] in handOver(to: $0, $1) }
        for socket in statsSockets { try runtime.serve(socket.file, rights: socket.rights) }
        statsSockets = []
        self.runtime = runtime
        try reactor.watch(state.controlWakeUp.raw, for: .read) { [unowned self] _ in
            state.controlWakeUp.clear()
            tellSlowThreads()
            takeLeaveReasons()
            handshakes.takeAll()
            sampleRatesSoon()
        }
        tick()
    }

    /// The answers are there before the ports: a port that is shared with the process before must not close for a moment.
    private func startProbe() throws(SystemError) {
        probing = probeControl(fitness, memories: probeMemories)
        probing?.look()
        guard !probePorts.isEmpty else { return }
        var probeLimits = ProbeLimits()
        probeLimits.connectionsMax = limits.probeConnectionsMax
        probe = try ProbeResponder(ports: probePorts, fitness: fitness, limits: probeLimits) { Terminal.tell(.alert, $0, patience: .none) }
        probePorts = []
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

    /// Nobody else speaks for this node: its gossip starts, if it has not.
    func speakAlone() {
        guard draining.underWay == nil, var resources = gossipResources.take() else { return }
        if let gossipMemory { resources.memory = gossipMemory }
        do throws(SystemError) { try startGossip(resources) } catch { log.write(.error, gossip: resources.plan.section.name, "cannot start: \(error)") }
    }

    /// Serves one more connection of the runtime socket, with every right.
    func serveRuntime(_ file: OpenFile) {
        var rights = RuntimeRights()
        rights.level = .admin
        runtime?.serve(connection: file, rights: rights)
    }

    /// Ends everything; sessions that are left are closed.
    func stop() {
        log.write(.notice, endText)
        fitness.setStopping()
        gossip?.stop()
        runtime?.close()
        checks?.stop()
        handshakes?.stop()
        for resolver in resolvers { resolver.stop() }
        forwarder.stop()
        watchdog?.end()
        probe.take()?.end()
    }

    // MARK: Events

    private func carryOut(_ output: ServerControl.Output) {
        switch output {
        case .effect(let effect, let subject): perform(effect, about: subject)
        case .changed(let server, let before, let after):
            if after.flags.isOperators != before.flags.isOperators { resolver(of: server)?.reserve(server, after.flags.isOperators) }
            if after.hasVerdict != before.hasVerdict { probing?.lookSoon() }
        case .news(let news): gossip?.feed(news)
        case .settled: probing?.lookSoon()
        }
    }

    private func perform(_ effect: ServerRegistry.Effect, about subject: String) {
        switch effect {
        case .log(let level, let text, let backend):
            guard servers.isHeedingOthers else { return log.write(level, text, backend: backend) }
            log.write(level, text, about: LogSubject(kind: "server", about: subject), backend: backend)
        case .routeChanged(let server):
            // First, so that a server that stays in as a substitute is routed before the last fit one is taken out.
            decideDatabases(server.backend)
            state.setRoute(registry.route(of: server), of: server)
            if !databases.deciding.contains(server.backend) { servers.settle(server.backend) }
        case .shutdownSessions(let server, let reason): forwarder.shutdownSessions(of: server, because: reason)
        case .pauseChecks(let server): checks?.pause(server)
        case .resumeChecks(let server): checks?.resume(server)
        case .checkWithin(let server, let limit): checks?.check(server, within: limit)
        case .forgetFailedConnects(let server): state.serverCells[state.flatIndex(server)].pointee.failuresInRow.store(0, ordering: .relaxed)
        }
    }

    private func checkFinished(_ server: ServerReference, _ result: CheckResult) -> CheckPace {
        servers.checkFinished(result, of: server, lag: lag(of: server))
        checkTold(server, result)
        if let resolver = resolver(of: server) {
            resolver.checksChanged(server, isPassing: result.status.isPass)
            if !result.status.isPass { resolver.askSoon(server) }
        }
        return registry.checkPace(of: server)
    }

    private func tellSlowThreads() {
        var slow = state.process[0].pointee.slowThreads.exchange(0, ordering: .relaxed)
        while slow != 0 {
            let thread = slow.trailingZeroBitCount
            slow &= slow - 1
            log.write(.alert, "worker thread \(thread + 1) has not come round for 1s (\(state.place(ofThread: thread))): its sessions wait.")
        }
    }

    private func receive(_ request: SignalRequest) {
        switch request {
        case .stop: reactor.stop()
        case .terminate:
            if configuration.global.drainsOnTerm, !draining.isWanted { softStop() } else { reactor.stop() }
        case .softStop: softStop()
        case .report:
            for backend in configuration.backends.indices { report(backend) }
        case .reload:
            log.write(.warning, "SIGUSR2 is for a master: start with '-W' to have the configuration read again, or start another process with '-x' and '-sf'.")
        case .childEnded: break
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

    /// A successor serves on the same sockets: everything but the sessions is its affair now. The probe's ports and the gossip's stay as they are.
    ///
    /// - Parameter accepted: called once nothing more is accepted.
    func supersede(accepted: @escaping () -> Void) {
        guard draining.underWay == nil else { return accepted() }
        probing = nil
        probe?.handOver()
        lingersUntil = reactor.now.advanced(by: Agent.lingerMax)
        checks?.stop()
        for resolver in resolvers { resolver.stop() }
        (resolvers, resolverOf, addressKeeper) = ([], [:], nil)
        if let gossip {
            let memory = gossip.handOver()
            gossipMemory = memory
        }
        gossip = nil
        servers.gossipEnded()
        runtime?.stopListening()
        beginToEnd(announcing: .zero)
        awaitLastAccept(until: reactor.now.advanced(by: Agent.acceptPatience), accepted)
    }

    /// Another process serves on the same sockets.
    var isSuperseded: Bool { lingersUntil != nil }

    /// Closes every address immediately, for a replacement process that has not inherited the addresses. Announces no drain and hands nothing
    /// over. Sessions, their checks and the UNIX runtime sockets go on until the last session ends; another process may take the sockets' paths.
    func abandon() {
        draining.isWanted = true
        (probing, addressKeeper, gossipResources) = (nil, nil, nil)
        probe.take()?.end()
        gossip?.stop()
        gossip = nil
        servers.gossipEnded()
        runtime?.abandon()
        if !isStopping { beginToEnd(announcing: .zero) }
        forwarder.closeListeners()
    }

    /// False while somebody who has asked this process, and no other, waits for its answer.
    var isAnswered: Bool {
        guard let lingersUntil, reactor.now < lingersUntil else { return true }
        return fitness.connectionsOpen == 0 && runtime?.connectionsCurrent == 0
    }

    /// At a full `maxconn` what waits is accepted when a session ends: a successor does not wait for that.
    private func awaitLastAccept(until deadline: Instant, _ accepted: @escaping () -> Void) {
        guard !forwarder.hasStoppedListening, reactor.now < deadline else { return accepted() }
        reactor.setTimer(at: reactor.now.advanced(by: Agent.acceptLook)) { [unowned self] in awaitLastAccept(until: deadline, accepted) }
    }

    /// No new sessions from here on.
    func stopListening() {
        isStopping = true
        exposedSockets = []
        forwarder.stopListening()
        for proxy in outlines.stoppingOrder {
            let frontendTotal = proxy.frontend.map { frontendStatistics($0).sessions.total } ?? 0
            let backendTotal = proxy.backend.map { backendStatistics($0).sessions.total } ?? 0
            let text = "Proxy \(proxy.name) stopped (cumulated conns: FE: \(frontendTotal), BE: \(backendTotal))."
            if let frontend = proxy.frontend {
                log.write(.warning, text, frontend: frontend)
            } else if let backend = proxy.backend {
                log.write(.warning, text, backend: backend)
            }
        }
    }

    // MARK: What others are told

    private func tick() {
        state.lookAtBudgets(now: reactor.now)
        tellWhoWasLeft()
        servers.timePassed()
        for succession in successions { succession.comeRound() }
        probing?.comeRound()
        log.writeKept()
        decideDatabases()
        sampleRates()
        reactor.setTimer(at: reactor.now.advanced(by: .seconds(1))) { [unowned self] in tick() }
    }
}
