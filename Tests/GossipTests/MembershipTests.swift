import Gossip
import Simulation
import Testing
import Wire

@Suite("Gossip's membership")
struct MembershipTests {
    @Test("finds all peers within a second", arguments: [2, 3, 5])
    func findsPeers(nodes: Int) throws {
        let world = try GossipWorld(nodes: nodes)
        world.startAll()
        world.run(.seconds(1))
        #expect(world.allAlive && world.tablesAreEqual)
        #expect(world.seal.reuses == 0)
    }

    @Test("declares a peer dead within 1.1 s, and not before a second", arguments: 0..<16 as Range<UInt64>)
    func knowsTheDead(seed: UInt64) throws {
        let world = try GossipWorld(nodes: 2, seed: seed)
        world.startAll()
        world.run(.seconds(3) + .milliseconds(13 * Int(seed)))
        world.crash(1)
        let crashed = world.now
        world.run(.seconds(2))
        let dead = try #require(world.peerChanges(0, of: 1).first { $0.state == .dead })
        let waited = crashed.duration(to: dead.at)
        #expect(waited <= .milliseconds(1_110) && waited >= .milliseconds(800), "seed \(seed): \(waited)")
    }

    @Test("finds a peer again after a partition of any length", arguments: [1, 10, 120])
    func heals(seconds: Int) throws {
        let world = try GossipWorld(nodes: 3)
        world.startAll()
        world.run(.seconds(2))
        world.partition([0], [1, 2])
        world.run(.seconds(seconds))
        world.run(.milliseconds(1_500))
        #expect(world.state(of: 0, at: 1) == .dead && world.state(of: 1, at: 0) == .dead && world.state(of: 1, at: 2) == .alive)
        world.heal()
        world.run(.seconds(2))
        #expect(world.allAlive && world.tablesAreEqual)
    }

    @Test("declares no peer dead after the node itself pause", arguments: [1, 3, 20])
    func creditsItsOwnPause(seconds: Int) throws {
        let world = try GossipWorld(nodes: 3)
        world.startAll()
        world.run(.seconds(3))
        world.pause(0)
        world.run(.seconds(seconds))
        world.members.indices.forEach { if $0 > 0 { #expect(seconds < 2 || world.state(of: 0, at: $0) == .dead) } }
        // Even when the kernel has dropped every waiting datagram.
        world.dropInbox(0)
        world.resume(0)
        world.run(.seconds(2))
        #expect(world.peerChanges(0, of: 1).allSatisfy { $0.state != .dead } && world.allAlive)
    }

    @Test(
        "needs the gap credit: without it, a node declares a living peer dead after its own pause",
        arguments: [SafetyRules.all, SafetyRules.all.subtracting(.gapCredit)])
    func gapCreditIsNeeded(rules: SafetyRules) throws {
        let world = try GossipWorld(nodes: 2) { $0.rules = rules }
        world.startAll()
        world.run(.seconds(3))
        world.pause(0)
        world.run(.seconds(3))
        world.dropInbox(0)
        world.resume(0)
        world.network.blocked = [(from: 1, to: 0)]
        world.run(.milliseconds(150))
        world.heal()
        world.run(.seconds(2))
        #expect(world.peerChanges(0, of: 1).contains { $0.state == .dead } == !rules.contains(.gapCredit))
    }

    @Test("follows a node's own observation, not a peer's claim of a death", arguments: [SafetyRules.all, SafetyRules.all.subtracting(.ownObservation)])
    func trustsItsOwnObservation(rules: SafetyRules) throws {
        let world = try GossipWorld(nodes: 3) { $0.rules = rules }
        world.startAll()
        world.run(.seconds(2))
        world.network.blocked = [(from: 1, to: 2)]
        world.run(.seconds(3))
        #expect(world.state(of: 1, at: 2) == .dead)
        let isConvicted = world.peerChanges(0, of: 1).contains { $0.state == .dead }
        #expect(isConvicted == !rules.contains(.ownObservation))
        #expect(world.alerts(1).contains { if case .notReceivedByPeer(peer: "node2", _) = $0 { true } else { false } })
        guard rules.contains(.ownObservation) else { return }
        #expect(world.alerts(2).filter { $0 == .aliveElsewhere(peer: "node1", by: "node0") }.count == 1, "each side reports its direction once")
    }

    @Test("does not mistake its own pause for a blocked path")
    func pausedIsNotBlocked() throws {
        let world = try GossipWorld(nodes: 2)
        world.startAll()
        world.run(.seconds(2))
        world.pause(0)
        world.run(.seconds(3))
        #expect(world.state(of: 0, at: 1) == .dead)
        world.resume(0)
        world.run(.seconds(3))
        #expect(world.allAlive)
        #expect(!world.alerts(0).contains { if case .notReceivedByPeer = $0 { true } else { false } })
    }

    @Test("lets a node refute its death on all nodes", arguments: [SafetyRules.all, SafetyRules.all.subtracting(.refutation)])
    func refutes(rules: SafetyRules) throws {
        let world = try GossipWorld(nodes: 3) { $0.rules = rules }
        world.startAll()
        world.run(.seconds(2))
        world.network.blocked = [(from: 1, to: 2)]
        world.run(.seconds(3))
        let row = try #require(world.members[0].core?.tables.memberRows.first { $0.node == GossipWorld.id(1) })
        #expect((row.rank == .alive) == rules.contains(.refutation))
        #expect(!rules.contains(.refutation) || row.refutations == 1)
    }

    @Test("notices a restart with the store kept, lost or rolled back, also at another address", arguments: [0, 1, 2])
    func noticesRestarts(kind: Int) throws {
        let world = try GossipWorld(nodes: 2)
        world.startAll()
        world.run(.seconds(3))
        let before = try #require(world.members[0].core?.proven(GossipWorld.id(1)))
        world.crash(1)
        if kind == 2 { world.walls[1] -= 86_400_000 }
        world.move(1, to: GossipWorld.address(77))
        world.start(1, losesStore: kind > 0)
        world.run(.seconds(1))
        let after = try #require(world.members[0].core?.proven(GossipWorld.id(1)))
        #expect(world.allAlive && world.tablesAreEqual)
        #expect(after.session > before.session && after.address == GossipWorld.address(77))
        #expect(world.seal.reuses == 0)
    }

    @Test("starts with any stored session number, and stays below the end of the range", arguments: [0, 5, UInt64.max - 1, .max])
    func startsFromAnyStore(stored: UInt64) throws {
        let world = try GossipWorld(nodes: 2)
        var outputs = GossipOutputs()
        for wall in [0, 9, UInt64.max] {
            let node = GossipNode(
                world.settings(0), ring: world.members[0].ring, memory: GossipMemory(session: stored), seal: world.seal, random: SplitMix64(seed: 1),
                wallMilliseconds: wall, now: world.now, into: &outputs)
            let last = GossipLimits.sessionMax - 1
            // Stored values far ahead of the clock are not accepted.
            let believed = stored > HybridTime.horizon(wall: wall).bits ? 0 : stored
            #expect(node.session <= last && node.session > min(max(believed, min(wall, last >> 16) << 16), last - 65_537))
            #expect(wall == .max || node.session <= max(believed, wall << 16) + 65_536)
        }
    }

    @Test(
        "begins a gossip session that differs from all earlier ones, even with the same store at the same time",
        arguments: [0, 1_700_000_000_000 << 16, 1_900_000_000_000 << 16])
    func sessionsDiffer(stored: UInt64) throws {
        let world = try GossipWorld(nodes: 2)
        var outputs = GossipOutputs()
        let sessions = (1...8 as ClosedRange<UInt64>).map { seed in
            GossipNode(
                world.settings(0), ring: world.members[0].ring, memory: GossipMemory(session: stored), seal: world.seal, random: SplitMix64(seed: seed),
                wallMilliseconds: 1_700_000_000_000, now: world.now, into: &outputs
            ).session
        }
        #expect(Set(sessions).count == sessions.count && sessions.allSatisfy { $0 > stored })
    }

    @Test("exceeds a higher session number that only a third node reports")
    func raisesByHearsay() throws {
        let world = try GossipWorld(nodes: 3)
        world.start(0)
        world.start(1)
        world.run(.seconds(2))
        world.crash(1)
        world.start(2)
        world.run(.seconds(2))
        // Node 2 has never met node 1. Node 0, which has, crashes as well. Node 1 returns with an earlier clock and no store.
        world.crash(0)
        world.walls[1] -= 86_400_000
        world.start(1, losesStore: true)
        world.run(.seconds(2))
        #expect(world.state(of: 1, at: 2) == .alive && world.state(of: 2, at: 1) == .alive && world.tablesAreEqual)
    }

    @Test("extends its timeouts with packet loss, names the direction, and declares no peer dead", arguments: 0..<8 as Range<UInt64>)
    func adaptsToLoss(seed: UInt64) throws {
        let world = try GossipWorld(nodes: 2, seed: seed)
        world.startAll()
        world.run(.seconds(2))
        world.network.loss = 20
        world.run(.seconds(150))
        #expect(world.peerChanges(0, of: 1).allSatisfy { $0.state != .dead }, "seed \(seed)")
        let loss = try #require(world.members[0].core?.loss(of: GossipWorld.id(1)))
        #expect((5...40).contains(loss.fromPeer) && (5...40).contains(loss.toPeer), "seed \(seed): \(loss)")
        #expect(world.alerts(0).contains { if case .loss(_, .fromPeer, _) = $0 { true } else { false } })
        #expect(world.alerts(0).contains { if case .loss(_, .toPeer, _) = $0 { true } else { false } })
        world.crash(1)
        let crashed = world.now
        world.run(.seconds(4))
        let dead = try #require(world.peerChanges(0, of: 1).last { $0.state == .dead })
        #expect(crashed.duration(to: dead.at) <= .milliseconds(2_000), "seed \(seed): \(crashed.duration(to: dead.at))")
    }

    @Test("survives a sudden loss burst of 0.9 s at any phase of the heartbeats", arguments: 0..<128 as Range<UInt64>)
    func bearsBursts(seed: UInt64) throws {
        let world = try GossipWorld(nodes: 2, seed: seed)
        world.startAll()
        world.run(.seconds(3) + .microseconds(Int64(world.random(below: 400_000))))
        world.partition([0], [1])
        world.run(.milliseconds(900))
        world.heal()
        world.run(.seconds(1))
        for node in 0...1 { #expect(world.peerChanges(node, of: 1 - node).allSatisfy { $0.state != .dead }, "seed \(seed)") }
    }

    @Test("announces its leave, and returns as a new session")
    func leaves() throws {
        let world = try GossipWorld(nodes: 2)
        world.startAll()
        world.run(.seconds(2))
        world.local(1, .leave)
        world.run(.milliseconds(200))
        #expect(world.state(of: 1, at: 0) == .left)
        world.run(.seconds(2))
        #expect(world.state(of: 1, at: 0) == .left)
        world.crash(1)
        world.start(1)
        world.run(.seconds(1))
        #expect(world.allAlive)
    }

    @Test("stays stable when two nodes have one name")
    func slowsDuplicatesDown() throws {
        let world = try GossipWorld(nodes: 3)
        // Node 2 is another machine with node 1's name.
        world.impersonate(2, as: 1)
        world.start(0)
        world.start(1)
        world.run(.milliseconds(10))
        world.start(2)
        world.run(.seconds(120))
        let sessions = world.members[1...2].flatMap(\.log).filter { if case .persist(.session) = $0.output { true } else { false } }
        #expect(sessions.count < 24, "\(sessions.count) sessions")
        #expect(world.alerts(1).contains(.duplicateName) || world.alerts(2).contains(.duplicateName))
    }

    @Test("repairs tables that differ although everything was acknowledged: digest, pull, rows")
    func mendsTables() throws {
        let world = try GossipWorld(nodes: 2, servers: (0..<40).map { GossipServer(id: ServerID(UInt64($0)), name: "s\($0)", proxy: 0) })
        world.startAll()
        world.run(.seconds(1))
        // Changes received from the peer also count as this node's changes, and their numbers only grow: ranges begin beyond what the peer has counted.
        world.observe(1, ServerID(0), .passed)
        world.run(.milliseconds(500))
        // The receiver verifies and acknowledges DELTAs and loses their rows: they become records of an unknown type.
        world.seal.rewrite = { bytes in
            guard bytes[3] == DatagramKind.delta.rawValue else { return }
            var offset = Header.bytesCount
            while offset + 3 <= bytes.count {
                let length = Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
                if offset > Header.bytesCount { bytes[offset] = 200 }
                offset += 3 + length
            }
        }
        for server in 0..<40 { world.observe(0, ServerID(UInt64(server)), .passed) }
        world.run(.milliseconds(300))
        #expect(world.members[1].core?.tables.healthRows.count == 1)
        world.seal.rewrite = nil
        world.run(.seconds(2))
        #expect(world.tablesAreEqual && world.members[1].core?.tables.healthRows.count == 41)
        #expect(Set(world.history.map { $0.bytes[3] }).isSuperset(of: [DatagramKind.digest.rawValue, DatagramKind.pull.rawValue]))
        // Later changes are acknowledged again, and are not repeated forever.
        world.observe(0, ServerID(1), .failedWithResponse)
        world.run(.seconds(1))
        let before = world.members[0].sentDatagrams
        world.run(.seconds(2))
        #expect(world.tablesAreEqual && world.members[0].sentDatagrams - before <= 12)
    }

    @Test("costs at most 800 bytes a second between two idle nodes")
    func isQuietWhenIdle() throws {
        let world = try GossipWorld(nodes: 2)
        world.startAll()
        world.run(.seconds(5))
        let before = world.members[0].sentBytes
        world.run(.seconds(100))
        #expect(world.members[0].sentBytes - before <= 80_000, "\((world.members[0].sentBytes - before) / 100) bytes a second")
    }
}
