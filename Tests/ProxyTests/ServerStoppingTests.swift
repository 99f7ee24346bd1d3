import Proxy
import Testing
import Wire

/// The expectations are lines of haproxy 2.6.
@Suite("A server whose check passes conditionally")
struct ServerStoppingTests {
    private typealias Bench = RegistryBench

    private static let left = "0 sessions active, 0 requeued, 0 remaining in queue."
    private static let online = "0 sessions requeued, 0 total in queue."
    private static let passed = CheckResult(status: .layer7OK, code: 200, duration: .zero)
    private static let conditional = CheckResult(status: .layer7ConditionalPass, code: 404, duration: .zero)
    private static let failed = CheckResult(status: .layer7WrongStatus, code: 500, info: "X", duration: .zero)

    private func bench(logsHealthChecks: Bool = true, adjust: (inout Server) -> Void = { _ in }) -> RegistryBench {
        let d1 = ServerReference(backend: 0, server: 0)
        var server = Bench.server("d1")
        adjust(&server)
        var bench = RegistryBench([
            Bench.backend("my", logsHealthChecks: logsHealthChecks, [server, Bench.server("d2")]), Bench.backend("trk", [Bench.server("t1").tracking(d1)]),
        ])
        for place in 0...1 { _ = bench.chain(.checkFinished(Self.passed), place) }
        return bench
    }

    @Test("takes no new sessions until the next full pass, and so does the server that tracks it")
    func stops() {
        var bench = bench()
        #expect(
            bench.chain(.checkFinished(Self.conditional)) == [
                "<133>Health check for server my/d1 conditionally succeeded, reason: Layer7 check conditionally passed, code: 404, check duration: 0ms, status: 3/3 UP.",
                "<133>Server my/d1 is stopping. 1 active and 0 backup servers online. \(Self.online)",
                "<133>Server trk/t1 is stopping via my/d1. 0 active and 0 backup servers online. \(Self.online)",
                "<128>backend trk has no server available!",
            ])
        #expect(bench.status().isRunning && bench.status().isStopping && !bench.status().isUsable && bench.status().condition == .drain)
        #expect(bench.text() == "NOLB" && bench.text(0, backend: 1) == "NOLB" && bench.status().checkStatus.resultNumber == 4)
        #expect(bench.chain(.checkFinished(Self.conditional)).isEmpty)
        #expect(
            bench.chain(.checkFinished(Self.passed)) == [
                "<133>Health check for server my/d1 succeeded, reason: Layer7 check passed, code: 200, check duration: 0ms, status: 3/3 UP.",
                "<133>Server my/d1 is UP. 2 active and 0 backup servers online. \(Self.online)",
                "<133>Server trk/t1 is UP via my/d1. 1 active and 0 backup servers online. \(Self.online)",
            ])
        #expect(bench.status().isUsable && bench.status().downTransitions == 0)
    }

    @Test("goes down without an alert, and stays stopping while it fails too few checks for that")
    func fails() {
        var bench = bench()
        _ = bench.chain(.checkFinished(Self.conditional))
        #expect(bench.chain(.checkFinished(Self.failed)).count == 1 && bench.text() == "NOLB 2/3")
        let again = bench.chain(.checkFinished(Self.conditional))
        #expect(again.count == 1 && again.first?.hasSuffix("status: 3/3 UP.") == true && bench.text() == "NOLB")
        var lines: [String] = []
        for _ in 0..<3 { lines = bench.chain(.checkFinished(Self.failed)) }
        #expect(lines[1].hasPrefix("<133>Server my/d1 is DOWN. 1 active and 0 backup servers left. \(Self.left)"))
        #expect(lines[2] == "<133>Server trk/t1 is DOWN via my/d1. 0 active and 0 backup servers left. \(Self.left)")
        #expect(bench.status().condition == .down && !bench.status().isStopping && bench.status().downTransitions == 1)
    }

    @Test("counts a conditional pass of a server that is down as a failure")
    func down() {
        var bench = bench { $0.agent = AgentCheckSettings() }
        let server = ServerReference(backend: 0, server: 0)
        let conditional = CheckResult(status: .layer7ConditionalPass, code: 404, info: "X", duration: .milliseconds(2))
        #expect(bench.registry.counted(conditional, of: server) == conditional)
        _ = bench.chain(.agentFinished(.agent(isUp: false, "down")))
        let counted = bench.registry.counted(conditional, of: server)
        #expect(counted == CheckResult(status: .layer7WrongStatus, code: 404, info: "X", duration: .milliseconds(2)))
        let line = "<133>Health check for server my/d1 failed, reason: Layer7 wrong status, code: 404, info: \"X\", check duration: 2ms, status: 2/3 UP."
        #expect(bench.chain(.checkFinished(counted)) == [line])
        #expect(bench.registry.counted(Self.passed, of: server) == Self.passed)
    }

    @Test("is not started again by its agent, and an operator's states come first")
    func others() {
        var bench = bench { $0.agent = AgentCheckSettings() }
        _ = bench.chain(.checkFinished(Self.conditional))
        _ = bench.chain(.agentFinished(.agent(isUp: true, "up")))
        #expect(bench.text() == "NOLB")
        #expect(bench.chain(.setAdministrative(.drain)).first == "<133>Server my/d1 enters drain state. 1 active and 0 backup servers online. \(Self.online)")
        #expect(bench.text() == "NOLB")
        #expect(bench.chain(.setAdministrative(.ready)).first == "<133>Server my/d1 is UP (leaving forced drain).")
        #expect(
            bench.chain(.setAdministrative(.maint)).prefix(2) == [
                "<133>Server my/d1 is going DOWN for maintenance. 1 active and 0 backup servers left. \(Self.left)",
                "<133>Server trk/t1 is going DOWN for maintenance via my/d1. 0 active and 0 backup servers left. \(Self.left)",
            ])
        #expect(bench.chain(.setAdministrative(.ready)).first == "<133>Server my/d1 is UP/READY (leaving forced maintenance).")
        #expect(bench.status().isUsable, "until the next conditional pass")
        #expect(bench.chain(.checkFinished(Self.conditional)).count == 4)
    }

    @Test("gives the reason where checks are not logged")
    func reason() {
        var bench = bench(logsHealthChecks: false)
        #expect(
            bench.chain(.checkFinished(Self.conditional)).first
                == "<133>Server my/d1 is stopping, reason: Layer7 check conditionally passed, code: 404, check duration: 0ms. "
                + "1 active and 0 backup servers online. \(Self.online)")
        #expect(
            bench.chain(.checkFinished(Self.passed)).first
                == "<133>Server my/d1 is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 2 active and 0 backup servers online. \(Self.online)")
    }

    @Test("keeps its sessions, and warms up when it returns")
    func sessions() {
        var bench = bench {
            $0.onMarkedDown = .shutdownSessions
            $0.onMarkedUp = .shutdownBackupSessions
            $0.slowStart = .seconds(10)
        }
        let server = ServerReference(backend: 0, server: 0)
        #expect(!bench.effects(.checkFinished(Self.conditional)).contains(.shutdownSessions(server)))
        bench.now = bench.now.advanced(by: .seconds(5))
        _ = bench.effects(.checkFinished(Self.passed))
        #expect(bench.status().warming != nil && bench.status().lastChange == bench.now)
    }

    @Test("is remembered as stopping by the next process")
    func memory() {
        var bench = bench()
        _ = bench.chain(.checkFinished(Self.conditional))
        let memory = bench.registry.memory(of: ServerReference(backend: 0, server: 0), now: bench.now)
        #expect(memory.isStopping && memory.isRunning)
        let next = ServerRegistry(backends: bench.registry.backends, now: bench.now) { _ in
            .ip(.v4(0x7f00_0001), port: 3306)
        } memory: {
            $0.backend == 0 && $0.server == 0 ? memory : nil
        }
        #expect(next.status(of: ServerReference(backend: 0, server: 0)).text == "NOLB")
        #expect(next.statusText(of: ServerReference(backend: 1, server: 0)) == "NOLB")
    }
}
