import Gossip
import Simulation
import Support
import Testing
import Wire

/// The design's invariants, checked after every event of random histories. The simulator runs them over thousands of seeds.
@Suite("For any history of the nodes")
struct InvariantTests {
    private static let servers = (0..<4).map { GossipServer(id: ServerID(UInt64($0)), name: "s\($0)", proxy: $0 / 2) }

    /// The checks' memory between events. (Plain comparisons: an `#expect` after each event would take minutes.)
    private final class Memory {
        var rows: [[MemberRow]]
        var runs: [Int]
        var violations: [String] = []

        init(nodes: Int) {
            rows = Array(repeating: [], count: nodes)
            runs = Array(repeating: 0, count: nodes)
        }
    }

    private func check(_ world: GossipWorld, _ memory: Memory) {
        for (index, member) in world.members.enumerated() {
            guard let core = member.core else { continue }
            func require(_ isTrue: Bool, _ rule: String) { if !isTrue { memory.violations.append("\(rule) at node \(index), \(world.now)") } }
            let rows = core.tables.memberRows
            require(rows.first { $0.node == GossipWorld.id(index) }?.rank == .alive, "S1")
            if memory.runs[index] == member.runs {
                for old in memory.rows[index] { require(rows.contains { $0.node == old.node && !old.isNewer(than: $0) }, "S2") }
            }
            (memory.rows[index], memory.runs[index]) = (rows, member.runs)
            require(core.tables.changesCount <= 2 * (core.tables.healthRows.count + rows.count) + 64, "S11: changes")
            require(core.openHandshakes.candidates <= 5 * (world.members.count - 1), "S11: candidates")
            require(member.isPaused || core.nextDeadline <= world.now.advanced(by: .milliseconds(201)), "a deadline is near")
        }
        if world.seal.reuses > 0 { memory.violations.append("S5 at \(world.now)") }
    }

    @Test("the safety rules hold, and all nodes agree two seconds after the last fault", arguments: 0..<48 as Range<UInt64>)
    func randomHistories(seed: UInt64) throws {
        let nodes = seed % 2 == 0 ? 2 : 3
        let world = try GossipWorld(nodes: nodes, seed: seed, servers: Self.servers)
        let memory = Memory(nodes: nodes)
        world.invariant = { self.check($0, memory) }
        (world.network.delayMin, world.network.delayMax) = (.milliseconds(1), .milliseconds(30))
        world.startAll()
        for _ in 0..<40 { fault(world) }
        for index in 0..<nodes where world.members[index].isPaused { world.resume(index) }
        for index in 0..<nodes where world.members[index].core == nil { world.start(index) }
        world.heal()
        (world.network.loss, world.network.duplicates) = (0, 0)
        // Names resolve: otherwise two nodes that have both moved and both forgotten each other could not meet.
        for one in 0..<nodes { for other in 0..<nodes { world.local(one, .peerAddress(GossipWorld.id(other), world.members[other].address)) } }
        world.run(.milliseconds(2_500))
        #expect(memory.violations.isEmpty, "seed \(seed)")
        #expect(world.allAlive && world.tablesAreEqual, "seed \(seed)")
    }

    private func fault(_ world: GossipWorld) {
        let node = world.random(below: world.members.count)
        switch world.random(below: 14) {
        case 0: (world.network.loss, world.network.duplicates) = (world.random(below: 40), world.random(below: 20))
        case 1: if world.random(below: 2) == 0 { world.crash(node) }
        case 2: world.start(node, losesStore: world.random(below: 2) == 0)
        case 3: world.pause(node)
        case 4: if world.members[node].isPaused { world.resume(node) }
        case 5: world.network.blocked.append((from: node, to: (node + 1) % world.members.count))
        case 6: world.heal()
        case 7: world.move(node, to: GossipWorld.address(node, port: UInt16(1_000 + world.random(below: 1_000))))
        case 8:
            guard let datagram = world.history.randomElement(using: &world.random) else { return }
            world.inject(datagram.bytes, from: GossipWorld.address(99), to: node)
        case 9:
            guard var bytes = world.history.randomElement(using: &world.random)?.bytes else { return }
            bytes[world.random(below: bytes.count)] ^= UInt8(1 << world.random(below: 8))
            world.inject(bytes, from: GossipWorld.address(99), to: node)
        case 10: for index in world.members.indices where world.members[index].core == nil { world.start(index) }
        default: world.observe(node, ServerID(UInt64(world.random(below: 4))), world.random(below: 2) == 0 ? .passed : .failedWithResponse)
        }
        world.run(.milliseconds(world.random(below: 700)))
    }

    @Test("one seed gives one history, byte for byte")
    func isReproducible() throws {
        let histories = try (0..<2).map { _ in
            let world = try GossipWorld(nodes: 3, seed: 5, servers: Self.servers)
            world.startAll()
            for _ in 0..<30 { fault(world) }
            return world.history.map(\.bytes)
        }
        #expect(histories[0] == histories[1] && histories[0].count > 100)
    }

    @Test("a failing cryptographic library is reported, and no datagram is sent")
    func brokenSeal() throws {
        let world = try GossipWorld(nodes: 2, servers: Self.servers)
        world.startAll()
        world.run(.seconds(1))
        world.seal.isBroken = true
        world.local(0, .observed(ServerID(1), Observation(.passed, address: nil)))
        let before = world.members[0].sentDatagrams
        world.run(.seconds(1))
        #expect(world.members[0].sentDatagrams == before)
        #expect(world.alerts(0).contains(.sealFailed(.libraryFailed("seal"))))
    }
}
