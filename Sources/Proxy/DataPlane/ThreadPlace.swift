/// What a forwarding thread does, for when it does not come round.
package enum ThreadPlace: UInt64, Sendable {
    /// It waits for something to happen.
    case waiting
    /// It moves bytes, connects and ends sessions.
    case sessions
    /// It reads what other threads have told it.
    case mail
    /// It accepts connections.
    case accepting
    /// It looks after timeouts.
    case timeouts
    /// It sends log lines.
    case logging
}
