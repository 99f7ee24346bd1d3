// Memory that several threads access at fixed addresses.
// Only the types of this file are `@unchecked Sendable`. A comment at each gives the reason why sharing is sound.

/// The unit in which processors move memory between their caches: two lines of 64 bytes, because they also fetch the neighbour of a line.
package let cacheLineBytes = 128

/// The addresses of a fixed number of elements, whose owner must outlive this value. Copying it or reaching an element does not retain anything.
///
/// Sound because `Element` is `Sendable` and is only borrowed.
package struct ElementAddresses<Element: ~Copyable & Sendable>: @unchecked Sendable {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let stride: Int
    /// The number of elements.
    package let count: Int

    fileprivate init(base: UnsafeRawPointer, stride: Int, count: Int) { (self.base, self.stride, self.count) = (base, stride, count) }

    /// The element at `index`.
    @inlinable package subscript(index: Int) -> UnsafePointer<Element> {
        precondition(index >= 0 && index < count, "element \(index) of \(count)")
        return (base + index * stride).assumingMemoryBound(to: Element.self)
    }
}

/// A fixed number of cells that consist of atomics, at fixed addresses. Any thread may read and write the atomics.
///
/// The cells share no cache line with other memory. Sound because `Cell` is `Sendable` and is only borrowed: its content changes only through its own atomics
/// or locks.
package final class SharedCells<Cell: ~Copyable & Sendable>: @unchecked Sendable {
    /// The cells' addresses, for threads that end before this object does.
    package let addresses: ElementAddresses<Cell>

    /// Creates `count` cells with `make`, which receives the index.
    ///
    /// - Parameter areApart: gives each cell its own cache lines, for cells that different threads write to.
    package init<Failure: Error>(count: Int, areApart: Bool = false, _ make: (Int) throws(Failure) -> Cell) throws(Failure) {
        let stride = areApart ? Self.wholeLines(MemoryLayout<Cell>.stride) : MemoryLayout<Cell>.stride
        let base = UnsafeMutableRawPointer.allocate(byteCount: Self.wholeLines(max(1, count * stride)), alignment: cacheLineBytes)
        var made = 0
        do throws(Failure) {
            while made < count {
                (base + made * stride).bindMemory(to: Cell.self, capacity: 1).initialize(to: try make(made))
                made += 1
            }
        } catch {
            Self.end(base, stride: stride, count: made)
            throw error
        }
        addresses = ElementAddresses(base: base, stride: stride, count: count)
    }

    deinit { Self.end(UnsafeMutableRawPointer(mutating: addresses.base), stride: addresses.stride, count: addresses.count) }

    private static func end(_ base: UnsafeMutableRawPointer, stride: Int, count: Int) {
        for index in 0..<count { (base + index * stride).assumingMemoryBound(to: Cell.self).deinitialize(count: 1) }
        base.deallocate()
    }

    private static func wholeLines(_ bytes: Int) -> Int { (bytes + cacheLineBytes - 1) / cacheLineBytes * cacheLineBytes }

    /// The number of cells.
    @inlinable package var count: Int { addresses.count }

    /// The cell at `index`.
    @inlinable package subscript(index: Int) -> UnsafePointer<Cell> { addresses[index] }
}

/// A fixed number of plain values that never change, readable by any thread without retain, release or copy.
///
/// Sound because nothing writes after `init`.
package final class FrozenTable<Element: Sendable>: @unchecked Sendable {
    /// The elements' addresses, for threads that end before this object does.
    package let addresses: ElementAddresses<Element>

    /// Creates a table with a copy of `elements`.
    package init(_ elements: [Element]) {
        let base = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
        elements.withUnsafeBufferPointer { source in
            if let address = source.baseAddress { base.initialize(from: address, count: source.count) }
        }
        addresses = ElementAddresses(base: base, stride: MemoryLayout<Element>.stride, count: elements.count)
    }

    deinit {
        let base = UnsafeMutableRawPointer(mutating: addresses.base).assumingMemoryBound(to: Element.self)
        base.deinitialize(count: addresses.count)
        base.deallocate()
    }

    /// The number of elements.
    @inlinable package var count: Int { addresses.count }

    /// The element at `index`.
    @inlinable package subscript(index: Int) -> UnsafePointer<Element> { addresses[index] }
}

/// Bytes that never change. Their owner, a `FrozenTexts`, must outlive this value.
package struct FrozenText: @unchecked Sendable {
    /// The bytes.
    package let bytes: UnsafeRawBufferPointer
}

/// A fixed number of texts that never change, readable by any thread without retain, release or copy.
package final class FrozenTexts: Sendable {
    private let table: FrozenTable<FrozenText>
    /// The texts' addresses, for threads that end before this object does.
    package var addresses: ElementAddresses<FrozenText> { table.addresses }

    /// Creates a table with a copy of `texts`.
    package init(_ texts: [[UInt8]]) {
        table = FrozenTable(
            texts.map { text in
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.count), alignment: 1)
                copy.copyBytes(from: text)
                return FrozenText(bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[..<text.count]))
            })
    }

    deinit { for index in 0..<table.count { table[index].pointee.bytes.deallocate() } }
}
