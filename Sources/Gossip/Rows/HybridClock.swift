/// A point on the hybrid logical clock: 48 bits of UNIX milliseconds, then a 16-bit counter within the millisecond.
package struct HybridTime: Hashable, Comparable, Sendable {
    /// Milliseconds in the high 48 bits, the counter in the low 16.
    package let bits: UInt64

    /// Creates a point from its bits.
    package init(bits: UInt64) { self.bits = bits }

    /// UNIX milliseconds.
    package var milliseconds: UInt64 { bits >> 16 }

    /// The last point in the range.
    static let end = HybridTime(bits: (GossipLimits.clockMillisecondsMax << 16) - 1)

    /// Returns the highest stamp that a node whose clock shows `wall` accepts. Its bits are also the limit for sessions and epochs.
    ///
    /// A session starts with the time, and an epoch is the previous one plus one. Neither comes near this limit unless a clock is wrong by years or an attacker
    /// wants to use up all higher numbers.
    package static func horizon(wall: UInt64) -> HybridTime {
        let ahead = min(max(wall, GossipLimits.clockMillisecondsMin), GossipLimits.clockMillisecondsMax) + GossipLimits.millisecondsAheadMax
        return min(HybridTime(bits: ahead << 16), end)
    }

    /// Orders by time, earlier first.
    package static func < (left: HybridTime, right: HybridTime) -> Bool { left.bits < right.bits }
}

/// A clock that follows wall time, never goes back, and always moves past every time it has seen. An operator's last command therefore wins even if the nodes'
/// clocks differ. (Kulkarni et al., "Logical Physical Clocks", 2014.)
package struct HybridClock: Sendable {
    /// The latest point that was issued or observed.
    package private(set) var latest = HybridTime(bits: 0)

    /// Creates a clock that has seen nothing.
    package init() {}

    /// Returns a point after all earlier ones, or `nil`, without a change, when that would be beyond `limit`.
    package mutating func next(wall: UInt64, limit: HybridTime) -> HybridTime? {
        let now = min(wall, GossipLimits.clockMillisecondsMax) << 16
        let next = HybridTime(bits: max(now, latest.bits + 1))
        guard next <= limit else { return nil }
        latest = next
        return next
    }

    /// Takes in a point from another node. Codecs accept only points below `clockMillisecondsMax`, so that `next` cannot overflow.
    package mutating func observe(_ time: HybridTime) { latest = max(latest, time) }
}
