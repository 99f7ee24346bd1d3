import Wire

/// A check that passes as soon as it is connected.
package struct ConnectCheck: Check {
    /// The stage, the time limits and the verdict.
    package var progress: CheckProgress
    /// A reset, because the server's process need not see the connection.
    package var closing: CheckClosing { .reset }
    /// The server; no bytes are exchanged.
    package var target: CheckTarget {
        var target = CheckTarget.server
        target.isBare = true
        return target
    }

    /// Starts a check whose connect begins now.
    package init(_ limits: CheckLimits, now: Instant) { progress = CheckProgress(limits, now: now) }

    /// Passes.
    package mutating func connected(now: Instant) -> [CheckOutput] { progress.finish(.layer4OK, now: now) }

    /// Ignored.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] { [] }

    /// Ignored.
    package mutating func ended(now: Instant) -> [CheckOutput] { [] }
}
