import Gossip
import Simulation
import Testing
import Wire

@Suite("An operator's command")
struct AcknowledgementTests {
    private static let servers = (0..<4).map { GossipServer(id: ServerID(UInt64($0)), name: "mysql/read\($0)", proxy: 0) }

    private static func said(_ world: GossipWorld) throws -> UInt64 {
        let revision = try world.with(0) { core, now, outputs in
            try core.administer(ServerID(1), .maint, now: now, into: &outputs)
            core.tick(now: now, into: &outputs)
            return core.revision
        }
        return try #require(revision)
    }

    private static func acknowledgements(_ world: GossipWorld, _ revision: UInt64) -> [Bool] {
        world.members[0].core?.acknowledgements(of: revision).map(\.isAcknowledged) ?? []
    }

    @Test("is acknowledged by every live peer within 200 ms, and by no peer immediately")
    func acknowledged() throws {
        let world = try GossipWorld(nodes: 3, servers: Self.servers)
        world.startAll()
        world.run(.seconds(1))
        let revision = try Self.said(world)
        #expect(Self.acknowledgements(world, revision) == [false, false])
        world.run(.milliseconds(200))
        #expect(Self.acknowledgements(world, revision) == [true, true])
        #expect(world.members[0].core?.acknowledgements(of: revision).map(\.state) == [.alive, .alive])
    }

    @Test("is not acknowledged by a peer that is dead, suspect or cut off until the peer is back")
    func notAcknowledged() throws {
        let world = try GossipWorld(nodes: 3, servers: Self.servers)
        world.startAll()
        world.run(.seconds(1))
        world.crash(1)
        world.run(.seconds(2))
        world.partition([0], [2])
        let revision = try Self.said(world)
        world.run(.milliseconds(200))
        #expect(Self.acknowledgements(world, revision) == [false, false])
        #expect(world.members[0].core?.acknowledgements(of: revision).first?.state == .dead)
        world.run(.milliseconds(500))
        #expect(world.members[0].core?.acknowledgements(of: revision).last?.state == .suspect)
        world.heal()
        world.start(1)
        world.run(.seconds(2))
        #expect(Self.acknowledgements(world, revision) == [true, true])
    }
}
