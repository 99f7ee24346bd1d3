import Gossip
import Simulation
import Testing
import Wire

@Suite("A node's ballot")
struct VotingTests {
    private static let subject: UInt64 = 7

    private func world(nodes: Int = 2) throws -> GossipWorld {
        let world = try GossipWorld(nodes: nodes)
        world.startAll()
        world.run(.seconds(3))
        return world
    }

    private func ballots(_ world: GossipWorld, _ node: Int) -> [PeerBallot] {
        world.members[node].core?.ballots(on: Self.subject, now: world.now) ?? []
    }

    private func follow(_ world: GossipWorld, _ node: Int, choice: UInt64, epoch: UInt64 = 1) {
        world.local(node, .ballot(subject: Self.subject, epoch: epoch, choice: choice, isConfirmed: true))
    }

    @Test("reaches its peers, and the node sees which of its ballots they have")
    func heard() throws {
        let world = try world()
        #expect(ballots(world, 0).map(\.row) == [nil] && ballots(world, 0).map(\.known) == [nil] && ballots(world, 0).map(\.isComplete) == [true])
        follow(world, 0, choice: 5)
        world.run(.milliseconds(500))
        #expect(ballots(world, 1).map { $0.row?.choice } == [5] && ballots(world, 1).map(\.known) == [nil])
        #expect(ballots(world, 0).map { $0.known?.choice } == [5] && ballots(world, 0).map(\.row) == [nil])
        #expect(world.members[1].log.contains { $0.output == .ballotChanged(Self.subject) })
        #expect(world.members[0].log.contains { $0.output == .ballotChanged(Self.subject) }, "the acknowledgement is reported")
        // A repeated ballot changes nothing. The next one is not acknowledged before it has arrived.
        follow(world, 0, choice: 5)
        follow(world, 0, choice: 6, epoch: 2)
        #expect(ballots(world, 0).map { $0.known?.choice } == [5])
        world.run(.milliseconds(500))
        #expect(ballots(world, 0).map { $0.known?.choice } == [6] && ballots(world, 0).map { $0.known?.version } == [2])
    }

    @Test("is not acknowledged while datagrams are lost, and a dead peer has no ballot")
    func unheard() throws {
        let world = try world()
        world.network.blocked = [(from: 0, to: 1)]
        follow(world, 0, choice: 5)
        world.run(.milliseconds(400))
        #expect(ballots(world, 0).map(\.known) == [nil] && ballots(world, 0).count == 1)
        world.network.blocked = []
        world.run(.seconds(3))
        #expect(ballots(world, 0).map { $0.known?.choice } == [5])
        world.crash(1)
        world.run(.seconds(3))
        #expect(ballots(world, 0).isEmpty)
        world.start(1)
        world.run(.seconds(3))
        #expect(ballots(world, 0).map { $0.known?.choice } == [5] && ballots(world, 1).map { $0.row?.choice } == [5])
    }

    @Test("ends with its gossip session, and is not published with an epoch outside the range")
    func ends() throws {
        let world = try world(nodes: 3)
        follow(world, 1, choice: 5)
        world.run(.milliseconds(500))
        #expect(ballots(world, 0).map { $0.row?.choice } == [5, nil] && ballots(world, 2).map { $0.row?.choice } == [nil, 5])
        world.crash(1)
        world.start(1)
        world.run(.seconds(3))
        #expect(ballots(world, 0).map(\.row) == [nil, nil] && ballots(world, 2).map(\.row) == [nil, nil])
        for epoch in [0, GossipLimits.sessionMax, .max] { follow(world, 0, choice: 5, epoch: epoch) }
        #expect(world.members[0].core?.tables.ballotRows.isEmpty == true)
    }
}
