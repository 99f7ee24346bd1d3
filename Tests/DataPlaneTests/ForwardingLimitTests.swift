import Glibc
import LinuxIO
import Synchronization
import Testing
import Wire

@testable import Proxy

@Suite("Limits and queues", .timeLimit(.minutes(5)))
struct ForwardingLimitTests {
    /// Runs `count` clients in threads: each connects, is greeted, exchanges a word and closes. Returns the number of clients served.
    private func serve(_ count: Int, by harness: ForwardingHarness) -> Int {
        let served = Atomic(0)
        let address = harness.address
        let threads = (0..<count).map { _ in
            TestThread {
                guard let client = TestSocket(to: address), client.text(1) == "A" else { return }
                client.send("word")
                guard client.text(4) == "word" else { return }
                client.finishSending()
                if client.hasEnded() { served.wrappingAdd(1, ordering: .relaxed) }
            }
        }
        for thread in threads { thread.join() }
        return served.load(ordering: .relaxed)
    }

    @Test("keep a server's maxconn exactly under load over several threads, and every client is served")
    func serverLimit() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 4
            $0.backend.servers[0].connectionsMax = 3
            $0.backend.queueTimeout = .seconds(60)
        }
        var served = 0
        for _ in 0..<5 { served += serve(60, by: harness) }
        #expect(served == 300)
        #expect(harness.state.serverCells[0].pointee.sessions.max == 3)
        #expect(harness.isEmptyEventually())
        #expect(harness.held(0) == 0 && harness.state.backendCells[0].pointee.waiting.value == 0)
    }

    @Test("serve every client when threads share sockets, even with pauses at maxconn, and the sockets can be closed", arguments: [1, 3])
    func sharedSockets(sockets: Int) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            ($0.threads, $0.sockets) = (8, sockets)
            $0.frontend.connectionsMax = 5
        }
        var served = 0
        for _ in 0..<5 { served += serve(60, by: harness) }
        #expect(served == 300)
        #expect(harness.state.frontendCells[0].pointee.sessions.max <= 5)
        #expect(harness.isEmptyEventually())
        harness.forwarder.stopListening()
        #expect(eventually { harness.forwarder.hasStoppedListening })
        #expect(TestSocket(to: harness.address) == nil)
    }

    @Test("cause no work while a frontend is full and clients wait for it", arguments: [1, 2])
    func fullFrontend(sockets: Int) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            ($0.threads, $0.sockets) = (2, sockets)
            $0.frontend.connectionsMax = 1
        }
        let first = try harness.connect()
        #expect(first.text(1) == "A")
        // The kernel accepts them, and distributes them over both threads' sockets.
        var waiting = try (0..<20).map { _ in try harness.connect() }
        #expect(eventually { harness.pauses >= 1 })
        func rounds() -> [UInt64] { harness.state.counters.map { $0.own.rounds.value } }
        #expect(
            eventually {
                let before = rounds()
                let areIdle = (0..<100).allSatisfy { _ in Watchdog.rounds(harness.state, harness.forwarder.pollers) == [nil, nil] }
                return areIdle && rounds() == before
            })
        first.finishSending()
        while !waiting.isEmpty {
            var byte: UInt8 = 0
            guard let served = waiting.firstIndex(where: { recv($0.raw, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 1 }) else { continue }
            let client = waiting.remove(at: served)
            #expect(client.text(1) == "A")
            client.finishSending()
        }
        #expect(harness.isEmptyEventually())
    }

    @Test("serve a queue in order of arrival, and the log has each session's place", arguments: [1, 4])
    func queueOrder(threads: Int) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = threads
            $0.backend.servers[0].connectionsMax = 1
            $0.backend.queueTimeout = .seconds(60)
        }
        var clients = [try harness.connect()]
        #expect(clients[0].text(1) == "A")
        for waiting in 1...5 {
            clients.append(try harness.connect())
            #expect(eventually { harness.state.backendCells[0].pointee.waiting.value == waiting })
        }
        for (place, client) in clients.enumerated() {
            if place > 0 { #expect(client.text(1) == "A") }
            for later in clients[(place + 1)...] {
                var byte: UInt8 = 0
                #expect(recv(later.raw, &byte, 1, Int32(MSG_DONTWAIT)) == -1, "a later client was served earlier")
            }
            client.finishSending()
            #expect(client.hasEnded())
            let line = try harness.log.session()
            #expect(line.flags == "--" && line.queue == [0, place] && line.clientPort == Int(client.localPort))
            // The place is returned after the line is written.
            #expect(line.counts == [6 - place, 6 - place, 5 - place, 0])
        }
    }

    @Test("end a wait in the queue with sQ after its timeout, and with CQ when the client resets")
    func queueEnds() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.backend.servers[0].connectionsMax = 1
            $0.backend.queueTimeout = .milliseconds(80)
        }
        let first = try harness.connect()
        #expect(first.text(1) == "A")
        let second = try harness.connect()
        #expect(second.hasEnded())
        var line = try harness.log.session()
        #expect(line.flags == "sQ" && line.server == "<NOSRV>" && line.queueTime >= 80 && line.connectTime == -1 && line.queue == [0, 1])
        #expect(line.counts == [2, 2, 1, 0])
        let third = try harness.connect()
        #expect(eventually { harness.state.backendCells[0].pointee.waiting.value == 1 })
        third.reset()
        line = try harness.log.session()
        #expect(line.flags == "CQ" && line.server == "<NOSRV>")
        first.send("x")
        #expect(first.text(1) == "x")
    }

    @Test("remove a client from the queue when it ends its stream without data, and serve a client that has sent data")
    func halfClosedInQueue() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.backend.servers[0].connectionsMax = 1
            $0.backend.queueTimeout = .seconds(60)
        }
        let first = try harness.connect()
        #expect(first.text(1) == "A")
        let mute = try harness.connect()
        #expect(eventually { harness.state.backendCells[0].pointee.waiting.value == 1 })
        mute.finishSending()
        #expect(mute.hasEnded())
        let line = try harness.log.session()
        #expect(line.flags == "CQ" && line.server == "<NOSRV>")
        let talking = try harness.connect()
        talking.send("word")
        talking.finishSending()
        #expect(eventually { harness.state.backendCells[0].pointee.waiting.value == 1 })
        first.finishSending()
        #expect(talking.textToEnd() == "Aword")
    }

    @Test("give waiting sessions to a server that becomes usable")
    func comesBack() throws {
        let servers = ["A", "B"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.backend.servers[0].connectionsMax = 1
            $0.backend.queueTimeout = .seconds(60)
            $0.down = [1]
        }
        let first = try harness.connect()
        #expect(first.text(1) == "A")
        let others = try (0..<4).map { _ in try harness.connect() }
        #expect(eventually { harness.state.backendCells[0].pointee.waiting.value == 4 })
        harness.route(1) { $0.isUsable = true }
        for client in others { #expect(client.text(1) == "B") }
    }

    @Test("move a session that waits for a certain server when that server goes down")
    func pinnedServerGoes() throws {
        let servers = ["A", "B"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.backend.balance = .source
            for index in 0..<2 { $0.backend.servers[index].connectionsMax = 1 }
            $0.backend.queueTimeout = .seconds(60)
        }
        let first = try harness.connect()
        let name = first.text(1)
        let second = try harness.connect()
        let server = name == "A" ? 0 : 1
        #expect(eventually { harness.state.serverCells[server].pointee.waiting.value == 1 })
        harness.route(server) { $0.isUsable = false }
        #expect(second.text(1) == (name == "A" ? "B" : "A"))
    }

    @Test("make connections beyond maxconn wait and serve them all later, with one line and a count", arguments: ["process", "frontend"])
    func maxconn(kind: String) throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 4
            if kind == "process" { $0.sessionsMax = 5 } else { $0.frontend.connectionsMax = 5 }
        }
        #expect(serve(120, by: harness) == 120)
        // Only the limited counter is exact: sessions change the other one a moment earlier or later.
        let limited = kind == "process" ? harness.state.process[0].pointee.sessions.max : harness.state.frontendCells[0].pointee.sessions.max
        #expect(limited == 5)
        #expect(harness.isEmptyEventually())
        #expect(harness.pauses > 0)
        var (lines, pauses) = ([LoggedSession](), [String]())
        while lines.count < 120 {
            let line = harness.log.line()
            if line.contains(" has reached ") { pauses.append(line) } else { lines.append(try LoggedSession(line)) }
        }
        #expect(pauses.count == 1, "one thread reports it for all: \(pauses)")
        let text = kind == "process" ? "the process's maxconn 5" : "its maxconn 5"
        #expect(pauses.allSatisfy { $0.hasPrefix("<132>") && $0.hasSuffix("Proxy front has reached \(text): new connections wait until a session ends.\n") })
        #expect(lines.allSatisfy { $0.flags == "--" })
    }

    @Test("of one serve clients one after the other on any number of threads")
    func limitOfOne() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) {
            $0.threads = 8
            $0.sessionsMax = 1
        }
        #expect(serve(60, by: harness) == 60)
        #expect(server.acceptedCount == 60)
    }
}
