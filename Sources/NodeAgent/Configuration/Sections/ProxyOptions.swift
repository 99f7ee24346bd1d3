import Proxy
import Wire

/// The timeouts and options of `defaults`, `frontend`, `listen` and `backend`.
extension ProxyKeywords {
    static let timeouts: [Keyword] = [
        Keyword("timeout check", .serverSide, "<time>", "What a check may take once it is connected; the server's `inter` without it.", .proxy(timeoutCheck)),
        Keyword("timeout client", .clientSide, "<time>", "How long the client may be silent.", .proxy(timeoutClient)),
        Keyword("timeout client-fin", .clientSide, "<time>", "The same, once the client's side is half-closed.", .proxy(timeoutClientFin)),
        Keyword("timeout connect", .serverSide, "<time>", "What a connect to a server may take.", .proxy(timeoutConnect)),
        Keyword("timeout queue", .serverSide, "<time>", "How long a session waits for a server; `timeout connect` without it.", .proxy(timeoutQueue)),
        Keyword("timeout server", .serverSide, "<time>", "How long the server may be silent.", .proxy(timeoutServer)),
        Keyword("timeout server-fin", .serverSide, "<time>", "The same, once the server's side is half-closed.", .proxy(timeoutServerFin)),
        Keyword("timeout tunnel", .serverSide, "<time>", "Replaces both, once bytes have gone both ways.", .proxy(timeoutTunnel)),
    ]

    static let options: [Keyword] = [
        Keyword("option clitcpka", .clientSide, "", inversion: .no, "Keepalive toward clients; on without it.", .proxy(clientKeepAlive)),
        Keyword(
            "option dontlognull", .clientSide, "", inversion: .no, "Hides sessions without error in which the client sent nothing.", .proxy(dontLogNull)),
        Keyword(
            "option hedge-greetings", .serverSide, "", inversion: .no,
            "A second server is asked when a greeting is later than 99 of 100 are, for at most 5% of the sessions; the first greeting wins.",
            .proxy(hedgeGreetings)),
        Keyword("option log-health-checks", .serverSide, "", inversion: .no, "Logs what changes in checks.", .proxy(logHealthChecks)),
        Keyword(
            "option mysql-check", .serverSide, "[user <name>] [post-41|post-80|pre-41]",
            "Checks log in to MySQL without password; without `user` they read the greeting.", .proxy(mysqlCheck)),
        Keyword(
            "option redispatch", .serverSide, "[<number>]", inversion: .no, "A failed connect goes to another server at once; on without it.",
            .proxy(redispatch)),
        Keyword(
            "option server-first", .serverSide, "", inversion: .no,
            "The server speaks first, so that a session may leave one that does not; on where `option mysql-check` checks the traffic port.",
            .proxy(serverFirst)),
        Keyword("option splice-auto", .anyProxy, "", inversion: .no, "Accepted: streams are spliced anyway.", .proxy(splice)),
        Keyword("option splice-request", .anyProxy, "", inversion: .no, "Accepted: streams are spliced anyway.", .proxy(splice)),
        Keyword("option splice-response", .anyProxy, "", inversion: .no, "Accepted: streams are spliced anyway.", .proxy(splice)),
        Keyword("option srvtcpka", .serverSide, "", inversion: .no, "Keepalive toward servers; on without it.", .proxy(serverKeepAlive)),
        Keyword("option tcpka", .anyProxy, "", "Keepalive on both sides; on without it.", .proxy(keepAlive)),
        Keyword("option tcplog", .clientSide, "", "One log line at a session's end, with its times and counts.", .proxy(tcpLog)),
    ]

    @Sendable private static func timeoutClient(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.clientTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutClientFin(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.clientFinTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutConnect(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.connectTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutServer(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.serverTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutServerFin(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.serverFinTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutTunnel(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.tunnelTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutQueue(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.queueTimeout = try line.needTimeout()
    }

    @Sendable private static func timeoutCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.checkTimeout = try line.needTimeout()
    }

    @Sendable private static func clientKeepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.keepAlive.isOn = line.prefix != .no
    }

    @Sendable private static func serverKeepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.keepAlive.isOn = line.prefix != .no
    }

    @Sendable private static func keepAlive(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        clientKeepAlive(&proxy, &line)
        serverKeepAlive(&proxy, &line)
    }

    @Sendable private static func dontLogNull(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.frontend.log.hidesEmptySessions = line.prefix == .nothing
    }

    @Sendable private static func logHealthChecks(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.logsHealthChecks = line.prefix == .nothing
    }

    @Sendable private static func hedgeGreetings(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.hedgesGreetings = line.prefix == .nothing
    }

    @Sendable private static func serverFirst(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.isServerFirst = line.prefix == .standard ? nil : line.prefix == .nothing
    }

    @Sendable private static func splice(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        if line.prefix == .no { line.notice(.noEffect("no \(line.keyword)", advice: "streams are spliced where it pays: remove the line")) }
    }

    @Sendable private static func tcpLog(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.log.sessions = .tcp
    }

    @Sendable private static func redispatch(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.redispatch = line.prefix == .no ? .off : .on
        guard let word = line.take() else { return }
        guard let interval = Int(word), (-1_000...1_000).contains(interval), line.prefix == .nothing else {
            throw .badValue(word, of: line.keyword, expected: "'option redispatch' alone")
        }
        if interval == 0 {
            proxy.backend.redispatch = .off
        } else {
            line.notice(.noEffect(word, advice: "a failed connect goes to another server at once: write 'option redispatch' alone"))
        }
    }

    @Sendable private static func mysqlCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var settings = MySQLCheckSettings()
        if line.peek != nil {
            _ = try line.needChoice(["user": true])
            let user = try line.needText("a user's name")
            guard user.utf8.count <= 128 else { throw .badValue(user, of: line.keyword, expected: "a user's name of at most 128 bytes") }
            settings.user = user
        }
        if line.peek != nil { settings.isPre41 = try line.needChoice(["post-41": false, "pre-41": true, "post-80": false]) }
        proxy.backend.check = .mysql(settings)
    }
}
