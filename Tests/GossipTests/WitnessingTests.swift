import Gossip
import Simulation
import Testing
import Wire

@Suite("Peers' observations of a proxy's servers")
struct WitnessingTests {
    private static let servers = [ServerID(1), ServerID(2)]

    private func world(nodes: Int = 2) throws -> GossipWorld {
        let configured = Self.servers.map { GossipServer(id: $0, name: "mysql/\($0.number)", proxy: 0, rise: 2, fall: 3, policy: .own, minUp: 0) }
        let world = try GossipWorld(nodes: nodes, servers: configured)
        world.startAll()
        world.run(.seconds(1))
        return world
    }

    private func views(_ world: GossipWorld) -> [PeerView] { world.members[0].core?.peerViews(of: Self.servers, now: world.now) ?? [] }

    private func observe(_ world: GossipWorld, _ node: Int, _ finding: Finding, servers: [ServerID] = servers, times: Int = 1) {
        for _ in 0..<times { for server in servers { world.observe(node, server, finding) } }
        world.run(.milliseconds(300))
    }

    @Test("are unknown before the first check, regardless of this node's own observations")
    func nothing() throws {
        let world = try world()
        observe(world, 0, .passed)
        #expect(views(world).isEmpty)
    }

    @Test("are usable, then failing, then neither")
    func counts() throws {
        let world = try world(nodes: 3)
        observe(world, 1, .passed)
        observe(world, 2, .passed, servers: [Self.servers[1]])
        #expect(views(world).map(\.usable) == [2, 1] && views(world).map(\.seen) == [2, 1])
        observe(world, 1, .failedWithResponse, servers: [Self.servers[0]])
        #expect(views(world).map(\.usable) == [1, 1] && views(world).map(\.failing) == [1, 0])
        observe(world, 1, .failedWithResponse, times: 3)
        #expect(views(world).map(\.usable) == [0, 1] && views(world).map(\.failing) == [0, 0] && views(world).map(\.seen) == [2, 1])
    }

    @Test("show no usable server when a peer reaches none, though the peer does not blame the servers")
    func isolated() throws {
        let world = try world()
        observe(world, 1, .passed)
        observe(world, 1, .failedWithoutResponse, times: 3)
        #expect(views(world).map(\.usable) == [0] && views(world).map(\.failing) == [0] && views(world).map(\.seen) == [2])
    }

    @Test("leave out servers that operators have taken out of the cluster")
    func administrative() throws {
        let world = try world()
        observe(world, 1, .passed)
        try world.with(1) { core, now, outputs in try core.administer(Self.servers[0], .maint, force: .forced, now: now, into: &outputs) }
        world.run(.milliseconds(300))
        #expect(views(world).map(\.usable) == [1])
    }

    @Test("are unknown after the peers' death, and after a restart until the next check")
    func deadPeers() throws {
        let world = try world()
        observe(world, 1, .passed)
        world.crash(1)
        world.run(.seconds(3))
        #expect(views(world).isEmpty)
        world.start(1)
        world.run(.seconds(2))
        #expect(views(world).isEmpty)
        observe(world, 1, .passed)
        #expect(views(world).map(\.usable) == [2])
    }
}
