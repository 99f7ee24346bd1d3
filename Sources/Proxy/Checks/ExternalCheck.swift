import Wire

/// A check that a program makes: `option external-check`. Its connection leads to the helper process, which runs the program. Closing it ends the program.
///
///     waiting --started--> running --exited, killed--> finished: passed with exit code 0, otherwise failed
///        |                    |------timedOut--------> finished: timeout
///        |                    |
///        +--------------------+--all other events----> finished: a fault of this node, not of the server
///
/// As in HAProxy, the program may run for `inter`, or for `timeout connect` if that is shorter and there is a `timeout check`. The time counts from `started`:
/// a program that waits for a place has the whole time.
package struct ExternalCheck: Check {
    /// HAProxy's code for a program that was killed by a signal.
    package static let killedCode = -1
    /// The text about a check whose program did not start in time, because too many others run.
    package static let waitedInfo = "no place for another program"
    /// The text about a check whose helper process has ended or has answered wrongly.
    package static let lostInfo = "the helper process has failed"

    /// The stage, the time limits and the verdict. A program that runs counts as connected.
    package var progress: CheckProgress
    /// The helper process.
    package var target: CheckTarget { .program }
    /// A reset, which is a plain close between processes.
    package var closing: CheckClosing { .reset }
    private var answers = ExternalCheckReader()

    /// Starts a check whose request has been sent now.
    package init(_ limits: CheckLimits, now: Instant) { progress = CheckProgress(limits, now: now) }

    /// Waits for the program's start.
    package mutating func connected(now: Instant) -> [CheckOutput] { [] }

    /// Handles the helper's answers.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        answers.append(bytes)
        while progress.stage != .finished, let message = answers.next() {
            let outputs = take(ExternalCheckAnswer(message), now: now)
            if !outputs.isEmpty { return outputs }
        }
        return []
    }

    /// Ends the check because the helper process has ended.
    package mutating func ended(now: Instant) -> [CheckOutput] { fail(Self.lostInfo, now: now) }

    /// Ends the check at its deadline.
    package mutating func timedOut(now: Instant) -> [CheckOutput] {
        progress.stage == .connecting ? fail(Self.waitedInfo, now: now) : progress.finish(.processTimeout, fault: .noResponse, now: now)
    }

    /// Ends the check because the connection to the helper process failed.
    package mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckOutput] {
        fail(fault == .node ? reason : Self.lostInfo, now: now)
    }

    private mutating func take(_ answer: ExternalCheckAnswer?, now: Instant) -> [CheckOutput] {
        switch (answer, progress.stage) {
        case (.started, .connecting):
            progress.connected(now: now)
            progress.deadline = now.advanced(by: progress.limits.connect)
            return []
        case (.exited(code: 0), .connected): return progress.finish(.processOK, now: now)
        case (.exited(let code), .connected): return progress.finish(.processError, code: Int(code), now: now)
        case (.killed, .connected): return progress.finish(.processError, code: Self.killedCode, now: now)
        case (.failed(let reason), .connecting): return fail(reason, now: now)
        default: return fail(Self.lostInfo, now: now)
        }
    }

    /// No program has checked the server, so the result is no evidence about it.
    private mutating func fail(_ info: String, now: Instant) -> [CheckOutput] { progress.finish(.socketError, info: info, fault: .node, now: now) }
}
