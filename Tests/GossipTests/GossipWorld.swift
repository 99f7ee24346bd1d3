import Gossip
import Support
import Wire

/// A few nodes and a network that behaves as told, in virtual time, all from one seed.
final class GossipWorld {
    /// What the network does to datagrams.
    struct Network {
        var loss = 0
        var duplicates = 0
        var delayMin = Duration.microseconds(200)
        var delayMax = Duration.microseconds(400)
        /// Pairs (from, to) of nodes that nothing passes between.
        var blocked: [(from: Int, to: Int)] = []
    }

    struct Datagram {
        let bytes: [UInt8]
        let source: SocketAddress
        let target: SocketAddress
        let sender: Int
    }

    private struct Delivery {
        let at: Instant
        let number: Int
        let datagram: Datagram
    }

    /// A node and what it has said.
    struct Member {
        var core: GossipNode?
        var address: SocketAddress
        var memory = GossipMemory()
        var identity: Int
        /// How often it was started.
        var runs = 0
        var isPaused = false
        var inbox: [Datagram] = []
        var ring: KeyRing
        /// Every output but datagrams, with its time.
        var log: [(at: Instant, output: GossipOutput)] = []
        var sentBytes = 0
        var sentDatagrams = 0
    }

    static let start = Instant(nanoseconds: 1_000_000_000)
    private(set) var now = GossipWorld.start
    private(set) var members: [Member] = []
    var network = Network()
    /// Wall time at the start, per node.
    var walls: [UInt64]
    let seal = NullSeal()
    /// Every datagram ever sent.
    private(set) var history: [Datagram] = []
    private var generator: SplitMix64
    private var deliveries: [Delivery] = []
    private var sentCount = 0
    private let configure: (inout GossipSettings) -> Void
    /// Called after every event.
    var invariant: ((GossipWorld) -> Void)?
    /// Checks asked for are answered like this after 1 ms; `nil` leaves them.
    var check: ((Int, ServerID) -> Observation?)?
    private var checks: [(at: Instant, node: Int, server: ServerID)] = []
    let servers: [GossipServer]

    init(nodes: Int, seed: UInt64 = 1, servers: [GossipServer] = [], configure: @escaping (inout GossipSettings) -> Void = { _ in }) throws {
        generator = SplitMix64(seed: seed)
        walls = Array(repeating: 1_700_000_000_000, count: nodes)
        self.configure = configure
        self.servers = servers
        let key = try GossipWorld.key(1, seal)
        for index in 0..<nodes { members.append(Member(address: GossipWorld.address(index), identity: index, ring: KeyRing([key]))) }
    }

    static func key(_ number: UInt64, _ seal: NullSeal) throws -> KeyRing.Key { try KeyRing.key(Bytes32(number, 2, 3, 4), seal) }
    static func address(_ index: Int, port: UInt16 = 7_946) -> SocketAddress { .ip(.v4(0x0a00_0001 + UInt32(index)), port: port) }
    static func id(_ index: Int) -> NodeID { NodeID(UInt64(100 + index)) }

    var random: SplitMix64 {
        get { generator }
        set { generator = newValue }
    }

    func random(below limit: Int) -> Int { Int(generator.next() % UInt64(max(1, limit))) }

    func settings(_ index: Int) -> GossipSettings {
        let identity = members[index].identity
        let others = members.indices.filter { $0 != identity && members[$0].identity == $0 }
        let peers = others.map { GossipPeer(id: Self.id($0), name: "node\($0)", address: Self.address($0)) }
        var settings = GossipSettings(cluster: 7, node: Self.id(identity), peers: peers, configuration: 1)
        configure(&settings)
        return settings
    }

    /// Starts a node, with what it has stored unless `isForgetful`.
    func start(_ index: Int, isForgetful: Bool = false) {
        if isForgetful { members[index].memory = GossipMemory() }
        members[index].inbox = []
        members[index].isPaused = false
        members[index].runs += 1
        var outputs = GossipOutputs()
        let passed = UInt64(GossipWorld.start.duration(to: now).wholeMilliseconds)
        var core = GossipNode(
            settings(index), ring: members[index].ring, memory: members[index].memory, seal: seal, random: SplitMix64(seed: generator.next()),
            wallMilliseconds: walls[index] + passed, now: now, into: &outputs)
        core.local(.configured(servers: servers, configuration: core.settings.configuration), now: now, into: &outputs)
        members[index].core = core
        drain(index, &outputs)
    }

    func startAll() { for index in members.indices { start(index) } }

    func crash(_ index: Int) { members[index].core = nil }

    func pause(_ index: Int) { members[index].isPaused = true }

    /// Lets a paused node run: it drains its socket before its timers.
    func resume(_ index: Int) {
        members[index].isPaused = false
        let waiting = members[index].inbox
        members[index].inbox = []
        for datagram in waiting { deliver(datagram, to: index) }
    }

    func dropInbox(_ index: Int) { members[index].inbox = [] }

    /// Makes a node believe to be another one.
    func impersonate(_ index: Int, as other: Int) { members[index].identity = other }

    func setRing(_ index: Int, _ ring: KeyRing) { members[index].ring = ring }

    func move(_ index: Int, to address: SocketAddress) { members[index].address = address }

    /// Does something with a node and carries out what it says.
    func with<Result>(_ index: Int, _ body: (inout GossipNode, Instant, inout GossipOutputs) throws -> Result) rethrows -> Result? {
        guard var core = members[index].core else { return nil }
        members[index].core = nil
        var outputs = GossipOutputs()
        defer {
            members[index].core = core
            drain(index, &outputs)
        }
        return try body(&core, now, &outputs)
    }

    func local(_ index: Int, _ event: GossipEvent) { with(index) { core, now, outputs in core.local(event, now: now, into: &outputs) } }

    func observe(_ index: Int, _ server: ServerID, _ finding: Finding, address: SocketAddress? = .ip(.v4(9), port: 3_306)) {
        local(index, .observed(server, Observation(finding, address: address)))
    }

    /// Puts any bytes in front of a node at once.
    func inject(_ bytes: [UInt8], from source: SocketAddress, to index: Int) {
        with(index) { core, now, outputs in core.receive(bytes[...], from: source, now: now, into: &outputs) }
    }

    /// Lets `duration` pass.
    func run(_ duration: Duration) {
        let end = now.advanced(by: duration)
        while let (at, step) = nextStep(), at <= end {
            now = max(now, at)
            step()
            invariant?(self)
        }
        now = end
    }

    private func nextStep() -> (Instant, () -> Void)? {
        var best: (at: Instant, step: () -> Void)?
        func offer(_ at: Instant, _ step: @escaping () -> Void) {
            guard best.map({ at < $0.at }) ?? true else { return }
            best = (at, step)
        }
        if let first = deliveries.first { offer(first.at) { self.arrive(self.deliveries.removeFirst().datagram) } }
        if let due = checks.indices.min(by: { checks[$0].at < checks[$1].at }) {
            offer(checks[due].at) {
                let (_, node, server) = self.checks.remove(at: due)
                if let observation = self.check?(node, server) { self.local(node, .observed(server, observation)) }
            }
        }
        for index in members.indices where !members[index].isPaused {
            guard let deadline = members[index].core?.nextDeadline else { continue }
            offer(deadline) { self.with(index) { core, now, outputs in core.tick(now: now, into: &outputs) } }
        }
        return best
    }

    private func arrive(_ datagram: Datagram) {
        for index in members.indices where members[index].address == datagram.target {
            guard !network.blocked.contains(where: { $0.from == datagram.sender && $0.to == index }) else { continue }
            if members[index].isPaused { members[index].inbox.append(datagram) } else { deliver(datagram, to: index) }
        }
    }

    private func deliver(_ datagram: Datagram, to index: Int) {
        with(index) { core, now, outputs in core.receive(datagram.bytes[...], from: datagram.source, now: now, into: &outputs) }
    }

    private func drain(_ index: Int, _ outputs: inout GossipOutputs) {
        for output in outputs.list {
            switch output {
            case .send(let range, let target):
                let datagram = Datagram(bytes: Array(outputs.bytes[range]), source: members[index].address, target: target, sender: index)
                members[index].sentBytes += datagram.bytes.count + 28
                members[index].sentDatagrams += 1
                history.append(datagram)
                post(datagram)
            case .persist(.session(let session)):
                members[index].memory.session = session
                members[index].log.append((now, output))
            case .persist(.administrative(let row)):
                members[index].memory.administrative.removeAll { $0.server == row.server }
                members[index].memory.administrative.append(row)
            case .requestCheck(let server):
                members[index].log.append((now, output))
                if check != nil { checks.append((now.advanced(by: .milliseconds(1)), index, server)) }
            case .verdictChanged, .administrativeChanged, .peerChanged, .leaseChanged, .leaseGranted, .alert:
                members[index].log.append((now, output))
            }
        }
    }

    /// Sends a datagram through the network.
    func post(_ datagram: Datagram) {
        guard random(below: 100) >= network.loss else { return }
        let copies = random(below: 100) < network.duplicates ? 2 : 1
        for _ in 0..<copies {
            let spread = network.delayMax.wholeNanoseconds - network.delayMin.wholeNanoseconds
            let delay = network.delayMin + .nanoseconds(Int64(random(below: Int(spread) + 1)))
            sentCount += 1
            let delivery = Delivery(at: now.advanced(by: delay), number: sentCount, datagram: datagram)
            let index = deliveries.firstIndex { $0.at > delivery.at } ?? deliveries.count
            deliveries.insert(delivery, at: index)
        }
    }
}

extension GossipWorld {
    func state(of peer: Int, at index: Int) -> PeerState? { members[index].core?.state(of: Self.id(peer)) }

    func verdict(_ server: ServerID, at index: Int) -> ServerVerdict? { members[index].core?.verdict(of: server) }

    var allAlive: Bool {
        members.indices.allSatisfy { one in members.indices.allSatisfy { $0 == one || state(of: $0, at: one) == .alive } }
    }

    var tablesAreEqual: Bool { Set(members.compactMap { $0.core?.tables.hash }).count == 1 }

    func alerts(_ index: Int) -> [GossipAlert] {
        members[index].log.compactMap { if case .alert(let alert) = $0.output { alert } else { nil } }
    }

    func peerChanges(_ index: Int, of peer: Int) -> [(at: Instant, state: PeerState)] {
        members[index].log.compactMap {
            if case .peerChanged(GossipWorld.id(peer), let state, _) = $0.output { ($0.at, state) } else { nil }
        }
    }

    /// When a node said that of a server, last.
    func lastVerdict(_ server: ServerID, at index: Int) -> (at: Instant, verdict: ServerVerdict)? {
        members[index].log.last { if case .verdictChanged(server, _) = $0.output { true } else { false } }.flatMap {
            if case .verdictChanged(_, let verdict) = $0.output { ($0.at, verdict) } else { nil }
        }
    }

    func requestedChecks(_ index: Int) -> [Instant] {
        members[index].log.compactMap { if case .requestCheck = $0.output { $0.at } else { nil } }
    }

    /// Shuts everything between the two groups off.
    func partition(_ left: [Int], _ right: [Int]) {
        for one in left { for other in right { network.blocked += [(one, other), (other, one)] } }
    }

    func heal() { network.blocked = [] }
}
