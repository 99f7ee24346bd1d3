import Glibc
import LinuxIO
import Proxy
import Support
import Testing
import Wire

@testable import NodeAgent

@Suite("The probe responder")
struct ProbeResponderTests {
    private let sharedState: ProbeSharedState
    private let listener: OpenFile
    private let address: SocketAddress

    init() throws {
        sharedState = try ProbeSharedState(requirements: [[ProbeRequirementName(proxy: "mysql", serversMin: 1)]], now: MonotonicClock.now())
        listener = try listenOnLoopback()
        address = try #require(Sockets.localAddress(listener.raw))
    }

    /// Sets the control thread's answer: `count` usable servers, one required.
    private func setUsable(_ count: Int) {
        sharedState.set([ProbeCount(usable: count, unchecked: 0)], of: 0)
        sharedState.set(count > 0 ? ProbeAnswer(isPassing: true, .fit) : ProbeAnswer(isPassing: false, .lacking(requirement: 0, usable: 0, .unknown)), of: 0)
    }

    private func start(_ mode: ProbeSettings.Mode, limits: ProbeLimits = ProbeLimits()) throws -> ProbeResponder {
        var settings = ProbeSettings(name: "nlb")
        settings.mode = mode
        return try ProbeResponder(ports: [ProbePort(settings: settings, listeners: [listener])], sharedState: sharedState, limits: limits) { _ in }
    }

    /// Connects until connects are refused, or accepted: the thread notices a change with a delay.
    private func eventually(isOpen: Bool) -> Bool {
        Support.eventually(within: 10) { ((try? Client(to: address)) != nil) == isOpen }
    }

    @Test("answers 503 with the reason, then 200, on one connection")
    func keepAlive() throws {
        setUsable(0)
        let responder = try start(.http)
        let client = try Client(to: address)
        try client.send("GET / HTTP/1.1\r\n\r\n")
        let down = client.read(until: "}\n")
        #expect(down.hasPrefix("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"))
        let none = "\"proxies\":{\"mysql\":{\"usable\":0,\"unchecked\":0,\"required\":1}}"
        #expect(down.hasSuffix("\r\n\r\n{\"status\":\"down\",\"reason\":\"mysql: 0 usable servers, 1 required\",\(none)}\n"))
        setUsable(3)
        try client.send("GET /any HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\n\r\n")
        let up = client.read(until: "keep-alive\r\n\r\n")
        #expect(up.hasPrefix("HTTP/1.1 200 OK\r\n"))
        let three = "\"proxies\":{\"mysql\":{\"usable\":3,\"unchecked\":0,\"required\":1}}"
        #expect(up.contains("{\"status\":\"up\",\(three)}\nHTTP/1.1 200 OK\r\n"))
        sharedState.setStopping()
        try client.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        #expect(client.read(until: "<end>").contains("this node is stopping"))
        responder.end()
    }

    @Test("answers 405, 400, and requests after a PROXY header")
    func otherRequests() throws {
        setUsable(2)
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
        for byte in ProxyHeader(nil).binary(.checksum) + Array("GET / HTTP/1.0\r\n\r\n".utf8) { try balancer.send([byte]) }
        #expect(balancer.read(until: "<end>").hasPrefix("HTTP/1.1 200 OK\r\n"))
        let slow = try Client(to: address)
        for byte in Array("HEAD / HTTP/1.0\r\n\r\n".utf8) { try slow.send([byte]) }
        #expect(slow.read(until: "<end>").hasPrefix("HTTP/1.1 200 OK\r\n"))
        responder.end()
    }

    @Test("refuses connects while unfit and accepts them again on the same socket")
    func tcpToggles() throws {
        let responder = try start(.tcp)
        #expect(eventually(isOpen: false))
        for _ in 0..<3 {
            setUsable(1)
            #expect(eventually(isOpen: true))
            setUsable(0)
            #expect(eventually(isOpen: false))
        }
        setUsable(1)
        #expect(eventually(isOpen: true))
        sharedState.setStopping()
        #expect(eventually(isOpen: false))
        responder.end()
    }

    @Test("accepts and closes in TCP mode without a reset, even when the client has sent data")
    func tcpCloses() throws {
        setUsable(1)
        let responder = try start(.tcp)
        let client = try Client(to: address)
        try client.send("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n")
        #expect(client.read(until: "<end>") == "<end>")
        responder.end()
    }

    @Test("keeps serving while idle, half-open and slow clients fill it")
    func crowd() throws {
        setUsable(1)
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

    @Test("answers a request that arrives in two pieces, with any number of silent connections in between")
    func silentFlood() throws {
        setUsable(1)
        var limits = ProbeLimits()
        limits.connectionsMax = 8
        let responder = try start(.http, limits: limits)
        let pieces: [([UInt8], String)] = [
            (Array("GET / HT".utf8), "TP/1.0\r\n\r\n"), (ProxyHeader(nil).binary(.checksum), "GET / HTTP/1.0\r\n\r\n"),
        ]
        for (first, second) in pieces {
            let balancer = try Client(to: address)
            try balancer.send(first)
            let silent = try (0..<100).map { _ in try Client(to: address) }
            // Once the responder has answered a later connection, it has accepted all of these.
            let last = try Client(to: address)
            try last.send("GET / HTTP/1.0\r\n\r\n")
            #expect(last.read(until: "<end>").hasPrefix("HTTP/1.1 200 OK\r\n"))
            try balancer.send(second)
            #expect(balancer.read(until: "<end>").hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(silent.count == 100)
        }
        responder.end()
    }

    @Test("closes the connection that has been silent longest, even if it was answered before")
    func oldestSilent() throws {
        setUsable(1)
        var limits = ProbeLimits()
        limits.connectionsMax = 2
        let responder = try start(.http, limits: limits)
        let (first, second) = (try Client(to: address), try Client(to: address))
        // The second answer comes after the second connection's start, which may be in the same instant as the first answer.
        for _ in 0..<2 {
            try first.send("GET / HTTP/1.1\r\n\r\n")
            #expect(first.read(until: "}\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
        let third = try Client(to: address)
        try third.send("GET / HTTP/1.1\r\n\r\n")
        #expect(third.read(until: "}\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(second.read(until: "<end>") == "<end>", "silent since before the first connection's answer")
        try first.send("GET / HTTP/1.1\r\n\r\n")
        #expect(first.read(until: "}\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        responder.end()
    }

    @Test("answers 404 at the paths of HAProxy's statistics, with or without a query, and any other path as usual")
    func scrapers() throws {
        setUsable(1)
        let responder = try start(.http)
        func status(_ target: String, _ method: String = "GET") throws -> String {
            let client = try Client(to: address)
            try client.send("\(method) \(target) HTTP/1.0\r\n\r\n")
            return String(client.read(until: "<end>").dropFirst(9).prefix(3))
        }
        for target in ["/metrics", "/metrics?scope=global", "http://10.0.0.1:3307/metrics", "/;csv", "/;csv?x=1", "/;csv;norefresh", "/haproxy?stats;csv"] {
            #expect(try status(target) == "404", "\(target)")
        }
        #expect(try status("/metrics", "HEAD") == "404")
        for target in ["/", "/health", "/metric", "/metrics2", "/a/metrics", "/?metrics", "*"] { #expect(try status(target) == "200", "\(target)") }
        responder.end()
    }

    @Test("closes a client whose request head takes too long")
    func slowHead() throws {
        var limits = ProbeLimits()
        limits.headTimeout = .milliseconds(1)
        let responder = try start(.http, limits: limits)
        let client = try Client(to: address)
        try client.send("GET / HTTP/1.1\r\nHost")
        #expect(client.read(until: "<end>") == "<end>")
        responder.end()
    }

    @Test("shows who asked last, and how often")
    func questions() throws {
        setUsable(1)
        let responder = try start(.http)
        #expect(sharedState.requests(of: 0) == ProbeRequests())
        let before = MonotonicClock.now()
        let client = try Client(to: address)
        for _ in 0..<3 {
            try client.send("GET / HTTP/1.1\r\n\r\n")
            #expect(client.read(until: "}\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
        let questions = sharedState.requests(of: 0)
        #expect(questions.count == 3 && questions.source == .v4(0x7f00_0001))
        #expect(questions.last.map { $0 >= before && $0 <= MonotonicClock.now() } == true)
        responder.end()
    }

    @Test("fails while the control thread is starved, and passes when it runs again", arguments: [ProbeSettings.Mode.http, .tcp])
    func starved(mode: ProbeSettings.Mode) throws {
        setUsable(1)
        sharedState.recordSignOfLife(at: MonotonicClock.now().advanced(by: .seconds(3_600)))
        var limits = ProbeLimits()
        limits.stalledAfter = .milliseconds(50)
        let responder = try start(mode, limits: limits)
        func passes() -> Bool {
            guard let client = try? Client(to: address) else { return false }
            guard mode == .http else { return true }
            try? client.send("GET / HTTP/1.0\r\n\r\n")
            return client.read(until: "<end>").hasPrefix("HTTP/1.1 200 OK\r\n")
        }
        func eventually(_ isPassing: Bool) -> Bool { Support.eventually(within: 10) { passes() == isPassing } }
        #expect(eventually(true))
        sharedState.recordSignOfLife(at: MonotonicClock.now())
        #expect(eventually(false))
        #expect(sharedState.consumeStalled())
        sharedState.recordSignOfLife(at: MonotonicClock.now().advanced(by: .seconds(3_600)))
        #expect(eventually(true))
        sharedState.setStuck(threads: 1)
        #expect(eventually(false))
        sharedState.setStuck(threads: 0)
        #expect(eventually(true))
        responder.end()
    }

    @Test("survives aborted, half-sent and malformed requests", arguments: [ProbeSettings.Mode.http, .tcp])
    func abuse(mode: ProbeSettings.Mode) throws {
        setUsable(1)
        let responder = try start(mode)
        var random = SplitMix64(seed: 3)
        var held: [Client] = []
        for number in 0..<1_000 {
            let client = try Client(to: address)
            switch number % 5 {
            case 0: try client.send("GET / HTTP/1.1\r\n\r\n")
            case 1: try? client.send((0..<200).map { _ in UInt8.random(in: 0 ... .max, using: &random) })
            case 2: try client.send("GET / HT")
            case 3: try client.send([13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x11, 0xff, 0xff])
            default: break
            }
            if number % 2 == 0 { client.reset() }
            if number % 10 == 7 { held.append(client) }
        }
        // A busy machine may have taken more than the five seconds after which the control thread, which this test lacks, counts as starved.
        sharedState.recordSignOfLife(at: MonotonicClock.now())
        let client = try Client(to: address)
        try client.send("GET / HTTP/1.0\r\n\r\n")
        let answer = client.read(until: "<end>")
        #expect(mode == .tcp ? answer == "<end>" : answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        // The listener, the connections up to the limit, and one in the middle of an accept.
        #expect((1...2 + ProbeLimits().connectionsMax).contains(responderSockets()))
        responder.end()
    }

    /// The number of sockets at the responder's address; no other part of this process uses it.
    private func responderSockets() -> Int { (0..<4_096).count { Sockets.localAddress($0) == address } }
}

@Suite("The probe's shared state")
struct ProbeFitnessTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    private func sharedState() throws -> ProbeSharedState {
        let sharedState = try ProbeSharedState(requirements: [[]], now: start)
        sharedState.set(ProbeAnswer(isPassing: true, .fit), of: 0)
        return sharedState
    }

    @Test("counts the control thread as starved only while the probe thread itself runs")
    func starvation() throws {
        let sharedState = try sharedState()
        let later = start.advanced(by: .seconds(20))
        #expect(sharedState.answer(of: 0, ranSince: start, now: start.advanced(by: .seconds(5))).isPassing)
        #expect(sharedState.answer(of: 0, ranSince: later, now: later.advanced(by: .seconds(1))).isPassing, "the whole process was paused")
        #expect(!sharedState.consumeStalled())
        #expect(sharedState.answer(of: 0, ranSince: start, now: later) == ProbeAnswer(isPassing: false, .stalled))
        #expect(sharedState.consumeStalled() && !sharedState.consumeStalled())
        sharedState.recordSignOfLife(at: later)
        #expect(sharedState.answer(of: 0, ranSince: start, now: later).isPassing)
        sharedState.setStopping()
        #expect(sharedState.answer(of: 0, ranSince: start, now: later) == ProbeAnswer(isPassing: false, .stopping))
    }

    @Test("holds the address of the last request, of either family, or none")
    func sources() throws {
        let sharedState = try sharedState()
        for source in [.v4(0x0a00_0001), .v6(high: 1, low: 2), nil, .v4(0)] as [IPAddress?] {
            sharedState.recordRequest(0, from: source, now: start)
            #expect(sharedState.requests(of: 0).source == source)
        }
        #expect(sharedState.requests(of: 0).count == 4)
    }

    @Test("is reported as a table with one line a section, the reason last")
    func report() throws {
        let sharedState = try sharedState()
        sharedState.recordRequest(0, from: .v4(0x0a00_0001), now: start)
        var row = ProbeReport.Row(
            name: "nlb", answer: ProbeAnswer(isPassing: false, .lacking(requirement: 0, usable: 0, .enough)),
            requirements: [ProbeRequirementName(proxy: "mysql", serversMin: 1)], since: start, requests: sharedState.requests(of: 0), isDraining: false)
        let now = start.advanced(by: .milliseconds(12_500))
        #expect(
            ProbeReport(rows: [row], now: now).text
                == "# name state since_s asked last_by  last_ms draining reason\n"
                + "nlb    fail  12      1     10.0.0.1 12500   no       mysql: 0 usable servers, 1 required; a peer sees enough\n")
        row.requests = ProbeRequests()
        #expect(ProbeReport(rows: [row], now: now).text.contains("\nnlb    fail  12      0     -       -       no       mysql"))
    }
}
