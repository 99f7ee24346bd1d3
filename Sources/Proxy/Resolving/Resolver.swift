import Wire

/// A `resolvers` section: keeps the addresses of its servers up to date.
///
/// Pass in an input, drain `nextOutput`, set a timer for `nextDeadline`. Per name:
///
///     idle -- nextRound --> asking (a `Resolution`) -- all record types settled --> idle
///
/// A service's name (`_mysql._tcp.db`) has SRV records. The hosts in them are names like any other, and are resolved while a service has them.
///
/// The effects of answers on servers:
/// - Silence, SERVFAIL, REFUSED and "does not exist" remove no address, unless the `hold` of that failure is in the configuration and has passed since the last
///   valid answer. There is no default: HAProxy's default of 30 s empties whole backends when only the nameserver fails.
/// - Only a complete answer with at least one address removes addresses. An answer with more records than are kept is not complete.
/// - When a name has addresses of both families, a server prefers one family. If that family had no answer, the server takes an address of the other one, and
///   returns when an answer arrives.
/// - A server whose checks pass keeps its address until the new one has passed a trial. A free slot also tries its address first while another slot passes; a
///   slot whose address is gone is then emptied immediately.
/// - Addresses from an earlier process are used only until the first valid answer, and only after a trial.
///
/// With `discover`, `applyList` provides the answers instead of nameservers. The rules are the same except that a database's list is trusted less: every
/// address needs a trial, and an address that is missing from the list stays for the `hold` while its checks pass, because replicas reconnect one by one.
package struct Resolver {
    /// Shorter TTLs are raised to this.
    package static let timeToLiveMin = Duration.seconds(1)
    /// The minimum time between the starts of rounds, when a failed connect or check asks for an early one.
    package static let earlyRoundPause = Duration.seconds(1)
    /// The time for a first answer before addresses from an earlier process are tried.
    package static let rememberedDelay = Duration.seconds(1)
    /// The time for a first list of replicas. It is longer because the writer must be found first.
    package static let listDelay = Duration.seconds(3)

    struct Name {
        let name: DNSName
        /// Indices into `servers`, ascending.
        var servers: [Int] = []
        var round: Resolution?
        var nextRound: Instant
        var roundStart: Instant
        /// True when a round must start as soon as the current one has ended.
        var isEarlyRoundWanted = false
        /// The addresses of a host.
        var book = AddressBook()
        /// True when a host's addresses have changed since the services with a record for it were last updated.
        var haveAddressesChanged = false
        /// The records of a service.
        var services = ServiceBook()
        /// For a service: the places that its servers choose from, as of the last answer.
        var places: [ServiceBook.Place] = []
        var lastValid: Instant
        /// True after a nameserver or a database has returned an address or a service.
        var hasAnswer = false
        var memory = Memory()
        /// The number of records in the latest answer if not all were kept; otherwise `nil`.
        var truncatedTotal: Int?
        /// True when an alarm has reported that records were left out.
        var isTruncationReported = false
        /// By backend: the last reported number of addresses that exceeds its slots.
        var excess: [Int: Int] = [:]
        /// The number of failed rounds in a row.
        var failedRounds = 0
        /// The last reported failure.
        var reportedFailure: ResolutionFailure?

        var isService: Bool { name.isOfService }
    }

    /// The addresses of a name from an earlier process.
    struct Memory {
        var entries: [KnownName.Entry] = []
        /// When to try them if there is no answer.
        var due: Instant?
        /// True while they are used instead of an answer.
        var isUsed = false
    }

    /// The section.
    package let settings: ResolverSettings
    /// The servers, in the order of the configuration.
    package internal(set) var servers: [ResolvedServer]
    var names: [Name] = []
    var group: NameserverGroup
    var outputs: [ResolverOutput] = []
    /// True when a host may no longer be named by any service.
    var hasOrphans = false

    /// Creates a resolver whose first rounds start with `deadlinePassed`. `random` provides only message identifiers.
    ///
    /// - Parameter remembered: recent answers from an earlier process.
    package init(
        settings: ResolverSettings, servers: [ResolvedServer], remembered: [DNSName: [KnownName.Entry]] = [:], random: any RandomNumberGenerator, now: Instant
    ) {
        self.settings = settings
        self.servers = servers.sorted { $0.reference < $1.reference }
        group = NameserverGroup(
            settings: NameserverGroup.Settings(
                transports: settings.nameservers.map(\.transport), retriesMax: settings.retriesMax, retryTimeout: settings.retryTimeout,
                payloadBytesMax: settings.payloadBytesMax, questionsMax: settings.questionsMax), random: random)
        for (index, server) in self.servers.enumerated() {
            let known = names.firstIndex { $0.name == server.hostName }
            let name = known ?? names.count
            if known == nil { names.append(Name(name: server.hostName, nextRound: now, roundStart: now, lastValid: now)) }
            names[name].servers.append(index)
            // The initial address counts as an address of the name until an answer for its family is complete.
            guard !server.hostName.isOfService else { continue }
            if let host = server.address?.host { names[name].book.merge(host.family, with: [host], now: now) }
        }
        for index in names.indices {
            guard let entries = remembered[names[index].name] else { continue }
            let delay = settings.isDiscovery ? Resolver.listDelay : Resolver.rememberedDelay
            names[index].memory = Memory(entries: entries, due: now.advanced(by: delay))
        }
    }

    /// The counters of each nameserver, in the order of the section.
    package var counters: [NameserverCounters] { group.counters }

    /// When to call `deadlinePassed`; `nil` without names, or without nameservers and remembered addresses.
    package var nextDeadline: Instant? {
        guard !settings.nameservers.isEmpty else { return names.compactMap(\.memory.due).min() }
        let hasRoom = group.hasRoom(forTypes: Self.typesMax)
        let rounds = names.compactMap { $0.round?.nextDeadline ?? (hasRoom ? $0.nextRound : nil) }
        return (rounds + names.compactMap(\.memory.due)).min()
    }

    /// The nameservers' valid answers for the names of servers. The entries are sorted, because answers rotate.
    package var knownNames: [KnownName] {
        names.compactMap { name in
            guard name.hasAnswer, !name.servers.isEmpty else { return nil }
            let entries =
                name.isService
                ? name.places.filter(\.isCurrent).map(\.entry) : name.book.current.map { KnownName.Entry(ResolvedAddress($0)) }
            guard !entries.isEmpty else { return nil }
            let sorted = entries.sorted { ($0.share.priority, $0.address.description) < ($1.share.priority, $1.address.description) }
            return KnownName(name: name.name, entries: sorted, lastValid: name.lastValid)
        }
    }

    /// The next action. Drain until `nil` after every input.
    package mutating func nextOutput() -> ResolverOutput? { outputs.isEmpty ? nil : outputs.removeFirst() }

    /// Starts rounds that are due, and repeats questions or gives them up.
    package mutating func deadlinePassed(now: Instant) {
        for index in names.indices {
            names[index].round?.deadlinePassed(&group, now: now)
            advance(index, now: now)
            if let due = names[index].memory.due, due <= now { useRemembered(index, now: now) }
        }
        startRounds(now: now)
    }

    /// Handles a message for question `number`.
    package mutating func receive(_ message: [UInt8], for number: UInt64, now: Instant) {
        guard let index = names.firstIndex(where: { $0.round?.expects(number) == true }) else { return }
        names[index].round?.receive(message, for: number, &group, now: now)
        advance(index, now: now)
        startRounds(now: now)
    }

    /// Handles question `number`, which could not be sent or whose connection ended without an answer.
    package mutating func questionFailed(_ number: UInt64, now: Instant) {
        guard let index = names.firstIndex(where: { $0.round?.expects(number) == true }) else { return }
        names[index].round?.questionFailed(number, &group)
        advance(index, now: now)
        startRounds(now: now)
    }

    /// Starts an early round because a connect or a check has failed: the server's address may be outdated. At most one early round per second and name.
    package mutating func resolveSoon(_ reference: ServerReference, now: Instant) {
        guard let server = servers.firstIndex(where: { $0.reference == reference }), let index = name(of: server) else { return }
        scheduleEarlyRound(index, now: now)
        if names[index].isService, let host = servers[server].address?.host {
            for target in names[index].services.targets {
                guard let target = names.firstIndex(where: { $0.name == target }), names[target].book.contains(host) else { continue }
                scheduleEarlyRound(target, now: now)
            }
        }
        startRounds(now: now)
    }

    private mutating func scheduleEarlyRound(_ index: Int, now: Instant) {
        guard names[index].round == nil else {
            names[index].isEarlyRoundWanted = true
            return
        }
        names[index].nextRound = min(names[index].nextRound, max(now, names[index].roundStart.advanced(by: Resolver.earlyRoundPause)))
    }

    /// The index of the name that `server` belongs to.
    func name(of server: Int) -> Int? { names.firstIndex { $0.servers.contains(server) } }

    /// Records whether the server's checks pass. When they fail, a candidate address is used immediately, or an early round starts. With `discover` neither
    /// happens.
    package mutating func checksChanged(_ reference: ServerReference, isPassing: Bool, now: Instant) {
        guard let index = servers.firstIndex(where: { $0.reference == reference }) else { return }
        servers[index].isPassing = isPassing
        guard !isPassing else { return }
        if settings.isDiscovery { return }
        if let candidate = servers[index].candidate {
            set(candidate.address, of: index, source: servers[index].candidateSource)
        } else {
            resolveSoon(reference, now: now)
        }
    }

    /// Reserves the server, which an operator keeps from taking sessions, or releases it. A reserved server gets no other host's address while other servers
    /// are free.
    package mutating func reserve(_ reference: ServerReference, _ isReserved: Bool) {
        guard let index = servers.firstIndex(where: { $0.reference == reference }) else { return }
        servers[index].isReserved = isReserved
    }

    /// Replaces the server's address by the proposed one, which has passed its trial. An address that is no longer proposed is ignored.
    package mutating func accept(_ reference: ServerReference, _ address: ResolvedAddress) {
        guard let index = servers.firstIndex(where: { $0.reference == reference }), servers[index].candidate == .proposed(address) else { return }
        set(address, of: index, source: servers[index].candidateSource)
        servers[index].isPassing = true
        releaseObsolete(besides: index)
    }

    /// Rejects the proposed address. The server keeps its current one until the next answer, or until its checks fail.
    package mutating func refuse(_ reference: ServerReference, _ address: ResolvedAddress) {
        guard let index = servers.firstIndex(where: { $0.reference == reference }), servers[index].candidate == .proposed(address) else { return }
        servers[index].candidate = .refused(address)
    }

    /// Closes all questions. No input has an effect afterwards.
    package mutating func stop() {
        for index in names.indices { names[index].round?.cancel(&group) }
        names.removeAll()
        forwardQuestions()
    }
}

extension Resolver {
    /// The most record types per round: A and AAAA.
    private static let typesMax = 2

    mutating func startRounds(now: Instant) {
        defer { forwardQuestions() }
        dropOrphans()
        guard !settings.nameservers.isEmpty else { return }
        for index in names.indices where names[index].round == nil && names[index].nextRound <= now {
            guard group.hasRoom(forTypes: Self.typesMax) else { return }
            names[index].isEarlyRoundWanted = false
            names[index].roundStart = now
            postponeRefused(index)
            let types: [DNSRecordType] = names[index].isService ? [.srv] : [.a, .aaaa]
            names[index].round = Resolution(names[index].name, types, &group, now: now)
        }
    }

    /// Allows another trial of addresses that have failed one.
    mutating func postponeRefused(_ index: Int) {
        for server in names[index].servers {
            if case .refused(let address) = servers[server].candidate { servers[server].candidate = .postponed(address) }
        }
    }

    private mutating func forwardQuestions() {
        while let output = group.nextOutput() {
            switch output {
            case .ask(let question): outputs.append(.ask(question))
            case .forget(let number): outputs.append(.forget(number))
            }
        }
    }

    /// Applies the settled outcomes of the round of name `index`. Ends the round when all have settled.
    private mutating func advance(_ index: Int, now: Instant) {
        while let (type, outcome) = names[index].round?.nextSettled() {
            switch outcome {
            case .complete(let answer):
                recordAnswer(index, now: now)
                if let family = type.family {
                    let hold = settings.holdObsolete
                    update(index) { $0.replace(family, with: answer.addresses, holdObsolete: hold, now: now) }
                    assign(index, settled: family, by: answer.nameserver)
                    assignServices(of: index, by: answer.nameserver)
                } else {
                    names[index].services.records.replace(with: answer.services, holdObsolete: settings.holdObsolete, now: now)
                    resolveHosts(index, answer.additional, now: now)
                }
            case .partial(let answer):
                recordAnswer(index, now: now)
                if let family = type.family {
                    let used = hostsUsed(of: index)
                    update(index) { $0.merge(family, with: answer.addresses, used: used, now: now) }
                } else {
                    let used = recordsUsed(of: index)
                    names[index].services.records.merge(with: answer.services, used: used.contains, now: now)
                    resolveHosts(index, answer.additional, now: now)
                }
            case .failed:
                break
            }
        }
        guard let round = names[index].round, round.isSettled else { return }
        names[index].round = nil
        endRound(index, round, now: now)
        forwardQuestions()
    }

    /// Changes the known addresses of a host.
    private mutating func update(_ index: Int, _ change: (inout AddressBook) -> Void) {
        let before = Set(names[index].book.current)
        change(&names[index].book)
        if Set(names[index].book.current) != before { names[index].haveAddressesChanged = true }
    }

    /// Reassigns the services with a record for this host if its addresses have changed. Other changes wait for the services' own answers, because there may be
    /// hundreds of hosts.
    private mutating func assignServices(of index: Int, by nameserver: Int) {
        guard names[index].haveAddressesChanged else { return }
        names[index].haveAddressesChanged = false
        for service in services(with: names[index].name) { assign(service, settled: nil, by: nameserver) }
    }

    /// Records that an answer has arrived. It replaces addresses from an earlier process.
    mutating func recordAnswer(_ index: Int, now: Instant) {
        if names[index].memory.isUsed, !settings.isDiscovery { names[index].book.removeAll() }
        names[index].memory = Memory()
        (names[index].hasAnswer, names[index].lastValid) = (true, now)
    }

    private mutating func endRound(_ index: Int, _ round: Resolution, now: Instant) {
        let types: [DNSRecordType] = [.a, .aaaa, .srv]
        let outcomes = types.compactMap { type in round.outcome(type).map { (type: type, outcome: $0) } }
        var answers: [RecordAnswer] = []
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
        for case (let type, .failed(.noAddress, _)) in outcomes where isComplete {
            guard let family = type.family else { continue }
            let hold = settings.holdObsolete
            update(index) { $0.replace(family, with: [], holdObsolete: hold, now: now) }
        }
        reportTruncation(index, answers.compactMap(\.truncatedTotal).max())
        assign(index, settled: nil, by: first.nameserver)
        assignServices(of: index, by: first.nameserver)
        let name = names[index].name
        if names[index].reportedFailure != nil { outputs.append(.log(.notice, "'\(name)' resolves again", about: name)) }
        names[index].reportedFailure = nil
        names[index].failedRounds = 0
        let kept = answers.map(\.timeToLive).min() ?? .zero
        let pause = min(max(kept, Resolver.timeToLiveMin), settings.holdValid)
        schedule(index, after: max(pause, settings.resolveInterval), now: now)
    }

    private mutating func schedule(_ index: Int, after pause: Duration, now: Instant) {
        let earliest = names[index].roundStart.advanced(by: Resolver.earlyRoundPause)
        names[index].nextRound = names[index].isEarlyRoundWanted ? max(now, earliest) : now.advanced(by: max(pause, .milliseconds(10)))
    }

    private mutating func roundFailed(_ index: Int, _ outcomes: [RecordOutcome], now: Instant) {
        var failure = ResolutionFailure.noAddress
        var nameserver: Int?
        for case .failed(let candidate, let witness) in outcomes where Resolver.weight(candidate) >= Resolver.weight(failure) {
            (failure, nameserver) = (candidate, witness)
        }
        names[index].failedRounds += 1
        // A single failed round is not reported, except when the name or its records have ceased to exist.
        let isReportable = failure == .noSuchName || failure == .noAddress || names[index].failedRounds >= 2
        if isReportable, names[index].reportedFailure != failure {
            names[index].reportedFailure = failure
            let name = names[index].name
            outputs.append(.log(.warning, sentence(for: failure, of: name, nameserver), about: name))
        }
        if let (hold, loss) = hold(failure), names[index].lastValid.advanced(by: hold) <= now {
            names[index].book.removeAll()
            names[index].services = ServiceBook()
            names[index].places = []
            hasOrphans = true
            for server in names[index].servers where servers[server].address != nil { removeAddress(server, loss) }
        }
        if hold(failure) == nil { useRemembered(index, now: now) } else { names[index].memory = Memory() }
        schedule(index, after: settings.resolveInterval, now: now)
    }

    /// The precedence of failures when record types have failed differently.
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
        let records = name.isOfService ? "service record" : "address"
        let what =
            switch failure {
            case .noAddress: "'\(name)' has no \(records) according to \(witness)"
            case .noSuchName: "'\(name)' does not exist according to \(witness)"
            case .refused: "\(witness) refuses to resolve '\(name)'"
            case .other: "\(witness) fails to resolve '\(name)'"
            case .timeout: "no answer for '\(name)' from any nameserver"
            }
        let consequence = hold(failure) == nil ? "its servers keep their addresses" : "its servers keep their addresses until 'hold' ends"
        return "\(what); \(consequence)"
    }
}
