import Proxy
import Wire

/// The keywords that say how servers get their sessions and when they lose them: warming, observed connects, zones, TCP's own limits.
enum SessionKeywords {
    static let errorsMax = 1_000_000

    static let global: [Keyword] = [
        Keyword(
            "zone", .global, "<name>", "The availability zone of this node: its servers come first. tsukada's own.", .global(zone))
    ]

    static let proxies: [Keyword] = [
        Keyword(
            "option shutdown-sessions-when-gone", .serverSide, "", inversion: .no,
            "Closes the sessions of a server that is down and whose host has not answered for longer than `rise` times `inter`. tsukada's own.",
            .proxy(shutdownWhenGone)),
        Keyword(
            "spill-over", .serverSide, "<number>%",
            "This share of the sessions goes to other zones although the own one has usable servers; 0% without it. tsukada's own.", .proxy(spillOver)),
    ]

    static let bind: [Keyword] = [
        Keyword(
            "tcp-ut", .bind, "<time>", "How long what was sent to a client may wait for its acknowledgement; the system's way without it.",
            .bind(bindUserTimeout))
    ]

    static let server: [Keyword] = [
        Keyword(
            "error-limit", .server, "<number>", "Failed connects of sessions in a row, for `observe`; 10 without it.",
            .server(errorLimit)),
        Keyword("observe", .server, "layer4|none", "Connects of sessions count, too: after `error-limit` failed ones comes `on-error`.", .server(observe)),
        Keyword(
            "on-error", .server, "fastinter|fail-check|sudden-death|mark-down",
            "What `observe` does: a check within `fastinter`; besides that a failed check, the last but one, or DOWN at once; `fail-check` without it.",
            .server(onError)),
        Keyword(
            "on-marked-up", .server, "none|shutdown-backup-sessions", "What happens to the backups' sessions when it comes up.", .server(onMarkedUp)),
        Keyword(
            "slowstart", .server, "<time>", "How long its weight and its `maxconn` grow when it has come back; 10s (weight only) with `leastconn`, else none.",
            .server(slowStart)),
        Keyword(
            "tcp-ut", .server, "<time>", "How long what was sent to it may wait for its acknowledgement; the system's way without it.",
            .server(userTimeout)),
        Keyword("zone", .server, "<name>", "Its availability zone; near everywhere without it. tsukada's own.", .server(serverZone)),
    ]

    /// `observe` counts toward the health of checks.
    static func remark(on draft: ServerDraft, _ line: inout ConfigurationLine) {
        guard draft.isObserved, !draft.isChecked else { return }
        line.warn(.noEffect("observe", advice: "add 'check': without checks nothing would bring the server up again"))
    }

    @Sendable private static func zone(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.zone = try line.needName()
    }

    @Sendable private static func bindUserTimeout(_ bind: inout Bind, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        bind.userTimeout = try line.needPositiveTime()
    }

    @Sendable private static func errorLimit(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.observation.errorsMax = try line.needNumber(in: 1...errorsMax)
    }

    @Sendable private static func slowStart(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.slowStart = try line.needTime()
    }

    @Sendable private static func userTimeout(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.userTimeout = try line.needPositiveTime()
    }

    @Sendable private static func serverZone(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.zone = try line.needName()
    }

    @Sendable private static func shutdownWhenGone(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) {
        proxy.backend.closesSessionsOfGone = line.prefix == .nothing
    }

    @Sendable private static func observe(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if line.peek == "layer7" { throw .http("observe layer7", advice: "write 'observe layer4'") }
        draft.isObserved = try line.needChoice(["layer4": true, "none": false])
    }

    @Sendable private static func onError(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.observation.reaction = try line.needChoice([
            "fastinter": OnError.fastInterval, "fail-check": .failCheck, "sudden-death": .suddenDeath, "mark-down": .markDown,
        ])
    }

    @Sendable private static func onMarkedUp(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.onMarkedUp = try line.needChoice(["none": OnMarkedUp.none, "shutdown-backup-sessions": .shutdownBackupSessions])
    }

    @Sendable private static func spillOver(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.spillOver = try line.needPercent()
    }
}
