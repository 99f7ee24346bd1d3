/// Detects forwarding threads that are stuck, by polling their counts of rounds. It does no I/O and reads no clock, so that time in which the process was
/// stopped does not count.
package struct StuckThreads: Sendable {
    /// The finding of a poll.
    package enum Finding: Equatable, Sendable {
        /// This thread has been stuck for `slowAfter` polls.
        case slow(Int)
        /// This thread has been stuck for `deadAfter` polls.
        case dead(Int)
    }

    /// The time between polls while a thread has work.
    package static let interval = Duration.milliseconds(250)
    /// The time between polls while all threads are idle.
    package static let idleInterval = Duration.seconds(1)
    /// The number of polls after which a thread is slow: one second.
    package static let slowAfter = 4
    /// The number of polls after which a thread is dead: ten seconds.
    package static let deadAfter = 40

    private var rounds: [UInt64?]
    private var stuckPolls: [Int]

    /// The number of threads that have been stuck for `slowAfter` polls or more.
    package var slowCount: Int { stuckPolls.count { $0 >= Self.slowAfter } }

    /// The time until the next poll.
    package var pause: Duration { rounds.allSatisfy { $0 == nil } ? Self.idleInterval : Self.interval }

    /// Creates the state before the first poll.
    package init(threads: Int) {
        rounds = Array(repeating: nil, count: threads)
        stuckPolls = Array(repeating: 0, count: threads)
    }

    /// Compares each thread's number of rounds with the last poll. `nil` means idle: the thread waits in epoll, and no event waits for it.
    package mutating func poll(_ present: [UInt64?]) -> [Finding] {
        var findings: [Finding] = []
        for (thread, round) in present.enumerated() where rounds.indices.contains(thread) {
            guard let round, round == rounds[thread] else {
                (rounds[thread], stuckPolls[thread]) = (round, 0)
                continue
            }
            stuckPolls[thread] += 1
            switch stuckPolls[thread] {
            case Self.slowAfter: findings.append(.slow(thread))
            case Self.deadAfter: findings.append(.dead(thread))
            default: break
            }
        }
        return findings
    }
}
