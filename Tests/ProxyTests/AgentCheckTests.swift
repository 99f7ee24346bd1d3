import Proxy
import Testing
import Wire

@Suite("A question to an agent")
struct AgentCheckTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private static func check(request: String = "", weight: Int = 10, hasFixedWeights: Bool = false) -> AgentCheck {
        let limits = CheckLimits(whole: .seconds(2))
        return AgentCheck(request: Array(request.utf8), initialWeight: weight, hasFixedWeights: hasFixedWeights, limits: limits, now: start)
    }

    /// The result of an answer, and the orders in it.
    private static func outcome(_ answer: String, weight: Int = 10, hasFixedWeights: Bool = false) -> (result: CheckResult?, orders: AgentOrders) {
        var check = check(weight: weight, hasFixedWeights: hasFixedWeights)
        _ = check.connected(now: start)
        return (result(check.received(Array(answer.utf8), now: start.advanced(by: .milliseconds(3)))), check.orders)
    }

    private static func result(_ outputs: [CheckOutput]) -> CheckResult? {
        if case .finished(let result)? = outputs.last { result } else { nil }
    }

    /// Measured with haproxy 2.6: the agent's status, and `last_agt`.
    static let answers: [(answer: String, status: CheckStatus, info: String)] = [
        ("up\n", .layer7OK, "via agent : up"), ("Up\r\n", .layer7OK, "via agent : Up"),
        ("down # lag 300s\n", .layer7WrongStatus, "via agent : down (lag 300s)"),
        ("stopped\n", .layer7WrongStatus, "via agent : stopped"), ("fail #x\n", .layer7WrongStatus, "via agent : fail (x)"),
        ("DOWN\n", .layer7WrongStatus, "via agent : DOWN"), ("up foo\n", .layer7OK, "via agent : up (foo)"),
        ("up # text\n", .layer7OK, "via agent : up (text)"),
        ("up # \n", .layer7OK, "via agent : up"), ("up foo # text\n", .layer7OK, "via agent : up (foo)"),
        ("down foo\n", .layer7WrongStatus, "via agent : down (foo)"),
        ("down foo # why (x) \"q\"\n", .layer7WrongStatus, "via agent : down (why (x) \"q\")"),
        ("up,75%\tready\n", .layer7OK, "via agent : up"), ("up\rdown\n", .layer7OK, "via agent : up"), ("up down\n", .layer7WrongStatus, "via agent : down"),
        ("up 5x%\n", .layer7OK, "via agent : up (Trailing garbage in weight string)"),
        ("up 5x% maxconn:x # hey\n", .layer7OK, "via agent : up (Trailing garbage in weight string)"),
        ("down 5x% # hey\n", .layer7WrongStatus, "via agent : down (hey)"),
        ("down 5x%\n", .layer7WrongStatus, "via agent : down (Trailing garbage in weight string)"),
        ("up foo 5x% maxconn:x\n", .layer7OK, "via agent : up (foo)"),
        ("\n", .checked, ""), ("drain\n", .checked, ""), ("50%\n", .checked, ""), ("maxconn:7\n", .checked, ""), ("\r\nup\n", .checked, ""),
        ("# text\n", .checked, ""), ("foo bar\n", .checked, "agent reports an error : foo"), ("-5%\n", .checked, "agent reports an error : -5%"),
        ("50%x\n", .checked, "agent warns : Trailing garbage in weight string"),
        ("maxconn:x\n", .checked, "agent warns : maxconn string empty or preceded by garbage"),
        ("maxconn:\n", .checked, "agent warns : Require <maxconn>.\n"), ("foo 5x% maxconn:x\n", .checked, "agent reports an error : foo"),
    ]

    @Test("has HAProxy's status and text for each answer", arguments: answers.indices)
    func statuses(index: Int) {
        let (answer, status, info) = Self.answers[index]
        let result = Self.outcome(answer).result
        #expect(result?.status == status && result?.info == info && result?.code == 0 && result?.duration == .milliseconds(3), "\(answer)")
    }

    @Test("passes on what the agent requests")
    func orders() {
        var expected = AgentOrders()
        #expect(Self.outcome("up\n").orders == expected)
        (expected.administration, expected.weight, expected.connectionsMax) = (.drain, 5, 7)
        #expect(Self.outcome("drain 50% maxconn:7\n").orders == expected)
        #expect(Self.outcome("300%\n").orders.weight == 30 && Self.outcome("99999%\n").orders.weight == 256 && Self.outcome("0%\n").orders.weight == 0)
        #expect(Self.outcome("50%\n", weight: 1).orders.weight == 1, "a small share does not take a server out")
        #expect(Self.outcome("50%\n", weight: 0).orders.weight == 0)
        #expect(Self.outcome("5x% maxconn:y\n").orders == AgentOrders())
    }

    @Test("refuses other weights than the configured one and 0 where weights are fixed")
    func fixedWeights() {
        let warning = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n"
        let half = Self.outcome("50%\n", hasFixedWeights: true)
        #expect(half.result?.info == "agent warns : \(warning)" && half.orders.weight == nil)
        #expect(Self.outcome("up 50%\n", hasFixedWeights: true).result?.info == "via agent : up (\(warning))")
        #expect(Self.outcome("0%\n", hasFixedWeights: true).orders.weight == 0 && Self.outcome("100%\n", hasFixedWeights: true).orders.weight == 10)
    }

    @Test("has one result, in whatever pieces the answer arrives")
    func pieces() {
        let answer = Array("down ready 75% # lag 300s\nup\n".utf8)
        for cut in 0...answer.count {
            var check = Self.check()
            _ = check.connected(now: Self.start)
            let outputs = [answer[..<cut], answer[cut...]].filter { !$0.isEmpty }.flatMap { check.received(Array($0), now: Self.start) }
            #expect(outputs.count == 1 && Self.result(outputs)?.info == "via agent : down (lag 300s)", "cut at \(cut)")
            #expect(check.orders.administration == .ready && check.orders.weight == 7)
            #expect(check.ended(now: Self.start).isEmpty && check.timedOut(now: Self.start).isEmpty)
        }
    }

    @Test("sends its text as it is, and nothing without one")
    func request() {
        var check = Self.check(request: "replica\n")
        #expect(check.connected(now: Self.start) == [.send(Array("replica\n".utf8))] && check.closing == .reset)
        var silent = Self.check()
        #expect(silent.connected(now: Self.start).isEmpty && !silent.target.isBare)
    }

    @Test("reports an agent that closes, sends too much or sends nothing; these are no words about the server")
    func unusable() {
        var closing = Self.check()
        _ = closing.connected(now: Self.start)
        let empty = Self.result(closing.ended(now: Self.start))
        #expect(empty?.status == .layer7InvalidResponse && empty?.info == "TCPCHK got an empty response at step 2")
        var partial = Self.check()
        _ = partial.connected(now: Self.start)
        #expect(partial.received(Array("down".utf8), now: Self.start).isEmpty)
        let incomplete = Self.result(partial.ended(now: Self.start))
        #expect(incomplete?.status == .initializing && incomplete?.info == "Ignoring incomplete line from agent" && partial.orders == AgentOrders())
        var endless = Self.check()
        _ = endless.connected(now: Self.start)
        #expect(endless.received(Array(repeating: UInt8(ascii: "x"), count: AgentAnswer.bytesMax - 1), now: Self.start).isEmpty)
        #expect(Self.result(endless.received(Array("y\n".utf8), now: Self.start))?.info == "Ignoring incomplete line from agent")
        var silent = Self.check()
        _ = silent.connected(now: Self.start)
        #expect(silent.deadline == Self.start.advanced(by: .seconds(2)))
        #expect(Self.result(silent.timedOut(now: silent.deadline))?.status == .layer7Timeout)
        var unconnected = Self.check()
        #expect(Self.result(unconnected.failed("ECONNREFUSED", fault: .server, now: Self.start))?.status == .layer4ConnectionProblem)
    }

    @Test("cuts a long description as HAProxy does")
    func longDescription() {
        let info = Self.outcome("down # " + String(repeating: "y", count: 300) + "\n").result?.info
        #expect(info == "via agent : down (" + String(repeating: "y", count: 109))
    }

    @Test("is planned only for a server with an agent")
    func plan() {
        let location = ConfigurationLocation(file: "t", line: 1)
        var server = Server(name: "s", identifier: 1, endpoint: .name("s", port: 1), port: .fixed(1), location: location)
        let backend = Backend(name: "b", identifier: 2)
        #expect(CheckPlan(agentOf: server, in: backend, limits: CheckLimits(whole: .seconds(1)), order: { _ in }) == nil)
        server.agent = AgentCheckSettings()
        server.agent?.request = [1]
        #expect(server.agent?.check.rise == 1 && server.agent?.check.fall == 1 && server.agent?.check.interval == .seconds(2))
        var ordered: [AgentOrders] = []
        let plan = CheckPlan(agentOf: server, in: backend, limits: CheckLimits(whole: .seconds(1)), order: { ordered.append($0) })
        guard var check = plan?.begin(Self.start) else {
            Issue.record("no plan")
            return
        }
        #expect(check.connected(now: Self.start) == [.send([1])])
        _ = check.received(Array("maint\n".utf8), now: Self.start)
        plan?.ended(check)
        #expect(ordered.map(\.administration) == [.maint])
    }
}
