/// A queued session.
struct Waiter: Equatable, Sendable {
    /// The session's thread.
    var thread: Int
    /// The raw `SessionToken`: index and generation in the thread's table.
    var session: UInt64
    /// The only server that the session can use, as a flat index; `nil` for any.
    var server: UInt32?
}

/// A backend's queue: first come, first served.
struct WaitingQueue: Sendable {
    private var waiters: [Waiter] = []
    private var head = 0
    /// The number of queued sessions that can use any server.
    private(set) var freeCount = 0

    /// Creates an empty queue.
    init() {}

    /// The number of queued sessions.
    var count: Int { waiters.count - head }

    /// Appends a session.
    mutating func append(_ waiter: Waiter) {
        waiters.append(waiter)
        if waiter.server == nil { freeCount += 1 }
    }

    /// The places of the queued sessions, in their order.
    var places: Range<Int> { head..<waiters.count }

    /// The session at `place`, one of `places`.
    subscript(place: Int) -> Waiter { waiters[place] }

    /// Removes and returns `session` of `thread`; `nil` when it is not queued.
    mutating func remove(thread: Int, session: UInt64) -> Waiter? {
        places.first { waiters[$0].thread == thread && waiters[$0].session == session }.map { remove(at: $0) }
    }

    /// Removes and returns the session at `index`, one of `places`.
    mutating func remove(at index: Int) -> Waiter {
        let waiter = waiters[index]
        if waiter.server == nil { freeCount -= 1 }
        if index == head { head += 1 } else { waiters.remove(at: index) }
        if head > 64, head * 2 > waiters.count {
            waiters.removeFirst(head)
            head = 0
        }
        return waiter
    }
}
