import Gossip
import Proxy
import Seals
import Testing
import Wire

@testable import NodeAgent

@Suite("The plan of a gossip section")
struct GossipPlanTests {
    private static let nodes = ["node one 127.0.0.1:7941", "node two 127.0.0.1:7942"]
    private static let servers = ["server a 10.0.0.1:3306 check", "server b 10.0.0.2:3306 check fall 5", "server c 10.0.0.3:3306"]

    private func plan(
        node: String = "one", nodes: [String] = nodes, servers: [String] = servers, more: [String] = [], proxy: String = "mysql"
    ) throws -> GossipPlan {
        let lines =
            ["defaults", "timeout connect 1s", "timeout client 1s", "timeout server 1s", "listen \(proxy)", "bind 127.0.0.1:9"] + servers
            + ["gossip tsukada"] + nodes + more
        let (configuration, diagnostics) = Configuration.read(lines.joined(separator: "\n") + "\n")
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let addresses = (0..<nodes.count).map { SocketAddress.ip(.v4(0x7f00_0001), port: UInt16(7_941 + $0)) }
        return try GossipPlan(
            try #require(configuration.gossip), node: node, backends: configuration.backends, addresses: addresses, seal: try OpenSSLSeal())
    }

    @Test("gives the same numbers on every node")
    func sameEverywhere() throws {
        let (one, two) = (try plan(), try plan(node: "two", nodes: Self.nodes.reversed(), servers: Self.servers.reversed()))
        #expect(one.settings.cluster == two.settings.cluster)
        #expect(one.settings.node == two.settings.peers.first?.id && two.settings.node == one.settings.peers.first?.id)
        #expect(one.settings.configuration == two.settings.configuration, "the order of lines does not count")
        #expect(Set(one.servers.map(\.id)) == Set(two.servers.map(\.id)))
        for server in one.servers { #expect(two.name(of: server.id) == server.name) }
    }

    @Test("gives different numbers to different configurations")
    func differences() throws {
        let usual = try plan().settings.configuration
        let others = [
            try plan(servers: Array(Self.servers.dropLast())), try plan(servers: ["server a 10.0.0.9:3306 check"] + Self.servers.dropFirst()),
            try plan(servers: ["server a 10.0.0.1:3306 check rise 7"] + Self.servers.dropFirst()), try plan(more: ["policy own"]),
            try plan(more: ["min-up 2"]), try plan(more: ["dead-after 3s"]), try plan(nodes: Self.nodes + ["node three 127.0.0.1:7943"]),
            try plan(proxy: "other"),
        ]
        for other in others { #expect(other.settings.configuration != usual) }
        #expect(Set(others.map(\.settings.configuration)).count == others.count)
    }

    @Test("names the differences between two configurations")
    func parts() throws {
        let usual = try plan().settings.parts
        func differing(_ other: GossipPlan) -> [String] { usual.filter { !other.settings.parts.contains($0) }.map(\.name) }
        #expect(usual.map(\.name) == ["the node lines", "policy, min-up or dead-after", "server mysql/a", "server mysql/b", "server mysql/c"])
        #expect(differing(try plan(node: "two", nodes: Self.nodes.reversed(), servers: Self.servers.reversed())).isEmpty)
        #expect(differing(try plan(servers: ["server a 10.0.0.9:3306 check"] + Self.servers.dropFirst())) == ["server mysql/a"])
        #expect(differing(try plan(servers: ["server a 10.0.0.1:3306 check rise 7"] + Self.servers.dropFirst())) == ["server mysql/a"])
        #expect(differing(try plan(servers: Array(Self.servers.dropLast()))) == ["server mysql/c"])
        #expect(differing(try plan(more: ["min-up 2"])) == ["policy, min-up or dead-after"])
        #expect(differing(try plan(nodes: Self.nodes + ["node three 127.0.0.1:7943"])) == ["the node lines"])
    }

    @Test("applies the policy to a checked server, and no policy to a server without checks")
    func servers() throws {
        let plan = try plan(more: ["policy any-down", "min-up 2", "probe-interval 100ms", "dead-after 4s"])
        #expect(plan.servers.map(\.name) == ["mysql/a", "mysql/b", "mysql/c"])
        #expect(plan.servers.map(\.policy) == [.anyDown, .anyDown, .own])
        #expect(plan.servers.map(\.fall) == [3, 5, 1])
        #expect(plan.servers.allSatisfy { $0.minUp == 2 })
        #expect(plan.settings.detector.heartbeatInterval == .milliseconds(100))
        #expect(plan.settings.detector.deadAfter == .seconds(4) && plan.settings.detector.suspectAfter == .seconds(2))
        for (server, reference) in zip(plan.servers, plan.references) {
            #expect(plan.reference(of: server.id) == reference && plan.identifiers[reference] == server.id)
        }
        #expect(plan.name(of: ServerID(0xabc)) == "0000000000000abc" && plan.reference(of: ServerID(0xabc)) == nil)
        #expect(plan.name(of: plan.settings.node) == "one" && plan.name(of: NodeID(5)) == "0000000000000005")
    }

    @Test("applies no policy to a server at '*', which is another host on each node, unless its checks have an address")
    func clientAddresses() throws {
        let servers = ["server a *:3306 check", "server b *:3306 check addr 10.0.0.9", "server c 10.0.0.3:3306 check"]
        #expect(try plan(servers: servers).servers.map(\.policy) == [.own, .fastDown, .fastDown])
    }

    @Test(
        "converts a check's result to a finding",
        arguments: [
            (CheckResult(status: .layer7OK, duration: .zero), Finding.passed), (CheckResult(status: .layer4OK, duration: .zero), .passed),
            (CheckResult(status: .layer7WrongStatus, code: 1040, refusal: .full, duration: .zero), .full),
            (CheckResult(status: .layer7WrongStatus, code: 1203, refusal: .full, duration: .zero), .full),
            (CheckResult(status: .layer7WrongStatus, code: 1129, refusal: .hostRefused, duration: .zero), .blocked),
            (CheckResult(status: .layer7WrongStatus, code: 1045, refusal: .userRefused, duration: .zero), .accessDenied),
            (CheckResult(status: .layer7WrongStatus, code: 1105, duration: .zero), .failedWithResponse),
            (CheckResult(status: .layer4ConnectionProblem, code: 1040, duration: .zero), .failedWithResponse),
            (CheckResult(status: .layer4ConnectionProblem, duration: .zero, fault: .noResponse), .failedWithoutResponse),
            (CheckResult(status: .layer4Timeout, duration: .zero, fault: .noResponse), .failedWithoutResponse),
            (CheckResult(status: .socketError, duration: .zero, fault: .node), .ownFault),
        ])
    func findings(result: CheckResult, finding: Finding) { #expect(Finding(result) == finding) }

    @Test("takes no code for a MySQL error: only the check knows its protocol")
    func foreignCodes() {
        for code in Int(UInt16.min)...Int(UInt16.max) {
            let failed = CheckResult(status: .layer7WrongStatus, code: code, info: "503 Service Unavailable", duration: .zero)
            guard Finding(failed) != .failedWithResponse else { continue }
            Issue.record("code \(code) is read as \(Finding(failed))")
            return
        }
    }

    @Test(
        "uses the manual's words in messages",
        arguments: [
            (GossipSentence("tsukada02", .dead, silence: .milliseconds(1_034))?.text, "peer tsukada02 is DEAD after 1.03s of silence"),
            (GossipSentence("tsukada02", .suspect, silence: .milliseconds(505))?.text, "peer tsukada02 is SUSPECT after 0.50s of silence"),
            (GossipSentence("tsukada02", .alive, silence: .zero)?.text, "peer tsukada02 is ALIVE"),
            (GossipSentence("tsukada02", .left, silence: .zero)?.text, "peer tsukada02 has LEFT"),
            (GossipSentence("tsukada02", .unknown, silence: .zero)?.text, nil),
            (GossipSentence(.loss(peer: "two", direction: .fromPeer, percent: 20)).text, "20% packet loss from two"),
            (GossipSentence(.lossEnded(peer: "two", direction: .toPeer)).text, "packet loss to two is over"),
            (
                GossipSentence(.viewsDiffer(server: "mysql/read02", peer: "two", isDownHere: false)).text,
                "views of server mysql/read02 have differed for 30s: UP here, DOWN at two"
            ),
            (
                GossipSentence(.notReceivedByPeer(peer: "two", silence: .seconds(1))).text,
                "UDP to two is blocked: this node hears two, but two does not hear this node"
            ),
        ])
    func sentences(text: String?, expected: String?) { #expect(text == expected) }
}
