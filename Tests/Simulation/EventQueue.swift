import Wire

/// Pending events, earliest first; events of one instant in the order of `push`. A binary heap.
///
/// The heap orders small entries. The events stay in slots, which are reused.
struct EventQueue<Event> {
    private struct Entry {
        let at: Instant
        let number: UInt64
        let place: Int

        func isBefore(_ other: Entry) -> Bool { (at.nanoseconds, number) < (other.at.nanoseconds, other.number) }
    }

    private var heap: [Entry] = []
    private var events: [Event?] = []
    private var free: [Int] = []
    private var pushed: UInt64 = 0

    var count: Int { heap.count }

    /// The time of the first event; `nil` when the queue is empty.
    var nextAt: Instant? { heap.first?.at }

    mutating func push(_ event: consuming Event, at: Instant) {
        pushed += 1
        heap.append(Entry(at: at, number: pushed, place: store(event)))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Event? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        free.append(first.place)
        return events[first.place].take()
    }

    private mutating func store(_ event: consuming Event) -> Int {
        guard let place = free.popLast() else {
            events.append(event)
            return events.count - 1
        }
        events[place] = event
        return place
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = 2 * parent + 1
            guard least < heap.count else { break }
            if least + 1 < heap.count, heap[least + 1].isBefore(heap[least]) { least += 1 }
            guard heap[least].isBefore(heap[parent]) else { break }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
