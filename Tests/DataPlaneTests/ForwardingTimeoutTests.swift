import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

@Suite("Timeouts", .timeLimit(.minutes(5)))
struct ForwardingTimeoutTests {
    /// A server that answers the end of the client's stream with "late", regardless of the wait.
    private func answering() -> TestServer {
        TestServer { socket in
            socket.send("hi")
            _ = socket.textToEnd()
            socket.send("late")
        }
    }

    @Test("treat a silent client as if it had ended its stream: the server's answer still reaches it, and the log has cD")
    func client() throws {
        let server = answering()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.frontend.clientTimeout = .milliseconds(100) }
        let client = try harness.connect()
        #expect(client.textToEnd() == "hilate")
        let line = try harness.log.session()
        #expect(line.flags == "cD" && line.bytes == 6 && line.totalTime >= 100)
        #expect(harness.sum { $0.clientAborts.value } == 1)
    }

    @Test("keep cD when the server's side times out later")
    func clientThenServer() throws {
        let server = TestServer.staying()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.frontend.clientTimeout = .milliseconds(60)
            $0.backend.serverTimeout = .milliseconds(120)
        }
        let client = try harness.connect()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        #expect(line.flags == "cD" && line.totalTime >= 120)
        #expect(harness.isEmptyEventually())
    }

    @Test("treat a silent server as if it had ended its stream, and the log has sD")
    func server() throws {
        let server = TestServer.staying()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.backend.serverTimeout = .milliseconds(80) }
        let client = try harness.connect()
        #expect(client.hasEnded())
        client.close()
        #expect(try harness.log.flags() == "sD")
        #expect(harness.sum { $0.serverAborts.value } == 1)
    }

    @Test("of the tunnel replace the idle ones once bytes have passed both ways")
    func tunnel() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.backend.tunnelTimeout = .milliseconds(80) }
        let quiet = try harness.connect()
        #expect(quiet.text(1) == "A")
        let talking = try harness.connect()
        #expect(talking.text(1) == "A")
        talking.send("x")
        #expect(talking.text(1) == "x")
        #expect(talking.hasEnded())
        #expect(try harness.log.flags() == "cD")
        #expect(harness.sessionCount == 1)
        quiet.send("y")
        #expect(quiet.text(1) == "y")
    }

    @Test("of half-closed sides are the fin ones")
    func fin() throws {
        let server = TestServer.staying()
        defer { server.stop() }
        let byServer = try ForwardingHarness([server.address]) { $0.backend.serverFinTimeout = .milliseconds(80) }
        let client = try byServer.connect()
        client.finishSending()
        #expect(client.hasEnded())
        #expect(try byServer.log.flags() == "sD")
        let leaving = TestServer { socket in
            socket.finishSending()
            _ = socket.receive()
        }
        defer { leaving.stop() }
        let byClient = try ForwardingHarness([leaving.address]) { $0.frontend.clientFinTimeout = .milliseconds(80) }
        let other = try byClient.connect()
        #expect(other.hasEnded())
        #expect(try byClient.log.flags() == "cD")
        #expect(byClient.isEmptyEventually() && byServer.isEmptyEventually())
    }

    @Test("end a session whose client does not read the data pending for it")
    func stuckClient() throws {
        let server = TestServer { socket in
            let block = [UInt8](repeating: 5, count: 1 << 20)
            while socket.send(block) {}
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.frontend.clientTimeout = .milliseconds(200) }
        let client = try harness.connect(receiveBuffer: 8192)
        #expect(try harness.log.flags() == "cD")
        #expect(harness.isEmptyEventually())
        client.close()
    }

    @Test("do not end a session whose client reads slowly")
    func slowClient() throws {
        let server = TestServer { socket in socket.send([UInt8](repeating: 5, count: 1_500_000)) }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.frontend.clientTimeout = .milliseconds(400)
            $0.backend.serverTimeout = .milliseconds(400)
        }
        let client = try harness.connect(receiveBuffer: 8192)
        var count = 0
        while let bytes = client.receive(upTo: 20_000), !bytes.isEmpty {
            count += bytes.count
            stallThread(milliseconds: 10)
        }
        #expect(count == 1_500_000)
        client.close()
        // The client's side may time out late when it sends nothing itself; the forwarded bytes count.
        #expect(try harness.log.session().bytes == 1_500_000)
    }

    @Test("include keepalive toward a server with the configured times, once the session is five seconds old", arguments: [true, false])
    func keepAlive(isOn: Bool) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.backend.keepAlive = KeepAlive(isOn: isOn, idleSeconds: 77, intervalSeconds: 5, probes: 9)
        }
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        // This process also has the proxy's socket: the one with the server as its peer.
        let found = (3..<4_096 as Range<Int32>).first { raw in
            var address = RawSocketAddress()
            return address.withMutablePointer { getpeername(raw, $0, $1) } == 0 && address.address == server.address
        }
        let raw = try #require(found)
        func option(_ level: Int32, _ name: Int32) -> Int32 {
            var value: Int32 = -1
            var length = socklen_t(4)
            getsockopt(raw, level, name, &value, &length)
            return value
        }
        guard isOn else {
            return try holds(for: 5.5, "no keepalive is set") { option(SOL_SOCKET, SO_KEEPALIVE) == 0 }
        }
        #expect(eventually { option(SOL_SOCKET, SO_KEEPALIVE) == 1 && option(Int32(IPPROTO_TCP), TCP_KEEPCNT) == 9 })
        #expect(option(Int32(IPPROTO_TCP), TCP_KEEPIDLE) == 77 && option(Int32(IPPROTO_TCP), TCP_KEEPINTVL) == 5)
    }
}
