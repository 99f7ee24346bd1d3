import Proxy
import Testing

@testable import NodeAgent

/// Each line was measured with haproxy 2.6.12 and a server of the same behaviour.
@Suite("The requests and the log of an HTTP check")
struct HTTPCheckLogTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b, c\r\nServer: x\r\n\r\nhello"

    private static func http(_ rules: String..., answers: [String] = [ok], then event: ScriptDialogue.Event = .isSilent, log: String) -> ScriptDialogue {
        ScriptDialogue(["option httpchk"] + rules.map { "http-check \($0)" }, answers.map { .answers($0) } + [event], log)
    }

    private static func request(_ lines: String..., text: String) -> ScriptDialogue {
        ScriptDialogue(lines, [.answers(ok)], "Layer7 check passed, code: 200", requests: [text])
    }

    static let requests: [ScriptDialogue] = [
        request("option httpchk", text: "OPTIONS / HTTP/1.0\r\n\r\n"),
        request("option httpchk /x", text: "OPTIONS /x HTTP/1.0\r\n\r\n"),
        request("option httpchk GET /x", text: "GET /x HTTP/1.0\r\n\r\n"),
        request("option httpchk GET /x HTTP/1.1", text: "GET /x HTTP/1.1\r\nconnection: close\r\n\r\n"),
        request("option httpchk GET /x HTTP/1.1 www", text: "GET /x HTTP/1.1\r\nhost: www\r\nconnection: close\r\n\r\n"),
        request("option httpchk GET /x HTTP/1.1\\r\\nHost:\\ www", text: "GET /x HTTP/1.1\r\nhost: www\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk POST /x HTTP/1.0\\r\\nHost:\\ www\\r\\nX-B:\\ 1\\r\\n\\r\\nBODY",
            text: "POST /x HTTP/1.0\r\nhost: www\r\nx-b: 1\r\ncontent-length: 4\r\n\r\nBODY"),
        request(
            "option httpchk GET /x HTTP/1.1\\r\\nHost:\\ www\\r\\nConnection:\\ keep-alive\\r\\nContent-length:\\ 3",
            text: "GET /x HTTP/1.1\r\nhost: www\r\n\r\n"),
        request(
            "option httpchk", "http-check send meth GET uri /y ver HTTP/1.1 hdr Host foo hdr X-Y z",
            text: "GET /y HTTP/1.1\r\nhost: foo\r\nx-y: z\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk", "http-check send meth PUT uri /y ver HTTP/1.1 hdr Host foo body B\\r\\nC",
            text: "PUT /y HTTP/1.1\r\nhost: foo\r\ncontent-length: 4\r\nconnection: close\r\n\r\nB\r\nC"),
        request("option httpchk", "http-check send meth PUT uri /y body B", text: "PUT /y HTTP/1.0\r\ncontent-length: 1\r\n\r\nB"),
        request(
            "option httpchk", "http-check send meth GET uri /y hdr connection keep-alive", text: "GET /y HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"),
        request("option httpchk", "http-check send meth GET hdr Connection close", text: "GET / HTTP/1.0\r\n\r\n"),
        request(
            "option httpchk", "http-check send meth GET ver HTTP/1.1 hdr Connection close", text: "GET / HTTP/1.1\r\nconnection: close\r\n\r\n"),
        request("option httpchk", "http-check send meth GET ver HTTP/1.1 hdr Connection foo", text: "GET / HTTP/1.1\r\nconnection: foo\r\n\r\n"),
        request(
            "http-check send meth GET uri /y hdr A b", "option httpchk HEAD /z HTTP/1.1", text: "HEAD /z HTTP/1.1\r\na: b\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk HEAD /z HTTP/1.1", "http-check send hdr A b", text: "HEAD /z HTTP/1.1\r\na: b\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk GET /x HTTP/1.1\\r\\nHost:\\ w", "http-check send uri /z", text: "GET /z HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk GET /x HTTP/1.1\\r\\nHost:\\ w", "http-check send uri /z hdr X y",
            text: "GET /z HTTP/1.1\r\nx: y\r\nconnection: close\r\n\r\n"),
        request(
            "http-check send uri /z hdr X y", "option httpchk GET /x HTTP/1.1\\r\\nHost:\\ w",
            text: "GET /x HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk", "http-check send meth GET uri http://foo/y ver HTTP/1.1 hdr Host bar",
            text: "GET http://bar/y HTTP/1.1\r\nhost: bar\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk", "http-check send meth GET uri http://foo/y ver HTTP/1.1", text: "GET http://foo/y HTTP/1.1\r\nconnection: close\r\n\r\n"),
        request(
            "option httpchk", "http-check send meth GET uri-lf /%[srv_name]-%[be_name]%% hdr X %[srv_name],%[int(3)] body-lf b=%[str(x)]",
            text: "GET /s1-b1% HTTP/1.0\r\nx: s1,3\r\ncontent-length: 3\r\n\r\nb=x"),
        request("option httpchk", "http-check send meth GET uri /y ver HTTP/2.0", text: "GET /y HTTP/1.1\r\nconnection: close\r\n\r\n"),
        request("option httpchk", "http-check send meth GET uri /y ver FOO/1.7", text: "GET /y FOO/1.7\r\n\r\n"),
        request("option httpchk", "http-check send meth POST", text: "POST / HTTP/1.0\r\ncontent-length: 0\r\n\r\n"),
        request("option httpchk", "http-check send meth PATCH ver HTTP/1.1", text: "PATCH / HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        request("option httpchk", "http-check send meth DELETE ver HTTP/1.1", text: "DELETE / HTTP/1.1\r\nconnection: close\r\n\r\n"),
        request("option httpchk", "http-check send meth GET hdr A %[var(check.x)] hdr B c", text: "GET / HTTP/1.0\r\nb: c\r\n\r\n"),
        request(
            "option httpchk", "http-check send hdr Content-Length 7 hdr Transfer-Encoding x body ab",
            text: "OPTIONS / HTTP/1.0\r\ncontent-length: 2\r\n\r\nab"),
        request(
            "option httpchk", "http-check send-state", text: "OPTIONS / HTTP/1.0\r\nx-haproxy-server-state: UP; address=127.0.0.1\r\n\r\n"),
        request(
            "option httpchk GET /o", "http-check connect port 8", "http-check send hdr A b", "http-check expect status 200",
            text: "GET /o HTTP/1.0\r\na: b\r\n\r\n"),
    ]

    static let responses: [ScriptDialogue] = [
        http(answers: ["HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n"], log: "Layer7 wrong status, code: 500, info: \"Oh no\""),
        http(answers: ["HTTP/1.0 503\r\n\r\n"], log: "Layer7 wrong status, code: 503"),
        http(answers: ["HTTP/1.1 ", "399 X\r\n", "\r\n"], log: "Layer7 check passed, code: 399"),
        http("disable-on-404", answers: ["HTTP/1.0 404 Not Found\r\n\r\n"], log: "Layer7 check conditionally passed, code: 404"),
        http("disable-on-404", "expect status 404", answers: ["HTTP/1.0 404 Not Found\r\n\r\n"], log: "Layer7 check conditionally passed, code: 404"),
        http(answers: ["SSH-2.0-OpenSSH\r\n"], log: "Layer7 invalid response"),
        http(answers: ["HTTP/1.1 200 OK\r\nConte"], then: .ends, log: "Layer7 invalid response"),
        http(answers: ["HTTP/1.1 200 OK\r\nConte"], log: "Layer7 timeout"),
        http(answers: [], then: .ends, log: "Layer7 invalid response"),
        http(answers: [], log: "Layer7 timeout"),
        http(answers: [], then: .resets, log: "Socket error, info: \"ECONNRESET returned by OS (Connection reset by peer)\""),
        http(answers: ["HTTP/1.1 100 Continue\r\n\r\n" + ok], log: "Layer7 wrong status, code: 100, info: \"Continue\""),
        http("expect string hello", answers: ["HTTP/1.1 100 Continue\r\n\r\n" + ok], log: "Layer7 check passed, code: 100"),
        http(answers: ["HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 17_000)], log: "Layer7 invalid response"),
        http(answers: ["HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 15_000) + "\r\n\r\n"], log: "Layer7 check passed, code: 200"),
    ]

    static let expectations: [ScriptDialogue] = [
        http("expect status 200,201,300-310", answers: ["HTTP/1.1 299 Nope\r\n\r\n"], log: "Layer7 wrong status, code: 299, info: \"Nope\""),
        http("expect status 200,201,300-310", answers: ["HTTP/1.1 305 Nope\r\n\r\n"], log: "Layer7 check passed, code: 305"),
        http("expect status 200,", log: "Layer7 check passed, code: 200"),
        http("expect ! status 200", log: "Layer7 wrong status, code: 200, info: \"OK\""),
        http("expect rstatus ^2", answers: ["HTTP/1.1 305 Nope\r\n\r\n"], log: "Layer7 wrong status, code: 305, info: \"Nope\""),
        http("expect ! rstatus ^5", answers: ["HTTP/1.1 505 Nope\r\n\r\n"], log: "Layer7 wrong status, code: 505, info: \"Nope\""),
        http("expect rstatus 00$", log: "Layer7 check passed, code: 200"),
        http("expect string ell", log: "Layer7 check passed, code: 200"),
        http("expect string ell", answers: ["HTTP/1.1 500 BAD\r\nContent-Length: 5\r\n\r\nhello"], log: "Layer7 check passed, code: 500"),
        http("expect string elX", log: "Layer7 invalid response, info: \"HTTP content check did not match\""),
        http("expect ! string ell", log: "Layer7 invalid response, info: \"HTTP check matched unwanted content\""),
        http(
            "expect string ell", answers: ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
            log: "Layer7 invalid response, info: \"HTTP content check could not find a response body\""),
        http("expect string ell", answers: ["HTTP/1.1 101 Switching\r\n\r\nhello"], log: "Layer7 check passed, code: 101"),
        http(
            "expect string ell", answers: ["HTTP/1.1 101 Switching\r\n\r\nxxx"],
            log: "Layer7 invalid response, info: \"HTTP content check did not match\""),
        http(
            "expect string ell", answers: ["HTTP/1.1 101 Switching\r\n\r\n"],
            log: "Layer7 invalid response, info: \"HTTP content check could not find a response body\""),
        http("expect string ell", answers: ["HTTP/1.0 200 OK\r\n\r\nhelXX"], log: "Layer7 timeout"),
        http(
            "expect string ell", answers: ["HTTP/1.0 200 OK\r\n\r\nhelXX"], then: .ends,
            log: "Layer7 invalid response, info: \"HTTP content check did not match\""),
        http("expect string ell", answers: ["HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhelXX"], log: "Layer7 timeout"),
        http("expect string ell", answers: ["HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhellX"], log: "Layer7 check passed, code: 200"),
        http("expect string xyz", answers: [ok + "xyz"], log: "Layer7 invalid response, info: \"HTTP content check did not match\""),
        http("expect comment cc rstring ^x", log: "Layer7 invalid response, info: \"HTTP content check did not match comment: cc\""),
        http(
            "expect string hello", answers: ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", "2\r\nlo\r\n0\r\n\r\n"],
            log: "Layer7 check passed, code: 200"),
        http(
            "expect string hello", answers: ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\nZZ\r\nlo"], log: "Layer7 invalid response"),
        http("expect status 200", "expect string hello", answers: [String(ok.dropLast(5)), "hello"], log: "Layer7 check passed, code: 200"),
        http("expect hdr name x-a", log: "Layer7 check passed, code: 200"),
        http("expect hdr name x-q", log: "Layer7 wrong status, code: 200, info: \"OK\""),
        http("expect hdr name x-a value c", log: "Layer7 check passed, code: 200"),
        http("expect fhdr name x-a value c", log: "Layer7 wrong status, code: 200, info: \"OK\""),
        http("expect fhdr name X-A value \"b, c\"", log: "Layer7 check passed, code: 200"),
        http("expect hdr name -m beg X- value -m reg ^C", log: "Layer7 wrong status, code: 200, info: \"OK\""),
        http("expect hdr name -m reg ^X- value -m reg ^c", log: "Layer7 check passed, code: 200"),
        http("expect hdr name -m sub - value -m end c", log: "Layer7 check passed, code: 200"),
        http("expect hdr name-lf %[str(x-a)] value-lf -m beg %[str(b)]", log: "Layer7 check passed, code: 200"),
        http("expect status-code int(7) status 201", log: "Layer7 wrong status, code: 7, info: \"OK\""),
        http("expect ok-status L4OK on-success good status 200", log: "Layer4 check passed, info: \"good\""),
        http("expect error-status L7RSP on-error bad-%[srv_name] status 201", log: "Layer7 invalid response, info: \"bad-s1\""),
        ScriptDialogue(
            ["option httpchk HEAD /", "http-check expect string hello"], [.answers(ok)],
            "Layer7 invalid response, info: \"HTTP content check could not find a response body\""),
        ScriptDialogue(
            [
                "option httpchk", "http-check connect port 5", "http-check send meth GET uri /a", "http-check expect status 200", "http-check connect port 6",
                "http-check send meth GET uri /b", "http-check expect status 200",
            ], [.answers(ok), .refuses], "Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused)\"",
            requests: ["GET /a HTTP/1.0\r\n\r\n"]),
        ScriptDialogue(
            [
                "option httpchk", "http-check connect port 5", "http-check send meth GET uri /a", "http-check expect status 200", "http-check connect port 6",
                "http-check send meth GET uri /b",
            ], [.answers(ok), .accepts, .answers(ok)], "Layer7 check passed, code: 200", requests: ["GET /a HTTP/1.0\r\n\r\n", "GET /b HTTP/1.0\r\n\r\n"]),
    ]

    @Test("are HAProxy's", arguments: requests + responses + expectations)
    func areHAProxys(dialogue: ScriptDialogue) throws {
        let (log, requests) = try dialogue.run()
        #expect(log == dialogue.log)
        if let expected = dialogue.requests { #expect(requests == expected) }
    }
}
