import LinuxIO
import Synchronization

/// A message to a forwarding thread.
package enum ThreadMessage: Sendable {
    /// A queued session may connect: a place of this server is held for it.
    case granted(session: UInt64, server: UInt32)
    /// Close every session of this server.
    case shutdownSessions(server: UInt32, because: SessionShutdown)
    /// Accept the connections that still wait, then close the listeners.
    case stopListening
    /// Close the listeners immediately.
    case closeListeners
    /// End this many sessions: the node is draining, and its time is nearly over.
    case close(sessions: Int)
    /// Find the oldest session and publish when it was accepted.
    case findOldest
    /// End every session, then stop.
    case stop
}

/// A forwarding thread's mailbox.
package struct ThreadMailbox: ~Copyable, Sendable {
    private let messages = Mutex<[ThreadMessage]>([])
    /// Wakes the thread.
    package let wakeUp: WakeUp

    /// Creates an empty mailbox.
    package init() throws(SystemError) { wakeUp = try WakeUp() }

    /// Adds a message and wakes the thread.
    package borrowing func post(_ message: ThreadMessage) {
        messages.withLock { $0.append(message) }
        wakeUp.signal()
    }

    /// Removes and returns all messages.
    package borrowing func takeAll() -> [ThreadMessage] {
        messages.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
