import Glibc
import LinuxIO
import Synchronization
import Support
import Testing
import Wire

@testable import Proxy

@Suite("Forwarding", .timeLimit(.minutes(5)))
struct ForwardingSessionTests {
    @Test("carries bytes both ways, forwards half-closes and logs the session as HAProxy does")
    func oneSession() throws {
        let server = TestServer.echo("hello")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let client = try harness.connect()
        #expect(client.text(5) == "hello")
        client.send("abc")
        #expect(client.text(3) == "abc")
        client.finishSending()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        #expect(line.client == "127.0.0.1" && line.clientPort == Int(client.localPort))
        #expect(line.frontend == "front" && line.backend == "back" && line.server == "s1")
        #expect(line.bytes == 8 && line.flags == "--" && line.counts == [1, 1, 0, 0] && line.retries == "0" && line.queue == [0, 0])
        #expect(line.queueTime >= 0 && line.connectTime >= 0 && line.totalTime >= line.connectTime)
        #expect(harness.isEmptyEventually())
        #expect(harness.sum { $0.bytesIn.value } == 3)
        #expect(harness.sum { $0.bytesOut.value } == 8)
    }

    @Test("delivers the server's data after the client has ended its stream")
    func answerAfterHalfClose() throws {
        let server = TestServer { socket in
            let question = socket.textToEnd()
            socket.send("answer to \(question)")
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let client = try harness.connect()
        client.send("question")
        client.finishSending()
        #expect(client.textToEnd() == "answer to question")
        #expect(try harness.log.flags() == "--")
    }

    @Test("delivers the client's data after the server has ended its stream")
    func questionAfterHalfClose() throws {
        let received = Mutex("")
        let server = TestServer { socket in
            socket.send("bye")
            socket.finishSending()
            let text = socket.textToEnd()
            received.withLock { $0 = text }
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let client = try harness.connect()
        #expect(client.textToEnd() == "bye")
        client.send("late words")
        client.finishSending()
        #expect(try harness.log.flags() == "--")
        #expect(eventually { received.withLock { $0 } == "late words" })
    }

    @Test("ends a session that either side resets, and logs which one")
    func resets() throws {
        let server = TestServer { socket in
            while let bytes = socket.receive(), !bytes.isEmpty {
                if bytes == [UInt8(ascii: "R")] { return socket.reset() }
                socket.send(bytes)
            }
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let first = try harness.connect()
        first.send("x")
        #expect(first.text(1) == "x")
        first.reset()
        #expect(try harness.log.flags() == "CD")
        let second = try harness.connect()
        second.send("R")
        #expect(second.receive()?.isEmpty ?? true)
        #expect(try harness.log.flags() == "SD")
        #expect(harness.isEmptyEventually())
    }

    @Test("delivers a side's data that preceded its reset")
    func dataThenReset() throws {
        let server = TestServer { socket in
            _ = socket.text(2)
            socket.send(Array(repeating: 7, count: 100_000))
            var pending: Int32 = 1
            _ = eventually { ioctl(socket.raw, UInt(TIOCOUTQ), &pending) == 0 && pending == 0 }
            socket.reset()
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let client = try harness.connect()
        client.send("go")
        #expect(client.textToEnd().utf8.count == 100_000)
        #expect(try harness.log.flags() == "SD")
    }

    @Test("detects the reset of a client that had ended its stream before")
    func resetAfterHalfClose() throws {
        let server = TestServer.staying()
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let client = try harness.connect()
        client.send("x")
        #expect(client.text(1) == "x")
        client.finishSending()
        #expect(eventually { server.presentCount == 1 && harness.sum { $0.bytesIn.value } == 1 })
        client.reset()
        #expect(try harness.log.flags() == "CD")
        #expect(harness.isEmptyEventually())
    }

    @Test("stops reading a source while its sink takes no data")
    func backpressure() throws {
        let proceed = Atomic<Bool>(false)
        let total = Atomic(0)
        let server = TestServer(receiveBuffer: 16_384) { socket in
            _ = eventually { proceed.load(ordering: .relaxed) }
            while let bytes = socket.receive(), !bytes.isEmpty { total.wrappingAdd(bytes.count, ordering: .relaxed) }
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let client = try harness.connect()
        _ = fcntl(client.raw, F_SETFL, O_NONBLOCK)
        var sent = 0
        let block = [UInt8](repeating: 1, count: 65_536)
        func isRefused() -> Bool {
            let taken = block.withUnsafeBytes { Glibc.send(client.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            sent += max(0, taken)
            return taken <= 0
        }
        // Until no byte is taken for a while: the kernel's buffers and one buffer or pipe of the process are full.
        while sent < 256 << 20, (try? holds(for: 0.2, "the client's sends are refused", interval: 1, isRefused)) == nil {}
        #expect(sent < 64 << 20, "a slow server does not slow its client down")
        #expect(harness.inUse.buffers + harness.inUse.pipes <= 1)
        proceed.store(true, ordering: .relaxed)
        client.finishSending()
        #expect(eventually { total.load(ordering: .relaxed) == sent })
        #expect(client.hasEndedEventually())
        #expect(harness.isEmptyEventually())
    }

    @Test("carries 48 MiB both ways at once without a change, in eight sessions, through pipes")
    func bulk() throws {
        let received = Mutex<[Int]>([])
        let server = TestServer { socket in
            let sender = TestThread { Bulk.send(to: socket, seed: 2) }
            let count = Bulk.receive(from: socket, seed: 1)
            sender.join()
            received.withLock { $0.append(count) }
        }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let address = harness.address
        let clients = (0..<8).map { _ in
            TestThread {
                guard let client = TestSocket(to: address) else { return }
                let sender = TestThread { Bulk.send(to: client, seed: 1) }
                let count = Bulk.receive(from: client, seed: 2)
                sender.join()
                received.withLock { $0.append(count) }
            }
        }
        for client in clients { client.join() }
        #expect(eventually { received.withLock { $0.count } == 16 })
        #expect(received.withLock { $0 } == Array(repeating: Bulk.bytes, count: 16))
        for _ in 0..<8 {
            let line = try harness.log.session()
            #expect(line.flags == "--" && line.bytes == Bulk.bytes, "\(line)")
        }
        #expect(harness.state.counters.contains { $0.own.splicedBytes.value > 0 })
        #expect(harness.isEmptyEventually())
    }

    @Test("serves IPv6 and UNIX sockets on both sides", arguments: ["ip6", "unix"])
    func families(family: String) throws {
        let directory = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        mkdir(directory, 0o700)
        defer { for name in ["/l", "/s", ""] { remove(directory + name) } }
        let loopback = SocketAddress.ip(.v6(high: 0, low: 1), port: 0)
        let server = TestServer.echo("hi", at: family == "unix" ? .unix(directory + "/s") : loopback)
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.listen = family == "unix" ? .unix(directory + "/l") : loopback
            // The configuration's reader gives a path this port, since a path has none.
            if family == "unix" { $0.backend.servers[0].port = .client(offset: 0) }
        }
        for _ in 0..<4 {
            let client = try harness.connect()
            #expect(client.text(2) == "hi")
            client.send(Array(repeating: 3, count: 100_000))
            #expect(client.text(100_000).utf8.count == 100_000)
            client.finishSending()
            #expect(client.hasEnded())
            let line = try harness.log.session()
            #expect(line.client == (family == "unix" ? "unix" : "::1"))
            #expect(line.clientPort == (family == "unix" ? 1 : Int(client.localPort)))
            #expect(line.flags == "--" && line.bytes == 100_002)
        }
    }

    @Test("delivers the data of a UNIX server that closes at once")
    func unixServerThatLeaves() throws {
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { remove(path) }
        let server = TestServer(.unix(path)) { $0.send("gone") }
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        for _ in 0..<20 { #expect(try harness.connect().textToEnd() == "gone") }
    }
}

extension TestServer {
    /// Echoes, and stays open after the end of the stream until the test ends.
    static func staying() -> TestServer {
        TestServer { socket in
            while let bytes = socket.receive(), !bytes.isEmpty { socket.send(bytes) }
            var poll = pollfd(fd: socket.raw, events: 0, revents: 0)
            _ = Glibc.poll(&poll, 1, Int32(TestSocket.waitSecondsMax * 1000))
        }
    }
}

extension TestSocket {
    /// For a non-blocking socket.
    func hasEndedEventually() -> Bool { eventually { self.receive() == [] } }
}

/// A long stream of recognisable bytes: numbered blocks of noise.
enum Bulk {
    /// 48 MiB; a sixteenth of that under a sanitizer, which makes every byte many times as expensive.
    static let bytes = isSanitized ? 3 << 20 : 48 << 20
    private static let blockBytes = 1 << 16

    private static func block(_ seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return (0..<blockBytes).map { _ in UInt8(truncatingIfNeeded: random.next() >> 7) }
    }

    /// Sends the stream of `seed`, then ends it.
    static func send(to socket: TestSocket, seed: UInt64) {
        var block = block(seed)
        for number in 0..<bytes / blockBytes {
            block.withUnsafeMutableBytes { $0.storeBytes(of: UInt64(number), as: UInt64.self) }
            guard socket.send(block) else { return }
        }
        socket.finishSending()
    }

    /// The number of bytes before the stream ends or differs from that of `seed`.
    static func receive(from socket: TestSocket, seed: UInt64) -> Int {
        var block = block(seed)
        var count = 0
        while let part = socket.receive(upTo: 1 << 14), !part.isEmpty {
            var start = 0
            while start < part.count {
                let place = count % blockBytes
                block.withUnsafeMutableBytes { $0.storeBytes(of: UInt64(count / blockBytes), as: UInt64.self) }
                let length = min(blockBytes - place, part.count - start)
                let isEqual = block.withUnsafeBytes { mine in
                    part.withUnsafeBytes { theirs in
                        guard let mine = mine.baseAddress, let theirs = theirs.baseAddress else { return false }
                        return memcmp(mine + place, theirs + start, length) == 0
                    }
                }
                guard isEqual else { return count }
                (start, count) = (start + length, count + length)
            }
        }
        return count
    }
}
