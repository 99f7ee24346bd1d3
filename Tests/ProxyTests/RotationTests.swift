import Support
import Testing
import Wire

@testable import Proxy

@Suite("Turns")
struct RotationTests {
    private func counts(_ order: [UInt16], _ servers: Int) -> [Int] {
        order.reduce(into: Array(repeating: 0, count: servers)) { $0[Int($1)] += 1 }
    }

    @Test("are even between servers of equal weight, whatever it is")
    func even() {
        #expect(Rotation.order(weights: [1, 1, 1]) == [0, 1, 2])
        #expect(Rotation.order(weights: [100, 100, 100]) == [0, 1, 2])
    }

    @Test("never go to a server of weight 0, and are none when all are 0")
    func weightZero() {
        #expect(Rotation.order(weights: [0, 5, 0, 5]) == [1, 3])
        #expect(Rotation.order(weights: [0, 0]).isEmpty)
        #expect(Rotation.order(weights: []).isEmpty)
    }

    @Test("are in proportion to the weights and spread", arguments: seeds(50))
    func proportionalAndSmooth(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let weights = (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 0...40, using: &random) }
        let order = Rotation.order(weights: weights)
        let total = weights.reduce(0, +)
        guard total > 0 else { return }
        let share = counts(order, weights.count)
        for (index, weight) in weights.enumerated() { #expect(share[index] * total == weight * order.count, "seed \(seed): \(weights)") }
        // After any number of turns each server is within two turns (for so few servers) of its share.
        var so = Array(repeating: 0, count: weights.count)
        for (turn, server) in order.enumerated() {
            so[Int(server)] += 1
            for (index, weight) in weights.enumerated() {
                let due = Double((turn + 1) * weight) / Double(total)
                #expect(abs(Double(so[index]) - due) < 2, "seed \(seed): \(weights), turn \(turn)")
            }
        }
    }

    @Test("stay below the longest order for any weights, and leave nobody out")
    func bounded() {
        let weights = (0..<600).map { 256 - $0 % 7 * 31 }
        let order = Rotation.order(weights: weights)
        #expect(order.count <= Rotation.turnsMax)
        #expect(counts(order, weights.count).allSatisfy { $0 > 0 })
    }
}

@Suite("The routing table")
struct RoutingTableTests {
    private static let address = SocketAddress.ip(.v4(1), port: 2)

    private func table(
        _ servers: [(weight: Int, isUsable: Bool, isBackup: Bool)], hasAddress: Bool = true, priorities: [Int] = []
    ) -> RoutingTable {
        var backend = Backend(name: "b", identifier: 1)
        let location = ConfigurationLocation(file: "f", line: 1)
        for index in servers.indices {
            var server = Server(name: "s", identifier: index + 1, endpoint: .unix(""), port: .fixed(1), location: location)
            server.isBackup = servers[index].isBackup
            backend.servers.append(server)
        }
        let routes = servers.enumerated().map { index, server in
            ServerRoute(
                address: hasAddress ? Self.address : nil, isUsable: server.isUsable, weight: server.weight,
                priority: index < priorities.count ? priorities[index] : 0)
        }
        return RoutingTable(backends: [backend], routes: [routes])
    }

    private func turns(_ table: RoutingTable) -> [UInt16] { (0..<table.turns.count).map { table.turns[$0].pointee } }

    @Test("gives turns to usable servers only")
    func usableOnly() {
        #expect(turns(table([(1, true, false), (1, false, false), (1, true, false)])) == [0, 2])
        #expect(turns(table([(1, true, false)], hasAddress: false)).isEmpty)
    }

    @Test("gives turns to the first usable backup alone, and only while no other server is usable")
    func backups() {
        #expect(turns(table([(1, true, false), (1, true, true)])) == [0])
        #expect(turns(table([(1, false, false), (1, false, true), (9, true, true), (1, true, true)])) == [2])
        let table = table([(0, true, false), (1, true, true)])
        #expect(turns(table) == [1])
        #expect(table.servers[1].pointee.turns && !table.servers[0].pointee.turns)
    }

    @Test("gives turns to the usable servers of the lowest priority")
    func priorities() {
        let all = [(1, true, false), (1, true, false), (1, true, false)]
        #expect(turns(table(all, priorities: [20, 10, 10])) == [1, 2])
        #expect(turns(table([(1, true, false), (1, false, false), (0, true, false)], priorities: [20, 10, 10])) == [0])
        #expect(turns(table([(1, false, false), (1, true, true), (1, true, true)], priorities: [10, 30, 20])) == [1], "backups are taken in their order")
    }

    @Test("gives turns by weight")
    func weights() { #expect(turns(table([(200, true, false), (100, true, false)])).map(Int.init).reduce(0, +) == 1) }
}

@Suite("A backend's queue")
struct WaitingQueueTests {
    @Test("serves first who came first, and passes over who waits for another server")
    func order() {
        var queue = WaitingQueue()
        for session in 0..<4 as Range<UInt64> { queue.append(Waiter(worker: 0, session: session, server: session == 0 ? 7 : nil)) }
        #expect(queue.takeFirst(for: 3) { _ in true }?.session == 1)
        #expect(queue.takeFirst(for: 7) { _ in true }?.session == 0)
        #expect(queue.takeFirst(for: 3) { _ in true }?.session == 2)
        #expect(queue.count == 1)
    }

    @Test("gives who waits for a server that has gone to any other")
    func goneServer() {
        var queue = WaitingQueue()
        queue.append(Waiter(worker: 0, session: 1, server: 7))
        #expect(!queue.hasWaiter(for: 3) { _ in true })
        #expect(queue.takeFirst(for: 3) { $0 != 7 }?.session == 1)
    }

    @Test("equals a plain list, whoever leaves", arguments: seeds(30))
    func equalsModel(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var queue = WaitingQueue()
        var model: [Waiter] = []
        for step in 0..<1000 as Range<UInt64> {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let server: UInt32? = Bool.random(using: &random) ? UInt32.random(in: 0..<3, using: &random) : nil
                let waiter = Waiter(worker: Int(step % 3), session: step, server: server)
                queue.append(waiter)
                model.append(waiter)
            case 2:
                let server = UInt32.random(in: 0..<3, using: &random)
                let index = model.firstIndex { $0.server == nil || $0.server == server }
                #expect(queue.takeFirst(for: server) { _ in true } == index.map { model.remove(at: $0) }, "seed \(seed), step \(step)")
            default:
                let session = UInt64.random(in: 0...step, using: &random)
                let index = model.firstIndex { $0.session == session }
                #expect(queue.remove(worker: Int(session % 3), session: session) == (index != nil), "seed \(seed), step \(step)")
                if let index { model.remove(at: index) }
            }
            #expect(queue.count == model.count)
        }
    }
}

@Suite("The session table")
struct SessionTableTests {
    @Test("never takes a late event's session for the slot's next one")
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
        #expect(late == nil && free == nil, "a free slot is nobody's")
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

    @Test("is full at its capacity, and gives back what was released last first")
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
}

@Suite("A gauge")
struct GaugeTests {
    @Test("never exceeds its limit and keeps its highest settled value")
    func limit() {
        let gauge = Gauge()
        let entered = (0..<3).map { _ in gauge.enter(limit: 2) }
        #expect(entered == [true, true, false])
        let before = gauge.max
        gauge.settle()
        gauge.leave()
        let (value, highest, isUnlimited) = (gauge.value, gauge.max, gauge.enter(limit: 0))
        #expect(before == 0 && value == 1 && highest == 2 && isUnlimited)
    }
}
