import LinuxIO
import Synchronization

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
