import Wire

/// The subject of a log line that outside parties can cause: the line's kind, and the peer, server or name that it is about.
struct LogSubject: Hashable, Comparable, Sendable {
    /// For example "gossip configuration" or "probe".
    let kind: String
    /// For example "tsukada02" or "mysql/read01".
    let about: String

    static func < (left: LogSubject, right: LogSubject) -> Bool { (left.kind, left.about) < (right.kind, right.about) }
}

/// Keeps outside parties from filling the log: each subject gets `burst` lines at once, then one every `interval`.
///
/// Of the excess lines it keeps the last one of each subject, and releases it after the interval with the number of lines left out before it. So the log never
/// ends with outdated information.
struct LogLimiter<Content> {
    /// A line that is due.
    struct Line {
        /// The content as passed to `admit`.
        let content: Content
        /// The number of similar lines left out before it.
        let omittedCount: Int
    }

    private struct Bucket {
        let subject: LogSubject
        /// When the bucket is full again; each line moves it further ahead.
        var restedAt: Instant
        var kept: Content?
        var keptCount = 0
    }

    /// The most lines of one subject at once.
    static var burst: Int { 10 }
    /// The time per line after the burst.
    static var interval: Duration { .seconds(6) }
    /// The most subjects that are counted separately; all others share one.
    static var subjectsMax: Int { 4_096 }

    /// Sorted by subject.
    private var buckets: [Bucket] = []

    /// A limiter that has seen no line.
    init() {}

    /// The number of subjects that are currently counted.
    var subjectsCount: Int { buckets.count }

    /// Takes a line. Returns it if it may be written now; otherwise keeps it.
    mutating func admit(_ content: Content, _ subject: LogSubject, now: Instant) -> Line? {
        let place = bucket(of: subject, now: now)
        guard Self.isOpen(buckets[place], now) else {
            (buckets[place].kept, buckets[place].keptCount) = (content, buckets[place].keptCount + 1)
            return nil
        }
        buckets[place].kept = content
        buckets[place].keptCount += 1
        return pass(place, now)
    }

    /// Returns the kept lines that may be written now, ordered by subject.
    mutating func due(now: Instant) -> [Line] {
        buckets.indices.compactMap { buckets[$0].kept != nil && Self.isOpen(buckets[$0], now) ? pass($0, now) : nil }
    }

    private static func isOpen(_ bucket: Bucket, _ now: Instant) -> Bool { bucket.restedAt <= now.advanced(by: interval * (burst - 1)) }

    private mutating func pass(_ place: Int, _ now: Instant) -> Line? {
        guard let content = buckets[place].kept else { return nil }
        let omittedCount = buckets[place].keptCount - 1
        (buckets[place].kept, buckets[place].keptCount) = (nil, 0)
        buckets[place].restedAt = max(buckets[place].restedAt, now).advanced(by: Self.interval)
        return Line(content: content, omittedCount: omittedCount)
    }

    /// Returns the index of a subject's bucket. Drops full buckets if the table is full.
    private mutating func bucket(of subject: LogSubject, now: Instant) -> Int {
        let place = position(of: subject)
        if place < buckets.count, buckets[place].subject == subject { return place }
        if buckets.count >= Self.subjectsMax { buckets.removeAll { $0.restedAt <= now && $0.kept == nil } }
        let free = buckets.count < Self.subjectsMax ? subject : LogSubject(kind: "", about: "")
        let next = position(of: free)
        if next == buckets.count || buckets[next].subject != free { buckets.insert(Bucket(subject: free, restedAt: now), at: next) }
        return next
    }

    private func position(of subject: LogSubject) -> Int {
        var (low, high) = (0, buckets.count)
        while low < high {
            let middle = (low + high) / 2
            if buckets[middle].subject < subject { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
