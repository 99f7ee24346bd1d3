import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Variables that lines of 'global' change")
struct ConfigurationEnvironmentTests {
    private static func messages(_ text: String, environment: [String: String] = ["HOME": "/root", "PATH": "/bin"], givenName: String? = nil) -> [String] {
        let reader = ConfigurationReader(environment: environment, localPeer: "host", givenName: givenName)
        return reader.read(files: [("t.cfg", Array(text.utf8))]).diagnostics.compactMap { if case .message(let text) = $0.problem { text } else { nil } }
    }

    @Test("have their value in the lines that follow, as in haproxy 2.6")
    func follows() {
        let text = """
            global
                setenv A 1
                presetenv A 2
                presetenv B "x y"
            .notice "A=$A B=$B"
                unsetenv A HOME
            .notice "A=${A-no} HOME=${HOME-no}"
            .if defined(B)
            .notice "has B"
            .endif
                resetenv B
            .notice "B=$B PATH=${PATH-none} PEER=${HAPROXY_LOCALPEER-nil}"

            """
        #expect(Self.messages(text) == ["A=1 B=x y", "A=no HOME=no", "has B", "B=x y PATH=none PEER=nil"])
    }

    @Test("reach later sections and files, and the programs that the node runs")
    func reaches() throws {
        let first = "global\n setenv PORT 3307\n unsetenv HOME\n"
        let second = "listen l\n bind \":$PORT\"\n server s \"10.0.0.1:${PORT}\"\n"
        let reader = ConfigurationReader(environment: ["HOME": "/root"], localPeer: "host")
        let (configuration, _) = reader.read(files: [("a.cfg", Array(first.utf8)), ("b.cfg", Array(second.utf8))])
        #expect(configuration.frontends.first?.binds.first?.endpoint.port == 3_307)
        let environment = configuration.global.environment
        #expect(environment["PORT"] == "3307" && environment["HOME"] == nil && environment["HAPROXY_LOCALPEER"] == "host")
    }

    @Test("or not: the programs that the node runs get HAProxy's variables with the others", arguments: ["nbthread 1", "presetenv A 2"])
    func programs(line: String) {
        let environment = Configuration.read("global\n \(line)\n", environment: ["A": "1"]).configuration.global.environment
        #expect(environment.keys.sorted() == ["A", "HAPROXY_BRANCH", "HAPROXY_CFGFILES", "HAPROXY_LOCALPEER"] && environment["A"] == "1")
    }

    @Test("are limited in number", arguments: ["setenv", "presetenv"])
    func limit(keyword: String) {
        let own = Configuration.read("").configuration.global.environment.count
        let lines = (own...EnvironmentKeywords.variablesMax).map { " \(keyword) V\($0) x\n" }.joined()
        let problems = Configuration.read("global\n" + lines).diagnostics.map(\.problem)
        #expect(problems == [.tooMany(what: "environment variables", limit: EnvironmentKeywords.variablesMax)])
    }

    @Test("include HAPROXY_LOCALPEER: 'localpeer' sets it, and '-L' takes precedence with a warning")
    func localPeer() {
        let text = "global\n localpeer mine\n.notice \"$HAPROXY_LOCALPEER\"\n"
        #expect(Self.messages(text) == ["mine"])
        #expect(Self.messages(text, givenName: "given") == ["given"])
        let reader = ConfigurationReader(environment: [:], givenName: "given")
        let warnings = reader.read(files: [("t.cfg", Array(text.utf8))]).diagnostics.filter { $0.severity == .warning }
        #expect(warnings.map(\.problem) == [.noEffect("localpeer", advice: "the name given with '-L given' takes precedence")])
    }

    @Test("need a name and a value", arguments: ["setenv A", "setenv A=B 1", "setenv \"\" 1", "setenv A b c", "presetenv A", "unsetenv", "unsetenv A=B"])
    func refuses(line: String) { #expect(!Configuration.alerts(Configuration.read("global\n \(line)\n").diagnostics).isEmpty) }

    @Test("and 'default-path' have HAProxy's forms")
    func defaultPath() {
        let forms = [
            ("current", true), ("config", true), ("parent", true), ("origin /etc", true), ("origin", false), ("other", false), ("config x", false),
        ]
        for (words, isAccepted) in forms {
            let (_, diagnostics) = Configuration.read("global\n default-path \(words)\n")
            #expect(Configuration.alerts(diagnostics).isEmpty == isAccepted, "\(words)")
        }
    }
}

@Suite("'unix-bind'")
struct ConfigurationUnixBindTests {
    private static let text = """
        global
            unix-bind prefix /run/tsukada mode 600 user alice
            unix-bind gid 7
            stats socket /run/stats.sock
        listen a
            bind /a.sock
            bind unix@/b.sock mode 666
            bind 127.0.0.1:1
            bind abns@d
        probe p
            bind *:2

        """

    @Test("applies to the paths of proxies, and options of the line take precedence: measured with haproxy 2.6")
    func applies() throws {
        let (configuration, diagnostics) = Configuration.read(Self.text)
        #expect(Configuration.alerts(diagnostics).isEmpty)
        let binds = try #require(configuration.frontends.first?.binds)
        #expect(binds.map(\.endpoint.description) == ["/run/tsukada/a.sock", "/run/tsukada/b.sock", "127.0.0.1:1", "abns@d"])
        #expect(binds.map(\.permissions) == [0o600, 0o666, nil, nil])
        #expect(binds.map(\.user) == ["alice", "alice", nil, nil] && binds.map(\.group) == ["7", "7", nil, nil])
        let stats = try #require(configuration.global.statsSockets.first).bind
        #expect(stats.endpoint == .unix("/run/stats.sock") && stats.permissions == nil && stats.user == nil)
    }

    @Test("has the first of several prefixes, with a warning, as in haproxy 2.6, and the last of several owners")
    func repeated() {
        let text = "global\n unix-bind prefix /run prefix /a user a\n unix-bind prefix /b user b\nlisten a\n bind /a.sock\n"
        let (configuration, diagnostics) = Configuration.read(text)
        let duplicates = diagnostics.filter { $0.problem.what == "duplicate 'unix-bind prefix'" }
        #expect(duplicates.map(\.location.line) == [2, 3] && duplicates.allSatisfy { $0.severity == .warning })
        #expect(configuration.frontends.first?.binds.first?.endpoint == .unix("/run/a.sock"))
        #expect(configuration.global.unixBind.user?.text == "b" && configuration.global.unixBind.user?.location.line == 3)
    }

    @Test("makes two paths equal that are the same with the prefix")
    func duplicates() {
        let text = "global\n unix-bind prefix /run\n stats socket /run/a.sock\nlisten a\n bind /a.sock\n"
        #expect(Configuration.alerts(Configuration.read(text).diagnostics).count == 1)
    }
}

@Suite("'defaults' with names")
struct ConfigurationNamedDefaultsTests {
    private static func warnings(_ text: String) -> [Int] {
        Configuration.read(text).diagnostics.filter { $0.problem.what.contains("with and without") }.map(\.location.line)
    }

    @Test("cause a warning where a section uses them in the other way than an earlier one, as in HAProxy")
    func mixed() {
        #expect(Self.warnings("defaults d\nbackend a\nbackend b from d\nbackend c\n") == [3, 4])
        #expect(Self.warnings("defaults d\nbackend a from d\nbackend b\n") == [3])
        #expect(Self.warnings("defaults d\ndefaults e from d\nbackend a\n") == [])
        #expect(Self.warnings("defaults d\ndefaults\nbackend a from d\nbackend b\n") == [])
        #expect(Self.warnings("defaults\nbackend a\nbackend b\n") == [])
    }

    @Test("may have any name, but 'from' needs a valid one")
    func names() {
        #expect(Configuration.alerts(Configuration.read("defaults a!\nbackend b\n").diagnostics).isEmpty)
        #expect(Configuration.alerts(Configuration.read("defaults a!\nbackend b from a!\n").diagnostics).count == 1)
    }
}
