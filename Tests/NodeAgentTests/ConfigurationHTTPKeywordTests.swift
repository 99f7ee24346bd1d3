import Proxy
import Testing

@testable import NodeAgent

@Suite("An HTTP keyword in a TCP proxy")
struct ConfigurationHTTPKeywordTests {
    private static let timeouts = " timeout connect 1s\n timeout client 1s\n timeout server 1s\n"

    private static func listen(_ line: String, mode: String = "tcp") -> String {
        "listen l\n mode \(mode)\n \(line)\n bind :1\n\(timeouts) server s 10.0.0.1:1\n"
    }

    @Test(
        "is a warning where haproxy 2.6 warns",
        arguments: [
            "option forwardfor", "option httplog", "option httpslog", "option http-buffer-request", "stats enable", "stats uri /x", "stats admin if TRUE",
            "http-request deny", "http-response set-header X Y", "redirect location /", "cookie X insert", "capture cookie X len 9", "monitor-uri /x",
        ])
    func warns(line: String) {
        let diagnostics = Configuration.read(Self.listen(line)).diagnostics
        #expect(diagnostics.map(\.severity) == [.warning] && diagnostics.map(\.location.line) == [3], "\(diagnostics)")
    }

    @Test(
        "causes no message where haproxy 2.6 has none",
        arguments: [
            "option httpclose", "option http-server-close", "no option http-server-close", "no option checkcache", "timeout http-request 5s",
            "timeout http-keep-alive 5s", "errorfile 503 /x", "errorloc 503 http://x/", "http-reuse safe", "compression algo gzip", "monitor fail if TRUE",
            "capture request header Host len 9", "max-session-srv-conns 5", "unique-id-header X", "filter compression",
        ])
    func isSilent(line: String) {
        let diagnostics = Configuration.read(Self.listen(line)).diagnostics
        #expect(diagnostics.isEmpty, "\(diagnostics)")
    }

    @Test(
        "is an error where haproxy 2.6 refuses it",
        arguments: ["no option httplog", "no option forwardfor", "no filter trace", "no timeout http-request", "stats foo", "use-fcgi-app x"])
    func isError(line: String) { #expect(Configuration.alerts(Configuration.read(Self.listen(line)).diagnostics).count == 1) }

    @Test("has no effect besides: the proxy serves, and 'option httplog' counts as 'option tcplog'", arguments: ["option httplog", "option httpslog"])
    func tcpLog(line: String) {
        let (configuration, diagnostics) = Configuration.read(Self.listen(line))
        #expect(configuration.frontends.first?.log.sessions == .tcp)
        #expect(
            diagnostics.map(\.description) == [
                "t.cfg:3: '\(line)' in 'mode tcp' in section 'listen l'; it counts as 'option tcplog', as in HAProxy: write that"
            ])
    }

    @Test("of 'defaults' is reported once, however many proxies inherit it, and only if one is in TCP mode")
    func inherited() {
        let defaults = "defaults\n mode http\n option http-ignore-probes\n stats uri /\n" + Self.timeouts
        let proxies = (1...3).map { "listen l\($0)\n mode tcp\n bind :\($0)\n server s 10.0.0.1:1\n" }.joined()
        let warnings = Configuration.read(defaults + proxies).diagnostics
        #expect(warnings.map(\.location.line) == [3, 4] && warnings.allSatisfy { $0.severity == .warning && $0.section == "defaults" }, "\(warnings)")
        let refused = Configuration.read(defaults + "listen l\n bind :1\n server s 10.0.0.1:1\n").diagnostics
        #expect(refused.map(\.severity) == [.alert] && refused.first?.problem.refusedKeyword == "mode http", "\(refused)")
    }

    @Test("is no second error in a proxy that 'mode http' refuses, before or after that line")
    func followsModeHTTP() {
        let text = "listen l\n stats enable\n mode http\n stats uri /\n http-request deny\n bind :1\n"
        let alerts = Configuration.read(text).diagnostics.filter { $0.severity != .warning || $0.problem.what.contains("stats") }
        #expect(alerts.map(\.location.line) == [3])
    }

    @Test(
        "of the other side is a warning, as for every keyword of the other side",
        arguments: [("frontend", "http-reuse safe"), ("backend", "monitor fail if TRUE")])
    func otherSide(section: String, line: String) {
        let diagnostics = Configuration.read("\(section) a\n \(line)\n").diagnostics
        #expect(diagnostics.contains { $0.location.line == 2 && $0.severity == .warning } && Configuration.alerts(diagnostics).isEmpty, "\(diagnostics)")
    }

    @Test("with rules is allowed in a 'defaults' section with a name only", arguments: ["", "d"])
    func rules(name: String) {
        let alerts = Configuration.alerts(Configuration.read("defaults \(name)\n http-request deny\n").diagnostics)
        #expect(alerts.isEmpty == !name.isEmpty, "\(alerts)")
    }
}

@Suite("A section that tsukada does not support")
struct ConfigurationForeignSectionTests {
    @Test("is one error, its lines are skipped, and references to it are no further errors")
    func references() {
        let text = """
            global
                log ring@r local0
            mailers m
                mailer a 10.0.0.1:25
                nonsense
            ring r
                size 32768
                server x 10.0.0.1:1
            log-profile p
                on close drop
            backend b
                email-alert mailers m
                email-alert to a@example.org
                log 127.0.0.1 profile p local0
                timeout connect 1s
                timeout server 1s
                server s 10.0.0.1:1

            """
        let alerts = Configuration.read(text).diagnostics.filter { $0.severity == .alert }
        #expect(alerts.map(\.location.line) == [3, 6, 9], "\(alerts)")
    }

    @Test("and is missing makes a reference an error", arguments: ["log ring@r local0", "email-alert mailers m"])
    func missing(line: String) {
        let alerts = Configuration.alerts(Configuration.read("backend b\n \(line)\n").diagnostics)
        #expect(alerts.count == 1)
    }

    @Test("names what to keep HAProxy for", arguments: ConfigurationSections.foreign.map(\.name))
    func advises(name: String) {
        let diagnostics = Configuration.read("\(name) x\n anything 1\n else\nlisten l\n").diagnostics.filter { $0.severity == .alert }
        #expect(diagnostics.count == 1 && diagnostics[0].description.hasPrefix("t.cfg:1: unsupported '\(name)' in section '\(name) x'; keep HAProxy for "))
    }
}
