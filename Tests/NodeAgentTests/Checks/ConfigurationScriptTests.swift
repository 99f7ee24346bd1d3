import Proxy
import Testing

@testable import NodeAgent

@Suite("The rules of checks in a file")
struct ConfigurationScriptTests {
    private static let timeouts = " timeout connect 1s\n timeout server 1s\n"

    private static func backend(_ lines: [String], server: String = "server s 127.0.0.1:9 check") -> String {
        "backend b\n" + timeouts + lines.map { " \($0)\n" }.joined() + " \(server)\n"
    }

    private static func script(_ text: String) throws -> CheckScript? {
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(Configuration.alerts(diagnostics).isEmpty, "\(text)\n\(diagnostics)")
        guard case .script(let script)? = configuration.backends.first?.check else { return nil }
        return script
    }

    /// What each step does: "connect", "send A", "expect status".
    private static func steps(_ script: CheckScript?) -> [String] {
        script?.steps.map { step in
            switch step.action {
            case .connect(let connect): connect.isImplied ? "implied" : "connect"
            case .send(.bytes(let bytes)): "send \(String(decoding: bytes, as: UTF8.self))"
            case .send(.request(let request)): "request \(request.method ?? "-") \(request.target.map { Self.text($0) } ?? "-")"
            case .send: "send format"
            case .expect(let expectation):
                switch expectation.match {
                case .status: "expect status"
                case .string(let bytes): "expect \(String(decoding: bytes, as: UTF8.self))"
                default: "expect"
                }
            case .set, .setText: "set"
            case .unset: "unset"
            }
        } ?? ["no script"]
    }

    private static func text(_ format: CheckFormat) -> String {
        format.parts.map { if case .literal(let bytes) = $0 { String(decoding: bytes, as: UTF8.self) } else { "%" } }.joined()
    }

    /// Measured with haproxy 2.6: which rules a section uses.
    static let inheritance: [(defaults: [String], own: [String], steps: [String])] = [
        (["option httpchk GET /x", "http-check expect string hello"], [], ["implied", "request GET /x", "expect hello"]),
        (["option httpchk GET /x", "http-check expect string a"], ["http-check send hdr Host x"], ["implied", "request - -", "expect status"]),
        (["option httpchk GET /x", "http-check expect string a"], ["option httpchk GET /y"], ["implied", "request GET /y", "expect status"]),
        (["option httpchk GET /x", "http-check expect string a"], ["http-check expect string b"], ["implied", "expect b"]),
        (["http-check expect string a"], ["option httpchk GET /y"], ["implied", "request GET /y", "expect status"]),
        (["option tcp-check", "tcp-check send A"], ["option tcp-check"], ["implied", "send A"]),
        (["tcp-check send A"], ["option tcp-check"], ["implied"]),
        (["option tcp-check", "tcp-check send A"], ["tcp-check expect string B"], ["implied", "expect B"]),
        (["option tcp-check", "tcp-check send A"], ["option httpchk"], ["implied", "request - -", "expect status"]),
        (["option httpchk GET /x", "http-check expect string a"], ["option tcp-check"], ["implied"]),
        (["option httpchk GET /x"], ["option tcp-check", "option httpchk"], ["implied", "request - -", "expect status"]),
        (["option httpchk GET /x"], ["option mysql-check"], ["no script"]),
        ([], ["http-check expect status 200"], ["no script"]), ([], ["option httpchk", "option redis-check", "option tcp-check"], ["implied"]),
    ]

    @Test("are those of 'defaults' only while a section has no own rule", arguments: inheritance.indices)
    func inherits(index: Int) throws {
        let (defaults, own, steps) = Self.inheritance[index]
        let text = "defaults\n" + defaults.map { " \($0)\n" }.joined() + Self.backend(own)
        #expect(Self.steps(try Self.script(text)) == steps, "\(text)")
    }

    @Test("keep disable-on-404 and send-state of 'defaults'")
    func inheritsSettings() throws {
        let text = "defaults\n http-check disable-on-404\n http-check send-state\n" + Self.backend(["option httpchk"])
        let script = try #require(try Self.script(text))
        #expect(script.passesOn404 && script.sendsState)
        let plain = try #require(try Self.script(Self.backend(["option httpchk"])))
        #expect(!plain.passesOn404 && !plain.sendsState)
    }

    @Test("count from 1 in the file, with comments and variables; an implied connect has no number")
    func numbers() throws {
        let script = try Self.script(
            Self.backend([
                "option tcp-check", "tcp-check set-var(check.a) int(1)", "tcp-check comment x", "tcp-check connect", "tcp-check send A",
            ]))
        #expect(script?.steps.map(\.number) == [1, 3, 4] && script?.steps.map(\.comment) == [nil, "x", nil])
        let implied = try Self.script(Self.backend(["option tcp-check", "tcp-check unset-var(sess.a)", "tcp-check send A"]))
        #expect(Self.steps(implied) == ["implied", "unset", "send A"] && implied?.steps.map(\.number) == [0, 1, 2])
    }

    @Test("put the request of the option after the first connect")
    func requestPlace() throws {
        let own = try Self.script(
            Self.backend(["option httpchk GET /o", "http-check set-var(check.a) int(1)", "http-check connect port 8", "http-check send uri /p"]))
        #expect(Self.steps(own) == ["set", "connect", "request GET /p", "expect status"])
        let early = try Self.script(Self.backend(["http-check connect port 8", "http-check expect status 200", "option httpchk GET /o"]))
        #expect(Self.steps(early) == ["connect", "request GET /o", "expect status"])
        let two = try Self.script(
            Self.backend([
                "option httpchk GET /o", "http-check connect port 8", "http-check send hdr A b", "http-check expect status 200", "http-check connect port 9",
                "http-check send uri /b",
            ]))
        #expect(Self.steps(two) == ["connect", "request GET /o", "expect status", "connect", "request - /b", "expect status"])
    }

    @Test("read the options of a connect")
    func connects() throws {
        let script = try #require(
            try Self.script(
                Self.backend([
                    "option tcp-check", "tcp-check connect default port 110 send-proxy linger comment c", "tcp-check connect addr 10.0.0.1:143",
                    "tcp-check connect addr [::1] port var(check.port)",
                ])))
        var first = CheckConnect(usesServerOptions: true)
        (first.port, first.sendsProxyHeader, first.lingers) = (.fixed(110), true, true)
        var second = CheckConnect()
        (second.address, second.addressPort) = (.v4(0x0a00_0001), 143)
        var third = CheckConnect()
        (third.address, third.port) = (.v6(high: 0, low: 1), .expression(CheckExpression(.variable("check.port"), [])))
        #expect(script.steps.map(\.action) == [.connect(first), .connect(second), .connect(third)])
        #expect(script.steps[0].comment == "c" && script.connectsElsewhere && !script.hasOwnPorts)
    }

    @Test("let a server have no port if every connect has one")
    func ports() {
        let portless = "server s 127.0.0.1 check"
        let accepted = [
            ["option tcp-check", "tcp-check connect port 1"], ["option tcp-check", "tcp-check connect addr 10.0.0.1:1", "tcp-check connect port 2"],
        ]
        let refused = [
            [], ["option tcp-check"], ["option tcp-check", "tcp-check connect"], ["option tcp-check", "tcp-check connect port 1", "tcp-check connect"],
            ["tcp-check connect port 1"], ["option redis-check"],
        ]
        for lines in accepted { #expect(Configuration.alerts(Configuration.read(Self.backend(lines, server: portless)).diagnostics).isEmpty, "\(lines)") }
        for lines in refused {
            let problems = Configuration.read(Self.backend(lines, server: portless)).diagnostics.filter { $0.severity == .alert }.map(\.problem)
            #expect(problems.count == 1, "\(lines)")
            for case .missingLine(let keyword, _) in problems { #expect(keyword == "port") }
        }
        #expect(Configuration.alerts(Configuration.read(Self.backend(["option redis-check"], server: "server s 127.0.0.1 check port 1")).diagnostics).isEmpty)
    }

    static let mistakes: [(line: String, what: String)] = [
        ("tcp-check expect string x rstring y", "unexpected 'rstring' after 'tcp-check expect'"),
        ("tcp-check expect comment x", "missing argument after 'tcp-check expect'"),
        ("tcp-check expect rstring (", "invalid regular expression '(' after 'tcp-check expect'"),
        ("tcp-check expect status 200", "unknown word 'status' after 'tcp-check expect'"),
        ("tcp-check expect min-recv -2 string a", "invalid value '-2' for 'tcp-check expect'"),
        ("tcp-check expect ok-status L7RSP string a", "unknown word 'L7RSP' after 'tcp-check expect'"),
        ("tcp-check expect on-error %[foo] string a", "unknown word 'foo' after 'tcp-check expect'"),
        ("tcp-check expect on-error %[src] string a", "unsupported 'src'"), ("tcp-check send-lf %[str(a),base64]", "unsupported 'base64'"),
        ("tcp-check send-lf %[str(a),lowr]", "unknown word 'lowr' after 'tcp-check send-lf'"),
        ("tcp-check send-lf \"%[str(a), lower]\"", "invalid value ' lower' for 'tcp-check send-lf'"),
        ("tcp-check send-lf %[]", "invalid value '%[]' for 'tcp-check send-lf'"), ("tcp-check send-lf 100%", "invalid value '%' for 'tcp-check send-lf'"),
        ("tcp-check send-lf %x", "invalid value '%x' for 'tcp-check send-lf'"), ("tcp-check send-lf %{+Q}[str(a)]", "unsupported '%{+Q}[str(a)]'"),
        ("tcp-check send-lf %[var(foo)]", "invalid value 'var(foo)' for 'tcp-check send-lf'"), ("tcp-check send-lf %[var(txn.x)]", "unsupported 'var(txn.x)'"),
        ("tcp-check expect status-code 5 string a", "invalid value '5' for 'tcp-check expect'"),
        ("tcp-check expect status-code %[int(5)] string a", "invalid value '%[int(5)]' for 'tcp-check expect'"),
        ("tcp-check expect error-status L7OK string a", "unknown word 'L7OK' after 'tcp-check expect'"),
        ("tcp-check connect port abc", "invalid value 'abc' for 'tcp-check connect'"),
        ("tcp-check connect port -1", "invalid value '-1' for 'tcp-check connect'"), ("tcp-check connect port src_port", "unsupported 'src_port'"),
        ("tcp-check connect port int(70000)", "invalid value 'int(70000)' for 'tcp-check connect'"),
        ("tcp-check set-var(a) int(1)", "invalid value 'set-var(a)' for 'tcp-check set-var'"),
        ("tcp-check set-var(check.a-b) int(1)", "invalid value 'set-var(check.a-b)' for 'tcp-check set-var'"),
        ("tcp-check unset-var(zz.a)", "invalid value 'unset-var(zz.a)' for 'tcp-check unset-var'"),
        ("tcp-check expect on-error %[str(] string a", "invalid value '%[str(]' for 'tcp-check expect'"),
        ("tcp-check send-binary abc", "invalid value 'abc' for 'tcp-check send-binary'"),
        ("tcp-check send-binary zz", "invalid value 'zz' for 'tcp-check send-binary'"),
        ("tcp-check send", "missing argument after 'tcp-check send'"), ("tcp-check send a b", "unknown word 'b' after 'tcp-check send'"),
        ("tcp-check send-lf %ci", "unsupported '%ci'"), ("tcp-check set-var(proc.a) int(1)", "unsupported 'set-var(proc.a)'"),
        ("tcp-check set-var(check.a,ifexists) int(1)", "unsupported 'set-var(check.a,ifexists)'"),
        ("tcp-check set-var int(1)", "invalid value 'set-var' for 'tcp-check set-var'"),
        ("tcp-check set-var(check.a)", "missing argument after 'tcp-check set-var'"), ("tcp-check connect ssl", "TLS keyword 'tcp-check connect ssl'"),
        ("tcp-check connect port 1 sni x", "TLS keyword 'tcp-check connect sni'"), ("tcp-check connect alpn h2", "TLS keyword 'tcp-check connect alpn'"),
        ("tcp-check connect via-socks4", "unsupported 'tcp-check connect via-socks4'"),
        ("http-check connect proto h2", "unsupported 'http-check connect proto'"),
        ("tcp-check connect port 65536", "invalid value '65536' for 'tcp-check connect'"),
        ("tcp-check connect addr db.internal", "invalid value 'db.internal' for 'tcp-check connect'"),
        ("tcp-check connect foo", "unknown word 'foo' after 'tcp-check connect'"), ("option tcp-check x", "unexpected 'x' after 'option tcp-check'"),
        ("option pgsql-check", "missing argument after 'option pgsql-check'"), ("option pgsql-check user", "missing argument after 'option pgsql-check'"),
        ("option httpchk GET / HTTP/1.1 a b", "unexpected 'b' after 'option httpchk'"),
        ("option httpchk GET / HTTP/1.1\\r\\nbad", "invalid value 'bad' for 'option httpchk'"),
        ("http-check expect status abc", "invalid value 'abc' for 'http-check expect'"),
        ("http-check expect status 300-200", "invalid value '300-200' for 'http-check expect'"),
        ("http-check expect status 200-", "invalid value '200-' for 'http-check expect'"),
        ("http-check expect binary 00", "unknown word 'binary' after 'http-check expect'"),
        ("http-check expect on-error %[res.len] status 1", "unsupported 'res.len'"),
        ("http-check expect hdr x", "unknown word 'x' after 'http-check expect'"),
        ("http-check expect hdr name -m foo x", "unknown word 'foo' after 'http-check expect'"),
        ("http-check expect hdr name-lf -m reg x", "'-m reg' with a format after 'http-check expect'"),
        ("http-check send hdr Host a hdr host b", "duplicate header 'host' after 'http-check send'"),
        ("http-check send foo", "unknown word 'foo' after 'http-check send'"),
        ("http-check disable-on-404 x", "unexpected 'x' after 'http-check disable-on-404'"),
        ("no option tcp-check", "'no' is not allowed before 'option tcp-check'"),
        ("no option httpchk", "'no' is not allowed before 'option httpchk'"),
    ]

    @Test("are refused with the word that is wrong", arguments: mistakes.indices)
    func refuses(index: Int) {
        let (line, what) = Self.mistakes[index]
        let alerts = Configuration.read(Self.backend([line])).diagnostics.filter { $0.severity == .alert }
        #expect(alerts.map(\.problem.what) == [what], "\(line)")
        // HAProxy has these lines. It refuses all others as well, so that it is no help.
        let isForeign = what.hasPrefix("unsupported") || what.hasPrefix("TLS")
        for alert in alerts { #expect(alert.problem.advice.contains("keep HAProxy for") == isForeign, "\(alert)") }
    }

    static let advice: [(line: String, advice: String)] = [
        ("tcp-check send-lf 100%", "write %% for a percent sign"), ("tcp-check send-lf %[str(a),lowr]", "did you mean 'lower'?"),
        ("tcp-check send-lf %[srv_nam]", "did you mean 'srv_name'?"),
        ("http-check send uri-lf %[foo]", "write one of var, srv_name, be_name, str, int, date"),
        ("tcp-check connect foo", "write one of default, port, addr, send-proxy, linger, comment"),
        ("tcp-check connect port abc", "write a port from 1 to 65535, or an expression such as int(3306)"),
        ("tcp-check expect error-status L7OK string a", "write one of L7RSP, L7STS, L6RSP, L4CON"),
        ("tcp-check expect status-code 5 string a", "write an expression such as int(5)"),
        ("tcp-check expect status-code %[int(5)] string a", "write the expression without '%[' and ']'"),
        ("tcp-check send a coment", "did you mean 'comment'?"), ("tcp-check send a b", "write 'comment'"),
        ("tcp-check set-var(check.a)", "write 'tcp-check set-var(check.NAME) <expression>'"),
        ("tcp-check unset-var(check.a) x", "write 'tcp-check unset-var(check.NAME)'"),
    ]

    @Test("are refused with advice that can be followed", arguments: advice.indices)
    func advises(index: Int) {
        let (line, advice) = Self.advice[index]
        #expect(Configuration.read(Self.backend([line])).diagnostics.filter { $0.severity == .alert }.map(\.problem.advice) == [advice], "\(line)")
    }

    @Test("may have 'error-status L7OKC', which no message proposes")
    func conditionalFailure() throws {
        let script = try Self.script(Self.backend(["option tcp-check", "tcp-check expect error-status L7OKC string a"]))
        guard case .expect(let expectation)? = script?.steps.last?.action else {
            Issue.record("no expectation")
            return
        }
        #expect(expectation.failureStatus == .layer7ConditionalPass)
    }

    @Test("are not among the expressions that only HAProxy has")
    func ownExpressions() {
        #expect(ForeignExpressions.fetches.isDisjoint(with: CheckExpression.fetchNames(in: .tcp)))
        #expect(ForeignExpressions.converters.isDisjoint(with: CheckExpression.converterNames))
    }

    static let orders: [(lines: [String], line: Int)] = [
        (["option tcp-check", "tcp-check send A", "tcp-check connect"], 6), (["option httpchk", "http-check send uri /a", "http-check send uri /b"], 6),
        (["option httpchk", "http-check expect status 200", "http-check send uri /b"], 6),
        (["option httpchk", "http-check expect status 200", "http-check connect"], 6),
        (["option httpchk", "http-check connect port 1", "http-check send", "http-check connect port 2"], 7),
        (
            [
                "option httpchk", "http-check connect port 1", "http-check send", "http-check expect status 200", "http-check connect port 2",
                "http-check expect status 1",
            ], 9
        ),
    ]

    @Test("are refused in an order that makes no dialogue", arguments: orders.indices)
    func refusesOrder(index: Int) {
        let (lines, line) = Self.orders[index]
        let alerts = Configuration.read(Self.backend(lines)).diagnostics.filter { $0.severity == .alert }
        #expect(alerts.map(\.location.line) == [line], "\(alerts)")
    }

    @Test("cause a warning where they have no effect, or lose the request of 'defaults'")
    func warns() {
        func warnings(_ text: String) -> [String] { Configuration.read(text).diagnostics.filter { $0.severity == .warning }.map(\.problem.what) }
        #expect(warnings(Self.backend(["tcp-check send A"])) == ["'tcp-check' has no effect"])
        #expect(warnings(Self.backend(["option httpchk", "tcp-check send A", "http-check expect status 200"])) == ["'tcp-check' has no effect"])
        #expect(warnings(Self.backend(["option tcp-check", "tcp-check send A"])).isEmpty)
        #expect(warnings("defaults\n option httpchk GET /x\n" + Self.backend(["http-check expect status 200"])) == ["checks without a request"])
        #expect(warnings(Self.backend(["option smtpchk FOO bar"])) == ["'option smtpchk FOO' has no effect"])
        #expect(warnings(Self.backend(["option httpchk GET / HTTP/1.1\\r\\nHost:\\ w"])).count == 1)
        #expect(warnings(Self.backend(["option tcp-check", "option redis-check"])) == ["duplicate 'option redis-check'"])
    }

    @Test("have a limit")
    func limit() {
        let rules = (0..<CheckScript.stepsMax).map { "tcp-check send \($0)" }
        let problems = Configuration.read(Self.backend(["option tcp-check"] + rules)).diagnostics.filter { $0.severity == .alert }.map(\.problem)
        #expect(problems == [.tooMany(what: "'tcp-check' lines", limit: CheckScript.stepsMax - 2)], "reported once")
    }

    @Test("with a long regular expression that is invalid show its beginning")
    func longExpression() throws {
        let pattern = "(" + String(repeating: "a b", count: 400)
        let alert = try #require(Configuration.read(Self.backend(["tcp-check expect rstring \"\(pattern)\""])).diagnostics.first { $0.severity == .alert })
        #expect(alert.problem.what == "invalid regular expression '\(pattern.prefix(80))...' after 'tcp-check expect'")
        #expect(alert.excerpt?.columns == 27..<107, "\(String(describing: alert.excerpt?.columns))")
    }

    @Test("are no check of the clients' port if they connect elsewhere")
    func otherPorts() {
        for (lines, isSame) in [
            (["option tcp-check", "tcp-check send A"], true), (["option tcp-check", "tcp-check connect port 1"], false), (["option redis-check"], true),
        ] {
            let backend = Configuration.read(Self.backend(lines)).configuration.backends[0]
            #expect(backend.checksTraffic(of: backend.servers[0]) == isSame, "\(lines)")
        }
    }
}
