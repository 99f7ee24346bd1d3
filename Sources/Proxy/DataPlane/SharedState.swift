import LinuxIO
import Synchronization
import Wire

// What is process-wide. Forwarding threads touch it at accept and at close only, never per byte.

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
    /// Where to connect; `nil` while it has no address.
    let address: Mutex<RawSocketAddress?>
    /// Sessions that hold a connection, or the promise of one.
    package let sessions = Gauge()
    /// Why sessions have left it since the control thread looked: `LeaveReasons`. It takes them, and checks at once.
    package let leaveReasons = Atomic<UInt32>(0)
    /// Connects that have failed since the last one that succeeded, and the most of them since the control thread looked.
    package let failuresInRow = Atomic<UInt32>(0)
    package let longestRow = Atomic<UInt32>(0)
    /// Handshakes that the control thread finishes for clients who have left.
    package let handshakes = Gauge()

    /// A cell in which nothing has happened.
    init(address: SocketAddress?) { self.address = Mutex(address.map { RawSocketAddress($0) }) }
}

/// A backend's process-wide cell.
package struct BackendCell: ~Copyable, Sendable {
    /// Sessions, queued ones included.
    package let sessions = Gauge()
    /// Sessions in the queue, for statistics and log lines.
    package let waiting = Gauge()
    /// Decides which server takes a session. Its lock is held for one decision at a time: a session normally takes it twice; a change of a server, once.
    let balancer: Mutex<BackendBalancer>
    /// How many sessions may leave servers that do not answer; its lock is taken for those, and once a second.
    package let retryBudget: Mutex<RetryBudget>
    /// The same for second servers that are asked beside slow ones.
    package let hedgeBudget: Mutex<RetryBudget>

    /// A cell in which nothing has happened.
    init(balancer: BackendBalancer, retryBudget: RetryBudget, hedgeBudget: RetryBudget) {
        self.balancer = Mutex(balancer)
        self.retryBudget = Mutex(retryBudget)
        self.hedgeBudget = Mutex(hedgeBudget)
    }
}

/// A frontend's process-wide cell.
package struct FrontendCell: ~Copyable, Sendable {
    /// Sessions.
    package let sessions = Gauge()
    /// When a line last told that accepting paused, in milliseconds; whichever thread moves it on writes the next one.
    let pauseReportedAt = Atomic<Int64>(.min)
    /// The same for late PROXY headers.
    let lateHeaderReportedAt = Atomic<Int64>(.min)
}

/// The process's own cell.
package struct ProcessCell: ~Copyable, Sendable {
    /// Sessions.
    package let sessions = Gauge()
    /// Threads that stopped accepting at a limit: bit by thread. Whoever closes a session wakes them.
    package let pausedThreads = Atomic<UInt64>(0)
    /// How often accepting paused at a limit of sessions, of descriptors or of memory.
    package let pauses = Atomic<UInt64>(0)
    /// Threads that have not come round for a second, since the control thread looked: bit by thread.
    package let slowThreads = Atomic<UInt64>(0)
    /// Threads that have closed their listeners for good.
    package let stoppedThreads = Atomic<Int>(0)
    /// Log lines that no target took.
    package let droppedLogs = Atomic<UInt64>(0)
    /// True while the control thread wants the next forwarding thread that has something to do to wake it.
    let isWorkAwaited = Atomic<Bool>(false)
}

/// What other threads tell a forwarding thread.
package enum ThreadMessage: Sendable {
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

/// A forwarding thread's letter box.
package struct ThreadMailbox: ~Copyable, Sendable {
    private let messages = Mutex<[ThreadMessage]>([])
    /// Wakes the thread.
    package let wakeUp: WakeUp

    /// An empty box.
    package init() throws(SystemError) { wakeUp = try WakeUp() }

    /// Leaves a message and wakes the thread.
    package borrowing func post(_ message: ThreadMessage) {
        messages.withLock { $0.append(message) }
        wakeUp.signal()
    }

    /// Takes all messages.
    package borrowing func takeAll() -> [ThreadMessage] {
        messages.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
