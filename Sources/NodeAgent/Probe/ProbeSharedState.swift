import LinuxIO
import Synchronization
import Wire

/// The requests to a `probe` section: how many, and the last one.
struct ProbeRequests: Equatable, Sendable {
    /// Requests answered, or TCP connections accepted.
    var count = 0
    /// When the last one arrived; `nil` before the first.
    var last: Instant?
    /// The last one's source; `nil` before the first, and for a UNIX socket.
    var source: IPAddress?
}

/// The state that the probe's thread and the control thread share: atomics, so that no thread waits for another.
///
///     control thread -> probe's thread    an answer for each section, and signs of life
///     any thread     -> probe's thread    the number of stuck forwarding threads
///     probe's thread -> control thread    the number of requests, and the last one's source
final class ProbeSharedState: Sendable {
    /// The answer is fail once the control thread has been stalled for this time.
    static let stalledAfter = Duration.seconds(5)

    private final class Section: Sendable {
        let answer = Atomic<UInt64>(ProbeAnswer(isPassing: false, .starting).word)
        /// For each requirement: usable servers, and in the upper half the unchecked ones.
        let counts: [Count]
        let requestsCount = Atomic<Int>(0)
        let lastRequestAt = Atomic<Int64>(.min)
        /// Odd while the address is being written, by the probe's thread only.
        let version = Atomic<UInt64>(0)
        let high = Atomic<UInt64>(0)
        let low = Atomic<UInt64>(0)

        init(requirements: Int) { counts = (0..<requirements).map { _ in Count() } }
    }

    private final class Count: Sendable { let word = Atomic<UInt64>(0) }

    private let sections: [Section]
    private let requirements: [[ProbeRequirementName]]
    private let lastSignOfLife: Atomic<Int64>
    private let stuckThreads = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)
    private let hasStalled = Atomic<Bool>(false)
    private let connections = Atomic<Int>(0)
    /// Wakes the probe's thread to read the answers again.
    let change: WakeUp

    /// Sections that all fail so far; `requirements` are those of each section.
    init(requirements: [[ProbeRequirementName]], now: Instant) throws(SystemError) {
        self.requirements = requirements
        sections = requirements.map { Section(requirements: $0.count) }
        lastSignOfLife = Atomic(now.nanoseconds)
        change = try WakeUp()
    }

    // MARK: Writing

    /// Publishes the control thread's answer for section `index`.
    func set(_ answer: ProbeAnswer, of index: Int) {
        guard sections[index].answer.exchange(answer.word, ordering: .relaxed) != answer.word else { return }
        change.signal()
    }

    /// Publishes the numbers of servers for each requirement of section `index`.
    func set(_ counts: [ProbeCount], of index: Int) {
        for (cell, count) in zip(sections[index].counts, counts) {
            cell.word.store(UInt64(UInt32(clamping: count.usable)) | UInt64(UInt32(clamping: count.unchecked)) << 32, ordering: .relaxed)
        }
    }

    /// Records a sign of life of the control thread.
    func recordSignOfLife(at now: Instant) { lastSignOfLife.store(now.nanoseconds, ordering: .relaxed) }

    /// Sets the number of stuck forwarding threads: no section passes unless it is zero. Any thread may call it.
    func setStuck(threads count: Int) {
        guard stuckThreads.exchange(count, ordering: .relaxed) != count else { return }
        change.signal()
    }

    /// Makes every section fail, because the process ends.
    func setStopping() {
        isStopping.store(true, ordering: .relaxed)
        change.signal()
    }

    /// Counts a request to section `index`. Only the probe's thread calls it.
    func recordRequest(_ index: Int, from source: IPAddress?, now: Instant) {
        let section = sections[index]
        section.requestsCount.store(section.requestsCount.load(ordering: .relaxed) + 1, ordering: .relaxed)
        let (high, low): (UInt64, UInt64) =
            switch source {
            case .v4(let bits): (0, 0xffff << 32 | UInt64(bits))
            case .v6(let high, let low): (high, low)
            case nil: (0, 0)
            }
        section.version.wrappingAdd(1, ordering: .sequentiallyConsistent)
        section.high.store(high, ordering: .sequentiallyConsistent)
        section.low.store(low, ordering: .sequentiallyConsistent)
        section.lastRequestAt.store(now.nanoseconds, ordering: .sequentiallyConsistent)
        section.version.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    /// Sets the number of open connections. Only the probe's thread calls it.
    func setOpen(connections count: Int) { connections.store(count, ordering: .relaxed) }

    // MARK: Reading

    /// The number of load balancers' open connections.
    var connectionsOpen: Int { connections.load(ordering: .relaxed) }

    /// The answer of section `index`: the control thread's, unless that thread is stalled or forwarding threads are stuck.
    ///
    /// - Parameter ranSince: since when the calling thread has run without a pause. After the whole process was suspended, the control thread does not
    ///   count as stalled: no thread could run.
    func answer(of index: Int, ranSince: Instant, stalledAfter: Duration = stalledAfter, now: Instant) -> ProbeAnswer {
        if isStopping.load(ordering: .relaxed) { return ProbeAnswer(isPassing: false, .stopping) }
        let sign = max(ranSince, Instant(nanoseconds: lastSignOfLife.load(ordering: .relaxed)))
        if sign.advanced(by: stalledAfter) < now {
            hasStalled.store(true, ordering: .relaxed)
            return ProbeAnswer(isPassing: false, .stalled)
        }
        let stuck = stuckThreads.load(ordering: .relaxed)
        if stuck > 0 { return ProbeAnswer(isPassing: false, .stuck(threads: stuck)) }
        return ProbeAnswer(word: sections[index].answer.load(ordering: .relaxed))
    }

    /// Returns whether any request has been answered with `stalled` since the last call.
    func consumeStalled() -> Bool { hasStalled.exchange(false, ordering: .relaxed) }

    /// The numbers of servers for each requirement of section `index`.
    func counts(of index: Int) -> [ProbeCount] {
        sections[index].counts.map { cell in
            let word = cell.word.load(ordering: .relaxed)
            return ProbeCount(usable: Int(word & 0xffff_ffff), unchecked: Int(word >> 32))
        }
    }

    /// The requirements of section `index`.
    func requirements(of index: Int) -> [ProbeRequirementName] { requirements[index] }

    /// The requests to section `index`.
    func requests(of index: Int) -> ProbeRequests {
        let section = sections[index]
        var requests = ProbeRequests(count: section.requestsCount.load(ordering: .relaxed))
        // A write takes nanoseconds. After 100 collisions with writes the reader leaves the last request out.
        for _ in 0..<100 {
            let before = section.version.load(ordering: .sequentiallyConsistent)
            let (high, low) = (section.high.load(ordering: .sequentiallyConsistent), section.low.load(ordering: .sequentiallyConsistent))
            let last = section.lastRequestAt.load(ordering: .sequentiallyConsistent)
            guard before % 2 == 0, section.version.load(ordering: .sequentiallyConsistent) == before else { continue }
            requests.last = last == .min ? nil : Instant(nanoseconds: last)
            requests.source = Self.address(high, low)
            return requests
        }
        return requests
    }

    private static func address(_ high: UInt64, _ low: UInt64) -> IPAddress? {
        if high == 0, low >> 32 == 0xffff { return .v4(UInt32(truncatingIfNeeded: low)) }
        return high == 0 && low == 0 ? nil : .v6(high: high, low: low)
    }
}

/// Since when a thread has run without a pause, which it detects by its own late wake-ups.
struct WakeUpMonitor: Equatable, Sendable {
    /// A thread wakes up at least this often.
    static let interval = Duration.milliseconds(500)
    /// A wake-up that is this late means a pause.
    static let lateness = Duration.seconds(1)

    /// When the thread last began to run.
    private(set) var start: Instant
    private var last: Instant

    /// A thread that begins to run at `now`.
    init(now: Instant) { (start, last) = (now, now) }

    /// Records a wake-up.
    mutating func recordWakeUp(now: Instant) {
        if last.advanced(by: Self.interval + Self.lateness) < now { start = now }
        last = now
    }
}
