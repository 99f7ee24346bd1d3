/// A session that waits for a server.
struct Waiter: Equatable, Sendable {
    /// The thread and its session.
    var thread: Int
    /// Index and generation in the thread's table.
    var session: UInt64
    /// The only server that it can use, as an index into the flat table of servers; `nil` for any.
    var server: UInt32?
}

/// A backend's queue: first come, first served.
struct WaitingQueue: Sendable {
    private var waiters: [Waiter] = []
    private var head = 0

    /// An empty queue.
    init() {}

    /// How many wait.
    var count: Int { waiters.count - head }

    /// Puts a waiter at the end.
    mutating func append(_ waiter: Waiter) { waiters.append(waiter) }

    /// The first waiter that satisfies `predicate`.
    func first(where predicate: (Waiter) -> Bool) -> Int? { waiters[head...].firstIndex(where: predicate) }

    /// Takes out the waiter that is `session` of `thread`; false when it is no longer there.
    mutating func remove(thread: Int, session: UInt64) -> Bool {
        guard let index = first(where: { $0.thread == thread && $0.session == session }) else { return false }
        _ = remove(at: index)
        return true
    }

    /// Takes out the waiter at an index from `first`.
    mutating func remove(at index: Int) -> Waiter {
        let waiter = waiters[index]
        if index == head { head += 1 } else { waiters.remove(at: index) }
        if head > 64, head * 2 > waiters.count {
            waiters.removeFirst(head)
            head = 0
        }
        return waiter
    }
}
