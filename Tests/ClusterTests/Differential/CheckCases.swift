// Checks that connect, and checks that are scripts of `tcp-check` rules.

import Support

extension DifferentialCase {
    /// A server with a check, and the lines of the check.
    private static func checked(_ lines: [String], server: String = "check") -> String { listen(lines, servers: [server]) }

    /// Greets, answers each line with `answer`, and stays.
    private static func dialogue(_ greeting: String, _ answers: [String]) -> ServerConduct {
        .serving([.send(text(greeting))] + answers.flatMap { [.receive(text("\n")), .send(text($0))] })
    }

    private static let ready = "220 it is ready\r\n"

    static let checks: [DifferentialCase] = [
        DifferentialCase(
            name: "layer4-codes", rows: [.connectCheck, .resultCodes, .check], sections: checked([]), servers: .named(1),
            steps: changes([
                (.refusing, "Server CASE/s1 is DOWN"), (.named("s1"), "Server CASE/s1 is UP"), (.deaf, "is DOWN"),
                (.named("s1"), "status: 2/2 UP"),
            ]) + [.statistics(["check_status", "check_code", "last_chk", "chkfail", "chkdown"])]),
        DifferentialCase(
            name: "thresholds", rows: [.riseFall, .intervals], sections: checked([], server: "check inter 200 fastinter 150 downinter 100 rise 4 fall 5"),
            servers: .named(1), steps: changes([(.refusing, "is DOWN"), (.named("s1"), "is UP")])),
        DifferentialCase(
            name: "thresholds-interrupted", rows: [.riseFall], sections: checked([], server: "check inter 600 fastinter 600 downinter 600 rise 3 fall 3"),
            servers: .named(1),
            steps: changes([
                (.refusing, "status: 2/3 UP"), (.named("s1"), "status: 3/3 UP"), (.refusing, "is DOWN"), (.named("s1"), "status: 1/3 DOWN"),
                (.refusing, "status: 0/3 DOWN"), (.named("s1"), "is UP"),
            ])),
        DifferentialCase(
            name: "elsewhere", rows: [.checkAddress],
            sections: listen([], servers: ["check port 9101", "check addr OTHER", "check addr OTHER port 9103", "no-check"]),
            servers: [
                "9001": .named("s1"), "9101": .named("c1"), "9002": .named("s2"), "OTHER:9002": .named("c2"), "9003": .named("s3"), "OTHER:9103": .named("c3"),
                "9004": .named("s4"),
            ],
            steps: DifferentialStep.takeDown("9101", "s1") + DifferentialStep.takeDown("OTHER:9002", "s2")
                + [.serve("9003", .refusing), .statistics(["status", "check_status"])] + DifferentialStep.takeDown("OTHER:9103", "s3") + [.visits(2)]),
        DifferentialCase(
            name: "script-none", rows: [.tcpCheck, .lastCheckWins], sections: checked(["option httpchk", "option tcp-check"]), servers: .named(1),
            steps: changes([(.refusing, "is DOWN"), (.named("s1"), "is UP")])),
        DifferentialCase(
            name: "script-string", rows: [.tcpCheck, .resultCodes],
            sections: checked(["option tcp-check", "tcp-check expect string SSH-2.0"]), servers: ["9001": dialogue("SSH-2.0-OpenSSH_9\r\n", [])],
            steps: changes([
                (.serving([.send(text("SSH-1.5\r\n")), .pause(milliseconds: 50), .close]), "is DOWN"), (dialogue("SSH-2.0\r\n", []), "is UP"),
                (.serving([]), "is DOWN"), (dialogue("SSH-2.0\r\n", []), "is UP"), (.serving([.close]), "is DOWN"),
            ]) + [.statistics(["check_status", "check_code", "last_chk"])]),
        DifferentialCase(
            name: "script-dialogue", rows: [.tcpCheck],
            sections: checked([
                "option tcp-check", "tcp-check connect", "tcp-check send AUTH\\ secret\\r\\n comment \"log in\"", "tcp-check expect string +OK comment login",
                "tcp-check send info\\ replication\\r\\n", "tcp-check expect string role:master comment \"role of the server\"",
                "tcp-check send QUIT\\r\\n", "tcp-check expect string +BYE",
            ]),
            servers: ["9001": dialogue("", ["+OK\r\n", "role:master\r\n", "+BYE\r\n"])],
            steps: changes([
                (dialogue("", ["+OK\r\n", "role:slave\r\n"]), "is DOWN"), (dialogue("", ["+OK\r\n", "role:master\r\n", "+BYE\r\n"]), "is UP"),
                (dialogue("", ["-ERR\r\n"]), "is DOWN"), (.refusing, "Layer4"),
            ]) + [.statistics(["check_status", "check_code", "last_chk"]), .transcripts("9001")]),
        DifferentialCase(
            name: "script-binary", rows: [.tcpCheck],
            sections: checked([
                "option tcp-check", "tcp-check send-binary 101000044d5154540402003c00046861", "tcp-check send-binary 7031",
                "tcp-check expect binary 20020000",
            ]),
            servers: ["9001": .serving([.receive(text("p1")), .send([0x20, 2, 0, 0])])],
            steps: changes([(.serving([.receive(text("p1")), .send([0x20, 2, 0, 5]), .close]), "is DOWN")]) + [.transcripts("9001")]),
        DifferentialCase(
            name: "script-patterns", rows: [.tcpCheck],
            sections: checked([
                "option tcp-check", "tcp-check expect rstring '^220[- ].*ready' comment banner", "tcp-check send x\\n",
                "tcp-check expect min-recv 2 ! rstring 'ERR|FAIL'", "tcp-check send y\\n", "tcp-check expect min-recv 2 ! string no", "tcp-check send z\\n",
                "tcp-check expect min-recv 3 rbinary '0A(01|02)$'",
            ]),
            servers: ["9001": dialogue(ready, ["fine\n", "yes\n", "\u{7}\n\u{1}"])],
            steps: changes([
                (dialogue(ready, ["fine\n", "no\n"]), "is DOWN"), (dialogue(ready, ["fine\n", "yes\n", "\u{7}\n\u{2}"]), "is UP"),
                (dialogue(ready, ["an ERR\n"]), "is DOWN"), (dialogue(ready, ["fine\n", "yes\n", "\u{7}\n\u{1}"]), "is UP"),
                (dialogue(ready, ["ok\n", "yes\n", "\u{7}\n\u{3}"]), "is DOWN"),
            ])),
        DifferentialCase(
            name: "script-negation", rows: [.tcpCheck], sections: checked(["option tcp-check", "tcp-check expect ! string no"]),
            servers: ["9001": .serving([.send(text("yes\n")), .pause(milliseconds: 20), .close])],
            steps: changes([
                (.serving([.send(text("no\n"))]), "is DOWN"), (.serving([.send(text("yes\n")), .pause(milliseconds: 20), .close]), "is UP"),
                (.serving([.send(text("yes\n"))]), "is DOWN"),
            ])),
        DifferentialCase(
            name: "script-reset", rows: [.tcpCheck, .resultCodes],
            sections: checked(["option tcp-check", "tcp-check send x\\n", "tcp-check expect string y"]), servers: ["9001": dialogue("", ["y\n"])],
            steps: changes([(.serving([.receive(text("\n")), .reset]), "is DOWN"), (dialogue("", ["y\n"]), "is UP")])),
        DifferentialCase(
            name: "script-status", rows: [.tcpCheck, .resultCodes],
            sections: checked([
                "option tcp-check",
                "tcp-check expect min-recv 2 ok-status L6OK error-status L6RSP tout-status L6TOUT on-success \"all is well\" "
                    + "on-error \"it said %[res.payload(0,3)]\" string OK",
            ]),
            servers: ["9001": dialogue("OK\n", [])],
            steps: changes([
                (dialogue("BAD\n", []), "is DOWN"), (dialogue("OK\n", []), "is UP"), (.serving([]), "is DOWN"),
            ]) + [.statistics(["check_status", "check_code", "last_chk"])]),
        DifferentialCase(
            name: "script-ports", rows: [.tcpCheck],
            sections: checked([
                "option tcp-check", "tcp-check connect port 9101 comment first", "tcp-check expect string one", "tcp-check connect port 9102 linger",
                "tcp-check send two\\n", "tcp-check expect string two", "tcp-check connect addr OTHER port 9103 send-proxy", "tcp-check expect string three",
            ]),
            servers: ["9001": .named("s1"), "9101": .named("one"), "9102": dialogue("", ["two\n"]), "OTHER:9103": dialogue("", ["three\n"])],
            steps: [.transcripts("OTHER:9103")]
                + [.serve("9102", .refusing), .awaitLog("is DOWN"), .serve("9102", dialogue("", ["two\n"])), .awaitLog("is UP")]
                + [.serve("9101", .deaf), .awaitLog("is DOWN"), .serve("9101", .named("one")), .awaitLog("status: 2/2 UP")]
                + [.serve("OTHER:9103", .serving([.send(text("four\n"))])), .awaitLog("is DOWN")]),
        DifferentialCase(
            name: "script-variables", rows: [.tcpCheck],
            sections: checked([
                "option tcp-check", "tcp-check set-var(check.word) str(hello)", "tcp-check send-lf \"%[var(check.word)] to %[be_name]/%[srv_name]\\n\"",
                "tcp-check expect string hello", "tcp-check unset-var(check.word)", "tcp-check send-lf \"%[var(check.word),length]%%\\n\"",
                "tcp-check expect string %",
            ]),
            servers: ["9001": dialogue("", ["hello\n", "%\n"])], steps: [.transcripts("9001"), .statistics(["status", "check_status"])]),
        DifferentialCase(
            name: "script-formats", rows: [.tcpCheck],
            sections: checked([
                "option tcp-check", "tcp-check connect default", "tcp-check set-var-fmt(check.word) \"hello, %[srv_name]\"",
                "tcp-check send-binary-lf \"%[var(check.word),hex]0A\"", "tcp-check comment \"the greeting\"",
                "tcp-check expect string-lf \"%[var(check.word)]\"", "tcp-check send-lf \"%[var(check.word),length]\\n\"",
                "tcp-check comment \"the state\"", "tcp-check expect status-code res.payload(0,1),length binary-lf \"%[str(ok),hex]\"",
            ]),
            servers: ["9001": dialogue("", ["hello, s1\n", "ok\n"])],
            steps: [.transcripts("9001")]
                + changes([
                    (dialogue("", ["hallo\n"]), "is DOWN"), (dialogue("", ["hello, s1\n", "ok\n"]), "is UP"),
                    (dialogue("", ["hello, s1\n", "no\n"]), "is DOWN"),
                ]) + [.statistics(["check_status", "check_code", "last_chk"])]),
    ]
}
