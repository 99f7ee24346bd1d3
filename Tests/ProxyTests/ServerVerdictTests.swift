import Proxy
import Testing
import Wire

@Suite("The verdict on a server without a check result")
struct ServerVerdictTests {
    private typealias Bench = RegistryBench

    private func unchecked(_ bench: RegistryBench) -> Int { bench.registry.status(ofBackend: 0).uncheckedServers }

    @Test("is usable and unchecked, until a check decides")
    func start() {
        var bench = RegistryBench([Bench.backend("b", [Bench.server("db1"), Bench.server("db2"), Bench.server("plain", isChecked: false)])])
        #expect(unchecked(bench) == 2 && bench.registry.status(ofBackend: 0).activeServers == 3)
        _ = bench.lines(Bench.pass)
        #expect(unchecked(bench) == 1 && bench.status().hasVerdict)
        _ = bench.lines(Bench.refused, 1)
        #expect(unchecked(bench) == 0 && bench.registry.status(ofBackend: 0).activeServers == 2)
    }

    @Test("returns after maintenance and at another address, and ends only with a check that this node could make")
    func again() {
        var bench = RegistryBench([Bench.backend("b", [Bench.server("db1", host: "db1")])])
        _ = bench.lines(.checkInconclusive(CheckResult(status: .socketError, duration: .zero, fault: .node)))
        #expect(unchecked(bench) == 1)
        _ = bench.lines(.checkInconclusive(Bench.refused))
        #expect(unchecked(bench) == 0)
        _ = bench.lines(.setAdministrative(.maint))
        #expect(unchecked(bench) == 0, "it takes no sessions")
        _ = bench.lines(.setAdministrative(.ready))
        #expect(unchecked(bench) == 1)
        _ = bench.lines(Bench.pass)
        _ = bench.lines(.addressResolved(.ip(.v4(0x7f00_0002), port: 3306), by: "dns/a"))
        #expect(unchecked(bench) == 1)
    }

    @Test("is inherited from a process that hands over, but not from a state file")
    func inherited() {
        let backend = Bench.backend("b", [Bench.server("db1")])
        var memory = ServerMemory(
            hostName: nil, address: nil, flags: [], weight: 1, initialWeight: 1, isRunning: true, health: 4, lastCheck: Bench.pass, sinceChange: .zero)
        for hasVerdict in [false, true] {
            memory.hasVerdict = hasVerdict
            let registry = ServerRegistry(backends: [backend], now: Instant(nanoseconds: 1)) { _ in
                .ip(.v4(1), port: 1)
            } memory: { _ in
                memory
            }
            #expect(registry.status(ofBackend: 0).uncheckedServers == (hasVerdict ? 0 : 1))
        }
    }
}
