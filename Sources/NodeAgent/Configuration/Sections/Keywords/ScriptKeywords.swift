import Proxy
import Wire

/// How the rules of checks differ from HAProxy's.
enum ScriptDifference {
    static let connect = "`ssl`, `sni`, `alpn`, `via-socks4`, `proto`, and a name after `addr` are errors."
    static let expect = "Supports fewer expressions. A regular expression that takes too many steps makes the check fail."
    static let send = "Supports fewer expressions."
    static let set = "Supports fewer expressions, only variables with `check.` and `sess.`, and no conditions."
    static let unset = "Supports only variables with `check.` and `sess.`."
}

/// The options that choose a check of another protocol than MySQL, and the rules of `option tcp-check`.
enum ScriptKeywords {
    static let proxies: [Keyword<ProxyDraft>] = options + rules + HTTPCheckKeywords.rules

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

    private static let rules: [Keyword<ProxyDraft>] = [
        rule("tcp-check comment", "<text>", "A comment for the rules that follow, shown when they fail.", comment),
        rule(
            "tcp-check connect", "[default] [port <port|expression>] [addr <address>] [send-proxy] [linger] [comment <text>]",
            differs: ScriptDifference.connect,
            "Connects, by default to the address and port of the server's checks.", connect),
        rule(
            "tcp-check expect", "[<option> <value> ...] [!] <match> <pattern>",
            differs: ScriptDifference.expect,
            "Expects `string`, `rstring`, `binary`, `rbinary`, `string-lf` or `binary-lf` in the answer; `!` expects it to be absent.", expect),
        rule("tcp-check send", "<text> [comment <text>]", "Sends a text.", send),
        rule("tcp-check send-binary", "<digits> [comment <text>]", "Sends bytes, written as pairs of hexadecimal digits.", sendBinary),
        rule(
            "tcp-check send-binary-lf", "<format> [comment <text>]", differs: ScriptDifference.send,
            "Sends bytes, written as a format that gives hexadecimal digits.", sendBinaryFormat),
        rule(
            "tcp-check send-lf", "<format> [comment <text>]", differs: ScriptDifference.send, "Sends the text of a format.", sendFormat),
        rule(
            "tcp-check set-var", "(check.NAME) <expression>", differs: ScriptDifference.set, "Stores a value.", setVariable),
        rule(
            "tcp-check set-var-fmt", "(check.NAME) <format>", differs: ScriptDifference.set, "Stores the text of a format.",
            setVariableText),
        rule("tcp-check unset-var", "(check.NAME)", differs: ScriptDifference.unset, "Removes a variable.", unsetVariable),
    ]

    /// Options set the same property, so a section with two of them gets a warning.
    private static func option(
        _ name: String, _ arguments: String, differs difference: String? = nil, _ meaning: String, _ apply: @escaping Keyword<ProxyDraft>.Action
    ) -> Keyword<ProxyDraft> {
        Keyword(name, .serverSide, arguments, sameAs: "option mysql-check", differs: difference, meaning, apply)
    }

    private static func rule(
        _ name: String, _ arguments: String, differs difference: String? = nil, _ meaning: String, _ apply: @escaping Keyword<ProxyDraft>.Action
    ) -> Keyword<ProxyDraft> {
        Keyword(name, .serverSide, arguments, repetition: .many, differs: difference, meaning, apply)
    }

    // MARK: Options

    @Sendable private static func ldapCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.check = .script(ProtocolChecks.ldap)
    }

    @Sendable private static func pgsqlCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        _ = try line.takeChoice(["user": true])
        proxy.backend.check = .script(ProtocolChecks.postgreSQL(user: try takeName("a user's name", from: &line)))
    }

    @Sendable private static func redisCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.check = .script(ProtocolChecks.redis)
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
        proxy.backend.check = .script(ProtocolChecks.smtp(command))
    }

    @Sendable private static func tlsHelloCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.check = .script(ProtocolChecks.tlsHello)
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

    // MARK: Rules

    private static func add(_ content: CheckRule.Content, to proxy: inout ProxyDraft, _ line: ConfigurationLine) throws(ConfigurationProblem) {
        try proxy.checkRules.tcp.append(content, at: line.location, of: line.keyword)
    }

    private static func add(_ action: CheckStep.Action, _ comment: String? = nil, to proxy: inout ProxyDraft, _ line: ConfigurationLine)
        throws(ConfigurationProblem)
    {
        try add(.step(CheckStep(number: proxy.checkRules.tcp.nextNumber, action, comment: comment)), to: &proxy, line)
    }

    @Sendable private static func comment(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        try add(.comment(try line.takeText("a comment")), to: &proxy, line)
    }

    @Sendable private static func connect(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let (connect, comment) = try line.takeCheckConnect(in: .tcp)
        try add(.connect(connect), comment, to: &proxy, line)
    }

    @Sendable private static func expect(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let (expectation, comment) = try line.takeCheckExpectation(in: .tcp)
        try add(.expect(expectation), comment, to: &proxy, line)
    }

    @Sendable private static func send(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let text = try line.takeText("a text to send")
        try add(.send(.bytes(Array(text.utf8))), line.takeCheckComment(), to: &proxy, line)
    }

    @Sendable private static func sendBinary(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let bytes = try line.takeHexadecimal()
        try add(.send(.bytes(bytes)), line.takeCheckComment(), to: &proxy, line)
    }

    @Sendable private static func sendBinaryFormat(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let format = try line.takeCheckFormat(in: .tcp)
        try add(.send(.hexadecimal(format)), line.takeCheckComment(), to: &proxy, line)
    }

    @Sendable private static func sendFormat(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let format = try line.takeCheckFormat(in: .tcp)
        try add(.send(.text(format)), line.takeCheckComment(), to: &proxy, line)
    }

    @Sendable private static func setVariable(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.checkVariable()
        try add(.set(variable: name, try line.takeCheckExpression(in: .tcp)), to: &proxy, line)
    }

    @Sendable private static func setVariableText(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.checkVariable()
        try add(.setText(variable: name, try line.takeCheckFormat(in: .tcp)), to: &proxy, line)
    }

    @Sendable private static func unsetVariable(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        try add(.unset(variable: try line.checkVariable()), to: &proxy, line)
    }
}
