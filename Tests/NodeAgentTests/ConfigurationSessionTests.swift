import Proxy
import Testing

@testable import NodeAgent

@Suite("Keywords of sessions")
struct ConfigurationSessionTests {
    private static func listen(_ lines: String...) -> String {
        "listen l\n bind :3306\n timeout client 1m\n timeout server 1m\n timeout connect 5s\n" + lines.map { " \($0)\n" }.joined()
    }

    @Test("of servers are read, and default-server hands them down")
    func servers() throws {
        let (configuration, diagnostics) = Configuration.read(
            Self.listen(
                "default-server check observe layer4 error-limit 5 on-error mark-down",
                "server a 10.0.0.1:3306 slowstart 30s on-marked-up shutdown-backup-sessions tcp-ut 20s zone ap-northeast-1a",
                "server b 10.0.0.2:3306 observe none slowstart 0", "server c 10.0.0.3:3306 error-limit 7 on-error sudden-death"))
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let servers = try #require(configuration.backends.first).servers
        var observation = ConnectObservation()
        (observation.errorsMax, observation.reaction) = (5, .markDown)
        #expect(servers[0].observation == observation)
        #expect(servers[0].slowStart == .seconds(30) && servers[0].onMarkedUp == .shutdownBackupSessions)
        #expect(servers[0].userTimeout == .seconds(20) && servers[0].zone == "ap-northeast-1a")
        #expect(servers[1].observation == nil && servers[1].slowStart == .zero && servers[1].userTimeout == nil)
        #expect(servers[2].observation?.errorsMax == 7 && servers[2].observation?.reaction == .suddenDeath)
    }

    @Test("of proxies, binds and the node are read")
    func others() throws {
        let text =
            "global\n zone a\n" + Self.listen("bind :3307 tcp-ut 30s", "option shutdown-sessions-when-gone", "spill-over 10%", "server s 10.0.0.1:1 zone b")
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.global.zone == "a")
        #expect(configuration.frontends[0].binds.map(\.userTimeout) == [nil, .seconds(30)])
        #expect(configuration.backends[0].closesSessionsOfUnreachable && configuration.backends[0].spillOver == 10)
        let off = Configuration.read("defaults\n option shutdown-sessions-when-gone\n" + Self.listen("no option shutdown-sessions-when-gone"))
        #expect(!off.configuration.backends[0].closesSessionsOfUnreachable)
    }

    @Test("treat only servers in another zone as far", arguments: [("global\n zone a\n", [false, true, false]), ("", [false, false, false])])
    func zones(global: String, isFar: [Bool]) {
        let servers = Self.listen("server s1 10.0.0.1:1 zone a", "server s2 10.0.0.2:1 zone b", "server s3 10.0.0.3:1")
        for text in [global + servers, servers + global] {
            #expect(Configuration.read(text).configuration.backends[0].servers.map(\.isFar) == isFar)
        }
    }

    @Test(
        "refuse impossible values",
        arguments: [
            "server s 10.0.0.1:1 check observe layer7", "server s 10.0.0.1:1 check error-limit 0", "server s 10.0.0.1:1 check on-error foo",
            "server s 10.0.0.1:1 check on-marked-up foo", "server s 10.0.0.1:1 tcp-ut 0", "server s 10.0.0.1:1 zone", "spill-over 10", "spill-over 101%",
            "spill-over %", "bind :1 tcp-ut 0",
        ])
    func refused(line: String) {
        #expect(Configuration.alerts(Configuration.read(Self.listen(line)).diagnostics).count == 1)
    }

    @Test("warn when observe is used without checks")
    func observeWithoutChecks() {
        let diagnostics = Configuration.read(Self.listen("server s 10.0.0.1:1 observe layer4")).diagnostics
        #expect(diagnostics.map(\.severity) == [.warning])
    }
}

@Suite("Advice")
struct ConfigurationAdviceTests {
    /// The messages about a `listen` section with sane times, `lines` and one checked server.
    private static func advice(_ lines: String..., global: String = "", server: String = "server s 10.0.0.1:3306 check") -> [String] {
        let text =
            "\(global)listen l\n bind :3306\n timeout client 1m\n timeout server 1m\n timeout connect 5s\n" + (lines + [server]).map { " \($0)\n" }.joined()
        let (configuration, diagnostics) = Configuration.read(text)
        let errors = Configuration.alerts(diagnostics)
        return errors + ConfigurationAdvice(configuration).diagnostics.map { "\($0)" }
    }

    @Test("is empty for a consistent configuration")
    func silent() {
        #expect(Self.advice().isEmpty)
        #expect(Self.advice("timeout client 8h", "timeout server 8h", "timeout check 2s").isEmpty, "keepalive keeps silent sessions alive")
        #expect(Self.advice(global: "global\n zone a\n", server: "server s 10.0.0.1:1 check zone a").isEmpty)
    }

    @Test("about the article's own file is right: one tool blocks all others, and a hanging server is detected late")
    func article() throws {
        let (configuration, _) = try Configuration.read(fixtures: ["tsukada01.cfg"])
        #expect(
            ConfigurationAdvice(configuration).diagnostics.map(\.description) == [
                "tsukada01.cfg:11: 'stats maxconn 1' in section 'global'; "
                    + "a tool that stays connected, such as hatop, blocks all others: write 10, HAProxy's default",
                "tsukada01.cfg:36: 'timeout check 10s' is longer than 'inter 2s': a hanging server is detected only after up to 36s in section 'listen mysql'; "
                    + "write 'timeout check 2s'",
            ])
    }

    @Test("names silent sessions that the load balancer forgets, and those that no keepalive covers")
    func silence() {
        let clients = Self.advice("timeout client 1h", "timeout server 1h", "no option clitcpka")
        #expect(clients.count == 1 && clients[0].contains("may be silent for 1h") && clients[0].contains("350s"), "\(clients)")
        #expect(Self.advice("no option clitcpka").isEmpty, "a minute is short enough")
        #expect(Self.advice("timeout tunnel 1h", "no option clitcpka").count == 1)
        #expect(Self.advice("timeout tunnel 5m", "timeout client 1h", "timeout server 1h", "no option clitcpka").isEmpty)
        let late = Self.advice("timeout client 1h", "timeout server 1h", "clitcpka-idle 350s")
        #expect(late.count == 1 && late[0].contains("; write 'clitcpka-idle 120s', so that keepalive keeps it alive"), "\(late)")
        #expect(Self.advice("timeout client 1h", "timeout server 1h", "clitcpka-idle 349s").isEmpty)
        #expect(Self.advice("clitcpka-idle 1h").isEmpty, "a minute is short enough")
        let servers = Self.advice("timeout client 1h", "timeout server 1h", "no option srvtcpka", "srvtcpka-idle 20s")
        #expect(servers.count == 1 && servers[0].contains("vanished") && servers[0].contains("within 29s"), "\(servers)")
    }

    @Test("names times that make each other useless")
    func uselessTimes() {
        let differing = Self.advice("timeout server 8h")
        #expect(differing.count == 1 && differing[0].contains("'timeout client 1m' and 'timeout server 8h' differ"), "\(differing)")
        #expect(Self.advice("timeout server 8h", "timeout tunnel 8h").isEmpty)
        let connect = Self.advice("timeout connect 1m")
        #expect(connect.count == 1 && connect[0].contains("'timeout connect 1m' is not shorter than 'timeout client 1m'"), "\(connect)")
    }

    @Test("names checks that are too slow, and options that need checks")
    func checks() {
        let slow = Self.advice("timeout check 3s", server: "server s 10.0.0.1:1 check fastinter 500ms")
        #expect(slow.count == 1 && slow[0].contains("up to 10500ms") && slow[0].contains("write 'timeout check 2s'"), "\(slow)")
        let fast = Self.advice(server: "server s 10.0.0.1:1 check fastinter 5s")
        #expect(fast.count == 1 && fast[0].contains("write 'fastinter 2s' or less"), "\(fast)")
        let gone = Self.advice("option shutdown-sessions-when-gone", server: "server s 10.0.0.1:1")
        #expect(gone.count == 1 && gone[0].contains("no effect"), "\(gone)")
    }

    @Test("warns of ports without servers, such as a statistics page whose lines were removed")
    func deadPort() {
        let page = Self.advice(server: "description statistics")
        #expect(page.count == 1 && page[0].contains("'l' has no servers"), "\(page)")
        let text = "frontend f\n bind :1\n default_backend b\nbackend b\nfrontend off\n disabled\n bind :2\n default_backend b\n"
        let frontend = ConfigurationAdvice(Configuration.read(text).configuration).diagnostics
        #expect(frontend.map(\.location.line) == [2] && frontend.first?.section == "frontend f", "\(frontend)")
        #expect(Self.advice(server: "server-template s 2 db.internal:1").isEmpty)
    }

    @Test("names contradictory zones")
    func zones() {
        let node = Self.advice(server: "server s 10.0.0.1:1 check zone a")
        #expect(node.count == 1 && node[0].contains("this node has no zone"), "\(node)")
        let own = "global\n zone a\n"
        let some = Self.advice("server t 10.0.0.2:1 zone a", global: own)
        #expect(some.count == 1 && some[0].contains("server 's' has no zone"), "\(some)")
        let none = Self.advice(global: own, server: "server s 10.0.0.1:1 check zone b")
        #expect(none.count == 1 && none[0].contains("no server is in zone 'a'"), "\(none)")
        let spill = Self.advice("spill-over 10%", global: own)
        #expect(spill.count == 1 && spill[0].contains("without zones"), "\(spill)")
    }
}
