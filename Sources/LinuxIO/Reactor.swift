import CLinux
import Glibc
import Wire

/// The kinds of readiness that a watch reports.
package struct Interest: OptionSet, Sendable {
    /// The bits of epoll.
    package let rawValue: UInt32
    /// Creates the set from the bits of epoll.
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Bytes, a connection or the end of the stream can be read.
    package static let read = Interest(rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
    /// Bytes can be sent, or a connect has completed.
    package static let write = Interest(rawValue: EPOLLOUT.rawValue)
    /// An error, or the end of both directions: the peer of a UNIX socket is closed, or a TCP connection was reset. Always reported.
    package static let hangUp = Interest(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)

    /// Converts what the kernel reports. An error or hang-up sets all three.
    fileprivate init(reported bits: UInt32) { self = bits & Interest.hangUp.rawValue != 0 ? [.read, .write, .hangUp] : Interest(rawValue: bits) }

    /// Polls `raw` once, without waiting and outside the loop, and returns the readiness among `interest`. An error or hang-up sets all three.
    package static func ready(_ raw: Int32, for interest: Interest) -> Interest {
        // poll(2) and epoll use the same bits.
        var entry = pollfd(fd: raw, events: Int16(truncatingIfNeeded: interest.rawValue), revents: 0)
        guard poll(&entry, 1, 0) == 1 else { return [] }
        return Interest(reported: UInt32(UInt16(bitPattern: entry.revents)))
    }
}

/// The control thread's event loop: level-triggered descriptors and timers, with one handler each.
///
/// A round handles a bounded number of events, then the timers that are due, by the rule of `TimerQueue`. The loop therefore returns to urgent work soon, no
/// matter how much other work there is. A timer may fire before an event that waits for a later round: a timer that decides on silence must poll its socket
/// first.
///
/// One thread creates, uses and runs it. It is not for client bytes: each forwarding thread has its own loop.
package final class Reactor {
    /// The limit on events in a round.
    package static let eventsMax = 32

    private let poller: Poller
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: eventsMax)
    private var handlers: [Int32: (generation: UInt32, handler: (Interest) -> Void)] = [:]
    private var generation: UInt32 = 0
    private var timers = TimerQueue<() -> Void>()
    private var delay: LoopDelay
    private var isStopped = false

    /// The time at the start of the current round of handlers. In a deferrable timer's handler it is the start of that handler.
    package private(set) var now: Instant

    /// The longest time for which the current handler's event may have waited for this thread.
    package var delayBound: Duration { delay.bound(now: MonotonicClock.now()) }

    /// Opens the loop's epoll instance.
    package init() throws(SystemError) {
        poller = try Poller()
        now = MonotonicClock.now()
        delay = LoopDelay(now: now)
    }

    deinit { events.deallocate() }

    /// Calls `handler` whenever `raw` is ready for `interest`. An error or hang-up sets all three. The caller keeps `raw` open until `unwatch`.
    package func watch(_ raw: Int32, for interest: Interest, _ handler: @escaping (Interest) -> Void) throws(SystemError) {
        precondition(handlers[raw] == nil, "descriptor \(raw) is watched already")
        generation &+= 1
        try poller.add(raw, events: interest.rawValue, token: UInt64(generation) << 32 | UInt64(UInt32(bitPattern: raw)))
        handlers[raw] = (generation, handler)
    }

    /// Changes the interest of a watched `raw`.
    package func rewatch(_ raw: Int32, for interest: Interest) throws(SystemError) {
        guard let entry = handlers[raw] else { preconditionFailure("descriptor \(raw) is not watched") }
        try poller.modify(raw, events: interest.rawValue, token: UInt64(entry.generation) << 32 | UInt64(UInt32(bitPattern: raw)))
    }

    /// Stops watching `raw`, before the caller closes it.
    package func unwatch(_ raw: Int32) {
        guard handlers.removeValue(forKey: raw) != nil else { return }
        poller.remove(raw)
    }

    /// Stops watching `raw` without a system call. The caller must close the last copy of `raw` before the next wait; the kernel then
    /// unregisters it.
    package func unwatch(closing raw: Int32) { handlers[raw] = nil }

    /// Calls `handler` once, in the first round after `deadline`.
    @discardableResult
    package func setTimer(at deadline: Instant, _ urgency: TimerUrgency = .ordinary, _ handler: @escaping () -> Void) -> TimerToken {
        timers.set(at: deadline, urgency, handler)
    }

    /// Calls `handler` once in the next round, after the descriptors that are ready by then. It splits long work into pieces, with other work between them.
    package func inNextRound(_ handler: @escaping () -> Void) { setTimer(at: now.advanced(by: .nanoseconds(1)), .ordinary, handler) }

    /// Cancels a timer. Does nothing when it has already fired.
    package func cancel(_ token: TimerToken) { timers.cancel(token) }

    /// Runs handlers until `stop`.
    package func run() {
        while !isStopped { runOnce(waitingAtMost: .seconds(3600)) }
    }

    /// Ends `run` after the current round.
    package func stop() { isStopped = true }

    /// Runs one round: waits for readiness or the next timer, at most `limit`, and calls the handlers.
    package func runOnce(waitingAtMost limit: Duration) {
        let begin = MonotonicClock.now()
        let wait = timers.nextDeadline.map { min(limit, max(.zero, begin.duration(to: $0))) } ?? limit
        let milliseconds = Int32(clamping: (wait.wholeNanoseconds + 999_999) / 1_000_000)
        let count = poller.wait(events, milliseconds: milliseconds)
        now = MonotonicClock.now()
        delay.waited(from: begin, atMost: .milliseconds(milliseconds), until: now, isBatchFull: count == Self.eventsMax)
        for index in 0..<count {
            let event = events[index]
            let raw = Int32(truncatingIfNeeded: event.data.u64)
            guard let entry = handlers[raw], UInt64(entry.generation) == event.data.u64 >> 32 else { continue }
            entry.handler(Interest(reported: event.events))
        }
        fireTimers()
    }

    private func fireTimers() {
        let start = now
        var spent = Duration.zero
        while let timer = timers.next(now: start, spent: spent) {
            switch timer.urgency {
            case .ordinary:
                timer.handler()
            case .deferrable:
                now = MonotonicClock.now()
                timer.handler()
                spent += now.duration(to: MonotonicClock.now())
            }
        }
    }
}
