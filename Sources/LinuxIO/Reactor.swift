import CLinux
import Glibc
import Wire

/// Which readiness a watch asks for.
package struct Interest: OptionSet, Sendable {
    /// epoll's bits.
    package let rawValue: UInt32
    /// From epoll's bits.
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Bytes, a connection or the end of the stream wait.
    package static let read = Interest(rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
    /// Bytes can be sent, or a connect has ended.
    package static let write = Interest(rawValue: EPOLLOUT.rawValue)
    /// An error, or the end in both directions: the other end of a UNIX socket is closed, or a TCP connection was reset. Reported without a request.
    package static let hangUp = Interest(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
}

/// A timer of a `Reactor`, to cancel it by.
package struct TimerToken: Hashable, Sendable {
    fileprivate let deadline: Instant
    fileprivate let number: UInt64
}

/// The control thread's event loop: level-triggered descriptors and timers, one handler each.
///
/// One thread makes, feeds and runs it. It is not for the path of a client's bytes: a worker has a loop of its own.
package final class Reactor {
    /// So many that all that has come is seen before timers find that it has not.
    private static let eventsMax = 1024

    private let poller: Poller
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: eventsMax)
    private var handlers: [Int32: (generation: UInt32, handler: (Interest) -> Void)] = [:]
    private var generation: UInt32 = 0
    /// Sorted by (deadline, number), earliest last.
    private var timers: [(token: TimerToken, handler: () -> Void)] = []
    private var timerNumber: UInt64 = 0
    private var isStopped = false

    /// The clock as it was when the present round of handlers began.
    package private(set) var now: Instant = MonotonicClock.now()

    /// Opens the loop's epoll instance.
    package init() throws(SystemError) { poller = try Poller() }

    deinit { events.deallocate() }

    /// Calls `handler` whenever `raw` is ready for `interest`; an error or hang-up shows as all three. The caller keeps `raw` open until `unwatch`.
    package func watch(_ raw: Int32, for interest: Interest, _ handler: @escaping (Interest) -> Void) throws(SystemError) {
        precondition(handlers[raw] == nil, "descriptor \(raw) is watched already")
        generation &+= 1
        try poller.add(raw, events: interest.rawValue, token: UInt64(generation) << 32 | UInt64(UInt32(bitPattern: raw)))
        handlers[raw] = (generation, handler)
    }

    /// Changes what a watched `raw` is watched for.
    package func rewatch(_ raw: Int32, for interest: Interest) throws(SystemError) {
        guard let entry = handlers[raw] else { preconditionFailure("descriptor \(raw) is not watched") }
        try poller.modify(raw, events: interest.rawValue, token: UInt64(entry.generation) << 32 | UInt64(UInt32(bitPattern: raw)))
    }

    /// Stops watching `raw`. To be called before it is closed.
    package func unwatch(_ raw: Int32) {
        guard handlers.removeValue(forKey: raw) != nil else { return }
        poller.remove(raw)
    }

    /// Calls `handler` once, at `deadline` or as soon after as the loop comes round.
    @discardableResult
    package func setTimer(at deadline: Instant, _ handler: @escaping () -> Void) -> TimerToken {
        timerNumber += 1
        let token = TimerToken(deadline: deadline, number: timerNumber)
        timers.insert((token, handler), at: position(of: token))
        return token
    }

    /// Calls `handler` once in the next round, after the descriptors that are ready by then, so that other work runs between the pieces of long work.
    package func inNextRound(_ handler: @escaping () -> Void) { setTimer(at: now.advanced(by: .nanoseconds(1)), handler) }

    /// Forgets a timer; nothing happens when it has fired already.
    package func cancel(_ token: TimerToken) {
        let index = position(of: token)
        if index < timers.count, timers[index].token == token { timers.remove(at: index) }
    }

    /// Runs handlers until `stop`.
    package func run() {
        while !isStopped { runOnce(waitingAtMost: .seconds(3600)) }
    }

    /// Ends `run` after the present round.
    package func stop() { isStopped = true }

    /// One round: waits for readiness or the next timer, at most `limit`, and calls what is due.
    package func runOnce(waitingAtMost limit: Duration) {
        let current = MonotonicClock.now()
        let wait = timers.last.map { min(limit, max(.zero, current.duration(to: $0.token.deadline))) } ?? limit
        let milliseconds = Int32(clamping: (wait.wholeNanoseconds + 999_999) / 1_000_000)
        let count = poller.wait(events, milliseconds: milliseconds)
        now = MonotonicClock.now()
        for index in 0..<count {
            let event = events[index]
            let raw = Int32(truncatingIfNeeded: event.data.u64)
            guard let entry = handlers[raw], UInt64(entry.generation) == event.data.u64 >> 32 else { continue }
            let failed = event.events & Interest.hangUp.rawValue != 0
            entry.handler(failed ? [.read, .write, .hangUp] : Interest(rawValue: event.events))
        }
        while let last = timers.last, last.token.deadline <= now {
            timers.removeLast()
            last.handler()
        }
    }

    /// Where `token` stands or would stand.
    private func position(of token: TimerToken) -> Int {
        var low = 0
        var high = timers.count
        while low < high {
            let middle = (low + high) / 2
            let other = timers[middle].token
            if (other.deadline, other.number) > (token.deadline, token.number) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
