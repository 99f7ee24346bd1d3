import Gossip
import Simulation
import Testing
import Wire

@Suite("A peer whose checks ask something else")
struct CheckIdentityTests {
    private static let first = ServerID(1)
    private static let second = ServerID(2)

    private static func servers(_ policy: VerdictPolicy, check: UInt32) -> [GossipServer] {
        [first, second].map { GossipServer(id: $0, name: "mysql/\($0.number)", proxy: 0, rise: 2, fall: 3, policy: policy, check: check) }
    }

    /// Two nodes that see each other. The checks of the second one ask `other`; every server has passed once on both.
    private func world(_ policy: VerdictPolicy, other: UInt32) throws -> GossipWorld {
        let world = try GossipWorld(nodes: 2, servers: Self.servers(policy, check: 5))
        world.startAll()
        world.local(1, .configured(servers: Self.servers(policy, check: other), configuration: UInt64(other)))
        world.run(.seconds(1))
        for node in 0...1 { for server in [Self.first, Self.second] { world.observe(node, server, .passed) } }
        world.run(.milliseconds(100))
        return world
    }

    private func usable(_ world: GossipWorld, at node: Int) -> [Int]? {
        world.members[node].core?.peerViews(of: [Self.first, Self.second], now: world.now).map(\.usable)
    }

    /// The verdict of a node after its peer's checks of the first server have failed.
    private func verdictAfterFailures(_ world: GossipWorld, at node: Int) -> ServerVerdict? {
        for _ in 0..<3 { world.observe(1 - node, Self.first, .failedWithResponse) }
        world.run(.milliseconds(300))
        return world.verdict(Self.first, at: node)
    }

    @Test("does not count, in either direction", arguments: [UInt32(7), 0], [0, 1])
    func differs(other: UInt32, node: Int) throws {
        let world = try world(.anyDown, other: other)
        #expect(usable(world, at: 0) == [] && usable(world, at: 1) == [])
        #expect(verdictAfterFailures(world, at: node) == .up, "the node's own passes count alone")
        #expect(world.members[node].core?.failingPeers(of: Self.first) == [])
    }

    @Test("counts while both ask the same")
    func equal() throws {
        let world = try world(.anyDown, other: 5)
        #expect(usable(world, at: 0) == [2] && usable(world, at: 1) == [2])
        #expect(verdictAfterFailures(world, at: 0) == .down(.peers))
        #expect(world.members[0].core?.failingPeers(of: Self.first) == ["node1"])
    }

    @Test("counts from its next result after both ask the same")
    func reload() throws {
        let world = try world(.anyDown, other: 7)
        world.local(1, .configured(servers: Self.servers(.anyDown, check: 5), configuration: 5))
        world.run(.milliseconds(300))
        #expect(usable(world, at: 0) == [], "the last result came from the old check")
        #expect(usable(world, at: 1) == [2])
        for server in [Self.first, Self.second] { world.observe(1, server, .passed) }
        world.run(.milliseconds(300))
        #expect(usable(world, at: 0) == [2])
    }

    @Test("is not the one that an alert names when another peer's verdict has differed for 30 s")
    func alert() throws {
        let servers = Self.servers(.own, check: 5)
        let world = try GossipWorld(nodes: 3, servers: servers)
        world.startAll()
        // Of the peers with the opposite verdict, the one that checks in another way comes first in the table.
        world.local(1, .configured(servers: Self.servers(.own, check: 7), configuration: 7))
        world.run(.seconds(1))
        for node in 0...2 { for server in [Self.first, Self.second] { world.observe(node, server, .passed) } }
        for node in 1...2 { for _ in 0..<3 { world.observe(node, Self.first, .failedWithResponse) } }
        world.run(.seconds(31))
        #expect(world.alerts(0).filter(\.isAboutViews) == [.viewsDiffer(server: "mysql/1", peer: "node2", isDownHere: false)])
        #expect(world.alerts(1).filter(\.isAboutViews).isEmpty)
    }

    @Test("is recognized in its records; those of older releases have no such field")
    func codec() {
        let now = Instant(nanoseconds: 50_000_000_000)
        var row = HealthRow(
            observer: NodeID(1), session: 2, version: 3, server: ServerID(4), verdict: .down, observed: now, address: .ip(.v4(9), port: 3_306),
            check: 0x0102_0304)
        func bytes(_ row: HealthRow) -> [UInt8] {
            var bytes: [UInt8] = []
            Record.health(row).write(to: &bytes, now: now)
            return bytes
        }
        func read(_ bytes: [UInt8]) -> Record? {
            var reader = RecordReader(bytes[...], now: now)
            return reader.next()
        }
        let whole = bytes(row)
        #expect(read(whole) == .health(row) && Array(whole.suffix(4)) == [1, 2, 3, 4])
        for count in 0..<whole.count { #expect(read(Array(whole.prefix(count))) == nil) }
        var older = Array(whole.dropLast(4))
        older[2] -= 4
        row.check = 0
        #expect(read(older) == .health(row) && older == bytes(row))
        for cut in 1...3 {
            var short = Array(whole.dropLast(cut))
            short[2] -= UInt8(cut)
            #expect(read(short) == nil, "\(cut) bytes of the field are missing")
        }
    }
}

extension GossipAlert {
    fileprivate var isAboutViews: Bool { if case .viewsDiffer = self { true } else { false } }
}

@Suite("A server's state before its first check")
struct InitialHealthTests {
    private static let first = ServerID(1)

    /// The findings after which the verdict of a server, which is configured with `initially`, changes for the first time.
    private func count(_ finding: Finding, initially health: InitialHealth, afterMaintenance: Bool = false) throws -> Int {
        let server = GossipServer(id: Self.first, name: "mysql/1", proxy: 0, rise: 3, fall: 4, policy: .own, initially: health)
        let world = try GossipWorld(nodes: 1, servers: [server])
        world.startAll()
        if afterMaintenance { for _ in 0..<4 { world.observe(0, Self.first, finding) } }
        world.local(0, .maintenanceEnded(Self.first))
        let start = world.verdict(Self.first, at: 0)
        for number in 1...9 {
            world.observe(0, Self.first, finding)
            if world.verdict(Self.first, at: 0) != start { return number }
        }
        return 0
    }

    @Test("is up until the first failure or until `fall` of them, or down until the first pass or until `rise` of them", arguments: [false, true])
    func counts(afterMaintenance: Bool) throws {
        func count(_ finding: Finding, _ health: InitialHealth) throws -> Int {
            try self.count(finding, initially: health, afterMaintenance: afterMaintenance)
        }
        #expect(try count(.failedWithResponse, .up) == 1 && count(.failedWithResponse, .fullyUp) == 4)
        #expect(try count(.passed, .down) == 1 && count(.passed, .fullyDown) == 3)
        #expect(try count(.passed, .up) == 0 && count(.failedWithResponse, .down) == 0)
    }
}
