import Gossip
import Simulation
import Support
import Wire

/// The settings of a run of a seed.
struct ScenarioSettings {
    var seed: UInt64
    var nodes: Int
    var rules = SafetyRules.all
    /// The number of faults drawn; each is followed by up to 0.7 s.
    var faults = 40
    /// Prints every input.
    var isTraced = false
}

/// The run of one seed: nodes, databases, faults and all checks.
final class Scenario: WorldProbe {
    /// The broken rule, and where it broke.
    struct Failure {
        let violation: Violation
        let step: Int
        let at: Instant
    }

    let settings: ScenarioSettings
    let world: GossipWorld
    var databases: Databases
    /// The address of each server as each node has it: addresses move, and nodes learn them one by one.
    var views: [[SocketAddress]]
    /// The interval between checks of a server.
    let checkInterval: Duration
    let seal = NullSeal()
    private var shadows: [NodeShadow?]
    var issued = IssuedRows()
    private(set) var failure: Failure?
    private(set) var steps = 0
    /// A hash of all outputs of all nodes.
    private(set) var trace: UInt64 = 0
    /// The pauses, which do not count as running time.
    var pausedSince: [Instant?]
    private var pausedTotal: [Duration]
    private var pauses: [Int]
    /// The index of another machine that uses node 1's name.
    var impostor: Int? { world.members.count > settings.nodes ? settings.nodes : nil }
    /// The number of commands issued before a node last lost its store; these may be lost.
    var lostCommands = 0
    private var checksUnderWay: Set<Int> = []
    /// Earlier states of the stores.
    var memories: [Int: GossipMemory] = [:]
    /// The state of the key rotation; `nil` when this seed has none.
    var rotation: Rotation?
    /// The number of requests for parts of the tables.
    private(set) var pulls = 0

    init(_ settings: ScenarioSettings) throws {
        self.settings = settings
        var random = SplitMix64(seed: settings.seed &* 0x9e37_79b9 &+ UInt64(settings.nodes))
        func draw(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        let servers = Scenario.servers(settings.nodes, draw)
        let hasImpostor = settings.nodes < 16 && draw(12) == 0
        let count = settings.nodes + (hasImpostor ? 1 : 0)
        let rules = settings.rules
        let rekey: UInt64 = draw(4) == 0 ? UInt64(60 + draw(200)) : 1 << 32
        world = try GossipWorld(nodes: count, seed: random.next(), servers: servers, keeping: .datagrams(512), seal: seal) {
            $0.rules = rules
            $0.rekeyDatagrams = rekey
            $0.leaseDuration = .seconds(20)
        }
        databases = Databases(servers)
        views = Array(repeating: databases.list.map(\.address), count: count)
        checkInterval = .milliseconds(300 + draw(1_700))
        shadows = Array(repeating: nil, count: count)
        pausedSince = Array(repeating: nil, count: count)
        pausedTotal = Array(repeating: .zero, count: count)
        pauses = Array(repeating: 0, count: count)
        if draw(3) == 0 { rotation = Rotation(old: try GossipWorld.key(1, seal), new: try GossipWorld.key(2, seal)) }
        if let impostor {
            world.impersonate(impostor, as: 1)
            issued.nodesWithoutStore.insert(GossipWorld.id(1))
            // Its own program accepts everything. The other nodes must reject what it sends.
            world.members[impostor].rules = rules.subtracting([.sessionHorizon, .stampHorizon])
        }
        (world.network.delayMin, world.network.delayMax) = (.microseconds(200), .microseconds(400 + draw(4) * 10_000))
        world.probe = self
    }

    private static func servers(_ nodes: Int, _ draw: (Int) -> Int) -> [GossipServer] {
        let policies: [VerdictPolicy] = [.own, .fastDown, .anyDown]
        return (0..<(nodes > 5 ? 2 : 2 + draw(5))).map { index in
            let proxy = index / 2
            let policy = policies[(draw(3) + proxy) % 3]
            return GossipServer(
                id: ServerID(UInt64(7 * index + 1)), name: "s\(index)", proxy: proxy, rise: 1 + draw(3), fall: 1 + draw(5), policy: policy, minUp: 1)
        }
    }

    var nodes: Range<Int> { 0..<settings.nodes }
    func draw(_ limit: Int) -> Int { world.random(below: limit) }

    func fail(_ violation: Violation) {
        if failure == nil { failure = Failure(violation: violation, step: steps, at: world.now) }
    }

    /// Runs the world for `duration`, unless a rule is broken.
    func run(_ duration: Duration) {
        guard failure == nil else { return }
        world.run(until: world.now.advanced(by: duration)) { _ in self.failure != nil }
    }
}

/// Starts, pauses and resumes nodes.
extension Scenario {
    func start(_ index: Int, losesStore: Bool = false) {
        endPause(index)
        world.start(index, losesStore: losesStore)
        for server in databases.list.indices { scheduleCheck(of: server, by: index) }
        for server in databases.list.indices { world.local(index, .addressChanged(databases[server].server.id, views[index][server])) }
    }

    func pause(_ index: Int) {
        guard world.members[index].core != nil, pausedSince[index] == nil else { return }
        pausedSince[index] = world.now
        pauses[index] += 1
        world.pause(index)
    }

    private func endPause(_ index: Int) {
        guard let since = pausedSince[index] else { return }
        pausedTotal[index] += since.duration(to: world.now)
        pausedSince[index] = nil
    }

    func resume(_ index: Int, losesInbox: Bool) {
        endPause(index)
        if losesInbox { world.dropInbox(index) }
        world.resume(index)
    }

    /// Schedules checks: the first after a random time, then one per interval until the node's run ends.
    private func scheduleCheck(of server: Int, by index: Int) {
        let run = world.members[index].runs
        world.schedule(after: .milliseconds(draw(Int(checkInterval.wholeMilliseconds)))) { [weak self] in self?.checkRegularly(server, by: index, run: run) }
    }

    private func checkRegularly(_ server: Int, by index: Int, run: Int) {
        guard world.members[index].runs == run, world.members[index].core != nil else { return }
        check(server, by: index)
        world.schedule(after: checkInterval) { [weak self] in self?.checkRegularly(server, by: index, run: run) }
    }

    private func check(_ server: Int, by index: Int) {
        let (run, name) = (world.members[index].runs, index * 64 + server)
        guard !checksUnderWay.contains(name), world.members[index].servers.contains(where: { $0.id == databases[server].server.id }) else { return }
        checksUnderWay.insert(name)
        let (observation, after) = databases.check(server, by: index, at: views[index][server]) { draw($0) }
        world.schedule(after: after) { [weak self] in self?.endCheck(server, observation, by: index, run: run) }
    }

    private func endCheck(_ server: Int, _ observation: Observation, by index: Int, run: Int) {
        guard world.members[index].runs == run, !world.members[index].isPaused else {
            if world.members[index].isPaused, world.members[index].runs == run {
                world.schedule(after: .milliseconds(20)) { [weak self] in self?.endCheck(server, observation, by: index, run: run) }
            } else {
                checksUnderWay.remove(index * 64 + server)
            }
            return
        }
        checksUnderWay.remove(index * 64 + server)
        world.local(index, .observed(databases[server].server.id, observation))
    }
}

/// Checks every input.
extension Scenario {
    func willHandle(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld) {
        guard let core = world.members[index].core else { return }
        shadows[index]?.willHandle(input, core, now: world.now)
    }

    func didHandle(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld) {
        guard let core = world.members[index].core, failure == nil else { return }
        steps += 1
        record(input, index, outputs)
        if case .start = input {
            shadows[index] = makeShadow(core, index)
            if let violation = shadows[index]?.begin(core, &issued) { fail(violation, index) }
            return
        }
        let running = NodeShadow.RunningTime(now: world.now.advanced(by: pausedTotal[index] * -1), pauses: pauses[index])
        if let violation = shadows[index]?.didHandle(input, core, outputs, now: world.now, running: running, seal: seal, &issued) { fail(violation, index) }
        if seal.reuses > 0 { fail(Violation("S5", "a key and sequence number were used twice"), index) }
        for case .requestCheck(let server) in outputs.list { if let number = databases.index(server) { check(number, by: index) } }
    }

    private func fail(_ violation: Violation, _ index: Int) { fail(Violation(violation.rule, "node \(index): \(violation.text)")) }

    private func makeShadow(_ core: GossipNode, _ index: Int) -> NodeShadow {
        let servers = world.members[index].servers
        var twin: GossipNode?
        if settings.nodes < 16, world.servers.contains(where: { $0.policy == .own }) {
            var alone = core.settings
            alone.peers = []
            var outputs = GossipOutputs()
            var node = GossipNode(
                alone, ring: core.ring, memory: GossipMemory(), seal: seal, random: SplitMix64(seed: 1), wallMilliseconds: 1, now: world.now, into: &outputs)
            node.local(.configured(servers: servers, configuration: 1), now: world.now, into: &outputs)
            twin = node
        }
        return NodeShadow(id: core.settings.node, nodes: core.settings.peers.map(\.id) + [core.settings.node], servers: servers, twin: twin)
    }

    private func record(_ input: GossipWorld.Input, _ index: Int, _ outputs: GossipOutputs) {
        var words = [UInt64(bitPattern: world.now.nanoseconds), UInt64(index), UInt64(outputs.list.count)]
        var hash = trace
        outputs.bytes.withUnsafeBytes { bytes in
            var offset = 0
            while offset + 8 <= bytes.count {
                hash = (hash ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x9e37_79b9_7f4a_7c15
                offset += 8
            }
        }
        for case .datagram(let datagram) in [input] {
            words.append(UInt64(datagram.bytes.count))
            if datagram.bytes.count > 3, datagram.bytes[3] == DatagramKind.pull.rawValue { pulls += 1 }
        }
        for word in words {
            hash = (hash ^ word) &* 0x9e37_79b9_7f4a_7c15
            hash ^= hash >> 29
        }
        trace = hash
        if settings.isTraced {
            print("\(steps) \(world.now.seconds) node \(index): \(describe(input)) -> \(outputs.list.map(describe).joined(separator: ", "))")
        }
    }

    private func describe(_ input: GossipWorld.Input) -> String {
        switch input {
        case .start: "start"
        case .tick: "tick"
        case .command: "command"
        case .local(let event): "\(event)"
        case .datagram(let datagram):
            (try? Header(datagram.bytes[...])).map { "\($0.kind) \($0.sequence) of \($0.sender.number)/\($0.senderSession)" } ?? "\(datagram.bytes.count) bytes"
        }
    }

    private func describe(_ output: GossipOutput) -> String {
        if case .send(let range, let address) = output { return "send \(range.count) to \(address)" }
        return "\(output)"
    }
}
