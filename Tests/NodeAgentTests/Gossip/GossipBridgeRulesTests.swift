import Gossip
import Proxy
import Simulation
import Support
import Testing
import Wire

@testable import NodeAgent

@Suite("The bridge between servers and gossip")
struct GossipBridgeRulesTests {
    private let registry: ServerRegistry
    private let bridge: GossipBridge
    private let server = ServerReference(backend: 0, server: 0)
    private let id: ServerID

    init() throws { try self.init(policy: "any-down") }

    private init(policy: String) throws {
        let lines = [
            "defaults", "timeout connect 1s", "timeout client 1s", "timeout server 1s", "listen mysql", "bind 127.0.0.1:9", "server a 10.0.0.1:3306 check",
            "gossip tsukada", "policy \(policy)", "node one 127.0.0.1:7941", "node two 127.0.0.1:7942",
        ]
        let (configuration, diagnostics) = Configuration.read(lines.joined(separator: "\n") + "\n")
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let plan = try GossipPlan(
            try #require(configuration.gossip), node: "one", backends: configuration.backends, addresses: [nil, nil], seal: NullSeal())
        bridge = GossipBridge(plan: plan)
        id = plan.servers[0].id
        registry = ServerRegistry(backends: configuration.backends, now: Instant(nanoseconds: 0)) { _ in .ip(.v4(0x0a00_0001), port: 3_306) }
    }

    /// The server's status after these events.
    private func status(after events: [ServerRegistry.Event]) -> ServerStatus {
        var registry = registry
        for event in events { _ = registry.apply(event, to: server, now: Instant(nanoseconds: 1), load: { _ in ServerLoad() }) }
        return registry.status(of: server)
    }

    /// True when `event`, after the events in `before`, sends exactly `expected` to the core.
    private func sends(_ expected: [GossipEvent], of event: ServerRegistry.Event, after before: [ServerRegistry.Event] = []) -> Bool {
        let events = bridge.events(of: server, from: status(after: before), to: status(after: before + [event]))
        return events.map { "\($0)" } == expected.map { "\($0)" }
    }

    @Test("sends changes to the core, and nothing else")
    func changes() {
        let elsewhere = SocketAddress.ip(.v4(0x0a00_0002), port: 3_306)
        #expect(sends([], of: .setWeight(1)))
        #expect(sends([.localState(id, .drain)], of: .setWeight(0)))
        #expect(sends([.administered(id, .maint)], of: .setAdministrative(.maint)))
        #expect(sends([.administered(id, .ready), .maintenanceEnded(id)], of: .setAdministrative(.ready), after: [.setAdministrative(.maint)]))
        #expect(sends([.addressChanged(id, elsewhere)], of: .addressResolved(elsewhere, by: "test")))
        #expect(bridge.events(of: ServerReference(backend: 7, server: 0), from: status(after: []), to: status(after: [.setWeight(0)])).isEmpty)
    }

    @Test("turns each verdict into the registry's events, in order")
    func verdicts() throws {
        func orders(_ verdict: ServerVerdict) -> [ServerRegistry.Event]? { bridge.orders(verdict, on: id, failingPeers: ["two"])?.events }
        #expect(orders(.up) == [.setHeldDown(false), .setFull(false)])
        #expect(orders(.full(until: Instant(nanoseconds: 9))) == [.setHeldDown(false), .setFull(true)])
        #expect(orders(.blocked) == [.takenDown(.server), .setHeldDown(true), .setFull(false)])
        #expect(orders(.down(.ownChecks)) == [.setHeldDown(true), .setFull(false)], "the registry has counted the same checks")
        #expect(orders(.down(.ownAndPeers)) == [.takenDown(.ownChecksAndPeers(["two"])), .setHeldDown(true), .setFull(false)])
        #expect(orders(.down(.peers)) == [.takenDown(.peers(["two"])), .setHeldDown(true), .setFull(false)])
        let fast = try Self(policy: "fast-down")
        #expect(fast.bridge.orders(.down(.ownAndPeers), on: fast.id, failingPeers: [])?.events.contains(.setHeldDown(false)) == true)
    }

    @Test("queries the failing peers only when a message names them")
    func failingPeers() {
        var asked = 0
        func peers() -> [String] {
            asked += 1
            return []
        }
        for verdict in [ServerVerdict.up, .full(until: Instant(nanoseconds: 9)), .blocked, .down(.ownChecks)] {
            _ = bridge.orders(verdict, on: id, failingPeers: peers())
        }
        #expect(asked == 0)
        _ = bridge.orders(.down(.peers), on: id, failingPeers: peers())
        #expect(asked == 1)
    }

    @Test("carries out a cluster command, and ignores servers that exist only on other nodes")
    func operators() {
        #expect(
            bridge.orders(.drain, weight: 5, on: id, by: "the operator of two")
                == GossipBridge.Orders(
                    server: server, events: [.setAdministrative(.drain, by: "the operator of two"), .setWeight(5, by: "the operator of two")]))
        #expect(bridge.orders(nil, weight: nil, on: id, by: "two")?.events.isEmpty == true)
        #expect(bridge.orders(.drain, weight: nil, on: ServerID(id.number &+ 1), by: "two") == nil)
    }
}
