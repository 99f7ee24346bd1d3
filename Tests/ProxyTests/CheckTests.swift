import Proxy
import Support
import Testing
import Wire

@Suite("A check")
struct CheckTests {
    private let start = Instant(nanoseconds: 1_000_000_000)
    private let version = "5.5.5-10.11.19-MariaDB-0+deb12u1"
    private let login = MySQLLogin.since41(user: "haproxy_check").bytes
    private var greeting: [UInt8] {
        let greeting = MySQLGreeting(
            serverVersion: version, connectionIdentifier: 8, seed: Array(65..<85),
            capabilities: [.protocol41, .secureConnection, .pluginAuthentication], plugin: "mysql_native_password")
        return MySQLPacket(sequence: 0, payload: greeting.payload).bytes
    }

    private func mysqlCheck(user: String? = "haproxy_check", isPre41: Bool = false) -> MySQLCheck {
        var settings = MySQLCheckSettings()
        settings.user = user
        settings.isPre41 = isPre41
        return MySQLCheck(settings, limits: limits(), now: start)
    }

    private func connectedCheck(user: String? = "haproxy_check", isPre41: Bool = false) -> MySQLCheck {
        var check = mysqlCheck(user: user, isPre41: isPre41)
        _ = check.connected(now: start)
        return check
    }

    private func limits(connect: Duration? = .milliseconds(500), check: Duration? = .milliseconds(700), inter: Duration = .seconds(2)) -> CheckLimits {
        var backend = Backend(name: "b", identifier: 2)
        backend.connectTimeout = connect
        backend.checkTimeout = check
        var settings = CheckSettings()
        settings.interval = inter
        return CheckLimits(settings, of: backend)
    }

    private func after(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    private func verdict(
        _ status: CheckStatus, code: Int = 0, _ info: String = "", refusal: CheckRefusal? = nil, milliseconds: Int, fault: CheckFault = .server,
        greeted: Int? = nil
    ) -> CheckOutput {
        let duration = Duration.milliseconds(milliseconds)
        return .finished(
            CheckResult(
                status: status, code: code, info: info, refusal: refusal, duration: duration, fault: fault, greetedAfter: greeted.map { .milliseconds($0) }))
    }

    @Test("without a protocol passes after the connect, and resets the connection")
    func connectCheck() {
        var check = ConnectCheck(limits(), now: start)
        #expect(check.closing == .reset)
        #expect(check.connected(now: after(3)) == [verdict(.layer4OK, milliseconds: 3)])
        #expect(check.progress.stage == .finished)
        #expect(check.timedOut(now: after(4)) == [])
    }

    @Test("of MySQL logs in, quits, and reports the server's version")
    func mysqlLogin() {
        var check = mysqlCheck()
        #expect(check.closing == .orderly)
        #expect(check.connected(now: after(1)) == [])
        #expect(check.received(greeting, now: after(2)) == [.send(login)])
        let ok = MySQLPacket(sequence: 2, payload: [0, 0, 0, 2, 0, 0, 0]).bytes
        #expect(check.received(ok, now: after(4)) == [.send(MySQLPacket.quit.bytes), verdict(.layer7OK, version, milliseconds: 4, greeted: 2)])
    }

    @Test("of MySQL passes on a change of method, and without a user on the greeting")
    func mysqlVariants() {
        var old = connectedCheck(isPre41: true)
        #expect(old.received(greeting, now: after(2)) == [.send(MySQLLogin.before41(user: "haproxy_check").bytes)])
        let authenticationSwitch = MySQLPacket(sequence: 2, payload: [0xfe] + Array("caching_sha2_password".utf8) + [0])
        let pass = verdict(.layer7OK, version, milliseconds: 4, greeted: 2)
        #expect(old.received(authenticationSwitch.bytes, now: after(4)) == [.send(MySQLPacket.quit.bytes), pass])
        var anonymous = connectedCheck(user: nil)
        #expect(anonymous.received(greeting, now: after(2)) == [verdict(.layer7OK, version, milliseconds: 2, greeted: 2)])
    }

    @Test("of MySQL gives the same verdict, however the bytes arrive", arguments: [1, 2, 3, 5, 7, 64])
    func fragments(size: Int) {
        var check = connectedCheck()
        var outputs: [CheckOutput] = []
        var rest = greeting[...]
        while !rest.isEmpty {
            #expect(outputs.isEmpty)
            outputs += check.received(Array(rest.prefix(size)), now: after(2))
            rest = rest.dropFirst(size)
        }
        #expect(outputs == [.send(login)])
    }

    @Test("fails with the code and message of an error, before and after the login")
    func mysqlErrors() {
        var blocked = connectedCheck()
        let message = "Host '10.0.0.1' is blocked because of many connection errors; unblock with 'mariadb-admin flush-hosts'"
        let refusal = MySQLPacket(sequence: 0, payload: MySQLErrorPacket(code: 1129, message: message).payload).bytes
        #expect(blocked.received(refusal, now: after(1)) == [verdict(.layer7WrongStatus, code: 1129, message, refusal: .hostRefused, milliseconds: 1)])
        var denied = connectedCheck()
        _ = denied.received(greeting, now: after(0))
        let error = MySQLErrorPacket(code: 1045, sqlState: "28000", message: "Access denied")
        let outputs = denied.received(MySQLPacket(sequence: 2, payload: error.payload).bytes, now: after(1))
        #expect(outputs == [verdict(.layer7WrongStatus, code: 1045, "#28000Access denied", refusal: .userRefused, milliseconds: 1, greeted: 0)])
    }

    @Test(
        "of MySQL interprets the error numbers that mean more than a failure",
        arguments: [
            (1040, .full), (1203, .full), (1129, .hostRefused), (1130, .hostRefused), (1044, .userRefused), (1045, .userRefused), (1698, .userRefused),
            (1053, nil), (1105, nil), (65_535, nil),
        ] as [(UInt16, CheckRefusal?)])
    func refusals(code: UInt16, refusal: CheckRefusal?) {
        var check = connectedCheck()
        let error = MySQLPacket(sequence: 0, payload: MySQLErrorPacket(code: code, message: "no").payload).bytes
        #expect(check.received(error, now: after(1)) == [verdict(.layer7WrongStatus, code: Int(code), "no", refusal: refusal, milliseconds: 1)])
    }

    @Test(
        "fails at the first byte that is not the protocol",
        arguments: ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n", "\u{4}\0\0\0\u{9}abc", "\u{9}\0\0\0Z", "\u{2}\0\0\0\u{a}5"])
    func garbage(text: String) {
        var check = connectedCheck()
        #expect(check.received(Array(text.utf8), now: after(1)) == [verdict(.layer7InvalidResponse, milliseconds: 1)])
    }

    @Test("fails when the server closes: as a reset before the first byte, as an invalid response afterwards")
    func closed() {
        var silent = connectedCheck()
        #expect(silent.ended(now: after(1)) == [verdict(.socketError, "ECONNRESET returned by OS (Connection reset by peer)", milliseconds: 1)])
        var truncated = connectedCheck()
        _ = truncated.received([0x4a, 0, 0, 0, 10], now: after(0))
        #expect(truncated.ended(now: after(1)) == [verdict(.layer7InvalidResponse, milliseconds: 1)])
    }

    @Test("reports a connect failure before the connection, and a socket failure afterwards")
    func failures() {
        let reason = "ECONNREFUSED returned by OS (Connection refused)"
        var refused = mysqlCheck()
        #expect(refused.failed(reason, fault: .server, now: after(0)) == [verdict(.layer4ConnectionProblem, reason, milliseconds: 0)])
        #expect(refused.failed(reason, fault: .server, now: after(1)) == [])
        var unreachable = mysqlCheck()
        #expect(
            unreachable.failed("EHOSTUNREACH", fault: .noResponse, now: after(1)) == [
                verdict(.layer4ConnectionProblem, "EHOSTUNREACH", milliseconds: 1, fault: .noResponse)
            ])
        var broken = connectedCheck()
        #expect(broken.failed("ECONNRESET", fault: .server, now: after(1)) == [verdict(.socketError, "ECONNRESET", milliseconds: 1)])
        var local = mysqlCheck()
        #expect(local.failed("EMFILE", fault: .node, now: after(0)) == [verdict(.socketError, "EMFILE", milliseconds: 0, fault: .node)])
    }

    @Test("has timeout connect for the connect, and timeout check for the rest")
    func deadlines() {
        var check = mysqlCheck()
        #expect(check.deadline == after(500))
        _ = check.connected(now: after(100))
        #expect(check.deadline == after(800))
        _ = check.received([0x4a, 0, 0], now: after(700))
        #expect(check.timedOut(now: after(800)) == [verdict(.layer7Timeout, milliseconds: 800, fault: .noResponse)])
        var unconnected = self.mysqlCheck()
        #expect(unconnected.timedOut(now: after(500)) == [verdict(.layer4Timeout, milliseconds: 500, fault: .noResponse)])
    }

    @Test("has inter for everything without timeout check")
    func deadlineWithoutCheckTimeout() {
        var check = MySQLCheck(MySQLCheckSettings(), limits: limits(check: nil), now: start)
        #expect(check.deadline == after(2000))
        _ = check.connected(now: after(100))
        #expect(check.deadline == after(2000))
        #expect(limits(connect: .seconds(30), inter: .seconds(1)).connect == .seconds(1))
    }

    @Test("abandons the connection of a silent server, so that its handshake can be finished, and resets one with half a greeting")
    func unanswered() {
        var silent = connectedCheck()
        _ = silent.timedOut(now: after(800))
        #expect(silent.closing == .abandoned)
        var half = connectedCheck()
        _ = half.received([0x4a, 0, 0], now: after(1))
        _ = half.timedOut(now: after(800))
        #expect(half.closing == .reset)
        var greeted = connectedCheck()
        _ = greeted.received(greeting, now: after(1))
        _ = greeted.timedOut(now: after(800))
        #expect(greeted.closing == .orderly)
    }

    @Test("survives random events, with at most one verdict", arguments: seeds(300))
    func randomEvents(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var check = mysqlCheck(user: Bool.random(using: &random) ? "u" : nil)
        var stream = greeting + MySQLPacket(sequence: 2, payload: [0, 0, 0]).bytes
        for _ in 0..<3 { stream[Int.random(in: 0..<stream.count, using: &random)] = .random(in: 0...255, using: &random) }
        var verdicts = 0
        for step in 0..<12 {
            let outputs: [CheckOutput]
            switch Int.random(in: 0..<(step < 2 ? 6 : 9), using: &random) {
            case 0...2: outputs = check.connected(now: after(step))
            case 3...5:
                let count = min(stream.count, Int.random(in: 1...60, using: &random))
                outputs = check.received(Array(stream.prefix(count)), now: after(step))
                stream.removeFirst(count)
            case 6: outputs = check.ended(now: after(step))
            case 7: outputs = check.failed("x", fault: .server, now: after(step))
            default: outputs = check.timedOut(now: after(step))
            }
            for output in outputs { if case .finished = output { verdicts += 1 } }
            #expect(verdicts == ((check.progress.stage == .finished) ? 1 : 0), "seed \(seed), step \(step)")
        }
    }
}

@Suite("A check's result")
struct CheckResultTests {
    @Test("is worded as in HAProxy")
    func explanation() {
        let denied = CheckResult(status: .layer7WrongStatus, code: 1045, info: "#28000Access denied for user 'a'@'b'", duration: .microseconds(800))
        #expect(denied.explanation == ", reason: Layer7 wrong status, code: 1045, info: \"#28000Access denied for user 'a'@'b'\", check duration: 0ms")
        #expect(CheckResult(status: .layer7Timeout, duration: .milliseconds(700)).explanation == ", reason: Layer7 timeout, check duration: 700ms")
    }

    @Test("is escaped, so that a server cannot forge a log line, and is cut when it is long")
    func escaping() {
        let forged = CheckResult(status: .layer7WrongStatus, code: 1, info: "a\"b\n<é>", duration: .zero)
        #expect(forged.explanation.contains("info: \"a<22>b<0A><3C><C3><A9><3E>\""))
        #expect(CheckResult(status: .layer7OK, info: String(repeating: "a", count: 4000), duration: .zero).info.utf8.count == 127)
    }

    @Test("has HAProxy's numbers")
    func numbers() {
        #expect(CheckStatus.allCases.map(\.rawValue) == [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20])
        let names = "INI CHECKED HANA SOCKERR L4OK L4TOUT L4CON L6OK L6TOUT L6RSP L7TOUT L7RSP L7OK L7OKC L7STS PROCERR PROCTOUT PROCOK"
        #expect(CheckStatus.allCases.map(\.name).joined(separator: " ") == names)
        #expect(CheckStatus.allCases.map(\.resultNumber) == [0, 1, 2, 2, 3, 2, 2, 3, 2, 2, 2, 2, 3, 4, 2, 2, 2, 3])
    }
}
