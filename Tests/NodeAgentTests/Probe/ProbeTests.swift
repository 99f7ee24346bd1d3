import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A probe's request")
struct ProbeRequestTests {
    private func parse(_ text: String) -> ProbeRequest.Parse { ProbeRequest.parse(Array(text.utf8)[...]) }

    @Test("is read with any path, and tells whether the connection stays")
    func reads() {
        let text = "GET /health?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"
        #expect(parse(text + "GET") == .request(ProbeRequest(method: .get, keepsAlive: true), bytes: text.utf8.count))
        #expect(parse("HEAD / HTTP/1.0\n\n") == .request(ProbeRequest(method: .head, keepsAlive: false), bytes: 17))
        #expect(parse("HEAD / HTTP/1.0\nConnection: Keep-Alive\n\n") == .request(ProbeRequest(method: .head, keepsAlive: true), bytes: 40))
        #expect(parse("GET / HTTP/1.1\r\nconnection:close\r\n\r\n") == .request(ProbeRequest(method: .get, keepsAlive: false), bytes: 36))
        #expect(parse("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n") == .request(ProbeRequest(method: .other, keepsAlive: false), bytes: 38))
    }

    @Test("is awaited at every length short of whole")
    func truncation() {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for count in 0..<bytes.count { #expect(ProbeRequest.parse(bytes[..<count]) == .incomplete, "length \(count)") }
    }

    @Test(
        "is refused when it is none",
        arguments: ["\u{16}\u{3}\u{1}", "get / HTTP/1.1\r\n", "GET /\r\n", "GET / HTTP/2.0\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET  HTTP/1.1\r\n"])
    func garbage(text: String) {
        #expect(parse(text) == .malformed)
    }

    @Test("is refused when its head is over 8 KiB")
    func tooLong() {
        #expect(parse("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 9000)) == .malformed)
        #expect(parse(String(repeating: "\r\n", count: 5000)) == .malformed)
    }
}

@Suite("The probe responder")
struct ProbeResponderTests {
    private let fitness: ProbeFitness
    private let listener: OpenFile
    private let address: SocketAddress

    init() throws {
        fitness = try ProbeFitness(backendNames: ["mysql"])
        listener = try listenOnLoopback()
        address = try #require(Sockets.localAddress(listener.raw))
    }

    private func start(_ mode: ProbeSettings.Mode, limits: ProbeLimits = ProbeLimits()) throws -> ProbeResponder {
        var settings = ProbeSettings(name: "nlb")
        settings.mode = mode
        settings.requirements = [ProbeSettings.Requirement(backend: 0, serversMin: 1)]
        return try ProbeResponder(ports: [ProbePort(settings: settings, listeners: [listener])], fitness: fitness, limits: limits) { _ in }
    }

    /// Asks again until connects are refused, or accepted: the thread needs a moment to hear of a change.
    private func eventually(isOpen: Bool) -> Bool {
        for _ in 0..<5000 where ((try? Client(to: address)) != nil) == isOpen { return true }
        return false
    }

    @Test("answers 503 with the reason, then 200, on one connection")
    func keepAlive() throws {
        let responder = try start(.http)
        let client = try Client(to: address)
        try client.send("GET / HTTP/1.1\r\n\r\n")
        let down = client.read(until: "}\n")
        #expect(down.hasPrefix("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"))
        #expect(down.hasSuffix("\r\n\r\n{\"status\":\"down\",\"reason\":\"mysql has 0 of 1 required server\"}\n"))
        fitness.setUsable(1, backend: 0)
        try client.send("GET /any HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n")
        let up = client.read(until: "keep-alive\r\n\r\n")
        #expect(up.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(up.contains("{\"status\":\"up\"}\nHTTP/1.1 200 OK\r\n"))
        fitness.setStopping()
        try client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        #expect(client.read(until: "<end>").contains("this node is stopping"))
        responder.end()
    }

    @Test("answers 405, 400, and what follows a PROXY header")
    func otherRequests() throws {
        fitness.setUsable(2, backend: 0)
        let responder = try start(.http)
        func ask(_ text: String) throws -> String {
            let client = try Client(to: address)
            try client.send(text)
            return client.read(until: "<end>")
        }
        #expect(try ask("DELETE / HTTP/1.1\r\nConnection: close\r\n\r\n").hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
        #expect(try ask("hello\r\n").hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        #expect(try ask("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(try ask("PROXY TCP4 1.2.3.4\r\nGET / HTTP/1.0\r\n\r\n").hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        let balancer = try Client(to: address)
        for byte in ProxyHeader(nil).binary(withChecksum: true) + Array("GET / HTTP/1.0\r\n\r\n".utf8) { try balancer.send([byte]) }
        #expect(balancer.read(until: "<end>").hasPrefix("HTTP/1.1 200 OK\r\n"))
        let slow = try Client(to: address)
        for byte in Array("HEAD / HTTP/1.0\r\n\r\n".utf8) { try slow.send([byte]) }
        #expect(slow.read(until: "<end>").hasPrefix("HTTP/1.1 200 OK\r\n"))
        responder.end()
    }

    @Test("refuses connects while unfit and takes them again on the same socket")
    func tcpToggles() throws {
        let responder = try start(.tcp)
        #expect(eventually(isOpen: false))
        for _ in 0..<3 {
            fitness.setUsable(1, backend: 0)
            #expect(eventually(isOpen: true))
            fitness.setUsable(0, backend: 0)
            #expect(eventually(isOpen: false))
        }
        fitness.setUsable(1, backend: 0)
        #expect(eventually(isOpen: true))
        fitness.setStopping()
        #expect(eventually(isOpen: false))
        responder.end()
    }

    @Test("accepts and closes in TCP mode without a reset, even when the client has spoken")
    func tcpCloses() throws {
        fitness.setUsable(1, backend: 0)
        let responder = try start(.tcp)
        let client = try Client(to: address)
        try client.send("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n")
        #expect(client.read(until: "<end>") == "<end>")
        responder.end()
    }

    @Test("serves on while idle, half-open and slow clients fill it")
    func crowd() throws {
        fitness.setUsable(1, backend: 0)
        var limits = ProbeLimits()
        limits.connectionsMax = 8
        let responder = try start(.http, limits: limits)
        let crowd = try (0..<100).map { number in
            let client = try Client(to: address)
            if number % 2 == 0 { try client.send("GET / HT") }
            if number % 3 == 0 { client.halfClose() }
            return client
        }
        let client = try Client(to: address)
        try client.send("GET / HTTP/1.1\r\n\r\n")
        #expect(client.read(until: "}\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(crowd.count == 100)
        responder.end()
    }

    @Test("cuts off a client whose head takes too long")
    func slowHead() throws {
        var limits = ProbeLimits()
        limits.headTimeout = .milliseconds(1)
        let responder = try start(.http, limits: limits)
        let client = try Client(to: address)
        try client.send("GET / HTTP/1.1\r\nHost")
        #expect(client.read(until: "<end>") == "<end>")
        responder.end()
    }
}
