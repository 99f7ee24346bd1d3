import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Socket options of a configuration")
struct ConfigurationSocketTests {
    private static let times = " timeout connect 1s\n timeout client 1s\n timeout server 1s\n"

    /// The alerts of a `listen` section with this line.
    private func alerts(_ line: String) -> [String] { Configuration.alerts(Configuration.read("listen a\n \(line)\n").diagnostics) }

    private func backend(_ lines: String) -> Backend? { Configuration.read("backend a\n \(lines)\n").configuration.backends.first }

    @Test("are read from 'bind' lines")
    func binds() throws {
        let line =
            "bind :1 id 7 maxconn 5 interface eth0 mss 1400 tos 0x10 transparent tfo user root group adm nice -5 process 1/all thread 1/1-2 shards by-thread"
        let (configuration, diagnostics) = Configuration.read("listen a\n \(line)\n bind ipv6@db:2 mode 600 uid 5 gid 6 level admin severity-output number\n")
        #expect(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        let frontend = try #require(configuration.frontends.first)
        let bind = frontend.binds[0]
        #expect((bind.number, bind.connectionsMax, bind.interface, bind.segmentSizeMax) == (7, 5, "eth0", 1_400))
        #expect((bind.typeOfService, bind.isTransparent, bind.usesFastOpen, bind.user, bind.group) == (16, true, true, "root", "adm"))
        #expect((frontend.binds[1].user, frontend.binds[1].group, frontend.binds[1].permissions, frontend.binds[1].family) == ("5", "6", 0o600, .v6))
        #expect(frontend.bindNumbers == [7, 2])
        #expect(bind.family == nil && Configuration.read("listen a\n bind :1 maxconn 0\n").configuration.frontends[0].binds[0].connectionsMax == nil)
    }

    @Test(
        "are refused where HAProxy refuses them as well",
        arguments: [
            "bind :1 id 0", "bind :1 id x", "bind :1 id", "bind :1-2 id 3", "bind :1 id 3\n bind :2 id 3", "bind :1 maxconn -1", "bind :1 nice 1025",
            "bind :1 nice -1025", "bind :1 process 2", "bind :1 process x", "bind :1 thread x", "bind :1 thread 65", "bind :1 shards 0", "bind :1 shards 100",
            "bind :1 shards x", "bind :1 interface", "bind :1 mss 0", "bind :1 mss x", "bind :1 level x", "bind :1 severity-output x", "bind :1 mode x",
            "bind :1 namespace", "bind :1 namespace a/b", "bind :1 namespace ..", "server s :1 id 0", "server s :1 id x", "server s :1 id 3\n server t :1 id 3",
            "server s :1 cookie", "server s :1 redir /x",
            "server s :1 namespace", "server s :1 namespace ../x", "default-server namespace .", "source", "source 10.0.0.1 x", "source 10.0.0.1:5-6",
            "source 10.0.0.1:x", "source 10.0.0.1:+5", "usesrc client",
            "interface lo", "server s :1 source 10.0.0.1:6-5", "server s :1 source 10.0.0.1:70000", "server s :1 source 10.0.0.1 usesrc",
            "server s :1 source 10.0.0.1 usesrc 10.0.0.2:1-5", "server s :1 source 10.0.0.1 interface", "server s :1 usesrc client",
            "server s :1 interface lo", "force-persist", "force-persist maybe TRUE",
        ])
    func refused(line: String) { #expect(!alerts(line).isEmpty) }

    @Test(
        "without an effect here are accepted",
        arguments: [
            "bind :1 nice 5", "bind :1 process all", "bind :1 process odd", "bind :1 process 1/1-2", "bind :1 thread odd", "bind :1 thread 1-",
            "bind :1 thread 1/even", "bind :1 shards 64", "bind :1 shards by-group", "bind :1 expose-fd listeners", "server s :1 tfo", "server s :1 no-tfo",
            "server s :1 guid a:b", "server s :1 no-ssl no-check-ssl", "server s :1 ws h2 max-reuse 0 pool-max-conn -1 pool-conn-name src,hex",
            "server s :1 pool-low-conn 5 pool-purge-delay 1m", "option contstats", "no option contstats", "option tcp-smart-accept",
            "no option tcp-smart-connect",
        ])
    func accepted(line: String) {
        let (_, diagnostics) = Configuration.read("listen a\n bind :9\n\(Self.times) server x 10.0.0.1:1\n \(line)\n")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
    }

    @Test(
        "cause a notice or a warning where the file promises an effect that no TCP session has",
        arguments: [
            ("option persist", DiagnosticSeverity.notice), ("force-persist if TRUE", .notice), ("force-persist unless { src 10.0.0.1 }", .notice),
            ("bind :1 mss -40", .notice), ("server s :1 cookie x", .warning), ("server s :1 source * usesrc hdr_ip(x-forwarded-for)", .warning),
            ("default-server id 4", .warning), ("bind /run/x namespace blue", .warning), ("bind abns@x namespace blue", .warning),
            ("bind fd@3 namespace blue", .warning), ("server s /run/x namespace blue", .warning),
        ])
    func remarks(line: String, severity: DiagnosticSeverity) {
        let (_, diagnostics) = Configuration.read("listen a\n bind :9\n\(Self.times) server x 10.0.0.1:1\n \(line)\n")
        #expect(diagnostics.map(\.severity) == [severity], "\(diagnostics)")
    }

    @Test("of sessions and logs are read, inherited, and cancelled with 'no'")
    func proxies() {
        let options = [
            "nolinger", "abortonclose", "independent-streams", "tcp-smart-accept", "tcp-smart-connect", "socket-stats", "logasap", "log-separate-errors",
            "dontlog-normal",
        ]
        let on = options.map { " option \($0)\n" }.joined()
        let off = options.map { " no option \($0)\n" }.joined()
        let (configuration, diagnostics) = Configuration.read("defaults\n\(on) timeout client-hs 3s\nlisten a\nlisten b\n\(off)\n")
        #expect(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        for (index, isOn) in [(0, true), (1, false)] {
            let (frontend, backend) = (configuration.frontends[index], configuration.backends[index])
            #expect(frontend.resetsClients == isOn && backend.resetsServers == isOn && backend.abortsOnClose == isOn)
            #expect(frontend.hasIndependentTimeout == isOn && backend.hasIndependentTimeout == isOn && frontend.countsBinds == isOn)
            #expect(frontend.delaysAcknowledgements == isOn && backend.delaysAcknowledgements == isOn)
            #expect(frontend.log.options == (isOn ? [.early, .raisesErrors, .hidesNormal] : []))
            #expect(frontend.handshakeTimeout == .seconds(3))
        }
    }

    static let sources: [(text: String, address: String?, ports: ClosedRange<UInt16>?)] = [
        ("10.0.0.9", "10.0.0.9", nil), ("10.0.0.9:", "10.0.0.9", nil), ("10.0.0.9:0", "10.0.0.9", nil), ("10.0.0.9:5000", "10.0.0.9", 5000...5000),
        ("[fd00::1]", "fd00::1", nil), ("[fd00::1]:5", "fd00::1", 5...5), ("ipv4@10.0.0.9", "10.0.0.9", nil), ("tcp@10.0.0.9", "10.0.0.9", nil),
        ("*", nil, nil), ("0.0.0.0", nil, nil), ("*:5", "0.0.0.0", 5...5), ("[::]:5", "::", 5...5), (":5", "0.0.0.0", 5...5),
    ]

    @Test("of 'source' are an address and a port", arguments: sources)
    func readsSource(text: String, address: String?, ports: ClosedRange<UInt16>?) throws {
        let source = try #require(backend("source \(text)")?.source)
        #expect((source.address, source.ports) == (address.flatMap { IPAddress($0) }, ports))
        #expect(backend("server s :1 source \(text)")?.servers.first?.source == source)
    }

    @Test("of a server's 'source' may be a range; it takes precedence over the section's, and default-server passes it on")
    func serverSource() throws {
        let all = try #require(
            backend(
                "source 10.0.0.1 interface eth1\n server a 10.0.0.9:1\n server b 10.0.0.9:1 source 10.0.0.2:40000-40009 usesrc clientip interface eth2 check\n"
                    + " default-server source 10.0.0.3 usesrc 10.0.0.4:5\n server c 10.0.0.9:1\n server-template t 2 10.0.0.5:1"))
        let sources = all.servers.compactMap { all.source(of: $0) }
        #expect(sources.map(\.interface) == ["eth1", "eth2", nil, nil, nil])
        #expect(sources.map(\.ports) == [nil, 40_000...40_009, nil, nil, nil])
        #expect(sources.map(\.presented) == [nil, .clientAddress] + Array(repeating: .other(.v4(0x0a00_0004), port: 5), count: 3))
        #expect(all.servers.map(\.name) == ["a", "b", "c", "t1", "t2"] && all.servers[1].check != nil)
        #expect(all.servers.map { all.needsClient($0) } == [false, true, false, false, false])
    }

    @Test("give the process only the rights and calls that connects need")
    func rights() {
        func demands(_ lines: String) -> StartConnects {
            StartConnects(Configuration.read("backend a\n \(lines)\n").configuration, hasInterface: { $0 == "lo" })
        }
        let none = demands("server s :1")
        #expect(!none.bindsSockets && !none.entersNamespaces && none.capabilities.isEmpty)
        let plain = demands("source 10.0.0.1\n server s :1")
        #expect(plain.bindsSockets && !plain.entersNamespaces && plain.capabilities.isEmpty && plain.warnings.isEmpty)
        #expect(demands("source 10.0.0.1 usesrc client\n server s :1").capabilities == .useForeignAddresses)
        #expect(demands("source 10.0.0.1 usesrc client\n disabled\n server s :1").capabilities.isEmpty)
        #expect(demands("server s :1 source 10.0.0.1:1000-1010").capabilities == .bindLowPorts)
        let unknown = demands("server s :1 source 10.0.0.1 interface eth7\n server t :1 source * interface lo")
        #expect(unknown.capabilities == .useForeignAddresses)
        #expect(unknown.warnings == ["t.cfg:2: 'source ... interface eth7': no such interface; connects fail until it exists"])
        let named = demands("server s :1 namespace blue\n server t :1")
        #expect(named.entersNamespaces && !named.bindsSockets && named.capabilities == .administerSystem)
        #expect(demands("server s :1 namespace blue\n disabled").capabilities.isEmpty)
        let both = demands("source 10.0.0.1 interface eth7\n server s :1 namespace blue")
        #expect(both.capabilities == [.administerSystem, .useForeignAddresses] && both.warnings.isEmpty, "the interface is one of the namespace")
    }

    @Test("of 'namespace' are a name; the last one counts, and default-server passes it on")
    func namespaces() throws {
        let text = "listen a\n bind :1,:2 namespace green namespace blue\n bind /run/x namespace blue\n default-server namespace blue\n server a 10.0.0.1:1\n"
        let lines = " server b 10.0.0.1:1 namespace green\n server-template t 2 10.0.0.1:1\n server c /run/y\nbackend b\n server d 10.0.0.1:1\n"
        let (configuration, diagnostics) = Configuration.read("global\n stats socket 127.0.0.1:9 namespace red\n" + text + lines)
        #expect(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        #expect(try #require(configuration.frontends.first).binds.map(\.namespace) == ["blue", "blue", nil])
        #expect(configuration.backends.map { $0.servers.map(\.namespace) } == [["blue", "green", "blue", "blue", "blue"], [nil]])
        #expect(configuration.global.statsSockets.map(\.bind.namespace) == ["red"])
        #expect(Set(StartNamespaces.uses(in: configuration).map(\.name)) == ["red", "green", "blue"])
        #expect(StartNamespaces.uses(in: Configuration.read(text + " disabled\n").configuration).isEmpty)
    }

    @Test("'namespace *' of a server, which depends on the client's PROXY header, is refused by name")
    func namespaceOfClient() {
        let alerts = Configuration.read("listen a\n server s :1 namespace *\n").diagnostics.filter { $0.severity == .alert }
        #expect(alerts.map { "\($0)" }.contains { $0.contains("'namespace *'") && $0.contains("keep HAProxy for") }, "\(alerts)")
        #expect(Configuration.read("listen a\n bind :1 namespace *\n").configuration.frontends.first?.binds.first?.namespace == "*", "a file's name")
    }

    @Test("'namespace' is an error at the start if the namespace is missing, or if its file is something else")
    func missingNamespace() {
        let configuration = Configuration.read("listen a\n bind :1\n server s :1\n server t :1 namespace no-such-ns\n").configuration
        let error = #expect(throws: StartError.self) { try StartNamespaces.open(configuration) }
        #expect(
            error?.description
                == "t.cfg:4: 'namespace no-such-ns': there is no file /run/netns/no-such-ns; "
                + "create the namespace ('ip netns add no-such-ns') before the start, or write another name")
    }

    @Test("'setcap' takes HAProxy's names")
    func setcap() {
        for (names, isGood) in [("cap_net_raw", true), ("cap_net_raw,cap_net_bind_service", true), ("cap_sys_admin", true), ("cap_kill", false), ("", false)] {
            #expect(Configuration.alerts(Configuration.read("global\n setcap \"\(names)\"\n").diagnostics).isEmpty == isGood, "\(names)")
        }
    }

    @Test("number servers and name families")
    func servers() throws {
        let servers = try #require(backend("server a 10.0.0.1:1\n server b ipv6@db:1 id 1 guid x\n server-template t 2 db:1 id 9")).servers
        #expect(servers.map(\.identifier) == [2, 1, 9, 5] && servers.map(\.hasFixedIdentifier) == [false, true, true, false])
        #expect(servers.map(\.family) == [nil, .v6, nil, nil] && servers.map(\.preference.family) == [.v4, .v6, .v4, .v4])
    }

    @Test("a server at the client's destination needs the client, and is not checked where its sessions go")
    func clientAddress() throws {
        let all = try #require(backend("server a *:3306 check\n server b 10.0.0.1:3306 check\n server c [::] check port 1"))
        #expect(all.servers.map(\.hasClientAddress) == [true, false, true] && all.servers.map(\.needsClient) == [true, false, true])
        #expect(all.servers.map { all.checksTraffic(of: $0) } == [false, true, false])
    }

    @Test("two listeners may have one address on different interfaces")
    func interfaces() {
        func said(_ first: String, _ second: String) -> Int {
            let text = "listen a\n bind :1 \(first)\n\(Self.times) server s 10.0.0.1:1\nlisten b\n bind :1 \(second)\n\(Self.times) server s 10.0.0.1:1\n"
            return Configuration.read(text).diagnostics.count
        }
        #expect(said("interface eth0", "interface eth1") == 0)
        #expect(said("interface eth0", "") == 0)
        #expect(said("interface eth0", "interface eth0") == 1)
    }

    @Test("of a 'stats socket' are those of a 'bind', and its own")
    func statsSocket() throws {
        let line =
            "stats socket /run/t mode 600 user root gid 4 level admin severity-output string name x maxconn 5 id 3 backlog 9 nice 1 process 1 thread 1 shards 1"
        let (configuration, diagnostics) = Configuration.read("global\n \(line)\n stats socket abns@t\n stats socket ipv6@db:1\n")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let sockets = configuration.global.statsSockets
        #expect((sockets[0].bind.permissions, sockets[0].bind.user, sockets[0].bind.group, sockets[0].bind.connectionsMax) == (0o600, "root", "4", 5))
        #expect(sockets[0].rights.severityOutput == .string && sockets[0].rights.level == .admin && sockets[0].bind.backlog == 9)
        #expect(sockets[1].endpoint == .unix(RawSocketAddress.abstractPath("t")) && "\(sockets[1].endpoint)" == "abns@t")
        #expect(sockets[2].bind.family == .v6)
    }
}
