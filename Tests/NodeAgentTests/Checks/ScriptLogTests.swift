import Proxy
import Testing

@testable import NodeAgent

/// Each line was measured with haproxy 2.6.12 and a server of the same behaviour.
@Suite("The log of a tcp-check")
struct ScriptLogTests {
    private static let ok = [ScriptDialogue.Event.answers("+OK x\r\n"), .isSilent]
    private static let error = [ScriptDialogue.Event.answers("-ERR x\r\n"), .isSilent]
    private static let errorAndEnd = [ScriptDialogue.Event.answers("-ERR x\r\n"), .ends]

    private static func tcp(_ rules: String..., events: [ScriptDialogue.Event], log: String, requests: [String]? = nil) -> ScriptDialogue {
        ScriptDialogue(["option tcp-check"] + rules.map { "tcp-check \($0)" }, events, log, requests: requests)
    }

    private static let refused = "ECONNREFUSED returned by OS (Connection refused)"
    private static let reset = "ECONNRESET returned by OS (Connection reset by peer)"

    static let connections: [ScriptDialogue] = [
        tcp(events: [], log: "Layer4 check passed"),
        tcp(events: [.refuses], log: "Layer4 connection problem, info: \"\(refused) at initial connection step of tcp-check\""),
        tcp("connect", events: [], log: "Layer4 check passed, info: \"(tcp-check)\""),
        tcp("connect", "expect string x", events: [.refuses], log: "Layer4 connection problem, info: \"\(refused) at step 1 of tcp-check (connect)\""),
        tcp(
            "connect port 1 comment hello", "expect string x", events: [.refuses],
            log: "Layer4 connection problem, info: \"\(refused) at step 1 of tcp-check (connect port 1) comment: 'hello'\""),
        tcp(
            "connect port int(1)", "expect string x", events: [.refuses],
            log: "Layer4 connection problem, info: \"\(refused) at step 1 of tcp-check (connect)\""),
        tcp(
            "connect port 5", "expect string ONE", "connect port 6", "expect string TWO", events: [.answers("ONE"), .accepts, .answers("TWO")],
            log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp(
            "connect port 5", "expect string ONE", "connect port 6", "expect string TWO", events: [.answers("ONE"), .refuses],
            log: "Layer4 connection problem, info: \"\(refused) at step 3 of tcp-check (connect port 6)\""),
        tcp("connect port 5", "connect port 6", events: [.accepts], log: "Layer4 check passed, info: \"(tcp-check)\""),
        tcp("send A", events: [], log: "Layer7 check passed, code: 0, info: \"(tcp-check)\"", requests: ["A"]),
        tcp("expect string OK", events: [.resets], log: "Socket error, info: \"\(reset) at step 1 of tcp-check (expect string 'OK')\""),
        tcp(
            "expect comment c1 string OK", events: [.resets],
            log: "Socket error, info: \"\(reset) at step 1 of tcp-check (expect string 'OK') comment: 'c1'\""),
        tcp(
            "expect string OK", events: [.answers("-ERR"), .resets], log: "Layer7 invalid response, info: \"TCPCHK did not match content 'OK' at step 1\""),
        tcp("expect string OK", events: [.ends], log: "Layer7 invalid response, info: \"TCPCHK got an empty response at step 1\""),
        tcp("expect comment c1 string OK", events: [.ends], log: "Layer7 invalid response, info: \"TCPCHK got an empty response at step 1 comment: 'c1'\""),
        tcp("expect error-status L7STS string OK", events: [.ends], log: "Layer7 wrong status, code: 0, info: \"TCPCHK got an empty response at step 1\""),
    ]

    static let patterns: [ScriptDialogue] = [
        tcp("send PING\\r\\n", "expect string +PONG", events: [.answers("+PONG\r\n")], log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect string +PONG", events: errorAndEnd, log: "Layer7 invalid response, info: \"TCPCHK did not match content '+PONG' at step 1\""),
        tcp("expect string +PONG", events: error, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect string '+PONG')\""),
        tcp(
            "send A", "expect string role:master", events: error,
            log: "Layer7 timeout, info: \" at step 2 of tcp-check (expect string 'role:master')\""),
        tcp("expect min-recv 4 string +PONG", events: error, log: "Layer7 invalid response, info: \"TCPCHK did not match content '+PONG' at step 1\""),
        tcp(
            "expect min-recv 0 string +PONGLONG", events: [.answers("-ERR"), .isSilent],
            log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect string '+PONGLONG')\""),
        tcp("expect rstring ^[+]P", events: errorAndEnd, log: "Layer7 invalid response, info: \"TCPCHK did not match content (regex) at step 1\""),
        tcp("expect rstring ^[+]P", events: error, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect regex)\""),
        tcp("expect binary 2b504F", events: errorAndEnd, log: "Layer7 invalid response, info: \"TCPCHK did not match content (binary) at step 1\""),
        tcp("expect binary 2b504F", events: error, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect binary '+PO')\""),
        tcp("expect binary 00ff0a22", events: error, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect binary '')\""),
        tcp("expect rbinary ^2b", events: errorAndEnd, log: "Layer7 invalid response, info: \"TCPCHK did not match content (binary regex) at step 1\""),
        tcp("expect rbinary ^2b", events: error, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect binary regex)\""),
        tcp("expect rbinary ^2D45(.*)0A$", events: error, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect ! string ERR", events: error, log: "Layer7 invalid response, info: \"TCPCHK matched unwanted content 'ERR' at step 1\""),
        tcp("expect ! string ERR", events: ok, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect string 'ERR')\""),
        tcp("expect !string ERR", events: [.answers("+OK"), .ends], log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect ! ! string OK", events: ok, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect !!string OK", events: ok, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect ! string ERR", "expect string OK", events: ok, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect string 'ERR')\""),
        tcp("expect min-recv 3 ! string ERR", "expect string OK", events: ok, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect string OK", "expect string x", events: ok, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect string-lf %[str(OK)]", events: ok, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect string-lf %[str(NO)]", events: ok, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect log-format string)\""),
        tcp(
            "expect min-recv 1 string-lf %[str(NO)]", events: ok,
            log: "Layer7 invalid response, info: \"TCPCHK did not match content (log-format string) at step 1\""),
        tcp(
            "expect string-lf %[var(check.q)]", events: ok, log: "Layer7 invalid response, info: \"log-format string evaluated to an empty string\""),
        tcp(
            "expect min-recv 1 binary-lf %[str(NO),hex]", events: ok,
            log: "Layer7 invalid response, info: \"TCPCHK did not match content (log-format binary) at step 1\""),
        tcp("expect binary-lf %[str(NO),hex]", events: ok, log: "Layer7 timeout, info: \" at step 1 of tcp-check (expect log-format binary)\""),
    ]

    static let options: [ScriptDialogue] = [
        tcp(
            "expect min-recv 4 comment mycomment string +PONG", events: error,
            log: "Layer7 invalid response, info: \"TCPCHK did not match content '+PONG' at step 1 comment: mycomment\""),
        tcp(
            "comment my\\ phase", "expect string +PONG", events: error,
            log: "Layer7 timeout, info: \" at step 2 of tcp-check (expect string '+PONG') comment: 'my phase'\""),
        tcp(
            "comment phase", "expect string OK", "expect string NO", events: ok,
            log: "Layer7 timeout, info: \" at step 3 of tcp-check (expect string 'NO') comment: 'phase'\""),
        tcp("comment phase", "send A", "expect string NO", events: ok, log: "Layer7 timeout, info: \" at step 3 of tcp-check (expect string 'NO')\""),
        tcp("expect on-success \"ok %[res.payload(0,3)] %[res.len]\" string OK", events: ok, log: "Layer7 check passed, code: 0, info: \"ok +OK 7\""),
        tcp(
            "expect min-recv 1 on-error \"bad %[res.payload(0,0)]\" comment cc string NO", events: ok,
            log: "Layer7 invalid response, info: \"bad +OK x<0D><0A> comment: cc\""),
        tcp(
            "expect min-recv 1 on-error \"bad %[res.payload(0,0),cut_crlf]\" string NO", events: ok, log: "Layer7 invalid response, info: \"bad +OK x\""),
        tcp(
            "expect min-recv 1 on-error \"%[res.payload(0,0)]\" string NO", events: [.answers("a\"b\\c\u{1}\u{e4}]")],
            log: "Layer7 invalid response, info: \"a<22>b\\c<01><C3><A4>]\""),
        tcp(
            "expect min-recv 1 status-code int(404) error-status L7STS string NO", events: ok,
            log: "Layer7 wrong status, code: 404, info: \"TCPCHK did not match content 'NO' at step 1\""),
        tcp("expect status-code int(250) string OK", events: ok, log: "Layer7 check passed, code: 250, info: \"(tcp-check)\""),
        tcp("expect ok-status L6OK string OK", events: ok, log: "Layer6 check passed, info: \"(tcp-check)\""),
        tcp("expect ok-status l7okc string OK", events: ok, log: "Layer7 check conditionally passed, code: 0, info: \"(tcp-check)\""),
        tcp(
            "expect min-recv 1 error-status L7OKC string NO", events: ok,
            log: "Layer7 check conditionally passed, code: 0, info: \"TCPCHK did not match content 'NO' at step 1\""),
        tcp(
            "expect min-recv 1 error-status L4CON string NO", events: ok,
            log: "Layer4 connection problem, info: \"TCPCHK did not match content 'NO' at step 1\""),
        tcp("expect tout-status L4TOUT string NO", events: ok, log: "Layer4 timeout, info: \" at step 1 of tcp-check (expect string 'NO')\""),
        tcp("expect tout-status L6TOUT string NO", events: ok, log: "Layer6 timeout, info: \" at step 1 of tcp-check (expect string 'NO')\""),
        tcp(
            "expect ok-status L6OK on-success foo string OK", "expect string x", events: ok, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp("expect ok-status L6OK string OK", "send QUIT", events: ok, log: "Layer7 check passed, code: 0, info: \"(tcp-check)\""),
        tcp(
            "set-var(check.a) str(hello)", "send-lf \"%[var(check.a),upper]%%\\r\\n\"", "expect string O", events: ok,
            log: "Layer7 check passed, code: 0, info: \"(tcp-check)\"", requests: ["HELLO%\r\n"]),
        tcp(
            "set-var-fmt(check.a) \"n=%[srv_name]\"", "send-lf \"%[var(check.a)]\"", "expect string O", events: ok,
            log: "Layer7 check passed, code: 0, info: \"(tcp-check)\"", requests: ["n=s1"]),
        tcp(
            "send-binary-lf \"0a%[str(A),hex]0B\"", "send-binary 50494e470d0a", "expect string O", events: ok,
            log: "Layer7 check passed, code: 0, info: \"(tcp-check)\"", requests: ["\nA\u{b}", "PING\r\n"]),
        tcp(
            "send-binary-lf \"zz%[str(A),hex]\"", "expect string Z", events: ok,
            log: "Layer7 invalid response, info: \"tcp-check send : failed to build log-format string at step 1\""),
    ]

    @Test("is HAProxy's", arguments: connections + patterns + options)
    func isHAProxys(dialogue: ScriptDialogue) throws {
        let (log, requests) = try dialogue.run()
        #expect(log == dialogue.log)
        if let expected = dialogue.requests { #expect(requests == expected) }
    }
}
