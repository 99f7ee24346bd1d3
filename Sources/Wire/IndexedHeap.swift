/// A binary heap of non-negative numbers, ordered by key. Equal keys are in order of arrival.
///
/// `Places` holds the position of each number, so that adding and removing any number take O(log n). Several heaps can share one `Places`, because a number is
/// in at most one of them.
package struct IndexedHeap: Sendable {
    /// For each number its index in the heap that contains it; -1 when no heap does.
    package typealias Places = [Int32]

    /// A number and its key.
    package struct Entry: BitwiseCopyable, Equatable, Sendable {
        /// Lower keys come first.
        package let key: Int
        /// Breaks ties between equal keys: lower ones come first.
        package let arrival: UInt64
        @usableFromInline let item: Int32

        /// The number: an index into `Places`.
        @inlinable package var number: Int { Int(item) }

        /// Creates an entry.
        package init(_ number: Int, key: Int, arrival: UInt64) { (self.key, self.arrival, item) = (key, arrival, Int32(truncatingIfNeeded: number)) }

        fileprivate func precedes(_ other: Entry) -> Bool { key != other.key ? key < other.key : arrival < other.arrival }
    }

    /// An entry never precedes its parent, which is at (place - 1) / 2.
    private var entries: [Entry] = []

    /// Creates an empty heap.
    package init() {}

    /// The number of entries.
    package var count: Int { entries.count }

    /// The first entry; `nil` when the heap is empty.
    package var first: Entry? { entries.first }

    /// Like `first`, for a heap in an array: it reads the entry in place, where `first` retains the heap's storage.
    package mutating func readFirst() -> Entry? { entries.first }

    /// The entry of a number, which must be in this heap.
    package func entry(of number: Int, _ places: Places) -> Entry { entries[Int(places[number])] }

    /// Reserves memory for `count` numbers, so that adding them does not allocate.
    package mutating func makeRoom(for count: Int) {
        if entries.capacity < count { entries.reserveCapacity(max(count, 2 * entries.capacity)) }
    }

    /// Adds a number that is not in any heap.
    package mutating func insert(_ entry: Entry, _ places: inout Places) {
        entries.append(entry)
        settle(entry, from: entries.count - 1, &places)
    }

    /// Removes a number, which must be in this heap.
    package mutating func remove(_ number: Int, _ places: inout Places) {
        let place = Int(places[number])
        places[number] = -1
        let last = entries.removeLast()
        if place < entries.count { settle(last, from: place, &places) }
    }

    /// Moves `entry` up or down from `start` to its position. The entry at `start` is overwritten.
    private mutating func settle(_ entry: Entry, from start: Int, _ places: inout Places) {
        var place = start
        while place > 0, entry.precedes(entries[(place - 1) / 2]) {
            put(entries[(place - 1) / 2], at: place, &places)
            place = (place - 1) / 2
        }
        while true {
            var child = 2 * place + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
            guard entries[child].precedes(entry) else { break }
            put(entries[child], at: place, &places)
            place = child
        }
        put(entry, at: place, &places)
    }

    private mutating func put(_ entry: Entry, at place: Int, _ places: inout Places) {
        entries[place] = entry
        places[entry.number] = Int32(truncatingIfNeeded: place)
    }
}
