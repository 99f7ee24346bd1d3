import Proxy
import Testing
import Wire

@Suite("The replicas that a primary lists")
struct ReplicaDiscoveryTests {
    private static let one = IPAddress.v4(0x0a00_0001)
    private static let two = IPAddress.v4(0x0a00_0002)

    @Test("are hosts without duplicates in a fixed order, regardless of their ports and the order of the list")
    func hosts() {
        let list = ReplicaList(["10.0.0.2:51234", "2001:db8::1:5123", "10.0.0.1:1", "10.0.0.2:2", "::ffff:10.0.0.1:51234", "10.0.0.2"])
        #expect(list.hosts == [Self.one, Self.two, .v6(high: 0x2001_0db8_0000_0000, low: 1)])
        #expect(list.flaw == nil)
    }

    @Test(
        "are not programs that read the primary's log on its own host",
        arguments: ["localhost", "localhost:51234", "127.0.0.1:51234", "127.9.9.9:1", "::1:51234"])
    func own(line: String) {
        let list = ReplicaList([line, "10.0.0.1:51234"])
        #expect(list.hosts == [Self.one] && list.flaw == nil)
    }

    @Test(
        "are not names or garbage: the list is then incomplete",
        arguments: [
            "db1.internal:51234", "", ":", "::", "10.0.0.256:1", "0.0.0.0:3306", "224.0.0.1:1", "255.255.255.255:1", "ff02::1:51234", ":::51234",
            "fe80::1%eth0:51234", "10.0.0.1\n:1", "\u{0}", "10.0.0.1:51234:",
        ])
    func unusable(line: String) {
        let list = ReplicaList([line, "10.0.0.2:51234"])
        #expect(list.hosts == [Self.two] && list.flaw == .unusable(DatabaseProblem.shown(line, bytesMax: 64)))
        #expect(ReplicaList([nil]).flaw == .unusable(""))
    }

    @Test("have a limit, and so has the quotation of garbage")
    func limits() {
        let many = ReplicaList((0..<1_000).map { "10.0.\($0 / 250).\($0 % 250 + 1):1" })
        #expect(many.hosts.count == ReplicaList.hostsMax && many.flaw == .tooLong)
        guard case .unusable(let shown)? = ReplicaList([String(repeating: "x\u{1b}", count: 10_000)]).flaw else {
            Issue.record("the flaw is missing")
            return
        }
        // Each of the 32 control characters takes four bytes.
        #expect(shown.utf8.count == 32 + 32 * 4 && shown.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
    }

    @Test("stay the same when a list is refused, empty or flawed; a lasting fault is reported once, with advice")
    func troubles() {
        var discovery = ReplicaDiscovery()
        var second: Int64 = 0
        func news(_ list: ReplicaList, seconds: Int64 = 20) -> [DatabaseWatch.LogEntry] {
            (0..<seconds).compactMap { _ in
                second += 1
                return discovery.apply(list, of: "db1", user: "check", now: Instant(nanoseconds: second * 1_000_000_000))
            }
        }
        #expect(news(ReplicaList(["10.0.0.1:1"])).isEmpty && discovery.hosts == [Self.one] && discovery.problem == nil)
        #expect(news(ReplicaList([]), seconds: 4).isEmpty && news(ReplicaList(["10.0.0.1:1"])).isEmpty)
        #expect(news(ReplicaList([])) == [.init(level: .warning, text: "db1 lists no replicas; known replicas stay")])
        let denied = DatabaseProblem(code: 1227, text: "Access denied; you need (at least one of) the PROCESS privilege(s) for this operation")
        #expect(
            news(ReplicaList([], refusal: denied)) == [
                .init(
                    level: .alert,
                    text: "db1 refuses to list its replicas: error 1227 Access denied; you need (at least one of) the PROCESS privilege(s) for this operation; "
                        + "known replicas stay; run GRANT PROCESS ON *.* TO 'check'")
            ])
        #expect(discovery.hosts == [Self.one] && discovery.problem?.contains("GRANT PROCESS") == true)
        #expect(
            news(ReplicaList(["db2.internal:1"])).map(\.text) == [
                "db1 lists replica 'db2.internal:1', which is not a usable address; known replicas stay; set skip_name_resolve so that it lists addresses"
            ])
        #expect(news(ReplicaList(["10.0.0.2:1"])).map(\.text) == ["db1 lists its replicas again"])
        #expect(discovery.hosts == [Self.two] && discovery.problem == nil)
    }

    @Test("are those of the present writer: no other list counts, and no earlier writer's")
    func writerOnly() throws {
        var settings = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        (settings.role, settings.discovery) = (.primary, DatabaseSettings.Discovery(proxy: "read"))
        let now = Instant(nanoseconds: 1_000_000_000)
        var watch = DatabaseWatch(settings, names: ["db1", "db2"], choices: [1, 2], memory: { _ in nil }, writer: nil, now: now)
        func view(_ host: String, isReadOnly: Bool) -> DatabaseFindings {
            var view = DatabaseView(version: "8.4.3", isReadOnly: isReadOnly)
            view.replicas = ReplicaList([host])
            return .seen(view)
        }
        func look(_ looks: [DatabaseFindings]) -> [IPAddress] {
            for (server, look) in looks.enumerated() { watch.apply(look, of: server, now: now) }
            _ = watch.decide(Array(repeating: .init(isRunning: true, isAvailable: true), count: 2), peers: .reachable([]), now: now)
            return looks.enumerated().flatMap { watch.replicas(in: $1, of: $0, now: now)?.list.hosts ?? [] }
        }
        #expect(look([view("10.0.0.1:1", isReadOnly: false), view("10.0.0.2:1", isReadOnly: true)]) == [Self.one])
        // Without a writer no list counts. Afterwards the new writer's list counts.
        #expect(look([view("10.0.0.1:1", isReadOnly: true), view("10.0.0.2:1", isReadOnly: true)]).isEmpty)
        #expect(look([view("10.0.0.1:1", isReadOnly: true), view("10.0.0.2:1", isReadOnly: false)]) == [Self.two])
        // Both accept writes: the writer stays, and its list counts.
        #expect(look([view("10.0.0.1:1", isReadOnly: false), view("10.0.0.2:1", isReadOnly: false)]) == [Self.two])
        #expect(look([view("10.0.0.1:1", isReadOnly: true), .failed]).isEmpty)
        #expect(watch.discovery?.hosts == [Self.two])
    }
}
