import Gossip
import Proxy
import Simulation
import Support
import Testing
import Wire

@testable import NodeAgent

@Suite("The checks in the plan of a gossip section")
struct GossipPlanCheckTests {
    private func plan(_ options: String, proxy: [String] = [], more: [String] = []) throws -> GossipPlan {
        let lines =
            ["defaults", "timeout connect 1s", "timeout client 1s", "timeout server 1s", "listen mysql", "bind 127.0.0.1:9"] + proxy
            + ["server a 10.0.0.1:3306 \(options)", "server b 10.0.0.2:3306 check"] + more
            + ["gossip tsukada", "node one 127.0.0.1:7941", "node two 127.0.0.1:7942"]
        let (configuration, diagnostics) = Configuration.read(lines.joined(separator: "\n") + "\n")
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        return try GossipPlan(
            try #require(configuration.gossip), node: "one", backends: configuration.backends, addresses: [nil, nil], seal: NullSeal())
    }

    @Test("distinguish everything that changes what a result means")
    func differences() throws {
        let plans = [
            try plan("check"), try plan("check port 3307"), try plan("check addr 10.0.0.9"), try plan("check addr 10.0.0.9:3307"),
            try plan("check addr checks.internal"), try plan("check send-proxy"), try plan("check send-proxy-v2"),
            try plan("check", proxy: ["option mysql-check"]),
            try plan("check", proxy: ["option mysql-check user x"]), try plan("check", proxy: ["option mysql-check user y"]),
            try plan("check", proxy: ["option mysql-check user x pre-41"]), try plan("check", proxy: ["option tcp-check"]),
            try plan("check", proxy: ["option tcp-check", "tcp-check expect string OK"]),
            try plan("check", proxy: ["option tcp-check", "tcp-check expect ! string OK"]),
            try plan("check", proxy: ["option tcp-check", "tcp-check expect rstring OK"]),
            try plan("check", proxy: ["option tcp-check", "tcp-check expect rstring ok"]), try plan("check", proxy: ["option httpchk"]),
            try plan("check", proxy: ["option httpchk GET /primary"]), try plan("check", proxy: ["option httpchk", "http-check disable-on-404"]),
            try plan("check", proxy: ["option pgsql-check user x"]), try plan("check", proxy: ["option pgsql-check user y"]),
        ]
        #expect(Set(plans.map { $0.servers[0].check }).count == plans.count && plans.allSatisfy { $0.servers[0].check != 0 })
        #expect(Set(plans.map(\.settings.configuration)).count == plans.count)
        #expect(plans.allSatisfy { $0.servers[0].id == plans[0].servers[0].id }, "it is the same server")
        for other in plans[1...6] {
            #expect(plans[0].settings.parts.filter { !other.settings.parts.contains($0) }.map(\.name) == ["server mysql/a"])
        }
    }

    @Test("are the same with other intervals, other limits and an agent, which belongs to its node")
    func equal() throws {
        let usual = try plan("check")
        for options in [
            "check inter 5s fastinter 1s downinter 9s", "check port 3306", "check addr 10.0.0.1", "check agent-check agent-port 9 agent-send x",
            "check init-state fully-down", "check observe layer4 weight 3",
        ] {
            let other = try plan(options)
            #expect(other.servers.map(\.check) == usual.servers.map(\.check) && other.settings.configuration == usual.settings.configuration, "\(options)")
        }
        let (tracking, unchecked) = (try plan("track b"), try plan(""))
        #expect(tracking.servers[0].check == 0 && tracking.settings.configuration == unchecked.settings.configuration)
    }

    @Test("are the same for scripts that only differ in their comments")
    func scripts() throws {
        func check(_ comment: String) throws -> UInt32 {
            try plan("check", proxy: ["option tcp-check", "tcp-check expect rstring ^OK comment \(comment)"]).servers[0].check
        }
        #expect(try check("a") == check("b"))
    }

    @Test("of a database section ask the database, whatever the section of its servers checks")
    func database() throws {
        func asking(_ user: String) throws -> GossipPlan {
            try plan("check", proxy: ["option mysql-check user \(user)"], more: ["database mysql", "user check"])
        }
        #expect(try asking("x").servers.map(\.check) == asking("y").servers.map(\.check))
        #expect(try asking("x").servers[0].check != plan("check", proxy: ["option mysql-check user x"]).servers[0].check)
    }

    @Test("begin in the configured state")
    func initialStates() throws {
        let words: [(String, InitialHealth)] = [("none", .up), ("up", .up), ("fully-up", .fullyUp), ("down", .down), ("fully-down", .fullyDown)]
        for (word, state) in words { #expect(try plan("check init-state \(word)").servers[0].initialHealth == state, "\(word)") }
        #expect(try plan("init-state fully-down").servers[0].initialHealth == .up, "nothing would bring an unchecked server up")
    }
}
