// The hot path, only with `maxconnrate` or `maxsessrate`: plain values, one atomic.

import Synchronization

/// The number of accepted connections in this second and in the previous one, as HAProxy counts them.
///
///     bits    field
///     0-23    connections of this second
///     24-47   connections of the previous second
///     48-63   this second, modulo 65,536
///
/// The connections of the previous second count in proportion to the part of it that is less than a second ago. So a burst at the end of a second
/// delays the connections of the next one, which are then accepted evenly.
struct ConnectionRate: RawRepresentable, Equatable, Sendable {
    private static let countBits: UInt64 = 24
    private static let countMask: UInt64 = (1 << countBits) - 1
    private static let secondMask: UInt64 = 0xffff

    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(second: UInt64, before: UInt64, current: UInt64) {
        rawValue = second << (2 * Self.countBits) | min(before, Self.countMask) << Self.countBits | min(current, Self.countMask)
    }

    private var current: UInt64 { rawValue & Self.countMask }
    private var before: UInt64 { rawValue >> Self.countBits & Self.countMask }

    /// The counts as of `now`, in milliseconds.
    private func moved(to now: Int64) -> ConnectionRate {
        let second = UInt64(truncatingIfNeeded: now / 1_000) & Self.secondMask
        switch (second &- rawValue >> (2 * Self.countBits)) & Self.secondMask {
        case 0: return self
        case 1: return ConnectionRate(second: second, before: current, current: 0)
        default: return ConnectionRate(second: second, before: 0, current: 0)
        }
    }

    /// The milliseconds until another connection may be accepted with a limit of `limit` per second; 0 for none.
    func wait(limit: Int, now: Int64) -> Int64 {
        let counts = moved(to: now)
        let (before, elapsed) = (Int64(counts.before), now % 1_000)
        // In thousandths of a connection.
        let free = (Int64(limit) - Int64(counts.current)) * 1_000
        guard free > 0 else { return 1_000 - elapsed }
        guard before * (1_000 - elapsed) >= free else { return 0 }
        let earliest = 1_001 - (free + before - 1) / before
        return max(1, min(earliest, 1_000) - elapsed)
    }

    /// The counts with one more connection.
    func counted(at now: Int64) -> ConnectionRate {
        let counts = moved(to: now)
        return ConnectionRate(second: counts.rawValue >> (2 * Self.countBits), before: counts.before, current: counts.current + 1)
    }
}

extension Atomic where Value == UInt64 {
    /// Counts a connection in a `ConnectionRate` that threads share.
    func countConnection(at now: Int64) {
        var before = load(ordering: .relaxed)
        while true {
            let after = ConnectionRate(rawValue: before).counted(at: now).rawValue
            let (exchanged, original) = compareExchange(expected: before, desired: after, ordering: .relaxed)
            if exchanged { return }
            before = original
        }
    }
}
