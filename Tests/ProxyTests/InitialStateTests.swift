import Proxy
import Testing
import Wire

@Suite("init-state")
struct InitialStateTests {
    private typealias Bench = RegistryBench

    private func bench(_ state: InitialState, rise: Int = 3, fall: Int = 4) -> RegistryBench {
        var server = Bench.server("s", rise: rise, fall: fall)
        server.initialState = state
        return RegistryBench([Bench.backend("b", [server])])
    }

    /// The number of equal results after which the server is down (`isUp` false) or up.
    private func count(_ result: CheckResult, until isUp: Bool, _ bench: RegistryBench) -> Int {
        var (bench, count) = (bench, 0)
        while bench.status().isRunning != isUp, count < 20 {
            _ = bench.lines(result)
            count += 1
        }
        return count
    }

    @Test("decides whether the server is up before its first check, and how many results change that")
    func counts() {
        for (state, isUp, changes) in [(InitialState.up, true, 1), (.fullyUp, true, 4), (.down, false, 1), (.fullyDown, false, 3)] {
            let bench = bench(state)
            #expect(bench.status().isRunning == isUp && bench.status().isUsable == isUp && bench.registry.status(ofBackend: 0).isUp == isUp)
            #expect(!bench.status().hasVerdict && bench.status().checkStatus == .initializing)
            #expect(count(isUp ? Bench.refused : Bench.pass, until: !isUp, bench) == changes, "\(state)")
            var passed = bench
            _ = passed.lines(Bench.pass)
            if state != .fullyDown { #expect(passed.status().text == "UP") }
        }
    }

    @Test("shows the count in the server's status")
    func texts() {
        let states: [InitialState] = [.up, .fullyUp, .down, .fullyDown]
        #expect(states.map { bench($0).status().text } == ["UP 1/4", "UP", "DOWN 2/3", "DOWN"])
        #expect(states.map { bench($0, rise: 1, fall: 1).status().text } == ["UP", "UP", "DOWN", "DOWN"])
    }

    @Test("logs that a server comes up for the first time, but not that it begins down")
    func lines() {
        var bench = bench(.down)
        let lines = bench.lines(Bench.pass)
        #expect(lines.count == 2 && lines[1] == "<133>Server b/s is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.")
        #expect(bench.lines(Bench.pass).isEmpty && bench.status().downTransitions == 0)
    }

    @Test("applies again when a maintenance ends")
    func maintenance() {
        let states: [(InitialState, String, Int)] = [
            (.up, "UP/READY", 1), (.fullyUp, "UP/READY", 4), (.down, "DOWN/READY", 1), (.fullyDown, "DOWN/READY", 3),
        ]
        for (state, line, results) in states {
            var bench = bench(state)
            for _ in 0..<3 { _ = bench.lines(Bench.pass) }
            _ = bench.lines(.setAdministrative(.maint))
            #expect(bench.lines(.setAdministrative(.ready)) == ["<133>Server b/s is \(line) (leaving forced maintenance)."])
            #expect(bench.status().isRunning == line.hasPrefix("UP"))
            #expect(count(line.hasPrefix("UP") ? Bench.refused : Bench.pass, until: !line.hasPrefix("UP"), bench) == results)
        }
    }

    @Test("does not matter when the state of the last process is known")
    func memory() {
        var bench = bench(.fullyDown)
        for _ in 0..<3 { _ = bench.lines(Bench.pass) }
        let memory = bench.registry.memory(of: ServerReference(backend: 0, server: 0), now: bench.now)
        let next = ServerRegistry(backends: bench.registry.backends, now: bench.now) { _ in
            .ip(.v4(0x7f00_0001), port: 3306)
        } memory: { _ in
            memory
        }
        #expect(next.status(of: ServerReference(backend: 0, server: 0)).isUsable)
    }

    @Test("has no effect on a server without checks")
    func unchecked() {
        var server = Bench.server("s", isChecked: false)
        server.initialState = .fullyDown
        #expect(RegistryBench([Bench.backend("b", [server])]).status().isUsable)
    }
}
