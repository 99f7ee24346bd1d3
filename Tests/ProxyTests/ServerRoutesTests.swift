import Proxy
import Testing

@Suite("The serving servers")
struct ServingServersTests {
    private static func bench(_ far: [Bool], usesAllBackups: Bool = false) -> RegistryBench {
        let servers = far.enumerated().map { place, isFar in
            var server = RegistryBench.server("s\(place)", isChecked: false)
            (server.isBackup, server.isFar) = (place > 1, isFar)
            return server
        }
        var backend = RegistryBench.backend("mysql", servers)
        backend.usesAllBackups = usesAllBackups
        return RegistryBench([backend])
    }

    private static func serving(_ bench: RegistryBench) -> [Int] { bench.registry.servingServers(ofBackend: 0).map(\.server) }

    @Test("are the active ones, otherwise one backup, preferably a near one")
    func backups() {
        for (far, backup) in [([false, false, false, false], 2), ([false, false, true, false], 3), ([false, false, true, true], 2)] {
            var bench = Self.bench(far)
            #expect(Self.serving(bench) == [0, 1])
            _ = bench.effects(.setAdministrative(.maint), 0)
            #expect(Self.serving(bench) == [1])
            _ = bench.effects(.setAdministrative(.maint), 1)
            #expect(Self.serving(bench) == [backup])
            for place in [2, 3] { _ = bench.effects(.setAdministrative(.maint), place) }
            #expect(Self.serving(bench).isEmpty)
        }
    }

    @Test("are all usable backups with option allbackups")
    func allBackups() {
        var bench = Self.bench([false, false, false, true], usesAllBackups: true)
        #expect(Self.serving(bench) == [0, 1])
        for place in [0, 1] { _ = bench.effects(.setAdministrative(.maint), place) }
        #expect(Self.serving(bench) == [2, 3])
        _ = bench.effects(.setAdministrative(.maint), 2)
        #expect(Self.serving(bench) == [3])
    }
}
