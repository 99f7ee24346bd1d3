import Glibc
import LinuxIO
import Synchronization
import Wire

/// The thread that watches the forwarding threads. It reports a thread that has been stuck for a second. After ten seconds the process ends, so that another
/// one can replace it.
package final class Watchdog {
    private final class Stop: Sendable {
        let isRequested = Atomic<Bool>(false)
        let wakeUp: WakeUp
        init() throws(SystemError) { wakeUp = try WakeUp() }
    }

    private let stop: Stop
    private var thread: LinuxIO.Thread?

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - report: called on the watchdog's thread, at every poll, with the number of threads that have been stuck for a second.
    ///   - giveUp: called on the watchdog's thread with the stuck thread's number, from 0, and its last activity. It should not return.
    package init(
        _ forwarder: Forwarder, report: @escaping @Sendable (Int) -> Void, giveUp: @escaping @Sendable (Int, ThreadActivity) -> Void
    ) throws(SystemError) {
        let stop = try Stop()
        self.stop = stop
        thread = try LinuxIO.Thread(named: "watchdog") { [state = forwarder.state, pollers = forwarder.pollers] in
            var stuck = StuckThreads(threads: state.counters.count)
            while !stop.isRequested.load(ordering: .acquiring) {
                for finding in stuck.poll(Self.rounds(state, pollers)) {
                    switch finding {
                    case .slow(let thread):
                        state.process[0].pointee.slowThreads.bitwiseOr(1 << UInt64(thread), ordering: .relaxed)
                        state.controlWakeUp.signal()
                    case .dead(let thread): giveUp(thread, state.activity(ofThread: thread))
                    }
                }
                report(stuck.slowCount)
                var request = pollfd(fd: stop.wakeUp.raw, events: Int16(POLLIN), revents: 0)
                poll(&request, 1, Int32(stuck.pause.wholeMilliseconds))
            }
        }
    }

    /// The number of rounds that each thread has begun; `nil` for an idle one. Reading it wakes no thread.
    static func rounds(_ state: ForwardingState, _ pollers: [OpenFile]) -> [UInt64?] {
        var requests = pollers.enumerated().map { thread, poller in
            pollfd(fd: state.activity(ofThread: thread) == .waiting ? poller.raw : -1, events: Int16(POLLIN), revents: 0)
        }
        poll(&requests, nfds_t(requests.count), 0)
        return requests.enumerated().map { thread, request in
            request.fd >= 0 && request.revents == 0 ? nil : state.counters[thread].own.rounds.value
        }
    }

    /// Stops the thread.
    package func end() {
        stop.isRequested.store(true, ordering: .releasing)
        stop.wakeUp.signal()
        thread.take()?.join()
    }
}
