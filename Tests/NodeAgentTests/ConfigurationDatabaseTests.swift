import Proxy
import Testing

@testable import NodeAgent

@Suite("A section 'database'")
struct ConfigurationDatabaseTests {
    private func read(_ lines: String, servers: String = " server a 10.0.0.1:3306 check inter 5s\n server b 10.0.0.2:3306 check\n")
        -> (settings: DatabaseSettings?, backend: Backend?, diagnostics: [Diagnostic])
    {
        let (configuration, diagnostics) = Configuration.read("database db\n\(lines)backend db\n timeout connect 1s\n timeout server 1s\n\(servers)")
        return (configuration.backends.first?.database, configuration.backends.first, diagnostics)
    }

    @Test("needs a user; everything else has a default")
    func defaults() throws {
        let (found, backend, diagnostics) = read(" user check\n")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let settings = try #require(found)
        var expected = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "t.cfg", line: 1))
        #expect(settings == expected)
        #expect(settings.role == .any && settings.lagMax == nil && settings.lagSource == .replicaStatus && settings.minUp == 1 && settings.tls == .prefer)
        expected.interval = .seconds(1)
        #expect(backend?.servers.map { $0.check?.interval } == [.seconds(1), .seconds(1)])
    }

    @Test("takes every keyword")
    func everyKeyword() throws {
        let database = try #require(
            try Configuration.read(fixtures: ["every-keyword.cfg"]).configuration.backends.compactMap(\.database).first)
        #expect(database.user == "tsukada_check" && database.passwordFile?.path == "/etc/tsukada/check.password")
        #expect(database.tls == .require && database.authorityFile?.path == "/etc/ssl/certs/rds-global-bundle.pem")
        #expect(database.role == .replica && database.lagMax == .seconds(10) && database.lagSource == .heartbeat(table: "ops.heartbeat"))
        #expect(database.reducesWeightByLag && database.minUp == 2 && database.interval == .milliseconds(500))
        #expect(database.query == DatabaseSettings.Query(text: "SELECT @@wsrep_ready", expected: "1"))
    }

    @Test("fills a template of another proxy, which then needs no 'resolvers'")
    func discover() throws {
        let (every, _) = try Configuration.read(fixtures: ["every-keyword.cfg"])
        let writer = try #require(every.backends.first { $0.name == "orders-write" }?.database)
        #expect(writer.discovery == DatabaseSettings.Discovery(proxy: "orders-read", hold: .seconds(30)))
        let found = every.backends.flatMap { backend in backend.servers.filter(\.isDiscovered).map { "\(backend.name)/\($0.name)" } }
        #expect(found == (1...8).map { "orders-read/read\($0)" })
        let servers = " server a 10.0.0.1:3306 check\n"
        let template = "backend r\n timeout connect 1s\n timeout server 1s\n server-template s 2 replicas.db:3306 check\n"
        let (settings, _, diagnostics) = read(" user check\n role primary\n discover r\n", servers: servers + template)
        #expect(settings?.discovery == DatabaseSettings.Discovery(proxy: "r", hold: .seconds(90)) && diagnostics.isEmpty, "\(diagnostics)")
        let alone = read(" user check\n", servers: servers + template)
        #expect(
            alone.diagnostics.map(\.description) == [
                "t.cfg:10: 'server-template' has no effect in section 'backend r'; without 'resolvers' its servers never get new addresses: add 'resolvers NAME'"
            ])
    }

    @Test("may come before its proxy; each proxy has at most one")
    func names() {
        #expect(read(" user check\n").settings != nil)
        let twice = read(" user check\ndatabase db\n user other\n")
        #expect(Configuration.alerts(twice.diagnostics).count == 1)
    }

    @Test("warns of lines that have no effect for a primary")
    func primary() {
        let (settings, _, diagnostics) = read(" user check\n role primary\n max-lag 10s\n min-up 1\n")
        #expect(settings?.role == .primary)
        #expect(diagnostics.map(\.severity) == [.warning, .warning])
        #expect(
            diagnostics.first?.description
                == "t.cfg:4: 'max-lag' has no effect in section 'database db'; the primary takes writes regardless of its lag: remove the line")
    }

    @Test("warns of a 'max-lag' without a unit")
    func shortLag() {
        let (settings, _, diagnostics) = read(" user check\n max-lag 10\n")
        #expect(settings?.lagMax == .milliseconds(10))
        #expect(
            diagnostics.map(\.description)
                == ["t.cfg:3: 'max-lag 10' is less than a second in section 'database db'; a number without a unit is in milliseconds: write '10s'"])
        #expect(read(" user check\n max-lag 1s\n").diagnostics.isEmpty)
    }

    @Test("warns of a 'hold' without a unit, and of a proxy without servers")
    func careless() {
        let template = " server a 10.0.0.1:3306 check\nbackend r\n timeout connect 1s\n timeout server 1s\n server-template s 2 replicas.db:3306 check\n"
        let hold = read(" user check\n role primary\n discover r hold 30\n", servers: template)
        #expect(hold.settings?.discovery?.hold == .milliseconds(30))
        #expect(
            hold.diagnostics.map(\.description)
                == ["t.cfg:4: 'hold 30' is less than a second in section 'database db'; a number without a unit is in milliseconds: write '30s'"])
        #expect(
            read(" user check\n", servers: "").diagnostics.map(\.description)
                == ["t.cfg:1: 'database' has no effect in section 'database db'; 'db' has no servers: add them, or remove the section"])
    }

    @Test("is named in advice where a check may last longer than its interval")
    func advice() {
        let text =
            "listen db\n bind 10.0.0.9:1\n timeout connect 1s\n timeout server 1m\n timeout client 1m\n timeout check 2s\n server a 10.0.0.1:1 check inter 5s\n"
        let (configuration, _) = Configuration.read("\(text)database db\n user check\n")
        let said = ConfigurationAdvice(configuration).diagnostics.map(\.description)
        #expect(said.count == 1 && said.first?.contains("'timeout check 2s' is longer than 'interval 1s' of its section 'database'") == true, "\(said)")
    }

    @Test("is valid in the examples")
    func example() throws {
        var files = [(name: "haproxy.cfg", bytes: try Configuration.bytes(of: "tsukada01.cfg"))]
        files.append(("databases.cfg", Array(try Configuration.lines(ofPackageFile: "deploy/examples/databases.cfg").joined(separator: "\n").utf8)))
        let (configuration, diagnostics) = ConfigurationReader(environment: [:]).read(files: files)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.backends.map { $0.database?.role } == [.replica, .primary])
        #expect(
            ConfigurationAdvice(configuration).diagnostics.map(\.section) == ["global", "listen mysql"],
            "only about the article's 'stats maxconn' and 'timeout check'")
    }
}
