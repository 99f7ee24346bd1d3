// Numbers that threads share.

import Synchronization

/// A number that one thread writes and any thread reads, at the cost of a plain variable.
package struct Counter: ~Copyable, Sendable {
    private let storage = Atomic<UInt64>(0)

    /// Creates a counter of 0.
    package init() {}

    /// The current value.
    package var value: UInt64 { storage.load(ordering: .relaxed) }

    /// Adds `count`. Only one thread may write.
    package borrowing func add(_ count: UInt64 = 1) { storage.store(storage.load(ordering: .relaxed) &+ count, ordering: .relaxed) }
}

/// A number that any thread may increase, for rare events.
package struct Tally: ~Copyable, Sendable {
    private let storage = Atomic<UInt64>(0)

    /// Creates a tally of 0.
    package init() {}

    /// The current value.
    package var value: UInt64 { storage.load(ordering: .relaxed) }

    /// Adds one.
    package borrowing func add() { storage.wrappingAdd(1, ordering: .relaxed) }
}

/// A gauge that any thread changes, and its highest value.
package struct Gauge: ~Copyable, Sendable {
    private let present = Atomic<Int>(0)
    private let highest = Atomic<Int>(0)
    // Fills a cache line, because other threads write the neighbours.
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

    /// Creates a gauge of 0.
    package init() {}

    /// The current value.
    package var value: Int { present.load(ordering: .sequentiallyConsistent) }

    /// The highest value so far.
    package var max: Int { highest.load(ordering: .relaxed) }

    /// Adds one unless the value has reached `limit` (0: no limit). Returns true when it was added.
    ///
    /// The value never exceeds the limit, not even briefly: another thread would take that for a used place, and nothing would wake it after the correction.
    package borrowing func tryEnter(limit: Int) -> Bool {
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

    /// Updates the highest value with the current one. Call it when the place is really used.
    package borrowing func updateMaximum() {
        let value = present.load(ordering: .relaxed)
        if value > highest.load(ordering: .relaxed) { highest.max(value, ordering: .relaxed) }
    }

    /// Subtracts one.
    package borrowing func leave() { present.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
}
