/// Rows in the order of their keys, each with the revision of its last change.
///
/// A sorted array: lookup is a binary search, the order is the same on every node, and the memory is one block.
struct RowTable<Key: Comparable & Sendable, Row: Sendable>: Sendable {
    struct Entry: Sendable {
        let key: Key
        var row: Row
        var revision: UInt64
    }

    private(set) var entries: [Entry] = []

    var count: Int { entries.count }

    subscript(key: Key) -> Row? { entry(key)?.row }

    func entry(_ key: Key) -> Entry? {
        let index = position(key)
        return index < entries.count && entries[index].key == key ? entries[index] : nil
    }

    /// Returns the index of the first entry whose key is not below `key`.
    func position(_ key: Key) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func set(_ row: Row, for key: Key, revision: UInt64) {
        let index = position(key)
        if index < entries.count, entries[index].key == key {
            entries[index].row = row
            entries[index].revision = revision
        } else {
            entries.insert(Entry(key: key, row: row, revision: revision), at: index)
        }
    }

    mutating func removeAll(where isGone: (Row) -> Bool) { entries.removeAll { isGone($0.row) } }
}

/// The key of a HEALTH row.
struct HealthKey: Comparable, Sendable {
    var server: ServerID
    var observer: NodeID

    static func < (left: HealthKey, right: HealthKey) -> Bool { (left.server, left.observer) < (right.server, right.observer) }
}

/// The key of a BALLOT row.
struct BallotKey: Comparable, Sendable {
    var subject: UInt64
    var node: NodeID

    static func < (left: BallotKey, right: BallotKey) -> Bool { (left.subject, left.node) < (right.subject, right.node) }
}

/// The key of a row in any table.
enum RowKey: Sendable {
    case member(NodeID)
    case health(HealthKey)
    case administrative(ServerID)
    case lease(UInt64)
    case ballot(BallotKey)
}
