/// Notices a forwarding thread that does not come round, by looking at how often it has. No I/O, no clock: a process that was stopped has not looked either.
package struct StuckThreads: Sendable {
    /// What a look has found.
    package enum Finding: Equatable, Sendable {
        /// This thread has not come round for `slowAfter` looks.
        case slow(Int)
        /// This thread has not come round for `deadAfter` looks.
        case dead(Int)
    }

    /// Between two looks while a thread has something to do.
    package static let interval = Duration.milliseconds(250)
    /// Between two looks while all threads are idle.
    package static let idleInterval = Duration.seconds(1)
    /// Looks after which a thread counts as slow: one second.
    package static let slowAfter = 4
    /// Looks after which a thread counts as dead: ten seconds.
    package static let deadAfter = 40

    private var rounds: [UInt64?]
    private var looks: [Int]

    /// How many threads have not come round for `slowAfter` looks.
    package var slowCount: Int { looks.count { $0 >= Self.slowAfter } }

    /// How long after this look the next one is due.
    package var pause: Duration { rounds.allSatisfy { $0 == nil } ? Self.idleInterval : Self.interval }

    /// Threads that have not been looked at.
    package init(threads: Int) {
        rounds = Array(repeating: nil, count: threads)
        looks = Array(repeating: 0, count: threads)
    }

    /// Compares each thread's number of rounds with the last look; `nil` stands for an idle thread, which waits in epoll while nothing is ready for it.
    package mutating func look(_ present: [UInt64?]) -> [Finding] {
        var findings: [Finding] = []
        for (thread, round) in present.enumerated() where rounds.indices.contains(thread) {
            guard let round, round == rounds[thread] else {
                (rounds[thread], looks[thread]) = (round, 0)
                continue
            }
            looks[thread] += 1
            switch looks[thread] {
            case Self.slowAfter: findings.append(.slow(thread))
            case Self.deadAfter: findings.append(.dead(thread))
            default: break
            }
        }
        return findings
    }
}
