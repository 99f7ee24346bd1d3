import Glibc
import LinuxIO
import Support
import Synchronization
import Testing
import Wire

@testable import Proxy

@Suite("A server that is late with its greeting", .timeLimit(.minutes(5)))
struct ForwardingSecondServerTests {
    @Test("stays connected while others are tried: when all are slow, the first greeting arrives no later than without them")
    func allSlow() throws {
        let gates = [TestGate(), TestGate(), TestGate()]
        let bench = try ServerFirstBench(gates.map { .waits($0) }, timeout: 50)
        let client = try bench.harness.connect()
        #expect(eventually { bench.databases.allSatisfy { $0.acceptedCount == 1 } })
        #expect(eventually { (0..<3).map { bench.harness.held($0) }.sorted() == [0, 1, 1] })
        try holds(for: 0.3, "each server gets one connect") { bench.databases.allSatisfy { $0.acceptedCount == 1 } }
        // The session still waits for two servers. The one asked last has not been counted as silent.
        let first = try #require((0..<3).first { bench.harness.held($0) == 1 && bench.left($0, .silent) == 1 })
        #expect((0..<3).map { bench.left($0, .silent) }.sorted() == [0, 1, 1])
        gates[first].open()
        #expect(greeted(client, "late"))
        expectLogin(client)
        let line = try bench.harness.log.session()
        #expect(line.server == "s\(first + 1)" && line.retries == "1")
        #expect(bench.harness.isEmptyEventually())
        #expect((0..<3).allSatisfy { bench.harness.held($0) == 0 })
    }

    @Test("is waited for when all others are skipped: a slow database gets no additional connects")
    func noneBetter() throws {
        let gates = [TestGate(), TestGate()]
        let bench = try ServerFirstBench(gates.map { .waits($0) }, timeout: 50)
        for place in 0..<2 { bench.harness.route(place) { $0.isSkipped = true } }
        let client = try bench.harness.connect()
        #expect(eventually { bench.databases.contains { $0.acceptedCount == 1 } })
        try holds(for: 1.3, "one server gets one connect") { bench.databases.map(\.acceptedCount).sorted() == [0, 1] }
        for place in 0..<2 { bench.harness.route(place) { $0.isSkipped = false } }
        #expect(eventually { bench.databases.allSatisfy { $0.acceptedCount == 1 } })
        for gate in gates { gate.open() }
        #expect(greeted(client, "late"))
        client.finishSending()
        #expect(client.hasEnded())
    }

    @Test("and a second silent one do not prevent a try of the third one")
    func twoSilent() throws {
        let bench = try ServerFirstBench([.waits(TestGate()), .waits(TestGate()), .says(greeting("good"))])
        let client = try bench.harness.connect()
        #expect(greeted(client, "good"))
        #expect((bench.left(0, .silent), bench.left(1, .silent)) == (1, 1))
        #expect((0..<3).map { bench.harness.held($0) } == [0, 0, 1])
        client.finishSending()
        #expect(client.hasEnded())
        let line = try bench.harness.log.session()
        #expect(line.server == "s3" && line.retries == "+2" && line.totalTime >= 300)
        #expect(bench.harness.sum { $0.redispatches.value } == 2)
    }

    @Test("leads to a third one at once when the second one fails", arguments: ["closing", "resetting", "garbage", "1040", "1129", "refusing"])
    func secondFails(kind: String) throws {
        let second: Opening =
            switch kind {
            case "closing", "refusing": .closes
            case "resetting": .resets
            case "garbage": .says(Array("SSH-2.0-OpenSSH_9.2p1\r\n".utf8))
            default: .saysAndCloses(error(UInt16(kind) ?? 0))
            }
        let bench = try ServerFirstBench([.waits(TestGate()), second, .says(greeting("good"))], timeout: 1500)
        if kind == "refusing" { bench.databases[1].stop() }
        let client = try bench.harness.connect()
        #expect(greeted(client, "good"))
        client.finishSending()
        #expect(client.hasEnded())
        let line = try bench.harness.log.session()
        #expect(line.server == "s3" && line.retries == "+2" && line.totalTime >= 1500)
        #expect(bench.left(0, .silent) == 1 && bench.left(1, .silent) == 0 && bench.harness.hasConnectFailed(1))
        #expect(bench.harness.isEmptyEventually())
        #expect((0..<3).allSatisfy { bench.harness.held($0) == 0 })
    }

    @Test("is waited for when the second one refuses and there is no third")
    func lastCandidate() throws {
        let gate = TestGate()
        let bench = try ServerFirstBench([.waits(gate), .saysAndCloses(error(1040))])
        let client = try bench.harness.connect()
        #expect(eventually { bench.left(1, RetryReason(error: 1040)) == 1 })
        gate.open()
        #expect(greeted(client, "late"))
        client.finishSending()
        #expect(client.hasEnded())
        #expect(try bench.harness.log.session().retries == "1")
    }

    @Test("is left for a server that refused a moment before")
    func askedAgain() throws {
        let bench = try ServerFirstBench([.waits(TestGate()), .refusesOnce(error(1040), TestGate())])
        let client = try bench.harness.connect()
        #expect(greeted(client, "good"))
        client.finishSending()
        #expect(client.hasEnded())
        let line = try bench.harness.log.session()
        #expect(line.server == "s2" && line.retries == "+2" && line.totalTime >= 1000)
    }

    @Test("and closes is left for the second one, which is connected already")
    func firstFails() throws {
        let (first, second) = (TestGate(), TestGate())
        let bench = try ServerFirstBench([.waitsAndCloses(first), .waits(second), .closes]) { $0.down = [2] }
        let client = try bench.harness.connect()
        #expect(eventually { bench.databases[0].acceptedCount == 1 && bench.databases[1].acceptedCount == 1 })
        first.open()
        #expect(eventually { bench.left(0, .closed) == 1 && bench.harness.held(0) == 0 })
        #expect(bench.harness.held(1) == 1)
        // The second server is now the session's server, and a further one may be tried beside it.
        bench.harness.route(2) { $0.isUsable = true }
        #expect(eventually { bench.left(2, .closed) >= 1 })
        second.open()
        #expect(greeted(client, "late"))
        expectLogin(client)
        let line = try bench.harness.log.session()
        #expect(line.server == "s2" && line.retries.hasPrefix("+") && bench.databases[1].acceptedCount == 1)
        #expect(bench.harness.isEmptyEventually())
        #expect((0..<3).allSatisfy { bench.harness.held($0) == 0 })
    }

    @Test("keeps a client that sends data, and the second one is closed; a client that resets closes both", arguments: [true, false])
    func clientMoves(speaks: Bool) throws {
        let gate = TestGate()
        let bench = try ServerFirstBench([.waits(gate), .waits(gate)])
        let client = try bench.harness.connect()
        #expect(eventually { bench.harness.held(0) == 1 && bench.harness.held(1) == 1 })
        if speaks { client.send("early") } else { client.reset() }
        #expect(eventually { bench.harness.held(1) == 0 && bench.harness.held(0) == (speaks ? 1 : 0) })
        if speaks {
            gate.open()
            #expect(greeted(client, "late"))
            #expect(client.text(5) == "early")
            client.finishSending()
            #expect(client.hasEnded())
            let line = try bench.harness.log.session()
            #expect(line.server == "s1" && line.retries == "0")
        }
        #expect(bench.harness.isEmptyEventually())
        #expect(bench.harness.held(0) == 0)
    }

    @Test("and a silent second one end the session after timeout server, with an error for the client")
    func nobodyGreets() throws {
        let bench = try ServerFirstBench([.waits(TestGate()), .waits(TestGate())]) { $0.backend.serverTimeout = .milliseconds(400) }
        let text = try bench.harness.connect().textToEnd()
        #expect(text.contains("proxy 'back': no server has answered in time"))
        let line = try bench.harness.log.session()
        #expect(line.server == "s1" && line.flags == "sD" && line.totalTime >= 550)
        #expect((bench.left(0, .silent), bench.left(1, .silent)) == (1, 1))
        #expect(bench.harness.isEmptyEventually())
        #expect(bench.harness.held(0) == 0 && bench.harness.held(1) == 0)
    }

    @Test("leads to a second server, which gets the client's address first")
    func proxyHeader() throws {
        let bench = try ServerFirstBench([.waits(TestGate()), .says([])]) {
            ($0.backend.check, $0.backend.isServerFirst) = (.connect, true)
            $0.backend.servers[1].proxyHeader = .text
        }
        let client = try bench.harness.connect()
        let text = String(decoding: client.receive() ?? [], as: UTF8.self)
        #expect(text.hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 \(client.localPort) "))
    }

    @Test("and slower than nearly all greetings leads to a second one with hedge-greetings; the first greeting wins")
    func hedged() throws {
        let start = TestGate()
        let bench = try ServerFirstBench([.slows(from: start, to: TestGate()), .says(greeting("good"))], timeout: 60_000) {
            $0.threads = 1
            $0.backend.hedgesGreetings = true
        }
        try bench.serveQuickSessions()
        let before = bench.left(0, .hedged)
        bench.renewHedgeBudget()
        start.open()
        for _ in 0..<2 { #expect(greeted(try bench.harness.connect(), "good")) }
        let lines = try (0..<2).map { _ in try bench.harness.log.session() }
        #expect(lines.map(\.retries).sorted() == ["+1", "0"] && lines.allSatisfy { $0.server == "s2" })
        #expect(bench.left(0, .hedged) == before + 1 && bench.left(0, .silent) == 0)
        #expect(bench.harness.isEmptyEventually())
        #expect(bench.harness.held(0) == 0 && bench.harness.held(1) == 0)
    }

    @Test("wins if it greets before the second one of a hedge, which is closed")
    func hedgeLost() throws {
        let (start, first, second) = (TestGate(), TestGate(), TestGate())
        let bench = try ServerFirstBench([.slows(from: start, to: first), .slows(from: start, to: second)], timeout: 60_000) {
            $0.threads = 1
            $0.backend.hedgesGreetings = true
        }
        try bench.serveQuickSessions()
        let before = (bench.left(0, .hedged), bench.left(1, .hedged))
        bench.renewHedgeBudget()
        start.open()
        let client = try bench.harness.connect()
        #expect(eventually { bench.left(0, .hedged) + bench.left(1, .hedged) == before.0 + before.1 + 1 })
        #expect(eventually { bench.harness.held(0) == 1 && bench.harness.held(1) == 1 })
        let own = bench.left(0, .hedged) > before.0 ? 0 : 1
        (own == 0 ? first : second).open()
        #expect(greeted(client, "slow"))
        client.finishSending()
        #expect(client.hasEnded())
        let line = try bench.harness.log.session()
        #expect(line.server == "s\(own + 1)" && line.retries == "0")
        #expect(bench.harness.isEmptyEventually())
        #expect(bench.harness.held(0) == 0 && bench.harness.held(1) == 0)
    }
}
