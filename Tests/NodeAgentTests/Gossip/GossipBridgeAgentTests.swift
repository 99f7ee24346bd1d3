import Gossip
import Simulation
import Support
import Testing
import Wire

@testable import NodeAgent
import Proxy

/// Servers with agents, servers that track others, and servers with initial states.
private enum Setup {
    static let servers = [
        "listen mysql", "bind 127.0.0.1:11", "server a 10.1.0.0:3306 check rise 2 fall 2 weight 4 agent-check agent-port 9",
        "server b 10.1.0.0:3306 check rise 3 fall 3 init-state fully-down", "server c 10.1.0.0:3306 check rise 2 fall 3 init-state down",
        "server d 10.1.0.0:3306 check fall 2 init-state fully-up", "listen other", "bind 127.0.0.1:12", "server t 10.1.0.0:3306 track mysql/a",
        "server u 10.1.0.0:3306 agent-check agent-port 9 track t", "server v 10.1.0.0:3306 track mysql/b",
    ]

    static func plan(policy: String) throws -> (plan: GossipPlan, backends: [Backend]) {
        let lines =
            ["defaults", "timeout connect 1s", "timeout client 1s", "timeout server 1s"] + servers
            + ["gossip tsukada", "policy \(policy)", "node node0 127.0.0.1:7941", "node node1 127.0.0.1:7942"]
        let (configuration, diagnostics) = Configuration.read(lines.joined(separator: "\n") + "\n")
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let addresses: [SocketAddress?] = (0..<2).map { GossipWorld.address($0) }
        let plan = try GossipPlan(
            try #require(configuration.gossip), node: "node0", backends: configuration.backends, addresses: addresses, seal: NullSeal())
        return (plan, configuration.backends)
    }

    static let pass = CheckResult(status: .layer7OK, duration: .zero)
    static let conditionalPass = CheckResult(status: .layer7ConditionalPass, code: 404, duration: .zero)
    static let failure = CheckResult(status: .layer4ConnectionProblem, info: "Connection refused", duration: .zero)

    static func agent(isUp: Bool?) -> CheckResult {
        CheckResult(status: isUp.map { $0 ? .layer7OK : .layer7WrongStatus } ?? .checked, info: "via agent", duration: .zero)
    }

    static func orders(_ administration: AgentAnswer.Administration? = nil, weight: Int? = nil) -> AgentOrders {
        var orders = AgentOrders()
        (orders.administration, orders.weight) = (administration, weight)
        return orders
    }
}

@Suite("The bridge between agents, tracked servers and gossip")
struct GossipBridgeAgentTests {
    private let registry: ServerRegistry
    private let bridge: GossipBridge
    private let a = ServerReference(backend: 0, server: 0)
    private let t = ServerReference(backend: 1, server: 0)

    init() throws {
        let (plan, backends) = try Setup.plan(policy: "any-down")
        bridge = GossipBridge(plan: plan)
        registry = ServerRegistry(backends: backends, now: Instant(nanoseconds: 0)) {
            ServerRegistry.numericAddress(of: backends[$0.backend].servers[$0.server])
        }
    }

    /// The events for the core that the last of `events` of server a sends, about a or about its tracker t.
    private func sent(_ events: [ServerRegistry.Event], about server: ServerReference) -> [String] {
        var (registry, before) = (registry, registry.status(of: server))
        for event in events {
            before = registry.status(of: server)
            for effect in registry.apply(event, to: a, now: Instant(nanoseconds: 1), load: { _ in ServerLoad() }) {
                guard case .trackerChanged(t, let reason) = effect else { continue }
                _ = registry.apply(.trackedChanged(reason: reason), to: t, now: Instant(nanoseconds: 1), load: { _ in ServerLoad() })
            }
        }
        return bridge.events(of: server, from: before, to: registry.status(of: server)).map { "\($0)" }
    }

    private func words(_ server: ServerReference, _ events: (ServerID) -> [GossipEvent]) throws -> [String] {
        events(try #require(bridge.plan.identifiers[server])).map { "\($0)" }
    }

    @Test("states an agent's word as this node's state of the server, never as a check's finding")
    func agents() throws {
        let (down, up) = (ServerRegistry.Event.agentFinished(Setup.agent(isUp: false)), ServerRegistry.Event.agentFinished(Setup.agent(isUp: true)))
        #expect(try sent([down], about: a) == words(a) { [.localState($0, .drain)] })
        #expect(try sent([down, up], about: a) == words(a) { [.localState($0, .ready)] })
        #expect(sent([.agentFinished(Setup.agent(isUp: nil))], about: a).isEmpty)
        #expect(try sent([.agentOrdered(Setup.orders(.drain))], about: a) == words(a) { [.administered($0, .drain)] })
        #expect(
            try sent([.agentOrdered(Setup.orders(.maint)), .agentOrdered(Setup.orders(.ready))], about: a)
                == words(a) {
                    [.administered($0, .ready), .maintenanceEnded($0)]
                })
        #expect(try sent([.agentOrdered(Setup.orders(weight: 0))], about: a) == words(a) { [.localState($0, .drain)] })
        #expect(sent([.agentOrdered(Setup.orders(weight: 2))], about: a).isEmpty)
    }

    @Test("states the state of a tracked server as its tracker's local state, regardless of its cause")
    func trackers() throws {
        let (maint, ready) = (ServerRegistry.Event.setAdministrative(.maint), ServerRegistry.Event.setAdministrative(.ready))
        #expect(try sent([maint], about: t) == words(t) { [.localState($0, .maint)] })
        #expect(try sent([maint, ready], about: t) == words(t) { [.localState($0, .ready), .maintenanceEnded($0)] })
        #expect(try sent([.setAdministrative(.drain)], about: t) == words(t) { [.localState($0, .drain)] })
        #expect(try sent([.checkFinished(Setup.failure)], about: t) == words(t) { [.localState($0, .drain)] })
        #expect(try sent([.agentFinished(Setup.agent(isUp: false))], about: t) == words(t) { [.localState($0, .drain)] })
        #expect(sent([.setWeight(0)], about: t).isEmpty, "a weight is not copied")
    }

    @Test("states a server that is stopping as a drain")
    func stopping() throws {
        #expect(try sent([.checkFinished(Setup.conditionalPass)], about: a) == words(a) { [.localState($0, .drain)] })
        #expect(try sent([.checkFinished(Setup.conditionalPass), .checkFinished(Setup.pass)], about: a) == words(a) { [.localState($0, .ready)] })
        #expect(try sent([.checkFinished(Setup.conditionalPass)], about: t) == words(t) { [.localState($0, .drain)] })
    }

    @Test("sends the peers the weight without the agent's, and 0 for a server that is stopping")
    func weights() throws {
        func weight(_ events: [ServerRegistry.Event]) -> UInt16? {
            var registry = registry
            for event in events { _ = registry.apply(event, to: a, now: Instant(nanoseconds: 1), load: { _ in ServerLoad() }) }
            guard case .observed(_, let observation)? = bridge.observation(.passed, Setup.pass, of: a, registry.status(of: a), lag: nil) else { return nil }
            return observation.weight
        }
        #expect(weight([]) == 4 && weight([.agentOrdered(Setup.orders(weight: 2))]) == 4 && weight([.agentOrdered(Setup.orders(weight: 0))]) == 4)
        #expect(weight([.agentOrdered(Setup.orders(weight: 2)), .setWeight(7)]) == 7)
        #expect(weight([.checkFinished(Setup.conditionalPass)]) == 0)
    }

    @Test("informs the core about checks that begin in an initial state, and about no others")
    func initialStates() throws {
        for (place, server) in bridge.plan.references.enumerated() where server.backend == 0 {
            let id = bridge.plan.servers[place].id
            let event = try #require(bridge.event(.checks, of: id, registry.status(of: server)))
            #expect("\(event)" == "\(GossipEvent.maintenanceEnded(id))")
            var registry = registry
            for _ in 0..<3 { _ = registry.apply(.checkFinished(Setup.pass), to: server, now: Instant(nanoseconds: 1), load: { _ in ServerLoad() }) }
            #expect((bridge.event(.checks, of: id, registry.status(of: server)) == nil) == (server.server != 3), "d begins at its highest count")
        }
        #expect(bridge.event(.checks, of: try #require(bridge.plan.identifiers[t]), registry.status(of: t)) == nil)
    }
}

/// Two nodes with agents, checks and operators, whose random events come from one seed.
private final class AgentHistory: WorldProbe {
    private let world: GossipWorld
    private let plan: GossipPlan
    private let backends: [Backend]
    private var nodes: [BridgedNode] = []
    private var random: SplitMix64
    private var journal: [String] = []
    private(set) var failure: String?

    init(seed: UInt64, policy: String) throws {
        random = SplitMix64(seed: seed)
        (plan, backends) = try Setup.plan(policy: policy)
        world = try GossipWorld(nodes: 2, seed: seed, servers: plan.servers, keeping: .datagrams(0), seal: NullSeal())
        world.probe = self
        for index in 0..<2 { nodes.append(BridgedNode(plan, backends, index: index, world: world)) }
        for index in 0..<2 { start(index) }
        compare()
    }

    private func draw(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

    private func start(_ index: Int) {
        nodes[index] = BridgedNode(plan, backends, index: index, world: world)
        world.start(index)
        nodes[index].open()
    }

    /// One random event, and its consequences on both nodes.
    func step() {
        guard failure == nil else { return }
        let index = draw(2)
        let (node, server) = (nodes[index], plan.references[draw(plan.references.count)])
        let isAsked = backends[server.backend].servers[server.server].agent != nil
        switch draw(16) {
        case 0...6:
            let result = [Setup.pass, Setup.pass, Setup.conditionalPass, Setup.failure][draw(4)]
            note(index, server, "\(result.status)")
            node.check(server, result)
        case 7...9 where isAsked:
            let word = [true, false, nil][draw(3)]
            note(index, server, "the agent's \(word as Any)")
            node.apply(.agentFinished(Setup.agent(isUp: word)), to: server)
        case 10,
            11 where isAsked:
            let orders = Setup.orders([nil, .ready, .drain, .maint][draw(4)], weight: [nil, 0, 2][draw(3)])
            note(index, server, "\(orders)")
            node.apply(.agentOrdered(orders), to: server)
        case 12:
            let state = [Proxy.AdministrativeState.ready, .ready, .drain, .maint][draw(4)]
            note(index, server, "\(state)")
            node.administer(server, state)
        case 13:
            let weight = [0, 1, 4][draw(3)]
            note(index, server, "weight \(weight)")
            node.apply(.setWeight(weight), to: server)
        case 14 where draw(3) == 0:
            note(index, server, "restart")
            world.crash(index)
            start(index)
        default:
            world.run(.milliseconds(Int64(draw(400))))
        }
        compare()
        world.run(.milliseconds(Int64(draw(30))))
        compare()
    }

    private func note(_ index: Int, _ server: ServerReference, _ text: String) {
        journal.append("node\(index), \(server): \(text)")
        if journal.count > 30 { journal.removeFirst() }
    }

    private func compare() {
        for (index, node) in nodes.enumerated() where failure == nil {
            guard let disagreement = node.disagreement(now: world.now) else { continue }
            failure = (journal + ["node\(index): \(disagreement)"]).joined(separator: "\n")
        }
    }

    func willHandle(_ input: GossipWorld.Input, at index: Int, in world: GossipWorld) {}

    func didHandle(_ input: GossipWorld.Input, at index: Int, outputs: GossipOutputs, in world: GossipWorld) {
        nodes[index].take(outputs.list, of: input)
    }
}

@Suite("Registry and gossip core with agents, tracked servers and initial states")
struct GossipBridgeAgentHistoryTests {
    @Test("agree after every event", arguments: 0..<16 as Range<UInt64>, ["own", "fast-down", "any-down"])
    func agreement(seed: UInt64, policy: String) throws {
        let history = try AgentHistory(seed: seed, policy: policy)
        for _ in 0..<120 { history.step() }
        #expect(history.failure == nil, "seed \(seed), policy \(policy)")
    }
}
