import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

/// AWS's Network Load Balancer sends its header with the client's first bytes by default, and MySQL's clients wait for the server's greeting first.
@Suite("PROXY headers that arrive with the client's first bytes", .timeLimit(.minutes(5)))
struct ForwardingLateHeaderTests {
    private static let here = [IPNetwork("127.0.0.0/8")].compactMap { $0 }
    private static let elsewhere = [IPNetwork("10.0.0.0/8")].compactMap { $0 }
    static let rules: [ProxyHeaderRule] = [.required, .optional(from: here)]
    private static let header = ProxyHeader(
        ProxyHeader.Addresses(source: .v4(0x0a01_0203), sourcePort: 40_000, destination: .v4(0x0a00_010a), destinationPort: 3_306)
    ).binary(.checksum)

    private func harness(_ servers: [TestServer], _ rule: ProxyHeaderRule, _ edit: (inout ForwardingHarness.Settings) -> Void = { _ in }) throws
        -> ForwardingHarness
    {
        try ForwardingHarness(servers.map(\.address)) {
            $0.proxyHeader = rule
            $0.backend.isServerFirst = true
            edit(&$0)
        }
    }

    /// A client that has received the greeting, and has sent nothing yet.
    private func greetedClient(_ harness: ForwardingHarness) throws -> TestSocket {
        let client = try harness.connect()
        try Sockets.set(TCP_NODELAY, at: Int32(IPPROTO_TCP), to: 1, on: client.raw)
        #expect(client.text(1) == "A")
        return client
    }

    private func expectNotice(_ harness: ForwardingHarness) {
        let line = harness.log.line()
        #expect(line.contains(": Proxy front: late PROXY header, "), "\(line)")
    }

    /// Expects the log line of a refused connection from `port`.
    private func expectRefusal(_ reason: ProxyHeaderRefusal, _ harness: ForwardingHarness, from port: UInt16) {
        let line = harness.log.line()
        #expect(line.hasSuffix("] front/1: \(reason.rawValue)\n") && line.contains(": 127.0.0.1:\(port) ["), "\(line)")
    }

    @Test("are removed and used, whole and in pieces, alone and with data after them; one line informs the operator", arguments: rules)
    func used(rule: ProxyHeaderRule) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server], rule)
        let pieces: [[[UInt8]]] = [
            [Self.header + Array("x".utf8)], [Self.header, Array("x".utf8)], Self.header.map { [$0] } + [Array("x".utf8)],
            [Array(Self.header.prefix(15)), Array(Self.header.dropFirst(15)) + Array("x".utf8)],
        ]
        for (place, bytes) in pieces.enumerated() {
            let client = try greetedClient(harness)
            for piece in bytes { client.send(piece) }
            #expect(client.text(1) == "x")
            client.finishSending()
            #expect(client.hasEnded())
            if place == 0 { expectNotice(harness) }
            let session = try harness.log.session()
            #expect((session.client, session.clientPort, session.flags) == ("10.1.2.3", 40_000, "--"))
            #expect(session.queueTime >= 300)
        }
        // The header does not count as the client's bytes.
        #expect(harness.sum { $0.bytesIn.value } == UInt64(pieces.count))
        #expect(harness.isEmptyEventually())
    }

    @Test("count once: a second header is the client's own data", arguments: rules)
    func second(rule: ProxyHeaderRule) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server], rule)
        var forged = Self.header
        forged[16] = 99
        let client = try greetedClient(harness)
        client.send(Self.header + forged)
        #expect(client.receive(upTo: forged.count) == forged)
        client.finishSending()
        #expect(client.hasEnded())
        expectNotice(harness)
        #expect(try harness.log.session().client == "10.1.2.3")
    }

    @Test("are not accepted after the client's first bytes", arguments: ["x", "\r", "PROXY!"])
    func tooLate(first: String) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server], .optional(from: Self.here))
        let client = try greetedClient(harness)
        client.send(first)
        // Bytes that may begin a header are held back until more arrive.
        if first == "\r" {
            try holds(for: 0.02, "no byte comes back") { Interest.ready(client.raw, for: .read).isEmpty }
        } else {
            #expect(client.text(first.utf8.count) == first)
        }
        client.send("y")
        let rest = first == "\r" ? first + "y" : "y"
        #expect(client.text(rest.utf8.count) == rest)
        client.send(Self.header)
        #expect(client.receive(upTo: Self.header.count) == Self.header)
        client.finishSending()
        #expect(client.hasEnded())
        #expect(try harness.log.session().client == "127.0.0.1")
    }

    @Test("are the client's own data from other networks, and where no header is expected", arguments: [ProxyHeaderRule.none, .optional(from: elsewhere)])
    func foreign(rule: ProxyHeaderRule) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server], rule)
        let client = try greetedClient(harness)
        client.send(Self.header)
        #expect(client.receive(upTo: Self.header.count) == Self.header)
        client.close()
        #expect(try harness.log.session().client == "127.0.0.1")
    }

    @Test("end the connection when they are malformed, and the server receives no byte of it", arguments: rules)
    func broken(rule: ProxyHeaderRule) throws {
        let received = TestGate()
        let server = TestServer { socket in
            socket.send("A")
            if let bytes = socket.receive(), !bytes.isEmpty { received.open() }
        }
        defer { server.stop() }
        let harness = try harness([server], rule) { $0.hidesEmptySessions = true }
        var wrongSum = Self.header
        wrongSum[17] ^= 1
        var cases: [([UInt8], ProxyHeaderRefusal)] = [
            (wrongSum + Array("x".utf8), .malformed), (Array("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n".utf8), .otherProtocol),
            (Array(Self.header.prefix(20)), .truncated),
        ]
        if rule == .required { cases += [(Array("x".utf8), .absent), ([], .closed)] }
        for (bytes, reason) in cases {
            let client = try greetedClient(harness)
            let port = client.localPort
            client.send(bytes)
            if reason == .truncated || reason == .closed { client.finishSending() }
            #expect((client.receive() ?? []).isEmpty)
            expectRefusal(reason, harness, from: port)
        }
        #expect(harness.isEmptyEventually())
        #expect(!received.isOpen)
    }

    @Test("may take as long as timeout client when they are mandatory, or have begun", arguments: rules)
    func overdue(rule: ProxyHeaderRule) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server], rule) {
            $0.frontend.clientTimeout = .milliseconds(200)
            $0.hidesEmptySessions = true
        }
        for begun in rule == .required ? [0, 20] : [20] {
            let client = try greetedClient(harness)
            client.send(Array(Self.header.prefix(begun)))
            #expect((client.receive() ?? []).isEmpty)
            expectRefusal(.timeout, harness, from: client.localPort)
        }
        #expect(harness.isEmptyEventually())
    }

    @Test("of a client that resets do not reach the server", arguments: rules)
    func reset(rule: ProxyHeaderRule) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server], rule)
        let client = try greetedClient(harness)
        let port = client.localPort
        client.reset()
        if rule == .required { expectRefusal(.failed, harness, from: port) } else { #expect(try harness.log.flags() == "CD") }
        #expect(harness.isEmptyEventually())
    }

    @Test("cause no error for a client without a header when the server has ended its stream")
    func serverEnds() throws {
        let server = TestServer { $0.send("A") }
        defer { server.stop() }
        let harness = try harness([server], .required)
        let client = try greetedClient(harness)
        #expect(client.hasEnded())
        client.finishSending()
        #expect(try harness.log.flags() == "--")
    }

    @Test("are awaited before the connect when the server, or its port, needs their addresses", arguments: [false, true])
    func neededBefore(byPort: Bool) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let port = Int(try #require(server.address.port))
        let harness = try harness([server], .required) {
            $0.backend.servers[0].endpoint = .name("db", port: 0)
            if byPort { $0.backend.servers[0].port = .client(offset: port - 3_306) } else { $0.backend.servers[0].proxyHeader = .text }
        }
        let client = try harness.connect()
        try holds(for: 0.5, "no connect to the server") { server.acceptedCount == 0 }
        client.send(Self.header)
        #expect(client.text(1) == "A")
        client.close()
        #expect(try harness.log.session().client == "10.1.2.3")
    }

    @Test("are accepted where mysql-check implies that the server sends first, with or without checks, but not where checks use another port")
    func mysqlCheck() throws {
        var elsewhere = CheckSettings()
        elsewhere.port = 1
        for check in [nil, CheckSettings(), elsewhere] {
            let server = database(.says(greeting("A")))
            defer { server.stop() }
            let harness = try ForwardingHarness([server.address]) {
                $0.proxyHeader = .required
                $0.backend.check = .mysql(MySQLCheckSettings())
                $0.backend.servers[0].endpoint = .name("db", port: 0)
                $0.backend.servers[0].check = check
            }
            let client = try harness.connect()
            guard check != elsewhere else {
                try holds(for: 0.5, "no connect to the server") { server.acceptedCount == 0 }
                continue
            }
            #expect(greeted(client, "A"))
            client.send(Self.header + Array("x".utf8))
            #expect(client.text(1) == "x")
        }
    }

    @Test("are passed on to the server if the connect has not succeeded before")
    func toldOn() throws {
        let address = TestServer.refusing()
        let harness = try ForwardingHarness([address]) {
            $0.proxyHeader = .optional(from: Self.here)
            $0.backend.isServerFirst = true
            $0.backend.servers[0].proxyHeader = .text
        }
        let client = try harness.connect()
        #expect(eventually { harness.sum { $0.retries.value } > 0 })
        client.send(Self.header)
        try holds(for: 0.05, "the header ends no session") { harness.sessionCount == 1 }
        let server = TestServer.echo("", at: address)
        defer { server.stop() }
        let expected = "PROXY TCP4 10.1.2.3 10.0.1.10 40000 3306\r\n"
        #expect(client.text(expected.utf8.count) == expected)
    }

    @Test("let a session move to another server until the client itself has sent data", arguments: rules, [true, false])
    func otherServer(rule: ProxyHeaderRule, isEarly: Bool) throws {
        let servers = [TestServer.silent(), TestServer.echo("A")]
        defer { for server in servers { server.stop() } }
        let harness = try harness(servers, rule) { $0.backend.greetingTimeout = .milliseconds(isEarly ? 500 : 3_000) }
        // The first turn is the silent server's.
        let client = try harness.connect()
        if !isEarly { try holds(for: 0.45, "the silent server is not left") { servers[1].acceptedCount == 0 } }
        client.send(Self.header)
        #expect(client.text(1) == "A")
        client.send("x")
        #expect(client.text(1) == "x")
        client.close()
        if !isEarly { expectNotice(harness) }
        let session = try harness.log.session()
        #expect((session.client, session.server) == ("10.1.2.3", "s2"))
        #expect(harness.isEmptyEventually())
    }

    @Test("appear in the lines at accept, which wait for them", arguments: rules)
    func connectLine(rule: ProxyHeaderRule) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server], rule) { $0.sessionLog = .connect }
        let client = try greetedClient(harness)
        client.send(Self.header)
        expectNotice(harness)
        #expect(harness.log.line().hasSuffix(": Connect from 10.1.2.3:40000 to 10.0.1.10:3306 (front/TCP)\n"))
        guard rule != .required else { return }
        let plain = try greetedClient(harness)
        plain.send("x")
        #expect(harness.log.line().contains(": Connect from 127.0.0.1:\(plain.localPort) to "))
        let silent = try greetedClient(harness)
        silent.close()
        #expect(harness.log.line().contains(": Connect from 127.0.0.1:"))
    }
}
