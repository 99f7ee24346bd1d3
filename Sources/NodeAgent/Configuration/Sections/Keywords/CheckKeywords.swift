import Proxy
import Wire

/// Keywords of health checks: their kind, their intervals, and their thresholds.
enum CheckKeywords {
    /// HAProxy's limit.
    static let thresholdMax = Int(Int32.max)

    private static let mysqlDifference =
        "A passed check counts once while the server is down; a full server neither passes nor fails; bytes that are no greeting fail at once. "
        + "Sessions can leave a server that does not greet or is full."

    static let proxies: [Keyword<ProxyDraft>] = [
        .option(
            "option log-health-checks", .serverSide, differs: "The line about a server that goes DOWN contains the reason.", "Logs changes in check results."
        ) { $0.backend.logsHealthChecks = $1 },
        Keyword(
            "option mysql-check", .serverSide, "[user <name>] [post-41|post-80|pre-41]",
            differs: mysqlDifference,
            "Checks log in to MySQL without a password; without `user` they only read the greeting.", mysqlCheck),
        Keyword("timeout check", .serverSide, "<time>", "Maximum duration of a check after its connect; default: the server's `inter`.", timeoutCheck),
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword(
            "addr", .server, "<address>[:<port>]", differs: "A path, `*`, and port 0 are errors; an IPv6 address needs no brackets.",
            "Address and port to check instead of the server's own; a name is resolved once, at the start.", address),
        Keyword(
            "check", .server, "", differs: "The first failed check after the start takes the server down; a failed connect brings the next check forward.",
            "Turns on checks of the server.", check),
        Keyword("check-send-proxy", .server, "", "Checks send a PROXY header even to another address or port.", checkSendProxy),
        Keyword("downinter", .server, "<time>", "Time between checks while the server is down; default: `inter`.", downInterval),
        Keyword("fall", .server, "<number>", "Number of failed checks in a row that take the server down; default 3.", fall),
        Keyword("fastinter", .server, "<time>", "Time between checks while the server is on its way up or down; default: `inter`.", fastInterval),
        Keyword("inter", .server, "<time>", "Time between checks; default 2s.", interval),
        Keyword("no-check", .server, "", "Cancels `check` from `default-server`.", noCheck),
        Keyword("no-check-send-proxy", .server, "", "Cancels `check-send-proxy` from `default-server`.", noCheckSendProxy),
        Keyword("port", .server, "<port>", "Port to check instead of the server's own, and instead of the port of `addr`.", port),
        Keyword("rise", .server, "<number>", "Number of passed checks in a row that bring the server up; default 2.", rise),
    ]

    @Sendable private static func mysqlCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var settings = MySQLCheckSettings()
        if line.peek != nil {
            _ = try line.takeChoice(["user": true])
            let user = try line.takeText("a user's name")
            guard user.utf8.count <= 128 else { throw .badValue(user, of: line.keyword, expected: "a user's name of at most 128 bytes") }
            settings.user = user
        }
        if line.peek != nil { settings.isPre41 = try line.takeChoice(["post-41": false, "pre-41": true, "post-80": false]) }
        proxy.backend.check = .mysql(settings)
    }

    @Sendable private static func timeoutCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.checkTimeout = try line.takeTimeout()
    }

    @Sendable private static func address(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let endpoint = try AddressReader(line).readCheckAddress(line.takeRequired())
        draft.check.addressPort = endpoint.port > 0 ? endpoint.port : nil
        draft.check.setHost(endpoint)
    }

    @Sendable private static func check(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isChecked = true }

    @Sendable private static func checkSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isForAllChecks = true }

    @Sendable private static func downInterval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.downInterval = try line.takePositiveTime()
    }

    @Sendable private static func fall(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.fall = try line.takeNumber(in: 1...thresholdMax)
    }

    @Sendable private static func fastInterval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.fastInterval = try line.takePositiveTime()
    }

    @Sendable private static func interval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.interval = try line.takePositiveTime()
    }

    @Sendable private static func noCheck(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isChecked = false }

    @Sendable private static func noCheckSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isForAllChecks = false }

    @Sendable private static func port(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.port = try UInt16(line.takeNumber(in: 1...65_535))
    }

    @Sendable private static func rise(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.rise = try line.takeNumber(in: 1...thresholdMax)
    }
}
