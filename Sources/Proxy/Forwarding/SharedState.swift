import LinuxIO
import Synchronization
import Wire

// What is process-wide. Workers touch it at accept and at close only, never per byte.

/// A number that one thread writes and any thread reads: the cost of a plain variable.
package struct Counter: ~Copyable, Sendable {
    private let storage = Atomic<UInt64>(0)

    /// Zero.
    package init() {}

    /// The present value.
    package var value: UInt64 { storage.load(ordering: .relaxed) }

    /// Adds; for the one thread that writes.
    package borrowing func add(_ count: UInt64 = 1) { storage.store(storage.load(ordering: .relaxed) &+ count, ordering: .relaxed) }
}

/// A number that any thread adds to, rarely.
package struct Tally: ~Copyable, Sendable {
    private let storage = Atomic<UInt64>(0)

    /// Zero.
    package init() {}

    /// The present value.
    package var value: UInt64 { storage.load(ordering: .relaxed) }

    /// Adds one.
    package borrowing func add() { storage.wrappingAdd(1, ordering: .relaxed) }
}

/// A gauge that any thread moves, and the highest value it has had.
package struct Gauge: ~Copyable, Sendable {
    private let present = Atomic<Int>(0)
    private let highest = Atomic<Int>(0)
    // A cache line of its own: neighbours are written by other threads.
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

    /// Zero.
    package init() {}

    /// The present value.
    package var value: Int { present.load(ordering: .sequentiallyConsistent) }

    /// The highest value so far.
    package var max: Int { highest.load(ordering: .relaxed) }

    /// Adds one, unless that would exceed `limit` (0: no limit). True when it was added.
    ///
    /// Never adds for a moment what it takes away again: another thread would take that for a place that is gone, and nobody would tell it of the mistake.
    package borrowing func enter(limit: Int) -> Bool {
        guard limit > 0 else {
            present.wrappingAdd(1, ordering: .sequentiallyConsistent)
            return true
        }
        var value = present.load(ordering: .sequentiallyConsistent)
        while value < limit {
            let (exchanged, original) = present.compareExchange(expected: value, desired: value + 1, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            value = original
        }
        return false
    }

    /// Lets the present value count toward the highest: what has entered stays.
    package borrowing func settle() {
        let value = present.load(ordering: .relaxed)
        if value > highest.load(ordering: .relaxed) { highest.max(value, ordering: .relaxed) }
    }

    /// Takes one away.
    package borrowing func leave() { present.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
}

/// A server's process-wide cell.
package struct ServerCell: ~Copyable, Sendable {
    /// Sessions that hold a connection, or the promise of one.
    package let sessions = Gauge()
    /// Why sessions have left it since the control thread looked: `LeaveReasons`. It takes them, and checks at once.
    package let leaveReasons = Atomic<UInt32>(0)
    /// Connects that have failed since the last one that succeeded, and the most of them since the control thread looked.
    package let failuresInRow = Atomic<UInt32>(0)
    package let longestRow = Atomic<UInt32>(0)
    /// Handshakes that the control thread finishes for clients who have left.
    package let handshakes = Gauge()
}

/// A backend's process-wide cell.
package struct BackendCell: ~Copyable, Sendable {
    /// Sessions, queued ones included.
    package let sessions = Gauge()
    /// Whose turn it is: modulo the rotation's length.
    package let turn = Atomic<UInt64>(0)
    /// The same for sessions that leave a server which does not answer.
    package let redispatchTurn = Atomic<UInt64>(0)
    /// Sessions in the queue. Read without the lock to see whether there is anything to hand on.
    package let waiting = Gauge()
    /// Sessions that wait for a server, in order.
    package let queue = Mutex(WaitingQueue())
    /// How many sessions may leave servers that do not answer; its lock is taken for those, and once a second.
    package let retryBudget: Mutex<RetryBudget>
    /// The same for second servers that are asked beside slow ones.
    package let hedgeBudget: Mutex<RetryBudget>

    /// A cell in which nothing has happened.
    package init(retryBudget: RetryBudget, hedgeBudget: RetryBudget) {
        self.retryBudget = Mutex(retryBudget)
        self.hedgeBudget = Mutex(hedgeBudget)
    }
}

/// A frontend's process-wide cell.
package struct FrontendCell: ~Copyable, Sendable {
    /// Sessions.
    package let sessions = Gauge()
    /// When a line last told that accepting paused, in milliseconds; whichever worker moves it on writes the next one.
    let pauseReportedAt = Atomic<Int64>(.min)
    /// The same for late PROXY headers.
    let lateHeaderReportedAt = Atomic<Int64>(.min)
}

/// The process's own cell.
package struct ProcessCell: ~Copyable, Sendable {
    /// Sessions.
    package let sessions = Gauge()
    /// Workers that stopped accepting at a limit: bit by worker. Whoever closes a session wakes them.
    package let pausedWorkers = Atomic<UInt64>(0)
    /// How often accepting paused at a limit of sessions, of descriptors or of memory.
    package let pauses = Atomic<UInt64>(0)
    /// Workers that have not come round for a second, since the control thread looked: bit by worker.
    package let slowWorkers = Atomic<UInt64>(0)
    /// Workers that have closed their listeners for good.
    package let stoppedWorkers = Atomic<Int>(0)
    /// Log lines that no target took.
    package let droppedLogs = Atomic<UInt64>(0)
}

/// A session that waits for a server.
package struct Waiter: Equatable, Sendable {
    /// The worker and its session.
    package var worker: Int
    /// Index and generation in the worker's table.
    package var session: UInt64
    /// Index into the flat table of servers when only that one will do; `nil` for any.
    package var server: UInt32?
}

/// A backend's queue: first come, first served.
package struct WaitingQueue: Sendable {
    private var waiters: [Waiter] = []
    private var head = 0

    /// An empty queue.
    package init() {}

    /// How many wait.
    package var count: Int { waiters.count - head }

    /// Puts a waiter at the end.
    package mutating func append(_ waiter: Waiter) { waiters.append(waiter) }

    /// Takes out the first waiter for which `server` will do: it asked for no other one, or the one it asked for is no longer usable.
    package mutating func takeFirst(for server: UInt32, isUsable: (UInt32) -> Bool) -> Waiter? {
        guard let index = first(for: server, isUsable: isUsable) else { return nil }
        return remove(at: index)
    }

    /// True when `takeFirst` would find one.
    package func hasWaiter(for server: UInt32, isUsable: (UInt32) -> Bool) -> Bool { first(for: server, isUsable: isUsable) != nil }

    private func first(for server: UInt32, isUsable: (UInt32) -> Bool) -> Int? {
        waiters[head...].firstIndex { waiter in waiter.server.map { $0 == server || !isUsable($0) } ?? true }
    }

    /// Takes out the waiter that is `session` of `worker`; false when it is no longer there.
    package mutating func remove(worker: Int, session: UInt64) -> Bool {
        guard let index = waiters[head...].firstIndex(where: { $0.worker == worker && $0.session == session }) else { return false }
        _ = remove(at: index)
        return true
    }

    private mutating func remove(at index: Int) -> Waiter {
        let waiter = waiters[index]
        if index == head { head += 1 } else { waiters.remove(at: index) }
        if head > 64, head * 2 > waiters.count {
            waiters.removeFirst(head)
            head = 0
        }
        return waiter
    }
}

/// What other threads tell a worker.
package enum WorkerMessage: Sendable {
    /// A queued session may connect: a place of this server is held for it.
    case granted(session: UInt64, server: UInt32)
    /// Close every session of this server.
    case shutdownSessions(server: UInt32, because: SessionShutdown)
    /// Accept what still waits, then close the listeners.
    case stopListening
    /// Close the listeners immediately.
    case closeListeners
    /// Close so many sessions: the node drains, and its time is nearly over.
    case close(sessions: Int)
    /// Find out since when the oldest session has been here.
    case findOldest
    /// Close every session, then end.
    case stop
}

/// A worker's letter box.
package struct WorkerMailbox: ~Copyable, Sendable {
    private let messages = Mutex<[WorkerMessage]>([])
    /// Wakes the worker.
    package let wakeUp: WakeUp

    /// An empty box.
    package init() throws(SystemError) { wakeUp = try WakeUp() }

    /// Leaves a message and wakes the worker.
    package borrowing func post(_ message: WorkerMessage) {
        messages.withLock { $0.append(message) }
        wakeUp.signal()
    }

    /// Takes all messages.
    package borrowing func takeAll() -> [WorkerMessage] {
        messages.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
