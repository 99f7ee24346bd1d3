import Proxy
import Testing
import Wire

@testable import NodeAgent

/// Each line was measured with haproxy 2.6.12 and a server of the same behaviour.
@Suite("The log of a check of PostgreSQL, Redis, SMTP, LDAP or TLS")
struct ProtocolLogTests {
    private static func authentication(_ method: UInt8, _ rest: [UInt8] = []) -> [UInt8] {
        [UInt8(ascii: "R"), 0, 0, 0, UInt8(8 + rest.count), 0, 0, 0, method] + rest
    }

    private static let postgreSQLError: [UInt8] =
        [UInt8(ascii: "E"), 0, 0, 0, 46] + Array("SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry\0\0".utf8)
    private static let startup = "\0\0\0\u{12}\0\u{3}\0\0user\0bob\0\0"
    private static let bound: [UInt8] = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]
    private static let refused = "Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused)\""

    private static func check(
        _ option: String, _ events: [ScriptDialogue.Event], log: String, requests: [String]? = nil
    ) -> ScriptDialogue { ScriptDialogue(["option \(option)"], events, log, requests: requests) }

    private static func postgreSQL(_ events: ScriptDialogue.Event..., log: String) -> ScriptDialogue {
        let isConnected = if case .refuses? = events.first { false } else { true }
        return check("pgsql-check user bob", events, log: log, requests: isConnected ? [startup] : [])
    }

    static let dialogues: [ScriptDialogue] = [
        postgreSQL(.answers(authentication(5, Array("salt".utf8))), log: "Layer7 check passed, code: 0, info: \"PostgreSQL server is ok\""),
        postgreSQL(.answers(authentication(0)), log: "Layer7 check passed, code: 0, info: \"PostgreSQL server is ok\""),
        postgreSQL(
            .answers(authentication(10, Array("SCRAM-SHA-256\0\0".utf8))), log: "Layer7 check passed, code: 0, info: \"PostgreSQL server is ok\""),
        postgreSQL(.answers(postgreSQLError), log: "Layer7 invalid response, info: \"FATAL\""),
        postgreSQL(.answers("SSH-2.0-OpenSSH\r\n"), log: "Layer7 wrong status, code: 0, info: \"PostgreSQL unknown error\""),
        postgreSQL(.answers("SSH"), .ends, log: "Layer7 wrong status, code: 0, info: \"PostgreSQL unknown error\""),
        postgreSQL(.ends, log: "Layer7 invalid response, info: \"TCPCHK got an empty response at step 3\""),
        postgreSQL(.isSilent, log: "Layer7 timeout"),
        postgreSQL(.refuses, log: refused),
        check(
            "redis-check", [.answers("+PONG\r\n")], log: "Layer7 check passed, code: 0, info: \"Redis server is ok\"",
            requests: ["*1\r\n$4\r\nPING\r\n"]),
        check("redis-check", [.answers("-NOAUTH Authentication required.\r\n"), .isSilent], log: "Layer7 timeout"),
        check(
            "redis-check", [.answers("-NOAUTH Authentication required.\r\n"), .ends],
            log: "Layer7 wrong status, code: 0, info: \"-NOAUTH Authentication required.\""),
        check("redis-check", [.ends], log: "Layer7 wrong status, code: 0, info: \"TCPCHK got an empty response at step 2\""),
        check(
            "smtpchk", [.answers("220 mx ESMTP\r\n"), .answers("250 hello\r\n"), .answers("221 2.0.0 Bye\r\n")],
            log: "Layer7 check passed, code: 221, info: \"2.0.0 Bye\"", requests: ["HELO localhost\r\n", "QUIT\r\n"]),
        check(
            "smtpchk EHLO my.dom", [.answers("220 mx\r\n"), .answers("250-hello\r\n"), .answers("250 HELP\r\n"), .answers("221   Bye\r\n")],
            log: "Layer7 check passed, code: 221, info: \"Bye\"", requests: ["EHLO my.dom\r\n", "QUIT\r\n"]),
        check("smtpchk HELO", [.answers("220 mx\r\n"), .isSilent], log: "Layer7 timeout", requests: ["HELO localhost\r\n"]),
        check("smtpchk FOO bar", [.answers("220 mx\r\n"), .isSilent], log: "Layer7 timeout", requests: ["HELO localhost\r\n"]),
        check("smtpchk", [.answers("220-mx ESMTP\r\n220 go\r\n")], log: "Layer7 invalid response, info: \"220-mx ESMTP\""),
        check("smtpchk", [.answers("554 go away\r\n")], log: "Layer7 wrong status, code: 554, info: \"go away\""),
        check("smtpchk", [.answers("SSH-2.0\r\n")], log: "Layer7 invalid response, info: \"SSH-2.0\""),
        check("smtpchk", [.answers("220 mx\r\n"), .answers("501 bad helo\r\n"), .isSilent], log: "Layer7 timeout"),
        check(
            "smtpchk", [.answers("220 mx\r\n"), .answers("501 bad helo\r\n"), .ends], log: "Layer7 wrong status, code: 501, info: \"bad helo\""),
        check(
            "smtpchk", [.answers("220 mx\r\n"), .answers("250 x\r\n"), .answers("421 no\r\n")], log: "Layer7 wrong status, code: 421, info: \"no\""),
        check("smtpchk", [.ends], log: "Layer7 invalid response, info: \"TCPCHK got an empty response at step 2\""),
        check(
            "smtpchk", [.answers("220 mx\r\n"), .answers("250 x\r\n"), .ends],
            log: "Layer7 wrong status, code: 0, info: \"TCPCHK got an empty response at step 7\""),
        check(
            "ldap-check", [.answers(bound)], log: "Layer7 check passed, code: 0, info: \"Success\"",
            requests: ["0\u{c}\u{2}\u{1}\u{1}`\u{7}\u{2}\u{1}\u{3}\u{4}\u{0}\u{fffd}\u{0}"]),
        check(
            "ldap-check", [.answers(bound.prefix(9) + [0x31] + bound.dropFirst(10))],
            log: "Layer7 wrong status, code: 49, info: \"See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9\""),
        check("ldap-check", [.answers("SSH-2.0-OpenSSH_9.2\r\n")], log: "Layer7 invalid response, info: \"Not LDAPv3 protocol\""),
        check("ldap-check", [.answers(String(repeating: "0", count: 20)), .isSilent], log: "Layer7 timeout"),
        check("ldap-check", [.answers(Array(bound.prefix(10))), .isSilent], log: "Layer7 timeout"),
        check("ldap-check", [.answers(Array(bound.prefix(10))), .ends], log: "Layer7 invalid response"),
        check("ldap-check", [.ends], log: "Layer7 invalid response, info: \"TCPCHK got an empty response at step 2\""),
        check("ssl-hello-chk", [.answers([0x16, 3, 3, 0, 0x5d, 2])], log: "Layer6 check passed"),
        check("ssl-hello-chk", [.answers([0x15, 3, 3, 0, 2, 2, 70])], log: "Layer6 check passed"),
        check("ssl-hello-chk", [.answers("SSH-2.0-OpenSSH\r\n")], log: "Layer6 invalid response"),
        check("ssl-hello-chk", [.answers([0x16, 3]), .isSilent], log: "Layer6 timeout"),
        check("ssl-hello-chk", [.ends], log: "Layer6 invalid response, info: \"TCPCHK got an empty response at step 2\""),
        check("ssl-hello-chk", [.refuses], log: refused),
        check("ssl-hello-chk", [.resets], log: "Socket error, info: \"ECONNRESET returned by OS (Connection reset by peer)\""),
    ]

    @Test("is HAProxy's", arguments: dialogues)
    func isHAProxys(dialogue: ScriptDialogue) throws {
        let (log, requests) = try dialogue.run()
        #expect(log == dialogue.log)
        if let expected = dialogue.requests { #expect(requests == expected) }
    }

    @Test("closes PostgreSQL's and SMTP's connections with a FIN, the others with a RST")
    func closings() throws {
        for (option, closing) in [
            ("pgsql-check user x", .orderly), ("smtpchk", .orderly), ("redis-check", .reset), ("ldap-check", .reset), ("ssl-hello-chk", .reset),
        ] as [(String, CheckClosing)] {
            let script = try ScriptDialogue.check(["option \(option)"])
            let check = ScriptCheck(script, CheckSubject(), limits: CheckLimits(whole: .seconds(1)), now: .init(nanoseconds: 1))
            #expect(check.closing == closing, "\(option)")
        }
    }
}
