// Memory that several threads see at fixed addresses.
// The two types here are the only places where the compiler's check of sharing is replaced by an argument of ours.

/// A fixed number of cells made of atomics, at addresses that never change. Any thread may read and write the atomics.
///
/// Sound because `Cell` is `Sendable` and is only ever borrowed: what changes inside it does so through its own atomics or locks.
package final class SharedCells<Cell: ~Copyable & Sendable>: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Cell>
    /// How many cells there are.
    package let count: Int

    /// `count` cells, each made by `make`, which gets its index.
    package init<Failure: Error>(count: Int, _ make: (Int) throws(Failure) -> Cell) throws(Failure) {
        let cells = UnsafeMutablePointer<Cell>.allocate(capacity: max(1, count))
        var made = 0
        do throws(Failure) {
            while made < count {
                (cells + made).initialize(to: try make(made))
                made += 1
            }
        } catch {
            cells.deinitialize(count: made)
            cells.deallocate()
            throw error
        }
        self.count = count
        base = cells
    }

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }

    /// The cell at `index`.
    package subscript(index: Int) -> UnsafePointer<Cell> {
        precondition(index >= 0 && index < count, "cell \(index) of \(count)")
        return UnsafePointer(base + index)
    }
}

/// A fixed number of plain values that never change, readable by any thread without retain, release or copy.
///
/// Sound because nothing writes after `init`.
package final class FrozenTable<Element: Sendable>: @unchecked Sendable {
    private let base: UnsafeMutablePointer<Element>
    /// How many elements there are.
    package let count: Int

    /// A copy of `elements`.
    package init(_ elements: [Element]) {
        count = elements.count
        base = .allocate(capacity: max(1, elements.count))
        elements.withUnsafeBufferPointer { source in
            if let address = source.baseAddress { base.initialize(from: address, count: source.count) }
        }
    }

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }

    /// The element at `index`.
    package subscript(index: Int) -> UnsafePointer<Element> {
        precondition(index >= 0 && index < count, "element \(index) of \(count)")
        return UnsafePointer(base + index)
    }
}
