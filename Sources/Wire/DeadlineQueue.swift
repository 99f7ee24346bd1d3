/// At most one deadline for each entry; entries are small numbers. The earliest deadline comes first; of equal deadlines, the one that was set first.
///
/// A binary heap that knows the place of each entry: it sets, moves or removes a deadline in O(log n), and finds the first one in O(1). The highest entry that
/// was ever used bounds its memory.
package struct DeadlineQueue: Sendable {
    private struct Item: Sendable {
        let deadline: Instant
        /// The number of the call that set it.
        let turn: UInt64
        let entry: Int

        func precedes(_ other: Item) -> Bool { deadline == other.deadline ? turn < other.turn : deadline < other.deadline }
    }

    private static let nowhere = -1

    /// No item precedes its parent, which is at (place - 1) / 2.
    private var items: [Item] = []
    /// The place of each entry's item, or `nowhere`.
    private var places: [Int] = []
    private var turn: UInt64 = 0

    /// No deadlines.
    package init() {}

    /// How many entries have a deadline.
    package var count: Int { items.count }

    /// The entry with the earliest deadline.
    package var first: (entry: Int, deadline: Instant)? { items.first.map { ($0.entry, $0.deadline) } }

    /// The deadline of an entry; `nil` for none.
    package func deadline(of entry: Int) -> Instant? { entry < places.count && places[entry] != Self.nowhere ? items[places[entry]].deadline : nil }

    /// Gives an entry another deadline, `nil` for none. Setting the deadline that it already has does not change its order among equal deadlines.
    package mutating func set(_ entry: Int, to deadline: Instant?) {
        precondition(entry >= 0, "an entry's number is never negative, got \(entry)")
        guard deadline != self.deadline(of: entry) else { return }
        if entry >= places.count { places.append(contentsOf: repeatElement(Self.nowhere, count: entry + 1 - places.count)) }
        let place = places[entry]
        guard let deadline else { return remove(at: place) }
        turn += 1
        let item = Item(deadline: deadline, turn: turn, entry: entry)
        if place == Self.nowhere { items.append(item) }
        settle(item, from: place == Self.nowhere ? items.count - 1 : place)
    }

    /// Takes the first entry out if its deadline is not after `latest`.
    package mutating func takeFirst(dueBy latest: Instant) -> Int? {
        guard let first = items.first, first.deadline <= latest else { return nil }
        remove(at: 0)
        return first.entry
    }

    private mutating func remove(at place: Int) {
        places[items[place].entry] = Self.nowhere
        let last = items.removeLast()
        if place < items.count { settle(last, from: place) }
    }

    /// Puts `item` where it belongs, up or down from `place`, whose own item is replaced.
    private mutating func settle(_ item: Item, from place: Int) {
        var place = place
        while place > 0, item.precedes(items[(place - 1) / 2]) {
            put(items[(place - 1) / 2], at: place)
            place = (place - 1) / 2
        }
        while true {
            var child = 2 * place + 1
            guard child < items.count else { break }
            if child + 1 < items.count, items[child + 1].precedes(items[child]) { child += 1 }
            guard items[child].precedes(item) else { break }
            put(items[child], at: place)
            place = child
        }
        put(item, at: place)
    }

    private mutating func put(_ item: Item, at place: Int) {
        items[place] = item
        places[item.entry] = place
    }
}
