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
        connectionsMax: Int = 10, timeout: Duration = .seconds(10), exposesListeners: Bool = false, handOver: @escaping (OpenFile) -> Void = { _ in }
    ) throws -> RuntimeServer {
        let interpreter = RuntimeInterpreter(target: target)
        let server = RuntimeServer(
            reactor: reactor, interpreter: interpreter, connectionsMax: connectionsMax, timeout: timeout, handOver: handOver)
        var rights = RuntimeRights()
        rights.level = .admin
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

    @Test("sends an answer larger than any socket buffer to a reader that takes its time")
    func backpressure() throws {
        target.current.proxies = (0..<1000).map { number in
            var proxy = sampleSnapshot().proxies[0]
            proxy.name = "proxy\(number)"
            return proxy
        }
        let expected = target.current.csv().utf8.count + 1
        let server = try server()
        #expect(try exchange("show stat\n").utf8.count == expected)
        #expect(server.connectionsCurrent == 0)
    }

    @Test("lets connections beyond the limit wait in the kernel's queue")
    func connectionsMax() throws {
        let server = try server(connectionsMax: 1)
        let first = try Client(to: address)
        let second = try Client(to: address)
        try second.send("show cli level\n")
        for _ in 0..<5 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(server.connectionsCurrent == 1)
        try first.send("show version\n")
        #expect(first.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) } == "3.5-tsukada-0.1.0\n\n")
        #expect(second.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) } == "admin\n\n")
        #expect(server.connectionsCurrent == 0)
    }

    @Test("drops idle clients, endless lines and clients that vanish")
    func hopelessClients() throws {
        let server = try server(timeout: .milliseconds(1))
        let idle = try Client(to: address)
        #expect(idle.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) }.isEmpty)
        let endless = try Client(to: address)
        try endless.send(String(repeating: "x", count: 20000) + "\n")
        #expect(endless.readAll { reactor.runOnce(waitingAtMost: .milliseconds(10)) }.isEmpty)
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

    @Test("gives a connection away to a process that takes over, if its line says expose-fd listeners", arguments: [false, true])
    func handOver(isAllowed: Bool) throws {
        var taken: [OpenFile] = []
        let server = try server(exposesListeners: isAllowed) { taken.append($0) }
        let client = try Client(to: address)
        try client.send("_handover\n")
        for _ in 0..<50 where taken.isEmpty { reactor.runOnce(waitingAtMost: .milliseconds(2)) }
        #expect(taken.count == (isAllowed ? 1 : 0))
        #expect(server.connectionsCurrent == 0)
    }
}
