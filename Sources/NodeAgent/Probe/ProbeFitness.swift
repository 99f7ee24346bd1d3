import LinuxIO
import Synchronization
import Wire

/// Who asked a `probe` section, and how often.
struct ProbeQuestions: Equatable, Sendable {
    /// Requests answered, or connections taken.
    var count = 0
    /// When the last one came; `nil` before.
    var last: Instant?
    /// Where it came from; `nil` before, and for a UNIX socket's.
    var source: IPAddress?
}

/// What the probe's thread and the control thread tell each other: atomics, nobody waits for anybody.
///
///     control thread -> probe's thread    an answer for each section, and that it has come round
///     any thread     -> probe's thread    that workers do not come round
///     probe's thread -> control thread    who asked last, and how often
final class ProbeFitness: Sendable {
    /// A control thread that has not come round for so long decides nothing: the answer is fail.
    static let starvedAfter = Duration.seconds(5)

    private final class Section: Sendable {
        let answer = Atomic<UInt64>(ProbeAnswer(isPassing: false, .starting).word)
        /// For each requirement: usable servers, and in the upper half the unchecked ones.
        let counts: [Count]
        let asked = Atomic<Int>(0)
        let lastAsked = Atomic<Int64>(.min)
        /// Odd while the address is being written, which only the probe's thread does.
        let version = Atomic<UInt64>(0)
        let high = Atomic<UInt64>(0)
        let low = Atomic<UInt64>(0)

        init(requirements: Int) { counts = (0..<requirements).map { _ in Count() } }
    }

    private final class Count: Sendable { let word = Atomic<UInt64>(0) }

    private let sections: [Section]
    private let requirements: [[ProbeRequirementName]]
    private let cameRound: Atomic<Int64>
    private let stuckThreads = Atomic<Int>(0)
    private let isLeaving = Atomic<Bool>(false)
    private let hasStarved = Atomic<Bool>(false)
    private let connections = Atomic<Int>(0)
    /// Wakes the probe's thread, which then looks again.
    let change: WakeUp

    /// Every section of the configuration fails so far; `requirements` are theirs.
    init(requirements: [[ProbeRequirementName]], now: Instant) throws(SystemError) {
        self.requirements = requirements
        sections = requirements.map { Section(requirements: $0.count) }
        cameRound = Atomic(now.nanoseconds)
        change = try WakeUp()
    }

    // MARK: What is told

    /// The control thread's answer for section `index`.
    func set(_ answer: ProbeAnswer, of index: Int) {
        guard sections[index].answer.exchange(answer.word, ordering: .relaxed) != answer.word else { return }
        change.signal()
    }

    /// The number of servers for each requirement of section `index`.
    func set(_ counts: [ProbeCount], of index: Int) {
        for (cell, count) in zip(sections[index].counts, counts) {
            cell.word.store(UInt64(UInt32(clamping: count.usable)) | UInt64(UInt32(clamping: count.unchecked)) << 32, ordering: .relaxed)
        }
    }

    /// The control thread has come round at `now`.
    func setCameRound(at now: Instant) { cameRound.store(now.nanoseconds, ordering: .relaxed) }

    /// So many workers do not come round: no section passes before there are none. Any thread may say so.
    func setStuck(threads count: Int) {
        guard stuckThreads.exchange(count, ordering: .relaxed) != count else { return }
        change.signal()
    }

    /// The process ends: no section passes from here on.
    func setStopping() {
        isLeaving.store(true, ordering: .relaxed)
        change.signal()
    }

    /// Section `index` has been asked. Only the probe's thread says so.
    func asked(_ index: Int, from source: IPAddress?, now: Instant) {
        let section = sections[index]
        section.asked.store(section.asked.load(ordering: .relaxed) + 1, ordering: .relaxed)
        let (high, low): (UInt64, UInt64) =
            switch source {
            case .v4(let bits): (0, 0xffff << 32 | UInt64(bits))
            case .v6(let high, let low): (high, low)
            case nil: (0, 0)
            }
        section.version.wrappingAdd(1, ordering: .sequentiallyConsistent)
        section.high.store(high, ordering: .sequentiallyConsistent)
        section.low.store(low, ordering: .sequentiallyConsistent)
        section.lastAsked.store(now.nanoseconds, ordering: .sequentiallyConsistent)
        section.version.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    /// So many connections are open. Only the probe's thread says so.
    func setOpen(connections count: Int) { connections.store(count, ordering: .relaxed) }

    // MARK: What is read

    /// How many connections of load balancers are open.
    var connectionsOpen: Int { connections.load(ordering: .relaxed) }

    /// What section `index` answers: the control thread's word, unless it does not come round, or threads do not.
    ///
    /// - Parameter ranSince: since when the thread that asks has been running without a pause. A process that was stopped as a whole
    ///   is not starved when it goes on: what the control thread has missed it has missed, too.
    func answer(of index: Int, ranSince: Instant, starvedAfter: Duration = starvedAfter, now: Instant) -> ProbeAnswer {
        if isLeaving.load(ordering: .relaxed) { return ProbeAnswer(isPassing: false, .stopping) }
        let sign = max(ranSince, Instant(nanoseconds: cameRound.load(ordering: .relaxed)))
        if sign.advanced(by: starvedAfter) < now {
            hasStarved.store(true, ordering: .relaxed)
            return ProbeAnswer(isPassing: false, .starved)
        }
        let stuck = stuckThreads.load(ordering: .relaxed)
        if stuck > 0 { return ProbeAnswer(isPassing: false, .stuck(threads: stuck)) }
        return ProbeAnswer(word: sections[index].answer.load(ordering: .relaxed))
    }

    /// Whether somebody has been answered `starved` since this was last asked.
    func takeStarved() -> Bool { hasStarved.exchange(false, ordering: .relaxed) }

    /// The number of servers for each requirement of section `index`.
    func counts(of index: Int) -> [ProbeCount] {
        sections[index].counts.map { cell in
            let word = cell.word.load(ordering: .relaxed)
            return ProbeCount(usable: Int(word & 0xffff_ffff), unchecked: Int(word >> 32))
        }
    }

    /// What section `index` requires.
    func requirements(of index: Int) -> [ProbeRequirementName] { requirements[index] }

    /// Who has asked section `index`.
    func questions(of index: Int) -> ProbeQuestions {
        let section = sections[index]
        var questions = ProbeQuestions(count: section.asked.load(ordering: .relaxed))
        // The writer needs nanoseconds: a reader that meets it this often does without the address.
        for _ in 0..<100 {
            let before = section.version.load(ordering: .sequentiallyConsistent)
            let (high, low) = (section.high.load(ordering: .sequentiallyConsistent), section.low.load(ordering: .sequentiallyConsistent))
            let last = section.lastAsked.load(ordering: .sequentiallyConsistent)
            guard before % 2 == 0, section.version.load(ordering: .sequentiallyConsistent) == before else { continue }
            questions.last = last == .min ? nil : Instant(nanoseconds: last)
            questions.source = Self.address(high, low)
            return questions
        }
        return questions
    }

    private static func address(_ high: UInt64, _ low: UInt64) -> IPAddress? {
        if high == 0, low >> 32 == 0xffff { return .v4(UInt32(truncatingIfNeeded: low)) }
        return high == 0 && low == 0 ? nil : .v6(high: high, low: low)
    }
}

/// Since when a thread has been running without a pause, which it notices by coming round late.
struct RunningSince: Equatable, Sendable {
    /// A thread comes round at least this often.
    static let interval = Duration.milliseconds(500)
    /// This much later it has not run meanwhile.
    static let lateness = Duration.seconds(1)

    /// Since when it has been running.
    private(set) var start: Instant
    private var last: Instant

    /// A thread that begins to run.
    init(now: Instant) { (start, last) = (now, now) }

    /// It has come round.
    mutating func come(now: Instant) {
        if last.advanced(by: Self.interval + Self.lateness) < now { start = now }
        last = now
    }
}
