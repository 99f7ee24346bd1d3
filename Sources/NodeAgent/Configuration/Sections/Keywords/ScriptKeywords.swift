import Proxy
import Wire

/// The options that choose a check of another protocol than MySQL, and the rules of `option tcp-check`.
enum ScriptKeywords {
    static let proxies: [Keyword<ProxyDraft>] = options + CheckRuleKeywords.rules(of: .tcp) + sends + HTTPCheckKeywords.rules

    /// The longest name of a user or a host in a check.
    private static let nameBytesMax = 128

    private static let options: [Keyword<ProxyDraft>] = [
        option(
            "option httpchk", "[<method>] [<uri>] [<version>] [<host>]",
            differs: "Between `http-check connect` and `http-check expect`, it replaces a missing `http-check send`.",
            "Checks send an HTTP request, by default `OPTIONS / HTTP/1.0`, and expect a status from 200 to 399.", HTTPCheckKeywords.option),
        option("option ldap-check", "", "Checks bind anonymously to an LDAP server.", ldapCheck),
        option("option pgsql-check", "user <name>", "Checks begin a PostgreSQL session as this user; a request for a password passes.", pgsqlCheck),
        option("option redis-check", "", "Checks send PING to Redis and expect +PONG.", redisCheck),
        option("option smtpchk", "[HELO|EHLO] [<domain>]", "Checks greet an SMTP server, by default with `HELO localhost`, and quit.", smtpCheck),
        option(
            "option ssl-hello-chk", "", differs: "The hello has TLS 1.2 instead of SSLv3.", "Checks send a TLS hello and expect a TLS record.", tlsHelloCheck),
        option("option tcp-check", "", "Checks follow the `tcp-check` rules; without rules they only connect.", tcpCheck),
    ]

    /// The rules with bytes to send.
    private static let sends: [Keyword<ProxyDraft>] = [
        CheckRuleKeywords.rule("tcp-check send", of: .tcp, "<text> [comment <text>]", "Sends a text.") { line, _ throws(ConfigurationProblem) in
            let text = try line.takeText("a text to send")
            return (.send(.bytes(Array(text.utf8))), try line.takeCheckComment())
        },
        CheckRuleKeywords.rule(
            "tcp-check send-binary", of: .tcp, "<digits> [comment <text>]", "Sends bytes, written as pairs of hexadecimal digits."
        ) { line, _ throws(ConfigurationProblem) in (.send(.bytes(try line.takeHexadecimal())), try line.takeCheckComment()) },
        CheckRuleKeywords.rule(
            "tcp-check send-binary-lf", of: .tcp, "<format> [comment <text>]", differs: CheckRuleKeywords.sendDifference,
            "Sends bytes, written as a format that gives hexadecimal digits."
        ) { line, kind throws(ConfigurationProblem) in (.send(.hexadecimal(try line.takeCheckFormat(in: kind))), try line.takeCheckComment()) },
        CheckRuleKeywords.rule(
            "tcp-check send-lf", of: .tcp, "<format> [comment <text>]", differs: CheckRuleKeywords.sendDifference, "Sends the text of a format."
        ) { line, kind throws(ConfigurationProblem) in (.send(.text(try line.takeCheckFormat(in: kind))), try line.takeCheckComment()) },
    ]

    /// Options set the same property, so a section with two of them gets a warning.
    private static func option(
        _ name: String, _ arguments: String, differs difference: String? = nil, _ meaning: String, _ apply: @escaping Keyword<ProxyDraft>.Action
    ) -> Keyword<ProxyDraft> {
        Keyword(name, .serverSide, arguments, sameAs: "option mysql-check", differs: difference, meaning, apply)
    }

    /// Sets the check of a protocol, which the words of `line` describe.
    private static func use(_ script: CheckScript, in proxy: inout ProxyDraft, _ line: ConfigurationLine) {
        var script = script
        script.words = line.words
        proxy.backend.check = .script(script)
    }

    @Sendable private static func ldapCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        use(ProtocolChecks.ldap, in: &proxy, line)
    }

    @Sendable private static func pgsqlCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        _ = try line.takeChoice(["user": true])
        use(ProtocolChecks.postgreSQL(user: try takeName("a user's name", from: &line)), in: &proxy, line)
    }

    @Sendable private static func redisCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        use(ProtocolChecks.redis, in: &proxy, line)
    }

    /// As in HAProxy, a greeting of another form becomes the default.
    @Sendable private static func smtpCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var command = "HELO localhost"
        let greeting = line.take()
        if let greeting, ["HELO", "EHLO"].contains(greeting), line.peek != nil {
            command = "\(greeting) \(try takeName("a host's name", from: &line))"
        } else if let greeting {
            _ = line.take()
            line.warn(.noEffect("\(line.keyword) \(greeting)", advice: "checks send '\(command)': write '\(line.keyword) HELO NAME' to send a name"))
        }
        use(ProtocolChecks.smtp(command), in: &proxy, line)
    }

    @Sendable private static func tlsHelloCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        use(ProtocolChecks.tlsHello, in: &proxy, line)
    }

    @Sendable private static func tcpCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        if proxy.backend.check.family != .tcp { proxy.checkRules.tcp.dropInherited() }
        proxy.checkRules.tcp.isUsed = true
        proxy.backend.check = .script(CheckScript(.tcp))
    }

    private static func takeName(_ expected: String, from line: inout ConfigurationLine) throws(ConfigurationProblem) -> String {
        let name = try line.takeText(expected)
        guard name.utf8.count <= nameBytesMax else { throw .badValue(name, of: line.keyword, expected: "\(expected) of at most \(nameBytesMax) bytes") }
        return name
    }
}
