import FuzzWorld
import Glibc
import Proxy
import Wire

// What a server answers to the script of a check: any bytes, in any pieces, with any end, give exactly one verdict, and messages within the limit. Other inputs
// are formats of rules, which are parsed and evaluated.

private func format(_ text: String, _ kind: CheckScript.Kind = .tcp) -> CheckFormat {
    guard let format = try? CheckFormat(text, in: kind) else { preconditionFailure(text) }
    return format
}

private func expectation(_ match: CheckMatch, _ adjust: (inout CheckExpectation) -> Void = { _ in }) -> CheckStep.Action {
    var expectation = CheckExpectation(match)
    adjust(&expectation)
    return .expect(expectation)
}

private func script(_ kind: CheckScript.Kind, _ actions: [CheckStep.Action]) -> CheckScript {
    CheckScript(kind, actions.enumerated().map { CheckStep(number: $0.offset + 1, $0.element) }, passesOn404: true, sendsState: true)
}

private func tcpScript() -> CheckScript {
    var connect = CheckConnect()
    connect.port = .expression(CheckExpression(.variable("check.port"), []))
    return script(
        .tcp,
        [
            expectation(.string(Array("ERR".utf8))) { ($0.isNegated, $0.bytesMin) = (true, 3) },
            expectation(.binary([0x2b, 0x4f])) { $0.passText = format("%[res.payload(1,2),hex]") },
            .set(variable: "check.a", CheckExpression(.payload(offset: 0, length: 0), [.cutLine, .trimBack([32]), .lowercased])),
            .setText(variable: "check.port", format("%[res.payload(4,2)]")),
            .send(.text(format("%[var(check.a)]%[res.len]"))), .connect(connect), .send(.hexadecimal(format("%[var(check.a),hex]0d"))),
            expectation(.text(format("%[var(check.port)]"))) {
                $0.failureText = format("%[res.payload(0,0)]")
                $0.code = CheckExpression(.payload(offset: 0, length: 3), [])
            },
            .unset(variable: "check.a"),
        ])
}

private func httpScript(_ method: String, _ matches: [CheckMatch]) -> CheckScript {
    var request = HTTPCheckRequest()
    request.method = method
    request.headers = [HTTPCheckRequest.Header(name: "Host", value: format("%[srv_name]", .http))]
    return script(.http, [.send(.request(request))] + matches.map { expectation($0) })
}

private enum Scripts {
    static let all: [CheckScript] = [
        tcpScript(), ProtocolChecks.redis, ProtocolChecks.postgreSQL(user: "u"), ProtocolChecks.smtp("HELO x"), ProtocolChecks.ldap, ProtocolChecks.tlsHello,
        httpScript("GET", [.status([200...399])]), httpScript("GET", [.string(Array("hello".utf8)), .text(format("%[str(o)]", .http))]),
        httpScript("HEAD", [.string([65])]), httpScript("PUT", [.header(header)]),
    ]

    private static let header = CheckHeaderPattern(
        name: .text(format("x-", .http), .prefix), value: .text(format("%[str(b)]", .http), .contained), isWholeLine: false)
}

/// Inputs below this first byte are dialogues, others are formats.
private let formatsBegin: UInt8 = 200

@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    func dialogue(_ script: UInt8, _ answers: String...) -> [UInt8] {
        // The server is up. Then each answer has an action and a length, and in the end the server closes.
        var bytes = [script, 0]
        for answer in answers { bytes += [0, UInt8(answer.utf8.count >> 8), UInt8(answer.utf8.count & 255)] + Array(answer.utf8) }
        return bytes + [1]
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: a, b\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    return [
        ("tcp", dialogue(0, "+OK 99 x\r\n", "99")), ("redis", dialogue(1, "+PONG\r\n")), ("pgsql", dialogue(2, "R\0\0\0\u{8}\0\0\0\0")),
        ("smtp", dialogue(3, "220 mx\r\n", "250-a\r\n250 b\r\n", "221 bye\r\n")), ("ldap", dialogue(4, "0\u{c}\u{2}\u{1}\u{1}a\u{7}\n\u{1}\0\u{4}\0\u{4}\0")),
        ("tls", dialogue(5, "\u{16}\u{3}\u{3}\0\u{5d}")), ("http-status", dialogue(6, "HTTP/1.1 100 C\r\n\r\nHTTP/1.0 404 No\r\n\r\n")),
        ("http-body", dialogue(7, chunked)), ("http-head", dialogue(8, chunked)), ("http-header", dialogue(9, chunked)),
        ("format", [formatsBegin] + Array("a%%%[res.payload(1,2),ltrim(' '),hex,bytes(1,2)]%[str(a\\)b),rtrim(b),upper,length]%[var(check.a)]".utf8)),
    ]
}

/// Carries out the outputs of a check. Returns the verdict.
private func carryOut(_ outputs: [CheckOutput], _ check: inout ScriptCheck, _ now: Instant) -> CheckResult? {
    for (index, output) in outputs.enumerated() {
        switch output {
        case .send(let bytes):
            precondition(!bytes.isEmpty && bytes.count <= Tuning.bufferBytesStandard, "a message of \(bytes.count) bytes")
            if let result = carryOut(check.sent(now: now), &check, now) { return result }
        case .connect:
            precondition(index == outputs.count - 1 && check.progress.stage == .connecting, "an action after a connect")
            if let result = carryOut(check.connected(now: now), &check, now) { return result }
        case .finished(let result):
            precondition(index == outputs.count - 1 && check.progress.stage == .finished, "an action after the verdict")
            return result
        }
    }
    return nil
}

@MainActor private func runDialogue(_ script: CheckScript, _ input: inout FuzzInput) {
    var subject = CheckSubject()
    (subject.serverName, subject.backendName, subject.stateText) = ("s", "b", { "UP" })
    let isDown = input.choice(2) == 1
    subject.isDown = { isDown }
    var now = Instant(nanoseconds: 1)
    var check = ScriptCheck(script, subject, limits: CheckLimits(whole: .seconds(1)), now: now)
    var result = carryOut(check.connected(now: now), &check, now)
    while result == nil, !input.isAtEnd {
        now = now.advanced(by: .milliseconds(1))
        switch input.choice(4) {
        case 1: result = carryOut(check.ended(now: now), &check, now)
        case 2: result = carryOut(check.failed("reset", fault: .server, now: now), &check, now)
        default: result = carryOut(check.received(Array(input.chunk(limit: 4_096)), now: now), &check, now)
        }
    }
    result = result ?? carryOut(check.timedOut(now: now), &check, now)
    precondition(result != nil, "no verdict at the deadline")
    precondition((result?.info.utf8.count ?? 0) <= CheckResult.infoBytesMax * 3, "a long information")
    precondition(check.received([1], now: now).isEmpty && check.ended(now: now).isEmpty && check.timedOut(now: now).isEmpty, "an output after the verdict")
}

private func runFormat(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self), let format = try? CheckFormat(text, in: .tcp) else { return }
    let answer = Array("+OK 1 two\r\n three".utf8)
    let steps: [CheckStep.Action] = [expectation(.string([UInt8(ascii: "K")])), .setText(variable: "check.a", format), .send(.text(format))]
    var check = ScriptCheck(script(.tcp, steps), CheckSubject(), limits: CheckLimits(whole: .seconds(1)), now: Instant(nanoseconds: 1))
    _ = check.connected(now: Instant(nanoseconds: 2))
    _ = carryOut(check.received(answer, now: Instant(nanoseconds: 3)), &check, Instant(nanoseconds: 3))
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        var input = FuzzInput(start, count)
        let choice = input.byte()
        if choice >= formatsBegin {
            runFormat(Array(UnsafeBufferPointer(start: start, count: count).dropFirst()))
        } else {
            runDialogue(Scripts.all[Int(choice) % Scripts.all.count], &input)
        }
        return 0
    })
