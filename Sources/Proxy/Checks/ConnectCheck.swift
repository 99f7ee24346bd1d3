import Wire

/// A check that passes once it is connected.
package struct ConnectCheck: Check {
    /// The time limits and the verdict.
    package var progress: CheckProgress
    /// The server's process need not see the connection.
    package var closing: CheckClosing { .reset }
    /// A connection is a pass.
    package var endsWithConnect: Bool { true }

    /// An attempt whose connect begins now.
    package init(_ limits: CheckLimits, now: Instant) { progress = CheckProgress(limits, now: now) }

    /// A pass.
    package mutating func connected(now: Instant) -> [CheckOutput] { progress.finish(.layer4OK, now: now) }

    /// Means nothing.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] { [] }

    /// Means nothing.
    package mutating func ended(now: Instant) -> [CheckOutput] { [] }
}
