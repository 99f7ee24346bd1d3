import LinuxIO
import Synchronization
import Wire

// What is process-wide. Forwarding threads touch it at accept and at close only, never per byte.

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
    /// Servers that sessions have left since the control thread took them; each appears once.
    let leftServers = Mutex<[UInt32]>([])
    /// Connections whose clients have left before they logged in.
    let abandonedHandshakes = Mutex<[AbandonedHandshake]>([])
    /// Log lines that no target took.
    package let droppedLogs = Atomic<UInt64>(0)
    /// True while the control thread wants the next forwarding thread that has something to do to wake it.
    let isWorkAwaited = Atomic<Bool>(false)
}
