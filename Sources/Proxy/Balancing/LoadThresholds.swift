import Wire

/// The servers with a dynamic limit (`minconn`), by the number of the backend's sessions at which they get or lose room.
///
/// A change of this number reaches only the servers whose room changes; each costs O(log n) at n servers.
struct LoadThresholds: Sendable {
    /// Servers without room, by the number of sessions at which they get it.
    private var gaining = IndexedHeap()
    /// Servers with room, by the negated number of sessions below which they lose it.
    private var losing = IndexedHeap()
    private var places: IndexedHeap.Places
    private var isLosing: [Bool]

    /// Creates thresholds for `count` servers.
    init(count: Int) {
        places = Array(repeating: -1, count: count)
        isLosing = Array(repeating: false, count: count)
    }

    /// Records from which number of sessions on `server` has room, while the backend has `load` sessions.
    mutating func record(_ server: Int, roomAt threshold: Int, load: Int) {
        remove(server)
        guard threshold > 0, threshold < .max else { return }
        isLosing[server] = threshold <= load
        if isLosing[server] {
            losing.insert(IndexedHeap.Entry(server, key: -threshold, arrival: 0), &places)
        } else {
            gaining.insert(IndexedHeap.Entry(server, key: threshold, arrival: 0), &places)
        }
    }

    /// A server whose room at `load` differs from the room that was recorded.
    func changedServer(load: Int) -> Int? {
        if let first = gaining.first, first.key <= load { return first.number }
        if let first = losing.first, -first.key > load { return first.number }
        return nil
    }

    private mutating func remove(_ server: Int) {
        guard places[server] >= 0 else { return }
        if isLosing[server] { losing.remove(server, &places) } else { gaining.remove(server, &places) }
    }
}
