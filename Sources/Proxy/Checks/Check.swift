import Wire

/// One attempt to find out whether a server works. A check receives the events of its connection and returns actions for the caller. It does no I/O.
///
///     connecting --connected--> connected --received, sent, ended--> finished
///         |  ^                      |
///         |  +------- connect ------+
///         +---- failed, timedOut ---+------------------------------> finished
///
/// A check returns one verdict, and nothing after it. `failed` before the connection and `timedOut` end it. `deadline` may change with each input.
package protocol Check {
    /// The stage, the time limits and the verdict.
    var progress: CheckProgress { get set }
    /// Where the first connect goes.
    var target: CheckTarget { get }
    /// How to close the connection, at any time and after the verdict.
    var closing: CheckClosing { get }
    /// Handles a successful connect.
    mutating func connected(now: Instant) -> [CheckOutput]
    /// Handles the end of sending: the kernel has taken all bytes so far.
    mutating func sent(now: Instant) -> [CheckOutput]
    /// Handles received bytes.
    mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput]
    /// Handles the server's orderly end of the stream.
    mutating func ended(now: Instant) -> [CheckOutput]
    /// Handles a failed connect or connection, or a lack of sockets, ports or memory.
    mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckOutput]
    /// Handles the deadline.
    mutating func timedOut(now: Instant) -> [CheckOutput]
}

extension Check {
    /// Defaults to the server, with the settings of its checks.
    package var target: CheckTarget { .server }
    /// The end of the current step, when `timedOut` is due.
    package var deadline: Instant { progress.deadline }
    /// Ignored by default: a check usually waits for an answer.
    package mutating func sent(now: Instant) -> [CheckOutput] { [] }
    /// Ends the check with a timeout.
    package mutating func timedOut(now: Instant) -> [CheckOutput] { progress.timedOut(now: now) }
    /// Ends the check because the connect or the connection failed, or because no socket, port or memory was available.
    package mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckOutput] { progress.failed(reason, fault: fault, now: now) }
}

/// An action that the caller must carry out for a check.
package enum CheckOutput: Equatable, Sendable {
    /// Send these bytes.
    case send([UInt8])
    /// Close the connection and open another one. The next input is `connected`, `failed` or `timedOut`. No action follows.
    case connect(CheckTarget)
    /// Close the connection after sending. This is the verdict, and the last action.
    case finished(CheckResult)
}

/// How to close a check's connection.
package enum CheckClosing: Equatable, Sendable {
    /// With a RST, as HAProxy does: no TIME_WAIT is left behind.
    case reset
    /// With a FIN: a database would count a RST as an error of this host.
    case orderly
    /// The server has accepted and sent nothing: with a RST, unless a finisher takes the connection over.
    case abandoned
}
