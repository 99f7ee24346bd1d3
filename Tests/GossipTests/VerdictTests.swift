import Gossip
import Simulation
import Testing
import Wire

@Suite("A verdict on a server")
struct VerdictTests {
    private static let first = ServerID(1)
    private static let second = ServerID(2)
    private static let address = SocketAddress.ip(.v4(9), port: 3_306)

    private static func servers(_ policy: VerdictPolicy, fall: Int = 3, minUp: Int = 1) -> [GossipServer] {
        [first, second].map { GossipServer(id: $0, name: "mysql/read0\($0.number)", proxy: 0, rise: 2, fall: fall, policy: policy, minUp: minUp) }
    }

    /// Two nodes that see each other; every server has passed once on both.
    private func world(_ policy: VerdictPolicy, nodes: Int = 2, fall: Int = 3, minUp: Int = 1, rules: SafetyRules = .all) throws -> GossipWorld {
        let world = try GossipWorld(nodes: nodes, servers: Self.servers(policy, fall: fall, minUp: minUp)) { $0.rules = rules }
        world.startAll()
        world.run(.seconds(1))
        for node in 0..<nodes { for server in [Self.first, Self.second] { world.observe(node, server, .passed) } }
        world.run(.milliseconds(100))
        return world
    }

    private func isDown(_ world: GossipWorld, _ node: Int, _ server: ServerID = VerdictTests.first) -> Bool {
        if case .down? = world.verdict(server, at: node) { true } else { false }
    }

    @Test("is DOWN on both nodes within 150 ms of the first failed check when the database refuses connections", arguments: [0, 20])
    func fastDown(loss: Int) throws {
        var waits: [Duration] = []
        for seed in 0..<40 as Range<UInt64> {
            let world = try world(.fastDown)
            world.random = SplitMix64(seed: seed)
            world.network.loss = loss
            world.check = { _, server in server == Self.first ? Observation(.failedWithResponse, address: Self.address) : nil }
            world.observe(0, Self.first, .failedWithResponse)
            let start = world.now
            world.run(.seconds(3))
            #expect(isDown(world, 0) && isDown(world, 1) && !isDown(world, 0, Self.second), "seed \(seed), loss \(loss)")
            waits.append((0...1).compactMap { world.lastVerdict(Self.first, at: $0).map { start.duration(to: $0.at) } }.max() ?? .seconds(9))
        }
        waits.sort()
        #expect(waits[waits.count - 2] <= .milliseconds(loss == 0 ? 150 : 300), "\(waits.suffix(5))")
    }

    @Test(
        "needs own failures that are apart in time, regardless of peers' statements",
        arguments: [SafetyRules.all, .all.subtracting(.ownEvidence), .all.subtracting(.spacing)])
    func ownEvidence(rules: SafetyRules) throws {
        let world = try world(.fastDown, fall: 5, rules: rules)
        for _ in 0..<3 {
            world.observe(0, Self.first, .failedWithResponse)
            world.run(.milliseconds(60))
        }
        #expect(isDown(world, 1) == !rules.contains(.ownEvidence))
        // Two checks at one moment count as one.
        world.observe(1, Self.first, .failedWithResponse)
        world.observe(1, Self.first, .failedWithResponse)
        #expect(isDown(world, 1) == (rules != .all))
        world.run(.milliseconds(60))
        world.observe(1, Self.first, .failedWithResponse)
        #expect(isDown(world, 1))
    }

    @Test("requires silent failures to be half a second apart")
    func silentFailures() throws {
        let world = try world(.fastDown, fall: 5)
        world.observe(0, Self.first, .failedWithoutResponse)
        world.run(.milliseconds(10))
        world.observe(1, Self.first, .failedWithoutResponse)
        world.run(.milliseconds(400))
        world.observe(1, Self.first, .failedWithoutResponse)
        #expect(!isDown(world, 1))
        world.run(.milliseconds(150))
        world.observe(1, Self.first, .failedWithoutResponse)
        #expect(isDown(world, 1))
    }

    @Test("is UP again only after `rise` passes of the node's own checks")
    func riseIsItsOwn() throws {
        let world = try world(.fastDown)
        for _ in 0..<3 { for node in 0...1 { world.observe(node, Self.first, .failedWithResponse) } }
        #expect(isDown(world, 0) && isDown(world, 1))
        for _ in 0..<2 { world.observe(0, Self.first, .passed) }
        world.run(.seconds(1))
        #expect(!isDown(world, 0) && isDown(world, 1))
        world.observe(1, Self.first, .passed)
        #expect(isDown(world, 1))
        world.observe(1, Self.first, .passed)
        #expect(!isDown(world, 1))
    }

    @Test("under `own` follows own checks only, even when a peer with the key sends statements", arguments: 0..<16 as Range<UInt64>)
    func ownPolicy(seed: UInt64) throws {
        let world = try world(.own)
        let alone = try GossipWorld(nodes: 1, servers: Self.servers(.own))
        alone.startAll()
        world.random = SplitMix64(seed: seed)
        let findings: [Finding] = [.passed, .failedWithResponse, .failedWithoutResponse, .full, .blocked, .ownFault, .accessDenied]
        alone.run(world.now.duration(to: alone.now) * -1)
        for server in [Self.first, Self.second] { alone.observe(0, server, .passed) }
        for step in 0..<200 {
            let finding = findings[world.random(below: findings.count)]
            if world.random(below: 2) == 0 {
                world.observe(1, Self.first, finding)
            } else {
                world.observe(0, Self.first, finding)
                alone.observe(0, Self.first, finding)
            }
            let pause = Duration.milliseconds(world.random(below: 300))
            world.run(pause)
            alone.run(pause)
            #expect(world.verdict(Self.first, at: 0) == alone.verdict(Self.first, at: 0), "seed \(seed), step \(step)")
        }
        #expect(world.requestedChecks(0).isEmpty)
    }

    @Test("under `any-down` follows a peer's DOWN, but never below min-up", arguments: [SafetyRules.all, .all.subtracting(.minUp)])
    func anyDown(rules: SafetyRules) throws {
        let world = try world(.anyDown, rules: rules)
        for _ in 0..<3 { world.observe(0, Self.first, .failedWithResponse) }
        world.run(.milliseconds(50))
        #expect(world.verdict(Self.first, at: 1) == .down(.peers))
        for _ in 0..<3 { world.observe(0, Self.second, .failedWithResponse) }
        world.run(.milliseconds(50))
        #expect(isDown(world, 1, Self.second) == !rules.contains(.minUp))
        #expect(world.members[1].core?.usableCount(ofProxy: 0) == (rules.contains(.minUp) ? 1 : 0))
        // Its own passes do not count while the peer still states DOWN.
        for _ in 0..<3 { world.observe(1, Self.first, .passed) }
        #expect(isDown(world, 1))
        for _ in 0..<2 { world.observe(0, Self.first, .passed) }
        world.run(.milliseconds(50))
        for _ in 0..<2 { world.observe(1, Self.first, .passed) }
        #expect(!isDown(world, 1))
    }

    @Test(
        "restarts its counts when a maintenance ends: UP until the first failure, unless a peer keeps it down", arguments: [VerdictPolicy.fastDown, .anyDown])
    func maintenanceEnds(policy: VerdictPolicy) throws {
        let world = try world(policy)
        for _ in 0..<3 { world.observe(0, Self.first, .failedWithResponse) }
        world.observe(1, Self.first, .blocked)
        world.run(.milliseconds(50))
        for node in 0...1 { world.local(node, .maintenanceEnded(Self.first)) }
        #expect(world.verdict(Self.first, at: 0) == .up)
        #expect(world.verdict(Self.first, at: 1) == (policy == .anyDown ? .down(.peers) : .up))
        world.observe(0, Self.first, .failedWithResponse)
        #expect(world.verdict(Self.first, at: 0) == .down(.ownChecks))
        // One pass restores full confidence.
        world.local(0, .maintenanceEnded(Self.first))
        world.observe(0, Self.first, .passed)
        for _ in 0..<2 { world.observe(0, Self.first, .failedWithResponse) }
        #expect(world.verdict(Self.first, at: 0) == .up)
    }

    @Test("counts a server without an address or weight as unusable, in any administrative state")
    func unusableServers() throws {
        let world = try world(.anyDown)
        let usable = { world.members[1].core?.usableCount(ofProxy: 0) }
        world.local(1, .localState(Self.second, .maint))
        try world.with(1) { core, now, outputs in try core.administer(Self.second, .ready, now: now, into: &outputs) }
        #expect(usable() == 1)
        for _ in 0..<3 { world.observe(0, Self.first, .failedWithResponse) }
        world.run(.milliseconds(50))
        #expect(world.verdict(Self.first, at: 1) == .up, "min-up")
        world.local(1, .localState(Self.second, .ready))
        #expect(usable() == 2)
        try world.with(1) { core, now, outputs in try core.setWeight(Self.second, 0, now: now, into: &outputs) }
        #expect(usable() == 1, "at once, without an update from the registry")
    }

    @Test("keeps a last server that is only full, despite gossip")
    func fullIsNotTakenAway() throws {
        let world = try world(.fastDown, fall: 5)
        for _ in 0..<5 {
            world.observe(0, Self.first, .failedWithResponse)
            world.observe(1, Self.second, .failedWithResponse)
        }
        world.run(.milliseconds(50))
        // Node 1 has one usable server left. Two failures suffice for gossip without min-up; FULL does not add to them.
        world.observe(1, Self.first, .failedWithResponse)
        world.run(.milliseconds(60))
        world.observe(1, Self.first, .failedWithResponse)
        #expect(isDown(world, 1, Self.second) && !isDown(world, 1))
        world.observe(1, Self.first, .full)
        #expect(!isDown(world, 1))
    }

    @Test("ignores peers that are dead, that state another address, or whose failure is not the server's")
    func whoCounts() throws {
        let world = try world(.anyDown, nodes: 3)
        for _ in 0..<3 { world.observe(0, Self.first, .failedWithResponse, address: .ip(.v4(8), port: 3_306)) }
        for _ in 0..<3 { world.observe(2, Self.first, .blocked) }
        world.run(.milliseconds(50))
        #expect(!isDown(world, 1) && isDown(world, 0) && world.verdict(Self.first, at: 2) == .blocked)
        for _ in 0..<3 { world.observe(0, Self.second, .failedWithResponse) }
        world.run(.milliseconds(50))
        #expect(isDown(world, 1, Self.second))
        world.crash(0)
        world.run(.seconds(2))
        for _ in 0..<2 { world.observe(1, Self.second, .passed) }
        #expect(!isDown(world, 1, Self.second))
    }

    @Test("skips a full server for 1 s, doubling to 8 s, and never takes it down")
    func full() throws {
        let world = try world(.fastDown)
        for seconds in [1, 2, 4, 8, 8] {
            world.observe(0, Self.first, .full)
            #expect(world.verdict(Self.first, at: 0) == .full(until: world.now.advanced(by: .seconds(seconds))))
            world.run(.seconds(seconds) + .milliseconds(1))
            #expect(world.verdict(Self.first, at: 0) == .up && world.verdict(Self.first, at: 1) == .up)
        }
        world.observe(0, Self.first, .passed)
        world.observe(0, Self.first, .full)
        #expect(world.verdict(Self.first, at: 0) == .full(until: world.now.advanced(by: .seconds(1))))
    }

    @Test(
        "is published as `unknown` when everything fails at once: an expired password must not empty both nodes",
        arguments: [Finding.accessDenied, .failedWithoutResponse])
    func isolation(finding: Finding) throws {
        let world = try world(.anyDown)
        for _ in 0..<5 {
            for server in [Self.first, Self.second] { world.observe(0, server, finding) }
            world.run(.milliseconds(600))
        }
        #expect(isDown(world, 0) && isDown(world, 0, Self.second))
        let rows = try #require(world.members[1].core?.tables.healthRows.filter { $0.observer == GossipWorld.id(0) })
        #expect(rows.count == 2 && rows.allSatisfy { $0.verdict == .unknown && $0.failures == 0 })
        #expect(world.members[1].core?.usableCount(ofProxy: 0) ?? 0 >= 1)
    }

    @Test("makes the node check at once when a peer sees the first failure, at most once in 100 ms, and not for old rows")
    func requestsChecks() throws {
        let world = try world(.fastDown, fall: 9)
        world.observe(0, Self.first, .failedWithResponse)
        world.run(.milliseconds(5))
        #expect(world.requestedChecks(1).count == 1)
        world.check = { _, _ in Observation(.passed, address: Self.address) }
        for _ in 0..<20 {
            world.observe(0, Self.first, .failedWithResponse)
            world.run(.milliseconds(20))
        }
        #expect(world.requestedChecks(1).count <= 6, "\(world.requestedChecks(1).count)")
        let times = world.requestedChecks(1)
        for (one, next) in zip(times, times.dropFirst()) { #expect(one.advanced(by: .milliseconds(100)) <= next) }
        world.run(.seconds(5))
        let count = world.requestedChecks(1).count
        world.run(.seconds(5))
        #expect(world.requestedChecks(1).count == count)
    }

    @Test("that differs from a peer's for 30 s is reported once")
    func viewsDiffer() throws {
        let world = try world(.own)
        for _ in 0..<3 { world.observe(0, Self.first, .failedWithResponse) }
        world.run(.seconds(29))
        #expect(!world.alerts(1).contains { if case .viewsDiffer = $0 { true } else { false } })
        world.run(.seconds(40))
        #expect(world.alerts(1).filter { $0 == .viewsDiffer(server: "mysql/read01", peer: "node0", isDownHere: false) }.count == 1)
        #expect(world.alerts(0).filter { $0 == .viewsDiffer(server: "mysql/read01", peer: "node1", isDownHere: true) }.count == 1)
    }
}
