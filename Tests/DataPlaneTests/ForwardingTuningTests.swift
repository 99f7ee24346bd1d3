import Glibc
import LinuxIO
import Testing
import Wire

@testable import Proxy

@Suite("Sizes and limits of the data plane", .timeLimit(.minutes(2)))
struct ForwardingTuningTests {
    private static func value(_ option: Int32, _ raw: Int32) -> Int32 {
        var value: Int32 = -1
        var length = socklen_t(4)
        getsockopt(raw, SOL_SOCKET, option, &value, &length)
        return value
    }

    /// This process's descriptor of the TCP connection between these ports.
    private static func descriptor(local: UInt16, peer: UInt16) -> Int32? {
        (3..<Int32(4_096)).first { raw in
            var address = RawSocketAddress()
            guard Sockets.localAddress(raw)?.port == local, address.withMutablePointer({ getpeername(raw, $0, $1) }) == 0 else { return false }
            return address.address?.port == peer
        }
    }

    @Test("set the kernel's buffers of clients' and servers' sockets, which the kernel doubles")
    func buffers() throws {
        let server = TestServer { socket in
            var address = RawSocketAddress()
            _ = address.withMutablePointer { getpeername(socket.raw, $0, $1) }
            socket.send("\(address.address?.port ?? 0)\n")
            _ = socket.receive(upTo: 1)
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            ($0.tuning.clientBuffers.receive, $0.tuning.clientBuffers.send) = (30_000, 40_000)
            ($0.tuning.serverBuffers.receive, $0.tuning.serverBuffers.send) = (50_000, 60_000)
        }
        let client = try harness.connect()
        var text = ""
        while !text.hasSuffix("\n"), case let byte = client.text(1), !byte.isEmpty { text += byte }
        let port = try #require(UInt16(text.dropLast()))
        let ofClient = try #require(Self.descriptor(local: harness.address.port ?? 0, peer: client.localPort))
        let ofServer = try #require(Self.descriptor(local: port, peer: server.address.port ?? 0))
        #expect((Self.value(SO_RCVBUF, ofClient), Self.value(SO_SNDBUF, ofClient)) == (60_000, 80_000))
        #expect((Self.value(SO_RCVBUF, ofServer), Self.value(SO_SNDBUF, ofServer)) == (100_000, 120_000))
    }

    @Test("set the send buffer of the sockets for log lines")
    func logBuffer() throws {
        let receiver = LogReceiver()
        let target = LogTarget(endpoint: .unix(""), facility: 16, location: ConfigurationLocation(file: "test", line: 1))
        let local = try LocalLogSocket("/run/tsukada-test-no-such-socket")
        let process = SharedCells<ProcessCell>(count: 1) { _ in ProcessCell() }
        let places = [LogDestination.Place.datagram(receiver.address), .local(local)].map { LogDestination(target, place: $0) }
        let before = Self.value(SO_SNDBUF, local.raw)
        _ = try LogSender(destinations: places, process: process)
        #expect(Self.value(SO_SNDBUF, local.raw) == before)
        _ = try LogSender(destinations: places, process: process, sendBytes: 50_000)
        #expect(Self.value(SO_SNDBUF, local.raw) == 100_000)
    }

    @Test("let no more clients in per second than 'maxconnrate', and serve all of them")
    func rate() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 1
            $0.sessionLog = .connect
            ($0.tuning.connectionsPerSecond, $0.tuning.sessionsPerSecond) = (9, 5)
        }
        let start = MonotonicClock.now()
        let clients = try (0..<12).map { _ in try harness.connect() }
        for client in clients { #expect(client.text(1) == "A") }
        // Five at once; a second later at the earliest, one every 200 ms.
        #expect(start.duration(to: MonotonicClock.now()) >= .milliseconds(1_100))
        let lines = (0..<13).map { _ in harness.log.line() }
        let pauses = lines.filter { $0.contains("connections per second") }
        #expect(pauses.count == 1 && pauses[0].hasSuffix("Proxy front has reached the process's limit of 5 connections per second: further ones wait.\n"))
        #expect(harness.pauses == 0, "these pauses are not at maxconn")
        for client in clients { client.close() }
        #expect(harness.isEmptyEventually())
    }

    @Test("serve every client with any 'tune.maxaccept'", arguments: [1, 3, 1_000_000])
    func accepts(perTurn: Int) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.tuning.acceptsPerTurn = perTurn }
        let clients = try (0..<100).map { _ in try harness.connect() }
        for client in clients { #expect(client.text(1) == "A") }
        for client in clients { client.close() }
        #expect(harness.isEmptyEventually())
    }

    @Test("hold as many bytes of a client as 'tune.bufsize' allows", arguments: [1_024, 16_384, 100_000])
    func held(bytes: Int) {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        let (far, near) = (TestSocket(owning: ends[0]), TestSocket(owning: ends[1]))
        _ = fcntl(near.raw, F_SETFL, O_NONBLOCK)
        #expect(far.send([UInt8](repeating: 1, count: 120_000)))
        var relay = Relay(heldBytesMax: bytes)
        var direction = Direction(buffer: nil, start: 0, end: 0, pipe: -1, pipeBytes: 0, flags: [], fullReads: 0, readAt: 0, bytes: 0)
        var side = Side(descriptor: near.raw, flags: [.readable, .writable])
        var counts: [Int] = []
        for _ in 0..<3 { if case .bytes(let found) = relay.inspect(&direction, from: &side) { counts.append(found.count) } }
        #expect(counts.last == bytes && counts == counts.sorted())
        relay.discard(&direction)
        #expect(relay.lentBuffers == 0)
    }
}
