/// Servers in the order of a key; those with equal keys in the order of their arrival.
///
/// `Places` knows where each server is, so that removing any server costs O(log n), as does every other change.
struct ServerHeap: Sendable {
    /// By server: its index in the one heap that holds it; -1 for none.
    typealias Places = [Int32]

    /// A server and its key.
    struct Entry: Equatable, Sendable {
        /// The lowest comes first.
        let key: Int
        /// Decides between equal keys: the lowest comes first.
        let arrival: UInt64
        /// An index into `Places`.
        let server: Int32

        fileprivate func isBefore(_ other: Entry) -> Bool { key != other.key ? key < other.key : arrival < other.arrival }
    }

    private var entries: [Entry] = []

    /// The first server; `nil` when the heap is empty.
    var first: Entry? { entries.first }

    /// Adds a server that is in no heap.
    mutating func insert(_ entry: Entry, _ places: inout Places) {
        entries.append(entry)
        moveUp(entries.count - 1, &places)
    }

    /// Removes a server that is in this heap.
    mutating func remove(_ server: Int, _ places: inout Places) {
        let place = Int(places[server])
        places[server] = -1
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        moveUp(place, &places)
        moveDown(Int(places[Int(last.server)]), &places)
    }

    private mutating func moveUp(_ start: Int, _ places: inout Places) {
        var place = start
        let entry = entries[place]
        while place > 0, entry.isBefore(entries[(place - 1) / 2]) {
            put(entries[(place - 1) / 2], at: place, &places)
            place = (place - 1) / 2
        }
        put(entry, at: place, &places)
    }

    private mutating func moveDown(_ start: Int, _ places: inout Places) {
        var place = start
        let entry = entries[place]
        while true {
            var child = 2 * place + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].isBefore(entries[child]) { child += 1 }
            guard entries[child].isBefore(entry) else { break }
            put(entries[child], at: place, &places)
            place = child
        }
        put(entry, at: place, &places)
    }

    private mutating func put(_ entry: Entry, at place: Int, _ places: inout Places) {
        entries[place] = entry
        places[Int(entry.server)] = Int32(truncatingIfNeeded: place)
    }
}
