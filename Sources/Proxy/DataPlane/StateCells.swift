import LinuxIO
import Synchronization
import Wire

// Process-wide state. Forwarding threads access it at accept and close, never per byte.

/// A server's process-wide cell.
package struct ServerCell: ~Copyable, Sendable {
    /// The address to connect to; `nil` while it is unknown.
    let address: Mutex<RawSocketAddress?>
    /// Sessions that are connected, or have been granted a place.
    package let sessions = Gauge()
    /// Queued sessions that can use only this server.
    package let waiting = Gauge()
    /// The `RetryReasons` of sessions since the control thread last took them. The control thread then checks the server immediately.
    package let retryReasons = Atomic<UInt32>(0)
    /// Failed connects since the last successful one, and their highest number since the control thread last read it.
    package let consecutiveFailures = Atomic<UInt32>(0)
    package let consecutiveFailuresMax = Atomic<UInt32>(0)
    /// Handshakes that the control thread is finishing for clients that have left.
    package let handshakes = Gauge()

    /// Creates the initial cell.
    init(address: SocketAddress?) { self.address = Mutex(address.map { RawSocketAddress($0) }) }
}

/// A backend's process-wide cell.
package struct BackendCell: ~Copyable, Sendable {
    /// Sessions, including queued ones.
    package let sessions = Gauge()
    /// Queued sessions that can use any server, for statistics and log lines.
    package let waiting = Gauge()
    /// Chooses the servers. The lock is held for one decision; a session normally takes it twice, a change of a server once.
    let balancer: Mutex<BackendBalancer>
    /// Limits how many sessions leave servers that do not respond. The lock is taken by those sessions and once a second.
    package let retryBudget: Mutex<RetryBudget>
    /// Limits how many sessions ask a second server because the first one is slow.
    package let hedgeBudget: Mutex<RetryBudget>

    /// When a thread last logged that a connect has no local address or port, in milliseconds. The thread that updates it writes the line.
    let sourceReportedAt = Atomic<Int64>(.min)

    /// Creates the initial cell.
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
    /// When a thread last logged a pause in accepting, in milliseconds. The thread that updates it writes the line.
    let pauseReportedAt = Atomic<Int64>(.min)
    /// When a thread last logged a late PROXY header, in milliseconds.
    let lateHeaderReportedAt = Atomic<Int64>(.min)
}

/// A bind's process-wide cell.
package struct BindCell: ~Copyable, Sendable {
    /// Sessions, if the bind has its own limit or statistics.
    package let sessions = Gauge()
    /// `maxconn` of the bind; 0 without a limit.
    package let connectionsMax: Int

    /// Creates the cell of `bind`.
    init(_ bind: Bind) { connectionsMax = bind.connectionsMax ?? 0 }
}

/// State of the whole process.
package struct ProcessCell: ~Copyable, Sendable {
    /// Sessions.
    package let sessions = Gauge()
    /// Threads that have stopped accepting at a limit: one bit per thread. A thread that ends a session wakes them.
    package let pausedThreads = Atomic<UInt64>(0)
    /// The `ConnectionRate` of the process, counted only with `maxconnrate` or `maxsessrate`.
    let connectionRate = Atomic<UInt64>(0)
    /// The number of pauses in accepting, at a limit of sessions, descriptors or memory.
    package let pauses = Atomic<UInt64>(0)
    /// Threads that have been stuck for a second since the control thread last read the field: one bit per thread.
    package let slowThreads = Atomic<UInt64>(0)
    /// The number of threads that have closed their listeners.
    package let stoppedThreads = Atomic<Int>(0)
    /// Servers that sessions have left since the control thread last took them, without duplicates.
    let reportedServers = Mutex<[UInt32]>([])
    /// Connections whose clients have left before logging in.
    let abandonedHandshakes = Mutex<[AbandonedHandshake]>([])
    /// Log lines that a target has not taken.
    package let droppedLogs = Atomic<UInt64>(0)
    /// True while the control thread waits for a forwarding thread to have work. The first such thread wakes it.
    let isWorkAwaited = Atomic<Bool>(false)
}
