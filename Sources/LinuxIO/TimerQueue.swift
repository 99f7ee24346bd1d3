import Wire

/// Identifies a timer of a `Reactor` for `cancel`.
package struct TimerToken: Hashable, Sendable {
    fileprivate let place: Int
    fileprivate let number: UInt64
}

/// Whether a timer may be delayed in favour of others.
package enum TimerUrgency: Sendable {
    /// It fires in the first round after its deadline.
    case ordinary
    /// It may fire later: all timers of this kind share `TimerQueue.deferrableBudget` per round. For work with thousands of pieces that can be due at once.
    case deferrable
}

/// The timers of an event loop and their order within a round: first all ordinary timers that are due, then the deferrable ones, earliest deadline first, until
/// their budget is used up. An ordinary timer that becomes due meanwhile fires before the next deferrable one.
package struct TimerQueue<Handler> {
    private struct Timer {
        let number: UInt64
        let urgency: TimerUrgency
        let handler: Handler
    }

    /// The time that the deferrable timers of one round may take together. The last one may exceed it.
    package static var deferrableBudget: Duration { .milliseconds(5) }

    /// By place. Places of fired and cancelled timers are reused.
    private var timers: [Timer?] = []
    private var free: [Int] = []
    private var ordinary = DeadlineQueue()
    private var deferrable = DeadlineQueue()
    private var number: UInt64 = 0

    /// Creates an empty queue.
    package init() {}

    /// The number of set timers.
    package var count: Int { ordinary.count + deferrable.count }

    /// The most timers that were set at the same time; the queue keeps memory for them.
    package var capacity: Int { timers.count }

    /// The earliest deadline; `nil` without timers.
    package var nextDeadline: Instant? {
        guard let first = ordinary.first?.deadline else { return deferrable.first?.deadline }
        return deferrable.first.map { min(first, $0.deadline) } ?? first
    }

    /// Sets a timer.
    package mutating func set(at deadline: Instant, _ urgency: TimerUrgency, _ handler: Handler) -> TimerToken {
        number += 1
        let place = free.popLast() ?? timers.count
        if place == timers.count { timers.append(nil) }
        timers[place] = Timer(number: number, urgency: urgency, handler: handler)
        switch urgency {
        case .ordinary: ordinary.set(place, to: deadline)
        case .deferrable: deferrable.set(place, to: deadline)
        }
        return TimerToken(place: place, number: number)
    }

    /// Cancels a timer. Does nothing when it has already fired.
    package mutating func cancel(_ token: TimerToken) {
        guard let timer = timers[token.place], timer.number == token.number else { return }
        switch timer.urgency {
        case .ordinary: ordinary.set(token.place, to: nil)
        case .deferrable: deferrable.set(token.place, to: nil)
        }
        _ = release(token.place)
    }

    /// Removes and returns the timer that fires next in a round; `nil` ends the round.
    ///
    /// - Parameters:
    ///   - now: the start of the round.
    ///   - spent: the time that the deferrable timers of this round have taken so far.
    package mutating func next(now: Instant, spent: Duration) -> (urgency: TimerUrgency, handler: Handler)? {
        let due = ordinary.takeFirst(dueBy: now) ?? (spent < Self.deferrableBudget ? deferrable.takeFirst(dueBy: now) : nil)
        guard let due, let timer = release(due) else { return nil }
        return (timer.urgency, timer.handler)
    }

    private mutating func release(_ place: Int) -> Timer? {
        free.append(place)
        defer { timers[place] = nil }
        return timers[place]
    }
}
