import Testing
import Wire

@Suite("A queue of deadlines")
struct DeadlineQueueTests {
    private static func instant(_ nanoseconds: Int) -> Instant { Instant(nanoseconds: Int64(nanoseconds)) }

    @Test("returns entries by deadline, and those with equal deadlines in insertion order")
    func order() {
        var queue = DeadlineQueue()
        for (entry, deadline) in [(4, 7), (0, 7), (9, 3), (2, 7), (1, 5)] { queue.set(entry, to: Self.instant(deadline)) }
        queue.set(4, to: Self.instant(7))
        queue.set(1, to: nil)
        queue.set(1, to: nil)
        #expect(queue.first?.entry == 9 && queue.count == 4 && queue.deadline(of: 1) == nil && queue.deadline(of: 77) == nil)
        #expect(queue.takeFirst(dueBy: Self.instant(2)) == nil)
        var taken: [Int] = []
        while let entry = queue.takeFirst(dueBy: Self.instant(7)) { taken.append(entry) }
        #expect(taken == [9, 4, 0, 2])
        #expect(queue.first == nil && queue.count == 0)
    }

    @Test("agrees with a sorted list after any sets, moves and removals", arguments: 0..<40 as Range<UInt64>)
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = DeadlineQueue()
        var model: [(deadline: Int, turn: Int, entry: Int)] = []
        for turn in 0..<600 {
            let entry = Int.random(in: 0..<50, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                queue.set(entry, to: nil)
                model.removeAll { $0.entry == entry }
            case 1:
                let latest = Int.random(in: 0..<20, using: &random)
                let expected = model.first.flatMap { $0.deadline <= latest ? $0.entry : nil }
                #expect(queue.takeFirst(dueBy: Self.instant(latest)) == expected, "seed \(seed), turn \(turn)")
                if expected != nil { model.removeFirst() }
            default:
                let deadline = Int.random(in: 0..<20, using: &random)
                queue.set(entry, to: Self.instant(deadline))
                if model.first(where: { $0.entry == entry })?.deadline != deadline {
                    model.removeAll { $0.entry == entry }
                    model.append((deadline, turn, entry))
                    model.sort { ($0.deadline, $0.turn) < ($1.deadline, $1.turn) }
                }
            }
            #expect(queue.count == model.count && queue.first?.entry == model.first?.entry, "seed \(seed), turn \(turn)")
            #expect(queue.deadline(of: entry) == model.first { $0.entry == entry }.map { Self.instant($0.deadline) }, "seed \(seed), turn \(turn)")
        }
    }
}
