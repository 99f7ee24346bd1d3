import Proxy
import Wire

/// Keywords that choose the server of a session, and the next one after a failure.
enum BalanceKeywords {
    static let retriesMax = 1_000

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "balance", .serverSide, "roundrobin|leastconn|source", differs: "Without the line `roundrobin`, as in HAProxy before 3.3.",
            "How a server is chosen; default `roundrobin`.", balance),
        Keyword(
            "fullconn", .serverSide, "<number>",
            "Session limit shown in the backend's statistics; default: a tenth, rounded up, of the sum of `maxconn` over all frontends that name it.",
            fullconn),
        Keyword(
            "option redispatch", .serverSide, "[<number>]", inversion: .no,
            differs: "On by default: a failed connect moves to another server at once, and a silent one after 1 s.",
            "Retries a failed connect on another server at once; on by default.",
            redispatch),
        Keyword(
            "retries", .serverSide, "<number>", differs: "Counts only further connects to servers that have failed before.",
            "Number of retries after which a session no longer returns to servers that have failed; 0: no retry at all; default 3.", retries),
        Keyword(
            "retry-budget", .serverSide, "<percent>", "Share of the new sessions that may move away from a silent server; default 20%.", retryBudget),
    ]

    @Sendable private static func balance(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if let word = line.peek, let problem = problem(withForeign: word) { throw problem }
        proxy.backend.balance = try line.takeChoice(["roundrobin": .roundRobin, "leastconn": .leastConnections, "source": .source])
    }

    @Sendable private static func fullconn(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.fullConnections = try line.takeNumber(in: 1...ProcessKeywords.connectionsMax)
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
            line.notice(.noEffect(word, advice: "a failed connect is retried on another server at once: write 'option redispatch' alone"))
        }
    }

    @Sendable private static func retries(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.retriesMax = try line.takeNumber(in: 0...retriesMax)
    }

    @Sendable private static func retryBudget(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.retryBudgetPercent = try line.takePercent()
    }

    /// The problem of `balance WORD` if HAProxy has the word; `nil` otherwise.
    static func problem(withForeign word: String) -> ConfigurationProblem? {
        let name = word.prefix { $0 != "(" }
        switch name {
        case "static-rr": return .unsupported("balance static-rr", advice: "write 'balance roundrobin'")
        case "random": return .unsupported("balance random", advice: "write 'balance leastconn' or 'balance roundrobin'")
        case "uri", "url_param", "hdr", "first", "hash", "rdp-cookie", "sticky", "log-hash", "log-sticky":
            return ForeignKeywords.Reason.choosesServers.problem(with: "balance \(name)", extent: "this proxy")
        default: return nil
        }
    }
}
