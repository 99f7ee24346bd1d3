import Patterns
import Wire

/// Runs the steps of a script: a check of any protocol that connecting, sending and expecting can express. The rules and the texts are HAProxy's.
///
///     connecting --connected--> next step --send--> sending --sent--> next step --expect--> waiting --received, ended--> next step
///         ^                                                               |
///         +------------------------------ connect ------------------------+
///
/// All bytes of an answer stay available to the steps that follow, up to `CheckSubject.bytesMax`, until a step sends or connects.
package struct ScriptCheck: Check {
    /// The stage, the time limits and the verdict.
    package var progress: CheckProgress
    /// A FIN if the present connection's rule contains `linger`, otherwise a RST.
    package var closing: CheckClosing { connection.lingers ? .orderly : .reset }
    /// Where the first connect goes.
    package private(set) var target = CheckTarget.server

    /// The work of regular expressions for each byte of the largest answer.
    private static let workPerByte = 500

    let script: CheckScript
    var values: ScriptValues
    /// The remaining work that the check's regular expressions may cause, however often an answer is judged again because more bytes arrive.
    var workLeft: Int
    /// True when the server has ended the stream or broken the connection.
    private(set) var hasEnded = false
    /// The code in log lines: the status of an HTTP response.
    var code = 0
    /// The step to carry out next.
    private var position = 0
    /// The step that HAProxy's texts name: the last connect, send or expect.
    private(set) var current = 0
    /// The rule of the present connection.
    private var connection = CheckConnect.implied
    private var isSending = false
    /// True when the present connection's last request was HEAD, whose response has no body.
    private(set) var hasAskedForHead = false

    /// Starts a check whose connect begins now.
    package init(_ script: CheckScript, _ subject: CheckSubject, limits: CheckLimits, now: Instant) {
        (self.script, values) = (script, ScriptValues(subject))
        workLeft = max(RegularExpression.workMax, Self.workPerByte * subject.bytesMax)
        progress = CheckProgress(limits, now: now)
        while position < script.steps.count, script.steps[position].action.isAssignment { assign() }
        guard position < script.steps.count, case .connect(let connect) = script.steps[position].action else {
            preconditionFailure("a script begins with a connect")
        }
        (current, connection) = (position, connect)
        target = target(of: connect)
    }

    /// Carries out the steps after the connect.
    package mutating func connected(now: Instant) -> [CheckOutput] {
        guard progress.connected(now: now) else { return [] }
        if case .connect(let connect) = script.steps[position].action { connection = connect }
        position += 1
        return run(now)
    }

    /// Carries out the steps after a message.
    package mutating func sent(now: Instant) -> [CheckOutput] {
        guard isSending else { return [] }
        isSending = false
        position += 1
        return run(now)
    }

    /// Judges the answer so far.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        values.answer += bytes.prefix(values.subject.bytesMax - values.answer.count)
        return isSending ? [] : run(now)
    }

    /// Judges the answer, which is complete.
    package mutating func ended(now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        hasEnded = true
        return isSending ? [] : run(now)
    }

    /// Ends the check because the connect or the connection failed. An answer before that is judged first: a server may answer and reset.
    package mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckOutput] {
        if progress.stage == .connected, fault != .node, !values.answer.isEmpty, !hasEnded, case .expect = script.steps[current].action {
            return ended(now: now)
        }
        return progress.failed(reason + connectionText, fault: fault, now: now)
    }

    /// Ends the check at its deadline.
    package mutating func timedOut(now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return progress.finish(.layer4Timeout, info: connectionText, fault: .noResponse, now: now) }
        var status = CheckStatus.layer7Timeout
        if case .expect(let expectation) = script.steps[current].action { status = expectation.timeoutStatus ?? status }
        return progress.finish(status, info: connectionText, fault: .noResponse, now: now)
    }

    // MARK: Steps

    /// Carries out steps until one has to wait.
    private mutating func run(_ now: Instant) -> [CheckOutput] {
        while progress.stage == .connected {
            guard position < script.steps.count else { return pass(now) }
            code = 0
            let step = script.steps[position]
            switch step.action {
            case .connect(let connect): return reconnect(connect, now)
            case .send(let message):
                current = position
                switch bytes(of: message, step) {
                case .failure(let refusal): return progress.finish(.layer7InvalidResponse, info: refusal.info, now: now)
                case .success(let bytes) where bytes.isEmpty: position += 1
                case .success(let bytes):
                    (values.answer, isSending) = ([], true)
                    return [.send(bytes)]
                }
            case .expect(let expectation):
                current = position
                switch judge(expectation) {
                case .asExpected: position += 1
                case .undecided:
                    position = firstOfChain(position)
                    current = position
                    return []
                case .failed(let status, let info): return progress.finish(status, code: code, info: info, now: now)
                }
            case .set, .setText, .unset: assign()
            }
        }
        return []
    }

    /// Changes a variable, and moves to the next step. Without a value the variable stays as it is.
    private mutating func assign() {
        switch script.steps[position].action {
        case .set(let name, let expression): if let value = values.value(expression) { values.variables[name] = value }
        case .setText(let name, let format): values.variables[name] = .bytes(values.text(format))
        case .unset(let name): values.variables[name] = nil
        case .connect, .send, .expect: break
        }
        position += 1
    }

    private mutating func reconnect(_ connect: CheckConnect, _ now: Instant) -> [CheckOutput] {
        current = position
        (values.answer, hasEnded, hasAskedForHead) = ([], false, false)
        progress.reconnect(now: now)
        return [.connect(target(of: connect))]
    }

    private func target(of connect: CheckConnect) -> CheckTarget {
        var target = CheckTarget.server
        (target.address, target.port) = (connect.address, connect.addressPort)
        switch connect.port {
        case .fixed(let port): target.port = port
        case .expression(let expression):
            // As in HAProxy, 0 is no port, and the other numbers lose their higher bits.
            if let number = values.value(expression)?.number, number != 0 { target.port = UInt16(truncatingIfNeeded: number) }
        case nil: break
        }
        target.header = connect.sendsProxyHeader ? .always : connect.usesServerOptions ? .ofChecks : .none
        target.isBare = !connect.lingers && script.steps[(current + 1)...].allSatisfy { $0.action.isAssignment }
        return target
    }

    /// A message that could not be composed.
    private struct Refusal: Error {
        let info: String
    }

    private mutating func bytes(of message: CheckMessage, _ step: CheckStep) -> Result<[UInt8], Refusal> {
        switch message {
        case .bytes(let bytes): return .success(bytes)
        case .text(let format): return .success(values.text(format))
        case .hexadecimal(let format):
            guard let bytes = Hexadecimal.bytes(values.text(format)) else {
                return .failure(Refusal(info: "tcp-check send : failed to build log-format string at step \(step.number)"))
            }
            return .success(bytes)
        case .request(let request):
            hasAskedForHead = request.method == "HEAD"
            let bytes = values.bytes(of: request, sendsState: script.sendsState)
            guard bytes.count <= values.subject.bytesMax else {
                return .failure(Refusal(info: "tcp-check send : failed to build HTTP request at step \(step.number)"))
            }
            return .success(bytes)
        }
    }

    /// The step to judge again when more bytes arrive. In a row of expectations, those from the first negated one on: unwanted bytes may follow later.
    private func firstOfChain(_ position: Int) -> Int {
        var first = position
        for index in stride(from: position - 1, through: 0, by: -1) {
            switch script.steps[index].action {
            case .expect(let expectation): if expectation.isNegated { first = index }
            case .set, .setText, .unset: continue
            case .connect, .send: return first
            }
        }
        return first
    }

    /// Ends the check because all steps have been carried out.
    private mutating func pass(_ now: Instant) -> [CheckOutput] {
        switch script.steps[current].action {
        case .expect(let expectation):
            if isConditionalPass { return progress.finish(.layer7ConditionalPass, code: code, now: now) }
            let info = expectation.passText.map { values.info($0) } ?? (script.kind == .tcp ? Self.passInfo : "")
            setCode(expectation)
            return progress.finish(expectation.passStatus ?? .layer7OK, code: code, info: info, now: now)
        case .connect(let connect): return progress.finish(.layer4OK, info: connect.isImplied ? "" : Self.passInfo, now: now)
        case .send, .set, .setText, .unset: return progress.finish(.layer7OK, info: Self.passInfo, now: now)
        }
    }

    /// True for a response with which a running server asks for no new sessions.
    var isConditionalPass: Bool { script.passesOn404 && code == 404 && !values.subject.isDown() }

    private static let passInfo = "(tcp-check)"

    /// Where the connection failed, as an addition to the reason; empty except for `option tcp-check`.
    private var connectionText: String { script.kind == .tcp ? script.steps[current].failureText : "" }
}
