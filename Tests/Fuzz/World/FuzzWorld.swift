import Gossip
import Support
import Wire

/// Three nodes that know each other, in virtual time, on a network without delay: number 0 is the one under test. A value: each input
/// begins with a copy of one that has just settled.
package struct FuzzWorld {
    /// Datagrams remembered.
    private static let historyMax = 512
    /// Steps of one advance, and datagrams that one datagram may cause among all nodes, before it counts as a storm.
    private static let stepsMax = 100_000
    private static let cascadeMax = 2_000

    /// The ring key of all nodes.
    package let ringKey: KeyRing.Key
    /// Of each node.
    package let seals: [TamperingSeal]
    /// The nodes.
    package private(set) var nodes: [GossipNode]
    /// A node without peers that sees what node 0 sees with its own eyes.
    package private(set) var hermit: GossipNode
    /// Now.
    package private(set) var now = Instant(nanoseconds: 1_000_000_000)
    /// The last datagrams for node 0 and of it: what somebody on the path knows.
    package private(set) var history: [(bytes: [UInt8], source: SocketAddress)] = []
    /// Nothing that these nodes send arrives.
    package var isMuted = [false, false, false]
    /// What node 0 said in the last step: everything but datagrams.
    package private(set) var said: [GossipOutput] = []
    /// Failures that node 0 has seen itself, by server.
    package private(set) var ownFailures: [Int]
    private var outputs = GossipOutputs()
    private var queue: [(bytes: [UInt8], source: Int, target: SocketAddress)] = []

    /// Eight servers: two proxies, every policy. Of the second proxy gossip alone may take none.
    package static let servers: [GossipServer] = (0..<8).map { number in
        let policy: VerdictPolicy = [.own, .fastDown, .anyDown, .fastDown][number % 4]
        return GossipServer(
            id: server(number), name: "mysql/read0\(number)", proxy: number / 4, rise: 2, fall: 3, policy: policy, minUp: number / 4 == 0 ? 1 : 4)
    }

    /// A server of the configuration; any other number is one that only peers know.
    package static func server(_ number: Int) -> ServerID { ServerID(UInt64(1_000 + number)) }
    /// The resolved address of all servers.
    package static let serverAddress = SocketAddress.ip(.v4(0x0a00_0909), port: 3_306)
    /// A node.
    package static func id(_ index: Int) -> NodeID { NodeID(UInt64(100 + index)) }
    /// Where it is.
    package static func address(_ index: Int) -> SocketAddress { .ip(.v4(0x0a00_0001 + UInt32(index)), port: 7_946) }
    /// Where none is.
    package static let elsewhere = SocketAddress.ip(.v4(0x0a00_00ee), port: 7_946)
    private static let wall: UInt64 = 1_700_000_000_000

    /// Three nodes that have shaken hands and told each other what they see.
    package init() throws(SealError) {
        seals = [TamperingSeal(), TamperingSeal(), TamperingSeal()]
        ringKey = try KeyRing.key(Bytes32(1, 2, 3, 4), seals[0])
        ownFailures = Array(repeating: 0, count: Self.servers.count)
        nodes = []
        let alone = GossipSettings(cluster: 7, node: NodeID(99), peers: [], configuration: 1)
        hermit = GossipNode(
            alone, ring: KeyRing([ringKey]), memory: GossipMemory(), seal: TamperingSeal(), random: SplitMix64(seed: 9), wallMilliseconds: Self.wall,
            now: now, into: &outputs)
        hermit.local(.configured(servers: Self.servers, configuration: 1), now: now, into: &outputs)
        outputs.removeAll()
        for index in 0..<3 { nodes.append(start(index, session: 0)) }
        // The others begin: what strangers repeat is to have HELLOs for node 0 in it.
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

    /// A peer starts anew, in a run of its choice.
    package mutating func restart(_ index: Int, session: UInt64) {
        nodes[index] = start(index, session: session)
        step(index) { node, now, outputs in node.tick(now: now, into: &outputs) }
    }

    /// Puts bytes in front of node 0.
    package mutating func inject(_ bytes: ArraySlice<UInt8>, from source: SocketAddress) {
        step(0) { node, now, outputs in node.receive(bytes, from: source, now: now, into: &outputs) }
    }

    /// Peer `index` says `records` to node 0 in a datagram of `kind`, under their pairwise key.
    package mutating func say(_ kind: UInt8, _ records: ArraySlice<UInt8>, by index: Int) {
        seals[index].traffic = (kind, records)
        local(index, .askForChecks(ServerID(0)))
        seals[index].traffic = nil
    }

    /// Something happens on a node.
    package mutating func local(_ index: Int, _ event: GossipEvent) {
        step(index) { node, now, outputs in node.local(event, now: now, into: &outputs) }
    }

    /// A look at a server.
    package mutating func observe(_ server: Int, _ finding: Finding, at index: Int) {
        let observation = Observation(finding, address: Self.serverAddress)
        if index == 0 {
            if [.failedLoudly, .failedSilently, .accessDenied].contains(finding) { ownFailures[server] += 1 }
            hermit.local(.observed(Self.server(server), observation), now: now, into: &outputs)
            outputs.removeAll()
        }
        local(index, .observed(Self.server(server), observation))
    }

    /// Does something with a node, then carries its datagrams and what they cause.
    package mutating func step(_ index: Int, _ body: (inout GossipNode, Instant, inout GossipOutputs) -> Void) {
        said.removeAll(keepingCapacity: true)
        turn(index, body)
        var carried = 0
        while carried < queue.count {
            let (bytes, source, target) = queue[carried]
            carried += 1
            precondition(carried < Self.cascadeMax, "a storm: \(carried) datagrams of one")
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
                if index == 0 { said.append(output) }
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

    /// Lets time pass; every node is called when it asked to be.
    package mutating func advance(_ duration: Duration) {
        let end = now.advanced(by: duration)
        for taken in 0... {
            precondition(taken < Self.stepsMax, "a timer that never moves on")
            let deadlines = nodes.map(\.nextDeadline) + [hermit.nextDeadline]
            guard let next = deadlines.min(), next <= end else { break }
            now = max(now, next)
            for index in nodes.indices where nodes[index].nextDeadline <= now {
                step(index) { node, now, outputs in node.tick(now: now, into: &outputs) }
            }
            if hermit.nextDeadline <= now { tickHermit() }
        }
        now = end
    }

    /// Time passes, and no node gets to run.
    package mutating func starve(_ duration: Duration) { now = now.advanced(by: duration) }

    /// Lets node 0 and the hermit do what is due, so that they can be compared.
    package mutating func settle() {
        step(0) { node, now, outputs in node.tick(now: now, into: &outputs) }
        tickHermit()
    }

    private mutating func tickHermit() {
        hermit.tick(now: now, into: &outputs)
        outputs.removeAll()
    }
}
