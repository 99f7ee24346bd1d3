import Proxy
import Wire

/// Keywords of a server's health besides its checks: observed connects, the return to service, hosts that do not answer.
enum HealthKeywords {
    static let errorsMax = 1_000_000

    static let proxies: [Keyword<ProxyDraft>] = [
        .option(
            "option shutdown-sessions-when-gone", .serverSide,
            "Closes the sessions of a server that is down and whose host has not answered for longer than `rise` times `inter`. Not in HAProxy."
        ) { $0.backend.closesSessionsOfUnreachable = $1 }
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword(
            "error-limit", .server, "<number>", "Number of failed session connects in a row that trigger `on-error`; default 10.",
            errorLimit),
        Keyword(
            "observe", .server, "layer4|none", differs: "`layer7` is an error; HAProxy reports it, and starts.",
            "`layer4` counts failed connects of sessions: `error-limit` of them in a row trigger `on-error`.", observe),
        Keyword(
            "on-error", .server, "fastinter|fail-check|sudden-death|mark-down",
            "Effect of `error-limit` failures besides an early check: none, one failed check, DOWN at the next failed check, or DOWN at once; default `fail-check`.",
            onError),
        Keyword(
            "on-marked-up", .server, "none|shutdown-backup-sessions", differs: "The sessions are logged with `UC`, as by HAProxy 3, and not with `U-`.",
            "What happens to sessions on backup servers when this server comes up.", onMarkedUp),
        Keyword(
            "slowstart", .server, "<time>",
            differs: "With `leastconn` the default is 10s, for the weight only. The end of the warming is not logged.",
            "How long weight and `maxconn` take to grow to their full values after the server comes back; default 10s (weight only) with `leastconn`, else 0.",
            slowStart),
    ]

    @Sendable private static func errorLimit(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.observation.errorsMax = try line.takeNumber(in: 1...errorsMax)
    }

    @Sendable private static func observe(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if line.peek == "layer7" { throw .unsupported("observe layer7", advice: "remove it, or keep HAProxy for a proxy in 'mode http'") }
        draft.isObserved = try line.takeChoice(["layer4": true, "none": false])
    }

    @Sendable private static func onError(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.observation.reaction = try line.takeChoice([
            "fastinter": OnError.fastInterval, "fail-check": .failCheck, "sudden-death": .suddenDeath, "mark-down": .markDown,
        ])
    }

    @Sendable private static func onMarkedUp(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.onMarkedUp = try line.takeChoice(["none": OnMarkedUp.none, "shutdown-backup-sessions": .shutdownBackupSessions])
    }

    @Sendable private static func slowStart(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.slowStart = try line.takeTime()
    }
}
