import Proxy
import Testing
import Wire

/// The expectations are lines of haproxy 2.6, except that the lines about an inherited drain are those of HAProxy 3.
@Suite("A server that tracks another one")
struct ServerTrackingTests {
    private typealias Bench = RegistryBench

    private static let left = "0 sessions active, 0 requeued, 0 remaining in queue."
    private static let online = "0 sessions requeued, 0 total in queue."
    private static let down = CheckResult(status: .layer4Timeout, duration: .zero)

    /// `my/d1` and `my/d2` are checked; `trk/t1` and `nolog/n1`, a backup, track d1; `chain/c1` tracks t1, and `chain/c2` tracks c1.
    private func bench() -> RegistryBench {
        let d1 = ServerReference(backend: 0, server: 0)
        let checked = Bench.backend("my", [Bench.server("d1"), Bench.server("d2")])
        let trackers = Bench.backend("trk", [Bench.server("t1").tracking(d1), Bench.server("t2", isChecked: false)])
        let backup = Bench.backend("nolog", logsHealthChecks: false, [Bench.server("n1").tracking(d1).asBackup])
        let t1 = ServerReference(backend: 1, server: 0)
        let chain = Bench.backend("chain", [Bench.server("c1").tracking(t1), Bench.server("c2").tracking(ServerReference(backend: 3, server: 0))])
        var bench = RegistryBench([checked, trackers, backup, chain])
        for place in 0...1 { _ = bench.chain(.checkFinished(Bench.pass), place) }
        return bench
    }

    private func texts(_ bench: RegistryBench) -> [String] {
        [bench.text(), bench.text(0, backend: 1), bench.text(0, backend: 2), bench.text(0, backend: 3), bench.text(1, backend: 3)]
    }

    @Test("goes down and comes up with it, through chains, the last tracker of the file first")
    func operation() {
        var bench = bench()
        for text in ["UP 2/3", "UP 1/3"] {
            #expect(bench.chain(.checkFinished(Self.down)).count == 1 && texts(bench) == Array(repeating: text, count: 5))
        }
        let lines = bench.chain(.checkFinished(Self.down))
        #expect(lines[1].hasPrefix("<129>Server my/d1 is DOWN. 1 active and 0 backup servers left. \(Self.left) Reason: "))
        #expect(
            lines.dropFirst(2) == [
                "<129>Backup Server nolog/n1 is DOWN via my/d1. 0 active and 0 backup servers left. \(Self.left)",
                "<128>backend nolog has no server available!",
                "<129>Server trk/t1 is DOWN via my/d1. 1 active and 0 backup servers left. \(Self.left)",
                "<129>Server chain/c1 is DOWN via trk/t1. 1 active and 0 backup servers left. \(Self.left)",
                "<129>Server chain/c2 is DOWN via chain/c1. 0 active and 0 backup servers left. \(Self.left)", "<128>backend chain has no server available!",
            ])
        #expect(texts(bench) == Array(repeating: "DOWN", count: 5))
        #expect(bench.chain(.checkFinished(Bench.pass)).count == 1 && texts(bench) == Array(repeating: "DOWN 1/2", count: 5))
        #expect(
            bench.chain(.checkFinished(Bench.pass)).dropFirst(2) == [
                "<133>Backup Server nolog/n1 is UP via my/d1. 0 active and 1 backup servers online. Running on backup. \(Self.online)",
                "<133>Server trk/t1 is UP via my/d1. 2 active and 0 backup servers online. \(Self.online)",
                "<133>Server chain/c1 is UP via trk/t1. 1 active and 0 backup servers online. \(Self.online)",
                "<133>Server chain/c2 is UP via chain/c1. 2 active and 0 backup servers online. \(Self.online)",
            ])
    }

    @Test("inherits its maintenance, also while it is down")
    func maintenance() {
        var bench = bench()
        #expect(
            bench.chain(.setAdministrative(.maint)) == [
                "<129>Server my/d1 is going DOWN for maintenance. 1 active and 0 backup servers left. \(Self.left)",
                "<129>Backup Server nolog/n1 is going DOWN for maintenance via my/d1. 0 active and 0 backup servers left. \(Self.left)",
                "<128>backend nolog has no server available!",
                "<129>Server trk/t1 is going DOWN for maintenance via my/d1. 1 active and 0 backup servers left. \(Self.left)",
                "<129>Server chain/c1 is going DOWN for maintenance via trk/t1. 1 active and 0 backup servers left. \(Self.left)",
                "<129>Server chain/c2 is going DOWN for maintenance via chain/c1. 0 active and 0 backup servers left. \(Self.left)",
                "<128>backend chain has no server available!",
            ])
        #expect(texts(bench) == ["MAINT", "MAINT (via my/d1)", "MAINT (via my/d1)", "MAINT (via trk/t1)", "MAINT (via chain/c1)"])
        let ready = [
            "<133>Server my/d1 is UP/READY (leaving forced maintenance).", "<133>Backup Server nolog/n1 is UP/READY (leaving maintenance).",
            "<133>Server trk/t1 is UP/READY (leaving maintenance).", "<133>Server chain/c1 is UP/READY (leaving maintenance).",
            "<133>Server chain/c2 is UP/READY (leaving maintenance).",
        ]
        #expect(bench.chain(.setAdministrative(.ready)) == ready)
        _ = bench.chain(.checkFinished(Self.down))
        #expect(texts(bench) == Array(repeating: "DOWN", count: 5))
        #expect(
            bench.chain(.setAdministrative(.maint)) == [
                "<133>Server my/d1 was DOWN and now enters maintenance.", "<133>Backup Server nolog/n1 was DOWN and now enters maintenance via my/d1.",
                "<133>Server trk/t1 was DOWN and now enters maintenance via my/d1.", "<133>Server chain/c1 was DOWN and now enters maintenance via trk/t1.",
                "<133>Server chain/c2 was DOWN and now enters maintenance via chain/c1.",
            ])
        #expect(bench.chain(.setAdministrative(.ready)) == ready)
    }

    @Test("has its own maintenance besides, and is down after it if the other server is")
    func ownMaintenance() {
        var bench = bench()
        _ = bench.chain(.setAdministrative(.maint))
        #expect(bench.chain(.setAdministrative(.maint), 0, backend: 1).isEmpty && bench.text(0, backend: 1) == "MAINT (via my/d1)")
        #expect(
            bench.chain(.setAdministrative(.ready), 0, backend: 1) == [
                "<133>Server trk/t1 is leaving forced maintenance but remains in maintenance via my/d1."
            ])
        _ = bench.chain(.setAdministrative(.maint), 0, backend: 1)
        #expect(bench.chain(.setAdministrative(.ready)).dropFirst(2) == ["<133>Server trk/t1 remains in forced maintenance."])
        #expect(bench.text(0, backend: 1) == "MAINT" && bench.text(0, backend: 3) == "MAINT (via trk/t1)")
        for _ in 0..<3 { _ = bench.chain(.checkFinished(Self.down)) }
        #expect(bench.text(0, backend: 2) == "DOWN" && bench.text(0, backend: 1) == "MAINT")
        #expect(
            bench.chain(.setAdministrative(.ready), 0, backend: 1) == [
                "<133>Server trk/t1 is DOWN/READY (leaving forced maintenance).", "<133>Server chain/c1 is DOWN/READY (leaving maintenance).",
                "<133>Server chain/c2 is DOWN/READY (leaving maintenance).",
            ])
    }

    @Test("inherits its drain, and has its own besides")
    func drain() {
        var bench = bench()
        #expect(
            bench.chain(.setAdministrative(.drain)) == [
                "<133>Server my/d1 enters drain state. 1 active and 0 backup servers online. \(Self.online)",
                "<133>Backup Server nolog/n1 enters drain state via my/d1. 0 active and 0 backup servers online. \(Self.online)",
                "<128>backend nolog has no server available!",
                "<133>Server trk/t1 enters drain state via my/d1. 1 active and 0 backup servers online. \(Self.online)",
                "<133>Server chain/c1 enters drain state via trk/t1. 1 active and 0 backup servers online. \(Self.online)",
                "<133>Server chain/c2 enters drain state via chain/c1. 0 active and 0 backup servers online. \(Self.online)",
                "<128>backend chain has no server available!",
            ])
        #expect(texts(bench) == Array(repeating: "DRAIN", count: 5))
        #expect(bench.chain(.setAdministrative(.drain), 0, backend: 1) == ["<133>Server trk/t1 remains in forced drain mode."])
        #expect(
            bench.chain(.setAdministrative(.ready)) == [
                "<133>Server my/d1 is UP (leaving forced drain).", "<133>Backup Server nolog/n1 is UP (leaving drain) via my/d1.",
                "<133>Server trk/t1 remains in forced drain mode.",
            ])
        #expect(
            bench.chain(.setAdministrative(.ready), 0, backend: 1) == [
                "<133>Server trk/t1 is UP (leaving forced drain).", "<133>Server chain/c1 is UP (leaving drain) via trk/t1.",
                "<133>Server chain/c2 is UP (leaving drain) via chain/c1.",
            ])
        _ = bench.chain(.setAdministrative(.maint))
        #expect(
            bench.chain(.setAdministrative(.drain)).prefix(4) == [
                "<133>Server my/d1 is UP/DRAIN (leaving forced maintenance).", "<133>Server my/d1 remains in forced drain mode.",
                "<133>Backup Server nolog/n1 is UP/DRAIN (leaving maintenance).", "<133>Backup Server nolog/n1 remains in drain mode via my/d1.",
            ])
        #expect(bench.chain(.setAdministrative(.maint)).prefix(2).map { $0.prefix(5) } == ["<133>", "<133>"], "a drained server is no loss")
    }

    @Test("is not usable while it copies nothing usable, and keeps its own weight, role and address")
    func ownState() {
        var bench = bench()
        let t1 = ServerReference(backend: 1, server: 0)
        _ = bench.chain(.setWeight(0))
        #expect(bench.registry.status(of: t1).isUsable && bench.registry.status(of: t1).weight == 1)
        _ = bench.chain(.setAdministrative(.drain))
        #expect(!bench.registry.status(of: t1).isUsable && bench.registry.status(of: t1).flags == .inheritedDrain)
        _ = bench.chain(.setAdministrative(.ready))
        _ = bench.chain(.setFitness(.unfit(reason: "lag")))
        #expect(bench.registry.status(of: t1).isUsable)
    }

    @Test("goes down by its own agent as well, and by the agent of the other server")
    func agents() {
        let a1 = ServerReference(backend: 0, server: 0)
        let agent = Bench.backend("my", [Bench.server("a1", isChecked: false).withAgent])
        var bench = RegistryBench([agent, Bench.backend("t", [Bench.server("t1").tracking(a1), Bench.server("t2").tracking(a1).withAgent])])
        #expect(bench.text(0, backend: 1) == "no check")
        let lines = bench.chain(.agentFinished(.agent(isUp: false, "down")))
        #expect(
            lines.dropFirst(3) == [
                "<129>Server t/t2 is DOWN via my/a1. 1 active and 0 backup servers left. \(Self.left)",
                "<129>Server t/t1 is DOWN via my/a1. 0 active and 0 backup servers left. \(Self.left)", "<128>backend t has no server available!",
            ], "\(lines)")
        #expect(bench.text(0, backend: 1) == "DOWN (agent)" && bench.text(1, backend: 1) == "DOWN (agent)")
        #expect(bench.chain(.agentFinished(.agent(isUp: false, "down")), 1, backend: 1).count == 1)
        _ = bench.chain(.agentFinished(.agent(isUp: true, "up")))
        #expect(bench.registry.status(ofBackend: 1).activeServers == 1, "t2's own agent keeps it down")
        #expect(
            bench.chain(.agentFinished(.agent(isUp: true, "up")), 1, backend: 1).last
                == "<133>Server t/t2 is UP via my/a1. 2 active and 0 backup servers online. \(Self.online)")
    }

    @Test("follows the loss of the other server's address, with its lines before the last line about it")
    func address() {
        let named = Bench.backend("my", [Bench.server("d1", host: "db1.rds.example")])
        var bench = RegistryBench([named, Bench.backend("trk", [Bench.server("t1").tracking(ServerReference(backend: 0, server: 0))])], resolved: false)
        #expect(bench.text() == "MAINT (resolution)" && bench.text(0, backend: 1) == "MAINT (via my/d1)")
        #expect(
            bench.chain(.addressResolved(.ip(.v4(0x7f00_0001), port: 3306), by: "r/n")) == [
                "<133>my/d1: IP changed from '(none)' to '127.0.0.1' by 'r/n'.", "<133>Server my/d1 ('db1.rds.example') is UP/READY (resolves again).",
                "<133>Server trk/t1 is UP/READY (leaving maintenance).", "<133>Server my/d1 administratively READY thanks to valid DNS answer.",
            ])
        #expect(
            bench.chain(.addressLost(reason: "DNS NX status")) == [
                "<129>Server my/d1 is going DOWN for maintenance (DNS NX status). 0 active and 0 backup servers left. \(Self.left)",
                "<128>backend my has no server available!",
                "<129>Server trk/t1 is going DOWN for maintenance (DNS NX status) via my/d1. 0 active and 0 backup servers left. \(Self.left)",
                "<128>backend trk has no server available!",
            ])
    }

    @Test("begins with the other server's state, without a log line, whatever the order of the file")
    func start() {
        let (d1, t1) = (ServerReference(backend: 2, server: 0), ServerReference(backend: 1, server: 0))
        var disabled = Bench.server("d1")
        disabled.isDisabled = true
        let backends = [
            Bench.backend("chain", [Bench.server("c1").tracking(t1)]), Bench.backend("trk", [Bench.server("t1").tracking(d1)]), Bench.backend("my", [disabled]),
        ]
        let bench = RegistryBench(backends)
        #expect((0...2).map { bench.text(0, backend: $0) } == ["MAINT (via trk/t1)", "MAINT (via my/d1)", "MAINT"])
        #expect((0...2).allSatisfy { !bench.registry.status(ofBackend: $0).isUp })
        #expect(bench.registry.source(of: ServerReference(backend: 0, server: 0)) == d1)
        let up = RegistryBench([backends[0], backends[1], Bench.backend("my", [Bench.server("d1")])])
        #expect(up.registry.status(ofBackend: 0).uncheckedServers == 1, "the other server is not checked yet")
    }

    @Test("has a verdict when the other server has one")
    func verdict() {
        var bench = bench()
        let t1 = ServerReference(backend: 1, server: 0)
        #expect(bench.registry.status(of: t1).hasVerdict)
        _ = bench.chain(.setAdministrative(.maint))
        _ = bench.chain(.setAdministrative(.ready))
        #expect(!bench.registry.status(of: t1).hasVerdict && bench.registry.status(ofBackend: 1).uncheckedServers == 1)
        _ = bench.chain(.checkFinished(Bench.pass))
        #expect(bench.registry.status(of: t1).hasVerdict && bench.registry.status(ofBackend: 1).uncheckedServers == 0)
    }
}
