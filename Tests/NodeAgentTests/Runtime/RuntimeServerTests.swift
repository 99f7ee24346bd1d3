import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The runtime server")
struct RuntimeServerTests {
    private let reactor: Reactor
    private let target = StubTarget()
    private let address: SocketAddress
    private let listener: OpenFile

    init() throws {
        reactor = try Reactor()
        listener = try listenOnLoopback()
        address = try #require(Sockets.localAddress(listener.raw))
    }

    private func server(
        connectionsMax: Int = 10, timeout: Duration = .seconds(10), level: StatsSocketSettings.Level = .admin, exposesListeners: Bool = false,
        handOver: @escaping (OpenFile, RuntimePlace) -> Void = { _, _ in }
    ) throws -> RuntimeServer {
        let interpreter = RuntimeInterpreter(target: target)
        let server = RuntimeServer(
            reactor: reactor, interpreter: interpreter, connectionsMax: connectionsMax, timeout: timeout, handOver: handOver)
        var rights = RuntimeRights()
        rights.level = level
        rights.exposesListeners = exposesListeners
        try server.serve(listener, rights: rights)
        return server
    }

    private func exchange(_ text: String, halfClosing: Bool = false) throws -> String {
        let client = try Client(to: address)
        try client.send(text)
        if halfClosing { client.halfClose() }
        return client.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) }
    }

    @Test("answers one line and closes")
    func oneLine() throws {
        let server = try server()
        #expect(try exchange("show cli level;show version\r\n") == "admin\n\n3.5-tsukada-0.1.0\n\n")
        #expect(server.connectionsCurrent == 0)
    }

    @Test("keeps the answer of a client that half-closes at once")
    func halfClose() throws {
        let server = try server()
        #expect(try exchange("show stat\n", halfClosing: true).hasSuffix(",\n\n"))
        #expect(try exchange("show cli lev", halfClosing: true).isEmpty)
        #expect(server.connectionsCurrent == 0)
    }

    @Test("holds the connection open after prompt, until quit")
    func prompt() throws {
        let server = try server()
        #expect(try exchange("prompt\nset timeout cli 60\nshow cli level\nquit\n") == "\n> \n> admin\n\n> ")
        #expect(server.connectionsCurrent == 0)
    }

    @Test("sends an answer larger than any socket buffer to a slow reader")
    func backpressure() throws {
        target.current.proxies = (0..<1000).map { number in
            var proxy = sampleSnapshot().proxies[0]
            proxy.name = "proxy\(number)"
            return proxy
        }
        let expected = target.current.csv().whole().utf8.count + 1
        let server = try server()
        #expect(try exchange("show stat\n").utf8.count == expected)
        #expect(server.connectionsCurrent == 0)
    }

    @Test("makes connections beyond the limit wait in the kernel's queue")
    func connectionsMax() throws {
        let server = try server(connectionsMax: 1, level: .operator)
        let first = try Client(to: address)
        let second = try Client(to: address)
        try second.send("show cli level\n")
        for _ in 0..<5 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(server.connectionsCurrent == 1)
        try first.send("show version\n")
        #expect(first.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) } == "3.5-tsukada-0.1.0\n\n")
        #expect(second.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) } == "operator\n\n")
        #expect(server.connectionsCurrent == 0)
    }

    @Test("answers urgent commands at a full 'stats maxconn', and makes all other commands wait for a place")
    func reserve() throws {
        let server = try server(connectionsMax: 1)
        let first = try Client(to: address)
        try first.send("prompt\n")
        #expect(read(from: first, until: "> ") == "\n> ")
        let second = try Client(to: address)
        try second.send("show version\n")
        #expect(try exchange("drain\n").hasPrefix("tsukada02 is draining"))
        #expect(try exchange("show gossip keys\n").hasPrefix("There is no 'gossip'"))
        #expect(target.drains == [.careful] && server.connectionsCurrent == 2)
        try first.send("quit\n")
        #expect(second.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) } == "3.5-tsukada-0.1.0\n\n")
        #expect(server.connectionsCurrent == 0)
    }

    @Test("accepts a limited number without a place, and closes those that send nothing")
    func reserveLimit() throws {
        let server = try server(connectionsMax: 1, timeout: .milliseconds(300))
        let clients = try (0..<RuntimeServer.waitingMax + 4).map { _ in try Client(to: address) }
        for client in clients.dropFirst() { try client.send("show version\n") }
        for _ in 0..<10 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(server.connectionsCurrent == 1 + RuntimeServer.waitingMax)
        for client in clients.dropFirst() {
            #expect(client.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) } == "3.5-tsukada-0.1.0\n\n")
        }
        #expect(server.connectionsCurrent == 0)
    }

    // MARK: Turns

    /// Connected clients that have sent `text`.
    private func clients(_ count: Int, of server: RuntimeServer, saying text: String, level: StatsSocketSettings.Level = .user) throws -> [OpenFile] {
        var rights = RuntimeRights()
        rights.level = level
        return try (0..<count).map { _ in
            let (own, other) = try DescriptorPassing.pair()
            #expect(try Sockets.send(own.raw, Array(text.utf8)[...]) == text.utf8.count)
            server.serve(connection: other, rights: rights)
            return own
        }
    }

    private func read(from client: Client, until end: String) -> String {
        reactor.runOnce(waitingAtMost: .milliseconds(10))
        for _ in 0..<4 { reactor.runOnce(waitingAtMost: .zero) }
        return client.read(until: end)
    }

    @Test("composes one short piece a round for all connections together, each in turn, and lets timers run between")
    func turns() throws {
        target.current.proxies[0].servers = (1...300).map { ServerStatistics(name: "db\($0)", identifier: $0) }
        let expected = target.current.csv(showsAddresses: false).whole()
        let server = try server()
        let files = try clients(6, of: server, saying: "show stat;show stat\n")
        var received = Array(repeating: 0, count: files.count)
        var (rounds, beats, behindMax) = (0, 0, 0)
        while server.connectionsCurrent > 0, rounds < 5000 {
            let before = target.rowsRead
            reactor.setTimer(at: reactor.now) { beats += 1 }
            reactor.runOnce(waitingAtMost: .zero)
            rounds += 1
            #expect(target.rowsRead - before <= AnswerText.pieceRowsMax)
            #expect(beats == rounds)
            for (index, file) in files.enumerated() { received[index] += try Sockets.receive(file.raw, upTo: 1 << 20)?.count ?? 0 }
            if received.contains(0) { behindMax = max(behindMax, received.max() ?? 0) }
        }
        #expect(behindMax <= AnswerText.pieceBytesMax + 4096, "the last one has its first piece before any has its second")
        for (index, file) in files.enumerated() { received[index] += try Sockets.receive(file.raw, upTo: 1 << 20)?.count ?? 0 }
        #expect(received == Array(repeating: 2 * (expected.utf8.count + 1), count: files.count))
    }

    @Test("stops composing an answer at its limit, and reports that at the answer's end")
    func outputLimit() throws {
        target.current.proxies[0].servers = [ServerStatistics(name: String(repeating: "x", count: 64 * 1024), identifier: 1)]
        let server = try server()
        let text = try exchange(String(repeating: "show stat;", count: 1_000) + "set weight mysql/db1 5\n")
        #expect(text.hasSuffix("\nThe answer is longer than 8388608 bytes and cut off here: ask for less.\n\n"))
        #expect(text.utf8.count < RuntimeServer.outputBytesMax + 4096)
        #expect(target.rowsRead < 130 && target.scopes.isEmpty && server.connectionsCurrent == 0)
        let prompted = try exchange("prompt\n" + String(repeating: "show stat;", count: 1_000) + "\nshow version\nquit\n")
        #expect(prompted.hasSuffix("ask for less.\n\n> 3.5-tsukada-0.1.0\n\n> "))
    }

    @Test("explains a line that is too long")
    func longLine() throws {
        let server = try server()
        let answer = "The line is longer than 16384 bytes: split it into several.\n\n"
        #expect(try exchange(String(repeating: "x", count: 20_000) + "\n") == answer)
        #expect(try exchange(String(repeating: "x", count: 16_390)) == answer)
        #expect(server.connectionsCurrent == 0)
    }

    // MARK: Closed clients

    @Test("runs no line of a client that closed before the line was read", arguments: [1, 40])
    func gone(rounds: Int) throws {
        let server = try server()
        var files = try clients(1, of: server, saying: String(repeating: "set weight mysql/db1 5;", count: 100) + "drain\n", level: .admin)
        if rounds > 1 { for _ in 0..<rounds { reactor.runOnce(waitingAtMost: .zero) } }
        let before = target.scopes.count
        #expect(rounds == 1 ? before == 0 : (1..<rounds).contains(before))
        files.removeAll()
        for _ in 0..<200 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(target.scopes.count == before && target.drains.isEmpty && server.connectionsCurrent == 0)
    }

    @Test("runs the lines of a client that closes only its sending side")
    func halfClosed() throws {
        let server = try server()
        let files = try clients(1, of: server, saying: "set weight mysql/db1 5;drain force\n", level: .admin)
        shutdown(files[0].raw, Int32(SHUT_WR))
        for _ in 0..<10 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(target.scopes.count == 1 && target.drains == [.forced])
        #expect(try Sockets.receive(files[0].raw, upTo: 100).map { String(decoding: $0, as: UTF8.self) } == "\nDraining: 1\n\n")
    }

    @Test("forgets a client that closes while it waits for a place")
    func goneWaiting() throws {
        let server = try server(connectionsMax: 1)
        let first = try Client(to: address)
        do {
            let second = try Client(to: address)
            try second.send("set weight mysql/db1 5\n")
            for _ in 0..<5 { reactor.runOnce(waitingAtMost: .zero) }
            #expect(server.connectionsCurrent == 2)
            second.reset()
        }
        for _ in 0..<5 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(server.connectionsCurrent == 1)
        try first.send("quit\n")
        for _ in 0..<20 where server.connectionsCurrent > 0 { reactor.runOnce(waitingAtMost: .milliseconds(10)) }
        #expect(target.scopes.isEmpty && server.connectionsCurrent == 0)
    }

    @Test("cancels an answer from another process when the client closes")
    func goneLater() throws {
        final class Elsewhere: LineInterpreter {
            var (asked, cancelled) = (0, 0)
            func isUrgent(_ line: ArraySlice<UInt8>, _ session: RuntimeSession) -> Bool { false }
            func answer(to line: ArraySlice<UInt8>, session: inout RuntimeSession) -> LineAnswer {
                .later { [self] _ in
                    asked += 1
                    return { self.cancelled += 1 }
                }
            }
        }
        let elsewhere = Elsewhere()
        let server = RuntimeServer(reactor: reactor, interpreter: elsewhere, connectionsMax: 4, timeout: .seconds(10))
        var files = try clients(1, of: server, saying: "@1 drain\n")
        for _ in 0..<5 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(elsewhere.asked == 1 && elsewhere.cancelled == 0)
        files.removeAll()
        reactor.runOnce(waitingAtMost: .milliseconds(10))
        #expect(elsewhere.cancelled == 1 && server.connectionsCurrent == 0)
    }

    @Test("drops idle clients and clients that reset")
    func hopelessClients() throws {
        let server = try server(timeout: .milliseconds(1))
        let idle = try Client(to: address)
        #expect(idle.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) }.isEmpty)
        do {
            let vanishing = try Client(to: address)
            try vanishing.send("prompt\nshow stat\nshow stat\n")
            vanishing.reset()
        }
        reactor.runOnce(waitingAtMost: .milliseconds(10))
        for _ in 0..<200 where server.connectionsCurrent > 0 { reactor.runOnce(waitingAtMost: .milliseconds(10)) }
        #expect(server.connectionsCurrent == 0)
        server.close()
    }

    @Test("hands a connection over to a succeeding process if its line has expose-fd listeners", arguments: [false, true])
    func handOver(isAllowed: Bool) throws {
        var taken: [OpenFile] = []
        let server = try server(exposesListeners: isAllowed) { file, _ in taken.append(file) }
        let client = try Client(to: address)
        try client.send("_handover\n")
        for _ in 0..<50 where taken.isEmpty { reactor.runOnce(waitingAtMost: .milliseconds(2)) }
        #expect(taken.count == (isAllowed ? 1 : 0))
        #expect(server.connectionsCurrent == 0)
    }

    @Test("counts a handed-over connection under 'stats maxconn' until its place is returned")
    func handedOverPlace() throws {
        var places: [RuntimePlace] = []
        let server = try server(connectionsMax: 2, exposesListeners: true) { places.append($1) }
        let clients = try (0..<2).map { _ in try Client(to: address) }
        for client in clients { try client.send("_handover\n") }
        for _ in 0..<50 where places.count < 2 { reactor.runOnce(waitingAtMost: .milliseconds(2)) }
        let next = try Client(to: address)
        try next.send("show version\n")
        for _ in 0..<10 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(target.rowsRead == 0 && server.connectionsCurrent == 1, "it waits for a place")
        places.removeLast()
        #expect(next.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) } == "3.5-tsukada-0.1.0\n\n")
    }
}
