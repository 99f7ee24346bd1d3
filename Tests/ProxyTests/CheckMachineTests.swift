import Proxy
import Support
import Testing
import Wire

@Suite("A check")
struct CheckMachineTests {
    private let start = Instant(nanoseconds: 1_000_000_000)
    private let version = "5.5.5-10.11.19-MariaDB-0+deb12u1"
    private let login = MySQLLogin.since41(user: "haproxy_check").bytes
    private var greeting: [UInt8] {
        let greeting = MySQLGreeting(
            serverVersion: version, connectionIdentifier: 8, seed: Array(65..<85),
            capabilities: [.protocol41, .secureConnection, .pluginAuthentication], plugin: "mysql_native_password")
        return MySQLPacket(sequence: 0, payload: greeting.payload).bytes
    }

    private func machine(user: String? = "haproxy_check", isPre41: Bool = false) -> CheckMachine {
        var settings = MySQLCheckSettings()
        settings.user = user
        settings.isPre41 = isPre41
        return CheckMachine(.mysql(settings), limits: limits(), now: start)
    }

    private func connectedMachine(user: String? = "haproxy_check", isPre41: Bool = false) -> CheckMachine {
        var machine = machine(user: user, isPre41: isPre41)
        _ = machine.connected(now: start)
        return machine
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
        _ status: CheckStatus, code: Int = 0, _ info: String = "", milliseconds: Int, fault: CheckFault = .server, greeted: Int? = nil
    ) -> CheckMachine.Output {
        let duration = Duration.milliseconds(milliseconds)
        return .finished(
            CheckResult(status: status, code: code, info: info, duration: duration, fault: fault, greetedAfter: greeted.map { .milliseconds($0) }))
    }

    @Test("without a protocol passes once it is connected, and resets the connection")
    func connectCheck() {
        var machine = CheckMachine(.connect, limits: limits(), now: start)
        #expect(machine.closing == .reset)
        #expect(machine.connected(now: after(3)) == [verdict(.layer4OK, milliseconds: 3)])
        #expect(machine.isFinished)
        #expect(machine.timedOut(now: after(4)) == [])
    }

    @Test("of MySQL logs in, quits, and reports the server's version")
    func mysqlLogin() {
        var machine = machine()
        #expect(machine.closing == .orderly)
        #expect(machine.connected(now: after(1)) == [])
        #expect(machine.receive(greeting, now: after(2)) == [.send(login)])
        let ok = MySQLPacket(sequence: 2, payload: [0, 0, 0, 2, 0, 0, 0]).bytes
        #expect(machine.receive(ok, now: after(4)) == [.send(MySQLPacket.quit.bytes), verdict(.layer7OK, version, milliseconds: 4, greeted: 2)])
    }

    @Test("of MySQL takes a change of method for a pass, and without user the greeting")
    func mysqlVariants() {
        var old = connectedMachine(isPre41: true)
        #expect(old.receive(greeting, now: after(2)) == [.send(MySQLLogin.before41(user: "haproxy_check").bytes)])
        let authenticationSwitch = MySQLPacket(sequence: 2, payload: [0xfe] + Array("caching_sha2_password".utf8) + [0])
        let pass = verdict(.layer7OK, version, milliseconds: 4, greeted: 2)
        #expect(old.receive(authenticationSwitch.bytes, now: after(4)) == [.send(MySQLPacket.quit.bytes), pass])
        var anonymous = connectedMachine(user: nil)
        #expect(anonymous.receive(greeting, now: after(2)) == [verdict(.layer7OK, version, milliseconds: 2, greeted: 2)])
    }

    @Test("of MySQL gives the same verdict however the bytes arrive", arguments: [1, 2, 3, 5, 7, 64])
    func fragments(size: Int) {
        var machine = connectedMachine()
        var outputs: [CheckMachine.Output] = []
        var rest = greeting[...]
        while !rest.isEmpty {
            #expect(outputs.isEmpty)
            outputs += machine.receive(Array(rest.prefix(size)), now: after(2))
            rest = rest.dropFirst(size)
        }
        #expect(outputs == [.send(login)])
    }

    @Test("fails with the code and message of an error, before and after the login")
    func mysqlErrors() {
        var blocked = connectedMachine()
        let message = "Host '10.0.0.1' is blocked because of many connection errors; unblock with 'mariadb-admin flush-hosts'"
        let refusal = MySQLPacket(sequence: 0, payload: MySQLErrorPacket(code: 1129, message: message).payload).bytes
        #expect(blocked.receive(refusal, now: after(1)) == [verdict(.layer7WrongStatus, code: 1129, message, milliseconds: 1)])
        var denied = connectedMachine()
        _ = denied.receive(greeting, now: after(0))
        let error = MySQLErrorPacket(code: 1045, sqlState: "28000", message: "Access denied")
        let outputs = denied.receive(MySQLPacket(sequence: 2, payload: error.payload).bytes, now: after(1))
        #expect(outputs == [verdict(.layer7WrongStatus, code: 1045, "#28000Access denied", milliseconds: 1, greeted: 0)])
    }

    @Test(
        "tells garbage at once",
        arguments: ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n", "\u{4}\0\0\0\u{9}abc", "\u{9}\0\0\0Z", "\u{2}\0\0\0\u{a}5"])
    func garbage(text: String) {
        var machine = connectedMachine()
        #expect(machine.receive(Array(text.utf8), now: after(1)) == [verdict(.layer7InvalidResponse, milliseconds: 1)])
    }

    @Test("fails by a server that closes: as a reset before a word, as an invalid response within one")
    func closed() {
        var silent = connectedMachine()
        #expect(silent.endOfStream(now: after(1)) == [verdict(.socketError, "ECONNRESET returned by OS (Connection reset by peer)", milliseconds: 1)])
        var truncated = connectedMachine()
        _ = truncated.receive([0x4a, 0, 0, 0, 10], now: after(0))
        #expect(truncated.endOfStream(now: after(1)) == [verdict(.layer7InvalidResponse, milliseconds: 1)])
    }

    @Test("blames the connect before the connection, the socket after it")
    func failures() {
        let reason = "ECONNREFUSED returned by OS (Connection refused)"
        var refused = machine()
        #expect(refused.failed(reason, now: after(0)) == [verdict(.layer4ConnectionProblem, reason, milliseconds: 0)])
        #expect(refused.failed(reason, now: after(1)) == [])
        var unreachable = machine()
        #expect(
            unreachable.failed("EHOSTUNREACH", fault: .silence, now: after(1)) == [
                verdict(.layer4ConnectionProblem, "EHOSTUNREACH", milliseconds: 1, fault: .silence)
            ])
        var broken = connectedMachine()
        #expect(broken.failed("ECONNRESET", now: after(1)) == [verdict(.socketError, "ECONNRESET", milliseconds: 1)])
        var local = machine()
        #expect(local.couldNotStart("EMFILE", now: after(0)) == [verdict(.socketError, "EMFILE", milliseconds: 0, fault: .node)])
    }

    @Test("may take timeout connect for the connect, and timeout check for the rest")
    func deadlines() {
        var machine = machine()
        #expect(machine.deadline == after(500))
        _ = machine.connected(now: after(100))
        #expect(machine.deadline == after(800))
        _ = machine.receive([0x4a, 0, 0], now: after(700))
        #expect(machine.timedOut(now: after(800)) == [verdict(.layer7Timeout, milliseconds: 800, fault: .silence)])
        var unconnected = self.machine()
        #expect(unconnected.timedOut(now: after(500)) == [verdict(.layer4Timeout, milliseconds: 500, fault: .silence)])
    }

    @Test("may take inter for everything where there is no timeout check")
    func deadlineWithoutCheckTimeout() {
        var machine = CheckMachine(.mysql(MySQLCheckSettings()), limits: limits(check: nil), now: start)
        #expect(machine.deadline == after(2000))
        _ = machine.connected(now: after(100))
        #expect(machine.deadline == after(2000))
        #expect(limits(connect: .seconds(30), inter: .seconds(1)).connect == .seconds(1))
    }

    @Test("survives random events, with at most one verdict", arguments: seeds(300))
    func randomEvents(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var machine = machine(user: Bool.random(using: &random) ? "u" : nil)
        var stream = greeting + MySQLPacket(sequence: 2, payload: [0, 0, 0]).bytes
        for _ in 0..<3 { stream[Int.random(in: 0..<stream.count, using: &random)] = .random(in: 0...255, using: &random) }
        var verdicts = 0
        for step in 0..<12 {
            let outputs: [CheckMachine.Output]
            switch Int.random(in: 0..<(step < 2 ? 6 : 9), using: &random) {
            case 0...2: outputs = machine.connected(now: after(step))
            case 3...5:
                let count = min(stream.count, Int.random(in: 1...60, using: &random))
                outputs = machine.receive(Array(stream.prefix(count)), now: after(step))
                stream.removeFirst(count)
            case 6: outputs = machine.endOfStream(now: after(step))
            case 7: outputs = machine.failed("x", now: after(step))
            default: outputs = machine.timedOut(now: after(step))
            }
            for output in outputs { if case .finished = output { verdicts += 1 } }
            #expect(verdicts == (machine.isFinished ? 1 : 0), "seed \(seed), step \(step)")
        }
    }
}

@Suite("A check's result")
struct CheckResultTests {
    @Test("explains itself as HAProxy does")
    func explanation() {
        let denied = CheckResult(status: .layer7WrongStatus, code: 1045, info: "#28000Access denied for user 'a'@'b'", duration: .microseconds(800))
        #expect(denied.explanation == ", reason: Layer7 wrong status, code: 1045, info: \"#28000Access denied for user 'a'@'b'\", check duration: 0ms")
        #expect(CheckResult(status: .layer7Timeout, duration: .milliseconds(700)).explanation == ", reason: Layer7 timeout, check duration: 700ms")
    }

    @Test("lets no server forge a log line, and cuts what is long")
    func escaping() {
        let forged = CheckResult(status: .layer7WrongStatus, code: 1, info: "a\"b\n<é>", duration: .zero)
        #expect(forged.explanation.contains("info: \"a<22>b<0A><3C><C3><A9><3E>\""))
        #expect(CheckResult(status: .layer7OK, info: String(repeating: "a", count: 4000), duration: .zero).info.utf8.count == 127)
    }

    @Test("has HAProxy's numbers")
    func numbers() {
        #expect(CheckStatus.allCases.map(\.rawValue) == [1, 4, 5, 6, 7, 8, 12, 13, 15, 17])
        #expect(CheckStatus.allCases.map(\.name) == ["INI", "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L7TOUT", "L7RSP", "L7OK", "L7STS"])
        #expect(CheckStatus.allCases.map(\.resultNumber) == [0, 2, 2, 3, 2, 2, 2, 2, 3, 2])
    }
}
