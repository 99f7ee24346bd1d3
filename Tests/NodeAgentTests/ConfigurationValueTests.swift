import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A value")
struct ConfigurationValueTests {
    static let times: [(text: String, time: Duration?)] = [
        ("0", .zero), ("2000", .seconds(2)), ("2000us", .milliseconds(2)), ("1500us", .milliseconds(2)), ("500us", .milliseconds(1)), ("1us", .milliseconds(1)),
        ("0us", .zero), ("500ms", .milliseconds(500)),
        ("10s", .seconds(10)), ("5m", .seconds(300)), ("2h", .seconds(7_200)), ("24d", .seconds(2_073_600)), ("2147483647", .milliseconds(2_147_483_647)),
        ("0s", .zero), ("2147483648", nil), ("25d", nil), ("", nil), ("s", nil), ("1 s", nil), ("1S", nil), ("1min", nil), ("-1", nil),
        ("+1", nil), ("1.5s", nil), ("99999999999999999999s", nil), ("999999999999d", nil), ("1\u{0661}", nil),
    ]

    @Test("of time has a unit, or counts milliseconds", arguments: times)
    func readsTime(text: String, time: Duration?) { #expect(ConfigurationValue.time(text) == time) }

    @Test(
        "of time may have text after its unit, with a warning: later HAProxy versions refuse it", arguments: [("1min", "1m"), ("2sec", "2s"), ("5ms2", "5ms")])
    func readsTimeWithRest(text: String, read: String) throws {
        let (configuration, diagnostics) = Configuration.read("listen a\n timeout client \(text)\n")
        #expect(configuration.frontends.first?.clientTimeout == ConfigurationValue.time(read))
        let warning = try #require(diagnostics.first { $0.location.line == 2 })
        #expect(warning.severity == .warning)
        #expect(warning.description.hasPrefix("t.cfg:2: 'timeout client \(text)' is read as '\(read)' in section 'listen a'; write '\(read)'"))
    }

    static let sizes: [(text: String, size: Int?)] = [
        ("0", 0), ("1024", 1_024), ("4k", 4_096), ("4K", 4_096), ("2m", 2_097_152), ("1g", 1_073_741_824), ("k", nil), ("", nil), ("4kb", nil),
        ("-4k", nil), ("99999999999", nil), ("999999999g", 999_999_999 << 30),
    ]

    @Test("of size may end in k, m or g", arguments: sizes)
    func readsSize(text: String, size: Int?) { #expect(ConfigurationValue.size(text) == size) }

    static let binds: [(text: String, endpoints: [Endpoint]?)] = [
        ("10.0.0.1:3306", [.ip(.v4(0x0a00_0001), port: 3306)]),
        ("*:3306", [.ip(.anyV4, port: 3306)]),
        (":3306", [.ip(.anyV4, port: 3306)]),
        (":::3306", [.ip(.anyV6, port: 3306)]),
        ("[::]:3306", [.ip(.anyV6, port: 3306)]),
        ("ipv6@*:3306", [.ip(.anyV6, port: 3306)]),
        ("ipv6@:3306", [.ip(.anyV6, port: 3306)]),
        ("ipv4@:3306", [.ip(.anyV4, port: 3306)]),
        ("ipv4@10.0.0.1:1", [.ip(.v4(0x0a00_0001), port: 1)]),
        ("2001:db8::1:3306", [.ip(.v6(high: 0x2001_0db8_0000_0000, low: 1), port: 3306)]),
        ("tsukada01:3306", [.name("tsukada01", port: 3306)]),
        ("/run/t.sock", [.unix("/run/t.sock")]),
        ("unix@run/t.sock", [.unix("run/t.sock")]),
        ("fd@3", [.inherited(3)]),
        ("abns@t", [.unix(RawSocketAddress.abstractPath("t"))]),
        ("abns@/t", [.unix(RawSocketAddress.abstractPath("/t"))]),
        ("abns@" + String(repeating: "a", count: 107), [.unix("\0" + String(repeating: "a", count: 107))]),
        ("tcp@10.0.0.1:1", [.ip(.v4(0x0a00_0001), port: 1)]),
        ("tcp4@10.0.0.1:1-2", [.ip(.v4(0x0a00_0001), port: 1), .ip(.v4(0x0a00_0001), port: 2)]),
        ("tcp6@[::1]:1", [.ip(.v6(high: 0, low: 1), port: 1)]),
        ("tcp@:1", [.ip(.anyV4, port: 1)]), ("tcp4@:1", [.ip(.anyV4, port: 1)]), ("tcp6@:1", [.ip(.anyV6, port: 1)]), ("tcp@*:1", [.ip(.anyV4, port: 1)]),
        ("ip@10.0.0.1:1", [.ip(.v4(0x0a00_0001), port: 1)]), ("uxst@/run/t", [.unix("/run/t")]), ("unix@/run/a@b", [.unix("/run/a@b")]),
        ("tcp@db:1", [.name("db", port: 1)]), ("ipv4@host:1", [.name("host", port: 1)]), ("tcp6@host:1", [.name("host", port: 1)]),
        ("10.0.0.1:1-3", [.ip(.v4(0x0a00_0001), port: 1), .ip(.v4(0x0a00_0001), port: 2), .ip(.v4(0x0a00_0001), port: 3)]),
        (":1,:2,/x", [.ip(.anyV4, port: 1), .ip(.anyV4, port: 2), .unix("/x")]),
        ("10.0.0.1", nil), (":", nil), ("", nil), (":0", nil), (":65536", nil), (":3-1", nil), (":1-2-3", nil), (":1-2000", nil), (":1,", nil),
        ("ipv6@10.0.0.1:1", nil), ("ipv4@[::1]:1", nil), ("10.0.0.256:1", nil), ("a b:1", nil), ("fd@x", nil), ("fd@", nil),
        ("tcp6@10.0.0.1:1", nil), ("abns@", nil), ("abns@" + String(repeating: "a", count: 108), nil), ("uxdg@/x", nil), ("udp@:1", nil), ("mptcp@:1", nil),
        ("sockpair@3", nil), ("abnsz@x", nil),
        ("[::1]", nil), ("-:1", [.name("-", port: 1)]), ("/" + String(repeating: "a", count: 107), nil), ("quic4@:1", nil),
    ]

    @Test("of a bind line is an address, a list, a range, a path or a descriptor", arguments: binds)
    func readsBind(text: String, endpoints: [Endpoint]?) {
        let (configuration, diagnostics) = Configuration.read("listen a\n timeout client 1s\n bind \"\(text)\"\n")
        #expect(diagnostics.contains { $0.severity == .alert } == (endpoints == nil))
        #expect(configuration.frontends.first?.binds.map(\.endpoint) == endpoints ?? [])
    }

    static let servers: [(text: String, endpoint: Endpoint?, port: PortRule)] = [
        ("10.0.0.1:3306", .ip(.v4(0x0a00_0001), port: 3306), .fixed(3306)),
        ("10.0.0.1", .ip(.v4(0x0a00_0001), port: 0), .client(offset: 0)),
        ("10.0.0.1:+10", .ip(.v4(0x0a00_0001), port: 0), .client(offset: 10)),
        ("db:-10", .name("db", port: 0), .client(offset: -10)),
        ("[2001:db8::1]:3306", .ip(.v6(high: 0x2001_0db8_0000_0000, low: 1), port: 3306), .fixed(3306)),
        ("[2001:db8::1]", .ip(.v6(high: 0x2001_0db8_0000_0000, low: 1), port: 0), .client(offset: 0)),
        ("ipv4@10.0.0.1:1", .ip(.v4(0x0a00_0001), port: 1), .fixed(1)),
        ("db01.internal.:3306", .name("db01.internal.", port: 3306), .fixed(3306)),
        ("/run/mysqld.sock", .unix("/run/mysqld.sock"), .client(offset: 0)),
        ("unix@/run/mysqld.sock", .unix("/run/mysqld.sock"), .client(offset: 0)),
        ("*:1", .ip(.anyV4, port: 1), .fixed(1)), ("0.0.0.0:1", .ip(.anyV4, port: 1), .fixed(1)), (":1", .ip(.anyV4, port: 1), .fixed(1)),
        ("*", .ip(.anyV4, port: 0), .client(offset: 0)), ("*:-5", .ip(.anyV4, port: 0), .client(offset: -5)), ("[::]:1", .ip(.anyV6, port: 1), .fixed(1)),
        ("ipv6@*:1", .ip(.anyV6, port: 1), .fixed(1)), ("tcp@10.0.0.1:1", .ip(.v4(0x0a00_0001), port: 1), .fixed(1)),
        ("ipv4@db:1", .name("db", port: 1), .fixed(1)), ("tcp6@db:1", .name("db", port: 1), .fixed(1)),
        ("abns@db", .unix(RawSocketAddress.abstractPath("db")), .client(offset: 0)), ("uxst@/run/d", .unix("/run/d"), .client(offset: 0)),
        ("tcp6@10.0.0.1:1", nil, .fixed(1)), ("udp@10.0.0.1:1", nil, .fixed(1)), ("sockpair@3", nil, .fixed(1)),
        ("db:0", nil, .fixed(1)), ("db:x", nil, .fixed(1)),
        ("db:+x", nil, .fixed(1)), ("_mysql..internal", nil, .fixed(1)), ("_mysql._tcp.internal:+1", nil, .fixed(1)),
        ("_mysql._tcp.internal", nil, .fixed(1)), ("fd@3", nil, .fixed(1)), ("db..x:1", nil, .fixed(1)), ("1.2.3:1", nil, .fixed(1)),
    ]

    @Test("of a server line is a name or an address, with a port or the client's", arguments: servers)
    func readsServer(text: String, endpoint: Endpoint?, port: PortRule) {
        let (configuration, diagnostics) = Configuration.read("backend a\n server s \"\(text)\"\n")
        #expect(diagnostics.contains { $0.severity == .alert } == (endpoint == nil))
        #expect(configuration.backends.first?.servers.first?.endpoint == endpoint)
        if endpoint != nil { #expect(configuration.backends.first?.servers.first?.port == port) }
    }

    @Test("of a service needs a resolvers section, and each of its servers takes another record")
    func readsService() throws {
        let resolvers = "resolvers r\n nameserver n 10.0.0.2:53\n"
        for line in ["server s _mysql._tcp.db check", "server-template s 2 _mysql._tcp.db check"] {
            let lonely = Configuration.alerts(Configuration.read("backend a\n \(line)\n").diagnostics)
            #expect(lonely.count == 1 && lonely.allSatisfy { $0.contains("missing 'resolvers'") }, "\(lonely)")
            let (configuration, diagnostics) = Configuration.read("\(resolvers)backend a\n \(line) resolvers r\n")
            #expect(Configuration.alerts(diagnostics).isEmpty)
            let server = try #require(configuration.backends.first?.servers.first)
            #expect(server.isOfService && server.isTemplateSlot && server.endpoint == .name("_mysql._tcp.db", port: 0) && server.port == .fixed(0))
        }
        #expect(Configuration.alerts(Configuration.read("\(resolvers)backend a\n server s _mysql._tcp.db:x resolvers r\n").diagnostics).count == 1)
    }

    static let logs: [(text: String, target: (endpoint: Endpoint, facility: Int)?)] = [
        ("10.0.0.1 local0", (.ip(.v4(0x0a00_0001), port: 514), 16)),
        ("loghost:5514 daemon", (.name("loghost", port: 5514), 3)),
        ("udp@10.0.0.1:1 kern", (.ip(.v4(0x0a00_0001), port: 1), 0)),
        ("[::1]:514 local7", (.ip(.v6(high: 0, low: 1), port: 514), 23)),
        ("/dev/log local1", (.unix("/dev/log"), 17)),
        ("stdout local0", (.inherited(1), 16)),
        ("stderr local0", (.inherited(2), 16)),
        ("fd@5 local0", (.inherited(5), 16)),
        ("10.0.0.1", nil), ("10.0.0.1 local8", nil), ("ring@x local0", nil), ("tcp@10.0.0.1 local0", nil), ("10.0.0.1 local0 loud", nil),
        ("10.0.0.1 len 5 local0", nil), ("10.0.0.1 format rfc5424 local0", nil), ("10.0.0.1 local0 info debug x", nil), ("global", nil),
    ]

    @Test("of a log line is a target with a facility", arguments: logs.indices)
    func readsLog(index: Int) {
        let (text, target) = Self.logs[index]
        let (configuration, diagnostics) = Configuration.read("global\n log \(text)\n")
        #expect(diagnostics.contains { $0.severity == .alert } == (target == nil), "\(text)")
        #expect(configuration.global.logTargets.first?.endpoint == target?.endpoint, "\(text)")
        #expect(configuration.global.logTargets.first?.facility == target?.facility, "\(text)")
    }

    @Test("of a log line has a length, a format and levels")
    func readsLogOptions() {
        let (configuration, diagnostics) = Configuration.read("global\n log 10.0.0.1 len 2048 format raw local3 notice err\n")
        #expect(diagnostics.isEmpty)
        var target = LogTarget(endpoint: .ip(.v4(0x0a00_0001), port: 514), facility: 19, location: ConfigurationLocation(file: "t.cfg", line: 2))
        target.lengthMax = 2_048
        target.format = .raw
        target.leastSevere = .notice
        target.mostSevere = .error
        #expect(configuration.global.logTargets == [target])
    }
}
