import Glibc
import LinuxIO
import Synchronization
import Testing
import Wire

@testable import Proxy

/// A client's bytes after a PROXY header, before a server is connected.
@Suite("Held bytes of a client", .timeLimit(.minutes(5)))
struct ForwardingHeldBytesTests {
    private static let header = ProxyHeader(
        ProxyHeader.Addresses(source: .v4(0x0a01_0203), sourcePort: 40_000, destination: .v4(0x0a00_010a), destinationPort: 3_306)
    ).binary(.checksum)
    private static let request = Array("request".utf8)

    private func harness(_ servers: [SocketAddress], _ edit: (inout ForwardingHarness.Settings) -> Void = { _ in }) throws -> ForwardingHarness {
        try ForwardingHarness(servers) {
            $0.threads = 1
            $0.proxyHeader = .required
            edit(&$0)
        }
    }

    /// Stores all bytes that a server reads.
    private final class Recorder: Sendable {
        private let all = Mutex<[UInt8]>([])
        var bytes: [UInt8] { all.withLock { $0 } }
        func take(_ bytes: [UInt8]) { all.withLock { $0 += bytes } }
    }

    @Test("reach the second server once when the first one refuses")
    func secondServer() throws {
        let (recorder, rounds) = (Recorder(), 20)
        let server = TestServer { socket in
            while let bytes = socket.receive(), !bytes.isEmpty, socket.send(bytes) { recorder.take(bytes) }
        }
        defer { server.stop() }
        let harness = try harness([TestServer.refusing(), server.address])
        for _ in 0..<rounds {
            let client = try harness.connect()
            client.send(Self.header + Self.request)
            client.finishSending()
            #expect(client.textToEnd() == "request")
        }
        let lines = try (0..<rounds).map { _ in try harness.log.session() }
        #expect(lines.allSatisfy { $0.server == "s2" && $0.flags == "--" && $0.client == "10.1.2.3" })
        #expect(lines.filter { $0.retries == "+1" }.count == rounds / 2)
        #expect(harness.isEmptyEventually())
        #expect(recorder.bytes == (0..<rounds).flatMap { _ in Self.request })
        #expect(harness.sum { $0.bytesIn.value } == UInt64(rounds * Self.request.count))
    }

    @Test("are not sent again once the first server has received one of them")
    func sentOnce() throws {
        let taken = Atomic<Int>(0)
        let first = TestServer { socket in
            taken.wrappingAdd(socket.receive(upTo: 1)?.count ?? 0, ordering: .relaxed)
            socket.reset()
        }
        let second = TestServer.echo("")
        defer { for server in [first, second] { server.stop() } }
        let harness = try harness([first.address, second.address])
        let client = try harness.connect()
        client.send(Self.header + Self.request)
        #expect((client.receive() ?? []).isEmpty)
        let line = try harness.log.session()
        #expect(line.server == "s1" && line.flags == "SD" && line.retries == "0")
        #expect(harness.isEmptyEventually())
        #expect(taken.load(ordering: .relaxed) == 1 && second.acceptedCount == 0)
    }

    @Test("wait with a session in the queue, in one buffer, and are sent before later bytes")
    func queued() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server.address])
        harness.route(0) { $0.connectionsMax = 1 }
        let first = try harness.connect()
        first.send(Self.header)
        #expect(first.text(1) == "A")
        let second = try harness.connect()
        second.send(Self.header + Self.request)
        #expect(eventually { harness.inUse.buffers == 1 && harness.state.backendCells[0].pointee.waiting.value == 1 })
        second.send(" and more")
        first.close()
        #expect(second.text(17) == "Arequest and more")
        #expect(eventually { harness.inUse.buffers == 0 })
        second.close()
        #expect(harness.isEmptyEventually())
    }

    @Test("wait while the same server is retried")
    func retried() throws {
        let address = TestServer.refusing()
        let harness = try harness([address]) { $0.backend.connectTimeout = .milliseconds(100) }
        let client = try harness.connect()
        client.send(Self.header + Self.request)
        #expect(eventually { harness.sum { $0.retries.value } > 0 && harness.inUse.buffers == 1 })
        let server = TestServer.echo("", at: address)
        defer { server.stop() }
        #expect(client.text(7) == "request")
        client.finishSending()
        #expect(client.hasEnded())
        #expect(harness.isEmptyEventually())
    }

    @Test("return their buffer when a session finds no server, or its client resets")
    func givenBack() throws {
        let none = try harness([TestServer.refusing()]) { $0.down = [0] }
        let client = try none.connect()
        client.send(Self.header + Self.request)
        #expect((client.receive() ?? []).isEmpty)
        #expect(try none.log.flags() == "SC")
        #expect(none.isEmptyEventually())
        let refusing = try harness([TestServer.refusing()])
        for bytes in [Self.header + Self.request, Array(Self.header.dropLast())] {
            let client = try refusing.connect()
            client.send(bytes)
            #expect(eventually { refusing.inUse.buffers == 1 })
            client.reset()
            #expect(refusing.isEmptyEventually())
        }
    }

    @Test("may exceed a buffer, and all arrive in order")
    func many() throws {
        let server = TestServer.echo("")
        defer { server.stop() }
        let harness = try harness([server.address])
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
        let client = try harness.connect()
        let sender = TestThread {
            client.send(Self.header + bytes)
            client.finishSending()
        }
        var all: [UInt8] = []
        while let more = client.receive(), !more.isEmpty { all += more }
        sender.join()
        #expect(all == bytes)
        #expect(harness.isEmptyEventually())
    }

    @Test("end the wait for a greeting: the client has sent first")
    func spoken() throws {
        let server = TestServer.echo("")
        defer { server.stop() }
        let harness = try harness([server.address]) { $0.backend.isServerFirst = true }
        let client = try harness.connect()
        client.send(Self.header + Self.request)
        #expect(client.text(7) == "request")
    }

    @Test("hold no buffer when there are none")
    func idle() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try harness([server.address])
        let clients = try (0..<50).map { _ in try harness.connect() }
        for client in clients {
            client.send(Self.header)
            #expect(client.text(1) == "A")
        }
        #expect(eventually { harness.inUse == (50, 0, 0) })
    }
}
