import Glibc
import LinuxIO
import Testing
import Wire

@testable import Proxy

@Suite("Binds", .timeLimit(.minutes(5)))
struct ForwardingBindTests {
    private static func bind(connectionsMax: Int? = nil) -> Bind {
        var bind = Bind(endpoint: .ip(.v4(0x7f00_0001), port: 0), location: ConfigurationLocation(file: "test", line: 1))
        bind.connectionsMax = connectionsMax
        return bind
    }

    @Test("with maxconn serve that many sessions at a time; the others wait in the kernel's queue, with one line")
    func limit() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 4
            $0.frontend.binds = [Self.bind(connectionsMax: 2)]
        }
        var clients = try (0..<6).map { _ in try harness.connect() }
        var lines = 0
        while !clients.isEmpty {
            var byte: UInt8 = 0
            guard let served = clients.firstIndex(where: { recv($0.raw, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 1 }) else { continue }
            let client = clients.remove(at: served)
            #expect(client.text(1) == "A")
            client.finishSending()
            #expect(client.hasEnded())
            let line = harness.log.line()
            if line.contains(" has reached ") {
                lines += 1
                #expect(line.hasSuffix("Proxy front has reached the maxconn of bind 1, 2: new connections wait until a session ends.\n"), "\(line)")
            } else {
                #expect(try LoggedSession(line).flags == "--")
            }
        }
        #expect(lines == 1)
        #expect(harness.isEmptyEventually())
        let cell = harness.state.bindCells[0]
        #expect(cell.pointee.sessions.max == 2 && cell.pointee.sessions.value == 0)
        #expect(harness.state.totals(ofBind: 0).connections == 6)
    }

    @Test("count sessions and bytes for option socket-stats, and nothing without it", arguments: [false, true])
    func statistics(counts: Bool) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.frontend.binds = [Self.bind()]
            $0.frontend.countsBinds = counts
        }
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        client.send("xyz")
        #expect(client.text(3) == "xyz")
        #expect(harness.state.bindCells[0].pointee.sessions.value == (counts ? 1 : 0))
        client.finishSending()
        #expect(client.hasEnded())
        #expect(harness.isEmptyEventually())
        var expected: [UInt64] = [1, 3, 4]
        if !counts { expected = [0, 0, 0] }
        #expect(harness.state.totals(ofBind: 0).numbers == expected)
        #expect(harness.state.totals(ofFrontend: 0).numbers == [1, 3, 4])
    }
}

@Suite("Servers at the client's destination", .timeLimit(.minutes(5)))
struct ForwardingClientAddressTests {
    /// A server that answers with its own address.
    private static func server(_ address: SocketAddress) -> TestServer {
        TestServer(address) { socket in
            socket.send("\(Sockets.localAddress(socket.raw).map { "\($0)" } ?? "-")\n")
            _ = socket.receive()
        }
    }

    private static func line(_ client: TestSocket) -> String {
        var text = ""
        while case let byte = client.text(1), !byte.isEmpty, byte != "\n" { text += byte }
        return text
    }

    @Test("are reached at the address of the client's connection or PROXY header, and at their own port or one relative to the client's")
    func destinations() throws {
        // Every address of 127.0.0.0/8 reaches it.
        let server = Self.server(.ip(.anyV4, port: 0))
        defer { server.stop() }
        let port = try #require(server.address.port)
        for offset in [nil, 100] as [Int?] {
            let harness = try ForwardingHarness([.ip(.anyV4, port: port)]) {
                $0.proxyHeader = .required
                $0.backend.servers[0].endpoint = .ip(.anyV4, port: port)
                if let offset { $0.backend.servers[0].port = .client(offset: offset) }
            }
            let destination = offset.map { port - UInt16($0) } ?? 9
            let header = ProxyHeader(.init(source: .v4(0x0a00_0001), sourcePort: 1, destination: .v4(0x7f43_0028), destinationPort: destination))
            let named = try harness.connect()
            named.send(header.text)
            #expect(Self.line(named) == "127.67.0.40:\(port)")
            guard offset == nil else { continue }
            let plain = try harness.connect()
            plain.send("PROXY UNKNOWN\r\n")
            #expect(Self.line(plain) == "127.0.0.1:\(port)")
        }
    }

    @Test("are this host for a client of a UNIX socket, as in HAProxy")
    func path() throws {
        let server = Self.server(.ip(.v4(0x7f00_0001), port: 0))
        defer { server.stop() }
        let port = try #require(server.address.port)
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { remove(path) }
        let harness = try ForwardingHarness([.ip(.anyV4, port: port)]) {
            $0.listen = .unix(path)
            $0.backend.servers[0].endpoint = .ip(.anyV4, port: port)
        }
        #expect(Self.line(try harness.connect()) == "127.0.0.1:\(port)")
    }

    @Test("may have a name in the abstract namespace, which fills all bytes of the address as HAProxy's does")
    func abstract() throws {
        let address = SocketAddress.unix(RawSocketAddress.abstractPath("tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"))
        let server = TestServer.echo("A", at: address)
        defer { server.stop() }
        #expect(server.address == address)
        let harness = try ForwardingHarness([address])
        #expect(try harness.connect().text(1) == "A")
        #expect(RawSocketAddress(address).length == 110 && address.description.hasPrefix("abns@tsukada-test-"))
    }
}
