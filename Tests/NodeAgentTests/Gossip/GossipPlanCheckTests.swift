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

    @Test("differ for a server in a network namespace, which is another target than the same address outside")
    func namespaces() throws {
        func server(_ words: String) throws -> UInt32 { try plan("check \(words)").servers[0].check }
        let (outside, blue) = (try server(""), try server("namespace blue"))
        #expect(try outside != blue && server("namespace green") != blue && server("namespace green namespace blue") == blue)
        #expect(try words([], server: "check namespace blue") == words([], server: "check") + ["namespace", "blue"])
    }

    @Test("are the same for scripts that only differ in their comments")
    func scripts() throws {
        func check(_ comment: String) throws -> UInt32 {
            try plan("check", proxy: ["option tcp-check", "tcp-check expect rstring ^OK comment \(comment)"]).servers[0].check
        }
        #expect(try check("a") == check("b"))
    }

    private func words(_ lines: [String], server: String = "check") throws -> [String] {
        let text = "backend b\n timeout connect 1s\n timeout server 1s\n" + lines.map { " \($0)\n" }.joined() + " server s 10.0.0.1:1 \(server)\n"
        let (configuration, diagnostics) = Configuration.read("defaults\n option httpchk GET /inherited\n" + text)
        try #require(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let backend = try #require(configuration.backends.first)
        return try #require(backend.checkIdentity(of: backend.servers[0]))
    }

    @Test("are the words of their lines, which do not change with a release")
    func identities() throws {
        let rules = ["option tcp-check", "tcp-check connect comment a port 2 comment b", "tcp-check send 'a b'", "tcp-check expect string comment comment c"]
        let expected = ["tcp-check", "connect", "port", "2", "tcp-check", "send", "a b", "tcp-check", "expect", "string", "comment"]
        #expect(try words(rules) == ["script", "tcp-check"] + expected + ["", "", ""])
        let lines = ["option httpchk GET /x", "http-check send-state", "http-check send uri /y comment c", "http-check disable-on-404"]
        #expect(
            try words(lines, server: "check addr 10.0.0.9 port 7 check-send-proxy") == [
                "script", "httpchk", "option", "httpchk", "GET", "/x", "http-check", "send", "uri", "/y", "http-check disable-on-404", "http-check send-state",
                "10.0.0.9", "7", "v1",
            ])
        #expect(try words([], server: "check send-proxy-v2") == ["script", "httpchk", "option", "httpchk", "GET", "/inherited", "", "", "v2"])
        let options = "check send-proxy-v2 proxy-v2-options crc32c,unique-id"
        #expect(try words(["option redis-check"], server: options) == ["script", "", "option", "redis-check", "", "", "v2-crc32c"])
    }

    @Test("are the same with and without a line that is only a comment, and however a word is written")
    func comments() throws {
        let plain = try words(["option tcp-check", "tcp-check send 'a b'"])
        #expect(try words(["option tcp-check", "tcp-check comment x", "tcp-check send a\\ b"]) == plain)
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
