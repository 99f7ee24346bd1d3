// The hot path: works on preallocated links. Nothing here allocates.

/// A hierarchical timer wheel over a fixed set of entries, each with at most one deadline.
///
///     level   a slot spans   a turn spans
///     0       1 ms           64 ms
///     1       64 ms          4.1 s
///     2       4.1 s          4.4 min
///     3       4.4 min        4.7 h
///     4       4.7 h          12 days
///
/// An entry is in the level of the highest base-64 digit in which its deadline differs from the present, so that arming and cancelling are O(1). Each entry
/// moves down at most four times. Deadlines beyond the top level's range are kept in it and inserted again when their slot is due.
/// - SeeAlso: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", scheme 7.
package struct TimerWheel: ~Copyable {
    private struct Link {
        var next: UInt32
        var previous: UInt32
        /// level * 64 + slot; `idle` when the entry has no deadline.
        var place: UInt32
        var deadline: Int64
    }

    /// The memory of a used entry.
    package static let bytesPerEntry = MemoryLayout<Link>.stride
    private static let none = UInt32.max
    private static let idle = UInt32.max
    private static let levels = 5

    private let links: UnsafeMutablePointer<Link>
    private let heads: UnsafeMutablePointer<UInt32>
    private let occupied: UnsafeMutablePointer<UInt64>
    private let capacity: Int
    /// Milliseconds. All earlier deadlines have been returned by `next`.
    private var present: Int64

    /// Creates a wheel for entries `0..<capacity`, none armed, at `now` milliseconds.
    package init(capacity: Int, now: Int64) {
        self.capacity = capacity
        present = now
        links = Slab.map(Link.self, count: capacity)
        heads = .allocate(capacity: Self.levels * 64)
        heads.initialize(repeating: Self.none, count: Self.levels * 64)
        occupied = .allocate(capacity: Self.levels)
        occupied.initialize(repeating: 0, count: Self.levels)
    }

    deinit {
        Slab.unmap(links, count: capacity)
        heads.deallocate()
        occupied.deallocate()
    }

    /// Initializes an entry before its first use. Zeroed slab memory is not a valid state.
    package mutating func prepare(_ entry: Int) {
        links[entry] = Link(next: Self.none, previous: Self.none, place: Self.idle, deadline: 0)
    }

    /// Sets or replaces the entry's deadline. A past deadline is due at the next call of `next(now:)`.
    package mutating func arm(_ entry: Int, deadline: Int64) {
        cancel(entry)
        links[entry].deadline = deadline
        insert(entry)
    }

    /// True while the entry has a deadline.
    package func isArmed(_ entry: Int) -> Bool { links[entry].place != Self.idle }

    /// Removes the entry's deadline.
    package mutating func cancel(_ entry: Int) {
        let link = links[entry]
        guard link.place != Self.idle else { return }
        if link.next != Self.none { links[Int(link.next)].previous = link.previous }
        if link.previous != Self.none {
            links[Int(link.previous)].next = link.next
        } else {
            heads[Int(link.place)] = link.next
            if link.next == Self.none { occupied[Int(link.place / 64)] &= ~(1 << UInt64(link.place % 64)) }
        }
        links[entry].place = Self.idle
    }

    /// Removes and returns an entry whose deadline has passed; `nil` when no deadline is due at `now` milliseconds.
    package mutating func next(now: Int64) -> Int? {
        while let (level, slot, start) = firstOccupied(), start <= now {
            present = max(present, start)
            let entry = Int(heads[level * 64 + slot])
            cancel(entry)
            guard links[entry].deadline > present else { return entry }
            insert(entry)
        }
        present = max(present, now)
        return nil
    }

    /// When to call `next(now:)` again, in milliseconds: no later than the earliest deadline; `nil` when nothing is armed.
    package var wakeUp: Int64? { firstOccupied()?.start }

    private mutating func insert(_ entry: Int) {
        let deadline = max(links[entry].deadline, present)
        let difference = UInt64(bitPattern: deadline ^ present) | 1
        let level = min((63 - difference.leadingZeroBitCount) / 6, Self.levels - 1)
        let span = Int64(1) << Int64(level * 6)
        // Deadlines beyond the top level's range are put in its farthest slot, which precedes the current one.
        let bounded = min(deadline, (present / span + 63) * span)
        let slot = Int(bounded >> Int64(level * 6)) & 63
        let place = level * 64 + slot
        let head = heads[place]
        links[entry].next = head
        links[entry].previous = Self.none
        links[entry].place = UInt32(place)
        if head != Self.none { links[Int(head)].previous = UInt32(entry) }
        heads[place] = UInt32(entry)
        occupied[level] |= 1 << UInt64(slot)
    }

    /// The occupied slot that starts first; of equal ones the lowest level's. A higher level's slot is thus emptied before any later slot.
    private func firstOccupied() -> (level: Int, slot: Int, start: Int64)? {
        var first: (level: Int, slot: Int, start: Int64)?
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = Int64(level * 6)
            let current = Int(present >> shift) & 63
            let rotated = occupied[level] >> UInt64(current) | (current == 0 ? 0 : occupied[level] << UInt64(64 - current))
            let ahead = rotated.trailingZeroBitCount
            let start = ((present >> shift) + Int64(ahead)) << shift
            if let first, first.start <= start { continue }
            first = (level, (current + ahead) & 63, start)
        }
        return first
    }
}
