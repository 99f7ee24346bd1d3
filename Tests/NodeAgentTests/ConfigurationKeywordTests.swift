import Proxy
import Testing
import Wire

@testable import NodeAgent

extension KeywordPlace {
    /// The keywords of the place, in the manual's order.
    static var entries: [any KeywordEntry] { keywords.keywords }

    static var firstWords: [String] { keywords.firstWords }

    static func takes(_ keyword: String) -> Bool { keywords[keyword] != nil }
}

@Suite("The keyword tables")
struct ConfigurationKeywordTests {
    /// Every place with each of its keywords.
    static let uses: [(name: String, place: any KeywordPlace.Type)] = Configuration.places.flatMap { place in place.entries.map { ($0.name, place) } }

    /// The keywords that the fixture uses: those of its sections, and the options of their lines.
    static func usesOfFixture() throws -> Set<String> {
        let lexer = ConfigurationLexer(environment: [:])
        var found: Set<String> = []
        var place: any KeywordPlace.Type = GlobalSection.self
        for line in try Configuration.lines(ofPackageFile: "Tests/NodeAgentTests/Fixtures/Configuration/every-keyword.cfg") {
            var words = try lexer.read(Array(line.utf8)[...]).words
            if let first = words.first, let section = ConfigurationSections.all.section(named: first) {
                place = section
                continue
            }
            if let first = words.first, first == "no" || first == "default" { words.removeFirst() }
            guard let first = words.first else { continue }
            // Arguments in parentheses are no part of a keyword: `tcp-check set-var(check.x)`.
            let two = String(words.prefix(2).joined(separator: " ").prefix { $0 != "(" })
            found.insert("\(place.name): \(place.takes(two) ? two : first)")
            let options: String? =
                switch first {
                case "bind": "bind"
                case "server", "default-server", "server-template": "server"
                case "stats": "stats socket"
                default: nil
                }
            // The arguments of "set-proxy-v2-tlv-fmt(0xe0)" begin in parentheses.
            for word in words.dropFirst() { if let options { found.insert("\(options): \(word.prefix { $0 != "(" })") } }
        }
        return found
    }

    @Test("are used in full by one fixture, without an error")
    func fixtureUsesEverything() throws {
        let found = try Self.usesOfFixture()
        let missing = Self.uses.filter { !found.contains("\($0.place.name): \($0.name)") }
        #expect(missing.isEmpty, "\(missing)")
        let (_, diagnostics) = try Configuration.read(fixtures: ["every-keyword.cfg"])
        let others = diagnostics.filter { diagnostic in
            switch diagnostic.problem {
            case .overwritten, .noEffect("cookie", _), .noEffect("force-persist", _): return false
            default: return true
            }
        }
        #expect(others.map(\.problem) == [.noEffect("no option splice-auto", advice: "long streams are always spliced: remove the line")])
    }

    @Test("and the list of unsupported keywords contain every keyword of HAProxy's")
    func knowsHAProxysKeywords() throws {
        for (keyword, _) in try KeywordManual.list() {
            #expect(KeywordDocument.verdict(on: keyword) != nil, "\(keyword.name) of \(keyword.place)")
        }
    }

    @Test("have each keyword once for each place")
    func hasNoDuplicates() {
        let names = Self.uses.map { "\($0.place.name): \($0.name)" }
        #expect(Set(names).count == names.count)
    }

    @Test("share no keyword with the list of unsupported keywords")
    func sharesNothingWithForeignKeywords() {
        for use in Self.uses { #expect(use.place.problem(withForeign: use.name) == nil, "\(use.name)") }
    }

    @Test("find the nearest keyword for each keyword with one letter changed")
    func suggestsNeighbours() {
        for use in Self.uses where !use.name.contains(" ") && use.name.utf8.count > 4 && Self.uses.count(where: { $0.name == use.name }) == 1 {
            let wrong = String(use.name.dropLast(2)) + "_" + String(use.name.suffix(1))
            let names = use.place.firstWords
            #expect(Spelling.nearest(to: wrong, among: names) != nil, "\(wrong)")
        }
    }

    @Test("read the number of arguments from their shape")
    func countsArguments() {
        let shapes: [(String, ClosedRange<Int>)] = [
            ("", 0...0), ("<a>", 1...1), ("<a> [b]", 1...2), ("<a> <b|c> [<option> ...]", 2...64), ("[user <name>] [x|y]", 0...3), ("<text> ...", 1...64),
            ("<address>[,...]", 1...1), (LogLines.shape, 2...8),
        ]
        for (shape, counts) in shapes {
            let keyword = Keyword<GlobalSettings>("x", .global, shape, "") { _, _ in }
            #expect(keyword.argumentCounts == counts, "\(shape)")
        }
    }

    static let misses: [(section: String, word: String, suggestion: String?)] = [
        ("global", "maxcon", "maxconn"), ("global", "deamon", "daemon"), ("listen a", "sever", "server"), ("listen a", "blance", "balance"),
        ("listen a", "default_bakend", "default_backend"), ("probe a", "requires", "require"), ("gossip a", "keyfile", "key-file"),
        ("resolvers a", "namserver", "nameserver"), ("backend a", "zzzzzzzz", nil), ("backend a", "frontned", "frontend"),
    ]

    @Test("suggest the keyword that was probably meant", arguments: misses)
    func suggests(section: String, word: String, suggestion: String?) {
        let (_, diagnostics) = Configuration.read("\(section)\n \(word) x\n")
        #expect(diagnostics.first?.problem == .unknownKeyword(word, suggestion: suggestion))
    }
}

@Suite("Inheritance")
struct ConfigurationInheritanceTests {
    @Test("fills every field of the sections that follow")
    func readsEveryField() throws {
        let (configuration, _) = try Configuration.read(fixtures: ["every-keyword.cfg"])
        let shop = try #require(configuration.frontends.first)
        #expect(shop.connectionsMax == 1_000)
        #expect(shop.backlog == 2_048)
        #expect(shop.binds.count == 7)
        #expect(shop.binds.map(\.name) == ["shop", "shop", nil, nil, nil, nil, nil])
        #expect(shop.binds.map(\.isV6Only) == [true, true, nil, false, false, nil, nil])
        #expect(shop.binds[0].backlog == 64)
        #expect(shop.binds[2].permissions == 0o666)
        #expect(shop.binds.map(\.namespace) == [nil, nil, nil, nil, nil, nil, "blue"])
        #expect(shop.clientTimeout == .seconds(61))
        #expect(shop.clientFinTimeout == .seconds(3))
        #expect(shop.keepAlive.isOn)
        #expect(!shop.log.hidesEmptySessions)
        #expect(shop.log.sessions == .tcp)
        #expect(shop.log.tag == "shop")
        #expect(shop.log.targets.map(\.facility) == [19])
        #expect(shop.description == "shop front")
        #expect(shop.backend == 0)
        #expect(!shop.isListen)
        #expect(configuration.frontends.map(\.identifier) == [2, 4])
        #expect(configuration.backends.map(\.identifier) == [3, 4, 5, 6, 7])

        let replicas = try #require(configuration.backends.first)
        #expect(replicas.balance == .source)
        #expect(replicas.hashing.method == .consistent && replicas.hashing.function == .wt6)
        #expect(replicas.hashing.usesAvalanche && replicas.hashing.balanceFactor == 150)
        #expect(replicas.servers.map(\.hashKey).filter { $0 != .identifier } == [.addressAndPort])
        #expect(replicas.check == .mysql(MySQLCheckSettings()))
        #expect(!replicas.logsHealthChecks)
        #expect(replicas.retriesMax == 1)
        #expect(replicas.redispatch == .off)
        #expect(replicas.retriesConnects && !replicas.usesAllBackups)
        #expect(replicas.servers[7].connectionsMin == 5 && replicas.servers[7].queueMax == 9)
        #expect(replicas.greetingTimeout == .milliseconds(700) && replicas.retryBudgetPercent == 0)
        #expect(replicas.isServerFirst == false && !replicas.hedgesGreetings)
        let reports = configuration.backends.first { $0.name == "reports" }
        #expect(reports?.redispatch == .every(3) && reports?.usesAllBackups == true && reports?.retriesConnects == true)
        #expect(reports?.isServerFirst == true && reports?.hedgesGreetings == true && reports?.retryBudgetPercent == 100)
        #expect(replicas.keepAlive.isOn)
        #expect(replicas.fullConnections == 200)
        #expect(replicas.tunnelTimeout == .seconds(7_200))
        #expect(replicas.log.targets.map(\.facility) == [18, 16, 20])
        #expect(replicas.servers.map(\.name) == ["read01", "read02", "read03", "pool2", "pool3", "pool4", "read05", "read04"])
        #expect(replicas.servers.map(\.identifier) == [1, 2, 3, 4, 5, 6, 20, 8])
        #expect(replicas.servers.map(\.isTemplateSlot) == [false, false, false, true, true, true, false, false])
        #expect(replicas.servers.map(\.isBackup) == [false, true, false, false, false, false, false, false])
        #expect(replicas.servers.map(\.isDisabled) == [false, true, false, false, false, false, false, false])
        #expect(replicas.servers.map(\.namespace) == [nil, "green", nil, nil, nil, nil, nil, nil])
        #expect(replicas.servers.map { $0.check == nil } == [false, true, false, false, false, false, false, false])
        let check = try #require(replicas.servers[0].check)
        #expect(check.interval == .seconds(2) && check.fastInterval == .seconds(1) && check.downInterval == .seconds(5))
        #expect(check.rise == 3 && check.fall == 4 && check.port == 3_307 && check.address == .v4(0x0a00_0009))
        let named = Configuration.read("backend b\n server s 10.0.0.1:1 check addr checks.internal\n").configuration
        #expect(named.backends.first?.servers.first?.check?.addressName == "checks.internal")
        #expect(replicas.servers[0].initialAddresses == [.last, .libc, .none, .ip(.v4(0x0a00_0003))])
        #expect(replicas.servers[0].onMarkedDown == .shutdownSessions)
        #expect(replicas.servers[0].preference.family == .v6)
        #expect(replicas.servers[0].weight == 100 && replicas.servers[0].connectionsMax == 50)
        #expect(replicas.servers[2].port == .client(offset: 10))
        #expect(configuration.probes.first?.requirements.map(\.serversMin) == [2, 1])
        #expect(configuration.resolvers.first?.payloadBytesMax == 4_096)
        #expect(configuration.resolvers.first?.holdTimeout == .seconds(33))
        #expect(configuration.resolvers.first?.usesSystemNameservers == true)
        #expect(configuration.global.user == "tsukada" && configuration.global.group == "tsukada")
        #expect(configuration.global.statsSockets.map(\.rights.level) == [.admin, .user, .operator, .operator])
    }

    @Test("comes from the last defaults section, or from a named one where 'from' names it")
    func inheritsFromTheRightSection() {
        let text = """
            defaults first
                timeout client 1s
                retries 7
            backend a
            defaults
                timeout client 2s
            frontend b
                default_backend a
                bind :1
            frontend c from first
                default_backend a
                bind :2
            backend d
            backend e from first

            """
        let (configuration, diagnostics) = Configuration.read(text)
        // 'first' is used with and without 'from'.
        #expect(diagnostics.map(\.severity) == [.warning, .warning] && diagnostics.map(\.location.line) == [10, 14], "\(diagnostics)")
        #expect(configuration.frontends.map(\.clientTimeout) == [.seconds(2), .seconds(1)])
        #expect(configuration.backends.map(\.retriesMax) == [7, 3, 7])
    }

    @Test("adds log lines to those of defaults, and names the global ones once")
    func mergesLogs() {
        let text = """
            global
                log 10.0.0.1 local0
            defaults
                log global
            backend a
                log global
                log 10.0.0.2 local1
            backend b
                no log
            global
                log 10.0.0.3 local2

            """
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.backends.map { $0.log.targets.map(\.facility) } == [[16, 18, 17], []])
    }

    @Test("leaves tsukada's improvements over HAProxy on, unless the file turns them off")
    func hasOwnDefaults() {
        let plain = Configuration.read("listen a\n").configuration
        #expect(plain.backends.first?.redispatch == .on)
        #expect(plain.backends.first?.balance == .roundRobin)
        #expect(plain.backends.first?.keepAlive.isOn == true)
        #expect(plain.frontends.first?.keepAlive.isOn == true)
        #expect(plain.frontends.first?.connectionsMax == nil)
        let other = Configuration.read("defaults\n no option clitcpka\n no option srvtcpka\n no option redispatch\nlisten a\n").configuration
        #expect(other.backends.first?.redispatch == .off)
        #expect(other.backends.first?.keepAlive.isOn == false)
        #expect(other.frontends.first?.keepAlive.isOn == false)
    }

    @Test("counts a frontend's maxconn toward the fullconn of every backend that it names, a tenth rounded up: measured with haproxy 2.6")
    func fullConnections() {
        let text = """
            frontend f
                bind :1001
                maxconn 33
                use_backend used
                use_backend later
                default_backend standard
            frontend g
                bind :1002
                default_backend standard
            backend used
            backend standard
            backend later
            backend nowhere
            backend written
                fullconn 77
            listen own
                bind :1003
                maxconn 21
            listen own-and-used
                bind :1004
                maxconn 47
                use_backend other
            listen not-own
                bind :1005
                maxconn 51
                default_backend third
            listen off
                disabled
                bind :1006
                maxconn 99
                default_backend fourth
            frontend twice
                bind :1007
                maxconn 33
                use_backend both
                default_backend both
            backend other
            backend third
            backend fourth
            backend both

            """
        let configuration = Configuration.read(text).configuration
        let shown = zip(configuration.backends, configuration.fullConnections(sessionsMax: 150)).map { "\($0.name) \($1)" }
        #expect(
            shown == [
                "used 4", "standard 19", "later 4", "nowhere 1", "written 77", "own 3", "own-and-used 5", "not-own 1", "off 1", "other 5", "third 6",
                "fourth 1", "both 4",
            ])
        #expect(configuration.frontends.map { $0.backend.map { configuration.backends[$0].name } }[0] == "used")
    }

    @Test("refuses an undefined backend in every line that names one")
    func missingBackends() {
        let (_, diagnostics) = Configuration.read("frontend f\n bind :1\n use_backend a\n use_backend b\n default_backend c\nbackend a\n")
        #expect(diagnostics.filter { $0.severity == .alert }.map(\.location.line) == [4, 5], "\(diagnostics)")
    }

    @Test("takes keepalive's times in seconds, rounded up, and 0 as unset; a section inherits those of its defaults")
    func keepAlive() {
        let text = """
            defaults
                clitcpka-idle 90
                clitcpka-intvl 1500ms
                srvtcpka-cnt 127
            listen a
                clitcpka-cnt 5
                srvtcpka-idle 32767s
                srvtcpka-intvl 2m
                srvtcpka-cnt 0
            frontend b
                clitcpka-idle 0

            """
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(!diagnostics.contains { $0.severity == .alert }, "\(diagnostics)")
        #expect(configuration.frontends.map(\.keepAlive.idleSeconds) == [90, 120])
        #expect(configuration.frontends.map(\.keepAlive.intervalSeconds) == [2, 2])
        #expect(configuration.frontends.map(\.keepAlive.probes) == [5, 3])
        #expect(configuration.backends.first?.keepAlive == KeepAlive(idleSeconds: 32_767, intervalSeconds: 120, probes: 3))
        for line in ["clitcpka-idle 32768", "srvtcpka-intvl x", "clitcpka-cnt 128", "srvtcpka-cnt -1", "clitcpka-idle", "no clitcpka-idle 5s"] {
            #expect(Configuration.read("listen a\n \(line)\n").diagnostics.contains { $0.severity == .alert }, "\(line)")
        }
    }

    @Test("creates a resolvers section 'default' from the machine's settings, as in HAProxy")
    func makesDefaultResolvers() {
        let (configuration, diagnostics) = Configuration.read("backend a\n timeout connect 1s\n timeout server 1s\n server s db:1 resolvers default\n")
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        #expect(configuration.resolvers.map(\.name) == ["default"])
        #expect(configuration.resolvers.first?.usesSystemNameservers == true)
    }

    static let limits: [(text: String, what: String)] = [
        ("backend a\n server-template s 4097 db:1\n", "servers"),
        ("backend a\n server-template s 4096 db:1\n server t db:1\n", "servers"),
        ("frontend a\n bind :1-1025\n", "addresses on a 'bind' line"),
        ("frontend a\n bind :1-1024\n bind :2000\n", "addresses"),
        ("global\n" + String(repeating: " log 1.2.3.4 local0\n", count: 65), "'log' lines"),
        ((0...4_096).map { "backend b\($0)\n" }.joined(), "sections"),
        ("resolvers a\n" + (0...16).map { " nameserver n\($0) 1.2.3.4:53\n" }.joined(), "nameservers"),
    ]

    @Test("and all other lists have limits", arguments: limits)
    func hasLimits(text: String, what: String) {
        let problems = Configuration.read(text).diagnostics.map(\.problem)
        #expect(problems.contains { if case .tooMany(what, _) = $0 { true } else { false } }, "\(problems)")
    }
}
