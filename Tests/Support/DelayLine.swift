// One direction of a slow, lossy link, without sockets and clocks.

import Wire

/// What a link does to its frames.
package struct LinkSettings: Equatable, Sendable {
    /// The middle of the time a frame takes.
    package var delay = Duration.zero
    /// How much more or less it may take, every value alike likely; a frame may overtake another.
    package var jitter = Duration.zero
    /// How many of a hundred frames get lost.
    package var lossPercent = 0
    /// Most frames that are under way; what comes then is dropped, as a full queue of a router does.
    package var framesMax = 4096

    /// A link that changes nothing.
    package init() {}
}

/// What became of the frames that have entered. Each is in one of the other three, or still under way.
package struct LinkCounts: Equatable, Sendable, Codable {
    /// Frames that came.
    package fileprivate(set) var entered = 0
    /// Handed out again.
    package fileprivate(set) var passed = 0
    /// Drawn to be lost.
    package fileprivate(set) var lost = 0
    /// Dropped because too many were under way.
    package fileprivate(set) var overflowed = 0
    /// Handed out before one that had entered earlier.
    package fileprivate(set) var overtook = 0
}

/// Frames that are under way. The same seed and the same moments give the same fate to every frame.
package struct DelayLine: Sendable {
    private struct Frame {
        let due: Instant
        let number: Int
        let bytes: [UInt8]
    }

    private let settings: LinkSettings
    private var random: SplitMix64
    /// The next one due comes last.
    private var underWay: [Frame] = []
    /// What became of the frames so far.
    package private(set) var counts = LinkCounts()

    /// An empty line.
    package init(_ settings: LinkSettings, seed: UInt64) {
        self.settings = settings
        random = SplitMix64(seed: seed)
    }

    /// When the next frame is due; nil when none is under way.
    package var nextDeadline: Instant? { underWay.last?.due }

    /// A frame comes in.
    package mutating func enter(_ bytes: [UInt8], now: Instant) {
        let number = counts.entered
        counts.entered += 1
        // Both are drawn for every frame, so that one frame's fate does not hang on another's.
        let isLost = Int.random(in: 0..<100, using: &random) < settings.lossPercent
        let due = now.advanced(by: drawDelay())
        if isLost {
            counts.lost += 1
        } else if underWay.count >= settings.framesMax {
            counts.overflowed += 1
        } else {
            let frame = Frame(due: due, number: number, bytes: bytes)
            underWay.insert(frame, at: place(of: frame))
        }
    }

    /// The next frame that is due, or nil when none is: to be called until then.
    package mutating func nextDue(now: Instant) -> [UInt8]? {
        guard let frame = underWay.last, frame.due <= now else { return nil }
        underWay.removeLast()
        counts.passed += 1
        if underWay.contains(where: { $0.number < frame.number }) { counts.overtook += 1 }
        return frame.bytes
    }

    private mutating func drawDelay() -> Duration {
        let jitter = settings.jitter.wholeNanoseconds
        let drawn = jitter == 0 ? 0 : Int64.random(in: -jitter...jitter, using: &random)
        return max(.zero, settings.delay + .nanoseconds(drawn))
    }

    /// Where `frame` stands: behind all that are due later, or at the same time but entered later.
    private func place(of frame: Frame) -> Int {
        var (low, high) = (0, underWay.count)
        while low < high {
            let middle = (low + high) / 2
            let other = underWay[middle]
            if (other.due, other.number) > (frame.due, frame.number) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
