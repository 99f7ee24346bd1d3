/// At most one deadline for each entry; entries are small numbers. The earliest deadline comes first; of equal deadlines, the one that was set first.
///
/// It sets, moves or removes a deadline in O(log n), and finds the first one in O(1). The highest entry that was ever used bounds its memory.
package struct DeadlineQueue: Sendable {
    private var heap = IndexedHeap()
    private var places: IndexedHeap.Places = []
    /// The number of calls that have set a deadline.
    private var turn: UInt64 = 0

    /// No deadlines.
    package init() {}

    /// How many entries have a deadline.
    package var count: Int { heap.count }

    /// The entry with the earliest deadline.
    package var first: (entry: Int, deadline: Instant)? { heap.first.map { ($0.number, Instant(nanoseconds: Int64($0.key))) } }

    /// The deadline of an entry; `nil` for none.
    package func deadline(of entry: Int) -> Instant? {
        guard entry < places.count, places[entry] >= 0 else { return nil }
        return Instant(nanoseconds: Int64(heap.entry(of: entry, places).key))
    }

    /// Gives an entry another deadline, `nil` for none. Setting the deadline that it already has does not change its order among equal deadlines.
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

    /// Takes the first entry out if its deadline is not after `latest`.
    package mutating func takeFirst(dueBy latest: Instant) -> Int? {
        guard let first, first.deadline <= latest else { return nil }
        heap.remove(first.entry, &places)
        return first.entry
    }
}
