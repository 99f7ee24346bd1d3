import Support
import Testing
import Wire

@testable import Proxy

/// tsukada or haproxy, each in front of two servers, of which a client gets a certain one.
private struct QueueingProxy {
    let connect: () throws -> TestSocket
    /// The number of sessions in all queues.
    let queued: () throws -> Int
    /// Puts a server in maintenance.
    let takeDown: (Int) throws -> Void
    let log: LogReceiver

    /// A client that is greeted.
    func greeted() throws -> TestSocket {
        let client = try connect()
        #expect(client.text(1) == "s")
        return client
    }

    /// A client that waits.
    func waiting() throws -> TestSocket {
        let before = try queued()
        let client = try connect()
        try #require(eventually { (try? queued()) == before + 1 })
        return client
    }

    /// Ends a client's stream; its server ends the other one.
    func finish(_ client: TestSocket) {
        client.finishSending()
        _ = client.textToEnd()
    }

    /// The next line of a session, without what differs between two runs.
    func line() throws -> String {
        var text = log.line()
        // HAProxy also logs changes of a server's state.
        while text.contains(": Server in/") { text = log.line() }
        let line = try LoggedSession(text)
        let times = [line.queueTime, line.connectTime].map { $0 < 0 ? "-1" : "+" }.joined(separator: "/")
        let counts = line.counts.map(String.init).joined(separator: "/")
        // The servers' names end with the same numbers here and there; HAProxy's begin with 0.
        return "\(line.server) \(times) \(line.bytes) \(line.flags) \(counts)/\(line.retries) \(line.queue[0])/\(line.queue[1])"
    }
}

@Suite("Queues of servers", .timeLimit(.minutes(5)))
struct ForwardingQueueTests {
    /// The header of a client whose place in a map of two is 0.
    private static let header = ProxyHeader(.init(source: .v4(2), sourcePort: 1, destination: .v4(1), destinationPort: 1)).binary()

    /// How the two servers are configured, for both programs.
    struct Setting {
        var balance = (ours: BalanceAlgorithm.source, theirs: "source")
        var hasBackup = false
        var queueMax = 0
        var queueMilliseconds = 60_000
    }

    /// Runs `scenario` on both programs and compares its lines; returns ours.
    private static func compare(_ setting: Setting, _ scenario: (QueueingProxy) throws -> [String]) throws -> [String] {
        let servers = (0..<2).map { TestServer.echo("s\($0)") }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) { settings in
            settings.proxyHeader = .required
            settings.backend.balance = setting.balance.ours
            settings.backend.queueTimeout = .milliseconds(setting.queueMilliseconds)
            for place in 0..<2 {
                settings.backend.servers[place].name = "s\(place)"
                (settings.backend.servers[place].connectionsMax, settings.backend.servers[place].queueMax) = (1, setting.queueMax)
            }
            settings.backend.servers[0].isBackup = setting.hasBackup
            if setting.hasBackup { settings.down = [1] }
        }
        func client(_ connect: () throws -> TestSocket) throws -> TestSocket {
            let client = try connect()
            client.send(header)
            return client
        }
        let ours = QueueingProxy(
            connect: { try client { try harness.connect() } },
            queued: { harness.state.backendCells[0].pointee.waiting.value + (0..<2).reduce(0) { $0 + harness.state.serverCells[$1].pointee.waiting.value } },
            takeDown: { harness.route($0) { $0.isUsable = false } }, log: harness.log)
        let log = LogReceiver()
        let peer = try HAProxyPeer(
            balance: setting.balance.theirs, weights: [1, 1], bindOptions: "accept-proxy", down: setting.hasBackup ? [1] : [],
            lines: ["option redispatch", "timeout queue \(setting.queueMilliseconds)"], log: log
        ) { "maxconn 1 maxqueue \(setting.queueMax)\(setting.hasBackup && $0 == 0 ? " backup" : "")" }
        let theirs = QueueingProxy(
            connect: { try client { try peer.connect() } }, queued: { try peer.queued() },
            takeDown: { try peer.ask("set server in/s\($0) state maint") }, log: log)
        let lines = try [scenario(ours), scenario(theirs)]
        #expect(lines[0] == lines[1], "ours, haproxy's")
        return lines[0]
    }

    @Test("with maxqueue refuse a session that no other server may take", arguments: [false, true])
    func full(hasBackup: Bool) throws {
        var setting = Setting(queueMax: 1)
        if hasBackup { (setting.balance, setting.hasBackup) = ((.roundRobin, "roundrobin"), true) }
        let lines = try Self.compare(setting) { proxy in
            let first = try proxy.greeted()
            let second = try proxy.waiting()
            let third = try proxy.connect()
            #expect(third.hasEnded())
            var lines = [try proxy.line()]
            proxy.finish(first)
            lines.append(try proxy.line())
            #expect(second.text(1) == "s")
            proxy.finish(second)
            return lines + [try proxy.line()]
        }
        #expect(lines == ["s0 -1/-1 0 SQ 3/3/2/1/0 0/0", "s0 +/+ 2 -- 2/2/1/0/0 0/0", "s0 +/+ 2 -- 1/1/0/0/0 1/0"])
    }

    @Test("end a wait with sQ and the server's name")
    func timeout() throws {
        let lines = try Self.compare(Setting(queueMilliseconds: 300)) { proxy in
            let first = try proxy.greeted()
            let second = try proxy.connect()
            #expect(second.hasEnded())
            let line = try proxy.line()
            proxy.finish(first)
            return [line, try proxy.line()]
        }
        #expect(lines == ["s0 +/-1 0 sQ 2/2/1/1/0 1/0", "s0 +/+ 2 -- 1/1/0/0/0 0/0"])
    }

    @Test("are left when the server goes down, which counts as a redispatch")
    func moves() throws {
        let lines = try Self.compare(Setting()) { proxy in
            let first = try proxy.greeted()
            let second = try proxy.waiting()
            try proxy.takeDown(0)
            #expect(second.text(1) == "s")
            proxy.finish(second)
            let line = try proxy.line()
            proxy.finish(first)
            return [line, try proxy.line()]
        }
        #expect(lines == ["s1 +/+ 2 -- 2/2/1/0/+0 1/0", "s0 +/+ 2 -- 1/1/0/0/0 0/0"])
    }

    @Test(
        "are not used where any server may take the session: it waits in the backend's, without maxqueue's limit",
        arguments: ["roundrobin", "first", "static-rr"])
    func backend(balance: String) throws {
        let algorithms: [String: BalanceAlgorithm] = ["roundrobin": .roundRobin, "first": .first, "static-rr": .staticRoundRobin]
        var setting = Setting(queueMax: 1)
        setting.balance = (try #require(algorithms[balance]), balance)
        let lines = try Self.compare(setting) { proxy in
            let served = [try proxy.greeted(), try proxy.greeted()]
            let waiting = [try proxy.waiting(), try proxy.waiting()]
            proxy.finish(served[1])
            var lines = [try proxy.line()]
            #expect(waiting[0].text(1) == "s")
            proxy.finish(waiting[0])
            lines.append(try proxy.line())
            #expect(waiting[1].text(1) == "s")
            proxy.finish(served[0])
            return lines + [try proxy.line()]
        }
        #expect(lines == ["s1 +/+ 2 -- 4/4/3/0/0 0/0", "s1 +/+ 2 -- 3/3/2/0/0 0/1", "s0 +/+ 2 -- 2/2/1/0/0 0/0"])
    }

    @Test("count in the statistics of the server that a session waits for")
    func statistics() throws {
        let servers = ["A", "B"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.backend.balance = .source
            for place in 0..<2 { ($0.backend.servers[place].connectionsMax, $0.backend.servers[place].queueMax) = (1, 1) }
        }
        // 127.0.0.1 is odd.
        let cell = harness.state.serverCells[1]
        let first = try harness.connect()
        #expect(first.text(1) == "B")
        let second = try harness.connect()
        #expect(eventually { cell.pointee.waiting.value == 1 })
        for _ in 0..<2 { #expect(try harness.connect().hasEnded()) }
        #expect(eventually { harness.sum { $0.connectErrors.value } == 2 })
        #expect(harness.state.backendCells[0].pointee.waiting.max == 0)
        harness.route(1) { $0.isUsable = false }
        #expect(second.text(1) == "A")
        #expect(harness.sum { $0.redispatches.value } == 1)
        #expect(cell.pointee.waiting.value == 0 && cell.pointee.waiting.max == 1)
        // Served, waiting and refused sessions, and the one that has moved.
        #expect(harness.sum { $0.chosen.value } == 5)
    }

    @Test("give places to waiting sessions as minconn's limit grows with the arrivals")
    func dynamicLimit() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            ($0.backend.servers[0].connectionsMin, $0.backend.servers[0].connectionsMax, $0.backend.fullConnections) = (1, 5, 10)
            $0.backend.queueTimeout = .seconds(600)
        }
        var clients: [TestSocket] = []
        for (place, held) in [1, 1, 1, 2, 2, 3, 3, 4].enumerated() {
            clients.append(try harness.connect())
            #expect(eventually { harness.held(0) == held && harness.state.backendCells[0].pointee.waiting.value == place + 1 - held })
        }
        for client in clients.prefix(4) { #expect(client.text(1) == "A") }
        for client in clients {
            client.finishSending()
            #expect(client.hasEnded() || client.textToEnd().isEmpty)
        }
        #expect(harness.isEmptyEventually())
        #expect(harness.held(0) == 0 && harness.state.serverCells[0].pointee.sessions.max == 4)
    }

    @Test("keep the order of arrival with minconn over several threads, and serve every client")
    func dynamicLimitUnderLoad() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address, server.address]) {
            $0.threads = 4
            for place in 0..<2 { ($0.backend.servers[place].connectionsMin, $0.backend.servers[place].connectionsMax) = (1, 6) }
            $0.backend.fullConnections = 30
            $0.backend.queueTimeout = .seconds(600)
        }
        for _ in 0..<4 {
            let clients = try (0..<60).map { _ in try harness.connect() }
            let threads = clients.map { client in
                TestThread {
                    guard client.text(1) == "A" else { return }
                    client.finishSending()
                    _ = client.hasEnded()
                }
            }
            for thread in threads { thread.join() }
        }
        #expect(harness.isEmptyEventually())
        #expect(server.acceptedCount == 240)
        #expect((0..<2).allSatisfy { harness.held($0) == 0 && harness.state.serverCells[$0].pointee.sessions.max <= 6 })
        #expect(harness.state.backendCells[0].pointee.waiting.value == 0)
    }
}
