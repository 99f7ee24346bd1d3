import Glibc
import Proxy
import Support
import Testing

@testable import NodeAgent

@Suite("The messages of a start")
struct StartMessagesTests {
    private static let timeouts = " timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
    private static let haproxy = "/usr/sbin/haproxy"

    /// A file with `text` while `body` runs.
    private func withFile<Result>(_ text: String, _ body: (String) throws -> Result) throws -> Result {
        let path = "/tmp/tsukada-messages-\(getpid())-\(UInt32.random(in: 0 ... .max)).cfg"
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        defer { remove(path) }
        return try body(path)
    }

    @Test("count warnings, also those that -q hides, and errors")
    func counts() {
        let diagnostics = Configuration.read("listen a\n bind :1\n blance x\n").diagnostics + Configuration.read("listen a\n bind :1\n").diagnostics
        for isQuiet in [true, false] {
            let messages = StartMessages(isQuiet: isQuiet, isLog: true)
            #expect(messages.report(diagnostics) == 1 && messages.warningsCount == 1)
            messages.report(.warning, "a test's warning")
            messages.report(.notice, "a test's notice")
            #expect(messages.warningsCount == 2)
        }
    }

    @Test("about a valid file are those of haproxy 2.6, and -q hides them")
    func validText() throws {
        let plain = try CommandLineOptions.parse(["-c", "-f", "x"])
        #expect(plain.validText(hasWarnings: true, isQuiet: plain.isQuiet) == "Warnings were found.\nConfiguration file is valid\n")
        let quiet = try CommandLineOptions.parse(["-c", "-q", "-f", "x"])
        #expect(quiet.validText(hasWarnings: true, isQuiet: quiet.isQuiet).isEmpty)
        let verbose = try CommandLineOptions.parse(["-c", "-q", "-V", "-f", "x"])
        #expect(verbose.validText(hasWarnings: false, isQuiet: verbose.isQuiet) == plain.validText(hasWarnings: false, isQuiet: false))
    }

    /// Files, options and the exit codes of haproxy 2.6 and 3.5.
    static let checks: [(text: String, options: [String], code: Int32)] = [
        ("listen a\n bind 127.0.0.1:1\n" + timeouts, [], 0), ("listen a\n bind 127.0.0.1:1\n" + timeouts, ["-dW"], 0),
        ("listen a\n bind 127.0.0.1:1\n", [], 0), ("listen a\n bind 127.0.0.1:1\n", ["-dW"], 1), ("listen a\n bind 127.0.0.1:1\n blance x\n", [], 1),
        ("", ["-f", "/nonexistent/x.cfg"], 1),
    ]

    @Test("end with HAProxy's exit codes", arguments: checks.indices)
    func exitCodes(index: Int) throws {
        let (text, options, code) = Self.checks[index]
        try withFile(text) { path in
            #expect(Startup.run(arguments: ["-c", "-q", "-f", path] + options, environment: [:]) == code)
            guard access(Self.haproxy, X_OK) == 0 else { return }
            let (status, output) = try ChildProcess.run([Self.haproxy, "-c", "-f", path] + options)
            #expect(status == code, "\(output)")
            let plain = try CommandLineOptions.parse(["-c", "-f", path])
            if code == 0 { #expect(output.hasSuffix(plain.validText(hasWarnings: output.contains("[WARNING]"), isQuiet: false)), "\(output)") }
        }
    }
}

@Suite("Names without an address")
struct StartNamesTests {
    /// Names that no host can have, so that the answer needs no nameserver.
    private func configuration() throws -> AgentConfiguration {
        let text = """
            global
                log log.test:514 local0
                stats socket stats.test:9999
            listen a
                log global
                bind front.test:3306
                bind 127.0.0.1:1
                server s one.test:3306
                server t two.test:3306 check addr check.test agent-check agent-port 1 agent-addr agent.test
                server-template u 3 three.test:3306
                server v 127.0.0.1:1
            probe p
                bind probe.test:3307

            """
        var configuration = Configuration.read(text).configuration
        func bad(_ endpoint: Endpoint) -> Endpoint { if case .name(let name, let port) = endpoint { .name("no \(name)", port: port) } else { endpoint } }
        for place in configuration.global.logTargets.indices {
            configuration.global.logTargets[place].endpoint = bad(configuration.global.logTargets[place].endpoint)
        }
        configuration.global.statsSockets[0].bind.endpoint = bad(configuration.global.statsSockets[0].endpoint)
        for place in configuration.frontends[0].binds.indices {
            configuration.frontends[0].binds[place].endpoint = bad(configuration.frontends[0].binds[place].endpoint)
        }
        for place in configuration.frontends[0].log.targets.indices {
            configuration.frontends[0].log.targets[place].endpoint = bad(configuration.frontends[0].log.targets[place].endpoint)
        }
        configuration.backends[0].log.targets = configuration.frontends[0].log.targets
        for place in configuration.backends[0].servers.indices {
            configuration.backends[0].servers[place].endpoint = bad(configuration.backends[0].servers[place].endpoint)
            if let name = configuration.backends[0].servers[place].check?.addressName {
                configuration.backends[0].servers[place].check?.addressName = "no \(name)"
            }
            if let name = configuration.backends[0].servers[place].agent?.check.addressName {
                configuration.backends[0].servers[place].agent?.check.addressName = "no \(name)"
            }
        }
        configuration.probes[0].binds[0].endpoint = bad(configuration.probes[0].binds[0].endpoint)
        return configuration
    }

    @Test("are all reported in one run, each line once for each name")
    func reportsAll() throws {
        let configuration = try configuration()
        for checksOnly in [true, false] {
            var names = NameResolution(lookup: NameLookup(hosts: "", resolvConf: "nameserver 127.0.0.1", port: 1), checksOnly: checksOnly)
            names.ask(for: configuration, own: nil)
            names.resolvePlaces(of: configuration, own: nil)
            #expect(names.failures.map(\.location.line) == [6, 13, 3, 2], "\(names.failures)")
            names.resolveServers(of: configuration)
            #expect(names.failures.map(\.location.line) == [6, 13, 3, 2, 8, 9, 9, 9, 10], "\(names.failures)")
            #expect(names.failures.allSatisfy { $0.severity == .alert } && names.warnings.isEmpty)
            #expect(
                names.failures.first?.description
                    == "t.cfg:6: 'listen a' cannot listen: cannot resolve 'no front.test': neither an address nor a host name; "
                    + "add the name to /etc/hosts or to DNS, or write the address")
        }
    }

    @Test("include those of this node's gossip line, with '-c' as well")
    func gossip() throws {
        func line(_ bind: String, node: String) throws -> Int? {
            let text = "gossip g\n node one own.test:7946\n node two 10.0.0.2:7946\n key-file /k\n\(bind)"
            return try #require(Configuration.read(text).configuration.gossip).checkedNode(named: node)?.location.line
        }
        #expect(try line("", node: "one") == 2 && line("", node: "two") == 3 && line("", node: "three") == nil)
        #expect(try line(" bind *:7946\n", node: "two") == 3 && line(" bind *:7946\n", node: "three") == 2)
    }

    @Test("are shown on their lines")
    func showsLine() throws {
        let text = "listen a\n bind front.test:3306\n server front.test 127.0.0.1:1 check\n"
        let problem = ConfigurationProblem.custom("'listen a' cannot listen: cannot resolve 'front.test': no such name according to 10.0.0.2", advice: "x")
        let diagnostic = Diagnostic(severity: .alert, location: ConfigurationLocation(file: "t.cfg", line: 2), section: nil, problem: problem)
        let located = ConfigurationReader(environment: [:]).locating([diagnostic], in: [("t.cfg", Array(text.utf8))])
        #expect(located.first?.excerpt?.rendered.source == " bind front.test:3306")
        #expect(located.first?.excerpt?.rendered.carets == "      ^^^^^^^^^^")
    }
}
