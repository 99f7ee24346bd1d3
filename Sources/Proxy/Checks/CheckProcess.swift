import Wire

/// What a runner of checks needs of one: fed with what its connection does, it says what is to be done.
package protocol CheckProcess {
    /// How the connection is to be closed in the end.
    var closing: CheckClosing { get }
    /// It ended because the server had accepted, and said nothing.
    var isUnanswered: Bool { get }
    /// When `timedOut` is due.
    var deadline: Instant { get }
    /// What was seen in the database, once the check has ended; `nil` for a check that does not look.
    var look: DatabaseLook? { get }
    /// The question that the server's next check leaves out; `nil` for none.
    var pause: QuestionPause? { get }
    /// The connection is there.
    mutating func connected(now: Instant) -> [CheckMachine.Output]
    /// Bytes came.
    mutating func receive(_ bytes: [UInt8], now: Instant) -> [CheckMachine.Output]
    /// The server has closed its side in order.
    mutating func endOfStream(now: Instant) -> [CheckMachine.Output]
    /// The connect, or the connection, has failed.
    mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckMachine.Output]
    /// There is no socket, port or memory for the attempt.
    mutating func couldNotStart(_ reason: String, now: Instant) -> [CheckMachine.Output]
    /// `deadline` has passed.
    mutating func timedOut(now: Instant) -> [CheckMachine.Output]
}

extension CheckMachine: CheckProcess {
    /// It does not look.
    package var look: DatabaseLook? { nil }
    /// It asks no questions.
    package var pause: QuestionPause? { nil }
}
