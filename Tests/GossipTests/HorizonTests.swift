import Gossip
import Simulation
import Testing
import Wire

/// A malicious node with the key sends values at the end of a range, so that no higher value exists.
@Suite("A value far ahead of the clock")
struct HorizonTests {
    private static let server = GossipServer(id: ServerID(5), name: "s", proxy: 0)
    private static let end = HybridTime(bits: (GossipLimits.clockMillisecondsMax << 16) - 1)
    private static let lastSession = GossipLimits.sessionMax - 1
    private static let believing = SafetyRules.all.subtracting([.sessionHorizon, .stampHorizon])

    private func world(nodes: Int = 2) throws -> GossipWorld { try GossipWorld(nodes: nodes, servers: [Self.server]) }

    /// An operator sets a weight on `node`; true when every honest node has applied it two seconds later.
    private func says(_ weight: UInt16, on node: Int, _ world: GossipWorld, honest: Range<Int> = 0..<2) -> Bool {
        let isSaid = world.with(node) { core, now, outputs in (try? core.setWeight(Self.server.id, weight, now: now, into: &outputs)) != nil }
        world.run(.seconds(2))
        return isSaid == true && honest.allSatisfy { world.members[$0].core?.tables.administrativeRows.map(\.weight) == [weight] }
    }

    private func word(_ stamp: HybridTime) -> AdministrativeRow {
        AdministrativeRow(server: Self.server.id, stamp: stamp, origin: GossipWorld.id(0), state: .ready, weight: 9)
    }

    @Test("is refused as an operator's command: the next honest command still applies")
    func stamps() throws {
        let world = try world(nodes: 3)
        world.members[2].rules = Self.believing
        world.members[2].memory = GossipMemory(administrative: [word(Self.end)])
        world.startAll()
        world.run(.seconds(3))
        #expect(world.members[0].core?.tables.administrativeRows == [])
        #expect(world.alerts(0).contains(.farAhead(peer: "node2")) && (world.members[0].core?.counters.farAhead ?? 0) > 0)
        #expect(says(7, on: 0, world) && says(8, on: 1, world))
    }

    @Test("is refused as a gossip session: an impostor in the last session does not lock the real node out", arguments: [true, false])
    func sessions(isLast: Bool) throws {
        let world = try world(nodes: 3)
        // Node 2 is a second machine with node 1's name.
        world.impersonate(2, as: 1)
        world.members[2].rules = Self.believing
        let believed = HybridTime.horizon(wall: world.wall(0)).bits - 70_000
        world.members[2].memory = GossipMemory(session: isLast ? Self.lastSession - 70_000 : believed)
        world.start(0)
        world.start(1)
        world.run(.seconds(3))
        world.start(2)
        world.run(.seconds(3))
        #expect(world.alerts(0).contains(.farAhead(peer: "node1")) == isLast)
        world.crash(2)
        world.run(.seconds(12))
        #expect(world.state(of: 1, at: 0) == .alive && world.state(of: 0, at: 1) == .alive)
        #expect(world.members[0].core?.proven(GossipWorld.id(1))?.session == world.members[1].core?.session)
        #expect(says(7, on: 1, world))
    }

    @Test("is refused in a row that names another node: that node's own rows still count")
    func rows() throws {
        let world = try world(nodes: 3)
        world.startAll()
        world.run(.seconds(3))
        let victim = GossipWorld.id(2)
        let far: [Record] = [
            .member(MemberRow(node: victim, session: Self.lastSession, refutations: 0, rank: .alive)),
            .health(health(of: victim, session: Self.lastSession, version: 1)), .administrative(word(Self.end)),
            .ballot(ballot(of: victim, session: Self.lastSession, epoch: 1)), .ballot(ballot(of: victim, session: 1 << 50, epoch: Self.lastSession)),
            .lease(lease(epoch: Self.lastSession, stamp: HybridTime(bits: 1))), .lease(lease(epoch: 1, stamp: Self.end)),
        ]
        lie(far, world)
        world.observe(0, Self.server.id, .passed)
        world.run(.seconds(1))
        #expect(world.members[1].core?.counters.farAhead ?? 0 >= far.count)
        world.seal.rewrite = nil
        world.observe(2, Self.server.id, .passed)
        world.local(2, .ballot(subject: 1, epoch: 2, choice: 3, isConfirmed: true))
        world.local(2, .acquireLease(4))
        world.run(.seconds(2))
        for node in 0...2 {
            let tables = try #require(world.members[node].core?.tables)
            #expect(tables.healthRows.contains { $0.observer == victim && $0.verdict != .unknown }, "node \(node)")
            #expect(tables.ballotRows.map(\.choice) == [3] && tables.leaseRows.map(\.holder) == [victim], "node \(node)")
        }
        #expect(world.tablesAreEqual && says(7, on: 2, world, honest: 0..<3))
    }

    @Test("makes a node begin a new gossip session when its own name has the last version or the last refutation")
    func usedUp() throws {
        let world = try world(nodes: 3)
        world.startAll()
        world.run(.seconds(3))
        world.observe(2, Self.server.id, .passed)
        world.local(2, .ballot(subject: 1, epoch: 1, choice: 3, isConfirmed: true))
        world.run(.seconds(1))
        let (victim, session) = (GossipWorld.id(2), try #require(world.members[2].core?.session))
        var full = ballot(of: victim, session: session, epoch: 1)
        full.version = .max
        lie(
            [
                .health(health(of: victim, session: session, version: .max)), .ballot(full),
                .member(MemberRow(node: victim, session: session, refutations: .max, rank: .dead)),
            ], world)
        world.observe(0, Self.server.id, .passed)
        world.run(.seconds(1))
        world.seal.rewrite = nil
        world.run(.seconds(4))
        world.local(2, .ballot(subject: 1, epoch: 2, choice: 8, isConfirmed: true))
        world.run(.seconds(2))
        let next = try #require(world.members[2].core?.session)
        #expect(next > session)
        for node in 0...1 {
            let tables = try #require(world.members[node].core?.tables)
            #expect(tables.memberRows.allSatisfy { $0.rank == .alive }, "node \(node)")
            #expect(tables.healthRows.contains { $0.observer == victim && $0.session == next && $0.verdict == .up }, "node \(node)")
            #expect(tables.ballotRows.map(\.choice) == [8], "node \(node)")
        }
        #expect(world.allAlive && world.tablesAreEqual)
    }

    @Test("is removed from a node's own store, and the rest of the store is kept")
    func stored() throws {
        let world = try world()
        let other = AdministrativeRow(server: ServerID(9), stamp: HybridTime(bits: 1_700_000_000_000 << 16), origin: GossipWorld.id(0), state: .maint)
        world.members[0].memory = GossipMemory(session: .max, administrative: [word(Self.end), word(HybridTime(bits: .max)), other])
        world.startAll()
        world.run(.seconds(3))
        #expect(world.alerts(0).contains(.storedFarAhead(isSession: true, commands: 2)))
        #expect(world.allAlive && world.members[1].core?.tables.administrativeRows == [other])
    }

    @Test("is refused by a node for its own rows, with an error: beyond the end of the range, or years above its own clock")
    func unsayable() throws {
        let world = try world()
        world.walls[0] = GossipLimits.clockMillisecondsMax
        world.startAll()
        typealias Command = (inout GossipNode, Instant, inout GossipOutputs) throws -> Void
        func refusal(_ command: Command) -> AdministrationRefusal? {
            var refusal: AdministrationRefusal?
            world.with(0) { core, now, outputs in
                do { try command(&core, now, &outputs) } catch { refusal = error as? AdministrationRefusal }
            }
            return refusal
        }
        #expect(refusal { try $0.setWeight(Self.server.id, 7, now: $1, into: &$2) } == .clockUnusable)
        #expect(refusal { try $0.administer(Self.server.id, .drain, now: $1, into: &$2) } == .clockUnusable)
        #expect(world.members[0].core?.canIssueStamp(now: world.now) == false)
        // In 2043 the node sends a command. After the clock is corrected, the stamp stays twenty years ahead until the node's next start.
        world.walls[0] = 2_300_000_000_000
        world.local(0, .wallClock(milliseconds: world.wall(0)))
        #expect(refusal { try $0.setWeight(Self.server.id, 7, now: $1, into: &$2) } == nil)
        world.walls[0] = 1_700_000_000_000
        world.local(0, .wallClock(milliseconds: world.wall(0)))
        #expect(refusal { try $0.setWeight(Self.server.id, 8, now: $1, into: &$2) } == .clockUnusable)
        world.crash(0)
        world.start(0)
        world.run(.seconds(3))
        #expect(world.allAlive && says(8, on: 0, world))
    }

    @Test(
        "does not come from an ordinary wrong clock: wrong by days, behind by years, or at its beginning",
        arguments: [-1, 40 * 86_400_000, -40 * 86_400_000, 3 * 31_536_000_000])
    func wrongClocks(milliseconds: Int) throws {
        let world = try world()
        world.walls[1] = milliseconds == -1 ? 0 : UInt64(Int(world.walls[1]) + milliseconds)
        world.startAll()
        world.run(.seconds(3))
        #expect(world.allAlive)
        for (number, node) in [0, 1, 0, 1].enumerated() { #expect(says(UInt16(number + 1), on: node, world)) }
        // The clock is corrected.
        world.walls[1] = world.walls[0]
        world.local(1, .wallClock(milliseconds: world.wall(1)))
        for (number, node) in [1, 0].enumerated() { #expect(says(UInt16(number + 11), on: node, world)) }
        for node in 0...1 { #expect(world.members[node].core?.counters.farAhead == 0) }
    }

    // MARK: Rows of a malicious node

    /// Appends `records` to every DELTA.
    private func lie(_ records: [Record], _ world: GossipWorld) {
        let now = world.now
        world.seal.rewrite = { bytes in
            guard bytes[3] == DatagramKind.delta.rawValue else { return }
            for record in records { record.write(to: &bytes, now: now) }
        }
    }

    private func health(of node: NodeID, session: UInt64, version: UInt32) -> HealthRow {
        HealthRow(
            observer: node, session: session, version: version, server: Self.server.id, verdict: .unknown, observed: GossipWorld.start, address: nil)
    }

    private func ballot(of node: NodeID, session: UInt64, epoch: UInt64) -> BallotRow {
        BallotRow(node: node, session: session, version: 1, subject: 1, epoch: epoch, choice: 99, isConfirmed: true)
    }

    private func lease(epoch: UInt64, stamp: HybridTime) -> LeaseRow {
        LeaseRow(name: 4, epoch: epoch, stamp: stamp, holder: GossipWorld.id(1), version: 1, isHeld: false, expiry: GossipWorld.start)
    }
}
