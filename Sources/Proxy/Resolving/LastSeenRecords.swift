import Wire

/// The records in the answers for one name and one record type, and when each was last seen.
struct LastSeenRecords<Record: Hashable & Sendable>: Equatable, Sendable {
    /// A record.
    struct Entry: Equatable, Sendable {
        let record: Record
        /// When an answer last contained it.
        var lastSeen: Instant
        /// False when the latest answer does not contain it and `hold obsolete` keeps it.
        var isCurrent: Bool
    }

    /// Records of the latest answer come first.
    private(set) var entries: [Entry] = []

    /// The records of the latest answers.
    var current: [Record] { entries.filter(\.isCurrent).map(\.record) }

    /// True when the name has `record`, or had it less than `hold obsolete` ago.
    func contains(_ record: Record) -> Bool { entries.contains { $0.record == record } }

    /// Applies a complete list. Other records are removed after they have been missing for `holdObsolete`.
    mutating func replace(with records: [Record], holdObsolete: Duration, now: Instant) {
        let seen = Set(records)
        let held = entries.filter { !seen.contains($0.record) && now < $0.lastSeen.advanced(by: holdObsolete) }
        let missing = held.map { Entry(record: $0.record, lastSeen: $0.lastSeen, isCurrent: false) }
        entries = Array((Self.seen(records, now: now) + missing).prefix(DNSAnswer.recordsKeptMax))
    }

    /// Applies a partial list. Other records are kept, unless there are more than `DNSAnswer.recordsKeptMax`; then those in use are kept first.
    mutating func merge(with records: [Record], used: (Record) -> Bool, now: Instant) {
        let seen = Set(records)
        let all = Self.seen(records, now: now) + entries.filter { !seen.contains($0.record) }
        let inOrder = all.count <= DNSAnswer.recordsKeptMax ? all : all.filter { used($0.record) } + all.filter { !used($0.record) }
        entries = Array(inOrder.prefix(DNSAnswer.recordsKeptMax))
    }

    /// Treats the records of the latest answers as seen at `now`, even if the last answer is old.
    mutating func renew(now: Instant) {
        for index in entries.indices where entries[index].isCurrent { entries[index].lastSeen = now }
    }

    private static func seen(_ records: [Record], now: Instant) -> [Entry] { records.map { Entry(record: $0, lastSeen: now, isCurrent: true) } }
}
