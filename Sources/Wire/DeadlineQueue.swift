/// Deadlines of entries that are numbered from 0, at most one per entry, ordered by time. Equal deadlines are in the order in which they were set.
///
/// Setting, moving and removing a deadline takes O(log n); finding the first takes O(1). Memory grows with the highest entry ever used.
package struct DeadlineQueue: Sendable {
    private var heap = IndexedHeap()
    private var places: IndexedHeap.Places = []
    /// The number of calls that have set a deadline; it orders equal deadlines.
    private var turn: UInt64 = 0

    /// Creates an empty queue.
    package init() {}

    /// The number of entries with a deadline.
    package var count: Int { heap.count }

    /// The entry with the earliest deadline; `nil` when no entry has one.
    package var first: (entry: Int, deadline: Instant)? { heap.first.map { ($0.number, Instant(nanoseconds: Int64($0.key))) } }

    /// The deadline of an entry; `nil` when it has none.
    package func deadline(of entry: Int) -> Instant? {
        guard entry < places.count, places[entry] >= 0 else { return nil }
        return Instant(nanoseconds: Int64(heap.entry(of: entry, places).key))
    }

    /// Sets the deadline of an entry; `nil` removes it. Setting the deadline that the entry already has keeps its order among equal deadlines.
    package mutating func set(_ entry: Int, to deadline: Instant?) {
        precondition(entry >= 0, "an entry's number is never negative, got \(entry)")
        let present = self.deadline(of: entry)
        guard deadline != present else { return }
        if entry >= places.count { places.append(contentsOf: repeatElement(-1, count: entry + 1 - places.count)) }
        if present != nil { heap.remove(entry, &places) }
        guard let deadline else { return }
        turn += 1
        heap.insert(IndexedHeap.Entry(entry, key: Int(deadline.nanoseconds), arrival: turn), &places)
    }

    /// Removes and returns the first entry if its deadline is not after `latest`.
    package mutating func takeFirst(dueBy latest: Instant) -> Int? {
        guard let first, first.deadline <= latest else { return nil }
        heap.remove(first.entry, &places)
        return first.entry
    }
}
