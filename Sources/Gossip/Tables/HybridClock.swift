/// A point on the hybrid logical clock: 48 bits of UNIX milliseconds, 16 bits that count within one.
package struct HybridTime: Hashable, Comparable, Sendable {
    /// Both, milliseconds in the high bits.
    package let bits: UInt64

    /// A point from its bits.
    package init(bits: UInt64) { self.bits = bits }

    /// UNIX milliseconds.
    package var milliseconds: UInt64 { bits >> 16 }

    /// The last point that can be written.
    static let end = HybridTime(bits: (GossipLimits.clockMillisecondsMax << 16) - 1)

    /// What a node whose clock shows `wall` believes at most: stamps, and as bits sessions and epochs.
    ///
    /// A session begins with the time, and an epoch is one more than the last; so neither is near this unless a clock is wrong by years, or somebody
    /// wants to leave no number above it.
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

    /// A point after all earlier ones; `nil`, and no change, when that would be beyond `limit`.
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
