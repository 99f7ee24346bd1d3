// Numbers that threads share.

import Synchronization

/// A number that one thread writes and any thread reads: the cost of a plain variable.
package struct Counter: ~Copyable, Sendable {
    private let storage = Atomic<UInt64>(0)

    /// Zero.
    package init() {}

    /// The present value.
    package var value: UInt64 { storage.load(ordering: .relaxed) }

    /// Adds; for the one thread that writes.
    package borrowing func add(_ count: UInt64 = 1) { storage.store(storage.load(ordering: .relaxed) &+ count, ordering: .relaxed) }
}

/// A number that any thread adds to, rarely.
package struct Tally: ~Copyable, Sendable {
    private let storage = Atomic<UInt64>(0)

    /// Zero.
    package init() {}

    /// The present value.
    package var value: UInt64 { storage.load(ordering: .relaxed) }

    /// Adds one.
    package borrowing func add() { storage.wrappingAdd(1, ordering: .relaxed) }
}

/// A gauge that any thread moves, and the highest value it has had.
package struct Gauge: ~Copyable, Sendable {
    private let present = Atomic<Int>(0)
    private let highest = Atomic<Int>(0)
    // A cache line of its own: neighbours are written by other threads.
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

    /// Zero.
    package init() {}

    /// The present value.
    package var value: Int { present.load(ordering: .sequentiallyConsistent) }

    /// The highest value so far.
    package var max: Int { highest.load(ordering: .relaxed) }

    /// Adds one, unless that would exceed `limit` (0: no limit). True when it was added.
    ///
    /// Never adds for a moment what it takes away again: another thread would take that for a place that is gone, and nobody would tell it of the mistake.
    package borrowing func enter(limit: Int) -> Bool {
        guard limit > 0 else {
            present.wrappingAdd(1, ordering: .sequentiallyConsistent)
            return true
        }
        var value = present.load(ordering: .sequentiallyConsistent)
        while value < limit {
            let (exchanged, original) = present.compareExchange(expected: value, desired: value + 1, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            value = original
        }
        return false
    }

    /// Lets the present value count toward the highest: what has entered stays.
    package borrowing func settle() {
        let value = present.load(ordering: .relaxed)
        if value > highest.load(ordering: .relaxed) { highest.max(value, ordering: .relaxed) }
    }

    /// Takes one away.
    package borrowing func leave() { present.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
}
