import Proxy
import Testing
import Wire

@Suite("A server's condition")
struct ServerConditionTests {
    private typealias Bench = RegistryBench

    private func pair() -> RegistryBench { RegistryBench([Bench.backend("mysql-read", [Bench.server("db1"), Bench.server("db2")])]) }

    @Test("is logged as an alert whenever sessions lose the server, and only then")
    func levels() {
        let events: [ServerRegistry.Event] = [
            .checkFinished(Bench.refused), .takenDown(.peers(["tsukada02"])), .takenDown(.server), .setAdministrative(.maint),
            .addressLost(reason: "DNS NX status"),
        ]
        for (state, level) in [(nil, 129), (.setAdministrative(.drain), 133), (.setFitness(.unfit(reason: "lag")), 132)] as [(ServerRegistry.Event?, Int)] {
            for event in events {
                var bench = pair()
                if let state { _ = bench.lines(state) }
                let line = bench.lines(event).first { $0.contains(">Server ") && $0.contains(" DOWN") }
                #expect(line?.hasPrefix("<\(level)>") == true, "\(String(describing: line)) after \(String(describing: state))")
            }
        }
    }

    @Test("counts as active in a line only while the server takes sessions", arguments: 0..<64 as Range<UInt64>)
    func counts(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var bench = pair()
        for step in 0..<200 {
            let place = Int.random(in: 0..<2, using: &random)
            let event: ServerRegistry.Event =
                switch Int.random(in: 0..<7, using: &random) {
                case 0: .checkFinished(Bench.refused)
                case 1, 2: .checkFinished(Bench.pass)
                case 3: .setFitness(.unfit(reason: "lag"))
                case 4: .setFitness(.fullWeight)
                case 5: .setAdministrative([.ready, .drain, .maint][Int.random(in: 0..<3, using: &random)])
                default: .takenDown(.peers(["tsukada02"]))
                }
            for line in bench.lines(event, place) where line.contains(" active and ") {
                let active = (0..<2).count { bench.status($0).isUsable }
                #expect(line.contains(". \(active) active and 0 backup servers "), "seed \(seed), step \(step): \(line)")
            }
        }
    }

    @Test("has a name and a start time, through promotions and across a reload")
    func conditions() {
        var backend = Bench.backend("mysql-write", [Bench.server("db1"), Bench.server("db2")])
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        backend.database?.role = .primary
        var bench = RegistryBench([backend])
        let start = bench.now
        let second = { bench.now = bench.now.advanced(by: .seconds(1)) }
        #expect(bench.status().condition == .out && bench.status().conditionSince == start)
        second()
        _ = bench.lines(.setFitness(.fullWeight))
        #expect(bench.status().condition == .up && bench.status().conditionSince == bench.now && bench.status(1).conditionSince == start)
        let up = bench.now
        second()
        _ = bench.lines(.setFitness(.fit(quarters: 2)))
        #expect(bench.status().conditionSince == up)
        for (event, condition) in [(.setAdministrative(.drain), .drain), (.setAdministrative(.maint), .maintenance)]
            as [(ServerRegistry.Event, ServerCondition)]
        {
            second()
            _ = bench.lines(event)
            #expect(bench.status().condition == condition && bench.status().conditionSince == bench.now)
        }
        let memories = [0, 1].map { bench.registry.memory(of: ServerReference(backend: 0, server: $0), now: bench.now) }
        let later = bench.now.advanced(by: .seconds(5))
        let next = ServerRegistry(backends: [backend], now: later) { _ in
            .ip(.v4(0x7f00_0001), port: 3306)
        } memory: {
            memories[$0.server]
        }
        #expect(next.status(of: ServerReference(backend: 0, server: 0)).conditionSince == later)
        #expect(next.status(of: ServerReference(backend: 0, server: 1)).conditionSince == start.advanced(by: .seconds(5)))
    }

    @Test("is logged once: a server that is DOWN is not logged as OUT before it comes up")
    func downAndOut() {
        var bench = pair()
        for _ in 0..<3 { _ = bench.lines(Bench.refused) }
        #expect(bench.lines(.setFitness(.unfit(reason: "replication lag 37s > 10s"))).isEmpty && bench.status().condition == .down)
        _ = bench.lines(Bench.pass)
        #expect(bench.lines(Bench.pass).last?.hasPrefix("<133>Server mysql-read/db1 is UP but OUT (replication lag 37s > 10s). 1 active ") == true)
        #expect(
            bench.lines(.setFitness(.fullWeight)).first?.hasPrefix("<133>Server mysql-read/db1 is IN (was OUT: replication lag 37s > 10s). 2 active ") == true)
    }
}
