import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import Proxy

@Suite("Choosing and connecting", .timeLimit(.minutes(5)))
struct ForwardingConnectTests {
    /// The names of the servers that greet `count` clients in a row; the clients are appended to `stay`.
    private func greetings(_ harness: ForwardingHarness, _ count: Int, keep stay: inout [TestSocket]) throws -> [String] {
        try (0..<count).map { _ in
            let client = try harness.connect()
            stay.append(client)
            return client.text(1)
        }
    }

    @Test("splits ten long connections on eight threads five to five")
    func fiveToFive() throws {
        let servers = [TestServer.echo("A"), TestServer.echo("B")]
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) { $0.threads = 8 }
        var stay: [TestSocket] = []
        let names = try greetings(harness, 10, keep: &stay)
        #expect(names.filter { $0 == "A" }.count == 5 && names.filter { $0 == "B" }.count == 5)
        #expect(harness.held(0) == 5 && harness.held(1) == 5)
    }

    @Test("takes turns over the whole process, by weight")
    func roundRobin() throws {
        let servers = ["A", "B", "C"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.threads = 4
            $0.weights = [1, 2, 3]
        }
        var stay: [TestSocket] = []
        let names = try greetings(harness, 60, keep: &stay)
        #expect(["A", "B", "C"].map { name in names.filter { $0 == name }.count } == [10, 20, 30])
    }

    @Test("gives a session to the server with the fewest sessions for its weight")
    func leastConnections() throws {
        let servers = ["A", "B"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.backend.balance = .leastConnections
            $0.weights = [1, 3]
        }
        var stay: [TestSocket] = []
        _ = try greetings(harness, 20, keep: &stay)
        // (5 + 1) / 1 against (15 + 1) / 3, or one more at the heavier server: HAProxy counts the arriving session, except at an idle server.
        #expect(harness.held(0) + harness.held(1) == 20 && (4...5).contains(harness.held(0)))
        for client in stay { client.finishSending() }
        #expect(eventually { harness.held(0) == 0 && harness.held(1) == 0 })
    }

    @Test("takes turns over idle servers by leastconn, regardless of their weights")
    func idleLeastConnections() throws {
        let servers = ["A", "B"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            $0.backend.balance = .leastConnections
            $0.weights = [1, 50]
        }
        var greetings = ""
        for _ in 0..<6 {
            let client = try harness.connect()
            greetings += client.text(1)
            client.finishSending()
            #expect(client.hasEnded())
            #expect(harness.isEmptyEventually())
        }
        #expect(["ABABAB", "BABABA"].contains(greetings))
    }

    @Test("stops trying servers when the client has left without sending a byte")
    func clientLeaves() throws {
        let harness = try ForwardingHarness([TestServer.refusing()])
        let client = try harness.connect()
        client.finishSending()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        #expect(line.flags == "CC" && line.retries == "1" && line.connectTime == -1)
        #expect(harness.isEmptyEventually())
        #expect(harness.sum { $0.sessions.value } == 1)
    }

    @Test("keeps a client's address with its server, and moves it only while that server is unusable")
    func source() throws {
        let servers = ["A", "B", "C"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) { $0.backend.balance = .source }
        var stay: [TestSocket] = []
        let names = try greetings(harness, 9, keep: &stay)
        #expect(Set(names).count == 1)
        let first = try #require(["A", "B", "C"].firstIndex(of: names[0]))
        harness.route(first) { $0.isUsable = false }
        let others = try greetings(harness, 6, keep: &stay)
        #expect(Set(others).count == 1 && others[0] != names[0])
        harness.route(first) { $0.isUsable = true }
        #expect(try greetings(harness, 3, keep: &stay) == [names[0], names[0], names[0]])
    }

    @Test("serves every client with the other server when one refuses, and logs the redispatch")
    func redispatch() throws {
        let server = TestServer.echo("B")
        defer { server.stop() }
        let harness = try ForwardingHarness([TestServer.refusing(), server.address])
        for _ in 0..<20 {
            let client = try harness.connect()
            #expect(client.text(1) == "B")
            client.finishSending()
            #expect(client.hasEnded())
        }
        let lines = try (0..<20).map { _ in try harness.log.session() }
        #expect(lines.allSatisfy { $0.server == "s2" && $0.flags == "--" })
        #expect(lines.filter { $0.retries == "+1" }.count == 10 && lines.filter { $0.retries == "0" }.count == 10)
        #expect(harness.hasConnectFailed(0))
        #expect(!harness.hasConnectFailed(1))
        #expect(harness.sum { $0.redispatches.value } == 10)
    }

    @Test("retries the same server as often as configured, with a pause, then logs SC")
    func allRefuse() throws {
        let harness = try ForwardingHarness([TestServer.refusing()]) {
            $0.backend.connectTimeout = .milliseconds(50)
            $0.backend.retriesMax = 2
        }
        let client = try harness.connect()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        #expect(line.flags == "SC" && line.server == "s1" && line.retries == "2" && line.connectTime == -1 && line.bytes == 0)
        #expect(line.queueTime >= 100 && line.totalTime >= 100)
        #expect(harness.isEmptyEventually())
    }

    @Test("tries every other server before it gives up, even with few retries")
    func oneOfMany() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let dead = (0..<5).map { _ in TestServer.refusing() }
        let harness = try ForwardingHarness(dead + [server.address]) { $0.backend.retriesMax = 1 }
        for _ in 0..<12 {
            let client = try harness.connect()
            #expect(client.text(1) == "A")
            client.close()
        }
        for _ in 0..<12 { #expect(try harness.log.session().server == "s6") }
    }

    @Test("serves a client when its server returns between two tries")
    func comesBack() throws {
        let address = TestServer.refusing()
        let harness = try ForwardingHarness([address]) { $0.backend.connectTimeout = .milliseconds(100) }
        let client = try harness.connect()
        #expect(eventually { harness.sum { $0.retries.value } > 0 })
        let server = TestServer.echo("A", at: address)
        defer { server.stop() }
        #expect(client.text(1) == "A")
        client.close()
        #expect(try harness.log.session().retries.hasPrefix("+") == false)
    }

    @Test("stays at its server when redispatch is off")
    func redispatchOff() throws {
        let server = TestServer.echo("B")
        defer { server.stop() }
        let harness = try ForwardingHarness([TestServer.refusing(), server.address]) {
            $0.backend.redispatch = .off
            $0.backend.retriesMax = 1
            $0.backend.connectTimeout = .milliseconds(20)
        }
        let client = try harness.connect()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        // The server was assigned at once, before the connects failed.
        #expect(line.flags == "SC" && line.server == "s1" && line.retries == "1" && line.totalTime - line.queueTime >= 20)
    }

    /// A listener with a full queue: connects to it get no answer.
    private func silentListener() throws -> (TestSocket, SocketAddress, [TestSocket]) {
        let listener = TestServer.listen(.ip(.v4(0x7f00_0001), port: 0), backlog: 0)
        let address = try #require(Sockets.localAddress(listener.raw))
        var fillers: [TestSocket] = []
        for _ in 0..<4 {
            let raw = try Sockets.open(.stream, for: address).release()
            _ = try? Sockets.connect(raw, to: address)
            fillers.append(TestSocket(owning: raw))
        }
        return (listener, address, fillers)
    }

    @Test("gives up on a server that does not answer in time, with sC, without another pause")
    func connectTimeout() throws {
        let (listener, address, fillers) = try silentListener()
        defer { for socket in fillers + [listener] { socket.close() } }
        let harness = try ForwardingHarness([address]) {
            $0.backend.connectTimeout = .milliseconds(60)
            $0.backend.retriesMax = 1
            $0.backend.redispatch = .off
        }
        let client = try harness.connect()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        #expect(line.flags == "sC" && line.server == "s1" && line.retries == "1" && line.connectTime == -1)
        #expect(line.totalTime - line.queueTime >= 120)
    }

    @Test("leaves a server that does not answer for a second when there is another, and waits for the last one")
    func silentServer() throws {
        let (listener, address, fillers) = try silentListener()
        defer { for socket in fillers + [listener] { socket.close() } }
        let server = TestServer.echo("B")
        defer { server.stop() }
        let harness = try ForwardingHarness([address, server.address]) { $0.backend.connectTimeout = .seconds(600) }
        let clients = try (0..<2).map { _ in try harness.connect() }
        for client in clients {
            #expect(client.text(1) == "B")
            client.finishSending()
            #expect(client.hasEnded())
        }
        let lines = try (0..<2).map { _ in try harness.log.session() }
        #expect(lines.map(\.retries).sorted() == ["+1", "0"])
        #expect(lines.allSatisfy { $0.server == "s2" })
    }

    @Test("logs SC at once when no server is usable, or none is defined")
    func noServer() throws {
        let harness = try ForwardingHarness([TestServer.refusing()]) { $0.down = [0] }
        #expect(try harness.connect().hasEnded())
        var line = try harness.log.session()
        #expect(line.flags == "SC" && line.server == "<NOSRV>" && line.queueTime == -1 && line.connectTime == -1 && line.retries == "0")
        let empty = try ForwardingHarness([]) { $0.frontend.backend = nil }
        #expect(try empty.connect().hasEnded())
        line = try empty.log.session()
        #expect(line.backend == "front" && line.server == "<NOSRV>" && line.flags == "SC" && line.counts == [1, 1, 0, 0])
    }

    @Test(
        "ends the sessions of a server that goes down, or of a backup, with HAProxy 3.5's letters, and keeps the others",
        arguments: [(.serverDown, "DC"), (.serverUnreachable, "DC"), (.serverUp, "UC")] as [(SessionShutdown, String)])
    func shutdownSessions(reason: SessionShutdown, flags: String) throws {
        let servers = ["A", "B"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address))
        var stay: [TestSocket] = []
        let names = try greetings(harness, 6, keep: &stay)
        harness.forwarder.shutdownSessions(of: ServerReference(backend: 0, server: 0), because: reason)
        for (client, name) in zip(stay, names) where name == "A" { #expect(client.receive()?.isEmpty ?? true) }
        for _ in 0..<3 {
            let line = try harness.log.session()
            #expect(line.flags == flags && line.server == "s1")
        }
        for (client, name) in zip(stay, names) where name == "B" {
            client.send("x")
            #expect(client.text(1) == "x")
        }
        #expect(harness.held(0) == 0 && harness.held(1) == 3)
    }

    @Test("connects to the port that the client used, with an offset")
    func clientPort() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let target = Int(try #require(server.address.port))
        let held = try HeldPort()
        let port = Int(try #require(held.address.port))
        let harness = try ForwardingHarness([.ip(.v4(0x7f00_0001), port: 0)]) {
            $0.listen = held.address
            $0.backend.servers[0].port = .client(offset: target - port)
        }
        #expect(try harness.connect().text(1) == "A")
    }
}
