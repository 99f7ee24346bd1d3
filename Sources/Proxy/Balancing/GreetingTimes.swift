/// A histogram of the times that servers take to greet. It has a fixed size, and old times lose weight.
///
///     bucket  milliseconds
///     0...7   0 ... 7, one each
///     8...11  8 ... 15, two each
///     12...   four buckets for each doubling, to 65,535
package struct GreetingTimes: Equatable, Sendable {
    /// The fewest times from which a percentile is computed.
    package static let samplesMin: UInt32 = 100
    /// All counts are halved when this many times have been counted.
    static let samplesMax: UInt32 = 4096
    private static let buckets = 8 + 4 * 13

    private var counts: [UInt32] = Array(repeating: 0, count: buckets)
    private var total: UInt32 = 0

    /// Creates an empty histogram.
    package init() {}

    /// Counts a time in milliseconds.
    package mutating func add(_ milliseconds: Int64) {
        counts[Self.bucket(of: milliseconds)] += 1
        total += 1
        guard total >= Self.samplesMax else { return }
        total = 0
        for index in counts.indices {
            counts[index] /= 2
            total += counts[index]
        }
    }

    /// The 99th percentile in milliseconds, rounded up to the end of its bucket; `nil` below `samplesMin` times.
    package var percentile99: Int64? {
        guard total >= Self.samplesMin else { return nil }
        var left = Int64(total) * 99 / 100
        for (index, count) in counts.enumerated() {
            left -= Int64(count)
            if left <= 0 { return Self.end(of: index) }
        }
        return Self.end(of: Self.buckets - 1)
    }

    private static func bucket(of milliseconds: Int64) -> Int {
        let time = UInt64(min(max(0, milliseconds), 65_535))
        guard time >= 8 else { return Int(time) }
        let power = 63 - time.leadingZeroBitCount
        return 8 + 4 * (power - 3) + Int(time >> UInt64(power - 2) & 3)
    }

    /// The first time after a bucket.
    private static func end(of bucket: Int) -> Int64 {
        guard bucket >= 8 else { return Int64(bucket) + 1 }
        let (power, quarter) = ((bucket - 8) / 4 + 3, (bucket - 8) % 4)
        return Int64(5 + quarter) << Int64(power - 2)
    }
}
