/// A point on the hybrid logical clock: 48 bits of UNIX milliseconds, 16 bits that count within one.
package struct HybridTime: Hashable, Comparable, Sendable {
    /// Both, milliseconds in the high bits.
    package let bits: UInt64

    /// A point from its bits.
    package init(bits: UInt64) { self.bits = bits }

    /// UNIX milliseconds.
    package var milliseconds: UInt64 { bits >> 16 }

    /// The last point in the range.
    static let end = HybridTime(bits: (GossipLimits.clockMillisecondsMax << 16) - 1)

    /// The highest values that a node whose clock shows `wall` accepts: stamps and, as bits, sessions and epochs.
    ///
    /// A session begins with the time, and an epoch is one more than the last. So neither comes near this limit unless a clock is wrong by years, or an
    /// attacker wants to leave no higher number.
    package static func horizon(wall: UInt64) -> HybridTime {
        let ahead = min(max(wall, GossipLimits.clockMillisecondsMin), GossipLimits.clockMillisecondsMax) + GossipLimits.millisecondsAheadMax
        return min(HybridTime(bits: ahead << 16), end)
    }

    /// The earlier one first.
    package static func < (left: HybridTime, right: HybridTime) -> Bool { left.bits < right.bits }
}

/// A clock that follows wall time, never goes back, and goes past everything it has heard of: what an operator says last wins,
/// whatever the clocks of the nodes say. (Kulkarni et al., "Logical Physical Clocks", 2014.)
package struct HybridClock: Sendable {
    /// The latest point given out or heard of.
    package private(set) var latest = HybridTime(bits: 0)

    /// A clock that knows nothing yet.
    package init() {}

    /// A point after all earlier ones; `nil`, without a change, if it would be beyond `limit`.
    package mutating func next(wall: UInt64, limit: HybridTime) -> HybridTime? {
        let now = min(wall, GossipLimits.clockMillisecondsMax) << 16
        let next = HybridTime(bits: max(now, latest.bits + 1))
        guard next <= limit else { return nil }
        latest = next
        return next
    }

    /// A point of another node. Codecs accept none at or above `clockMillisecondsMax`, so that `next` cannot overflow.
    package mutating func observe(_ time: HybridTime) { latest = max(latest, time) }
}
