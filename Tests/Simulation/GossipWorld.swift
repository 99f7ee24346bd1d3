import Gossip
import Support
import Wire

/// A few nodes and a simulated network in virtual time, reproducible from one seed.
///
/// The tests of `GossipTests` drive it step by step. The simulator draws faults for it and observes every event as its `probe`.
package final class GossipWorld {
    /// The network's treatment of datagrams.
    package struct Network {
        /// The percentage of lost datagrams.
        package var loss = 0
        /// The same per sending node, in the order of the nodes; empty when all are alike.
        package var lossOfSender: [Int] = []
        /// The percentage of duplicated datagrams.
        package var duplicates = 0
        /// The percentage of datagrams with a flipped bit.
        package var bitFlips = 0
        /// The percentage of truncated datagrams.
        package var truncations = 0
        /// The shortest delay.
        package var delayMin = Duration.microseconds(200)
        /// The longest delay.
        package var delayMax = Duration.microseconds(400)
        /// Pairs (from, to) of nodes whose datagrams are dropped.
        package var blocked: [(from: Int, to: Int)] = []

        /// Creates a network without faults.
        package init() {}
    }

    /// A datagram in transit.
    package struct Datagram {
        /// The whole datagram, with header and tag.
        package let bytes: [UInt8]
        /// The source address that the receiver sees.
        package let source: SocketAddress
        /// The destination address.
        package let target: SocketAddress
        /// The index of the sending member.
        package let sender: Int

        /// Creates a datagram from its parts.
        package init(bytes: [UInt8], source: SocketAddress, target: SocketAddress, sender: Int) {
            (self.bytes, self.source, self.target, self.sender) = (bytes, source, target, sender)
        }
    }

    /// An input of a node.
    package enum Input {
        /// The start of the node.
        case start
        /// A received datagram.
        case datagram(Datagram)
        /// A local event.
        case local(GossipEvent)
        /// A tick at the node's deadline.
        case tick
        /// A direct call: keys, operators' commands.
        case command
    }

    private enum Event {
        case arrival(Datagram)
        case check(node: Int, ServerID)
        case action(() -> Void)
    }

    /// The records that the world keeps for tests.
    package enum Keeping {
        /// All datagrams and outputs.
        case everything
        /// This number of latest datagrams, and no outputs.
        case datagrams(Int)
    }

    /// The first instant of virtual time.
    package static let start = Instant(nanoseconds: 1_000_000_000)
    /// The limit on datagrams that wait in a paused node's socket.
    package static let inboxMax = 256

    /// The current virtual time.
    package private(set) var now = GossipWorld.start
    /// All nodes, including impostors.
    package private(set) var members: [Member] = []
    /// The state of the network.
    package var network = Network()
    /// Wall time at the start, per node, in UNIX milliseconds.
    package var walls: [UInt64]
    /// The seal of all nodes.
    package let seal: NullSeal
    /// The recorded datagrams.
    package private(set) var history: [Datagram] = []
    private var historyNext = 0
    /// When each member's node wants its next tick; `never` for a node that does not run.
    private var deadlines: [Instant]
    private static let never = Instant(nanoseconds: .max)
    private let keeping: Keeping
    private var generator: SplitMix64
    private var queue = EventQueue<Event>()
    private let configure: (inout GossipSettings) -> Void
    private var outputs = GossipOutputs()
    /// Called after every event.
    package var invariant: ((GossipWorld) -> Void)?
    /// Observes every input of every node, before and after. It must outlive the run of the world: a weak reference would cost more than most inputs.
    package unowned var probe: (any WorldProbe)?
    /// Returns the result of a requested check, which ends 1 ms later, or `nil` for no result. Without the closure, requests are ignored.
    package var check: ((Int, ServerID) -> Observation?)?
    /// The servers that every node is configured with at its start.
    package let servers: [GossipServer]

    /// Creates a world of `nodes` that have not started.
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

    /// Creates a ring key from a number.
    package static func key(_ number: UInt64, _ seal: NullSeal) throws -> KeyRing.Key { try KeyRing.key(Bytes32(number, 2, 3, 4), seal) }
    /// The initial address of a node.
    package static func address(_ index: Int, port: UInt16 = 7_946) -> SocketAddress { .ip(.v4(0x0a00_0001 + UInt32(index)), port: port) }
    /// The identifier of a node.
    package static func id(_ index: Int) -> NodeID { NodeID(UInt64(100 + index)) }

    /// The source of all random numbers.
    package var random: SplitMix64 {
        get { generator }
        set { generator = newValue }
    }

    /// Draws a number from 0..<limit.
    package func random(below limit: Int) -> Int { Int(generator.next() % UInt64(max(1, limit))) }

    /// The settings of the node at `index`.
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

/// Observes every input of every node.
package protocol WorldProbe: AnyObject {
    /// Called before a node takes `input`.
    func willHandle(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld)
    /// Called after a node has taken `input`, before `outputs` are carried out.
    func didHandle(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld)
}

extension GossipWorld {
    /// Starts a node with its stored state, or without it when `losesStore`.
    package func start(_ index: Int, losesStore: Bool = false) {
        if losesStore { members[index].memory = GossipMemory() }
        members[index].inbox = []
        members[index].isPaused = false
        members[index].runs += 1
        probe?.willHandle(.start, at: index, in: self)
        var outputs = GossipOutputs()
        var core = GossipNode(
            settings(index), ring: members[index].ring, memory: members[index].memory, seal: seal, random: SplitMix64(seed: generator.next()),
            wallMilliseconds: wall(index), now: now, into: &outputs)
        core.local(.configured(servers: members[index].servers, configuration: core.settings.configuration), now: now, into: &outputs)
        (members[index].core, deadlines[index]) = (core, core.nextDeadline)
        finish(.start, index, members[index], outputs, probe)
    }

    /// The time on a node's wall clock, in UNIX milliseconds.
    package func wall(_ index: Int) -> UInt64 { walls[index] + UInt64(GossipWorld.start.duration(to: now).wholeMilliseconds) }

    /// Starts all nodes.
    package func startAll() { for index in members.indices { start(index) } }

    /// Ends a node without LEAVE.
    package func crash(_ index: Int) {
        members[index].core = nil
        deadlines[index] = GossipWorld.never
    }

    /// Suspends a node.
    package func pause(_ index: Int) { members[index].isPaused = true }

    /// Resumes a paused node. It reads its socket before its timers.
    package func resume(_ index: Int) {
        members[index].isPaused = false
        let waiting = members[index].inbox
        members[index].inbox = []
        for datagram in waiting { deliver(datagram, to: index) }
    }

    /// Drops the datagrams that wait for a paused node.
    package func dropInbox(_ index: Int) { members[index].inbox = [] }

    /// Gives a node the identity of another one.
    package func impersonate(_ index: Int, as other: Int) { members[index].identity = other }

    /// Replaces a node's key file.
    package func setRing(_ index: Int, _ ring: KeyRing) { members[index].ring = ring }

    /// Moves a node to another address.
    package func move(_ index: Int, to address: SocketAddress) { members[index].address = address }

    /// Calls `body` with a running node and carries out its outputs; `nil` when the node does not run.
    package func with<Result>(_ index: Int, _ body: (inout GossipNode, Instant, inout GossipOutputs) throws -> Result) rethrows -> Result? {
        try take(.command, index, body)
    }

    /// Passes an event to a node.
    package func local(_ index: Int, _ event: GossipEvent) {
        take(.local(event), index) { core, now, outputs in core.local(event, now: now, into: &outputs) }
    }

    /// Passes the result of a check to a node.
    package func observe(_ index: Int, _ server: ServerID, _ finding: Finding, address: SocketAddress? = .ip(.v4(9), port: 3_306)) {
        local(index, .observed(server, Observation(finding, address: address)))
    }

    /// Delivers arbitrary bytes to a node at once.
    package func inject(_ bytes: [UInt8], from source: SocketAddress, to index: Int) {
        deliver(Datagram(bytes: bytes, source: source, target: members[index].address, sender: index), to: index)
    }

    /// Schedules an action.
    package func schedule(after pause: Duration, _ action: @escaping () -> Void) { queue.push(.action(action), at: now.advanced(by: pause)) }

    /// Runs the world for `duration`.
    package func run(_ duration: Duration) { run(until: now.advanced(by: duration)) { _ in false } }

    /// Runs the world until `end`, or until `isEnough` is true after an event. Returns the time in the latter case.
    @discardableResult
    package func run(until end: Instant, _ isEnough: (GossipWorld) -> Bool) -> Instant? {
        while step(until: end) {
            invariant?(self)
            if isEnough(self) { return now }
        }
        now = max(now, end)
        return nil
    }

    /// Runs the next event; at one instant datagrams come before timers. Returns false when there is none until `end`.
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
        probe?.willHandle(input, at: index, in: self)
        // The outputs are moved out of the world while they are filled, because carrying them out may change the world.
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
        probe?.didHandle(input, at: index, outputs: outputs, in: self)
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
