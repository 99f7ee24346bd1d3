import Gossip
import LinuxIO
import Proxy
import Wire

/// The gossip, as far as the databases need it.
protocol WriterCluster {
    /// What the peers say of the writer of this backend.
    func ballots(onWriterOf backend: Int) -> [PeerBallot]
    /// Whether there is a peer that has never been heard.
    var isAnyPeerUnheard: Bool { get }
    /// Tells the peers whom this node follows in this backend.
    func tell(_ word: WriterWord, onWriterOf backend: Int)
}

extension GossipRunner: WriterCluster {
    func ballots(onWriterOf backend: Int) -> [PeerBallot] { core.ballots(on: plan.writerSubjects[backend], now: now) }

    var isAnyPeerUnheard: Bool { core.isAnyPeerUnheard }

    func tell(_ word: WriterWord, onWriterOf backend: Int) {
        feed(
            .ballot(
                subject: plan.writerSubjects[backend], epoch: word.ballot.epoch, choice: word.ballot.choice, isConfirmed: word.isConfirmed))
    }
}

/// What databases say of themselves: looks go to the watches, and what follows to the registry, the peers and the log.
final class DatabaseControl {
    /// What start-up knows of the `database` sections.
    struct Resources {
        /// How each backend's databases are asked; empty without sections.
        var accesses: [DatabaseAccess?] = []
        /// The servers' numbers in the gossip.
        var numbers: [ServerReference: ServerID] = [:]
        /// What an earlier process knew of the servers.
        var servers: [ServerName: ServerMemory] = [:]
        /// Whom an earlier process sent writes to, by proxy.
        var writers: [String: WriterMemory] = [:]
    }

    /// What the owner does for it. All are called on the reactor's thread.
    struct Handlers {
        /// The gossip; `nil` while there is none.
        var cluster: () -> (any WriterCluster)? = { nil }
        /// Closes a server's sessions: another one has taken the writes over.
        var closeSessions: (ServerReference) -> Void = { _ in }
        /// This server is to be checked now.
        var checkNow: (ServerReference) -> Void = { _ in }
    }

    /// A peer that has never been heard is waited for so long before this node decides without it.
    private static let peersAwaited = Duration.seconds(2)

    /// How each section's questions are asked, by backend.
    private let accesses: [DatabaseAccess?]
    private let configuration: AgentConfiguration
    private let servers: ServerControl
    private let reactor: Reactor
    private let log: any EventLog
    /// To be set before the first event.
    var handlers = Handlers()
    /// By backend; `nil` without a section.
    private var watches: [DatabaseWatch?]
    /// What keeps the servers that a section's writer lists, by the section's backend; none without `discover`.
    private var discoveries: [Int: ResolverRunner] = [:]
    /// What was told last in each backend's matter.
    private var words: [WriterWord?]
    /// When the gossip began: peers that have never been heard are waited for, for a while.
    private var gossipSince: Instant?
    /// Backends whose decision is being carried out: what it changes is part of it.
    private var deciding: Set<Int> = []

    /// Watches the servers of the backends that have a section.
    init(_ configuration: AgentConfiguration, _ resources: Resources, servers: ServerControl, reactor: Reactor, log: any EventLog) {
        (self.configuration, self.servers, self.reactor, self.log) = (configuration, servers, reactor, log)
        accesses = resources.accesses
        words = Array(repeating: nil, count: configuration.backends.count)
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

    /// Whether what changes now in this backend is part of a decision, at whose end the backend settles.
    func isDeciding(_ backend: Int) -> Bool { deciding.contains(backend) }

    /// Adds what keeps the servers of proxies that a `discover` names.
    func addDiscoveries(to resolvers: ResolverControl) {
        for (backend, watch) in watches.enumerated() {
            guard let discovery = watch?.settings.discovery else { continue }
            let name = configuration.backends[backend].name
            let servers = resolvers.resolvedServers { $0.name == discovery.proxy && $1.isDiscovered }
            discoveries[backend] = resolvers.add(ResolverSettings(discovery: name, hold: discovery.hold), servers) { [unowned self] sentence, isAlarm in
                tell(isAlarm ? .warning : .notice, sentence, backend)
            }
        }
    }

    /// How a server is checked: with questions where its proxy has a section that can be asked.
    func checkPlan(of server: ServerReference, _ limits: CheckLimits) -> CheckPlan {
        guard accesses.indices.contains(server.backend), let access = accesses[server.backend] else {
            return CheckPlan(configuration.backends[server.backend].check, limits: limits)
        }
        return CheckPlan(access, limits: limits) { [unowned self] in looked($0, at: server) }
    }

    // MARK: Events

    /// A look at a server has ended.
    func looked(_ look: DatabaseLook, at server: ServerReference) {
        let now = reactor.now
        watches[server.backend]?.take(look, of: server.server, now: now)
        decide(server.backend)
        guard let found = watches[server.backend]?.replicas(in: look, of: server.server, now: now) else { return }
        let backend = configuration.backends[server.backend]
        if let news = found.news { tell(news.level, news.text, server.backend) }
        discoveries[server.backend]?.listed(found.list, by: "\(backend.name)/\(backend.servers[server.server].name)")
    }

    /// The server has another address, or none: what was seen was another host's.
    func addressGone(_ server: ServerReference) { watches[server.backend]?.forget(server.server) }

    /// The gossip has started: the peers are told what there is, and those that are not heard in time are decided without.
    func gossipStarted() {
        gossipSince = reactor.now
        words = Array(repeating: nil, count: words.count)
        decide()
    }

    /// The peers' words have changed, or time has passed.
    func decide() { for backend in watches.indices { decide(backend) } }

    /// Something has changed that a section's decision rests on.
    func decide(_ backend: Int) {
        guard !deciding.contains(backend), watches.indices.contains(backend), watches[backend] != nil else { return }
        let statuses = configuration.backends[backend].servers.indices.map { servers.status(of: ServerReference(backend: backend, server: $0)) }
        let circumstances = statuses.map { DatabaseWatch.Circumstances(isRunning: $0.isRunning, isAvailable: $0.isAvailable) }
        let peers = writerPeers(backend)
        guard let outcome = watches[backend]?.decide(circumstances, peers: peers, now: reactor.now) else { return }
        for news in outcome.news {
            tell(news.level, news.text, backend)
        }
        // Of hundreds of servers a look changes one.
        let changed = outcome.fitness.indices.filter { outcome.fitness[$0] != statuses[$0].fitness }
        let (leaving, coming) = (changed.filter { !outcome.fitness[$0].isFit }, changed.filter { outcome.fitness[$0].isFit })
        // The old writer has left before another one is let in; of replicas there is never a moment without any.
        let isWriter = watches[backend]?.election != nil
        deciding.insert(backend)
        for place in isWriter ? leaving : coming { servers.apply(.setFitness(outcome.fitness[place]), to: .init(backend: backend, server: place)) }
        for place in outcome.closing { handlers.closeSessions(ServerReference(backend: backend, server: place)) }
        tell(outcome.word, backend)
        for place in isWriter ? coming : leaving { servers.apply(.setFitness(outcome.fitness[place]), to: .init(backend: backend, server: place)) }
        deciding.remove(backend)
        if !changed.isEmpty { servers.settle(backend) }
        if let place = outcome.checking { handlers.checkNow(ServerReference(backend: backend, server: place)) }
    }

    /// Databases and peers can cause these lines: they are limited for each level and proxy.
    private func tell(_ level: LogLevel, _ sentence: String, _ backend: Int) {
        let name = configuration.backends[backend].name
        log.write(level, "Database \(name): \(sentence).", about: LogSubject(kind: "database \(level.keyword)", about: name), backend: backend)
    }

    private func tell(_ word: WriterWord?, _ backend: Int) {
        guard let cluster = handlers.cluster(), let word, word != words[backend] else { return }
        words[backend] = word
        cluster.tell(word, onWriterOf: backend)
    }

    private func writerPeers(_ backend: Int) -> WriterPeers {
        guard watches[backend]?.election != nil, configuration.gossip != nil else { return .heard([]) }
        guard let cluster = handlers.cluster(), let since = gossipSince else { return .awaited }
        let ballots = cluster.ballots(onWriterOf: backend)
        let isYoung = since.duration(to: reactor.now) < Self.peersAwaited
        if isYoung, cluster.isAnyPeerUnheard { return .awaited }
        // One that has just come: what it follows, and that it knows whom this node follows, is on its way.
        if ballots.contains(where: { !$0.isComplete && ($0.row == nil || $0.known == nil) }) { return .awaited }
        return .heard(
            ballots.map { ballot in
                WriterPeers.Peer(
                    name: ballot.name,
                    word: ballot.row.map { WriterWord(ballot: WriterBallot(epoch: $0.epoch, choice: $0.choice), isConfirmed: $0.isConfirmed) },
                    known: ballot.known.map { WriterBallot(epoch: $0.epoch, choice: $0.choice) })
            })
    }

    // MARK: What is known

    /// How far a server lags, for the peers.
    func lag(of server: ServerReference) -> Duration? {
        guard let watch = watches[server.backend] else { return nil }
        let standing = watch.judge.standings[server.server]
        return standing.isCurrent ? standing.view?.lag(by: watch.settings.lagSource) : nil
    }

    /// What a successor should know of the writers.
    var writerMemories: [String: WriterMemory] {
        var memories: [String: WriterMemory] = [:]
        for (backend, watch) in watches.enumerated() { memories[configuration.backends[backend].name] = watch?.writerMemory }
        return memories
    }

    /// `show database`; `nil` without a section.
    var report: DatabaseOverview? {
        let sections = watches.enumerated().compactMap { backend, watch in
            watch.map { DatabaseOverview.Section(proxy: configuration.backends[backend], watch: $0, registry: servers.registry, backend: backend) }
        }
        return sections.isEmpty ? nil : DatabaseOverview(sections: sections, now: reactor.now)
    }
}
