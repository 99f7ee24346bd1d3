import Proxy
import Wire

/// Keywords of health checks: their kind, their intervals, and their thresholds.
enum CheckKeywords {
    static let thresholdMax = 1_000_000

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword("option log-health-checks", .serverSide, "", inversion: .no, "Logs what changes in checks.", logHealthChecks),
        Keyword(
            "option mysql-check", .serverSide, "[user <name>] [post-41|post-80|pre-41]",
            "Checks log in to MySQL without password; without `user` they read the greeting.", mysqlCheck),
        Keyword("timeout check", .serverSide, "<time>", "What a check may take once it is connected; the server's `inter` without it.", timeoutCheck),
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword("addr", .server, "<address>", "Where to check, when not at the server's address; a name is looked up at the start.", address),
        Keyword("check", .server, "", "Checks the server.", check),
        Keyword("check-send-proxy", .server, "", "Checks begin with a PROXY header also where they go to another address or port.", checkSendProxy),
        Keyword("downinter", .server, "<time>", "The time between checks while it is down; `inter` without it.", downInterval),
        Keyword("fall", .server, "<number>", "Failures in a row that take it down; 3 without it.", fall),
        Keyword("fastinter", .server, "<time>", "The time between checks while its state changes; `inter` without it.", fastInterval),
        Keyword("inter", .server, "<time>", "The time between checks; 2s without it.", interval),
        Keyword("no-check", .server, "", "Undoes a `check` of `default-server`.", noCheck),
        Keyword("no-check-send-proxy", .server, "", "Undoes a `check-send-proxy` of `default-server`.", noCheckSendProxy),
        Keyword("port", .server, "<port>", "Where to check, when not at the server's port.", port),
        Keyword("rise", .server, "<number>", "Passes in a row that bring it up; 2 without it.", rise),
    ]

    @Sendable private static func logHealthChecks(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.logsHealthChecks = line.prefix == .nothing
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

    @Sendable private static func timeoutCheck(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.checkTimeout = try line.needTimeout()
    }

    @Sendable private static func address(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        (draft.check.address, draft.check.addressName) = (nil, nil)
        switch try AddressReader(line).readCheckAddress(line.need()) {
        case .ip(let address, _): draft.check.address = address
        case .name(let name, _): draft.check.addressName = name
        case .unix, .inherited: return
        }
    }

    @Sendable private static func check(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isChecked = true }

    @Sendable private static func checkSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isForAllChecks = true }

    @Sendable private static func downInterval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.downInterval = try line.needPositiveTime()
    }

    @Sendable private static func fall(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.fall = try line.needNumber(in: 1...thresholdMax)
    }

    @Sendable private static func fastInterval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.fastInterval = try line.needPositiveTime()
    }

    @Sendable private static func interval(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.interval = try line.needPositiveTime()
    }

    @Sendable private static func noCheck(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.isChecked = false }

    @Sendable private static func noCheckSendProxy(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) { draft.proxyHeader.isForAllChecks = false }

    @Sendable private static func port(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.port = try UInt16(line.needNumber(in: 1...65_535))
    }

    @Sendable private static func rise(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.check.rise = try line.needNumber(in: 1...thresholdMax)
    }
}
