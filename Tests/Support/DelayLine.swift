// One direction of a slow, lossy link, without sockets or clocks.

import Wire

/// The effect of a link on its frames.
package struct LinkSettings: Equatable, Sendable {
    /// The mean delay of a frame.
    package var delay = Duration.zero
    /// The largest deviation from the mean, evenly distributed. A frame may overtake another.
    package var jitter = Duration.zero
    /// The percentage of lost frames.
    package var lossPercent = 0
    /// The limit on frames in transit; further ones are dropped, as by a full router queue.
    package var framesMax = 4096

    /// Creates a link without delay or loss.
    package init() {}
}

/// Counts of the frames that have entered. Each frame is in transit, passed, lost or overflowed.
package struct LinkCounts: Equatable, Sendable, Codable {
    /// Frames that entered.
    package fileprivate(set) var entered = 0
    /// Frames that left.
    package fileprivate(set) var passed = 0
    /// Frames lost by chance.
    package fileprivate(set) var lost = 0
    /// Frames dropped because the link was full.
    package fileprivate(set) var overflowed = 0
    /// Frames that left before an earlier one.
    package fileprivate(set) var overtook = 0
}

/// The frames in transit. The same seed and times give every frame the same fate.
package struct DelayLine: Sendable {
    private struct Frame {
        let due: Instant
        let number: Int
        let bytes: [UInt8]
    }

    private let settings: LinkSettings
    private var random: SplitMix64
    /// Ordered by due time, the earliest last.
    private var inTransit: [Frame] = []
    /// The counts so far.
    package private(set) var counts = LinkCounts()

    /// Creates an empty line.
    package init(_ settings: LinkSettings, seed: UInt64) {
        self.settings = settings
        random = SplitMix64(seed: seed)
    }

    /// When the next frame is due; `nil` without frames.
    package var nextDeadline: Instant? { inTransit.last?.due }

    /// Adds a frame.
    package mutating func enter(_ bytes: [UInt8], now: Instant) {
        let number = counts.entered
        counts.entered += 1
        // Both values are drawn for every frame, so that the fate of one frame does not affect another's.
        let isLost = Int.random(in: 0..<100, using: &random) < settings.lossPercent
        let due = now.advanced(by: drawDelay())
        if isLost {
            counts.lost += 1
        } else if inTransit.count >= settings.framesMax {
            counts.overflowed += 1
        } else {
            let frame = Frame(due: due, number: number, bytes: bytes)
            inTransit.insert(frame, at: place(of: frame))
        }
    }

    /// Removes and returns the next frame that is due; `nil` when none is. The caller repeats it until then.
    package mutating func nextDue(now: Instant) -> [UInt8]? {
        guard let frame = inTransit.last, frame.due <= now else { return nil }
        inTransit.removeLast()
        counts.passed += 1
        if inTransit.contains(where: { $0.number < frame.number }) { counts.overtook += 1 }
        return frame.bytes
    }

    private mutating func drawDelay() -> Duration {
        let jitter = settings.jitter.wholeNanoseconds
        let drawn = jitter == 0 ? 0 : Int64.random(in: -jitter...jitter, using: &random)
        return max(.zero, settings.delay + .nanoseconds(drawn))
    }

    /// Returns the index for `frame`: after all frames that are due later, or at the same time but entered later.
    private func place(of frame: Frame) -> Int {
        var (low, high) = (0, inTransit.count)
        while low < high {
            let middle = (low + high) / 2
            let other = inTransit[middle]
            if (other.due, other.number) > (frame.due, frame.number) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
