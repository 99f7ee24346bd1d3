import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Balancing, retries and limits")
struct ConfigurationBalanceTests {
    /// The backend of a section with these lines, which must not cause an alert, and its diagnostics.
    private static func backend(_ lines: String) -> (backend: Backend?, diagnostics: [Diagnostic]) {
        let (configuration, diagnostics) = Configuration.read("backend b\n timeout connect 1s\n timeout server 1s\n \(lines)\n")
        #expect(Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
        return (configuration.backends.first, diagnostics)
    }

    static let algorithms: [(word: String, algorithm: BalanceAlgorithm, statistics: String)] = [
        ("roundrobin", .roundRobin, "roundrobin"), ("static-rr", .staticRoundRobin, "static-rr"), ("leastconn", .leastConnections, "leastconn"),
        ("first", .first, "first"), ("source", .source, "source"), ("random", .random(draws: 2), "unknown"), ("random()", .random(draws: 2), "unknown"),
        ("random(1)", .random(draws: 1), "unknown"), ("random(1000)", .random(draws: 1_000), "unknown"),
    ]

    @Test("read every algorithm, and name it in statistics as HAProxy does", arguments: algorithms)
    func readsAlgorithms(word: String, algorithm: BalanceAlgorithm, statistics: String) {
        let (backend, diagnostics) = Self.backend("balance \(word)")
        #expect(backend?.balance == algorithm && diagnostics.isEmpty)
        #expect(algorithm.statisticsWord == statistics)
        #expect(backend?.hasFixedWeights == ["source", "static-rr"].contains(word))
    }

    static let hashTypes: [(words: String, method: HashSettings.Method, function: KeyHash, avalanche: Bool)] = [
        ("map-based", .mapBased, .sdbm, false), ("map-based djb2", .mapBased, .djb2, false), ("map-based crc32 avalanche", .mapBased, .crc32, true),
        ("consistent", .consistent, .sdbm, true), ("consistent sdbm", .consistent, .sdbm, false), ("consistent wt6 avalanche", .consistent, .wt6, true),
        ("consistent none", .consistent, .none, false),
    ]

    @Test("read hash-type, whose last line counts in full, and which lets weights change only with a ring", arguments: hashTypes)
    func readsHashTypes(words: String, method: HashSettings.Method, function: KeyHash, avalanche: Bool) {
        let (backend, diagnostics) = Self.backend("balance source\n hash-balance-factor 110\n hash-type consistent djb2 avalanche\n hash-type \(words)")
        #expect(backend?.hashing.method == method && backend?.hashing.function == function && backend?.hashing.usesAvalanche == avalanche)
        #expect(backend?.hashing.balanceFactor == 110 && backend?.hasFixedWeights == (method == .mapBased))
        #expect(diagnostics.allSatisfy { $0.severity != .alert }, "\(diagnostics)")
    }

    @Test("read hash-key, also from default-server")
    func readsHashKeys() {
        let lines = "default-server hash-key addr\n server a 10.0.0.1:1\n server b 10.0.0.2:1 hash-key addr-port\n server c 10.0.0.3:1 hash-key id"
        #expect(Self.backend(lines).backend?.servers.map(\.hashKey) == [.address, .addressAndPort, .identifier])
    }

    static let mistakes: [(line: String, message: String)] = [
        ("hash-type", "missing argument after 'hash-type'"), ("hash-type map", "unknown word 'map' after 'hash-type'"),
        ("hash-type consistent avalanche", "unknown word 'avalanche' after 'hash-type'"), ("hash-type map-based md5", "unknown word 'md5' after 'hash-type'"),
        ("hash-type map-based sdbm x", "unknown word 'x' after 'hash-type'"), ("hash-type map-based wt6 avalanche x", "unexpected 'x' after 'hash-type'"),
        ("hash-balance-factor 100", "invalid value '100' for 'hash-balance-factor'"),
        ("hash-balance-factor x", "invalid value 'x' for 'hash-balance-factor'"),
        ("server s 10.0.0.1:1 hash-key name", "unknown word 'name' after 'hash-key'"),
        ("balance random(0)", "invalid value 'random(0)' for 'balance'"), ("balance random(1001)", "invalid value 'random(1001)' for 'balance'"),
        ("balance random(x)", "invalid value 'random(x)' for 'balance'"), ("balance random(2)x", "invalid value 'random(2)x' for 'balance'"),
        ("balance random(2", "invalid value 'random(2' for 'balance'"), ("balance frist", "unknown word 'frist' after 'balance'"),
        ("balance first 1", "unexpected '1' after 'balance'"), ("option allbackups 1", "unexpected '1' after 'option allbackups'"),
        ("option redispatch x", "invalid value 'x' for 'option redispatch'"), ("no option redispatch 1", "invalid value '1' for 'option redispatch'"),
        ("retry-on", "missing argument after 'retry-on'"), ("retry-on none 503", "'none' among other causes after 'retry-on'"),
        ("retry-on conn-failure none", "'none' among other causes after 'retry-on'"), ("retry-on conn-failur", "unknown word 'conn-failur' after 'retry-on'"),
        ("server s 10.0.0.1:1 minconn x", "invalid value 'x' for 'minconn'"), ("server s 10.0.0.1:1 maxqueue -1", "invalid value '-1' for 'maxqueue'"),
        ("server s 10.0.0.1:1 minconn", "missing argument after 'minconn'"),
    ]

    @Test("report a mistake", arguments: mistakes)
    func reportsMistakes(line: String, message: String) {
        let diagnostics = Configuration.read("backend b\n \(line)\n").diagnostics
        #expect(diagnostics.first { $0.severity == .alert }?.problem.what == message, "\(diagnostics)")
    }

    static let limits: [(options: String, max: Int, min: Int)] = [
        ("maxconn 5", 5, 0), ("minconn 2 maxconn 5", 5, 2), ("maxconn 5 minconn 5", 5, 0), ("minconn 7 maxconn 5", 7, 0), ("minconn 3", 3, 0),
        ("minconn 0 maxconn 5", 5, 0), ("", 0, 0),
    ]

    @Test("take a minconn that is not below maxconn as the limit", arguments: limits)
    func takesMinconn(options: String, max: Int, min: Int) {
        for lines in ["server s 10.0.0.1:1 \(options)", "default-server \(options)\n server s 10.0.0.1:1"] where !options.isEmpty || lines.hasPrefix("server") {
            let server = Self.backend(lines).backend?.servers.first
            #expect(server?.connectionsMax == max && server?.connectionsMin == min, "\(lines)")
        }
        let server = Self.backend("default-server minconn 2 maxqueue 4\n server s 10.0.0.1:1 maxconn 9 strict-maxconn").backend?.servers.first
        #expect(server?.connectionsMax == 9 && server?.connectionsMin == 2 && server?.queueMax == 4)
    }

    @Test("compute the number of failures after which a session leaves its server, as HAProxy does")
    func redispatch() {
        func interval(_ lines: String) -> Int? { Self.backend(lines).backend?.redispatchInterval }
        #expect(interval("balance source") == 1 && interval("option redispatch") == 1 && interval("no option redispatch") == 0)
        for (number, wanted) in [(1, 1), (3, 3), (0, 0), (-1, 5), (-5, 1), (-6, 1), (-1_000, 1)] {
            #expect(interval("retries 5\n balance source\n option redispatch \(number)") == wanted, "\(number)")
            #expect(interval("retries 5\n option redispatch \(number)") == 1, "\(number): without a hash, N has no effect")
        }
    }

    @Test("retry connects only with conn-failure, and give a notice for causes of HTTP")
    func retryOn() {
        let cases: [(causes: String, retries: Bool, notices: Int)] = [
            ("none", false, 0), ("conn-failure", true, 0), ("all-retryable-errors", true, 0), ("conn-failure 503 empty-response", true, 1),
            ("503", false, 1), ("response-timeout 0rtt-rejected", false, 1),
        ]
        for (causes, retries, notices) in cases {
            let (backend, diagnostics) = Self.backend("retry-on \(causes)")
            #expect(backend?.retriesConnects == retries, "\(causes)")
            #expect(diagnostics.count == notices && diagnostics.allSatisfy { $0.severity == .notice }, "\(diagnostics)")
        }
        #expect(Self.backend("").backend?.retriesConnects == true)
        let notice = Self.backend("retry-on 503 504").diagnostics.first?.description
        #expect(
            notice == "t.cfg:4: 'retry-on 503 504' has no effect in section 'backend b'; "
                + "it applies to HTTP only, and without 'conn-failure' no failed connect is retried")
    }

    @Test("let the backups share the sessions only with 'option allbackups', and not with 'no' or 'default' before it")
    func allBackups() {
        let lines = ["", "option allbackups", "no option allbackups", "default option allbackups", "option allbackups\n default option allbackups"]
        #expect(lines.map { Self.backend($0).backend?.usesAllBackups } == [false, true, false, false, false])
    }

    @Test("let a section undo what defaults has set, and refuse retry-on in a frontend")
    func inherits() {
        let text = """
            defaults
                timeout connect 1s
                timeout server 1s
                timeout client 1s
                option allbackups
                retry-on none
                fullconn 9
                balance random(5)
            backend a
            backend b
                no option allbackups
                retry-on conn-failure
                fullconn 0
                balance first

            """
        let backends = Configuration.read(text).configuration.backends
        #expect(backends.map(\.usesAllBackups) == [true, false])
        #expect(backends.map(\.retriesConnects) == [false, true])
        #expect(backends.map(\.fullConnections) == [9, nil])
        #expect(backends.map(\.balance) == [.random(draws: 5), .first])
        let alerts = Configuration.alerts(Configuration.read("frontend f\n retry-on none\n").diagnostics)
        #expect(alerts == ["t.cfg:2: misplaced keyword 'retry-on' in section 'frontend f'; move it to a section 'defaults', 'listen' or 'backend'"])
    }
}
