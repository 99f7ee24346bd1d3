import Glibc
import LinuxIO
import Support
import Synchronization
import Testing
import Wire

@testable import Proxy

@Suite("A server that speaks first", .timeLimit(.minutes(5)))
struct ForwardingGreetingTests {
    @Test(
        "is left for another one before its clients have received a byte, and they do not notice",
        arguments: ["silent", "closing", "resetting", "garbage", "1040", "1053", "1129", "1130", "trickling"])
    func left(kind: String) throws {
        let (first, reason): (Opening, RetryReason) =
            switch kind {
            case "silent": (.waits(TestGate()), .silent)
            case "closing": (.closes, .closed)
            case "resetting": (.resets, .closed)
            case "garbage": (.says(Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8)), .garbage)
            case "trickling": (.trickles(greeting("slow"), pieces: 70), .silent)
            default: (.saysAndCloses(error(UInt16(kind) ?? 0)), RetryReason(error: UInt16(kind) ?? 0))
            }
        // Long enough for the good server's greeting on a busy machine, and shorter than the trickle.
        let bench = try ServerFirstBench([first, .says(greeting("good"))], timeout: 500)
        for number in 1...6 {
            let client = try bench.harness.connect()
            #expect(greeted(client, "good"), "\(number)")
            expectLogin(client)
        }
        let lines = try (0..<6).map { _ in try bench.harness.log.session() }
        #expect(lines.allSatisfy { $0.server == "s2" && $0.flags == "--" && $0.bytes == greeting("good").count + 5 })
        #expect(lines.map(\.retries).sorted() == ["+1", "+1", "+1", "0", "0", "0"])
        #expect(lines.allSatisfy { $0.retries == "0" || reason != .silent || $0.totalTime >= 500 })
        // The reset may arrive before the connect is seen to have succeeded.
        #expect(bench.left(0, reason) + (kind == "resetting" ? bench.left(0, .refused) : 0) == 3)
        #expect(bench.harness.hasConnectFailed(0) && !bench.harness.hasConnectFailed(1))
        #expect(bench.harness.isEmptyEventually())
        #expect(bench.harness.held(0) == 0 && bench.harness.held(1) == 0)
        #expect(bench.harness.sum { $0.redispatches.value } == 3)
    }

    @Test("may send its greeting in pieces, and the bytes after it arrive in order")
    func pieces() throws {
        let bench = try ServerFirstBench([.trickles(greeting("A") + Array("after".utf8), pieces: 10)], timeout: 10_000)
        let client = try bench.harness.connect()
        #expect(greeted(client, "A"))
        #expect(client.text(5) == "after")
        client.finishSending()
        #expect(client.hasEnded())
        let line = try bench.harness.log.session()
        #expect(line.bytes == greeting("A").count + 5 && line.retries == "0")
        #expect(bench.harness.isEmptyEventually())
    }

    @Test("may send an error that every server would send: the client gets it, although there are other servers")
    func otherErrors() throws {
        let bench = try ServerFirstBench([.saysAndCloses(error(1045)), .saysAndCloses(error(1045))])
        #expect(try bench.harness.connect().textToEnd() == String(decoding: error(1045), as: UTF8.self))
        #expect(try bench.harness.log.session().retries == "0")
    }

    @Test("and refuses is quoted to the client when there is no other one", arguments: [1, 2])
    func lastError(count: Int) throws {
        let bench = try ServerFirstBench(Array(repeating: .saysAndCloses(error(1040)), count: count))
        #expect(try bench.harness.connect().textToEnd() == String(decoding: error(1040), as: UTF8.self))
        let line = try bench.harness.log.session()
        #expect(line.flags == "--" && line.retries == (count == 1 ? "0" : "+1"))
    }

    @Test("keeps a client that has sent bytes: they go to that server, and only once")
    func clientFirst() throws {
        let gate = TestGate()
        // Long enough for the client to send in time on a busy machine.
        let bench = try ServerFirstBench([.waits(gate), .waits(gate)], timeout: 3_000)
        let client = try bench.harness.connect()
        client.send("early")
        func asked() -> Int { bench.databases[0].acceptedCount + bench.databases[1].acceptedCount }
        #expect(eventually { asked() == 1 })
        try holds(for: 3.5, "no other server is connected to") { asked() == 1 }
        gate.open()
        #expect(greeted(client, "late"))
        #expect(client.text(5) == "early")
        client.finishSending()
        #expect(client.hasEnded())
        #expect(try bench.harness.log.session().retries == "0")
    }

    @Test("loses no more sessions than the budget allows")
    func budget() throws {
        let gate = TestGate()
        let bench = try ServerFirstBench([.waits(gate), .says(greeting("good"))], timeout: 200)
        let clients = try (0..<60).map { _ in try bench.harness.connect() }
        // Thirty of sixty sessions are at the silent server; a fifth of all sixty may leave it.
        #expect(eventually { bench.left(0, .overBudget) >= 18 })
        #expect(bench.left(0, .silent) == 12)
        #expect(eventually { bench.databases[1].acceptedCount == 42 }, "\(bench.databases[1].acceptedCount)")
        gate.open()
        for client in clients { #expect(client.text(5).utf8.count == 5) }
    }

    @Test("and is the only one is retried after a pause, and in the end the client gets an error in MySQL's protocol")
    func closing() throws {
        let bench = try ServerFirstBench([.closes]) { $0.backend.retriesMax = 1 }
        let text = try bench.harness.connect().textToEnd()
        #expect(
            MySQLErrorPacket(payload: Array(text.utf8.dropFirst(4)))?.message == "tsukada: proxy 'back' could not connect to any server"
                || text.contains("proxy 'back' could not connect"))
        let line = try bench.harness.log.session()
        #expect(line.flags == "SC" && line.retries == "1" && line.totalTime >= 900)
        #expect(bench.databases[0].acceptedCount == 2)
    }

    @Test("may not exist: the client gets an error, unless its proxy uses another protocol", arguments: [true, false])
    func noServer(isServerFirst: Bool) throws {
        let bench = try ServerFirstBench([.says(greeting("A"))]) {
            $0.down = [0]
            if !isServerFirst { $0.backend.isServerFirst = false }
        }
        let client = try bench.harness.connect()
        let bytes = client.receive() ?? []
        #expect(bytes.isEmpty != isServerFirst)
        if isServerFirst {
            let error = MySQLErrorPacket(payload: Array(bytes.dropFirst(4)))
            #expect(error?.code == 1053 && error?.sqlState == nil && error?.message == "tsukada: proxy 'back' has no server available")
        }
        #expect(try bench.harness.log.flags() == "SC")
    }

    @Test("may send anything with server-first, and sessions do not wait for it without", arguments: [true, false])
    func keyword(isServerFirst: Bool) throws {
        let bench = try ServerFirstBench([.waits(TestGate()), .says(Array("220 mail\r\n".utf8))]) {
            $0.backend.check = .connect
            $0.backend.isServerFirst = isServerFirst
        }
        for _ in 0..<2 {
            let client = try bench.harness.connect()
            guard isServerFirst else { continue }
            #expect(client.text(8) == "220 mail")
        }
        if !isServerFirst { try holds(for: 0.5, "the silent server is not left") { bench.left(0, .silent) == 0 } }
        #expect(bench.left(0, .silent) == (isServerFirst ? 1 : 0))
    }

    @Test("and goes down hands its sessions without a greeting to another server")
    func shutdown() throws {
        let bench = try ServerFirstBench([.waits(TestGate()), .says(greeting("good"))], timeout: 60_000)
        let clients = [try bench.harness.connect(), try bench.harness.connect()]
        #expect(eventually { bench.harness.held(0) == 1 && bench.databases[0].acceptedCount == 1 })
        bench.harness.forwarder.shutdownSessions(of: ServerReference(backend: 0, server: 0))
        for client in clients { #expect(greeted(client, "good")) }
    }

    @Test("and is skipped gets no new session, unless all servers are")
    func skipped() throws {
        let bench = try ServerFirstBench([.says(greeting("A")), .says(greeting("B"))])
        bench.harness.route(0) { $0.isSkipped = true }
        for _ in 0..<4 { #expect(greeted(try bench.harness.connect(), "B")) }
        bench.harness.route(1) { $0.isSkipped = true }
        var names: Set<String> = []
        for _ in 0..<4 { names.insert(String(try bench.harness.connect().text(6).suffix(1))) }
        #expect(names == ["A", "B"])
        bench.harness.route(0) { $0.isSkipped = false }
        for _ in 0..<4 { #expect(greeted(try bench.harness.connect(), "A")) }
    }
}
