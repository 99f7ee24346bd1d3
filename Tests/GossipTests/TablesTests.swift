import Gossip
import Simulation
import Testing
import Wire

@Suite("The shared tables")
struct TablesTests {
    private let nodes = (0..<3).map { GossipWorld.id($0) }
    private let now = GossipWorld.start

    private func randomRows(_ random: inout SplitMix64, count: Int) -> [Record] {
        (0..<count).map { _ in
            let (node, small) = (nodes[Int(random.next() % 3)], random.next() % 4 + 1)
            switch random.next() % 5 {
            case 4:
                return .ballot(
                    BallotRow(
                        node: node, session: small, version: UInt32(random.next() % 5 + 1), subject: random.next() % 2, epoch: 1, choice: 1, isConfirmed: true))
            case 0:
                return .member(
                    MemberRow(
                        node: node, session: small, refutations: UInt32(random.next() % 3), rank: MemberRank(rawValue: UInt8(random.next() % 4)) ?? .alive))
            case 1:
                return .health(
                    HealthRow(
                        observer: node, session: small, version: UInt32(random.next() % 5 + 1), server: ServerID(random.next() % 5), verdict: .up,
                        observed: now, address: nil))
            case 2:
                return .administrative(
                    AdministrativeRow(
                        server: ServerID(random.next() % 5), stamp: HybridTime(bits: random.next() % 4), origin: node,
                        state: AdministrativeState(rawValue: UInt8(random.next() % 3)) ?? .ready))
            default:
                return .lease(
                    LeaseRow(
                        name: random.next() % 2, epoch: small, stamp: HybridTime(bits: random.next() % 3), holder: node, version: UInt32(random.next() % 3),
                        isHeld: random.next() % 2 == 0, expiry: now))
            }
        }
    }

    private func merge(_ record: Record, into tables: inout SharedTables) {
        switch record {
        case .member(let row): _ = tables.merge(row)
        case .health(let row): _ = tables.merge(row)
        case .administrative(let row): _ = tables.merge(row)
        case .lease(let row): _ = tables.merge(row)
        case .ballot(let row): _ = tables.merge(row)
        default: break
        }
    }

    @Test("converge to the same content in any order and with any repetition", arguments: 0..<64 as Range<UInt64>)
    func mergingIsASemilattice(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let rows = randomRows(&random, count: 80)
        var first = SharedTables(nodes: nodes)
        var second = SharedTables(nodes: nodes)
        for row in rows { merge(row, into: &first) }
        for row in (rows + rows).shuffled(using: &random) { merge(row, into: &second) }
        #expect(first.memberRows == second.memberRows && first.administrativeRows == second.administrativeRows, "seed \(seed)")
        #expect(first.leaseRows == second.leaseRows && first.healthRows == second.healthRows, "seed \(seed)")
        #expect(first.ballotRows == second.ballotRows, "seed \(seed)")
        #expect(first.hash == second.hash && first.digest == second.digest, "seed \(seed)")
        #expect(first.changesCount <= 2 * 80 + 64)
    }

    @Test("never go backwards, and remember a bounded number of changes")
    func orderAndMemory() {
        var random = SplitMix64(seed: 1)
        var tables = SharedTables(nodes: nodes)
        var before: [MemberRow] = []
        for row in randomRows(&random, count: 5_000) {
            merge(row, into: &tables)
            for old in before { #expect(tables.memberRows.contains { $0.node == old.node && !old.isNewer(than: $0) }) }
            before = tables.memberRows
        }
        for version in 1...10_000 as ClosedRange<UInt32> {
            _ = tables.merge(HealthRow(observer: nodes[0], session: 9, version: version, server: ServerID(1), verdict: .up, observed: now, address: nil))
        }
        #expect(tables.changesCount <= 200, "\(tables.changesCount)")
    }

    @Test("hold rows of 4,096 servers and refuse more, except rows of configured servers")
    func serversAreLimited() {
        var tables = SharedTables(nodes: nodes)
        tables.configure([ServerID(1 << 40)])
        func row(_ server: UInt64) -> HealthRow {
            HealthRow(observer: nodes[1], session: 1, version: 1, server: ServerID(server), verdict: .up, observed: now, address: nil)
        }
        let taken = (0..<UInt64(GossipLimits.serversMax)).filter { tables.merge(row($0)) == .stored }
        #expect(taken.count == GossipLimits.serversMax)
        #expect(tables.merge(row(100_000)) == .refused && tables.merge(row(1 << 40)) == .stored)
        #expect(
            tables.merge(HealthRow(observer: NodeID(5), session: 1, version: 1, server: ServerID(1), verdict: .up, observed: now, address: nil)) == .refused)
    }
}

@Suite("Delivery between nodes")
struct DeliveryTests {
    private static let servers = (0..<8).map { GossipServer(id: ServerID(UInt64($0)), name: "mysql/read\($0)", proxy: 0) }

    @Test("brings a row to the peer within 2 ms, or after a few repeats when datagrams are lost", arguments: [0, 5, 20])
    func rowsArrive(loss: Int) throws {
        var waits: [Duration] = []
        for seed in 0..<60 as Range<UInt64> {
            let world = try GossipWorld(nodes: 2, seed: seed, servers: Self.servers)
            world.startAll()
            world.run(.seconds(1))
            world.network.loss = loss
            world.observe(0, ServerID(3), .passed)
            let start = world.now
            while world.members[1].core?.tables.healthRows.isEmpty == true, start.duration(to: world.now) < .seconds(5) { world.run(.microseconds(500)) }
            waits.append(start.duration(to: world.now))
        }
        waits.sort()
        let limit: Duration = loss == 0 ? .milliseconds(2) : loss == 5 ? .milliseconds(40) : .milliseconds(120)
        #expect(waits[waits.count - 2] <= limit, "\(waits.suffix(4))")
    }

    @Test("makes all tables equal after loss, duplicates, reordering and partitions", arguments: 0..<12 as Range<UInt64>)
    func tablesConverge(seed: UInt64) throws {
        let world = try GossipWorld(nodes: 3, seed: seed, servers: Self.servers)
        (world.network.loss, world.network.duplicates, world.network.delayMax) = (20, 20, .milliseconds(60))
        world.startAll()
        for _ in 0..<60 {
            let (node, server) = (world.random(below: 3), ServerID(UInt64(world.random(below: 8))))
            switch world.random(below: 6) {
            case 0:
                _ = try? world.with(node) { core, now, outputs in
                    try core.administer(server, AdministrativeState.allCases[Int(now.nanoseconds % 3)], force: .forced, now: now, into: &outputs)
                }
            case 1: world.partition([node], [(node + 1) % 3])
            case 2: world.heal()
            case 3 where world.random(below: 3) == 0:
                world.crash(node)
                world.start(node, losesStore: world.random(below: 2) == 0)
            default: world.observe(node, server, world.random(below: 2) == 0 ? .passed : .failedWithResponse)
            }
            world.run(.milliseconds(world.random(below: 400)))
        }
        world.heal()
        (world.network.loss, world.network.duplicates) = (0, 0)
        world.run(.seconds(2))
        #expect(world.allAlive && world.tablesAreEqual, "seed \(seed)")
        let states = (0..<3).map { node in Self.servers.map { world.members[node].core?.administrativeState(of: $0.id, now: world.now) } }
        #expect(states[0] == states[1] && states[1] == states[2] && world.seal.reuses == 0, "seed \(seed)")
        // Late heartbeats are requested, so jitter costs datagrams.
        world.network.delayMax = .microseconds(400)
        world.run(.milliseconds(500))
        let before = world.members.map(\.sentDatagrams)
        world.run(.seconds(10))
        for (node, count) in before.enumerated() { #expect(world.members[node].sentDatagrams - count <= 2 * 62, "seed \(seed): back to idle") }
    }

    @Test("keeps an operator's command over restarts, and expires it without another command")
    func operatorsWords() throws {
        let world = try GossipWorld(nodes: 2, servers: Self.servers)
        world.startAll()
        world.run(.seconds(1))
        try world.with(0) { core, now, outputs in try core.administer(ServerID(1), .maint, now: now, into: &outputs) }
        try world.with(0) { core, now, outputs in try core.administer(ServerID(2), .drain, for: .seconds(5), now: now, into: &outputs) }
        world.run(.milliseconds(100))
        world.crash(0)
        world.run(.seconds(1))
        world.crash(1)
        world.start(1)
        #expect(world.members[1].core?.administrativeState(of: ServerID(1), now: world.now) == .maint)
        #expect(world.members[1].core?.administrativeState(of: ServerID(2), now: world.now) == .drain)
        world.run(.seconds(6))
        #expect(world.members[1].log.contains { $0.output == .administrativeChanged(ServerID(2), .ready, weight: nil) })
        #expect(world.members[1].core?.administrativeState(of: ServerID(1), now: world.now) == .maint)
        // The other node's store is lost; it learns the command from its peer.
        world.start(0, losesStore: true)
        world.run(.seconds(1))
        #expect(world.members[0].core?.administrativeState(of: ServerID(1), now: world.now) == .maint)
    }

    @Test("expires a command although the server had no address meanwhile, or the peer received a repetition only after the expiry")
    func expiryIsKept() throws {
        let world = try GossipWorld(nodes: 2, servers: Self.servers)
        world.startAll()
        world.run(.seconds(1))
        try world.with(0) { core, now, outputs in try core.administer(ServerID(1), .drain, for: .seconds(2), now: now, into: &outputs) }
        try world.with(0) { core, now, outputs in try core.administer(ServerID(2), .drain, now: now, into: &outputs) }
        world.run(.milliseconds(100))
        for state in [AdministrativeState.maint, .ready] { world.local(1, .localState(ServerID(1), state)) }
        world.partition([0], [1])
        try world.with(0) { core, now, outputs in try core.administer(ServerID(2), .drain, for: .seconds(1), now: now, into: &outputs) }
        try world.with(0) { core, now, outputs in try core.setWeight(ServerID(2), 7, now: now, into: &outputs) }
        world.run(.seconds(3))
        world.heal()
        world.run(.seconds(1))
        let said = world.members[1].log.map(\.output)
        #expect(said.contains(.administrativeChanged(ServerID(1), .ready, weight: nil)))
        #expect(said.contains(.administrativeChanged(ServerID(2), .ready, weight: 7)))
    }

    @Test("never puts the last usable server into maintenance unless forced")
    func lastUsable() throws {
        let world = try GossipWorld(nodes: 2, servers: Array(Self.servers.prefix(2)))
        world.startAll()
        try world.with(0) { core, now, outputs in try core.administer(ServerID(0), .maint, now: now, into: &outputs) }
        #expect(throws: AdministrationRefusal.lastUsable) {
            try world.with(0) { core, now, outputs in try core.administer(ServerID(1), .maint, now: now, into: &outputs) }
        }
        try world.with(0) { core, now, outputs in try core.administer(ServerID(1), .maint, force: .forced, now: now, into: &outputs) }
        #expect(throws: AdministrationRefusal.unknownServer) {
            try world.with(0) { core, now, outputs in try core.administer(ServerID(99), .maint, now: now, into: &outputs) }
        }
    }

    @Test("gives the drain lease to one node at a time, and takes it from a dead holder")
    func drainLease() throws {
        let world = try GossipWorld(nodes: 2) { $0.leaseDuration = .seconds(30) }
        world.startAll()
        world.run(.seconds(1))
        world.local(0, .acquireLease(5))
        world.local(1, .acquireLease(5))
        world.run(.seconds(1))
        let holders = (0..<2).compactMap { world.members[$0].core?.holder(ofLease: 5, now: world.now) }
        #expect(holders.count == 2 && holders[0] == holders[1])
        let holder = holders.first == GossipWorld.id(0) ? 0 : 1
        #expect(world.members[holder].log.contains { $0.output == .leaseGranted(5) })
        #expect(!world.members[1 - holder].log.contains { $0.output == .leaseGranted(5) })
        world.run(.seconds(40))
        #expect(world.members[1 - holder].core?.holder(ofLease: 5, now: world.now) == GossipWorld.id(holder))
        world.crash(holder)
        world.run(.seconds(2))
        world.local(1 - holder, .acquireLease(5))
        #expect(world.members[1 - holder].core?.holder(ofLease: 5, now: world.now) == GossipWorld.id(1 - holder))
        world.local(1 - holder, .releaseLease(5))
        #expect(world.members[1 - holder].core?.holder(ofLease: 5, now: world.now) == nil)
    }

    @Test("reports once that configurations differ, and once that they are equal again")
    func configurationsDiffer() throws {
        let world = try GossipWorld(nodes: 2) { $0.configuration = $0.node.number }
        world.startAll()
        world.run(.seconds(30))
        #expect(configurationAlerts(world) == [.configurationDiffers(peer: "node1", ConfigurationDifference())], "an older release sends no parts")
        world.local(0, .configured(servers: [], configuration: GossipWorld.id(1).number))
        world.run(.seconds(1))
        #expect(configurationAlerts(world).dropFirst() == [.configurationsEqual(peer: "node1")])
    }

    @Test("reports which parts of the configurations differ, for any number of parts and under loss", arguments: [4, 700])
    func partsDiffer(count: Int) throws {
        let world = try GossipWorld(nodes: 2) { settings in
            let isFirst = settings.node == GossipWorld.id(0)
            settings.configuration = settings.node.number
            settings.parts = (0..<count).map { number in
                // Server 2 differs between the nodes. Server 1 exists only on the first node, server 3 only on the second.
                let id = number == 1 && !isFirst ? 90_000 : number == 3 && isFirst ? 80_000 : number
                return ConfigurationPart(name: "server \(number)", id: UInt32(id), hash: number == 2 && isFirst ? 7 : 1)
            }
        }
        world.network.loss = count > 100 ? 20 : 0
        world.startAll()
        world.run(.seconds(40))
        var difference = ConfigurationDifference()
        (difference.different, difference.missing, difference.unknownCount) = (["server 2"], ["server 1", "server 3"], 2)
        #expect(configurationAlerts(world).last == .configurationDiffers(peer: "node1", difference))
        #expect(configurationAlerts(world).count <= 2)
        func digests() -> Int { world.history.count { $0.sender == 0 && $0.bytes[3] == DatagramKind.digest.rawValue } }
        let before = digests()
        world.run(.seconds(20))
        #expect(digests() - before <= 20, "the parts are repeated every ten seconds, not with every heartbeat")
    }

    private func configurationAlerts(_ world: GossipWorld) -> [GossipAlert] {
        world.alerts(0).filter {
            switch $0 {
            case .configurationDiffers, .configurationsEqual: true
            default: false
            }
        }
    }
}
