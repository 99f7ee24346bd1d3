import Wire

/// A `resolvers` section at work: keeps the addresses of its servers current.
///
/// Feed one input, drain `nextOutput`, re-arm `nextDeadline`. Per name:
///
///     idle -- nextRound --> asking (a `Resolution`) -- both families settled --> idle
///
/// What an answer may do to a server (design: failover.md, "Names"):
/// - Silence, SERVFAIL, REFUSED and "does not exist" take nothing away, unless the `hold` of that failure is written in the
///   configuration and has passed since the last good answer. `hold` without being written does not count: HAProxy's default of 30 s
///   empties whole backends when only the nameserver is ill.
/// - Only a complete answer with at least one address takes addresses away.
/// - A server whose checks pass keeps its address until the new one has been tried.
package struct Resolver {
    /// TTLs below this count as this.
    package static let timeToLiveMin = Duration.seconds(1)
    /// Between rounds that are asked for early, by a failed connect or check.
    package static let askSoonInterval = Duration.seconds(1)
    /// Questions open at once; further names wait for their turn.
    package static let questionsMax = 256

    private struct Name {
        let name: DNSName
        /// Indices into `servers`, ascending.
        var servers: [Int] = []
        var round: Resolution?
        var nextRound: Instant
        var roundStart: Instant
        /// A round is wanted as soon as the present one has ended.
        var isAskedSoon = false
        var book = AddressBook()
        var lastValid: Instant
        /// How many rounds in a row have failed.
        var failedRounds = 0
        /// The failure that an alarm has told of.
        var alarmed: ResolutionFailure?
    }

    /// The section.
    package let settings: ResolverSettings
    /// In the order of the configuration.
    package private(set) var servers: [ResolvedServer]
    private var names: [Name] = []
    private var group: NameserverGroup
    private var outputs: [ResolverOutput] = []

    /// Begins with a round for each name, as soon as `deadlinePassed` is called. Only message identifiers come from `random`.
    package init(settings: ResolverSettings, servers: [ResolvedServer], random: any RandomNumberGenerator, now: Instant) {
        self.settings = settings
        self.servers = servers.sorted { $0.reference < $1.reference }
        group = NameserverGroup(
            settings: NameserverGroup.Settings(
                nameservers: settings.nameservers.count, retriesMax: settings.retriesMax, retryTimeout: settings.retryTimeout,
                payloadBytesMax: settings.payloadBytesMax), random: random)
        for (index, server) in self.servers.enumerated() {
            let known = names.firstIndex { $0.name == server.hostName }
            let name = known ?? names.count
            if known == nil { names.append(Name(name: server.hostName, nextRound: now, roundStart: now, lastValid: now)) }
            names[name].servers.append(index)
            // An address from the start counts as the name's until an answer for its family is complete.
            if let address = server.address { names[name].book.merge(address.isV6 ? .v6 : .v4, with: [address], now: now) }
        }
    }

    /// Per nameserver, in the order of the section.
    package var counters: [NameserverCounters] { group.counters }

    /// When `deadlinePassed` is to be called; `nil` without names or nameservers.
    package var nextDeadline: Instant? {
        guard !settings.nameservers.isEmpty else { return nil }
        let hasRoom = hasRoomForRound
        return names.compactMap { $0.round?.nextDeadline ?? (hasRoom ? $0.nextRound : nil) }.min()
    }

    /// The next thing to do; drain until `nil` after every input.
    package mutating func nextOutput() -> ResolverOutput? { outputs.isEmpty ? nil : outputs.removeFirst() }

    /// Starts rounds that are due, repeats questions and gives up on them.
    package mutating func deadlinePassed(now: Instant) {
        for index in names.indices {
            names[index].round?.deadlinePassed(&group, now: now)
            advance(index, now: now)
        }
        startRounds(now: now)
    }

    /// A message came to the socket of question `number`.
    package mutating func receive(_ message: [UInt8], for number: UInt64, now: Instant) {
        guard let index = names.firstIndex(where: { $0.round?.expects(number) == true }) else { return }
        names[index].round?.receive(message, for: number, &group, now: now)
        advance(index, now: now)
        startRounds(now: now)
    }

    /// Question `number` could not be sent, or its connection ended without an answer.
    package mutating func questionFailed(_ number: UInt64, now: Instant) {
        guard let index = names.firstIndex(where: { $0.round?.expects(number) == true }) else { return }
        names[index].round?.questionFailed(number, &group)
        advance(index, now: now)
        startRounds(now: now)
    }

    /// A connect to the server or a check of it has failed: its address may be an old one. At most one early round a second and name.
    package mutating func askSoon(_ reference: ServerReference, now: Instant) {
        guard let index = names.firstIndex(where: { $0.servers.contains { servers[$0].reference == reference } }) else { return }
        guard names[index].round == nil else {
            names[index].isAskedSoon = true
            return
        }
        names[index].nextRound = min(names[index].nextRound, max(now, names[index].roundStart.advanced(by: Resolver.askSoonInterval)))
        startRounds(now: now)
    }

    /// The server's checks pass, or do not any more: then an address that waits for a trial is taken at once.
    package mutating func checksChanged(_ reference: ServerReference, isPassing: Bool, now: Instant) {
        guard let index = servers.firstIndex(where: { $0.reference == reference }) else { return }
        servers[index].isPassing = isPassing
        guard !isPassing else { return }
        if let candidate = servers[index].candidate {
            set(candidate.address, of: index, source: servers[index].candidateSource)
        } else {
            askSoon(reference, now: now)
        }
    }

    /// The proposed address works: it replaces the present one. An address that is no longer proposed is ignored.
    package mutating func accept(_ reference: ServerReference, _ address: IPAddress) {
        guard let index = servers.firstIndex(where: { $0.reference == reference }), servers[index].candidate == .proposed(address) else { return }
        set(address, of: index, source: servers[index].candidateSource)
    }

    /// The proposed address does not work: the server keeps its present one until the next answer, or until its checks fail.
    package mutating func refuse(_ reference: ServerReference, _ address: IPAddress) {
        guard let index = servers.firstIndex(where: { $0.reference == reference }), servers[index].candidate == .proposed(address) else { return }
        servers[index].candidate = .refused(address)
    }

    /// Closes all questions. Nothing happens after it.
    package mutating func stop() {
        for index in names.indices { names[index].round?.cancel(&group) }
        names.removeAll()
        passOnQuestions()
    }
}

extension Resolver {
    private var hasRoomForRound: Bool {
        let open = names.reduce(0) { $0 + ($1.round?.openQuestions ?? 0) }
        return open == 0 || open + 2 * settings.nameservers.count <= Resolver.questionsMax
    }

    private mutating func startRounds(now: Instant) {
        defer { passOnQuestions() }
        guard !settings.nameservers.isEmpty else { return }
        for index in names.indices where names[index].round == nil && names[index].nextRound <= now {
            guard hasRoomForRound else { return }
            names[index].isAskedSoon = false
            names[index].roundStart = now
            for server in names[index].servers {
                if case .refused(let address) = servers[server].candidate { servers[server].candidate = .postponed(address) }
            }
            names[index].round = Resolution(names[index].name, &group, now: now)
        }
    }

    private mutating func passOnQuestions() {
        while let output = group.nextOutput() {
            switch output {
            case .ask(let question): outputs.append(.ask(question))
            case .forget(let number): outputs.append(.forget(number))
            }
        }
    }

    /// Takes what the round of name `index` has settled, and ends it when all is.
    private mutating func advance(_ index: Int, now: Instant) {
        while let (family, outcome) = names[index].round?.nextSettled() {
            switch outcome {
            case .complete(let answer):
                names[index].lastValid = now
                names[index].book.replace(family, with: answer.addresses, holdObsolete: settings.holdObsolete, now: now)
                assign(index, settled: family, nameserver: answer.nameserver)
            case .partial(let answer):
                names[index].book.merge(family, with: answer.addresses, now: now)
            case .failed:
                break
            }
        }
        guard let round = names[index].round, round.isSettled else { return }
        names[index].round = nil
        endRound(index, round, now: now)
        passOnQuestions()
    }

    private mutating func endRound(_ index: Int, _ round: Resolution, now: Instant) {
        let outcomes = [AddressFamily.v4, .v6].compactMap { family in round.outcome(family).map { (family: family, outcome: $0) } }
        var answers: [FamilyAnswer] = []
        var isComplete = false
        for case (_, .complete(let answer)) in outcomes {
            answers.append(answer)
            isComplete = true
        }
        for case (_, .partial(let answer)) in outcomes { answers.append(answer) }
        guard let first = answers.first else {
            roundFailed(index, outcomes.map(\.outcome), now: now)
            return
        }
        for case (let family, .failed(.noAddress, _)) in outcomes where isComplete {
            names[index].book.replace(family, with: [], holdObsolete: settings.holdObsolete, now: now)
        }
        names[index].lastValid = now
        assign(index, settled: nil, nameserver: first.nameserver)
        if names[index].alarmed != nil { outputs.append(.notice("'\(names[index].name)' resolves again")) }
        names[index].alarmed = nil
        names[index].failedRounds = 0
        let kept = answers.map(\.timeToLive).min() ?? .zero
        let pause = min(max(kept, Resolver.timeToLiveMin), settings.holdValid)
        schedule(index, after: max(pause, settings.resolveInterval), now: now)
    }

    private mutating func schedule(_ index: Int, after pause: Duration, now: Instant) {
        let earliest = names[index].roundStart.advanced(by: Resolver.askSoonInterval)
        names[index].nextRound = names[index].isAskedSoon ? max(now, earliest) : now.advanced(by: max(pause, .milliseconds(10)))
    }

    private mutating func roundFailed(_ index: Int, _ outcomes: [FamilyOutcome], now: Instant) {
        var failure = ResolutionFailure.noAddress
        var nameserver: Int?
        for case .failed(let candidate, let witness) in outcomes where Resolver.weight(candidate) >= Resolver.weight(failure) {
            (failure, nameserver) = (candidate, witness)
        }
        names[index].failedRounds += 1
        // One failed round is nothing special, but that a name does not exist any more is.
        let isTelling = failure == .noSuchName || failure == .noAddress || names[index].failedRounds >= 2
        if isTelling, names[index].alarmed != failure {
            names[index].alarmed = failure
            outputs.append(.alarm(sentence(for: failure, of: names[index].name, nameserver)))
        }
        if let (hold, loss) = hold(failure), names[index].lastValid.advanced(by: hold) <= now {
            names[index].book.removeAll()
            for server in names[index].servers where servers[server].address != nil { lose(server, loss) }
        }
        schedule(index, after: settings.resolveInterval, now: now)
    }

    /// When the families failed differently, what counts more.
    private static func weight(_ failure: ResolutionFailure) -> Int {
        switch failure {
        case .noAddress: 0
        case .other: 1
        case .refused: 2
        case .timeout: 3
        case .noSuchName: 4
        }
    }

    private func hold(_ failure: ResolutionFailure) -> (Duration, AddressLoss)? {
        switch failure {
        case .noSuchName: settings.holdNX.map { ($0, .noSuchName) }
        case .timeout: settings.holdTimeout.map { ($0, .timeout) }
        case .refused: settings.holdRefused.map { ($0, .refused) }
        case .other, .noAddress: settings.holdOther.map { ($0, .other) }
        }
    }

    private func sentence(for failure: ResolutionFailure, of name: DNSName, _ nameserver: Int?) -> String {
        let witness = nameserver.map { settings.nameservers[$0].name } ?? "any nameserver"
        let what =
            switch failure {
            case .noAddress: "'\(name)' has no address according to \(witness)"
            case .noSuchName: "'\(name)' does not exist according to \(witness)"
            case .refused: "\(witness) refuses to resolve '\(name)'"
            case .other: "\(witness) fails to resolve '\(name)'"
            case .timeout: "no answer for '\(name)' from any nameserver"
            }
        let consequence = hold(failure) == nil ? "its servers keep their addresses" : "its servers keep their addresses until 'hold' ends"
        return "\(what); \(consequence)"
    }
}

extension Resolver {
    /// Gives the servers of name `index` their addresses: those that prefer the family `settled`, or all.
    private mutating func assign(_ index: Int, settled: AddressFamily?, nameserver: Int) {
        let affected = names[index].servers.filter { settled == nil || servers[$0].preferredFamily == settled }
        let source = "\(settings.name)/\(settings.nameservers[nameserver].name)"
        var start = 0
        while start < affected.count {
            let backend = servers[affected[start]].reference.backend
            let end = affected[start...].firstIndex { servers[$0].reference.backend != backend } ?? affected.count
            let ofBackend = affected[start..<end]
            let plain = ofBackend.filter { !servers[$0].isTemplateSlot }
            apply(AddressAssignment.decide(servers: plain.map(slot), from: names[index].book), to: plain, of: index, source, nameserver)
            let template = ofBackend.filter { servers[$0].isTemplateSlot }
            apply(AddressAssignment.decide(slots: template.map(slot), from: names[index].book), to: template, of: index, source, nameserver)
            start = end
        }
    }

    private func slot(_ server: Int) -> AddressAssignment.Slot {
        AddressAssignment.Slot(address: servers[server].address, preferredFamily: servers[server].preferredFamily)
    }

    private mutating func apply(
        _ decisions: [AddressAssignment.Decision], to affected: [Int], of name: Int, _ source: String, _ nameserver: Int
    ) {
        for (server, decision) in zip(affected, decisions) {
            // As HAProxy says it: the nameserver for the server that asked, the cache for the others of the name.
            let origin = server == names[name].servers.first ? source : "DNS cache"
            switch decision {
            case .keep:
                servers[server].candidate = nil
            case .empty:
                lose(server, .noAddress)
            case .move(let address) where servers[server].isPassing && servers[server].address != nil:
                guard servers[server].candidate != .proposed(address), servers[server].candidate != .refused(address) else { continue }
                servers[server].candidate = .proposed(address)
                servers[server].candidateSource = origin
                outputs.append(.propose(servers[server].reference, address))
            case .move(let address):
                group.counters[nameserver].updates += 1
                set(address, of: server, source: origin)
            }
        }
    }

    private mutating func set(_ address: IPAddress, of server: Int, source: String) {
        servers[server].candidate = nil
        servers[server].address = address
        outputs.append(.address(servers[server].reference, address, source: source))
    }

    private mutating func lose(_ server: Int, _ loss: AddressLoss) {
        servers[server].candidate = nil
        servers[server].address = nil
        outputs.append(.lost(servers[server].reference, loss))
    }
}
