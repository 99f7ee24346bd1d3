import Wire

/// One attempt to find out whether a server is usable. A check takes what its connection does and returns what is to be done. It does no I/O.
///
///     connecting --connected--> connected --received, ended--> finished
///         |                         |
///         +---- failed, timedOut ---+------------------------> finished
///
/// A check gives one verdict and returns nothing after it. `failed` and `timedOut` end it. `deadline` may move with each input.
package protocol Check {
    /// The time limits and the verdict.
    var progress: CheckProgress { get set }
    /// True for a check that exchanges no bytes: a connection is all that it needs.
    var endsWithConnect: Bool { get }
    /// How the connection is to be closed, at any moment and after the verdict.
    var closing: CheckClosing { get }
    /// The connection is there.
    mutating func connected(now: Instant) -> [CheckOutput]
    /// Bytes came.
    mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput]
    /// The server has closed its side in order.
    mutating func ended(now: Instant) -> [CheckOutput]
    /// `deadline` has passed.
    mutating func timedOut(now: Instant) -> [CheckOutput]
}

extension Check {
    /// False: most checks have something to say.
    package var endsWithConnect: Bool { false }
    /// When `timedOut` is due: the end of the present step.
    package var deadline: Instant { progress.deadline }
    /// A failure.
    package mutating func timedOut(now: Instant) -> [CheckOutput] { progress.timedOut(now: now) }
    /// The connect or the connection has failed, or there is no socket, port or memory for the attempt.
    package mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckOutput] { progress.failed(reason, fault: fault, now: now) }
}

/// What is to be done for a check.
package enum CheckOutput: Equatable, Sendable {
    /// Send these bytes.
    case send([UInt8])
    /// Close, after sending: this is the verdict. Nothing comes after it.
    case finished(CheckResult)
}

/// How a check's connection is to be closed.
package enum CheckClosing: Equatable, Sendable {
    /// With a RST, as HAProxy does: no TIME_WAIT is left behind.
    case reset
    /// With a FIN: a database would count a RST as an error of this host.
    case orderly
    /// The server has accepted and said nothing. With a RST, unless the handshake can be finished on this connection.
    case abandoned
}
