/// The current activity of a forwarding thread. The watchdog reports it when the thread is stuck.
package enum ThreadActivity: UInt64, Sendable {
    /// It waits for events.
    case waiting
    /// It moves bytes, connects and ends sessions.
    case sessions
    /// It reads messages from other threads.
    case mail
    /// It accepts connections.
    case accepting
    /// It handles timeouts.
    case timeouts
    /// It sends log lines.
    case logging
}
