/// A point on the monotonic clock, in nanoseconds from an origin that only the clock's owner knows.
///
/// `ContinuousClock.Instant` cannot be made at will; the cores take time as an argument, so they need one that can.
package struct Instant: InstantProtocol, Sendable {
    /// Nanoseconds since the clock's origin.
    package let nanoseconds: Int64

    /// An instant `nanoseconds` after the clock's origin.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// This instant moved by `duration`; saturates at the ends of the range.
    package func advanced(by duration: Duration) -> Instant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        guard !overflow else { return Instant(nanoseconds: duration < .zero ? .min : .max) }
        return Instant(nanoseconds: sum)
    }

    /// The time from this instant to `other`; negative when `other` is earlier.
    package func duration(to other: Instant) -> Duration { Duration(attoseconds: (Int128(other.nanoseconds) - Int128(nanoseconds)) * 1_000_000_000) }

    /// True when `left` comes before `right`.
    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    // The defaults of `Comparable` go through its witness table, four calls deep: too slow for what every datagram asks.
    /// True unless `right` comes before `left`.
    package static func <= (left: Instant, right: Instant) -> Bool { left.nanoseconds <= right.nanoseconds }
    /// True unless `left` comes before `right`.
    package static func >= (left: Instant, right: Instant) -> Bool { left.nanoseconds >= right.nanoseconds }
    /// True when `right` comes before `left`.
    package static func > (left: Instant, right: Instant) -> Bool { left.nanoseconds > right.nanoseconds }
}

extension Duration {
    /// This duration in whole nanoseconds, rounded toward zero; saturates at ± 292 years.
    package var wholeNanoseconds: Int64 {
        // Up to 9 s a division of 64 bits will do: deadlines are moved with every datagram.
        let short = Int64(truncatingIfNeeded: attoseconds)
        guard Int128(short) == attoseconds else { return Int64(clamping: attoseconds / 1_000_000_000) }
        return short / 1_000_000_000
    }

    /// This duration in whole milliseconds, rounded toward zero.
    package var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}
