import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

@Suite("PROXY headers", .timeLimit(.minutes(5)))
struct ForwardingProxyHeaderTests {
    private static let forms: [ProxyHeaderForm] = [.text, .binary([]), .binary(.checksum)]
    private static let v4 = ProxyHeader(
        ProxyHeader.Addresses(source: .v4(0x0a01_0203), sourcePort: 40_000, destination: .v4(0x0a00_010a), destinationPort: 3_306))
    private static let v6 = ProxyHeader(
        ProxyHeader.Addresses(
            source: .v6(high: 0x2001_0db8_0000_0000, low: 1), sourcePort: 50_000, destination: .v6(high: 0x2001_0db8_0000_0000, low: 2), destinationPort: 3_306)
    )
    private static let here = [IPNetwork("127.0.0.0/8")].compactMap { $0 }
    private static let elsewhere = [IPNetwork("10.0.0.0/8")].compactMap { $0 }

    private func harness(_ server: TestServer, _ rule: ProxyHeaderRule = .required, _ edit: (inout ForwardingHarness.Settings) -> Void = { _ in }) throws
        -> ForwardingHarness
    {
        try ForwardingHarness([server.address]) {
            $0.proxyHeader = rule
            edit(&$0)
        }
    }

    /// Expects the line of a connection from `port` that did not become a session.
    private func expectRefusal(_ reason: ProxyHeaderRefusal, _ harness: ForwardingHarness, from port: UInt16) {
        let line = harness.log.line()
        #expect(line.hasPrefix("<134>") && line.hasSuffix("] front/1: \(reason.rawValue)\n"), "\(line)")
        #expect(line.contains(": 127.0.0.1:\(port) ["), "\(line)")
    }

    /// Exchanges a byte with the server behind `client`, and ends.
    private func talk(_ client: TestSocket) {
        #expect(client.text(1) == "A")
        client.send("x")
        #expect(client.text(1) == "x")
        client.finishSending()
        #expect(client.hasEnded())
    }

    @Test("name the client in the log, whole, in pieces, and with data in the same segment", arguments: forms)
    func accepted(form: ProxyHeaderForm) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server)
        for (header, address, port) in [(Self.v4, "10.1.2.3", 40_000), (Self.v6, "2001:db8::1", 50_000)] {
            let bytes = form.bytes(header)
            let whole = try harness.connect()
            whole.send(bytes)
            talk(whole)
            let slow = try harness.connect()
            try Sockets.set(TCP_NODELAY, at: Int32(IPPROTO_TCP), to: 1, on: slow.raw)
            for byte in bytes { slow.send([byte]) }
            talk(slow)
            let eager = try harness.connect()
            eager.send(bytes + Array("early".utf8))
            #expect(eager.text(6) == "Aearly")
            eager.finishSending()
            #expect(eager.hasEnded())
            for _ in 0..<3 {
                let session = try harness.log.session()
                #expect((session.client, session.clientPort, session.flags) == (address, port, "--"))
            }
        }
        #expect(harness.isEmptyEventually())
    }

    @Test("without addresses leave the connection's own address, and extensions are skipped")
    func nobody() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server)
        for form in Self.forms {
            let client = try harness.connect()
            client.send(form.bytes(ProxyHeader(nil)))
            talk(client)
            let session = try harness.log.session()
            #expect((session.client, session.clientPort) == ("127.0.0.1", Int(client.localPort)))
        }
        var extended = ProxyHeader(Self.v4.addresses, endpoint: "vpce-0123456789abcdef0").binary([]) + [0x04, 0, 3, 0, 0, 0]
        extended[15] += 6
        let client = try harness.connect()
        client.send(extended)
        talk(client)
        #expect(try harness.log.session().client == "10.1.2.3")
    }

    @Test("that are cut off end the connection, and no server is connected to", arguments: forms)
    func truncated(form: ProxyHeaderForm) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server)
        let bytes = form.bytes(Self.v6)
        for count in 0..<bytes.count {
            let client = try harness.connect()
            let port = client.localPort
            client.send(Array(bytes.prefix(count)))
            client.finishSending()
            #expect((client.receive() ?? []).isEmpty, "after \(count) bytes")
            expectRefusal(count == 0 ? .closed : .truncated, harness, from: port)
        }
        #expect(server.acceptedCount == 0)
        #expect(harness.isEmptyEventually())
    }

    @Test("that are missing or malformed end the connection with a reason")
    func refused() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server)
        var wrongSum = Self.v4.binary(.checksum)
        wrongSum[20] ^= 1
        var tooLong = Self.v4.binary([])
        tooLong[14] = 0x80
        let cases: [([UInt8], ProxyHeaderRefusal)] = [
            (wrongSum, .malformed), (tooLong, .malformed), (Array("PROXY TCP4 1.2.3.4\r\n".utf8), .malformed),
            (Array(("PROXY UNKNOWN " + String(repeating: "x", count: 200)).utf8), .malformed),
            (Array("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n".utf8), .otherProtocol), (Array("GET / HTTP/1.1\r\n\r\n".utf8), .absent),
        ]
        for (bytes, reason) in cases {
            let client = try harness.connect()
            let port = client.localPort
            client.send(bytes)
            // A close with unread bytes resets the connection.
            #expect((client.receive() ?? []).isEmpty)
            expectRefusal(reason, harness, from: port)
        }
        #expect(server.acceptedCount == 0)
        #expect(harness.isEmptyEventually())
    }

    @Test("that never come are awaited for timeout client")
    func never() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server) { $0.frontend.clientTimeout = .milliseconds(50) }
        for begun in ["", "PROXY TCP4 1.2.3.4 "] {
            let client = try harness.connect()
            client.send(begun)
            #expect((client.receive() ?? []).isEmpty)
            expectRefusal(.timeout, harness, from: client.localPort)
        }
        #expect(server.acceptedCount == 0)
        #expect(harness.isEmptyEventually())
    }

    @Test("with option dontlognull: clients that leave immediately without a byte are not logged, others are")
    func dontLogNull() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        for hides in [false, true] {
            let harness = try harness(server) {
                $0.hidesEmptySessions = hides
                $0.frontend.clientTimeout = .milliseconds(100)
            }
            let silent = try harness.connect()
            #expect(silent.hasEnded())
            expectRefusal(.timeout, harness, from: silent.localPort)
            let reset = try harness.connect()
            let port = reset.localPort
            reset.reset()
            if !hides { expectRefusal(.failed, harness, from: port) }
            #expect(harness.isEmptyEventually())
            let other = try harness.connect()
            other.send("hello, is this a database?")
            expectRefusal(.absent, harness, from: other.localPort)
            #expect(harness.log.isSilent())
        }
        let patient = try harness(server) { $0.hidesEmptySessions = true }
        let client = try patient.connect()
        let port = client.localPort
        #expect(eventually { patient.sessionCount == 1 })
        try holds(for: 0.4, "the silent client stays") { patient.sessionCount == 1 && patient.log.isSilent() }
        client.finishSending()
        expectRefusal(.closed, patient, from: port)
    }

    @Test("that are optional for this network may be missing: at once when the client sends other data, after a moment when it is silent")
    func optional() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server, .optional(from: Self.elsewhere + Self.here))
        for form in Self.forms {
            let client = try harness.connect()
            client.send(form.bytes(Self.v4))
            talk(client)
            #expect(try harness.log.session().client == "10.1.2.3")
        }
        var waits: [String: Int] = [:]
        for first in ["", "hello", "P", "GET / HTTP/1.1\r\n\r\n"] {
            let client = try harness.connect()
            client.send(first)
            if first == "P" { client.send("ING") }
            let expected = first == "P" ? "APING" : "A" + first
            #expect(client.text(expected.utf8.count) == expected)
            client.finishSending()
            #expect(client.hasEnded())
            let session = try harness.log.session()
            #expect(session.client == "127.0.0.1")
            waits[first] = session.queueTime
        }
        let silent = waits.removeValue(forKey: "") ?? 0
        #expect(silent >= 300 && waits.values.contains { $0 < silent }, "\(silent) \(waits)")
        // A client that closes at once has a session like any other.
        let scan = try harness.connect()
        scan.finishSending()
        #expect(scan.textToEnd() == "A")
        #expect(try harness.log.session().client == "127.0.0.1")
        #expect(harness.isEmptyEventually())
    }

    @Test("that are optional are refused when they are malformed, and awaited when they have begun")
    func optionalBroken() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server, .optional(from: Self.here)) { $0.frontend.clientTimeout = .milliseconds(700) }
        let broken = try harness.connect()
        broken.send("PROXY TCP4 1.2.3.4\r\n")
        #expect((broken.receive() ?? []).isEmpty)
        expectRefusal(.malformed, harness, from: broken.localPort)
        let slow = try harness.connect()
        slow.send("PROXY TCP4 1.2.3.4 ")
        try holds(for: 0.4, "the rest of the header is awaited") { server.acceptedCount == 0 && harness.log.isSilent() }
        slow.send("1.2.3.5 6 7\r\n")
        #expect(slow.text(1) == "A")
        slow.finishSending()
        #expect(slow.hasEnded())
        #expect(try harness.log.session().client == "1.2.3.4")
        let stuck = try harness.connect()
        stuck.send("PROXY TCP4 ")
        #expect((stuck.receive() ?? []).isEmpty)
        expectRefusal(.timeout, harness, from: stuck.localPort)
        #expect(server.acceptedCount == 1)
    }

    @Test("from another network, or where none is expected, are the client's own data", arguments: [ProxyHeaderRule.none, .optional(from: elsewhere)])
    func foreign(rule: ProxyHeaderRule) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server, rule)
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        let header = "PROXY TCP4 1.2.3.4 1.2.3.5 6 7\r\n"
        client.send(header)
        #expect(client.text(header.utf8.count) == header)
        client.close()
        #expect(try harness.log.session().client == "127.0.0.1")
    }

    @Test("name the client to the server, before the client's first byte", arguments: forms)
    func sent(form: ProxyHeaderForm) throws {
        let server = TestServer.echo("")
        defer { server.stop() }
        let harness = try harness(server, .none) { $0.backend.servers[0].proxyHeader = form }
        let client = try harness.connect()
        client.send("early")
        let addresses = ProxyHeader.Addresses(
            source: .v4(0x7f00_0001), sourcePort: client.localPort, destination: .v4(0x7f00_0001), destinationPort: harness.address.port ?? 0)
        let expected = form.bytes(ProxyHeader(addresses)) + Array("early".utf8)
        #expect(client.text(expected.count) == String(decoding: expected, as: UTF8.self))
        client.finishSending()
        #expect(client.hasEnded())
        // The header does not count as the client's bytes.
        #expect(harness.sum { $0.bytesIn.value } == 5)
    }

    @Test("are passed on with the same addresses", arguments: forms)
    func toldOn(form: ProxyHeaderForm) throws {
        let server = TestServer.echo("")
        defer { server.stop() }
        let harness = try harness(server) { $0.backend.servers[0].proxyHeader = form }
        for header in [Self.v4, Self.v6] {
            let client = try harness.connect()
            client.send(header.text)
            let expected = form.bytes(header)
            #expect(client.text(expected.count) == String(decoding: expected, as: UTF8.self))
        }
    }

    @Test("contain no address for a client of a UNIX socket")
    func unknown() throws {
        let server = TestServer.echo("")
        defer { server.stop() }
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { remove(path) }
        let harness = try harness(server, .none) {
            $0.backend.servers[0].proxyHeader = .text
            $0.listen = .unix(path)
        }
        let client = try harness.connect()
        #expect(client.text(15) == "PROXY UNKNOWN\r\n")
    }

    @Test("determine the addresses in lines at accept")
    func connectLine() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness(server) { $0.sessionLog = .connect }
        let client = try harness.connect()
        client.send(Self.v6.text)
        #expect(client.text(1) == "A")
        #expect(harness.log.line().hasSuffix(": Connect from 2001:db8::1:50000 to 2001:db8::2:3306 (front/TCP)\n"))
    }

    @Test("determine the server with balance source")
    func balanceSource() throws {
        let servers = ["A", "B", "C"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.proxyHeader = .required
            $0.backend.balance = .source
        }
        var names: Set<String> = []
        for last in 0..<32 as Range<UInt32> {
            let header = ProxyHeader(.init(source: .v4(0x0a01_0200 + last), sourcePort: 1, destination: .v4(1), destinationPort: 1))
            let answers = try (0..<3).map { _ in
                let client = try harness.connect()
                client.send(header.text)
                return client.text(1)
            }
            #expect(Set(answers).count == 1)
            names.formUnion(answers)
        }
        #expect(names == ["A", "B", "C"])
    }
}
