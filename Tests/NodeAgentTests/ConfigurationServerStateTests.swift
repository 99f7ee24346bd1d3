import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Agents, tracked servers and initial states")
struct ConfigurationServerStateTests {
    private static func backend(_ lines: [String], name: String = "b") -> String {
        "backend \(name)\n timeout server 1m\n timeout connect 5s\n" + lines.map { " \($0)\n" }.joined()
    }

    private static func backend(_ lines: String...) -> String { backend(lines) }

    private static func server(_ options: String, defaults: String = "check") throws -> Server {
        let (configuration, diagnostics) = Configuration.read(backend("default-server \(defaults)", "server s 10.0.0.1:3306 \(options)"))
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        return try #require(configuration.backends.first?.servers.first)
    }

    // MARK: Agents

    @Test("an agent has its own address, port, question and interval")
    func agent() throws {
        let agent = try #require(
            try Self.server("agent-check agent-port 9999 agent-addr 10.0.0.9 agent-inter 5s agent-send \"replica\\n\" port 1 addr 10.0.0.8 inter 7s").agent)
        var expected = AgentCheckSettings()
        (expected.check.port, expected.check.address, expected.check.interval) = (9_999, .v4(0x0a00_0009), .seconds(5))
        expected.request = Array("replica\n".utf8)
        #expect(agent == expected && agent.check.rise == 1 && agent.check.fall == 1)
        let named = try Self.server("agent-check agent-port 9999 agent-addr agents.internal").agent
        #expect(named?.check.addressName == "agents.internal" && named?.check.address == nil && named?.check.isAtOtherHost == true)
    }

    @Test("an agent is asked at the address and port of the check without its own, and at the server's address without either")
    func agentDefaults() throws {
        let elsewhere = try #require(try Self.server("agent-check port 9200 addr 10.0.0.8").agent)
        #expect(elsewhere.check.port == 9_200 && elsewhere.check.address == .v4(0x0a00_0008))
        let here = try #require(try Self.server("agent-check agent-port 9999").agent)
        #expect(here.check.port == 9_999 && !here.check.isAtOtherHost && here.check.interval == .seconds(2) && here.request.isEmpty)
    }

    @Test("agent-check is inherited and cancelled, and the other words have no effect without it")
    func inheritance() throws {
        #expect(try Self.server("", defaults: "agent-check agent-port 9999 agent-send x").agent?.request == [UInt8(ascii: "x")])
        #expect(try Self.server("no-agent-check", defaults: "agent-check agent-port 9999").agent == nil)
        #expect(try Self.server("agent-check", defaults: "agent-port 9999").agent?.check.port == 9_999)
        #expect(try Self.server("agent-port 9999 agent-addr 10.0.0.9 agent-send x agent-inter 1s").agent == nil)
        #expect(try Self.server("agent-check agent-port 9999 no-check").check == nil, "an agent needs no check beside it")
    }

    static let refusedAgents: [(options: String, text: String)] = [
        ("agent-check", "missing 'agent-port' in section 'backend b'; write 'agent-port 9999' after 'agent-check'"),
        ("agent-check agent-port 0", "invalid value '0' for 'agent-port'"), ("agent-check agent-port 65536", "invalid value '65536' for 'agent-port'"),
        ("agent-check agent-port 1 agent-addr 10.0.0.9:5", "invalid value '10.0.0.9:5' for 'agent-addr'"),
        ("agent-check agent-port 1 agent-addr *", "invalid value '*' for 'agent-addr'"), ("agent-check agent-port 1 agent-inter 0", "'agent-inter'"),
        ("agent-check agent-port 1 agent-send", "'agent-send'"), ("agent-check agent-port 1 agent-addr", "'agent-addr'"),
    ]

    @Test("an agent without a port, or with impossible values, is refused", arguments: refusedAgents.indices)
    func refusedAgent(index: Int) {
        let (options, text) = Self.refusedAgents[index]
        let alerts = Configuration.alerts(Configuration.read(Self.backend("server s 10.0.0.1:3306 \(options)")).diagnostics)
        #expect(alerts.count == 1 && alerts.first?.hasPrefix("t.cfg:4: ") == true && alerts.first?.contains(text) == true, "\(alerts)")
    }

    // MARK: The address of a check

    static let addresses: [(word: String, address: String?, name: String?, port: UInt16?)] = [
        ("10.0.0.9", "10.0.0.9", nil, nil), ("10.0.0.9:5", "10.0.0.9", nil, 5), ("[::1]:5", "::1", nil, 5), ("[::1]", "::1", nil, nil),
        ("::1", "::1", nil, nil),
        ("checks.internal", nil, "checks.internal", nil), ("checks.internal:5", nil, "checks.internal", 5), ("fd00::5:3306", "fd00::5", nil, 3306),
    ]

    @Test("the address of a check may have a port, which 'port' overrides", arguments: addresses.indices)
    func checkAddress(index: Int) throws {
        let (word, address, name, port) = Self.addresses[index]
        for options in ["addr \(word)", "addr \(word) port 7", "port 7 addr \(word)"] {
            let check = try #require(try Self.server(options).check)
            #expect(check.address == address.flatMap { IPAddress($0) } && check.addressName == name && check.addressPort == port, "\(options)")
            #expect(check.fixedPort == (options.contains("port 7") ? 7 : port), "\(options)")
        }
        #expect(try Self.server("addr 10.0.0.8:9", defaults: "check addr \(word)").check?.addressPort == 9)
        #expect(try Self.server("addr 10.0.0.8", defaults: "check addr \(word)").check?.addressPort == nil)
    }

    @Test("a port after the address of a check is enough for a server without its own")
    func checkPort() {
        let read = Configuration.read(Self.backend("server s 10.0.0.1 check addr 10.0.0.9:5"))
        #expect(read.diagnostics.isEmpty && read.configuration.backends[0].servers[0].check?.fixedPort == 5)
        #expect(Configuration.alerts(Configuration.read(Self.backend("server s 10.0.0.1 check addr 10.0.0.9")).diagnostics).count == 1)
    }

    @Test(
        "an address that is none is refused",
        arguments: ["*", "*:5", "0.0.0.0", "0.0.0.0:5", "[::]:5", ":5", "10.0.0.9:", "10.0.0.9:0", "10.0.0.9:65536", "a b:5"])
    func refusedAddress(word: String) {
        let alerts = Configuration.alerts(Configuration.read(Self.backend("server s 10.0.0.1:3306 check addr \"\(word)\"")).diagnostics)
        #expect(alerts.count == 1 && alerts.first?.contains("'addr'") == true, "\(alerts)")
    }

    // MARK: Tracked servers

    @Test("a server tracks one of its own section, of another one, in a chain, and before the tracked one is read")
    func track() throws {
        let text =
            Self.backend(["server one 10.0.0.1:1 track my/two", "server two 10.0.0.2:1 track one"], name: "first")
            + Self.backend(["server one 10.0.0.1:1 check", "server two 10.0.0.2:1 agent-check agent-port 9"], name: "my")
            + "listen l\n bind :1\n timeout client 1m\n timeout server 1m\n timeout connect 5s\n server a 10.0.0.1:1 track first/two\n"
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let tracked = configuration.backends.map { $0.servers.map(\.tracked) }
        #expect(
            tracked == [
                [ServerReference(backend: 1, server: 1), ServerReference(backend: 0, server: 0)], [nil, nil], [ServerReference(backend: 0, server: 1)],
            ])
        #expect(configuration.backends[0].servers.allSatisfy { $0.check == nil })
    }

    @Test("every server of a template tracks the same one")
    func template() throws {
        let (configuration, diagnostics) = Configuration.read(Self.backend("server one 10.0.0.1:1 check", "server-template t 2 10.0.0.2:1 track one"))
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.backends[0].servers.map(\.tracked) == [nil, ServerReference(backend: 0, server: 0), ServerReference(backend: 0, server: 0)])
    }

    @Test("a server of an agent of its own may track another one; one with a check may not")
    func ownAgent() throws {
        let (configuration, diagnostics) = Configuration.read(
            Self.backend("server one 10.0.0.1:1 check", "server two 10.0.0.2:1 agent-check agent-port 9 track one"))
        #expect(diagnostics.isEmpty && configuration.backends[0].servers[1].agent != nil && configuration.backends[0].servers[1].tracked != nil)
        let both = Configuration.alerts(Configuration.read(Self.backend("server one 10.0.0.1:1 check", "server two 10.0.0.2:1 check track one")).diagnostics)
        #expect(
            both == [
                "t.cfg:5: 'check' and 'track' of one server in section 'backend b'; "
                    + "a server that copies another one's state has no checks: remove one of the two"
            ])
    }

    static let refusedTracks: [(servers: [String], alerts: [(line: Int, text: String)])] = [
        (["server a 10.0.0.1:1 track x", "server b 10.0.0.2:1 check"], [(4, "unknown server 'x' after 'track'")]),
        (["server a 10.0.0.1:1 track x/b", "server b 10.0.0.2:1 check"], [(4, "unknown backend or listen 'x' after 'track'")]),
        (["server a 10.0.0.1:1 track b", "server b 10.0.0.2:1"], [(4, "'track' of a server without 'check'")]),
        (["server a 10.0.0.1:1 track a"], [(4, "'track' in a circle")]),
        (["server a 10.0.0.1:1 track b", "server b 10.0.0.2:1 track c", "server c 10.0.0.2:1 track b"], [(5, "'track' in a circle")]),
        (
            ["server a 10.0.0.1:1 track b", "server b 10.0.0.2:1 track a", "server c 10.0.0.3:1 track c"],
            [(4, "'track' in a circle"), (6, "'track' in a circle")]
        ),
        (["server a 10.0.0.1:1 track b", "server b 10.0.0.2:1 track c", "server c 10.0.0.3:1"], [(5, "'track' of a server without 'check'")]),
        (["server a 10.0.0.1:1 track b", "server b 10.0.0.2:1 track x"], [(5, "unknown server 'x' after 'track'")]),
        (["server a 10.0.0.1:1 track b/"], [(4, "invalid value 'b/' for 'track'")]),
        (["server a 10.0.0.1:1 track /a"], [(4, "invalid value '/a' for 'track'")]),
        (["server a 10.0.0.1:1 track x/b/c"], [(4, "invalid value 'x/b/c' for 'track'")]),
    ]

    @Test("a tracked server that does not exist, is never checked, or tracks back is refused", arguments: refusedTracks.indices)
    func refusedTrack(index: Int) {
        let (servers, expected) = Self.refusedTracks[index]
        let alerts = Configuration.alerts(Configuration.read(Self.backend(servers)).diagnostics)
        #expect(alerts.count == expected.count, "\(alerts)")
        for (alert, expected) in zip(alerts, expected) {
            #expect(alert.hasPrefix("t.cfg:\(expected.line): ") && alert.contains(expected.text), "\(alerts)")
        }
    }

    @Test("a server that tracks another one may be in the first of two sections with one name, or have the number of another server")
    func trackAfterOtherErrors() {
        let text = Self.backend("server s 10.0.0.1:1 check", "server t 10.0.0.2:1 track s") + Self.backend("server s 10.0.0.1:1 check")
        let duplicates = Configuration.alerts(Configuration.read(text).diagnostics)
        #expect(duplicates.count == 1 && duplicates[0].contains("duplicate proxy 'b'"), "\(duplicates)")
        let numbers = Configuration.alerts(
            Configuration.read(Self.backend("server s 10.0.0.1:1 id 5 check", "server t 10.0.0.2:1 id 5 track s")).diagnostics)
        #expect(numbers.count == 1 && numbers[0].contains("duplicate 'id 5'"), "\(numbers)")
    }

    @Test("a tracked server of a proxy that differs in 'http-check disable-on-404' is refused", arguments: [false, true])
    func mixedStates(isTracker: Bool) {
        let text = "backend a\n server s 10.0.0.1:1 check\n#1\nlisten b\n bind :1\n server t 10.0.0.2:1 track a/s\n#2\n"
        let setting = " http-check disable-on-404"
        let mixed = text.replacing(isTracker ? "#2" : "#1", with: setting)
        let alerts = Configuration.alerts(Configuration.read(mixed).diagnostics)
        #expect(
            alerts == [
                "t.cfg:6: 'track' across proxies of which only one has 'http-check disable-on-404' in section 'listen b'; "
                    + "add 'http-check disable-on-404' to section '\(isTracker ? "backend a" : "listen b")'"
            ])
        let both = text.replacing("#1", with: setting).replacing("#2", with: setting)
        #expect(Configuration.alerts(Configuration.read(both).diagnostics).isEmpty)
    }

    // MARK: Initial states

    @Test(
        "a server's initial state is one of five words, of which 'none' is the default",
        arguments: [("none", InitialState.up), ("up", .up), ("fully-up", .fullyUp), ("down", .down), ("fully-down", .fullyDown)])
    func initialState(word: String, state: InitialState) throws {
        #expect(try Self.server("init-state \(word)").initialState == state)
        #expect(try Self.server("", defaults: "check init-state \(word)").initialState == state)
        #expect(try Self.server("").initialState == .up)
    }

    @Test("any other word is refused", arguments: ["init-state", "init-state maint", "init-state UP"])
    func refusedState(option: String) {
        #expect(Configuration.alerts(Configuration.read(Self.backend("server s 10.0.0.1:1 check \(option)")).diagnostics).count == 1)
    }
}
