import Proxy
import Support
import Testing
import Wire

/// A registry and its clock, with short names for events.
struct RegistryBench {
    static let version = "5.5.5-10.11.19-MariaDB-0+deb12u1"

    var registry: ServerRegistry
    var now = Instant(nanoseconds: 1_000_000_000)
    var load = ServerLoad()

    init(_ backends: [Backend], resolved: Bool = true) {
        registry = ServerRegistry(backends: backends, now: now) { reference in
            let numeric = ServerRegistry.numericAddress(of: backends[reference.backend].servers[reference.server])
            return resolved ? numeric ?? .ip(.v4(0x7f00_0009), port: 3306) : numeric
        }
    }

    static func backend(_ name: String, logsHealthChecks: Bool = true, _ servers: [Server]) -> Backend {
        var backend = Backend(name: name, identifier: 2)
        backend.servers = servers
        backend.logsHealthChecks = logsHealthChecks
        return backend
    }

    static func server(_ name: String, host: String? = nil, rise: Int = 2, fall: Int = 3, isChecked: Bool = true) -> Server {
        let location = ConfigurationLocation(file: "haproxy.cfg", line: 1)
        let endpoint = host.map { Endpoint.name($0, port: 3306) } ?? .ip(.v4(0x7f00_0001), port: 3306)
        var server = Server(name: name, identifier: 1, endpoint: endpoint, port: .fixed(3306), location: location)
        if isChecked {
            var settings = CheckSettings()
            settings.rise = rise
            settings.fall = fall
            server.check = settings
        }
        return server
    }

    static let pass = CheckResult(status: .layer7OK, info: version, duration: .zero)
    static let refused = CheckResult(status: .layer4ConnectionProblem, info: "ECONNREFUSED returned by OS (Connection refused)", duration: .zero)
    static let denied = CheckResult(
        status: .layer7WrongStatus, code: 1045, info: "#28000Access denied for user 'haproxy_check'@'localhost' (using password: NO)", duration: .zero)

    mutating func effects(_ event: ServerRegistry.Event, _ server: Int = 0, backend: Int = 0) -> [ServerRegistry.Effect] {
        let load = load
        return registry.apply(event, to: ServerReference(backend: backend, server: server), now: now) { _ in load }
    }

    /// The lines that one event logs, with their syslog numbers for local0.
    mutating func lines(_ event: ServerRegistry.Event, _ server: Int = 0, backend: Int = 0) -> [String] {
        (effects(event, server, backend: backend) + registry.updateBackend(backend, now: now)).compactMap { effect in
            guard case .log(let level, let text, _) = effect else { return nil }
            return "<\(128 + level.rawValue)>\(text)"
        }
    }

    mutating func lines(_ result: CheckResult, _ server: Int = 0) -> [String] { lines(.checkFinished(result), server) }

    func status(_ server: Int = 0) -> ServerStatus { registry.status(of: ServerReference(backend: 0, server: server)) }
}

@Suite("The registry's log lines")
struct ServerRegistryLineTests {
    private typealias Bench = RegistryBench

    private func pair() -> RegistryBench { RegistryBench([Bench.backend("mysql-read", [Bench.server("db1"), Bench.server("db2")])]) }

    @Test("name the peers that also see a server down")
    func takenDown() {
        var bench = pair()
        _ = bench.lines(Bench.pass)
        _ = bench.lines(Bench.refused)
        #expect(
            bench.lines(.takenDown(.ownChecksAndPeers(["tsukada02", "tsukada03"]))) == [
                "<129>Server mysql-read/db1 is DOWN, reason: Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused) "
                    + "(also seen by tsukada02, tsukada03)\", check duration: 0ms. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, "
                    + "0 remaining in queue."
            ])
        #expect(bench.lines(.takenDown(.ownChecksAndPeers(["tsukada02"]))).isEmpty)
        #expect(
            bench.lines(.takenDown(.peers(["tsukada02"])), 1) == [
                "<129>Server mysql-read/db2 is DOWN, reason: seen DOWN by tsukada02. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, "
                    + "0 remaining in queue.", "<128>backend mysql-read has no server available!",
            ])
        #expect(bench.lines(.setHeldDown(true), 1).isEmpty)
        _ = bench.lines(Bench.pass, 1)
        _ = bench.lines(Bench.pass, 1)
        #expect(!bench.status(1).isRunning, "the peers hold it down")
        #expect(bench.lines(.setHeldDown(false), 1).count == 1)
        #expect(bench.status(1).isRunning)
        _ = bench.lines(Bench.pass)
        _ = bench.lines(Bench.pass)
        #expect(bench.status().isRunning, "only its checks can hold it down")
    }

    @Test("report that a server is full, and count no failure")
    func full() {
        var bench = pair()
        _ = bench.lines(Bench.pass)
        let full = CheckResult(status: .layer7WrongStatus, code: 1040, info: "Too many connections", duration: .zero)
        for _ in 0..<5 { #expect(bench.lines(.checkInconclusive(full)).isEmpty) }
        #expect(bench.status().isUsable)
        #expect(
            bench.lines(.setFull(true)) == [
                "<132>Server mysql-read/db1 is FULL, reason: Layer7 wrong status, code: 1040, info: \"Too many connections\", check duration: 0ms. "
                    + "1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
            ])
        #expect(bench.status().isRunning && !bench.status().isUsable)
        #expect(bench.effects(.setFull(false)) == [.routeChanged(ServerReference(backend: 0, server: 0))])
    }

    @Test("report once that a server does not fit its role, even when the reason changes")
    func unfit() {
        var bench = pair()
        _ = bench.lines(Bench.pass)
        _ = bench.lines(Bench.pass, 1)
        bench.load = ServerLoad(sessions: 3)
        #expect(
            bench.lines(.setFitness(.unfit(reason: "replication lag 37s > 10s"))) == [
                "<132>Server mysql-read/db1 is OUT: replication lag 37s > 10s. 1 active and 0 backup servers left. "
                    + "3 sessions active, 0 requeued, 0 remaining in queue."
            ])
        #expect(bench.status().isRunning && bench.status().isAvailable && !bench.status().isUsable && bench.status().text == "NOLB")
        #expect(bench.effects(.setFitness(.unfit(reason: "replication lag 38s > 10s"))).isEmpty)
        #expect(bench.effects(.setFitness(.unfit(reason: "x")), 1).last == .routeChanged(ServerReference(backend: 0, server: 1)))
        #expect(bench.registry.status(ofBackend: 0).activeServers == 0)
        #expect(
            bench.lines(.setFitness(.fullWeight)) == [
                "<133>Server mysql-read/db1 is IN (was OUT: replication lag 38s > 10s). 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
            ])
        #expect(bench.effects(.setFitness(.fit(quarters: 2))) == [.routeChanged(ServerReference(backend: 0, server: 0))])
        #expect(bench.status().fitWeight == 2 && bench.status().weight == 1)
    }

    @Test("do not report that a replica is not the primary; no server gets writes before the first check")
    func primary() {
        var backend = Bench.backend("mysql-write", [Bench.server("db1"), Bench.server("db2")])
        backend.database = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        backend.database?.role = .primary
        var bench = RegistryBench([backend])
        #expect(!bench.status().isUsable && bench.registry.status(ofBackend: 0).activeServers == 0)
        #expect(bench.lines(.setFitness(.fullWeight)).first?.hasPrefix("<133>Server mysql-write/db1 is IN (was OUT: not checked yet).") == true)
        // The loss of the writer is an alert. The loss of a candidate is not, and no line counts a candidate as active.
        #expect(
            bench.lines(.setFitness(.unfit(reason: "read_only is ON"))).first
                == "<129>Server mysql-write/db1 is OUT: read_only is ON. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, "
                + "0 remaining in queue.")
        _ = bench.lines(.setFitness(.fullWeight))
        #expect(bench.lines(Bench.refused, 1).last?.hasPrefix("<132>Server mysql-write/db2 is DOWN. 1 active and 0 backup servers left.") == true)
        #expect(bench.lines(.setFitness(.unfit(reason: "cannot be reached")), 1).isEmpty)
        _ = bench.lines(Bench.pass, 1)
        let up = bench.lines(Bench.pass, 1)
        let text =
            "<133>Server mysql-write/db2 is UP but OUT (cannot be reached). 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
        #expect(up.last == text)
    }

    @Test("report the first pass, and no later ones")
    func firstPass() {
        var bench = pair()
        #expect(
            bench.lines(Bench.pass) == [
                "<133>Health check for server mysql-read/db1 succeeded, reason: Layer7 check passed, code: 0, info: \"5.5.5-10.11.19-MariaDB-0+deb12u1\", check duration: 0ms, status: 3/3 UP."
            ])
        #expect(bench.effects(.checkFinished(Bench.pass)) == [])
    }

    @Test("report each step of a server's fall")
    func down() {
        var bench = pair()
        _ = bench.lines(Bench.pass)
        let check =
            "<133>Health check for server mysql-read/db1 failed, reason: Layer4 connection problem, "
            + "info: \"ECONNREFUSED returned by OS (Connection refused)\", check duration: 0ms, status: "
        #expect(bench.lines(Bench.refused) == [check + "2/3 UP."])
        #expect(bench.lines(Bench.refused) == [check + "1/3 UP."])
        #expect(
            bench.lines(Bench.refused) == [
                check + "0/2 DOWN.",
                "<129>Server mysql-read/db1 is DOWN. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue. Reason: Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused)\", check duration: 0ms.",
            ])
        #expect(bench.lines(Bench.refused) == [])
    }

    @Test("report each step of a server's rise")
    func up() {
        var bench = pair()
        _ = bench.lines(Bench.refused)
        let check =
            "<133>Health check for server mysql-read/db1 succeeded, reason: Layer7 check passed, code: 0, "
            + "info: \"5.5.5-10.11.19-MariaDB-0+deb12u1\", check duration: 0ms, status: "
        #expect(bench.lines(Bench.pass) == [check + "1/2 DOWN."])
        #expect(
            bench.lines(Bench.pass) == [
                check + "3/3 UP.", "<133>Server mysql-read/db1 is UP. 2 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            ])
    }

    @Test("report a failure of another kind while down, but not the same kind with another code")
    func otherFailure() {
        var bench = pair()
        _ = bench.lines(Bench.refused)
        #expect(
            bench.lines(Bench.denied) == [
                "<133>Health check for server mysql-read/db1 failed, reason: Layer7 wrong status, code: 1045, info: \"#28000Access denied for user 'haproxy_check'@'localhost' (using password: NO)\", check duration: 0ms, status: 0/2 DOWN."
            ])
        #expect(bench.lines(CheckResult(status: .layer7WrongStatus, code: 1040, info: "Too many connections", duration: .zero)) == [])
    }

    @Test("word the loss of all servers differently for a listen section and for a backend", arguments: [true, false])
    func noServerLeft(isListen: Bool) {
        var backend = Bench.backend("faulty", [Bench.server("f1", rise: 1, fall: 2)])
        backend.isListen = isListen
        var bench = RegistryBench([backend])
        #expect(
            bench.lines(CheckResult(status: .layer7Timeout, duration: .milliseconds(700))) == [
                "<133>Health check for server faulty/f1 failed, reason: Layer7 timeout, check duration: 700ms, status: 0/1 DOWN.",
                "<129>Server faulty/f1 is DOWN. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue. Reason: Layer7 timeout, check duration: 700ms.",
                "<128>\(isListen ? "proxy" : "backend") faulty has no server available!",
            ])
    }

    @Test("report the loss of all servers when all changes are applied, not while two servers change places")
    func settled() {
        var bench = pair()
        let apply = { (bench: inout RegistryBench, place: Int, fitness: ServerFitness) in
            _ = bench.registry.apply(.setFitness(fitness), to: ServerReference(backend: 0, server: place), now: bench.now) { _ in ServerLoad() }
        }
        let lagging = ServerFitness.unfit(reason: "replication lag 37s > 10s")
        for (leaving, coming) in [(0, 1), (1, 0)] {
            apply(&bench, leaving, lagging)
            apply(&bench, coming, .fullWeight)
            #expect(bench.registry.updateBackend(0, now: bench.now).isEmpty)
        }
        apply(&bench, 1, lagging)
        apply(&bench, 0, lagging)
        #expect(bench.registry.updateBackend(0, now: bench.now) == [.log(.emergency, "backend mysql-read has no server available!", backend: 0)])
        #expect(bench.registry.updateBackend(0, now: bench.now).isEmpty)
        bench.now = bench.now.advanced(by: .seconds(3))
        apply(&bench, 0, .fullWeight)
        #expect(bench.registry.updateBackend(0, now: bench.now).isEmpty)
        let status = bench.registry.status(ofBackend: 0)
        #expect(status.downTransitions == 1 && status.downtime(now: bench.now) == .seconds(3))
    }

    @Test("carry the reason in the state's line where checks are not logged")
    func withoutCheckLines() {
        var bench = RegistryBench([Bench.backend("q", logsHealthChecks: false, [Bench.server("s")])])
        bench.load = ServerLoad(sessions: 7, requeued: 2, queued: 1)
        #expect(
            bench.lines(Bench.refused) == [
                "<129>Server q/s is DOWN, reason: Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused)\", check duration: 0ms. 0 active and 0 backup servers left. 7 sessions active, 2 requeued, 1 remaining in queue.",
                "<128>backend q has no server available!",
            ])
        _ = bench.lines(Bench.pass)
        #expect(
            bench.lines(Bench.pass) == [
                "<133>Server q/s is UP, reason: Layer7 check passed, code: 0, info: \"5.5.5-10.11.19-MariaDB-0+deb12u1\", check duration: 0ms. 1 active and 0 backup servers online. 2 sessions requeued, 1 total in queue."
            ])
    }

    @Test("report maintenance and its end, after which the first pass is 3/3 UP")
    func maintenance() {
        var bench = pair()
        _ = bench.lines(Bench.pass, 0)
        _ = bench.lines(Bench.pass, 1)
        #expect(
            bench.lines(.setAdministrative(.maint), 1) == [
                "<129>Server mysql-read/db2 is going DOWN for maintenance. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue."
            ])
        #expect(bench.effects(.setAdministrative(.maint), 1) == [])
        #expect(bench.effects(.checkFinished(Bench.refused), 1) == [])
        #expect(bench.lines(.setAdministrative(.ready), 1) == ["<133>Server mysql-read/db2 is UP/READY (leaving forced maintenance)."])
        let line = bench.lines(Bench.pass, 1).first ?? ""
        #expect(line.hasSuffix("status: 3/3 UP."))
    }

    @Test("report drain and its end")
    func drain() {
        var bench = pair()
        #expect(
            bench.lines(.setAdministrative(.drain), 1) == [
                "<133>Server mysql-read/db2 enters drain state. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue."
            ])
        #expect(bench.lines(.setAdministrative(.ready), 1) == ["<133>Server mysql-read/db2 is UP (leaving forced drain)."])
    }

    @Test("name the operator, after HAProxy's text, when the command came from another node")
    func authors() {
        var bench = pair()
        let author = "a cluster command from tsukada01"
        #expect(
            bench.lines(.setAdministrative(.maint, by: author)) == [
                "<129>Server mysql-read/db1 is going DOWN for maintenance. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, "
                    + "0 remaining in queue. By a cluster command from tsukada01."
            ])
        #expect(
            bench.lines(.setAdministrative(.ready, by: author)) == [
                "<133>Server mysql-read/db1 is UP/READY (leaving forced maintenance). By a cluster command from tsukada01."
            ])
        #expect(
            bench.lines(.setWeight(7, by: author)) == [
                "<133>Server mysql-read/db1: weight changed from 1 to 7 by a cluster command from tsukada01."
            ])
    }

    @Test("report every change between drain, maintenance and ready as HAProxy 2.6.12 does")
    func turns() {
        var spare = Bench.server("b")
        spare.isBackup = true
        var disabled = Bench.server("d", isChecked: false)
        disabled.isDisabled = true
        var bench = RegistryBench([Bench.backend("t", [Bench.server("s"), Bench.server("n", isChecked: false), disabled, spare])])
        let down = "0 sessions active, 0 requeued, 0 remaining in queue."
        #expect(bench.lines(.setAdministrative(.maint)) == ["<129>Server t/s is going DOWN for maintenance. 1 active and 1 backup servers left. \(down)"])
        #expect(
            bench.lines(.setAdministrative(.drain)) == [
                "<133>Server t/s is UP/DRAIN (leaving forced maintenance).", "<133>Server t/s remains in forced drain mode.",
            ])
        #expect(bench.lines(.setAdministrative(.ready)) == ["<133>Server t/s is UP (leaving forced drain)."])
        let weight = "Server t/n: weight changed from 1 to 0 by the operator."
        #expect(bench.effects(.setWeight(0), 1) == [.log(.notice, weight, backend: 0), .routeChanged(ServerReference(backend: 0, server: 1))])
        #expect(bench.effects(.setWeight(0), 1) == [])
        #expect(
            bench.lines(.setAdministrative(.maint), 3) == ["<129>Backup Server t/b is going DOWN for maintenance. 1 active and 0 backup servers left. \(down)"])
        #expect(
            bench.lines(.setAdministrative(.drain)) == [
                "<133>Server t/s enters drain state. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
                "<128>backend t has no server available!",
            ])
        #expect(bench.lines(.setAdministrative(.maint)) == ["<133>Server t/s is going DOWN for maintenance. 0 active and 0 backup servers left. \(down)"])
        #expect(bench.lines(.setAdministrative(.ready), 2) == ["<133>Server t/d is UP/READY (leaving forced maintenance)."])
    }

    @Test("report that a down server enters maintenance, and that only a backup is left")
    func downThenMaintenance() {
        var spare = Bench.server("b")
        spare.isBackup = true
        var bench = RegistryBench([Bench.backend("a", [Bench.server("fin"), spare])])
        #expect(
            bench.lines(Bench.refused).last
                == "<129>Server a/fin is DOWN. 0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 requeued, 0 remaining in queue. Reason: Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused)\", check duration: 0ms."
        )
        #expect(bench.lines(.setAdministrative(.maint)) == ["<133>Server a/fin was DOWN and now enters maintenance."])
        #expect(bench.lines(.setAdministrative(.ready)) == ["<133>Server a/fin is UP/READY (leaving forced maintenance)."])
        #expect(bench.lines(Bench.refused, 1).first?.hasPrefix("<133>Health check for backup server a/b failed") == true)
    }

    @Test("report the fall of a draining server with a notice, not an alert")
    func drainingDown() {
        var bench = pair()
        _ = bench.lines(.setAdministrative(.drain))
        #expect(
            bench.lines(Bench.refused).last
                == "<133>Server mysql-read/db1 is DOWN. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue. Reason: Layer4 connection problem, info: \"ECONNREFUSED returned by OS (Connection refused)\", check duration: 0ms."
        )
        #expect(bench.lines(.setAdministrative(.ready)) == ["<133>Server mysql-read/db1 is DOWN (leaving forced drain)."])
    }
}

@Suite("The registry's lines about names")
struct ServerRegistryNameTests {
    private typealias Bench = RegistryBench

    private func address(_ last: UInt32) -> SocketAddress { .ip(.v4(0x7f00_0000 | last), port: 3306) }

    @Test("report the first address, another one, and none")
    func addresses() {
        var bench = RegistryBench([Bench.backend("my", [Bench.server("d1", host: "db1.rds.example")])], resolved: false)
        #expect(bench.status().text == "MAINT (resolution)")
        #expect(
            bench.effects(.addressResolved(address(1), by: "r/n")) == [
                .log(.notice, "my/d1: IP changed from '(none)' to '127.0.0.1' by 'r/n'.", backend: 0),
                .resumeChecks(ServerReference(backend: 0, server: 0)),
                .log(.notice, "Server my/d1 ('db1.rds.example') is UP/READY (resolves again).", backend: 0),
                .routeChanged(ServerReference(backend: 0, server: 0)),
                .log(.notice, "Server my/d1 administratively READY thanks to valid DNS answer.", backend: 0),
            ])
        #expect(bench.effects(.addressResolved(address(1), by: "r/n")) == [])
        #expect(bench.lines(.addressResolved(address(9), by: "r/n")) == ["<133>my/d1: IP changed from '127.0.0.1' to '127.0.0.9' by 'r/n'."])
        #expect(
            bench.lines(.addressLost(reason: "DNS NX status")) == [
                "<129>Server my/d1 is going DOWN for maintenance (DNS NX status). 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.",
                "<128>backend my has no server available!",
            ])
        #expect(bench.status().address == nil)
        #expect(bench.effects(.addressLost(reason: "DNS NX status")) == [])
    }

    @Test("keep an administrator's maintenance through lost and found addresses")
    func bothReasons() {
        var bench = RegistryBench([Bench.backend("my", [Bench.server("d1", host: "db1")])])
        _ = bench.lines(.setAdministrative(.maint))
        #expect(bench.lines(.addressLost(reason: "DNS NX status")) == [])
        #expect(
            bench.lines(.addressResolved(address(3), by: "r/n")) == [
                "<133>my/d1: IP changed from '(none)' to '127.0.0.3' by 'r/n'.",
                "<133>Server my/d1 ('db1') resolves again but remains in maintenance.",
                "<133>Server my/d1 administratively READY thanks to valid DNS answer.",
            ])
        #expect(bench.status().text == "MAINT")
        _ = bench.lines(.addressLost(reason: "x"))
        #expect(bench.lines(.setAdministrative(.ready)) == ["<133>Server my/d1 is leaving forced maintenance but remains in maintenance."])
        #expect(bench.status().text == "MAINT (resolution)")
    }

    @Test("report a changed port")
    func portChanged() {
        var bench = RegistryBench([Bench.backend("my", [Bench.server("d1")])])
        #expect(
            bench.lines(.addressResolved(.ip(.v4(0x7f00_0002), port: 13308), by: "r/n"))
                == ["<133>my/d1: IP changed from '127.0.0.1' to '127.0.0.2', port changed from '3306' to '13308' by 'r/n'."])
    }
}

@Suite("The registry's states")
struct ServerRegistryStateTests {
    private typealias Bench = RegistryBench

    @Test("have HAProxy's words and numbers")
    func words() {
        var disabled = Bench.server("off")
        disabled.isDisabled = true
        var bench = RegistryBench([Bench.backend("t", [Bench.server("s"), Bench.server("plain", isChecked: false), disabled])])
        #expect([0, 1, 2].map { bench.status($0).text } == ["UP 1/3", "no check", "MAINT"])
        #expect(bench.status(2).flags.rawValue == 5)
        #expect(!bench.status(2).isRunning)
        #expect(bench.status(0).checkStatus.rawValue == 1)
        _ = bench.lines(Bench.pass)
        #expect(bench.status().text == "UP")
        _ = bench.lines(.setWeight(0))
        #expect(bench.status().text == "UP")
        #expect(!bench.status().isUsable)
        _ = bench.lines(.setWeight(1))
        _ = bench.lines(Bench.refused)
        #expect(bench.status().text == "UP 2/3")
        _ = bench.lines(.setAdministrative(.drain))
        #expect(bench.status().text == "DRAIN 2/3")
        #expect(bench.status().flags.rawValue == 8)
        _ = bench.lines(Bench.refused)
        _ = bench.lines(Bench.refused)
        #expect(bench.status().text == "DOWN")
        _ = bench.lines(Bench.pass)
        #expect(bench.status().text == "DOWN 1/2")
        _ = bench.lines(.setAdministrative(.ready), 2)
        #expect(bench.status(2).flags.rawValue == 4)
    }

    @Test("count downtime and transitions of servers and backends")
    func downtime() {
        var bench = RegistryBench([Bench.backend("t", [Bench.server("s", rise: 1, fall: 1)])])
        bench.now = bench.now.advanced(by: .seconds(10))
        _ = bench.lines(Bench.refused)
        bench.now = bench.now.advanced(by: .seconds(3))
        #expect(bench.status().downtime(now: bench.now) == .seconds(3))
        _ = bench.lines(Bench.pass)
        bench.now = bench.now.advanced(by: .seconds(5))
        #expect(bench.status().downtime(now: bench.now) == .seconds(3))
        #expect(bench.status().downTransitions == 1)
        #expect(bench.status().failedChecks == 1)
        #expect(bench.status().lastChange == bench.now.advanced(by: .seconds(-5)))
        let backend = bench.registry.status(ofBackend: 0)
        #expect(backend.downTransitions == 1 && backend.isUp && backend.text == "UP")
        #expect(backend.downtime(now: bench.now) == .seconds(3))
    }

    @Test("close a server's sessions when it goes down, if so configured")
    func shutdownSessions() {
        var server = Bench.server("s", rise: 1, fall: 1)
        server.onMarkedDown = .shutdownSessions
        var bench = RegistryBench([Bench.backend("t", [server, Bench.server("other")])])
        let place = ServerReference(backend: 0, server: 0)
        #expect(bench.effects(.checkFinished(Bench.refused)).suffix(2) == [.routeChanged(place), .shutdownSessions(place)])
        #expect(bench.effects(.checkFinished(Bench.pass)).last == .routeChanged(place))
        let effects = bench.effects(.setAdministrative(.maint))
        #expect(effects.contains(.shutdownSessions(place)) && effects.contains(.pauseChecks(place)))
    }

    @Test("agree with a simple model over any sequence of events", arguments: seeds(200))
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let servers = (0..<3).map { index in
            var server = Bench.server("s\(index)", host: index == 1 ? "db.example" : nil, isChecked: index != 2)
            server.isBackup = index == 2
            return server
        }
        var bench = RegistryBench([Bench.backend("t", servers)])
        var models = (0..<3).map { _ in Model() }
        for step in 0..<120 {
            let index = Int.random(in: 0..<3, using: &random)
            let event = randomEvent(index, &random)
            let usableBefore = models.map(\.isUsable)
            models[index].take(event, isChecked: index != 2)
            let effects = bench.effects(event, index)
            let place = "seed \(seed), step \(step), \(event)"
            let status = bench.status(index)
            #expect(status.isUsable == models[index].isUsable, "\(place)")
            #expect(status.isRunning == models[index].isRunning, "\(place)")
            let backend = bench.registry.status(ofBackend: 0)
            #expect(backend.activeServers == models[..<2].count { $0.isUsable }, "\(place)")
            #expect(backend.backupServers == models[2...].count { $0.isUsable }, "\(place)")
            if usableBefore != models.map(\.isUsable) { #expect(effects.contains(.routeChanged(ServerReference(backend: 0, server: index))), "\(place)") }
            let hasEnded = usableBefore.contains(true) && !models.contains(where: \.isUsable)
            let line = ServerRegistry.Effect.log(.emergency, "backend t has no server available!", backend: 0)
            #expect(bench.registry.updateBackend(0, now: bench.now) == (hasEnded ? [line] : []), "\(place)")
        }
    }

    private func randomEvent(_ index: Int, _ random: inout SplitMix64) -> ServerRegistry.Event {
        switch Int.random(in: 0..<18, using: &random) {
        case 0...2: .checkFinished(Bench.pass)
        case 3...5: .checkFinished(Bench.refused)
        case 6: .setAdministrative(.maint)
        case 7: .setAdministrative(.drain)
        case 8: .setAdministrative(.ready)
        case 9: .setWeight(Int.random(in: 0...2, using: &random))
        case 11: .takenDown(Bool.random(using: &random) ? .ownChecksAndPeers(["b"]) : .peers(["b"]))
        case 12: .setHeldDown(Bool.random(using: &random))
        case 13: .setFull(Bool.random(using: &random))
        case 14: .checkInconclusive(Bench.denied)
        case 15: .setPriority(Int.random(in: 0...2, using: &random))
        case 16: .setFitness(Bool.random(using: &random) ? .unfit(reason: "lag") : .fit(quarters: Int.random(in: 1...4, using: &random)))
        case 10: index == 1 ? .addressLost(reason: "DNS NX status") : .checkFinished(Bench.pass)
        default: .addressResolved(.ip(.v4(UInt32.random(in: 1...3, using: &random)), port: 3306), by: "r/n")
        }
    }

    /// The simplest model of a server's state: streaks of results since the last reset.
    private struct Model {
        var isForced = false
        var isDrain = false
        var isResolved = true
        var weight = 1
        var isUp = true
        /// Results in a row against the present verdict; a fresh server falls at its first failure.
        var streak = 2

        var isHeld = false
        var isFull = false
        var isFit = true

        var isRunning: Bool { isUp && !isHeld && !isForced && isResolved }
        var isUsable: Bool { isRunning && !isFull && isFit && !isDrain && weight > 0 }

        mutating func take(_ event: ServerRegistry.Event, isChecked: Bool) {
            let wasMaintenance = isForced || !isResolved
            switch event {
            case .checkFinished(let result):
                guard isChecked, !wasMaintenance else { return }
                streak = result.status.isPass == isUp ? 0 : streak + 1
                if streak == (isUp ? 3 : 2) { (isUp, streak) = (!isUp, 0) }
            case .checkInconclusive, .connectsFailed, .setPriority: break
            case .agentOrdered, .agentFinished, .trackedChanged: break  // these servers have no agent and track nothing
            case .setFull(let value): isFull = value
            case .setSkipped: break
            case .setFitness(let value): isFit = value.isFit
            case .takenDown: if isChecked, !wasMaintenance { (isUp, streak) = (false, 0) }
            case .setHeldDown(let value): if isChecked { isHeld = value }
            case .setAdministrative(let state, _):
                isForced = state == .maint
                isDrain = state == .drain
            case .setWeight(let value, _): weight = value
            case .addressResolved: isResolved = true
            case .addressLost: isResolved = false
            }
            if wasMaintenance && !isForced && isResolved { (isUp, streak) = (true, 2) }
        }
    }
}
