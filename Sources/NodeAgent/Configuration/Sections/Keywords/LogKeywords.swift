import Proxy
import Wire

/// Keywords that set what is logged, and where.
enum LogKeywords {
    private static let onlyFormats = "Only the formats `rfc3164`, `local` and `raw`; with `chroot`, a path may also be outside the new root."

    private static let hidesLess =
        "Logs sessions that ended with an error even if the client sent nothing; with `accept-proxy`, hides only clients that leave within 300 ms."

    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "log", .global, LogLines.shape, repetition: .many, inversion: .no, differs: onlyFormats,
            "Target of log lines: `address[:port]` (UDP, port 514), a path, `stdout`, `stderr` or `fd@N`; formats `rfc3164`, `local`, `raw`.",
            log),
        Keyword("log-tag", .global, "<tag>", differs: "Without the line `tsukada`.", "Program name in log lines; default `tsukada`.", logTag),
    ]

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "log", .anyProxy, LogLines.proxyShape, repetition: .many, inversion: .no, differs: onlyFormats,
            "Target of log lines, as in `global`; `log global` uses the targets of `global`, `no log` removes all.", log),
        Keyword("log-tag", .anyProxy, "<tag>", "Program name in this section's log lines.", logTag),
        option(
            "option dontlog-normal", "Logs only sessions with an error, a retry or a redispatch. With `option tcplog` only.", .hidesNormal),
        .option(
            "option dontlognull", .clientSide, differs: hidesLess, "Does not log sessions that ended without an error and in which the client sent nothing."
        ) { $0.frontend.log.hidesEmptySessions = $1 },
        option("option log-separate-errors", "Lines of sessions with an error, a retry or a redispatch have level `err`.", .raisesErrors),
        option(
            "option logasap", "With `option tcplog`, writes a session's line when it is connected to its server, with `+` before the time and the bytes.",
            .early),
        Keyword("option tcplog", .clientSide, "", "Logs one line at the end of each session, with times and counts.", tcpLog),
    ]

    @Sendable private static func log(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.prefix == .nothing else {
            try line.end()
            global.logTargets = []
            return
        }
        guard global.logTargets.count < ProxyDraft.logTargetsMax else { throw .tooMany(what: "'log' lines", limit: ProxyDraft.logTargetsMax) }
        if line.peek == "global" { throw .badValue("global", of: "log", expected: "a target here, and 'log global' in the proxies") }
        global.logTargets.append(try LogLines.readTarget(&line))
    }

    @Sendable private static func logTag(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.logTag = try line.takeText("a tag")
    }

    @Sendable private static func log(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard line.prefix == .nothing else {
            try line.end()
            proxy.log = []
            return
        }
        guard proxy.log.count < ProxyDraft.logTargetsMax else { throw .tooMany(what: "'log' lines", limit: ProxyDraft.logTargetsMax) }
        guard line.take("global") else { return proxy.log.append(.target(try LogLines.readTarget(&line))) }
        try line.end()
        if !proxy.log.contains(.global) { proxy.log.append(.global) }
    }

    @Sendable private static func logTag(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.logTag = try line.takeText("a tag")
    }

    /// An option about the lines of sessions.
    private static func option(_ name: String, _ meaning: String, _ value: SessionLogOptions) -> Keyword<ProxyDraft> {
        .option(name, .clientSide, meaning) { proxy, isOn in
            if isOn { proxy.frontend.log.options.insert(value) } else { proxy.frontend.log.options.remove(value) }
        }
    }

    @Sendable private static func tcpLog(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.frontend.log.sessions = .tcp
    }
}
