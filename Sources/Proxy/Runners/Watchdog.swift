import Glibc
import LinuxIO
import Synchronization
import Wire

/// What a forwarding thread does, for when it does not come round.
package enum ThreadPlace: UInt64, Sendable {
    /// It waits for something to happen.
    case waiting
    /// It moves bytes, connects and ends sessions.
    case sessions
    /// It reads what other threads have told it.
    case mail
    /// It accepts connections.
    case accepting
    /// It looks after timeouts.
    case timeouts
    /// It sends log lines.
    case logging
}

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

/// The thread that looks after the forwarding threads. One that is stuck is told of after a second; after ten the process ends, so that another can take its place.
package final class Watchdog {
    private final class Stop: Sendable {
        let isAsked = Atomic<Bool>(false)
        let wakeUp: WakeUp
        init() throws(SystemError) { wakeUp = try WakeUp() }
    }

    private let stop: Stop
    private var thread: LinuxIO.Thread?

    /// Starts to look.
    ///
    /// - Parameters:
    ///   - tell: called on the watchdog's thread, at every look, with how many threads have not come round for a second.
    ///   - giveUp: called on the watchdog's thread with the thread's number, from 0, and its last place; it should not return.
    package init(
        _ forwarder: Forwarder, tell: @escaping @Sendable (Int) -> Void, giveUp: @escaping @Sendable (Int, ThreadPlace) -> Void
    ) throws(SystemError) {
        let stop = try Stop()
        self.stop = stop
        thread = try LinuxIO.Thread(named: "watchdog") { [state = forwarder.state, pollers = forwarder.pollers] in
            var stuck = StuckThreads(threads: state.counters.count)
            while !stop.isAsked.load(ordering: .acquiring) {
                for finding in stuck.look(Self.rounds(state, pollers)) {
                    switch finding {
                    case .slow(let thread):
                        state.process[0].pointee.slowThreads.bitwiseOr(1 << UInt64(thread), ordering: .relaxed)
                        state.controlWakeUp.signal()
                    case .dead(let thread): giveUp(thread, state.place(ofThread: thread))
                    }
                }
                tell(stuck.slowCount)
                var request = pollfd(fd: stop.wakeUp.raw, events: Int16(POLLIN), revents: 0)
                poll(&request, 1, Int32(stuck.pause.wholeMilliseconds))
            }
        }
    }

    /// How many rounds each thread has begun; `nil` for an idle one. This wakes no thread.
    static func rounds(_ state: ForwardingState, _ pollers: [OpenFile]) -> [UInt64?] {
        var requests = pollers.enumerated().map { thread, poller in
            pollfd(fd: state.place(ofThread: thread) == .waiting ? poller.raw : -1, events: Int16(POLLIN), revents: 0)
        }
        poll(&requests, nfds_t(requests.count), 0)
        return requests.enumerated().map { thread, request in
            request.fd >= 0 && request.revents == 0 ? nil : state.counters[thread].rounds.value
        }
    }

    /// Looks no more.
    package func end() {
        stop.isAsked.store(true, ordering: .releasing)
        stop.wakeUp.signal()
        thread.take()?.join()
    }
}
