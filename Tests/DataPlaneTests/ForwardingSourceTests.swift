import Glibc
import LinuxIO
import Synchronization
import Testing
import Wire

@testable import Proxy

/// A server that sends each client the address that it sees, then echoes.
private func addressServer(_ address: SocketAddress = .ip(.v4(0x7f00_0001), port: 0)) -> TestServer {
    TestServer(address) { socket in
        var peer = RawSocketAddress()
        _ = peer.withMutablePointer { getpeername(socket.raw, $0, $1) }
        guard socket.send("\(peer.address.map { "\($0)" } ?? "-")\n") else { return }
        while let bytes = socket.receive(), !bytes.isEmpty, socket.send(bytes) {}
    }
}

/// The line that a client receives.
private func line(_ client: TestSocket) -> String {
    var text = ""
    while case let byte = client.text(1), !byte.isEmpty, byte != "\n" { text += byte }
    return text
}

private func source(_ address: String?, _ ports: ClosedRange<UInt16>? = nil) -> SourceSettings {
    var source = SourceSettings()
    (source.address, source.ports) = (address.flatMap { IPAddress($0) }, ports)
    return source
}

/// `count` consecutive ports of 127.67.0.9 that no program uses.
private func freePorts(_ count: Int) throws -> ClosedRange<UInt16> {
    for first in stride(from: UInt16(20_000), to: 30_000, by: count) {
        let ports = first...first + UInt16(count - 1)
        let areFree = ports.allSatisfy { port in
            guard let socket = try? Sockets.open(.stream, for: .ip(.v4(0), port: 0)) else { return false }
            return (try? Sockets.bind(socket.raw, to: .ip(.v4(0x7f43_0009), port: port))) != nil
        }
        if areFree { return ports }
    }
    throw SystemError("bind", code: EADDRINUSE)
}

private let isRoot = geteuid() == 0

@Suite("Source addresses", .timeLimit(.minutes(5)))
struct ForwardingSourceTests {
    @Test("are those of the backend, unless the server has its own; ports are the kernel's choice")
    func addresses() throws {
        let servers = [addressServer(), addressServer()]
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.backend.source = source("127.67.0.9")
            $0.backend.servers[1].source = source("127.67.0.10")
        }
        var seen: Set<String> = []
        var ports: Set<String> = []
        for _ in 0..<8 {
            let client = try harness.connect()
            let parts = line(client).split(separator: ":")
            seen.insert(String(parts[0]))
            ports.insert(String(parts[1]))
            client.send("x")
            #expect(client.text(1) == "x")
            client.finishSending()
            #expect(client.hasEnded())
            #expect(try harness.log.flags() == "--")
        }
        #expect(seen == ["127.67.0.9", "127.67.0.10"] && ports.count > 1)
    }

    @Test("take the ports of a range in turn; a session without a free port ends with SC and HAProxy's line, and the port of an ended session is used again")
    func range() throws {
        let server = addressServer()
        defer { server.stop() }
        let ports = try freePorts(2)
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 1
            $0.backend.retriesMax = 0
            $0.backend.servers[0].source = source("127.67.0.9", ports)
        }
        let first = try harness.connect()
        let second = try harness.connect()
        #expect(line(first) == "127.67.0.9:\(ports.lowerBound)" && line(second) == "127.67.0.9:\(ports.upperBound)")
        #expect(try harness.connect().hasEnded())
        let text = harness.log.line()
        #expect(text.hasPrefix("<128>") && text.hasSuffix(": Cannot bind to source address before connect() for backend back.\n"), "\(text)")
        #expect(try harness.log.flags() == "SC")
        #expect(try harness.connect().hasEnded())
        #expect(try harness.log.flags() == "SC", "the line comes once in ten seconds")
        #expect(!harness.hasConnectFailed(0), "this is no evidence about the server")
        first.reset()
        #expect(try harness.log.session().server == "s1")
        #expect(line(try harness.connect()) == "127.67.0.9:\(ports.lowerBound)")
    }

    @Test("of one port serve one session at a time; the next one ends with HAProxy's line")
    func onePort() throws {
        let server = addressServer()
        defer { server.stop() }
        let port = try freePorts(1)
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 1
            $0.backend.retriesMax = 0
            $0.backend.source = source("127.67.0.9", port)
        }
        let first = try harness.connect()
        #expect(line(first) == "127.67.0.9:\(port.lowerBound)")
        #expect(try harness.connect().hasEnded())
        let text = harness.log.line()
        #expect(text.hasPrefix("<131>") && text.hasSuffix(": Connect() failed for backend back: no free ports.\n"), "\(text)")
        #expect(try harness.log.flags() == "SC")
    }

    @Test("that this host does not have end the session, and another server is tried")
    func foreignWithoutRight() throws {
        let servers = [addressServer(), addressServer()]
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) { $0.backend.servers[0].source = source("192.0.2.1") }
        for _ in 0..<4 { #expect(line(try harness.connect()).hasPrefix("127.0.0.1:")) }
        #expect(servers[0].acceptedCount == 0 && servers[1].acceptedCount == 4)
        #expect(harness.log.line().contains("Cannot bind to source address before connect() for backend back."))
    }

    @Test("are not used for a UNIX socket")
    func path() throws {
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { remove(path) }
        let server = TestServer.echo("A", at: .unix(path))
        defer { server.stop() }
        let harness = try ForwardingHarness([.unix(path)]) { $0.backend.source = source("127.67.0.9") }
        #expect(try harness.connect().text(1) == "A")
    }

    @Test(
        "may be those of the client, with or without its port, from a PROXY header as well", .enabled(if: isRoot, "needs CAP_NET_RAW"),
        arguments: [SourceSettings.Presented.client, .clientAddress])
    func ofTheClient(presented: SourceSettings.Presented) throws {
        let server = addressServer()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.proxyHeader = .required
            var settings = source("127.67.0.9")
            settings.presented = presented
            $0.backend.source = settings
        }
        // Any address of 127.0.0.0/8 can answer, so no routing is necessary.
        for number in 0..<3 as Range<UInt16> {
            let port = try freePorts(1).lowerBound + number
            let header = ProxyHeader(
                .init(source: .v4(0x7f43_001e + UInt32(number)), sourcePort: port, destination: .v4(0x7f43_0001), destinationPort: 3306))
            let client = try harness.connect()
            client.send(header.text)
            let seen = line(client)
            #expect(seen.hasPrefix("127.67.0.\(30 + number):"), "\(seen)")
            #expect(seen.hasSuffix(":\(port)") == (presented == .client), "\(seen)")
            client.finishSending()
            #expect(client.hasEnded())
            #expect(try harness.log.session().clientPort == Int(port))
        }
    }

    @Test("may be a third address; a check shows the host's own", .enabled(if: isRoot, "needs CAP_NET_RAW"))
    func third() throws {
        let server = addressServer()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            var settings = source("127.67.0.9")
            settings.presented = .other(.v4(0x7f43_000a), port: 0)
            $0.backend.servers[0].source = settings
        }
        #expect(line(try harness.connect()).hasPrefix("127.67.0.10:"))
        let socket = TestSocket(owning: try Sockets.open(.stream, for: server.address).release())
        try harness.state.bindSource(socket.raw, ofCheckOf: ServerReference(backend: 0, server: 0))
        #expect(RawSocketAddress(server.address).withPointer { Glibc.connect(socket.raw, $0, $1) } == 0)
        #expect(line(socket).hasPrefix("127.67.0.9:"))
    }

    @Test("cannot belong to another family, and an interface must exist", .enabled(if: isRoot, "needs CAP_NET_RAW on old kernels"))
    func unusable() throws {
        let server = addressServer()
        defer { server.stop() }
        var settings = source("127.67.0.9")
        for (interface, isUsable) in [("lo", true), ("no-such-if", false)] {
            settings.interface = interface
            let harness = try ForwardingHarness([server.address]) {
                $0.backend.retriesMax = 0
                $0.backend.source = settings
            }
            #expect(line(try harness.connect()).hasPrefix("127.67.0.9:") == isUsable)
        }
        let harness = try ForwardingHarness([server.address]) {
            $0.backend.retriesMax = 0
            $0.backend.source = source("::1")
        }
        #expect(try harness.connect().hasEnded())
    }

    @Test("of checks and handed-over connections give their ports back")
    func ports() throws {
        let server = addressServer()
        defer { server.stop() }
        let ports = try freePorts(3)
        let harness = try ForwardingHarness([server.address]) { $0.backend.servers[0].source = source("127.67.0.9", ports) }
        let reference = ServerReference(backend: 0, server: 0)
        func free() -> Int { harness.state.sourcePorts[0].pointee.freeCount }
        #expect(free() == 3)
        let sockets = try (0..<3).map { _ in
            let socket = OpenFile(try Sockets.open(.stream, for: server.address))
            try harness.state.bindSource(socket.raw, ofCheckOf: reference)
            return socket
        }
        #expect(free() == 0 && Set(sockets.compactMap { Sockets.localAddress($0.raw)?.port }) == Set(ports))
        #expect(throws: SystemError("bind", code: EADDRINUSE)) {
            let socket = OpenFile(try Sockets.open(.stream, for: server.address))
            try harness.state.bindSource(socket.raw, ofCheckOf: reference)
        }
        for socket in sockets { harness.state.releaseSource(socket.raw, ofCheckOf: reference) }
        #expect(free() == 3)
        let client = try harness.connect()
        _ = line(client)
        #expect(eventually { free() == 2 })
        client.reset()
        #expect(harness.isEmptyEventually())
        #expect(free() == 3)
    }

    @Test("are those of checks as well, and every check gives its port back")
    func checks() throws {
        let bench = try CheckBench()
        let server = try CheckedServer(.closing, on: bench.reactor)
        defer { server.close() }
        var (bound, released): (Int, Int) = (0, 0)
        var source = CheckSource()
        source.bind = { raw, reference throws(SystemError) in
            #expect(reference == ServerReference(backend: 0, server: 0))
            bound += 1
            try Sockets.bind(raw, to: .ip(.v4(0x7f43_0009), port: 0))
        }
        source.release = { _, _ in released += 1 }
        bench.start(.connect, at: server.address, interval: .milliseconds(1), source: source)
        bench.run { bench.results.count >= 3 }
        #expect(bench.results.allSatisfy { $0.status.isPass })
        bench.runner?.stop()
        #expect(bound >= 3 && released == bound)
    }
}

@Suite("A queue of free ports")
struct SourcePortsTests {
    @Test("gives ports in order, and a freed port last")
    func order() {
        var free = SourcePorts.Free([1, 2, 3])
        #expect((0..<2).map { _ in free.take() } == [1, 2])
        free.giveBack(1)
        #expect((0..<3).map { _ in free.take() } == [3, 1, nil])
        for port in [3, 2, 1, 4] as [UInt16] { free.giveBack(port) }
        #expect(free.count == 3)
        #expect((0..<4).map { _ in free.take() } == [3, 2, 1, nil])
    }

    @Test("without a range is empty")
    func empty() {
        var free = SourcePorts.Free([])
        free.giveBack(1)
        #expect(free.take() == nil)
        #expect(SourcePorts(nil).freeCount == 0 && SourcePorts(source("127.0.0.1", 5...5)).freeCount == 0)
    }
}
