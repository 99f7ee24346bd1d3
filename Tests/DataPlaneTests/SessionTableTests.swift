import Support
import Testing
import Wire

@testable import Proxy

@Suite("A backend's queue")
struct WaitingQueueTests {
    private func take(_ queue: inout WaitingQueue, for server: UInt32) -> Waiter? {
        queue.places.first { queue[$0].server == nil || queue[$0].server == server }.map { queue.remove(at: $0) }
    }

    @Test("serves sessions in the order of their arrival, and passes over those that wait for another server")
    func order() {
        var queue = WaitingQueue()
        for session in 0..<4 as Range<UInt64> { queue.append(Waiter(thread: 0, session: session, server: session == 0 ? 7 : nil)) }
        #expect(take(&queue, for: 3)?.session == 1)
        #expect(take(&queue, for: 7)?.session == 0)
        #expect(take(&queue, for: 3)?.session == 2)
        #expect(queue.count == 1)
    }

    @Test("behaves like a plain list, for any session that leaves", arguments: seeds(30))
    func equalsModel(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = WaitingQueue()
        var model: [Waiter] = []
        for step in 0..<1000 as Range<UInt64> {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let server: UInt32? = Bool.random(using: &random) ? UInt32.random(in: 0..<3, using: &random) : nil
                let waiter = Waiter(thread: Int(step % 3), session: step, server: server)
                queue.append(waiter)
                model.append(waiter)
            case 2:
                let server = UInt32.random(in: 0..<3, using: &random)
                let index = model.firstIndex { $0.server == nil || $0.server == server }
                #expect(take(&queue, for: server) == index.map { model.remove(at: $0) }, "seed \(seed), step \(step)")
            default:
                let session = UInt64.random(in: 0...step, using: &random)
                let index = model.firstIndex { $0.session == session }
                #expect((queue.remove(thread: Int(session % 3), session: session) == nil) == (index == nil), "seed \(seed), step \(step)")
                if let index { model.remove(at: index) }
            }
            #expect(queue.count == model.count)
        }
    }
}

@Suite("The session table")
struct SessionTableTests {
    @Test("never applies a late event to the slot's next session")
    func generations() throws {
        var table = SessionTable(capacity: 2)
        let taken = table.take()
        let (index, isNew) = try #require(taken)
        #expect(isNew)
        table[index].pointee.state = .waiting
        let generation = table[index].pointee.generation
        let live = table.session(at: index, generation: generation)
        #expect(live != nil)
        table.release(index)
        let late = table.session(at: index, generation: generation)
        let free = table.session(at: index, generation: generation + 1)
        #expect(late == nil && free == nil, "a free slot has no session")
        let retaken = table.take()
        let again = try #require(retaken)
        #expect(again.index == index && !again.isNew)
        table[index].pointee.state = .waiting
        let later = table.session(at: index, generation: generation)
        let never = table.session(at: 5, generation: 0)
        #expect(later == nil && never == nil)
    }

    @Test("wraps its generations within the token's bits")
    func wraps() throws {
        var table = SessionTable(capacity: 1)
        let first = table.take()
        let (index, _) = try #require(first)
        table[index].pointee.generation = SessionToken.generationMask
        table[index].pointee.state = .waiting
        table.release(index)
        let generation = table[index].pointee.generation
        #expect(generation == 0)
        let token = SessionToken(.server, index: 0xffff_fffe, generation: SessionToken.generationMask)
        #expect(token.kind == .server && token.index == 0xffff_fffe && token.generation == SessionToken.generationMask)
    }

    @Test("is full at its capacity, and reuses the last released slot first")
    func full() throws {
        var table = SessionTable(capacity: 3)
        for expected in 0..<3 {
            let next = table.take()
            let taken = try #require(next)
            #expect(taken.index == expected)
            table[taken.index].pointee.state = .waiting
        }
        let beyond = table.take()
        #expect(beyond == nil)
        table.release(1)
        table.release(0)
        let last = table.take()
        #expect(last?.index == 0)
        let (count, used) = (table.count, table.used)
        #expect(count == 2 && used == 3)
    }

    @Test("gives a slot's next session no extras of the previous one")
    func extras() throws {
        var table = SessionTable(capacity: 1)
        let taken = table.take()
        let (index, _) = try #require(taken)
        let session = table[index]
        let before = table[extrasOf: session].tried.count
        table[extrasOf: session].tried.insert(7)
        table[extrasOf: session].target = KernelAddress(.v4(1), port: 2)
        let (tried, port) = (table[extrasOf: session].tried.last, table[extrasOf: session].target.port)
        #expect(before == 0 && tried == 7 && port == 2)
        session.pointee.state = .waiting
        table.release(index)
        _ = table.take()
        let (next, target) = (table[extrasOf: session].tried.count, table[extrasOf: session].target.isNone)
        #expect(next == 0 && target)
    }

    @Test("needs at most 300 bytes for an idle session, its timer included")
    func memory() {
        #expect(MemoryLayout<Session>.stride + TimerWheel.bytesPerEntry <= 300)
    }
}

@Suite("A gauge")
struct GaugeTests {
    @Test("never exceeds its limit and keeps its highest settled value")
    func limit() {
        let gauge = Gauge()
        let entered = (0..<3).map { _ in gauge.tryEnter(limit: 2) }
        #expect(entered == [true, true, false])
        let before = gauge.max
        gauge.updateMaximum()
        gauge.leave()
        let (value, highest, isUnlimited) = (gauge.value, gauge.max, gauge.tryEnter(limit: 0))
        #expect(before == 0 && value == 1 && highest == 2 && isUnlimited)
    }
}
