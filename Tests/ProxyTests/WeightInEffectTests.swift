import Proxy
import Testing
import Wire

@Suite("The weight in effect of a backend")
struct WeightInEffectTests {
    private func bench(slowStart: Duration?, isStatic: Bool) -> RegistryBench {
        var servers = (0..<5).map { RegistryBench.server("db\($0)", rise: 1, fall: 1) }
        for index in servers.indices {
            servers[index].weight = index * 10 + 1
            servers[index].slowStart = slowStart
            servers[index].isBackup = index > 2
        }
        var backend = RegistryBench.backend("b", servers)
        if isStatic { backend.balance = .source }
        return RegistryBench([backend])
    }

    @Test("is the sum over its usable servers after any changes", arguments: 0..<12 as Range<UInt64>)
    func isSum(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var bench = bench(slowStart: seed % 3 == 0 ? nil : .seconds(10), isStatic: seed % 4 == 0)
        for step in 0..<200 {
            let server = Int.random(in: 0..<5, using: &random)
            bench.now = bench.now.advanced(by: .seconds(1))
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1: _ = bench.lines(RegistryBench.pass, server)
            case 2: _ = bench.lines(RegistryBench.refused, server)
            case 3: _ = bench.lines(.setWeight(Int.random(in: 0...256, using: &random)), server)
            case 4: _ = bench.lines(.setAdministrative([.ready, .drain, .maint][Int.random(in: 0..<3, using: &random)]), server)
            case 5: _ = bench.lines(.setFitness(Bool.random(using: &random) ? .fit(quarters: 2) : .unfit(reason: "late")), server)
            default: _ = bench.registry.timePassed(now: bench.now)
            }
            let registry = bench.registry
            let sum = registry.servingServers(ofBackend: 0).reduce(0) { $0 + registry.status(of: $1).weight * registry.share(of: $1) }
            #expect(registry.weightInEffect(ofBackend: 0) == sum, "seed \(seed), step \(step)")
        }
    }
}
