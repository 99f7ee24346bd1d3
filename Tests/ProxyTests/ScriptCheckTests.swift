import Patterns
import Proxy
import Testing
import Wire

@Suite("A check of a script")
struct ScriptCheckTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func limits(check: Duration? = .milliseconds(700)) -> CheckLimits {
        var backend = Backend(name: "b", identifier: 2)
        backend.connectTimeout = .milliseconds(500)
        backend.checkTimeout = check
        return CheckLimits(CheckSettings(), of: backend)
    }

    private func check(_ steps: [CheckStep], limits: CheckLimits? = nil) -> ScriptCheck {
        ScriptCheck(CheckScript(.tcp, steps), CheckSubject(), limits: limits ?? self.limits(), now: start)
    }

    private func after(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func send(_ number: Int, _ text: String) -> CheckStep { CheckStep(number: number, .send(.bytes(bytes(text)))) }

    private func expect(_ number: Int, _ text: String, isNegated: Bool = false, bytesMin: Int? = nil) -> CheckStep {
        var expectation = CheckExpectation(.string(bytes(text)))
        (expectation.isNegated, expectation.bytesMin) = (isNegated, bytesMin)
        return CheckStep(number: number, .expect(expectation))
    }

    private func connect(_ number: Int, port: UInt16? = nil, lingers: Bool = false) -> CheckStep {
        var connect = CheckConnect()
        connect.port = port.map { .fixed($0) }
        connect.lingers = lingers
        return CheckStep(number: number, .connect(connect))
    }

    private func verdict(_ outputs: [CheckOutput]) -> CheckResult? { if case .finished(let result)? = outputs.last { result } else { nil } }

    @Test("without rules passes with the connect, which exchanges no bytes")
    func empty() {
        var check = check([])
        #expect(check.target.isBare && check.closing == .reset)
        let result = verdict(check.connected(now: after(1)))
        #expect(result?.status == .layer4OK && result?.info == "" && result?.duration == .milliseconds(1))
        #expect(check.received(bytes("x"), now: after(2)).isEmpty && check.timedOut(now: after(3)).isEmpty)
    }

    @Test("sends a message, waits until it is sent, and judges the answer, however its bytes arrive", arguments: [1, 2, 3, 64])
    func fragments(size: Int) {
        var check = check([send(1, "PING\r\n"), expect(2, "+PONG")])
        #expect(!check.target.isBare)
        #expect(check.connected(now: after(1)) == [.send(bytes("PING\r\n"))])
        // Bytes before the end of sending are kept.
        #expect(check.received(bytes("+"), now: after(1)).isEmpty)
        #expect(check.sent(now: after(2)).isEmpty && check.sent(now: after(2)).isEmpty)
        var outputs: [CheckOutput] = []
        var rest = bytes("PONG\r\n")[...]
        while !rest.isEmpty {
            outputs += check.received(Array(rest.prefix(size)), now: after(3))
            rest = rest.dropFirst(size)
        }
        #expect(outputs.count == 1 && verdict(outputs)?.status == .layer7OK && verdict(outputs)?.info == "(tcp-check)")
    }

    @Test("ends with the last message only when it is sent")
    func lastMessage() {
        var check = check([send(1, "A")])
        #expect(check.connected(now: after(1)) == [.send(bytes("A"))])
        #expect(verdict(check.sent(now: after(2)))?.status == .layer7OK)
    }

    @Test("keeps an answer for the expectations that follow, until it sends")
    func sharedAnswer() {
        var check = check([expect(1, "OK"), expect(2, "x"), send(3, "A"), expect(4, "OK", bytesMin: 1)])
        _ = check.connected(now: after(1))
        #expect(check.received(bytes("+OK x"), now: after(2)) == [.send(bytes("A"))])
        _ = check.sent(now: after(2))
        #expect(verdict(check.received(bytes("no"), now: after(3)))?.info == "TCPCHK did not match content 'OK' at step 4")
    }

    @Test("connects again to another port, closes each connection as its rule asks, and gives each connect its own time")
    func severalConnects() {
        var check = check([connect(1, port: 110, lingers: true), expect(2, "ONE"), connect(3, port: 143), expect(4, "TWO")])
        #expect(check.target.port == 110 && check.target.header == .none && check.closing == .orderly)
        _ = check.connected(now: after(100))
        #expect(check.deadline == after(800))
        var target = CheckTarget.server
        (target.port, target.header) = (143, .none)
        #expect(check.received(bytes("ONE"), now: after(200)) == [.connect(target)])
        #expect(check.closing == .orderly && check.deadline == after(700))
        #expect(check.connected(now: after(300)).isEmpty)
        #expect(check.closing == .reset && check.deadline == after(1_000))
        // The first answer is gone.
        let result = verdict(check.received(bytes("TWO"), now: after(400)))
        #expect(result?.status == .layer7OK && result?.duration == .milliseconds(400))
    }

    @Test("without 'timeout check' has the server's interval for each connection")
    func wholeLimit() {
        var check = check([connect(1, port: 1), expect(2, "ONE"), connect(3, port: 2), expect(4, "TWO")], limits: limits(check: nil))
        #expect(check.deadline == after(2_000))
        _ = check.connected(now: after(1_900))
        #expect(check.deadline == after(2_000))
        _ = check.received(bytes("ONE"), now: after(1_950))
        _ = check.connected(now: after(1_960))
        #expect(check.deadline == after(3_950))
    }

    @Test("names the step where the connect fails or is too late")
    func connectFailures() {
        var first = check([send(1, "A"), expect(2, "B")])
        #expect(verdict(first.failed("refused", fault: .server, now: after(1)))?.info == "refused at initial connection step of tcp-check")
        var second = check([connect(1, port: 1), expect(2, "ONE"), connect(3, port: 2), expect(4, "TWO")])
        _ = second.connected(now: after(1))
        _ = second.received(bytes("ONE"), now: after(2))
        let result = verdict(second.timedOut(now: after(600)))
        #expect(result?.status == .layer4Timeout && result?.info == " at step 3 of tcp-check (connect port 2)" && result?.fault == .noResponse)
        #expect(result?.summary == "Layer4 timeout: at step 3 of tcp-check (connect port 2)")
    }

    @Test("judges an answer before a reset, and reports a reset without an answer")
    func resets() {
        var answered = check([expect(1, "OK")])
        _ = answered.connected(now: after(1))
        #expect(answered.received(bytes("-ERR"), now: after(2)).isEmpty)
        #expect(verdict(answered.failed("reset", fault: .server, now: after(3)))?.info == "TCPCHK did not match content 'OK' at step 1")
        var silent = check([expect(1, "OK")])
        _ = silent.connected(now: after(1))
        let result = verdict(silent.failed("reset", fault: .server, now: after(3)))
        #expect(result?.status == .socketError && result?.info == "reset at step 1 of tcp-check (expect string 'OK')")
        // An answer and a reset can be all that a rule expects, but not that the next one can send.
        var sending = check([expect(1, "OK", isNegated: true), send(2, "A")])
        _ = sending.connected(now: after(1))
        _ = sending.received(bytes("-ERR"), now: after(2))
        #expect(sending.failed("reset", fault: .server, now: after(3)) == [.send(bytes("A"))])
        #expect(verdict(sending.failed("reset", fault: .server, now: after(3)))?.info == "reset at step 2 of tcp-check (send)")
    }

    @Test("judges a row of expectations again from its first negated one on, when more bytes arrive")
    func chains() {
        let steps = [expect(1, "ERR", isNegated: true, bytesMin: 3), expect(2, "NO")]
        var late = check(steps)
        _ = late.connected(now: after(1))
        #expect(late.received(bytes("+OK"), now: after(2)).isEmpty)
        #expect(verdict(late.received(bytes(" ERR NO"), now: after(3)))?.info == "TCPCHK matched unwanted content 'ERR' at step 1")
        var silent = check(steps)
        _ = silent.connected(now: after(1))
        _ = silent.received(bytes("+OK"), now: after(2))
        #expect(verdict(silent.timedOut(now: after(701)))?.info == " at step 1 of tcp-check (expect string 'ERR')")
    }

    @Test("reads at most 16 KiB of an answer, and judges it then")
    func longAnswers() {
        var check = check([expect(1, "hello")])
        _ = check.connected(now: after(1))
        for _ in 0..<3 { #expect(check.received([UInt8](repeating: 97, count: 4_096), now: after(2)).isEmpty) }
        let result = verdict(check.received([UInt8](repeating: 97, count: 4_096) + bytes("hello"), now: after(3)))
        #expect(result?.status == .layer7InvalidResponse)
    }

    /// Measured with haproxy 2.6.
    @Test("connects to the lower 16 bits of a computed port", arguments: [("9200", 9_200), ("88036", 22_500), ("-43036", 22_500), ("65536", 0), ("0", nil)])
    func computedPort(number: String, port: UInt16?) throws {
        var connect = CheckConnect()
        connect.port = .expression(try CheckExpression("int(\(number))", in: .tcp))
        #expect(check([CheckStep(number: 1, .connect(connect))]).target.port == port)
    }

    @Test("stores values of an answer, and connects to a stored port")
    func variables() throws {
        let format = try CheckFormat("%[var(check.a),hex]%[var(sess.a)]", in: .tcp)
        var connect = CheckConnect()
        connect.port = .expression(CheckExpression(.variable("check.port"), []))
        var check = check([
            CheckStep(number: 1, .set(variable: "check.port", try CheckExpression("int(9200)", in: .tcp))),
            CheckStep(number: 2, .connect(connect)),
            expect(3, "OK"),
            CheckStep(number: 4, .set(variable: "check.a", try CheckExpression("res.payload(1,2)", in: .tcp))),
            CheckStep(number: 5, .setText(variable: "sess.a", try CheckFormat("-%[res.len]", in: .tcp))),
            CheckStep(number: 6, .send(.text(format))),
            CheckStep(number: 7, .unset(variable: "check.a")),
            CheckStep(number: 8, .send(.text(try CheckFormat("%[var(check.a)]", in: .tcp)))),
        ])
        #expect(check.target.port == 9_200)
        _ = check.connected(now: after(1))
        #expect(check.received(bytes("+OK x"), now: after(2)) == [.send(bytes("4F4B-5"))])
        // An empty message is not sent.
        #expect(verdict(check.sent(now: after(3)))?.status == .layer7OK)
    }

    @Test("fails where a format gives no hexadecimal digits")
    func badDigits() throws {
        var check = check([CheckStep(number: 1, .send(.hexadecimal(try CheckFormat("zz", in: .tcp))))])
        let result = verdict(check.connected(now: after(1)))
        #expect(result?.status == .layer7InvalidResponse && result?.info == "tcp-check send : failed to build log-format string at step 1")
    }

    @Test("fails where a regular expression takes too many steps, also a negated one", arguments: [false, true])
    func expensiveExpressions(isNegated: Bool) throws {
        var expectation = CheckExpectation(.expression(try RegularExpression("(a+)+$")))
        expectation.isNegated = isNegated
        var check = check([CheckStep(number: 1, .expect(expectation))])
        _ = check.connected(now: after(1))
        let result = verdict(check.received([UInt8](repeating: 97, count: 4_000) + bytes("b"), now: after(2)))
        #expect(result?.status == .layer7InvalidResponse && result?.info == "the regular expression takes too many steps")
    }

    @Test("fails where an answer of single bytes makes a regular expression search again and again")
    func repeatedSearches() throws {
        var check = check([CheckStep(number: 1, .expect(CheckExpectation(.expression(try RegularExpression("[a-z]+[0-9]")))))])
        _ = check.connected(now: after(1))
        var result: CheckResult?
        for _ in 0..<1_000 where result == nil { result = verdict(check.received([97], now: after(2))) }
        #expect(result?.status == .layer7InvalidResponse && result?.info == "the regular expression takes too many steps")
    }

    @Test("reads at most as many bytes of an answer as the buffer holds, and then decides", arguments: [100, 20_000])
    func fullBuffer(size: Int) {
        var subject = CheckSubject()
        subject.bytesMax = size
        let script = CheckScript(.tcp, [CheckStep(number: 1, .expect(CheckExpectation(.string(bytes("end")))))])
        for (before, isFound) in [(size - 3, true), (size - 2, false)] {
            var check = ScriptCheck(script, subject, limits: limits(), now: start)
            _ = check.connected(now: after(1))
            #expect(check.received([UInt8](repeating: 97, count: before), now: after(2)).isEmpty)
            #expect(verdict(check.received(bytes("end"), now: after(3)))?.status == (isFound ? .layer7OK : .layer7InvalidResponse))
        }
    }

    @Test("asks for no new sessions with status 404 only while the server is up", arguments: [false, true])
    func status404(isDown: Bool) {
        var subject = CheckSubject()
        subject.isDown = { isDown }
        let steps = [
            CheckStep(number: 1, .send(.request(HTTPCheckRequest()))), CheckStep(number: 1, .expect(CheckExpectation(.status([200...399])))),
        ]
        var check = ScriptCheck(CheckScript(.http, steps, passesOn404: true), subject, limits: limits(), now: start)
        #expect(check.connected(now: after(1)) == [.send(bytes("OPTIONS / HTTP/1.0\r\n\r\n"))])
        _ = check.sent(now: after(1))
        let result = verdict(check.received(bytes("HTTP/1.0 404 Not Found\r\n\r\n"), now: after(2)))
        #expect(result?.status == (isDown ? .layer7WrongStatus : .layer7ConditionalPass) && result?.code == 404)
        #expect(result?.info == (isDown ? "Not Found" : ""))
    }
}

@Suite("A format of a check")
struct CheckFormatTests {
    /// Composes a message from a format, and an answer that it may use.
    private func text(_ format: String, answer: String = "", subject: CheckSubject = CheckSubject()) throws -> String {
        var steps: [CheckStep] = []
        if !answer.isEmpty { steps.append(CheckStep(number: 1, .expect(CheckExpectation(.string(Array(answer.utf8)))))) }
        steps.append(CheckStep(number: 2, .setText(variable: "check.x", try CheckFormat(format, in: .tcp))))
        steps.append(CheckStep(number: 3, .send(.text(try CheckFormat("<%[var(check.x)]>", in: .tcp)))))
        var check = ScriptCheck(CheckScript(.tcp, steps), subject, limits: CheckLimits(whole: .seconds(1)), now: Instant(nanoseconds: 1))
        var outputs = check.connected(now: Instant(nanoseconds: 2))
        if !answer.isEmpty { outputs = check.received(Array(answer.utf8), now: Instant(nanoseconds: 3)) }
        guard case .send(let bytes)? = outputs.first else { return "no message" }
        return String(decoding: bytes.dropFirst().dropLast(), as: UTF8.self)
    }

    /// Measured with haproxy 2.6, except for the time.
    static let examples: [(format: String, answer: String, text: String)] = [
        ("plain%%", "", "plain%"), ("%[str(hello),upper]%%\r\n", "", "HELLO%\r\n"),
        ("%[str(  ab ),ltrim( )]|%[str(xabx),rtrim(x)]|%[str(abcdef),bytes(2,3)]|%[str(abc),length]", "", "ab |xab|cde|3"),
        ("%[str(ABC),lower]|%[str(abcdef),bytes(2)]|%[str('a,b)'),length]", "", "abc|cdef|4"), ("0a%[str(A),hex]0B", "", "0a410B"),
        ("%[res.payload(0,3)] %[res.len]", "+OK x\r\n", "+OK 7"), ("%[res.payload(0,0),cut_crlf]|%[res.payload(3,0)]", "+OK x\r\n", "+OK x| x\r\n"),
        ("%[res.payload(9,0)]%[res.payload(0,9)]", "+OK x\r\n", ""), ("%[srv_name]-%[be_name]", "", "s1-b1"), ("%[date]%[date(),length]", "", "179604381410"),
        ("%[str(a),,upper]|%[str( a),ltrim]|%[str(a ),rtrim()]|%[int(9223372036854775807)]", "", "A| a|a |9223372036854775807"),
        (
            "got %[res.payload(0,0)] len %[res.len]|%[res.payload(0,0),upper]|%[res.payload(0,0),length]|%[res.payload(0,0),hex]", "ab\0cd",
            "got ab len 5|AB|2|6162006364"
        ),
        ("%[int(-9223372036854775808)]%[str()]", "", "-9223372036854775808"), ("%[int(-3)] %[int(3),hex]", "", "-3 0000000000000003"),
        ("%[var(check.unset)]", "", ""),
    ]

    @Test("gives the text that HAProxy gives", arguments: examples.indices)
    func evaluates(index: Int) throws {
        var subject = CheckSubject()
        (subject.serverName, subject.backendName, subject.unixSeconds) = ("s1", "b1", { 1_796_043_814 })
        let (format, answer, expected) = Self.examples[index]
        #expect(try text(format, answer: answer, subject: subject) == expected, "\(format)")
    }

    static let mistakes: [(format: String, expression: String, reason: CheckFormatError.Reason)] = [
        ("%[src]", "src", .unknownFetch("src")), ("a %ci b", "%ci", .unknownAlias("ci")), ("%", "%", .unknownAlias("")),
        ("%{+Q}[srv_name]", "%{+Q}[srv_name]", .unknownAlias("{+Q}[srv_name]")), ("%[var(check.a-b)]", "var(check.a-b)", .unknownVariable("check.a-b")),
        ("%[res.len", "%[res.len", .unclosed), ("%[str(a]", "%[str(a]", .unclosed), ("%[res.payload(1)]", "res.payload(1)", .badArguments),
        ("%[res.payload(-1,2)]", "res.payload(-1,2)", .badArguments), ("%[var(txn.x)]", "var(txn.x)", .unknownVariable("txn.x")),
        ("%[var(check.)]", "var(check.)", .unknownVariable("check.")),
        ("%[str(a),foo(b)]", "foo(b)", .unknownConverter("foo")), ("%[str(a),bytes(x)]", "bytes(x)", .badArguments), ("%[]", "", .unknownFetch("")),
        ("%[str(a),]", "str(a),", .badArguments), ("%[str(a),lower,,]", "str(a),lower,,", .badArguments),
        ("%[int(12345678901234567890)]", "int(12345678901234567890)", .badArguments),
        ("%[date(1)]", "date(1)", .badArguments),
    ]

    @Test("names the part that it cannot read", arguments: mistakes.indices)
    func refuses(index: Int) {
        let (format, expression, reason) = Self.mistakes[index]
        do throws(CheckFormatError) {
            _ = try CheckFormat(format, in: .tcp)
            Issue.record("\(format) was accepted")
        } catch {
            #expect(error.expression == expression && error.reason == reason, "\(format): \(error)")
        }
    }

    @Test("has no bytes of HTTP responses")
    func http() throws {
        #expect(throws: CheckFormatError.self) { try CheckFormat("%[res.payload(0,3)]", in: .http) }
        #expect(throws: CheckFormatError.self) { try CheckFormat("%[res.len]", in: .http) }
        _ = try CheckFormat("%[srv_name]", in: .http)
    }
}
