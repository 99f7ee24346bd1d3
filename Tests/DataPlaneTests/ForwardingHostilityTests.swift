import Glibc
import LinuxIO
import Synchronization
import Support
import Testing
import Wire

@testable import Proxy

@Suite("Difficult clients and endings", .timeLimit(.minutes(5)))
struct ForwardingHostilityTests {
    /// Serves by the first byte: `e` echoes, `b` sends a long burst that a slow reader does not take.
    private func server() -> TestServer {
        TestServer { socket in
            let wish = socket.text(1)
            if wish == "b" {
                let block = [UInt8](repeating: 9, count: 1 << 20)
                while socket.send(block) {}
                return
            }
            while let bytes = socket.receive(), !bytes.isEmpty, socket.send(bytes) {}
        }
    }

    @Test("two hundred idle, slow, half-open, resetting and garbage-sending clients leave nothing behind and disturb no other client")
    func twoHundred() throws {
        let server = server()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        var random = SplitMix64(seed: 1)
        for round in 0..<3 {
            var hostile: [(kind: Int, socket: TestSocket)] = []
            for number in 0..<200 {
                let client = try harness.connect(receiveBuffer: number % 5 == 1 ? 8192 : nil)
                hostile.append((number % 5, client))
                switch number % 5 {
                case 0: break
                case 1: client.send("b")
                case 2:
                    client.send("e")
                    client.finishSending()
                case 3: client.send("e12345")
                default: client.send((0..<5000).map { _ in UInt8(truncatingIfNeeded: random.next()) | 0x80 })
                }
            }
            for (kind, socket) in hostile where kind == 3 { socket.reset() }
            // Other clients are served meanwhile.
            for _ in 0..<50 {
                let client = try harness.connect()
                client.send("ehello")
                #expect(client.text(5) == "hello")
                client.finishSending()
                #expect(client.hasEnded())
            }
            // The slow readers' bytes wait in one buffer or pipe each; the others hold none.
            #expect(harness.inUse.buffers + harness.inUse.pipes <= 40 + 40)
            for (kind, socket) in hostile { if kind % 2 == 0 { socket.close() } else { socket.reset() } }
            #expect(harness.isEmptyEventually(), "round \(round): \(harness.inUse)")
            #expect(harness.held(0) == 0)
        }
        #expect(eventually { server.presentCount == 0 })
    }

    @Test("random clients that connect, send, pause, half-close and reset leave nothing behind", arguments: 0..<4 as Range<UInt64>)
    func storm(seed: UInt64) throws {
        let server = server()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address, TestServer.refusing()]) {
            $0.threads = 4
            $0.backend.servers[0].connectionsMax = 20
            $0.backend.connectTimeout = .milliseconds(30)
            $0.backend.queueTimeout = .milliseconds(300)
            $0.sessionsMax = 40
        }
        let address = harness.address
        let threads = (0..<8 as Range<UInt64>).map { number in
            TestThread {
                var random = SplitMix64(seed: seed * 100 + number)
                for _ in 0..<60 {
                    guard let client = TestSocket(to: address) else { continue }
                    let size = Int.random(in: 0...200_000, using: &random)
                    switch Int.random(in: 0..<6, using: &random) {
                    case 0: client.reset()
                    case 1: client.close()
                    case 2:
                        client.send("e" + String(repeating: "y", count: size % 1000))
                        client.reset()
                    case 3:
                        client.send("b")
                        _ = client.receive(upTo: size + 1)
                        client.reset()
                    default:
                        client.send("e" + String(repeating: "z", count: size % 60_000))
                        client.finishSending()
                        _ = client.textToEnd()
                    }
                }
            }
        }
        for round in 0..<40 {
            harness.route(0) { $0.isUsable = round % 4 != 1 }
            if round % 8 == 3 { harness.forwarder.shutdownSessions(of: ServerReference(backend: 0, server: 0)) }
            try holds(for: 0.005, "the limit, round \(round)", interval: 1) { harness.state.process[0].pointee.sessions.max <= 40 }
        }
        harness.route(0) { $0.isUsable = true }
        for thread in threads { thread.join() }
        #expect(harness.isEmptyEventually(), "seed \(seed): \(harness.inUse), \(harness.sessionCount)")
        #expect(harness.held(0) == 0 && harness.held(1) == 0 && harness.state.backendCells[0].pointee.waiting.value == 0)
        #expect(harness.state.serverCells[0].pointee.sessions.max <= 20)
        #expect(harness.state.process[0].pointee.sessions.max <= 40)
    }

    @Test("stopListening serves clients that have connected before, then refuses, and keeps the sessions")
    func stopListening() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 4
            $0.frontend.connectionsMax = 3
        }
        // Three are served, seven wait in the kernel's queue because of the limit.
        let clients = try (0..<10).map { _ in try harness.connect() }
        #expect(eventually { harness.sessionCount == 3 })
        harness.forwarder.stopListening()
        var served = 0
        while served < 10 {
            for client in clients where client.isOpen {
                var poll = pollfd(fd: client.raw, events: Int16(POLLIN), revents: 0)
                guard Glibc.poll(&poll, 1, 5) == 1 else { continue }
                #expect(client.text(1) == "A")
                client.send("x")
                #expect(client.text(1) == "x")
                client.finishSending()
                #expect(client.hasEnded())
                client.close()
                served += 1
            }
        }
        #expect(eventually { TestSocket(to: harness.address) == nil })
        #expect(harness.isEmptyEventually())
    }

    @Test("closes the requested number of sessions, over all threads, and finds the oldest one", arguments: [1, 3])
    func closesSome(threads: Int) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.threads = threads }
        harness.forwarder.findOldest()
        #expect(harness.forwarder.oldestSession == nil)
        let before = MonotonicClock.now()
        let clients = try (0..<10).map { _ in try harness.connect() }
        for client in clients { #expect(client.text(1) == "A") }
        harness.forwarder.findOldest()
        #expect(eventually { harness.forwarder.oldestSession != nil })
        let oldest = try #require(harness.forwarder.oldestSession)
        #expect(before.advanced(by: .milliseconds(-1)) <= oldest && oldest <= MonotonicClock.now())
        harness.forwarder.close(sessions: 4)
        #expect(eventually { harness.sessionCount == 6 }, "\(harness.sessionCount)")
        // The threads report their counts after their next round.
        #expect(eventually { harness.state.counters.reduce(0) { $0 + Int($1.own.sessionsNow.value) } == 6 })
        harness.forwarder.close(sessions: 100)
        #expect(harness.isEmptyEventually())
        for client in clients { #expect(client.hasEnded()) }
        harness.forwarder.findOldest()
        #expect(eventually { harness.forwarder.oldestSession == nil })
    }

    @Test("stop ends every session at once, logs KC, and returns all resources")
    func stop() throws {
        let server = server()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let clients = try (0..<10).map { _ in try harness.connect(receiveBuffer: 8192) }
        for client in clients { client.send("b") }
        #expect(eventually { harness.held(0) == 10 && harness.sum { $0.bytesIn.value } == 10 })
        harness.forwarder.stop()
        #expect(harness.sessionCount == 0 && harness.held(0) == 0)
        #expect(harness.inUse == (0, 0, 0))
        for _ in 0..<10 { #expect(try harness.log.flags() == "KC") }
        #expect(TestSocket(to: harness.address) == nil)
    }
}
