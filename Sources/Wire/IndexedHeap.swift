/// A binary heap of small numbers in the order of their keys; those with equal keys are in the order of their arrival.
///
/// `Places` knows where each number is, so that removing any of them costs O(log n), as does adding one. Several heaps can share the places: a number is in at
/// most one of them.
package struct IndexedHeap: Sendable {
    /// By number: its index in the one heap that holds it; -1 for none.
    package typealias Places = [Int32]

    /// A number and its key.
    package struct Entry: BitwiseCopyable, Equatable, Sendable {
        /// The lowest comes first.
        package let key: Int
        /// Decides between equal keys: the lowest comes first.
        package let arrival: UInt64
        @usableFromInline let item: Int32

        /// The number: an index into `Places`.
        @inlinable package var number: Int { Int(item) }

        /// A number with its key.
        package init(_ number: Int, key: Int, arrival: UInt64) { (self.key, self.arrival, item) = (key, arrival, Int32(truncatingIfNeeded: number)) }

        fileprivate func precedes(_ other: Entry) -> Bool { key != other.key ? key < other.key : arrival < other.arrival }
    }

    /// No entry precedes its parent, which is at (place - 1) / 2.
    private var entries: [Entry] = []

    /// An empty heap.
    package init() {}

    /// How many numbers there are.
    package var count: Int { entries.count }

    /// The first entry; `nil` when the heap is empty.
    package var first: Entry? { entries.first }

    /// `first` of a heap that is an element of an array: reads it in place, where `first` would retain it.
    package mutating func readFirst() -> Entry? { entries.first }

    /// The entry of a number that is in this heap.
    package func entry(of number: Int, _ places: Places) -> Entry { entries[Int(places[number])] }

    /// Makes room for so many numbers, so that adding them allocates nothing.
    package mutating func makeRoom(for count: Int) {
        if entries.capacity < count { entries.reserveCapacity(max(count, 2 * entries.capacity)) }
    }

    /// Adds a number that is in no heap.
    package mutating func insert(_ entry: Entry, _ places: inout Places) {
        entries.append(entry)
        settle(entry, from: entries.count - 1, &places)
    }

    /// Removes a number that is in this heap.
    package mutating func remove(_ number: Int, _ places: inout Places) {
        let place = Int(places[number])
        places[number] = -1
        let last = entries.removeLast()
        if place < entries.count { settle(last, from: place, &places) }
    }

    /// Puts `entry` where it belongs, up or down from `start`, whose own entry is replaced.
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
