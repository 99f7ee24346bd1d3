import Gossip
import Simulation
import Support
import Testing
import Wire

@testable import NodeAgent
import Proxy

/// Nodes, databases and operators with random events from one seed. After every event all nodes' registries and cores must agree.
private final class BridgeHistory: WorldProbe {
    /// The possible findings of a check.
    private static let findings: [CheckResult] = [
        CheckResult(status: .layer7OK, duration: .milliseconds(1)),
        CheckResult(status: .layer4ConnectionProblem, info: "Connection refused", duration: .milliseconds(1)),
        CheckResult(status: .layer4Timeout, duration: .seconds(1), fault: .noResponse),
        CheckResult(status: .layer7WrongStatus, code: 1040, info: "Too many connections", refusal: .full, duration: .milliseconds(1)),
        CheckResult(status: .layer7WrongStatus, code: 1129, info: "Host is blocked", refusal: .hostRefused, duration: .milliseconds(1)),
        CheckResult(status: .layer7WrongStatus, code: 1045, info: "Access denied", refusal: .userRefused, duration: .milliseconds(1)),
        CheckResult(status: .socketError, info: "EMFILE", duration: .zero, fault: .node),
    ]
    private static let states: [Proxy.AdministrativeState] = [.ready, .ready, .ready, .drain, .maint]

    private let world: GossipWorld
    private let plan: GossipPlan
    private let backends: [Backend]
    private var nodes: [BridgedNode] = []
    /// The true condition of every database, by its index in the plan.
    private var truths: [CheckResult]
    /// The address of every database.
    private var homes: [SocketAddress]
    /// A node has sent or received a change since the last `look`.
    private var isNews = false
    /// The latest events, for a failure's report.
    private var journal: [String] = []
    private(set) var failure: String?

    init(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        func draw(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
        let seal = NullSeal()
        let (nodesCount, policy) = (2 + draw(2), ["own", "fast-down", "any-down"][draw(3)])
        var lines = ["defaults", "timeout connect 1s", "timeout client 1s", "timeout server 1s"]
        for (proxy, count) in [("mysql", 3 + draw(2)), ("other", 2)] {
            lines += ["listen \(proxy)", "bind 127.0.0.1:\(10 + lines.count)"]
            for server in 0..<count {
                let check = draw(8) == 0 ? "" : "check rise \(1 + draw(3)) fall \(1 + draw(4))"
                lines.append("server read\(server) 10.1.0.0:3306 \(check)\(draw(12) == 0 ? " disabled" : "")\(draw(12) == 0 ? " weight 0" : "")")
            }
        }
        lines += ["gossip tsukada", "policy \(policy)", "min-up \(policy == "any-down" ? 1 + draw(2) : draw(3))"]
        lines += (0..<nodesCount).map { "node node\($0) 127.0.0.1:\(7_941 + $0)" }
        let (configuration, diagnostics) = Configuration.read(lines.joined(separator: "\n") + "\n")
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        backends = configuration.backends
        plan = try GossipPlan(
            try #require(configuration.gossip), node: "node0", backends: backends, addresses: (0..<nodesCount).map { GossipWorld.address($0) }, seal: seal)
        truths = Array(repeating: Self.findings[0], count: plan.references.count)
        homes = Array(repeating: .ip(.v4(0x0a01_0000), port: 3_306), count: plan.references.count)
        world = try GossipWorld(nodes: nodesCount, seed: random.next(), servers: plan.servers, keeping: .datagrams(0), seal: seal)
        world.probe = self
        world.invariant = { [unowned self] _ in if isNews { look() } }
        for index in 0..<nodesCount { nodes.append(BridgedNode(plan, backends, index: index, world: world)) }
        for index in 0..<nodesCount { start(index) }
        checkAll()
        run(.milliseconds(draw(1_000)))
    }

    func willHandle(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld) {}

    func didHandle(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld) {
        for output in outputs.list {
            switch output {
            case .requestCheck, .verdictChanged, .administrativeChanged, .peerChanged:
                note("node\(index) returns \(output)")
                isNews = true
            case .send, .leaseChanged, .leaseGranted, .ballotChanged, .persist, .alert: break
            }
        }
        if case .local = input { isNews = true }
        nodes[index].take(outputs.list, of: input)
    }

    private func draw(_ limit: Int) -> Int { world.random(below: limit) }

    private func note(_ text: @autoclosure () -> String) {
        journal.append("\(GossipWorld.start.duration(to: world.now)): \(text())")
        if journal.count > 40 { journal.removeFirst() }
    }

    private func look() {
        guard failure == nil else { return }
        isNews = false
        for (index, node) in nodes.enumerated() {
            guard let disagreement = node.disagreement(now: world.now) else { continue }
            failure = (journal + ["node\(index): \(disagreement)"]).joined(separator: "\n")
            return
        }
    }

    private func run(_ duration: Duration) {
        look()
        world.run(until: world.now.advanced(by: duration)) { _ in self.failure != nil }
    }

    /// Starts the process: its registry is lost, and its core keeps what is stored.
    private func start(_ index: Int, losesStore: Bool = false) {
        note("node\(index) starts")
        let node = BridgedNode(plan, backends, index: index, world: world)
        node.answer = { [unowned self] in result(of: $0) }
        nodes[index] = node
        world.start(index, losesStore: losesStore)
        node.open()
    }
}

// MARK: - Random events

extension BridgeHistory {
    /// The finding of a check: mostly the server's true condition, sometimes a finding of this node alone.
    private func result(of server: ServerReference) -> CheckResult {
        let result = draw(5) == 0 ? Self.findings[draw(Self.findings.count)] : truths[plan.references.firstIndex(of: server) ?? 0]
        note("a check of \(server) finds \(result.status.name) \(result.code)")
        return result
    }

    /// Performs one random event, then lets time pass.
    func step() {
        guard failure == nil else { return }
        let index = draw(nodes.count)
        let (node, place) = (nodes[index], draw(plan.references.count))
        let server = plan.references[place]
        switch draw(24) {
        case 0...4:
            node.check(server, result(of: server))
        case 5...9:
            for node in nodes { node.check(server, result(of: server)) }
        case 10...13:
            truths[place] = Self.findings[draw(2) == 0 ? draw(2) : draw(Self.findings.count)]
            note("\(server) is \(truths[place].status.name) \(truths[place].code)")
        case 14:
            note("node\(index) cannot connect to \(server)")
            node.servers.connectFailed(draw(2) == 0 ? ConnectFailure.responded : .noResponse, consecutive: draw(20), of: server)
        case 15...17:
            operate(node, server)
        case 18...20:
            resolve(node, place)
        case 21:
            restart(index)
        default:
            disturb(index)
        }
        run(.milliseconds(draw(4) == 0 ? draw(1_500) : draw(150)))
    }

    /// All nodes check all servers and find their true condition.
    private func checkAll() {
        for node in nodes { for (server, truth) in zip(plan.references, truths) { node.check(server, truth) } }
    }

    private func operate(_ node: BridgedNode, _ server: ServerReference) {
        let (state, weight) = (Self.states[draw(Self.states.count)], [0, 1, 1, 7][draw(4)])
        let spread = ClusterCommandOptions(duration: state != .ready && draw(2) == 0 ? .milliseconds(500 + draw(3_000)) : nil, isForced: draw(3) == 0)
        note("\(server): one of: an operator's \(state) (\(spread)), an operator's weight \(weight), a check's fitness")
        switch draw(7) {
        case 0, 1: node.administer(server, state)
        case 2: node.apply(.setWeight(weight), to: server)
        case 3: node.administer(server, weight: UInt16(weight))
        case 4: node.apply(.setFitness(weight == 0 ? .unfit(reason: "replication lag") : .fullWeight), to: server)
        default: node.administer(server, state, spread)
        }
    }

    /// One node's resolver loses a server, or several nodes resolve it, possibly at another address.
    private func resolve(_ node: BridgedNode, _ place: Int) {
        let server = plan.references[place]
        if draw(3) == 0 {
            note("a resolver loses \(server)")
            node.apply(.addressLost(reason: "DNS NX status"), to: server)
        } else {
            if draw(3) == 0 { homes[place] = .ip(.v4(0x0a01_0000 + UInt32(draw(3))), port: 3_306) }
            note("\(server) resolves to \(homes[place])")
            for node in nodes where draw(4) > 0 { find(place, node) }
        }
    }

    private func find(_ place: Int, _ node: BridgedNode) {
        let server = plan.references[place]
        if node.registry.status(of: server).address != homes[place] { node.apply(.addressResolved(homes[place], by: "test"), to: server) }
    }

    /// Crashes and restarts the node: often at once, sometimes after its peers have noticed.
    private func restart(_ index: Int) {
        guard world.members[index].core != nil else { return }
        note("node\(index) dies")
        world.crash(index)
        let losesStore = draw(2) == 0
        world.schedule(after: .milliseconds(draw(2) == 0 ? 50 : draw(3_000))) { [unowned self] in start(index, losesStore: losesStore) }
    }

    private func disturb(_ index: Int) {
        note("the network changes")
        world.heal()
        world.network.loss = draw(2) == 0 ? 0 : draw(50)
        if draw(4) == 0 { world.partition([index], nodes.indices.filter { $0 != index }) }
    }

    /// Removes all faults for long enough that every server is usable and all nodes hold the same rows.
    func recover() {
        guard failure == nil else { return }
        note("all faults end")
        world.heal()
        world.network.loss = 0
        truths = Array(repeating: Self.findings[0], count: truths.count)
        run(.seconds(4))
        for (place, server) in plan.references.enumerated() {
            nodes[place % nodes.count].administer(server, weight: 1)
            nodes[place % nodes.count].administer(server, .ready, ClusterCommandOptions())
        }
        run(.seconds(1))
        for (index, node) in nodes.enumerated() {
            for (place, server) in plan.references.enumerated() {
                node.administer(server, .ready)
                node.apply(.setWeight(1), to: server)
                node.apply(.setFitness(.fullWeight), to: server)
                find(place, node)
            }
            note("node\(index) is ready")
        }
        // A peer's DOWN may keep a server down until that peer's `rise` passes. Own passes count only after that.
        for _ in 0..<8 {
            checkAll()
            run(.milliseconds(200))
        }
        guard failure == nil else { return }
        let counts = nodes.map { node in backends.indices.map { node.usable(ofProxy: $0) } }
        if counts != nodes.map({ _ in backends.map(\.servers.count) }) { failure = (journal + ["usable at the end: \(counts)"]).joined(separator: "\n") }
        if !world.tablesAreEqual { failure = "the tables differ at the end" }
    }
}

@Suite("Registry and gossip core, coupled")
struct GossipBridgeTests {
    /// With seed 54, a weight of 0 and a peer's DOWN arrive in one datagram.
    @Test("agree after every event, and all servers are usable after the last fault", arguments: Array(0..<32) + [54] as [UInt64])
    func agreement(seed: UInt64) throws {
        let history = try BridgeHistory(seed: seed)
        for _ in 0..<80 { history.step() }
        history.recover()
        #expect(history.failure == nil, "seed \(seed)")
    }

    @Test("mark a server full only when its check reports it full, not by an error number of another protocol")
    func foreignRefusal() throws {
        let pair = try BridgedPair()
        let foreign = CheckResult(status: .layer7WrongStatus, code: 1040, info: "busy", duration: .zero)
        let full = CheckResult(status: .layer7WrongStatus, code: 503, info: "busy", refusal: .full, duration: .zero)
        pair.check(full)
        #expect(pair.status.isFull && pair.status.isRunning)
        pair.check(CheckResult(status: .layer7OK, duration: .zero))
        #expect(!pair.status.isFull && pair.status.isRunning)
        pair.check(foreign)
        #expect(!pair.status.isFull && !pair.status.isRunning)
    }
}

/// Two nodes, and one server that one failure takes down. The first node checks it.
private final class BridgedPair: WorldProbe {
    private let world: GossipWorld
    private let plan: GossipPlan
    private var nodes: [BridgedNode] = []

    init() throws {
        let lines = [
            "listen web", "bind 127.0.0.1:1", "timeout connect 1s", "timeout client 1s", "timeout server 1s", "server a 10.1.0.0:80 check rise 1 fall 1",
            "gossip tsukada", "policy own", "node node0 127.0.0.1:7941", "node node1 127.0.0.1:7942",
        ]
        let (configuration, diagnostics) = Configuration.read(lines.joined(separator: "\n") + "\n")
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let seal = NullSeal()
        plan = try GossipPlan(
            try #require(configuration.gossip), node: "node0", backends: configuration.backends, addresses: (0..<2).map { GossipWorld.address($0) }, seal: seal)
        world = try GossipWorld(nodes: 2, seed: 1, servers: plan.servers, keeping: .datagrams(0), seal: seal)
        world.probe = self
        for index in 0..<2 {
            nodes.append(BridgedNode(plan, configuration.backends, index: index, world: world))
            world.start(index)
            nodes[index].open()
        }
    }

    /// The server's status in the first node's registry.
    var status: ServerStatus { nodes[0].registry.status(of: plan.references[0]) }

    /// Finishes a check on the first node.
    func check(_ result: CheckResult) { nodes[0].check(plan.references[0], result) }

    func willHandle(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld) {}

    func didHandle(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld) {
        nodes[index].take(outputs.list, of: input)
    }
}
