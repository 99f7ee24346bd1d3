import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("'show database'")
struct DatabaseOverviewTests {
    private static let location = ConfigurationLocation(file: "haproxy.cfg", line: 1)

    /// A section's watch and registry over three servers, and a clock.
    private struct Bench {
        var watch: DatabaseWatch
        var registry: ServerRegistry
        var now = Instant(nanoseconds: 1_000_000_000)
        let backend: Backend

        init(_ count: Int, _ change: (inout DatabaseSettings) -> Void = { _ in }) {
            var backend = Backend(name: "mysql", identifier: 2)
            for number in 1...count {
                let endpoint = Endpoint.ip(.v4(0x7f00_0001), port: 3306)
                var server = Server(name: "read0\(number)", identifier: number, endpoint: endpoint, port: .fixed(3306), location: location)
                server.check = CheckSettings()
                backend.servers.append(server)
            }
            var settings = DatabaseSettings(user: "check", location: location)
            (settings.role, settings.lagMax) = (.replica, .seconds(10))
            change(&settings)
            backend.database = settings
            self.backend = backend
            watch = DatabaseWatch(
                settings, names: backend.servers.map(\.name), choices: (1...UInt64(count)).map { $0 }, memory: { _ in nil }, writer: nil, now: now)
            registry = ServerRegistry(backends: [backend], now: now) { ServerRegistry.numericAddress(of: backend.servers[$0.server]) }
        }

        /// Applies one check of each server.
        mutating func look(_ looks: [DatabaseFindings]) {
            for (server, look) in looks.enumerated() { watch.apply(look, of: server, now: now) }
            let statuses = backend.servers.indices.map { registry.status(of: ServerReference(backend: 0, server: $0)) }
            let inputs = statuses.map { DatabaseWatch.ServerInput(isRunning: $0.isRunning, isAvailable: $0.isAvailable) }
            let outcome = watch.decide(inputs, peers: .reachable([]), now: now)
            for (server, fitness) in outcome.fitness.enumerated() { apply(.setFitness(fitness), server) }
        }

        mutating func apply(_ event: ServerRegistry.Event, _ server: Int) {
            _ = registry.apply(event, to: ServerReference(backend: 0, server: server), now: now) { _ in ServerLoad() }
        }

        mutating func pass(_ seconds: Int) { now = now.advanced(by: .seconds(seconds)) }

        var text: String {
            DatabaseOverview(sections: [.init(proxy: backend, watch: watch, registry: registry, backend: 0)], now: now).text(of: "mysql")?.whole() ?? ""
        }

        var rows: [String] { text.split(separator: "\n").drop { !$0.hasPrefix("# ") }.dropFirst().map(String.init) }
    }

    private static func replica(lag: Int, version: String = "10.11.6-MariaDB") -> DatabaseView {
        var view = DatabaseView(version: version, isReadOnly: true)
        view.channels = [ReplicationChannel(lag: .seconds(lag))]
        return view
    }

    @Test("shows the state of each server, and the reason")
    func table() {
        var bench = Bench(3)
        var stopped = Self.replica(lag: 0)
        stopped.channels = [ReplicationChannel(applier: .stopped, applierError: DatabaseProblem(code: 1062, text: "Duplicate entry"))]
        bench.look([.seen(Self.replica(lag: 37)), .seen(stopped), .refused(DatabaseProblem(code: 1045, text: "Access denied"))])
        bench.pass(4)
        #expect(
            bench.text == """
                Database: mysql
                User: check
                TLS: prefer
                Role: replica
                Max_lag: 10s
                Alarm: 1 of 3 servers cannot be queried as user 'check': error 1045 Access denied
                # server state role    read_only lag_s threads                version         seen_s fit since_s error reason
                read01   OUT   replica ON        37    io:running,sql:running 10.11.6-MariaDB 4      no  4       -     replication lag 37s > 10s
                read02   OUT   replica ON        -     io:running,sql:stopped 10.11.6-MariaDB 4      no  4       1062  replica SQL thread stopped: error 1062 Duplicate entry
                read03   UP    unknown -         -     -                      -               -      yes 4       -     error 1045 Access denied

                """)
    }

    @Test("shows no old value of an unreachable server: it is DOWN, with the reason and the time")
    func stale() {
        var bench = Bench(2)
        let good = DatabaseFindings.seen(Self.replica(lag: 0))
        bench.look([good, good])
        let refused = CheckResult(status: .layer4ConnectionProblem, info: "ECONNREFUSED returned by OS (Connection refused)", duration: .zero)
        bench.pass(5)
        for _ in 0..<3 {
            bench.look([.failed, good])
            bench.apply(.checkFinished(refused), 0)
        }
        bench.pass(15)
        bench.look([.failed, good])
        #expect(
            bench.rows == [
                "read01   DOWN  unknown -         -     -                      -               20     -   15      -     "
                    + "Layer4 connection problem: ECONNREFUSED returned by OS (Connection refused)",
                "read02   UP    replica ON        0     io:running,sql:running 10.11.6-MariaDB 0      yes 20      -     -",
            ])
        bench.apply(.setAdministrative(.maint), 1)
        #expect(bench.rows[1].hasPrefix("read02   MAINT unknown -         -     -       -       0      -   0 "))
        bench.apply(.setAdministrative(.drain), 1)
        bench.look([.failed, good])
        #expect(bench.rows[1].hasPrefix("read02   DRAIN replica ON "))
    }

    @Test("names the unanswered query, and shows only answered values")
    func unanswered() {
        var bench = Bench(2)
        bench.look([.seen(Self.replica(lag: 3)), .seen(Self.replica(lag: 3))])
        var silent = Self.replica(lag: 0)
        silent.unanswered = [UnansweredQuestion(.replicaStatus, name: "SHOW REPLICA STATUS", DatabaseProblem(code: 0, text: "no answer within 1s"))]
        for _ in 0..<2 { bench.look([.seen(silent), .seen(silent)]) }
        #expect(bench.text.contains("Alarm: 2 of 2 servers: 'SHOW REPLICA STATUS' fails: no answer within 1s\n"))
        let expected = "UP unknown ON - - 10.11.6-MariaDB 0 kept 0 - 'SHOW REPLICA STATUS' fails: no answer within 1s"
        #expect(bench.rows.map { $0.split(separator: " ").dropFirst().joined(separator: " ") } == [expected, expected])
    }

    @Test("dates a promotion")
    func promotion() {
        var bench = Bench(2) { $0.role = .primary }
        let (writable, readOnly) = (
            DatabaseFindings.seen(DatabaseView(version: "8.4.3", isReadOnly: false)), DatabaseFindings.seen(DatabaseView(version: "8.4.3", isReadOnly: true))
        )
        bench.look([writable, readOnly])
        bench.pass(100)
        bench.look([readOnly, writable])
        bench.pass(7)
        bench.look([readOnly, writable])
        let rows = bench.rows.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(
            rows == [
                "read01 OUT read-only ON - - 8.4.3 0 no 7 - read_only is ON", "read02 UP primary OFF - - 8.4.3 0 yes 7 - -",
            ])
    }

    @Test("shows no byte from a server that could control a terminal, and one row for each server, for any text")
    func hostile() {
        var bench = Bench(1)
        var view = Self.replica(lag: 0, version: "8.4.3\u{1b}[2J\r\nread99 UP")
        view.channels[0].applier = .stopped
        view.channels[0].applierError = DatabaseProblem(code: 1062, text: "\u{1b}]0;x\u{7}\r\nDatabase: forged")
        bench.look([.seen(view)])
        #expect(bench.rows.count == 1 && bench.text.utf8.allSatisfy { $0 == 10 || (0x20..<0x7f).contains($0) }, "\(bench.text)")
        #expect(bench.text.contains("8.4.3<1B>[2J<0D><0A>read99_UP"))
    }
}
