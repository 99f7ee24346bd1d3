/// A point on the monotonic clock in nanoseconds. Only the owner of the clock knows its origin.
///
/// A replacement for `ContinuousClock.Instant`, which cannot be constructed: the cores receive time as an argument, and tests choose it.
package struct Instant: InstantProtocol, Sendable {
    /// Nanoseconds since the clock's origin.
    package let nanoseconds: Int64

    /// Creates the instant `nanoseconds` after the clock's origin.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Returns this instant plus `duration`, limited to the range.
    package func advanced(by duration: Duration) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        guard !overflow else { return Instant(nanoseconds: duration < .zero ? .min : .max) }
        return Instant(nanoseconds: sum)
    }

    /// Returns the time from this instant to `other`, negative when `other` is earlier.
    package func duration(to other: Instant) -> Duration { Duration(attoseconds: (Int128(other.nanoseconds) - Int128(nanoseconds)) * 1_000_000_000) }

    /// True when `left` is before `right`.
    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    // Written out because `Comparable`'s default implementations go through its witness table, which is too slow for comparisons that every datagram needs.
    /// True unless `right` is before `left`.
    package static func <= (left: Instant, right: Instant) -> Bool { left.nanoseconds <= right.nanoseconds }
    /// True unless `left` is before `right`.
    package static func >= (left: Instant, right: Instant) -> Bool { left.nanoseconds >= right.nanoseconds }
    /// True when `right` is before `left`.
    package static func > (left: Instant, right: Instant) -> Bool { left.nanoseconds > right.nanoseconds }
}

extension Duration {
    /// The duration in whole nanoseconds, rounded toward zero and limited to ± 292 years.
    package var wholeNanoseconds: Int64 {
        // Up to 9 s a 64-bit division is enough. Every datagram moves deadlines, so the fast path matters.
        let short = Int64(truncatingIfNeeded: attoseconds)
        guard Int128(short) == attoseconds else { return Int64(clamping: attoseconds / 1_000_000_000) }
        return short / 1_000_000_000
    }

    /// The duration in whole milliseconds, rounded toward zero.
    package var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}
