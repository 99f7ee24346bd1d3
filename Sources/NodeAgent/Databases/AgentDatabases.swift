import Gossip
import Proxy
import Wire

/// What the agent keeps of the `database` sections.
struct DatabaseWatches {
    /// By backend; `nil` without a section.
    var watches: [DatabaseWatch?] = []
    /// How each section's questions are asked, by backend.
    var accesses: [DatabaseAccess?] = []
    /// What keeps the servers that a section's writer lists, by the section's backend; none without `discover`.
    fileprivate var discoveries: [Int: ResolverRunner] = [:]
    /// What was told last in each backend's matter.
    fileprivate var words: [WriterWord?] = []
    /// When the gossip began: peers that have never been heard are waited for, for a while.
    fileprivate var gossipSince: Instant?
    /// Backends whose decision is being carried out: what it changes is part of it.
    fileprivate(set) var deciding: Set<Int> = []

    /// The watches of `backends`.
    ///
    /// - Parameters:
    ///   - numbers: the servers' numbers in the gossip.
    ///   - servers: what an earlier process knew, and whom it followed in `writers`.
    init(
        _ backends: [Backend], accesses: [DatabaseAccess?], numbers: [ServerReference: ServerID], servers: [ServerName: ServerMemory],
        writers: [String: WriterMemory], now: Instant
    ) {
        self.accesses = accesses
        words = Array(repeating: nil, count: backends.count)
        watches = backends.enumerated().map { index, backend in
            guard let settings = backend.database, !backend.isDisabled else { return nil }
            let choices = backend.servers.indices.map { numbers[ServerReference(backend: index, server: $0)]?.number ?? UInt64($0 + 1) }
            return DatabaseWatch(
                settings, names: backend.servers.map(\.name), choices: choices,
                memory: { place in
                    let memory = servers[ServerName(backend: backend.name, server: backend.servers[place].name)]
                    return memory?.fitness.map { (fitness: $0, since: now.advanced(by: .zero - max(.zero, memory?.sinceCondition ?? .zero))) }
                }, writer: writers[backend.name], now: now)
        }
    }
}

/// What databases say of themselves: looks go to the watches, and what follows to the registry, the peers and the log.
extension Agent {
    /// A peer that has never been heard is waited for so long before this node decides without it.
    private static let peersAwaited = Duration.seconds(2)

    /// How a server is checked: with questions where its proxy has a section that can be asked.
    func checkPlan(of server: ServerReference, _ limits: CheckLimits) -> CheckPlan {
        guard databases.accesses.indices.contains(server.backend), let access = databases.accesses[server.backend] else {
            return CheckPlan(configuration.backends[server.backend].check, limits: limits)
        }
        return CheckPlan(access, limits: limits) { [unowned self] in take($0, of: server) }
    }

    /// A look at a server has ended.
    func take(_ look: DatabaseLook, of server: ServerReference) {
        let now = reactor.now
        databases.watches[server.backend]?.take(look, of: server.server, now: now)
        decideDatabases(server.backend)
        guard let found = databases.watches[server.backend]?.replicas(in: look, of: server.server, now: now) else { return }
        let backend = configuration.backends[server.backend]
        if let news = found.news { tell(news.level, news.text, server.backend) }
        databases.discoveries[server.backend]?.listed(found.list, by: "\(backend.name)/\(backend.servers[server.server].name)")
    }

    /// Adds what keeps the servers of proxies that a `discover` names.
    func addDiscoveries() {
        for (backend, watch) in databases.watches.enumerated() {
            guard let discovery = watch?.settings.discovery else { continue }
            let name = configuration.backends[backend].name
            let servers = resolvedServers { $0.name == discovery.proxy && $1.isDiscovered }
            databases.discoveries[backend] = addResolver(ResolverSettings(discovery: name, hold: discovery.hold), servers) { [unowned self] sentence, isAlarm in
                tell(isAlarm ? .warning : .notice, sentence, backend)
            }
        }
    }

    /// The server has another address, or none: what was seen was another host's.
    func forgetDatabase(_ server: ServerReference) { databases.watches[server.backend]?.forget(server.server) }

    /// How far a server lags, for the peers.
    func lag(of server: ServerReference) -> Duration? {
        guard let watch = databases.watches[server.backend] else { return nil }
        let standing = watch.judge.standings[server.server]
        return standing.isCurrent ? standing.view?.lag(by: watch.settings.lagSource) : nil
    }

    /// The peers' words have changed, or time has passed.
    func decideDatabases() { for backend in databases.watches.indices { decideDatabases(backend) } }

    /// Something has changed that a section's decision rests on.
    func decideDatabases(_ backend: Int) {
        guard !databases.deciding.contains(backend), databases.watches.indices.contains(backend), databases.watches[backend] != nil else { return }
        let statuses = configuration.backends[backend].servers.indices.map { registry.status(of: ServerReference(backend: backend, server: $0)) }
        let circumstances = statuses.map { DatabaseWatch.Circumstances(isRunning: $0.isRunning, isAvailable: $0.isAvailable) }
        let (peers, now) = (writerPeers(backend), reactor.now)
        guard let outcome = databases.watches[backend]?.decide(circumstances, peers: peers, now: now) else { return }
        for news in outcome.news {
            tell(news.level, news.text, backend)
        }
        // Of hundreds of servers a look changes one.
        let changed = outcome.fitness.indices.filter { outcome.fitness[$0] != statuses[$0].fitness }
        let (leaving, coming) = (changed.filter { !outcome.fitness[$0].isFit }, changed.filter { outcome.fitness[$0].isFit })
        // The old writer has left before another one is let in; of replicas there is never a moment without any.
        let isWriter = databases.watches[backend]?.election != nil
        databases.deciding.insert(backend)
        for place in isWriter ? leaving : coming { servers.apply(.setFitness(outcome.fitness[place]), to: .init(backend: backend, server: place)) }
        for place in outcome.closing { forwarder.shutdownSessions(of: ServerReference(backend: backend, server: place)) }
        tell(outcome.word, backend)
        for place in isWriter ? coming : leaving { servers.apply(.setFitness(outcome.fitness[place]), to: .init(backend: backend, server: place)) }
        databases.deciding.remove(backend)
        if !changed.isEmpty { servers.settle(backend) }
        if let place = outcome.checking { checks?.checkNow(ServerReference(backend: backend, server: place)) }
    }

    /// Databases and peers can cause these lines: they are limited for each level and proxy.
    private func tell(_ level: LogLevel, _ sentence: String, _ backend: Int) {
        let name = configuration.backends[backend].name
        log.write(level, "Database \(name): \(sentence).", about: LogSubject(kind: "database \(level.keyword)", about: name), backend: backend)
    }

    private func tell(_ word: WriterWord?, _ backend: Int) {
        guard let gossip, let word, word != databases.words[backend] else { return }
        databases.words[backend] = word
        gossip.feed(
            .ballot(
                subject: gossip.plan.writerSubjects[backend], epoch: word.ballot.epoch, choice: word.ballot.choice, isConfirmed: word.isConfirmed))
    }

    /// The gossip has started: the peers are told what there is, and those that are not heard in time are decided without.
    func openDatabases() {
        databases.gossipSince = reactor.now
        databases.words = Array(repeating: nil, count: databases.words.count)
        decideDatabases()
    }

    private func writerPeers(_ backend: Int) -> WriterPeers {
        guard databases.watches[backend]?.election != nil, configuration.gossip != nil else { return .heard([]) }
        guard let gossip, let since = databases.gossipSince else { return .awaited }
        let ballots = gossip.core.ballots(on: gossip.plan.writerSubjects[backend], now: reactor.now)
        let isYoung = since.duration(to: reactor.now) < Agent.peersAwaited
        if isYoung, gossip.core.isAnyPeerUnheard { return .awaited }
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

    /// What a successor should know of the writers.
    var writerMemories: [String: WriterMemory] {
        var memories: [String: WriterMemory] = [:]
        for (backend, watch) in databases.watches.enumerated() { memories[configuration.backends[backend].name] = watch?.writerMemory }
        return memories
    }

    /// `show database`; `nil` without a section.
    func databaseReport() -> DatabaseOverview? {
        let sections = databases.watches.enumerated().compactMap { backend, watch in
            watch.map { DatabaseOverview.Section(proxy: configuration.backends[backend], watch: $0, registry: registry, backend: backend) }
        }
        return sections.isEmpty ? nil : DatabaseOverview(sections: sections, now: reactor.now)
    }
}
