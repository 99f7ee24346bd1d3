import LinuxIO
import Synchronization
import Testing

@Suite("Shared cells")
struct SharedCellsTests {
    private final class Witness: Sendable {
        let deaths: Tally
        init(_ deaths: Tally) { self.deaths = deaths }
        deinit { deaths.count.wrappingAdd(1, ordering: .relaxed) }
    }

    private final class Tally: Sendable {
        let count = Atomic<Int>(0)
    }

    private struct Cell: ~Copyable, Sendable {
        let number = Atomic<Int>(0)
        let witness: Witness
    }

    private struct Failure: Error {}

    @Test("release every cell once, even when creating one of them fails")
    func lifetimes() {
        let deaths = Tally()
        do {
            let cells = SharedCells<Cell>(count: 3) { _ in Cell(witness: Witness(deaths)) }
            #expect(cells.count == 3)
        }
        #expect(deaths.count.load(ordering: .relaxed) == 3)
        #expect(throws: Failure.self) {
            _ = try SharedCells<Cell>(count: 5) { index throws(Failure) in
                if index == 2 { throw Failure() }
                return Cell(witness: Witness(deaths))
            }
        }
        #expect(deaths.count.load(ordering: .relaxed) == 5)
    }

    @Test("share no cache line with each other when they are spaced, and none with other memory")
    func lines() {
        let (deaths, bytes) = (Tally(), UInt(cacheLineBytes))
        let apart = SharedCells<Cell>(count: 3, areApart: true) { _ in Cell(witness: Witness(deaths)) }
        let places = (0..<3).map { UInt(bitPattern: apart[$0]) }
        #expect(places.allSatisfy { $0 % bytes == 0 })
        #expect(Set(places.map { $0 / bytes }).count == 3)
        let (first, second) = (
            SharedCells<Cell>(count: 3) { _ in Cell(witness: Witness(deaths)) }, SharedCells<Cell>(count: 3) { _ in Cell(witness: Witness(deaths)) }
        )
        #expect(UInt(bitPattern: first[1]) - UInt(bitPattern: first[0]) == UInt(MemoryLayout<Cell>.stride))
        #expect(UInt(bitPattern: first[2]) / bytes != UInt(bitPattern: second[0]) / bytes)
        #expect(UInt(bitPattern: second[2]) / bytes != UInt(bitPattern: first[0]) / bytes)
    }

    @Test("show every thread the same cells")
    func sharing() throws {
        let deaths = Tally()
        let cells = SharedCells<Cell>(count: 2) { _ in Cell(witness: Witness(deaths)) }
        let threads = Tally()
        for _ in 0..<4 {
            let thread = try Thread(named: "test") {
                for _ in 0..<1000 { cells[1].pointee.number.wrappingAdd(1, ordering: .relaxed) }
                threads.count.wrappingAdd(1, ordering: .relaxed)
            }
            thread.join()
        }
        #expect(cells[1].pointee.number.load(ordering: .relaxed) == 4000)
        #expect(threads.count.load(ordering: .relaxed) == 4)
    }

    @Test("keep a frozen copy of their initial values")
    func frozen() {
        let table = FrozenTable([[1], [2, 3]])
        #expect(table.count == 2)
        #expect(table[1].pointee == [2, 3])
        #expect(FrozenTable<Int>([]).count == 0)
    }
}
