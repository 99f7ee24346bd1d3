import Proxy
import Wire

/// A name whose address a start needs.
struct NameInquiry: Equatable, Sendable {
    /// The name, and the preferred family.
    let question: NameQuestion
    /// Whether the start has a fallback if there is no answer, and therefore waits less.
    var hasFallback: Bool
}

/// Looks up all names of a start at once, without I/O. Feed one input, drain `nextOutput`, re-arm `nextDeadline`.
///
/// The candidates of a name (resolv.conf's `search`) are resolved one after another; each is sent to all nameservers. The lookup of a name ends
/// - when there are addresses of its family, or all nameservers have answered;
/// - when no question is open: the kernel reports that no process listens, or that there is no route;
/// - when the round's time is over. All names share this time, which is far below the time that a master grants a starting worker.
struct LookupRound {
    /// How long the round waits for answers.
    static let timeout = Duration.seconds(10)
    /// How long it waits if every unanswered name has a fallback.
    static let timeoutWithFallback = Duration.seconds(3)
    /// The longest time between repetitions of a question.
    static let retryTimeoutMax = Duration.seconds(2)
    /// The most questions open at once; further names wait for their turn.
    static let questionsMax = 256
    /// The UDP payload size that questions announce, in bytes.
    private static let payloadBytesMax = 1232

    /// Why a candidate has no address.
    typealias Problem = NameLookupError.Problem

    private struct Entry {
        let inquiry: NameInquiry
        let name: DNSName
        /// The candidates after the one being resolved.
        var candidates: ArraySlice<DNSName>
        var resolution: Resolution?
        /// The best denial of earlier candidates.
        var denial: Problem?
        var result: Result<[IPAddress], NameLookupError>?
    }

    private let nameservers: [String]
    private let begin: Instant
    private var entries: [Entry]
    private var group: NameserverGroup
    /// The entries with open questions.
    private var active: [Int] = []

    /// A round that begins now.
    ///
    /// - Parameters:
    ///   - inquiries: names that only nameservers know.
    ///   - nameservers: the nameservers' names, for errors.
    ///   - random: the source of message identifiers.
    init(_ inquiries: [NameInquiry], _ configuration: ResolvConf, nameservers: [String], random: any RandomNumberGenerator, now: Instant) {
        self.nameservers = nameservers
        begin = now
        entries = inquiries.compactMap { inquiry in
            DNSName(inquiry.question.name).map { Entry(inquiry: inquiry, name: $0, candidates: configuration.candidates(for: inquiry.question.name)[...]) }
        }
        let timeout = min(configuration.timeout * configuration.attempts, Self.timeout)
        let retryTimeout = min(configuration.timeout, Self.retryTimeoutMax)
        let attempts = Int((timeout / retryTimeout).rounded(.up))
        group = NameserverGroup(
            settings: NameserverGroup.Settings(
                transports: nameservers.map { _ in .udp }, retriesMax: attempts - 1, retryTimeout: retryTimeout, payloadBytesMax: Self.payloadBytesMax,
                questionsMax: Self.questionsMax), random: random)
        startWaiting(now: now)
    }

    /// The result for each name; complete once `isOver`.
    var results: [NameQuestion: Result<[IPAddress], NameLookupError>] {
        Dictionary(entries.compactMap { entry in entry.result.map { (entry.inquiry.question, $0) } }) { first, _ in first }
    }

    /// Whether the lookups of all names have ended.
    var isOver: Bool { entries.allSatisfy { $0.result != nil } }

    /// When to call `deadlinePassed`; `nil` once the round is over.
    var nextDeadline: Instant? { isOver ? nil : min(end, active.compactMap { entries[$0].resolution?.nextDeadline }.min() ?? end) }

    /// When the round stops waiting.
    private var end: Instant {
        let isUrgent = entries.contains { $0.result == nil && !$0.inquiry.hasFallback }
        return begin.advanced(by: isUrgent ? Self.timeout : Self.timeoutWithFallback)
    }

    /// The next action for the caller; drain until `nil` after every input.
    mutating func nextOutput() -> QuestionOutput? { group.nextOutput() }

    /// Processes a message to the socket of question `number`.
    mutating func receive(_ message: [UInt8], for number: UInt64, now: Instant) {
        guard let index = active.first(where: { entries[$0].resolution?.expects(number) ?? false }) else { return }
        entries[index].resolution?.receive(message, for: number, &group, now: now)
        advance(index, now: now)
    }

    /// Processes a failure of question `number`: it could not be sent, or its connection ended without an answer.
    mutating func questionFailed(_ number: UInt64, now: Instant) {
        guard let index = active.first(where: { entries[$0].resolution?.expects(number) ?? false }) else { return }
        entries[index].resolution?.questionFailed(number, &group)
        advance(index, now: now)
    }

    /// Repeats unanswered questions; fails the remaining names when the round's time is over.
    mutating func deadlinePassed(now: Instant) {
        let isEnd = end <= now
        for index in active {
            if isEnd { entries[index].resolution?.giveUp(&group) } else { entries[index].resolution?.deadlinePassed(&group, now: now) }
            advance(index, now: now)
        }
        guard isEnd else { return }
        for index in entries.indices where entries[index].result == nil {
            entries[index].resolution?.giveUp(&group)
            fail(index, with: entries[index].denial ?? .noAnswer(from: nameservers))
        }
        active = []
    }

    private mutating func startWaiting(now: Instant) {
        guard now < end else { return }
        for index in entries.indices where entries[index].result == nil && entries[index].resolution == nil {
            guard group.hasRoom(forTypes: 2) else { return }
            guard let candidate = entries[index].candidates.popFirst() else {
                fail(index, with: entries[index].denial ?? .notAName)
                continue
            }
            entries[index].resolution = Resolution(candidate, &group, now: now)
            active.append(index)
        }
    }

    /// If the present candidate of name `index` has ended, ends the name's lookup or starts the next candidate.
    private mutating func advance(_ index: Int, now: Instant) {
        guard var resolution = entries[index].resolution else { return }
        if resolution.openQuestions == 0 { resolution.giveUp(&group) }
        let family = entries[index].inquiry.question.family
        guard resolution.isSettled || resolution.outcome(family)?.addresses.isEmpty == false else { return }
        resolution.cancel(&group)
        entries[index].resolution = nil
        active.removeAll { $0 == index }
        let outcomes = [family, family == .v4 ? .v6 : .v4].compactMap { resolution.outcome($0) }
        let found = outcomes.flatMap(\.addresses)
        if found.isEmpty { handle(problem(outcomes), of: resolution.name, index) } else { entries[index].result = .success(found) }
        startWaiting(now: now)
    }

    /// Records why a candidate of name `index` has no address. A failure of the nameservers ends the lookup.
    private mutating func handle(_ problem: Problem, of candidate: DNSName, _ index: Int) {
        let earlier = entries[index].denial
        switch problem {
        // The name as configured is more informative than one with a search domain.
        case .noSuchName: entries[index].denial = candidate == entries[index].name ? problem : earlier ?? problem
        case .noAddress: entries[index].denial = problem
        default: fail(index, with: problem)
        }
    }

    private mutating func fail(_ index: Int, with problem: Problem) {
        entries[index].resolution = nil
        entries[index].result = .failure(NameLookupError(name: entries[index].inquiry.question.name, problem: problem))
    }

    /// The reason if both families have failed. A denial for one family outweighs silence for the other.
    private func problem(_ outcomes: [RecordOutcome]) -> Problem {
        var problems: [Problem] = []
        for case .failed(let failure, let nameserver) in outcomes {
            let witness = nameserver.map { nameservers[$0] } ?? ""
            switch failure {
            case .noSuchName: return .noSuchName(according: witness)
            case .noAddress: problems.append(.noAddress(according: witness))
            case .refused: problems.insert(.refused(by: witness), at: 0)
            case .other: problems.insert(.failed(by: witness), at: 0)
            case .timeout: problems.insert(.noAnswer(from: nameservers), at: 0)
            }
        }
        return problems.first ?? .noAnswer(from: nameservers)
    }
}
