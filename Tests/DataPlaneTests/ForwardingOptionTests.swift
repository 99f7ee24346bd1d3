import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

/// Collects the bytes that a server receives, and how each connection ends.
private final class EndingServer: Sendable {
    let server: TestServer
    let ended = TestGate()
    let wasReset = TestGate()

    /// - Parameter answer: sent at the start.
    init(answer: String = "A") {
        let (ended, wasReset) = (ended, wasReset)
        server = TestServer { socket in
            guard socket.send(answer) else { return }
            while true {
                guard let bytes = socket.receive() else {
                    wasReset.open()
                    break
                }
                guard !bytes.isEmpty else { break }
                socket.send(bytes)
            }
            ended.open()
        }
    }

    deinit { server.stop() }
}

@Suite("Options of connections", .timeLimit(.minutes(5)))
struct ForwardingOptionTests {
    /// The error of the next read: 0 for the end of the stream.
    private func nextError(_ socket: TestSocket) -> Int32 { socket.receive().map { $0.isEmpty ? 0 : -1 } ?? errno }

    @Test("option nolinger of a frontend resets the client at the end of the session, whose bytes have arrived; half-closes are still forwarded")
    func resetsClients() throws {
        let server = TestServer { socket in
            socket.send("A")
            while let bytes = socket.receive(), !bytes.isEmpty { socket.send(bytes) }
            socket.send("late")
            _ = socket.receive()
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.frontend.resetsClients = true }
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        client.finishSending()
        #expect(client.text(4) == "late", "the client's end has reached the server")
        #expect(nextError(client) == ECONNRESET)
        #expect(try harness.log.flags() == "--")
        // A session without a server ends in the same way.
        harness.route(0) { $0.isUsable = false }
        #expect(nextError(try harness.connect()) == ECONNRESET)
        #expect(try harness.log.flags() == "SC")
    }

    @Test("option nolinger of a backend ends the session at the client's end of stream, and resets the server")
    func resetsServers() throws {
        let ending = EndingServer()
        let harness = try ForwardingHarness([ending.server.address]) { $0.backend.resetsServers = true }
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        client.send("x")
        #expect(client.text(1) == "x")
        client.finishSending()
        #expect(nextError(client) == 0, "the client's connection is closed in order")
        #expect(try harness.log.flags() == "--")
        #expect(eventually { ending.ended.isOpen })
        #expect(ending.wasReset.isOpen)
        #expect(harness.isEmptyEventually())
    }

    @Test("without option nolinger both sides are closed in order")
    func closesInOrder() throws {
        let ending = EndingServer()
        let harness = try ForwardingHarness([ending.server.address])
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        client.finishSending()
        #expect(nextError(client) == 0)
        #expect(try harness.log.flags() == "--")
        #expect(eventually { ending.ended.isOpen } && !ending.wasReset.isOpen)
    }

    @Test("option nolinger of a backend forwards the server's end of stream, and what the client sends after it")
    func serverEndsFirst() throws {
        let server = TestServer { socket in
            socket.send("bye")
            socket.finishSending()
            _ = socket.textToEnd()
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.backend.resetsServers = true }
        let client = try harness.connect()
        #expect(client.text(3) == "bye" && client.hasEnded())
        client.send("after")
        #expect(eventually { harness.sum { $0.bytesIn.value } == 5 })
        client.finishSending()
        #expect(try harness.log.flags() == "--")
    }

    @Test("option abortonclose ends a session in the queue when its client has sent data and ends its stream", arguments: [false, true])
    func abortsInQueue(aborts: Bool) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.backend.abortsOnClose = aborts
            $0.backend.servers[0].connectionsMax = 1
            $0.backend.queueTimeout = .seconds(60)
        }
        let first = try harness.connect()
        #expect(first.text(1) == "A")
        let second = try harness.connect()
        second.send("word")
        #expect(eventually { harness.state.backendCells[0].pointee.waiting.value == 1 })
        second.finishSending()
        if aborts {
            #expect((second.receive() ?? []).isEmpty)
            let line = try harness.log.session()
            #expect(line.flags == "CQ" && line.server == "<NOSRV>")
            #expect(harness.state.backendCells[0].pointee.waiting.value == 0)
        } else {
            first.finishSending()
            #expect(second.textToEnd() == "Aword")
        }
    }

    @Test("option abortonclose ends a session during its connect", arguments: [false, true])
    func abortsConnect(aborts: Bool) throws {
        // Its queue is full, so that connects stay pending.
        let full = TestServer.listen(.ip(.v4(0x7f00_0001), port: 0), backlog: 0)
        let address = try #require(Sockets.localAddress(full.raw))
        let fillers = try (0..<3).map { _ in
            let socket = OpenFile(try Sockets.open(.stream, for: address))
            _ = try Sockets.connect(socket.raw, to: address)
            return socket
        }
        let harness = try ForwardingHarness([address]) {
            $0.backend.abortsOnClose = aborts
            $0.backend.retriesMax = 0
            $0.backend.connectTimeout = .seconds(2)
        }
        let client = try harness.connect()
        client.send("word")
        #expect(eventually { harness.held(0) == 1 })
        client.finishSending()
        #expect(try harness.log.flags() == (aborts ? "CC" : "sC"))
        withExtendedLifetime(fillers) {}
    }

    @Test("option independent-streams of a frontend: a client that only receives times out", arguments: [false, true])
    func independentClient(isIndependent: Bool) throws {
        let hasEnded = TestGate()
        let server = TestServer { socket in
            socket.send("A")
            let other = TestThread { if socket.receive() == [] { hasEnded.open() } }
            for _ in 0..<40 where !hasEnded.isOpen {
                socket.send("y")
                stallThread(milliseconds: 75)
            }
            socket.finishSending()
            other.join()
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.frontend.clientTimeout = .seconds(1)
            $0.frontend.hasIndependentTimeout = isIndependent
        }
        let client = try harness.connect()
        let bytes = client.textToEnd().utf8.count
        client.finishSending()
        #expect(try harness.log.flags() == (isIndependent ? "cD" : "--"))
        // As in HAProxy, the timeout ends only the client's side: the bytes on their way still arrive.
        #expect(isIndependent ? bytes < 41 : bytes == 41)
    }

    @Test("option independent-streams of a backend: a server that only receives times out", arguments: [false, true])
    func independentServer(isIndependent: Bool) throws {
        let server = TestServer { socket in _ = socket.textToEnd() }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.backend.serverTimeout = .seconds(1)
            $0.backend.hasIndependentTimeout = isIndependent
        }
        let client = try harness.connect()
        let ended = TestGate()
        let reader = TestThread { if client.receive() == [] { ended.open() } }
        var sent = 0
        while sent < 40, !ended.isOpen {
            client.send("y")
            sent += 1
            stallThread(milliseconds: 75)
        }
        #expect(ended.isOpen == isIndependent)
        client.finishSending()
        #expect(try harness.log.flags() == (isIndependent ? "sD" : "--"))
        reader.join()
    }

    @Test("timeout client-hs limits the time for a PROXY header, and timeout client does not")
    func handshakeTimeout() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.proxyHeader = .required
            $0.frontend.handshakeTimeout = .milliseconds(50)
        }
        let client = try harness.connect()
        client.send("PROXY TCP4 ")
        #expect((client.receive() ?? []).isEmpty)
        #expect(harness.log.line().hasSuffix(ProxyHeaderRefusal.timeout.rawValue + "\n"))
        let other = try ForwardingHarness([server.address]) {
            $0.proxyHeader = .required
            $0.frontend.handshakeTimeout = .seconds(600)
            $0.frontend.clientTimeout = .milliseconds(50)
        }
        let patient = try other.connect()
        #expect(eventually { other.sessionCount == 1 })
        try holds(for: 0.3, "the client's timeout does not apply") { other.sessionCount == 1 }
        patient.send("PROXY UNKNOWN\r\n")
        #expect(patient.text(1) == "A")
    }

    @Test("option tcp-smart-connect serves clients that speak first, and those that wait for the server")
    func smartConnect() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.backend.delaysAcknowledgements = true }
        for text in ["", "early"] {
            let client = try harness.connect()
            client.send(text)
            #expect(client.text(1 + text.utf8.count) == "A" + text)
            client.finishSending()
            #expect(client.hasEnded())
            #expect(try harness.log.flags() == "--")
        }
    }
}
