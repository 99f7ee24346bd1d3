import Gossip
import Wire

/// Three connected nodes in virtual time, on a network without delay; node 0 is under test. A value type: each input starts with a copy of a settled world.
package struct FuzzWorld {
    /// The limit on recorded datagrams.
    private static let historyMax = 512
    /// The limits on steps of one `advance`, and on datagrams that one datagram causes among all nodes: more is a storm.
    private static let stepsMax = 100_000
    private static let cascadeMax = 2_000

    /// The ring key of all nodes.
    package let ringKey: KeyRing.Key
    /// The seal of each node.
    package let seals: [TamperingSeal]
    /// The nodes.
    package private(set) var nodes: [GossipNode]
    /// A node without peers that gets the same checks as node 0.
    package private(set) var isolatedNode: GossipNode
    /// The current virtual time.
    package private(set) var now = Instant(nanoseconds: 1_000_000_000)
    /// The latest datagrams from and to node 0, which an attacker on the path has seen.
    package private(set) var history: [(bytes: [UInt8], source: SocketAddress)] = []
    /// True for nodes whose datagrams are dropped.
    package var isMuted = [false, false, false]
    /// The outputs of node 0 in the last step, without datagrams.
    package private(set) var lastOutputs: [GossipOutput] = []
    /// The number of failed checks of node 0, by server.
    package private(set) var ownFailures: [Int]
    private var outputs = GossipOutputs()
    private var queue: [(bytes: [UInt8], source: Int, target: SocketAddress)] = []

    /// Eight servers: two proxies with every policy. In the second proxy gossip alone may take no server down.
    package static let servers: [GossipServer] = (0..<8).map { number in
        let policy: VerdictPolicy = [.own, .fastDown, .anyDown, .fastDown][number % 4]
        return GossipServer(
            id: server(number), name: "mysql/read0\(number)", proxy: number / 4, rise: 2, fall: 3, policy: policy, minUp: number / 4 == 0 ? 1 : 4)
    }

    /// A server of the configuration by number; other numbers give servers that only peers know.
    package static func server(_ number: Int) -> ServerID { ServerID(UInt64(1_000 + number)) }
    /// The resolved address of all servers.
    package static let serverAddress = SocketAddress.ip(.v4(0x0a00_0909), port: 3_306)
    /// The identifier of a node.
    package static func id(_ index: Int) -> NodeID { NodeID(UInt64(100 + index)) }
    /// The address of a node.
    package static func address(_ index: Int) -> SocketAddress { .ip(.v4(0x0a00_0001 + UInt32(index)), port: 7_946) }
    /// An address without a node.
    package static let elsewhere = SocketAddress.ip(.v4(0x0a00_00ee), port: 7_946)
    private static let wall: UInt64 = 1_700_000_000_000

    /// Creates three nodes that have connected and exchanged their views.
    package init() throws(SealError) {
        seals = [TamperingSeal(), TamperingSeal(), TamperingSeal()]
        ringKey = try KeyRing.key(Bytes32(1, 2, 3, 4), seals[0])
        ownFailures = Array(repeating: 0, count: Self.servers.count)
        nodes = []
        let alone = GossipSettings(cluster: 7, node: NodeID(99), peers: [], configuration: 1)
        isolatedNode = GossipNode(
            alone, ring: KeyRing([ringKey]), memory: GossipMemory(), seal: TamperingSeal(), random: SplitMix64(seed: 9), wallMilliseconds: Self.wall,
            now: now, into: &outputs)
        isolatedNode.local(.configured(servers: Self.servers, configuration: 1), now: now, into: &outputs)
        outputs.removeAll()
        for index in 0..<3 { nodes.append(start(index, session: 0)) }
        // The other nodes start first, so that the history contains HELLOs for node 0.
        for index in [1, 2, 0] { step(index) { node, now, outputs in node.tick(now: now, into: &outputs) } }
        for server in 0..<Self.servers.count {
            for index in nodes.indices { observe(server, .passed, at: index) }
        }
        advance(.seconds(4))
    }

    private mutating func start(_ index: Int, session: UInt64) -> GossipNode {
        let peers = (0..<3).filter { $0 != index }.map { GossipPeer(id: Self.id($0), name: "node\($0)", address: Self.address($0)) }
        let settings = GossipSettings(cluster: 7, node: Self.id(index), peers: peers, configuration: 1)
        let passed = UInt64(now.nanoseconds / 1_000_000)
        var node = GossipNode(
            settings, ring: KeyRing([ringKey]), memory: GossipMemory(session: session), seal: seals[index],
            random: SplitMix64(seed: UInt64(index + 1) &* UInt64(now.nanoseconds)), wallMilliseconds: Self.wall + passed, now: now, into: &outputs)
        node.local(.configured(servers: Self.servers, configuration: 1), now: now, into: &outputs)
        outputs.removeAll()
        return node
    }

    /// Restarts a peer with a session of its choice.
    package mutating func restart(_ index: Int, session: UInt64) {
        nodes[index] = start(index, session: session)
        step(index) { node, now, outputs in node.tick(now: now, into: &outputs) }
    }

    /// Delivers bytes to node 0.
    package mutating func inject(_ bytes: ArraySlice<UInt8>, from source: SocketAddress) {
        step(0) { node, now, outputs in node.receive(bytes, from: source, now: now, into: &outputs) }
    }

    /// Sends `records` from peer `index` to node 0 in a datagram of `kind`, under their pairwise key.
    package mutating func sendForged(_ kind: UInt8, _ records: ArraySlice<UInt8>, by index: Int) {
        seals[index].traffic = (kind, records)
        local(index, .requestPeerChecks(ServerID(0)))
        seals[index].traffic = nil
    }

    /// Passes an event to a node.
    package mutating func local(_ index: Int, _ event: GossipEvent) {
        step(index) { node, now, outputs in node.local(event, now: now, into: &outputs) }
    }

    /// Passes the result of a check to a node.
    package mutating func observe(_ server: Int, _ finding: Finding, at index: Int) {
        let observation = Observation(finding, address: Self.serverAddress)
        if index == 0 {
            if [.failedWithResponse, .failedWithoutResponse, .accessDenied].contains(finding) { ownFailures[server] += 1 }
            isolatedNode.local(.observed(Self.server(server), observation), now: now, into: &outputs)
            outputs.removeAll()
        }
        local(index, .observed(Self.server(server), observation))
    }

    /// Runs `body` on a node, then delivers its datagrams and all that they cause.
    package mutating func step(_ index: Int, _ body: (inout GossipNode, Instant, inout GossipOutputs) -> Void) {
        lastOutputs.removeAll(keepingCapacity: true)
        turn(index, body)
        var carried = 0
        while carried < queue.count {
            let (bytes, source, target) = queue[carried]
            carried += 1
            precondition(carried < Self.cascadeMax, "a storm: \(carried) datagrams caused by one")
            for index in nodes.indices where Self.address(index) == target && !isMuted[source] {
                turn(index) { node, now, outputs in node.receive(bytes[...], from: Self.address(source), now: now, into: &outputs) }
            }
        }
        queue.removeAll(keepingCapacity: true)
    }

    private mutating func turn(_ index: Int, _ body: (inout GossipNode, Instant, inout GossipOutputs) -> Void) {
        body(&nodes[index], now, &outputs)
        if index == 0 { checkOutputs(outputs) }
        for output in outputs.list {
            guard case .send(let range, let target) = output else {
                if index == 0 { lastOutputs.append(output) }
                continue
            }
            let bytes = Array(outputs.bytes[range])
            queue.append((bytes, index, target))
            guard index == 0 || target == Self.address(0) else { continue }
            if history.count >= Self.historyMax { history.removeFirst() }
            history.append((bytes, Self.address(index)))
        }
        outputs.removeAll()
    }

    /// Advances the time. Every node is ticked at its deadlines.
    package mutating func advance(_ duration: Duration) {
        let end = now.advanced(by: duration)
        for taken in 0... {
            precondition(taken < Self.stepsMax, "a timer whose deadline never advances")
            let deadlines = nodes.map(\.nextDeadline) + [isolatedNode.nextDeadline]
            guard let next = deadlines.min(), next <= end else { break }
            now = max(now, next)
            for index in nodes.indices where nodes[index].nextDeadline <= now {
                step(index) { node, now, outputs in node.tick(now: now, into: &outputs) }
            }
            if isolatedNode.nextDeadline <= now { tickIsolatedNode() }
        }
        now = end
    }

    /// Advances the time without running any node.
    package mutating func starve(_ duration: Duration) { now = now.advanced(by: duration) }

    /// Runs the due work of node 0 and of `isolatedNode`, so that they can be compared.
    package mutating func settle() {
        step(0) { node, now, outputs in node.tick(now: now, into: &outputs) }
        tickIsolatedNode()
    }

    private mutating func tickIsolatedNode() {
        isolatedNode.tick(now: now, into: &outputs)
        outputs.removeAll()
    }
}
