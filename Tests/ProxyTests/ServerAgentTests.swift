import Proxy
import Testing
import Wire

@Suite("A server with an agent")
struct ServerAgentTests {
    private typealias Bench = RegistryBench

    private static let left = "0 sessions active, 0 requeued, 0 remaining in queue."
    private static let online = "0 sessions requeued, 0 total in queue."

    /// A checked server `a1` with an agent, and a server `a2` without.
    private func pair(logsHealthChecks: Bool = true) -> RegistryBench {
        var bench = RegistryBench([Bench.backend("ag", logsHealthChecks: logsHealthChecks, [Bench.server("a1").withAgent, Bench.server("a2")])])
        for place in 0...1 { _ = bench.lines(.checkFinished(Bench.pass), place) }
        return bench
    }

    private func orders(_ administration: AgentAnswer.Administration? = nil, weight: Int? = nil, limit: Int? = nil) -> ServerRegistry.Event {
        var orders = AgentOrders()
        (orders.administration, orders.weight, orders.connectionsMax) = (administration, weight, limit)
        return .agentOrdered(orders)
    }

    private func word(_ isUp: Bool, _ words: String) -> ServerRegistry.Event { .agentFinished(.agent(isUp: isUp, words)) }

    @Test("has haproxy's log lines for the words of the reference's session")
    func session() {
        var bench = pair()
        let check = "check duration: 1ms, status:"
        #expect(
            bench.lines(word(true, "up")) == [
                "<133>Agent check for server ag/a1 succeeded, reason: Layer7 check passed, code: 0, info: \"via agent : up\", \(check) 1/1 UP."
            ])
        #expect(bench.lines(orders(.drain)) == ["<133>Server ag/a1 enters drain state. 1 active and 0 backup servers online. \(Self.online)"])
        #expect(bench.lines(.agentFinished(.wordless)).isEmpty && bench.status().text == "DRAIN (agent)")
        let down = bench.lines(word(false, "down (lag 300s)"))
        #expect(
            down.first
                == "<133>Agent check for server ag/a1 failed, reason: Layer7 wrong status, code: 0, info: \"via agent : down (lag 300s)\", \(check) 0/1 DOWN.")
        #expect(down.count == 2, "a drained server is no loss")
        #expect(down[1].hasPrefix("<133>Server ag/a1 is DOWN. 1 active and 0 backup servers left. \(Self.left)"))
        #expect(bench.status().text == "DOWN (agent)" && bench.status().downTransitions == 1 && bench.status().failedChecks == 0)
        #expect(bench.lines(orders(.ready, weight: 1)) == ["<133>Server ag/a1 is DOWN (leaving forced drain)."])
        #expect(
            bench.lines(word(true, "up")) == [
                "<133>Agent check for server ag/a1 succeeded, reason: Layer7 check passed, code: 0, info: \"via agent : up\", \(check) 1/1 UP.",
                "<133>Server ag/a1 is UP. 2 active and 0 backup servers online. \(Self.online)",
            ])
        #expect(bench.lines(orders(.maint)).map { $0.prefix(54) } == ["<129>Server ag/a1 is going DOWN for maintenance. 1 active".prefix(54)])
        #expect(bench.lines(.agentFinished(.wordless)).isEmpty)
        #expect(bench.lines(orders(.ready)) == ["<133>Server ag/a1 is UP/READY (leaving forced maintenance)."])
        #expect(bench.lines(word(true, "up")).count == 1 && bench.status().text == "UP 1/3")
    }

    @Test("is an alert when its agent takes it down, and gives the reason where checks are not logged")
    func levels() {
        var bench = pair()
        let down = bench.lines(word(false, "down"))
        #expect(down.count == 2 && down[1].hasPrefix("<129>Server ag/a1 is DOWN. 1 active and 0 backup servers left. \(Self.left)"))
        var quiet = pair(logsHealthChecks: false)
        let reason = ", reason: Layer7 wrong status, code: 0, info: \"via agent : down (<22>x<22> <3C>y<3E>)\", check duration: 1ms"
        #expect(
            quiet.lines(word(false, "down (\"x\" <y>)")) == [
                "<129>Server ag/a1 is DOWN\(reason). 1 active and 0 backup servers left. \(Self.left)"
            ])
        #expect(quiet.lines(word(true, "up")).first?.hasPrefix("<133>Server ag/a1 is UP, reason: Layer7 check passed, code: 0, info: ") == true)
    }

    @Test("needs both its checks and its agent to be up; only 'up' ends 'down', and only 'ready' ends 'drain'")
    func both() {
        var bench = pair()
        _ = bench.lines(word(false, "down"))
        for event in [orders(.ready), .agentFinished(.wordless), .checkFinished(Bench.pass), orders(weight: 5)] { _ = bench.lines(event) }
        #expect(!bench.status().isRunning && bench.status().text == "DOWN (agent)")
        for _ in 0..<3 { _ = bench.lines(.checkFinished(Bench.refused)) }
        #expect(bench.status().downTransitions == 1)
        let up = bench.lines(word(true, "up"))
        #expect(up.count == 1 && up.first?.hasSuffix("status: 1/1 UP.") == true && bench.status().text == "DOWN", "its checks still fail")
        _ = bench.lines(.checkFinished(Bench.pass))
        _ = bench.lines(.checkFinished(Bench.pass))
        #expect(bench.status().isUsable)
        _ = bench.lines(orders(.drain))
        _ = bench.lines(word(true, "up"))
        #expect(bench.status().isRunning && !bench.status().isUsable)
        _ = bench.lines(orders(.ready))
        #expect(bench.status().isUsable)
    }

    @Test("is not affected by an agent that cannot be reached")
    func unreachable() {
        var bench = pair()
        let refused = CheckResult(status: .layer4ConnectionProblem, info: "ECONNREFUSED returned by OS (Connection refused)", duration: .zero)
        let text =
            "<133>Agent check for server ag/a1 failed, reason: Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused)\", check duration: 0ms"
        #expect(bench.lines(.agentFinished(refused)) == ["\(text), status: 1/1 UP."])
        #expect(bench.lines(.agentFinished(refused)).isEmpty && bench.status().isUsable)
        _ = bench.lines(word(false, "down"))
        #expect(bench.lines(.agentFinished(refused)) == ["\(text), status: 0/1 DOWN."], "an agent that has said down stays obeyed")
        #expect(!bench.status().isRunning)
    }

    @Test("logs a word only when the status changes, and keeps the status at an incomplete answer")
    func repetition() {
        var bench = pair()
        _ = bench.lines(word(false, "down"))
        #expect(bench.lines(word(false, "stopped")).isEmpty && bench.status().agent?.lastCheck?.info == "via agent : stopped")
        let incomplete = CheckResult(status: .initializing, info: "Ignoring incomplete line from agent", duration: .zero)
        #expect(bench.lines(.agentFinished(incomplete)).isEmpty && bench.lines(word(false, "down")).isEmpty)
        _ = bench.lines(.agentFinished(incomplete))
        #expect(bench.status().agent?.checkStatus == .layer7WrongStatus && bench.status().agent?.isUp == false)
        #expect(bench.status().agent?.lastCheck?.info == "Ignoring incomplete line from agent")
        #expect(bench.lines(.agentFinished(.wordless)).isEmpty && bench.lines(word(false, "down")).count == 1, "haproxy logs it again")
    }

    @Test("has a timeout if its first answers are incomplete, as in HAProxy")
    func incompleteFirst() {
        var bench = pair()
        let incomplete = CheckResult(status: .initializing, info: "Ignoring incomplete line from agent", duration: .zero)
        #expect(
            bench.lines(.agentFinished(incomplete)) == [
                "<133>Agent check for server ag/a1 failed, reason: Layer7 timeout, check duration: 0ms, status: 1/1 UP."
            ])
        #expect(bench.status().agent?.lastCheck?.info == "" && bench.status().agent?.checkStatus == .layer7Timeout)
        #expect(bench.lines(.agentFinished(incomplete)).isEmpty && bench.status().agent?.checkStatus == .layer7Timeout)
        #expect(bench.status().agent?.lastCheck?.info == "Ignoring incomplete line from agent" && bench.status().isUsable)
    }

    @Test("is asked during maintenance, and stays down after it if the agent reports down")
    func maintenance() {
        var bench = pair()
        _ = bench.lines(.setAdministrative(.maint))
        #expect(bench.lines(word(false, "down")).count == 1 && bench.status().text == "MAINT")
        #expect(bench.lines(.setAdministrative(.ready)) == ["<133>Server ag/a1 is DOWN/READY (leaving forced maintenance)."])
        #expect(bench.status().text == "DOWN (agent)")
        #expect(bench.lines(.setAdministrative(.maint)) == ["<133>Server ag/a1 was DOWN and now enters maintenance."])
    }

    @Test("gets the agent's weight and limit without a log line, and its share of a weight stays on this node")
    func weights() {
        var bench = pair()
        let server = ServerReference(backend: 0, server: 0)
        #expect(bench.effects(orders(weight: 5)) == [.routeChanged(server)] && bench.effects(orders(weight: 5)).isEmpty)
        #expect(bench.status().weight == 5 && bench.status().sharedWeight == 1)
        _ = bench.lines(.setWeight(7))
        #expect(bench.status().weight == 7 && bench.status().sharedWeight == 7)
        #expect(bench.effects(orders(limit: 3)) == [.routeChanged(server)] && bench.registry.connectionsMax(of: server) == 3)
        #expect(bench.registry.route(of: server).connectionsMax == 3)
        #expect(bench.lines(orders(weight: 0)).isEmpty && !bench.status().isUsable)
        #expect(bench.lines(orders(weight: 0), 1).last == "<128>backend ag has no server available!")
    }

    @Test("without checks is 'no check' until its agent takes it down")
    func unchecked() {
        var bench = RegistryBench([Bench.backend("noc", [Bench.server("n1", isChecked: false).withAgent])])
        #expect(bench.status().text == "no check" && bench.status().isUsable && bench.status().hasVerdict)
        _ = bench.lines(orders(.drain))
        #expect(bench.status().text == "DRAIN (agent)")
        #expect(bench.lines(word(false, "down")).count == 2 && bench.status().text == "DOWN (agent)")
        _ = bench.lines(orders(.ready))
        #expect(bench.lines(word(true, "up")).count == 2 && bench.status().text == "no check")
    }

    @Test("is remembered by the next process")
    func memory() {
        var bench = pair()
        let server = ServerReference(backend: 0, server: 0)
        _ = bench.lines(orders(weight: 5, limit: 3))
        _ = bench.lines(word(false, "down"))
        let memory = bench.registry.memory(of: server, now: bench.now)
        #expect(memory.agent?.isUp == false && memory.connectionsMax == 3 && memory.initialConnectionsMax == 0)
        let next = ServerRegistry(backends: bench.registry.backends, now: bench.now) { _ in
            .ip(.v4(0x7f00_0001), port: 3306)
        } memory: {
            $0 == server ? memory : nil
        }
        let status = next.status(of: server)
        #expect(status.text == "DOWN (agent)" && status.health?.isUp == true && status.weight == 5 && status.connectionsMax == 3)
        var again = next
        let up = again.apply(.agentFinished(.agent(isUp: true, "up")), to: server, now: bench.now) { _ in ServerLoad() }
        #expect(again.status(of: server).isUsable && up.contains(.routeChanged(server)), "its checks had passed before")
        // Without an agent in the new file nothing keeps it down.
        let plain = Bench.backend("ag", [Bench.server("a1"), Bench.server("a2")])
        let without = ServerRegistry(backends: [plain], now: bench.now) { _ in
            .ip(.v4(0x7f00_0001), port: 3306)
        } memory: {
            $0 == server ? memory : nil
        }
        #expect(without.status(of: server).agent == nil && without.status(of: server).health?.isUp == false)
    }
}
