import Proxy
import Testing

@testable import NodeAgent

@Suite("A configuration error")
struct ConfigurationErrorTests {
    @Test("is reported with its line, the wrong word and advice, and is the only message", arguments: PlantedError.all)
    func reportsPlantedError(error: PlantedError) throws {
        let bytes = try Configuration.bytes(of: "errors/\(error.fixture).cfg")
        let (_, diagnostics) = ConfigurationReader(environment: [:]).read(files: [("haproxy.cfg", bytes)])
        let alerts = Configuration.alerts(diagnostics)
        #expect(alerts == ["haproxy.cfg:\(error.line): \(error.what); \(error.advice)"])
    }

    @Test("does not occur in the correct file")
    func correctFileIsCorrect() throws {
        #expect(try Configuration.read(fixtures: ["correct.cfg"]).diagnostics.isEmpty)
    }

    @Test("is listed in the table, for every fixture")
    func tableIsComplete() throws {
        let folder = try ConfigurationFiles.load(["\(Configuration.folder)/Fixtures/Configuration/errors"])
        let names = folder.map { $0.name.split(separator: "/").last.map(String.init) ?? "" }
        #expect(names == PlantedError.all.map { $0.fixture + ".cfg" }.sorted())
        #expect(names.count >= 50)
    }

    @Test("does not stop the reader: all errors are reported, in order")
    func reportsAllErrors() {
        let (_, diagnostics) = Configuration.read("global\n daemom\n maxconn x\nlisten a\n bind :1 foo\n server s 1.2.3.4 chek\n")
        #expect(diagnostics.map(\.location.line) == [2, 3, 5, 6])
    }

    @Test("is not shown beyond a limit")
    func limitsDiagnostics() {
        let (_, diagnostics) = Configuration.read("global\n" + String(repeating: " daemom\n", count: 1_000))
        #expect(diagnostics.count == DiagnosticSummary.shownMax)
        #expect(
            diagnostics.last?.problem
                == .custom("more than \(DiagnosticSummary.shownMax - 1) problems", advice: "correct these first: the others are not shown"))
    }

    @Test("names keywords of later milestones, in a file that uses much of HAProxy")
    func namesWhatComesLater() throws {
        let (_, diagnostics) = try Configuration.read(fixtures: ["log-lines.cfg"])
        let expected: [(line: Int, word: String)] = [
            (62, "acl"), (63, "tcp-request"), (64, "tcp-request"), (84, "log-format"),
        ]
        let unsupported = diagnostics.flatMap(\.refused).sorted { $0.line < $1.line }
        #expect(unsupported.map(\.line) == expected.map(\.line))
        #expect(unsupported.map(\.keyword) == expected.map(\.word))
        let others = diagnostics.filter { $0.refused.isEmpty }
        #expect(others.map(\.problem) == [.surplusArgument("clf", of: "option tcplog", shape: "")])
    }

    @Test("is 'mode http' where the proxy stays in HTTP; the lines of Debian's defaults cause no message in other proxies")
    func acceptsHTTPInDefaults() {
        let text = """
            defaults
                log global
                mode http
                option httplog
                option forwardfor
                timeout http-request 5s
                errorfile 503 /etc/haproxy/errors/503.http
                timeout connect 5s
                timeout client 5s
                timeout server 5s
            listen a
                mode tcp
                bind :1
            listen b
                bind :2

            """
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(!diagnostics.contains { $0.severity == .notice || $0.location.line < 10 }, "\(diagnostics)")
        #expect(
            Configuration.alerts(diagnostics) == [
                "t.cfg:14: unsupported 'mode http' in section 'listen b'; it comes from t.cfg:3, and tsukada forwards TCP only: keep HAProxy for this proxy"
            ])
        #expect(configuration.frontends.map(\.log.sessions) == [.tcp, .tcp])
    }

    @Test("prevents a TLS port from opening in clear text", arguments: ["ssl", "ssl crt x.pem", "crt x.pem", "alpn h2", "verify required", "ca-file x"])
    func refusesTLS(option: String) {
        for line in ["bind :1 \(option)", "server s 1.2.3.4:1 \(option)"] {
            let (_, diagnostics) = Configuration.read("listen a\n timeout client 1s\n \(line)\n")
            #expect(diagnostics.contains { if case .encryption = $0.problem { $0.severity == .alert } else { false } }, "\(line)")
        }
    }

    @Test("is only a warning for keywords that HAProxy ignores", arguments: [("frontend", "retries 2"), ("backend", "bind :1"), ("backend", "maxconn 1")])
    func warnsOfTheOtherSide(section: String, line: String) {
        let (_, diagnostics) = Configuration.read("\(section) a\n \(line)\n")
        #expect(diagnostics.first?.severity == .warning)
        #expect(diagnostics.first?.location.line == 2)
    }

    @Test("is only a warning for missing timeouts, as in HAProxy")
    func warnsOfMissingTimeouts() {
        let (_, diagnostics) = Configuration.read("listen a\n bind :1\n server s 1.2.3.4:1\n")
        #expect(diagnostics.map(\.problem) == [.missingTimeouts(["client", "connect", "server"])])
        #expect(diagnostics.map(\.severity) == [.warning])
    }

    @Test("is a check of a server without a port")
    func refusesCheckWithoutPort() {
        let text = "backend a\n server s 1.2.3.4 check\n server t 1.2.3.4 check port 1\n server u /run/u check\n server v 1.2.3.4\n"
        let (_, diagnostics) = Configuration.read(text)
        #expect(
            Configuration.alerts(diagnostics) == [
                "t.cfg:2: missing 'port' in section 'backend a'; write 'check port 3306', or a port after the address: 'db1.internal:3306'"
            ])
    }

    @Test("is only a warning when a global section overrides an earlier one")
    func warnsOfOverriding() {
        let (configuration, diagnostics) = Configuration.read("global\n maxconn 1\nglobal\n maxconn 2\n")
        #expect(configuration.global.connectionsMax == 2)
        #expect(diagnostics.map(\.description) == ["t.cfg:4: duplicate 'maxconn' in section 'global'; the last one wins: remove the one at t.cfg:2"])
        let users = Configuration.read("global\n user a\n uid 5\n")
        #expect(users.configuration.global.user == "5")
        #expect(users.diagnostics.map(\.problem) == [.overwritten("uid", first: ConfigurationLocation(file: "t.cfg", line: 2))])
    }

    @Test(
        "is text in parentheses after a keyword that takes none, as in HAProxy",
        arguments: ["timeout client(foo) 5s", "option tcplog(x)", "tcp-check send(a) b", "http-check disable-on-404(x)", "option forwardfor(x)"])
    func parentheses(line: String) {
        let diagnostics = Configuration.read("defaults\n timeout connect 1s\n \(line)\n").diagnostics
        let words = line.split(separator: " ").map(String.init)
        #expect(Configuration.alerts(diagnostics).count == 1 && diagnostics.first?.problem.what == "unknown word '\(words[1])' after '\(words[0])'")
    }

    @Test("is a name that two proxies share, as in HAProxy since 3.3")
    func refusesOneNameTwice() {
        let (_, diagnostics) = Configuration.read("frontend a\n default_backend a\nbackend a\n")
        #expect(
            Configuration.alerts(diagnostics) == ["t.cfg:3: duplicate proxy 'a' in section 'backend a'; the first is at t.cfg:1: give this one another name"])
    }

    @Test("is not an 'nbthread' after other sections, which a second file may contain", arguments: ["defaults", "listen a", "resolvers a"])
    func takesLateThreads(section: String) {
        let (configuration, diagnostics) = Configuration.read("\(section)\nglobal\n nbthread 2\n")
        #expect(Configuration.alerts(diagnostics).isEmpty && configuration.global.threads == 2)
    }

    @Test("is a server in a frontend, as in HAProxy", arguments: ["server s 1.2.3.4:1", "server-template s 2 db:1", "default-server check"])
    func refusesServersInFrontend(line: String) {
        let (_, diagnostics) = Configuration.read("frontend a\n \(line)\n")
        let keyword = String(line.prefix { $0 != " " })
        #expect(Configuration.alerts(diagnostics).first?.hasPrefix("t.cfg:2: misplaced keyword '\(keyword)' in section 'frontend a'; move it to") == true)
    }

    @Test("is not a byte order mark at the beginning of a file")
    func byteOrderMark() {
        #expect(Configuration.read("\u{feff}global\n maxconn 1\n").diagnostics.isEmpty)
        let twice = Configuration.read("\u{feff}\u{feff}global\n maxconn 1\n")
        #expect(twice.diagnostics.first?.problem == .outsideSection("\u{feff}global", sections: ConfigurationSections.all.names, suggestion: "global"))
    }

    @Test("is a file larger than the limit")
    func refusesHugeFile() {
        let bytes = [UInt8](repeating: 0x0a, count: ConfigurationReader.fileBytesMax + 1)
        let (_, diagnostics) = ConfigurationReader(environment: [:]).read(files: [("t.cfg", bytes)])
        #expect(diagnostics.map(\.problem) == [.tooMany(what: "bytes in a file", limit: ConfigurationReader.fileBytesMax)])
    }
}
