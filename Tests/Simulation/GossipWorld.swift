import Gossip
import Support
import Wire

/// A few nodes and a network that behaves as told, in virtual time, all from one seed.
///
/// The tests of `GossipTests` tell it what to do step by step; the simulator draws faults for it and watches every event as its `probe`.
package final class GossipWorld {
    /// What the network does to datagrams.
    package struct Network {
        /// Per cent that get lost.
        package var loss = 0
        /// The same for what single nodes send, in their order; empty for all alike.
        package var lossOfSender: [Int] = []
        /// Per cent that come twice.
        package var duplicates = 0
        /// Per cent of which a bit is turned.
        package var bitFlips = 0
        /// Per cent that are cut.
        package var truncations = 0
        /// On the way, at least.
        package var delayMin = Duration.microseconds(200)
        /// On the way, at most.
        package var delayMax = Duration.microseconds(400)
        /// Pairs (from, to) of nodes that nothing passes between.
        package var blocked: [(from: Int, to: Int)] = []

        /// Nothing goes wrong.
        package init() {}
    }

    /// A datagram on its way.
    package struct Datagram {
        /// Whole, header and tag included.
        package let bytes: [UInt8]
        /// Where the receiver sees it come from.
        package let source: SocketAddress
        /// Where it goes.
        package let target: SocketAddress
        /// Which member sent it.
        package let sender: Int

        /// A datagram from its parts.
        package init(bytes: [UInt8], source: SocketAddress, target: SocketAddress, sender: Int) {
            (self.bytes, self.source, self.target, self.sender) = (bytes, source, target, sender)
        }
    }

    /// What a node was given.
    package enum Input {
        /// It was started.
        case start
        /// A datagram came.
        case datagram(Datagram)
        /// Something happened on it.
        case local(GossipEvent)
        /// Its deadline came.
        case tick
        /// A command that is no event: keys, operators.
        case command
    }

    private enum Event {
        case arrival(Datagram)
        case check(node: Int, ServerID)
        case action(() -> Void)
    }

    /// What is kept for tests to look at.
    package enum Keeping {
        /// Every datagram and every output.
        case everything
        /// The last datagrams, this many, and no outputs.
        case datagrams(Int)
    }

    /// The first instant.
    package static let start = Instant(nanoseconds: 1_000_000_000)
    /// Datagrams that wait in a paused node's socket.
    package static let inboxMax = 256

    /// Virtual time.
    package private(set) var now = GossipWorld.start
    /// All nodes, impostors included.
    package private(set) var members: [Member] = []
    /// How the network behaves.
    package var network = Network()
    /// Wall time at the start, per node.
    package var walls: [UInt64]
    /// What all nodes seal with.
    package let seal: NullSeal
    /// Datagrams sent, as far as they are kept.
    package private(set) var history: [Datagram] = []
    private var historyNext = 0
    /// When each member's node wants its next tick; the end of time for one that does not run.
    private var deadlines: [Instant]
    private static let never = Instant(nanoseconds: .max)
    private let keeping: Keeping
    private var generator: SplitMix64
    private var queue = EventQueue<Event>()
    private let configure: (inout GossipSettings) -> Void
    private var outputs = GossipOutputs()
    /// Called after every event.
    package var invariant: ((GossipWorld) -> Void)?
    /// Sees every input of every node, before and after. It outlives the world's running: a weak reference would cost more than most inputs.
    package unowned var probe: (any WorldProbe)?
    /// Checks asked for are answered like this after 1 ms; `nil` leaves them.
    package var check: ((Int, ServerID) -> Observation?)?
    /// What the nodes are configured to check at their start.
    package let servers: [GossipServer]

    /// A world of `nodes` that have not started.
    package init(
        nodes: Int, seed: UInt64 = 1, servers: [GossipServer] = [], keeping: Keeping = .everything, seal: NullSeal = NullSeal(),
        configure: @escaping (inout GossipSettings) -> Void = { _ in }
    ) throws {
        generator = SplitMix64(seed: seed)
        deadlines = Array(repeating: GossipWorld.never, count: nodes)
        walls = Array(repeating: 1_700_000_000_000, count: nodes)
        self.configure = configure
        self.servers = servers
        self.keeping = keeping
        self.seal = seal
        let key = try GossipWorld.key(1, seal)
        for index in 0..<nodes {
            members.append(Member(address: GossipWorld.address(index), identity: index, ring: KeyRing([key]), servers: servers))
        }
    }

    /// A ring key by number.
    package static func key(_ number: UInt64, _ seal: NullSeal) throws -> KeyRing.Key { try KeyRing.key(Bytes32(number, 2, 3, 4), seal) }
    /// Where a node is at first.
    package static func address(_ index: Int, port: UInt16 = 7_946) -> SocketAddress { .ip(.v4(0x0a00_0001 + UInt32(index)), port: port) }
    /// A node's id.
    package static func id(_ index: Int) -> NodeID { NodeID(UInt64(100 + index)) }

    /// Where all chance comes from.
    package var random: SplitMix64 {
        get { generator }
        set { generator = newValue }
    }

    /// A number in 0..<limit.
    package func random(below limit: Int) -> Int { Int(generator.next() % UInt64(max(1, limit))) }

    /// What the node at `index` is configured with.
    package func settings(_ index: Int) -> GossipSettings {
        let identity = members[index].identity
        let others = members.indices.filter { $0 != identity && members[$0].identity == $0 }
        let peers = others.map { GossipPeer(id: Self.id($0), name: "node\($0)", address: Self.address($0)) }
        var settings = GossipSettings(cluster: 7, node: Self.id(identity), peers: peers, configuration: 1)
        configure(&settings)
        if let rules = members[index].rules { settings.rules = rules }
        return settings
    }
}

/// Sees every input of every node.
package protocol WorldProbe: AnyObject {
    /// A node is about to take `input`.
    func willTake(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld)
    /// It has, and has said `outputs`; nothing of it has been carried out.
    func hasTaken(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld)
}

extension GossipWorld {
    /// Starts a node, with what it has stored unless `isForgetful`.
    package func start(_ index: Int, isForgetful: Bool = false) {
        if isForgetful { members[index].memory = GossipMemory() }
        members[index].inbox = []
        members[index].isPaused = false
        members[index].runs += 1
        probe?.willTake(.start, at: index, in: self)
        var outputs = GossipOutputs()
        var core = GossipNode(
            settings(index), ring: members[index].ring, memory: members[index].memory, seal: seal, random: SplitMix64(seed: generator.next()),
            wallMilliseconds: wall(index), now: now, into: &outputs)
        core.local(.configured(servers: members[index].servers, configuration: core.settings.configuration), now: now, into: &outputs)
        (members[index].core, deadlines[index]) = (core, core.nextDeadline)
        finish(.start, index, members[index], outputs, probe)
    }

    /// What a node's wall clock shows.
    package func wall(_ index: Int) -> UInt64 { walls[index] + UInt64(GossipWorld.start.duration(to: now).wholeMilliseconds) }

    /// Starts all.
    package func startAll() { for index in members.indices { start(index) } }

    /// Ends a node without a word.
    package func crash(_ index: Int) {
        members[index].core = nil
        deadlines[index] = GossipWorld.never
    }

    /// Stops a node.
    package func pause(_ index: Int) { members[index].isPaused = true }

    /// Lets a paused node run: it drains its socket before its timers.
    package func resume(_ index: Int) {
        members[index].isPaused = false
        let waiting = members[index].inbox
        members[index].inbox = []
        for datagram in waiting { deliver(datagram, to: index) }
    }

    /// Throws away what waits.
    package func dropInbox(_ index: Int) { members[index].inbox = [] }

    /// Makes a node believe to be another one.
    package func impersonate(_ index: Int, as other: Int) { members[index].identity = other }

    /// Writes a node's key file.
    package func setRing(_ index: Int, _ ring: KeyRing) { members[index].ring = ring }

    /// Gives a node another address.
    package func move(_ index: Int, to address: SocketAddress) { members[index].address = address }

    /// Does something with a node and carries out what it says; `nil` when it does not run.
    package func with<Result>(_ index: Int, _ body: (inout GossipNode, Instant, inout GossipOutputs) throws -> Result) rethrows -> Result? {
        try take(.command, index, body)
    }

    /// Tells a node of something.
    package func local(_ index: Int, _ event: GossipEvent) {
        take(.local(event), index) { core, now, outputs in core.local(event, now: now, into: &outputs) }
    }

    /// Lets a node look at a server.
    package func observe(_ index: Int, _ server: ServerID, _ finding: Finding, address: SocketAddress? = .ip(.v4(9), port: 3_306)) {
        local(index, .observed(server, Observation(finding, address: address)))
    }

    /// Puts any bytes in front of a node at once.
    package func inject(_ bytes: [UInt8], from source: SocketAddress, to index: Int) {
        deliver(Datagram(bytes: bytes, source: source, target: members[index].address, sender: index), to: index)
    }

    /// Lets something happen later.
    package func schedule(after pause: Duration, _ action: @escaping () -> Void) { queue.push(.action(action), at: now.advanced(by: pause)) }

    /// Lets `duration` pass.
    package func run(_ duration: Duration) { run(until: now.advanced(by: duration)) { _ in false } }

    /// Lets time pass until `end`, or until `isEnough` says so after an event; says when that was.
    @discardableResult
    package func run(until end: Instant, _ isEnough: (GossipWorld) -> Bool) -> Instant? {
        while step(until: end) {
            invariant?(self)
            if isEnough(self) { return now }
        }
        now = max(now, end)
        return nil
    }

    /// The next event: datagrams before timers of one instant. False when there is none until `end`.
    private func step(until end: Instant) -> Bool {
        var (first, soonest): (Int?, Instant) = (nil, queue.nextAt ?? Instant(nanoseconds: end.nanoseconds + 1))
        for index in deadlines.indices where deadlines[index].nanoseconds < soonest.nanoseconds && !members[index].isPaused {
            (first, soonest) = (index, deadlines[index])
        }
        guard soonest <= end else { return false }
        now = max(now, soonest)
        if let first {
            take(.tick, first) { core, now, outputs in core.tick(now: now, into: &outputs) }
            return true
        }
        switch queue.pop() {
        case .arrival(let datagram)?: arrive(datagram)
        case .check(let node, let server)?: if let observation = check?(node, server) { local(node, .observed(server, observation)) }
        case .action(let action)?: action()
        case nil: return false
        }
        return true
    }

    private func arrive(_ datagram: Datagram) {
        for (index, member) in members.enumerated() where member.address == datagram.target {
            guard network.blocked.isEmpty || !network.blocked.contains(where: { $0.from == datagram.sender && $0.to == index }) else { continue }
            if !member.isPaused {
                deliver(datagram, to: index)
            } else if member.inbox.count < GossipWorld.inboxMax {
                member.inbox.append(datagram)
            }
        }
    }

    private func deliver(_ datagram: Datagram, to index: Int) {
        take(.datagram(datagram), index) { core, now, outputs in core.receive(datagram.bytes[...], from: datagram.source, now: now, into: &outputs) }
    }

    @discardableResult
    private func take<Result>(_ input: Input, _ index: Int, _ body: (inout GossipNode, Instant, inout GossipOutputs) throws -> Result) rethrows -> Result? {
        let member = members[index]
        guard deadlines[index] < GossipWorld.never else { return nil }
        let probe = probe
        probe?.willTake(input, at: index, in: self)
        // Out of the world while it is filled: what is done with the outputs may change anything in it.
        var outputs = GossipOutputs()
        swap(&outputs, &self.outputs)
        defer {
            finish(input, index, member, outputs, probe)
            outputs.removeAll()
            swap(&outputs, &self.outputs)
        }
        var deadline = GossipWorld.never
        defer { deadlines[index] = deadline }
        return try member.feed(&deadline) { core in try body(&core, now, &outputs) }
    }

    private func finish(_ input: Input, _ index: Int, _ member: Member, _ outputs: GossipOutputs, _ probe: (any WorldProbe)?) {
        probe?.hasTaken(input, at: index, outputs: outputs, in: self)
        for output in outputs.list { carryOut(output, of: member, index, outputs) }
    }

    private func carryOut(_ output: GossipOutput, of member: Member, _ index: Int, _ outputs: GossipOutputs) {
        switch output {
        case .send(let range, let target):
            let datagram = Datagram(bytes: Array(outputs.bytes[range]), source: member.address, target: target, sender: index)
            member.sentBytes += datagram.bytes.count + 28
            member.sentDatagrams += 1
            keep(datagram)
            post(datagram)
            return
        case .persist(.session(let session)):
            member.memory.session = session
        case .persist(.administrative(let row)):
            member.memory.administrative.removeAll { $0.server == row.server }
            member.memory.administrative.append(row)
        case .requestCheck(let server):
            if check != nil { queue.push(.check(node: index, server), at: now.advanced(by: .milliseconds(1))) }
        case .verdictChanged, .administrativeChanged, .peerChanged, .leaseChanged, .leaseGranted, .ballotChanged, .alert:
            break
        }
        if case .everything = keeping { member.log.append((now, output)) }
    }

    private func keep(_ datagram: Datagram) {
        switch keeping {
        case .everything:
            history.append(datagram)
        case .datagrams(let limit) where history.count < limit:
            history.append(datagram)
        case .datagrams(let limit):
            guard limit > 0 else { return }
            history[historyNext] = datagram
            historyNext = (historyNext + 1) % limit
        }
    }

    /// Sends a datagram through the network.
    package func post(_ datagram: Datagram) {
        let loss = network.lossOfSender.isEmpty ? network.loss : network.lossOfSender[datagram.sender]
        guard loss == 0 || random(below: 100) >= loss else { return }
        let copies = network.duplicates > 0 && random(below: 100) < network.duplicates ? 2 : 1
        for _ in 0..<copies {
            let spread = network.delayMax.wholeNanoseconds - network.delayMin.wholeNanoseconds
            let delay = network.delayMin + .nanoseconds(Int64(random(below: Int(spread) + 1)))
            queue.push(.arrival(damaged(datagram)), at: now.advanced(by: delay))
        }
    }

    private func damaged(_ datagram: Datagram) -> Datagram {
        guard network.bitFlips + network.truncations > 0 else { return datagram }
        let chance = random(below: 100)
        guard chance < network.bitFlips + network.truncations else { return datagram }
        var bytes = datagram.bytes
        if chance < network.bitFlips {
            bytes[random(below: bytes.count)] ^= UInt8(1 << random(below: 8))
        } else {
            bytes.removeLast(random(below: bytes.count))
        }
        return Datagram(bytes: bytes, source: datagram.source, target: datagram.target, sender: datagram.sender)
    }
}
