import Proxy

/// Options of servers for HTTP and TLS that HAProxy accepts and ignores in `mode tcp`.
enum HTTPServerKeywords {
    private static let oneSession = "No effect: only HTTP uses a server's connections for several sessions."

    static let servers: [Keyword<ServerDraft>] = [
        number("max-reuse"),
        Keyword("no-check-ssl", .server, "", "No effect: it cancels `check-ssl`, which is an error.", nothing),
        Keyword("no-ssl", .server, "", "No effect: it cancels `ssl`, which is an error.", nothing),
        Keyword("pool-conn-name", .server, "<expression>", oneSession) { _, line throws(ConfigurationProblem) in _ = try line.takeText("an expression") },
        number("pool-low-conn"),
        number("pool-max-conn"),
        Keyword("pool-purge-delay", .server, "<time>", oneSession) { _, line throws(ConfigurationProblem) in _ = try line.takeTime() },
        Keyword("ws", .server, "auto|h1|h2", "No effect: only HTTP has WebSocket requests.") { _, line throws(ConfigurationProblem) in
            _ = try line.takeChoice(["auto": true, "h1": true, "h2": true])
        },
    ]

    /// A keyword about connections that wait for the next session, with a number; -1 means no limit.
    private static func number(_ name: String) -> Keyword<ServerDraft> {
        Keyword(name, .server, "<number>|-1", oneSession) { _, line throws(ConfigurationProblem) in
            if !line.take("-1") { _ = try line.takeNumber(in: 0...999_999_999) }
        }
    }

    @Sendable private static func nothing(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) {}
}
