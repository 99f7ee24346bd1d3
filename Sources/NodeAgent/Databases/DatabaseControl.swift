import Gossip
import LinuxIO
import Proxy
import Wire

/// The part of the gossip that the databases need.
protocol WriterCluster {
    /// The peers' ballots on the writer of this backend.
    func ballots(onWriterOf backend: Int) -> [PeerBallot]
    /// Whether this node has received nothing from at least one peer yet.
    var hasUnknownPeer: Bool { get }
    /// Sends the peers this node's ballot on the writer of this backend.
    func send(_ message: WriterMessage, onWriterOf backend: Int)
}

extension GossipRunner: WriterCluster {
    func ballots(onWriterOf backend: Int) -> [PeerBallot] { core.ballots(on: plan.writerSubjects[backend], now: now) }

    var hasUnknownPeer: Bool { core.hasUnknownPeer }

    func send(_ message: WriterMessage, onWriterOf backend: Int) {
        feed(
            .ballot(
                subject: plan.writerSubjects[backend], epoch: message.ballot.epoch, choice: message.ballot.choice, isConfirmed: message.isConfirmed))
    }
}

/// The control thread's side of the `database` sections: checks feed the watches, and the watches' decisions go to the registry, the peers and the log.
final class DatabaseControl {
    /// What start-up has prepared for the `database` sections.
    struct Resources {
        /// How each backend's databases are queried; empty without sections.
        var accesses: [DatabaseAccess?] = []
        /// The servers' identifiers in the gossip.
        var numbers: [ServerReference: ServerID] = [:]
        /// The server states of the predecessor.
        var servers: [ServerName: ServerMemory] = [:]
        /// The writers of the predecessor, by proxy.
        var writers: [String: WriterMemory] = [:]
    }

    /// Requests to the owner. All are called on the reactor's thread.
    struct Handlers {
        /// The gossip; `nil` while it does not run.
        var cluster: () -> (any WriterCluster)? = { nil }
        /// Closes the sessions of a server that another one has replaced as the writer.
        var closeSessions: (ServerReference) -> Void = { _ in }
        /// Requests an immediate check of this server.
        var checkNow: (ServerReference) -> Void = { _ in }
    }

    /// How long this node waits for peers from which it has received nothing yet, before it decides without them.
    private static let peersTimeout = Duration.seconds(2)

    /// How each section's queries are sent, by backend.
    private let accesses: [DatabaseAccess?]
    private let configuration: AgentConfiguration
    private let servers: ServerControl
    private let reactor: Reactor
    private let log: any EventLog
    /// Set before the first event.
    var handlers = Handlers()
    /// By backend; `nil` without a section.
    private var watches: [DatabaseWatch?]
    /// The runners that maintain the servers listed by a section's writer, by the section's backend; empty without `discover`.
    private var discoveries: [Int: ResolverRunner] = [:]
    /// The message last sent to the peers, by backend.
    private var messages: [WriterMessage?]
    /// When the gossip started; `peersTimeout` counts from here.
    private var gossipSince: Instant?
    /// Backends whose decision is being applied. Changes that it causes belong to it and start no further decision.
    private var deciding: Set<Int> = []

    /// Watches the servers of each backend that has a section.
    init(_ configuration: AgentConfiguration, _ resources: Resources, servers: ServerControl, reactor: Reactor, log: any EventLog) {
        (self.configuration, self.servers, self.reactor, self.log) = (configuration, servers, reactor, log)
        accesses = resources.accesses
        messages = Array(repeating: nil, count: configuration.backends.count)
        let now = reactor.now
        watches = configuration.backends.enumerated().map { index, backend in
            guard let settings = backend.database, !backend.isDisabled else { return nil }
            let choices = backend.servers.indices.map { resources.numbers[ServerReference(backend: index, server: $0)]?.number ?? UInt64($0 + 1) }
            return DatabaseWatch(
                settings, names: backend.servers.map(\.name), choices: choices,
                memory: { place in
                    let memory = resources.servers[ServerName(backend: backend.name, server: backend.servers[place].name)]
                    return memory?.fitness.map { (fitness: $0, since: now.advanced(by: .zero - max(.zero, memory?.sinceCondition ?? .zero))) }
                }, writer: resources.writers[backend.name], now: now)
        }
    }

    /// Whether a change in this backend now is part of a decision. Its changes end when the decision is complete.
    func isDeciding(_ backend: Int) -> Bool { deciding.contains(backend) }

    /// Adds a resolver runner for each `discover`, to maintain the servers of the proxy that it names.
    func addDiscoveries(to resolvers: ResolverControl) {
        for (backend, watch) in watches.enumerated() {
            guard let discovery = watch?.settings.discovery else { continue }
            let name = configuration.backends[backend].name
            let servers = resolvers.resolvedServers { $0.name == discovery.proxy && $1.isDiscovered }
            discoveries[backend] = resolvers.add(ResolverSettings(discovery: name, hold: discovery.hold), servers) { [unowned self] level, sentence, _ in
                writeLog(level, sentence, backend)
            }
        }
    }

    /// The plan of a server's check; it includes queries if the server's proxy has a section with access.
    ///
    /// - Parameter subject: what scripts may ask about the server.
    func checkPlan(of server: ServerReference, _ subject: CheckSubject, _ limits: CheckLimits) -> CheckPlan {
        guard accesses.indices.contains(server.backend), let access = accesses[server.backend] else {
            return CheckPlan(configuration.backends[server.backend].check, subject, limits: limits)
        }
        return CheckPlan(access, limits: limits) { [unowned self] in apply($0, at: server) }
    }

    // MARK: Events

    /// Uses the result of a check's queries.
    func apply(_ findings: DatabaseFindings, at server: ServerReference) {
        let now = reactor.now
        watches[server.backend]?.apply(findings, of: server.server, now: now)
        decide(server.backend)
        guard let found = watches[server.backend]?.replicas(in: findings, of: server.server, now: now) else { return }
        let backend = configuration.backends[server.backend]
        if let entry = found.logEntry { writeLog(entry.level, entry.text, server.backend) }
        discoveries[server.backend]?.applyList(found.list, by: "\(backend.name)/\(backend.servers[server.server].name)")
    }

    /// Forgets what was seen of a server, because its address has changed or is lost: the next host may be another database.
    func addressInvalidated(_ server: ServerReference) { watches[server.backend]?.forget(server.server) }

    /// Starts the wait for peers that have not been heard yet, and sends all ballots again.
    func gossipStarted() {
        gossipSince = reactor.now
        messages = Array(repeating: nil, count: messages.count)
        decide()
    }

    /// Decides all sections again, after a change of the peers' ballots or as time passes.
    func decide() { for backend in watches.indices { decide(backend) } }

    /// Decides one section again, after a change of its inputs.
    func decide(_ backend: Int) {
        guard !deciding.contains(backend), watches.indices.contains(backend), watches[backend] != nil else { return }
        let statuses = configuration.backends[backend].servers.indices.map { servers.status(of: ServerReference(backend: backend, server: $0)) }
        let inputs = statuses.map { DatabaseWatch.ServerInput(isRunning: $0.isRunning, isAvailable: $0.isAvailable, address: $0.address) }
        let peers = writerPeers(backend)
        guard let outcome = watches[backend]?.decide(inputs, peers: peers, now: reactor.now) else { return }
        for entry in outcome.logEntries {
            writeLog(entry.level, entry.text, backend)
        }
        // A backend may have hundreds of servers, of which a check usually changes one.
        let changed = outcome.fitness.indices.filter { outcome.fitness[$0] != statuses[$0].fitness }
        let (leaving, coming) = (changed.filter { !outcome.fitness[$0].isFit }, changed.filter { outcome.fitness[$0].isFit })
        // A writer leaves before the next one is added, so that two never take writes. Replicas are added first, so that at least one always takes sessions.
        let isWriter = watches[backend]?.election != nil
        deciding.insert(backend)
        for place in isWriter ? leaving : coming { servers.apply(.setFitness(outcome.fitness[place]), to: .init(backend: backend, server: place)) }
        for place in outcome.closing { handlers.closeSessions(ServerReference(backend: backend, server: place)) }
        send(outcome.message, backend)
        for place in isWriter ? coming : leaving { servers.apply(.setFitness(outcome.fitness[place]), to: .init(backend: backend, server: place)) }
        deciding.remove(backend)
        if !changed.isEmpty { servers.endChanges(backend) }
        if let place = outcome.checking { handlers.checkNow(ServerReference(backend: backend, server: place)) }
    }

    /// Databases and peers can cause these lines, so they are limited per level and proxy.
    private func writeLog(_ level: LogLevel, _ sentence: String, _ backend: Int) {
        let name = configuration.backends[backend].name
        log.write(level, "Database \(name): \(sentence).", about: LogSubject(kind: "database \(level.keyword)", about: name), backend: backend)
    }

    private func send(_ message: WriterMessage?, _ backend: Int) {
        guard let cluster = handlers.cluster(), let message, message != messages[backend] else { return }
        messages[backend] = message
        cluster.send(message, onWriterOf: backend)
    }

    private func writerPeers(_ backend: Int) -> WriterPeers {
        guard watches[backend]?.election != nil, configuration.gossip != nil else { return .reachable([]) }
        guard let cluster = handlers.cluster(), let since = gossipSince else { return .awaited }
        let ballots = cluster.ballots(onWriterOf: backend)
        let isYoung = since.duration(to: reactor.now) < Self.peersTimeout
        if isYoung, cluster.hasUnknownPeer { return .awaited }
        // A peer that has just joined has not yet sent its ballot, or not yet confirmed this node's.
        if ballots.contains(where: { !$0.isComplete && ($0.row == nil || $0.known == nil) }) { return .awaited }
        return .reachable(
            ballots.map { ballot in
                WriterPeers.Peer(
                    name: ballot.name,
                    message: ballot.row.map { WriterMessage(ballot: WriterBallot(epoch: $0.epoch, choice: $0.choice), isConfirmed: $0.isConfirmed) },
                    known: ballot.known.map { WriterBallot(epoch: $0.epoch, choice: $0.choice) })
            })
    }

    // MARK: Reports

    /// A server's replication lag, for the peers; `nil` if unknown.
    func lag(of server: ServerReference) -> Duration? {
        guard let watch = watches[server.backend] else { return nil }
        let state = watch.judge.states[server.server]
        return state.isCurrent ? state.view?.lag(by: watch.settings.lagSource) : nil
    }

    /// The writers, for a successor, by proxy.
    var writerMemories: [String: WriterMemory] {
        var memories: [String: WriterMemory] = [:]
        for (backend, watch) in watches.enumerated() { memories[configuration.backends[backend].name] = watch?.writerMemory }
        return memories
    }

    /// The answer to `show database`; `nil` without a section.
    var report: DatabaseOverview? {
        let sections = watches.enumerated().compactMap { backend, watch in
            watch.map { DatabaseOverview.Section(proxy: configuration.backends[backend], watch: $0, registry: servers.registry, backend: backend) }
        }
        return sections.isEmpty ? nil : DatabaseOverview(sections: sections, now: reactor.now)
    }
}
