import LinuxIO
import Proxy
import Testing
import Wire

@Suite("The check runner, with scripts")
struct ScriptCheckRunnerTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func expect(_ number: Int, _ text: String) -> CheckStep { CheckStep(number: number, .expect(CheckExpectation(.string(bytes(text))))) }

    private func connect(_ number: Int, to server: CheckedServer? = nil, lingers: Bool = false, sendsProxyHeader: Bool = false) -> CheckStep {
        var connect = CheckConnect()
        (connect.lingers, connect.sendsProxyHeader) = (lingers, sendsProxyHeader)
        if case .ip(_, let port)? = server?.address { connect.port = .fixed(port) }
        return CheckStep(number: number, .connect(connect))
    }

    private func text(_ server: CheckedServer, _ index: Int = 0) -> String { String(decoding: server.received[index], as: UTF8.self) }

    @Test("sends, receives, and resets the connection")
    func exchange() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting([], reply: bytes("+PONG\r\n")), on: bench.reactor)
        defer { stub.close() }
        bench.start(.script(ProtocolChecks.redis), at: stub.address)
        bench.run { bench.results.count == 1 && !stub.ends.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7OK] && bench.results.map(\.info) == ["Redis server is ok"])
        #expect(text(stub) == "*1\r\n$4\r\nPING\r\n" && stub.ends == ["RST"])
    }

    @Test("connects to one port after another, and closes each connection as its rule asks")
    func severalConnects() throws {
        let bench = try CheckBench()
        let pop = try CheckedServer(.greeting(bytes("+OK POP3"), reply: nil), on: bench.reactor)
        let imap = try CheckedServer(.greeting(bytes("* OK IMAP4"), reply: nil), on: bench.reactor)
        defer {
            pop.close()
            imap.close()
        }
        let script = CheckScript(.tcp, [connect(1, to: pop, lingers: true), expect(2, "+OK POP3"), connect(3, to: imap), expect(4, "* OK IMAP4")])
        // The server's own port is refused: both rules replace it.
        bench.start(.script(script), at: TestServer.refusing())
        bench.run { bench.results.count == 1 && !pop.ends.isEmpty && !imap.ends.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7OK])
        #expect(pop.ends == ["FIN"] && imap.ends == ["RST"])
    }

    @Test("reports the step whose connect is refused")
    func laterRefusal() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting(bytes("ONE"), reply: nil), on: bench.reactor)
        defer { stub.close() }
        let script = CheckScript(.tcp, [connect(1, to: stub), expect(2, "ONE"), connect(3), expect(4, "TWO")])
        bench.start(.script(script), at: TestServer.refusing())
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer4ConnectionProblem])
        #expect(bench.results.map(\.info) == ["ECONNREFUSED returned by OS (Connection refused) at step 3 of tcp-check (connect)"])
    }

    @Test("omits the handshake's last packet if a script only connects, unless it lingers", arguments: [false, true])
    func bareConnect(lingers: Bool) throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(.script(CheckScript(.tcp, lingers ? [connect(1, lingers: true)] : [])), at: stub.address)
        bench.run { bench.results.count == 1 && (!lingers || !stub.ends.isEmpty) }
        #expect(bench.results.map(\.status) == [.layer4OK])
        for _ in 0..<3 { bench.reactor.runOnce(waitingAtMost: .zero) }
        #expect(stub.ends == (lingers ? ["FIN"] : []) && stub.received.count == (lingers ? 1 : 0))
    }

    @Test("sends a PROXY header where the rule or the server's checks ask for it")
    func proxyHeaders() throws {
        let cases: [(CheckStep?, ProxyHeaderForm?, ProxyHeaderForm, String)] = [
            (nil, .text, .text, "PROXY TCP4 127.0.0.1 127.0.0.1 PORT SERVER\r\nA"), (nil, nil, .text, "A"), (connect(1), .text, .text, "A"),
            (connect(1, sendsProxyHeader: true), nil, .text, "PROXY TCP4 127.0.0.1 127.0.0.1 PORT SERVER\r\nA"),
            (connect(1, sendsProxyHeader: true), nil, .binary([]), "\r\n\r\n\0\r\nQUIT\n \0\0\0A"),
        ]
        for (rule, ofChecks, forced, expected) in cases {
            let bench = try CheckBench()
            let stub = try CheckedServer(.greeting([], reply: bytes("B")), on: bench.reactor)
            defer { stub.close() }
            let steps = [rule, CheckStep(number: 2, .send(.bytes(bytes("A")))), expect(3, "B")].compactMap(\.self)
            bench.start(.script(CheckScript(.tcp, steps)), at: stub.address) { backend in
                backend.servers[0].check?.proxyHeader = ofChecks
                backend.servers[0].check?.forcedProxyHeader = forced
            }
            bench.run { bench.results.count == 1 }
            // As in HAProxy, the header has the addresses of the check's own connection.
            let port = try #require(stub.address.port)
            let shown = text(stub).replacing(#/ [0-9]+ ([0-9]+)\r\n/#) { " PORT \($0.1 == "\(port)" ? "SERVER" : $0.1)\r\n" }
            #expect(shown == expected)
        }
    }

    @Test("judges the last bytes of a server that closes, and a server that sends nothing")
    func ends() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.closing, on: bench.reactor)
        defer { stub.close() }
        bench.start(.script(CheckScript(.tcp, [expect(1, "OK")])), at: stub.address)
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.info) == ["TCPCHK got an empty response at step 1"])
    }

    @Test("times out in the step that waits, and closes with a RST")
    func timeout() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting(bytes("-ERR"), reply: nil), on: bench.reactor)
        defer { stub.close() }
        bench.start(.script(CheckScript(.tcp, [expect(1, "role:master")])), at: stub.address) { $0.checkTimeout = .milliseconds(20) }
        bench.run { bench.results.count == 1 && !stub.ends.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7Timeout])
        #expect(bench.results.map(\.info) == [" at step 1 of tcp-check (expect string 'role:master')"] && stub.ends == ["RST"])
    }

    @Test("asks HTTP servers, and reports the status of their answers")
    func http() throws {
        let bench = try CheckBench()
        let response = "HTTP/1.1 503 Not synced\r\nContent-Length: 3\r\n\r\nno\n"
        let stub = try CheckedServer(.greeting([], reply: bytes(response)), on: bench.reactor)
        defer { stub.close() }
        var request = HTTPCheckRequest()
        (request.method, request.target) = ("GET", CheckFormat(literal: bytes("/master")))
        let steps = [CheckStep(number: 1, .send(.request(request))), CheckStep(number: 1, .expect(CheckExpectation(.status([200...399]))))]
        bench.start(.script(CheckScript(.http, steps)), at: stub.address)
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.explanation).first?.hasPrefix(", reason: Layer7 wrong status, code: 503, info: \"Not synced\"") == true)
        #expect(text(stub) == "GET /master HTTP/1.0\r\n\r\n")
    }
}
