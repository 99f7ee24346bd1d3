import Proxy
import Wire

/// Keywords that choose the server of a session, and the next one after a failure.
enum BalanceKeywords {
    static let retriesMax = 1_000
    static let drawsMax = 1_000
    static let balanceFactorMax = 1_000_000
    /// The causes of `retry-on` that include failed connects, and those that only HTTP has.
    private static let retryCauses = ["conn-failure", "all-retryable-errors"]
    private static let retryCausesOfHTTP = [
        "empty-response", "junk-response", "response-timeout", "0rtt-rejected", "401", "403", "404", "408", "421", "425", "429", "500", "501", "502", "503",
        "504",
    ]

    private static let redispatchDifference =
        "On by default: a failed connect moves to another server at once, and a silent one after 1 s. With `balance source` and a map, the session "
        + "moves to another server, where HAProxy chooses the same one."

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "balance", .serverSide, "roundrobin|static-rr|leastconn|first|source|random[(<draws>)]",
            differs: "Without the line `roundrobin`, as in HAProxy before 3.3. "
                + "A session that moves to another server uses no turn of that server; `random` follows the weights exactly.",
            "How a server is chosen; default `roundrobin`.", balance),
        Keyword(
            "fullconn", .serverSide, "<number>",
            "Number of sessions at which `minconn` has grown to `maxconn`; default: a tenth, rounded up, of the sum of `maxconn` over all frontends that name it.",
            fullconn),
        Keyword(
            "hash-balance-factor", .serverSide, "<percent>", differs: "No effect on `balance random`.",
            "Most sessions of a server with `hash-type consistent`, in percent of its share: above 100; default 0: no limit.", hashBalanceFactor),
        Keyword(
            "hash-type", .serverSide, "map-based|consistent [sdbm|djb2|wt6|crc32|none] [avalanche]",
            "How a hash of `balance source` selects a server; default `map-based`.", hashType),
        .option(
            "option allbackups", .serverSide,
            differs: "Without the option, only one backup is used, also with `static-rr`, where HAProxy 2.6 may use two.",
            "Backups share the sessions; by default the first usable one takes them all."
        ) { $0.backend.usesAllBackups = $1 },
        Keyword(
            "option redispatch", .serverSide, "[<number>]", inversion: .no,
            differs: redispatchDifference,
            "Retries a failed connect on another server at once, or with `balance source` after every <number> failures; on by default.", redispatch),
        Keyword(
            "retries", .serverSide, "<number>", differs: "Counts only further connects to servers that have failed before.",
            "Number of retries after which a session no longer returns to servers that have failed; 0: no retry at all; default 3.", retries),
        Keyword(
            "retry-on", .serverSide, "<cause> ...", "Failures that are retried: `conn-failure` (the default) or `none`; HTTP causes have no effect.", retryOn),
        Keyword(
            "retry-budget", .serverSide, "<percent>", "Share of the new sessions that may move away from a silent server; default 20%.", retryBudget),
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword(
            "hash-key", .server, "id|addr|addr-port",
            "What selects the server's points on the ring of `hash-type consistent`: its `id` (the default), its address, or its address and port.", hashKey)
    ]

    @Sendable private static func hashKey(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.hashKey = try line.takeChoice(["id": .identifier, "addr": .address, "addr-port": .addressAndPort])
    }

    @Sendable private static func balance(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        if let word = line.peek, let problem = problem(withForeign: word) { throw problem }
        if let word = line.peek, word.hasPrefix("random(") {
            line.next += 1
            proxy.backend.balance = .random(draws: try draws(of: word, line))
            return
        }
        proxy.backend.balance = try line.takeChoice([
            "roundrobin": .roundRobin, "static-rr": .staticRoundRobin, "leastconn": .leastConnections, "first": .first, "source": .source,
            "random": .random(draws: BalanceAlgorithm.drawsDefault),
        ])
    }

    @Sendable private static func hashBalanceFactor(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let factor = try line.takeNumber(in: 0...balanceFactorMax)
        guard factor == 0 || factor > 100 else {
            throw .badValue(String(factor), of: line.keyword, expected: "0, or a percentage from 101 to \(balanceFactorMax)")
        }
        proxy.backend.hashing.balanceFactor = factor
    }

    /// As in HAProxy, `consistent` alone includes `avalanche`.
    @Sendable private static func hashType(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let method = try line.takeChoice(["map-based": HashSettings.Method.mapBased, "consistent": .consistent])
        let hasFunction = line.peek != nil
        let function: KeyHash =
            try hasFunction ? line.takeChoice(["sdbm": .sdbm, "djb2": .djb2, "wt6": .wt6, "crc32": .crc32, "none": .none]) : .sdbm
        let usesAvalanche = try line.peek == nil ? method == .consistent && !hasFunction : line.takeChoice(["avalanche": true])
        (proxy.backend.hashing.method, proxy.backend.hashing.function, proxy.backend.hashing.usesAvalanche) = (method, function, usesAvalanche)
    }

    /// The number of draws in `random(N)`. As in HAProxy, `random()` is `random`.
    private static func draws(of word: String, _ line: ConfigurationLine) throws(ConfigurationProblem) -> Int {
        if word == "random()" { return BalanceAlgorithm.drawsDefault }
        let digits = String(word.dropFirst("random(".count).dropLast())
        guard word.hasSuffix(")"), let number = ConfigurationValue.number(digits), (1...drawsMax).contains(number) else {
            throw .badValue(word, of: line.keyword, expected: "a number of draws from 1 to \(drawsMax), such as random(2)")
        }
        return number
    }

    @Sendable private static func fullconn(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let number = try line.takeNumber(in: 0...ProcessKeywords.connectionsMax)
        proxy.backend.fullConnections = number > 0 ? number : nil
    }

    @Sendable private static func redispatch(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.redispatch = line.prefix == .no ? .off : .on
        guard let word = line.take() else { return }
        guard let interval = Int(word), (-1_000...1_000).contains(interval), line.prefix == .nothing else {
            throw .badValue(word, of: line.keyword, expected: "a number from -1000 to 1000, or 'option redispatch' alone")
        }
        proxy.backend.redispatch = .every(interval)
    }

    @Sendable private static func retries(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.retriesMax = try line.takeNumber(in: 0...retriesMax)
    }

    /// Parses the causes of `retry-on`. Without `conn-failure` HAProxy retries no failed connect, even in TCP.
    @Sendable private static func retryOn(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        var (retriesConnects, ignored) = (false, [String]())
        let isAlone = line.next + 1 == line.words.count
        repeat {
            let word = try line.takeRequired()
            switch word {
            case "none" where isAlone: break
            case "none": throw .custom("'none' among other causes after 'retry-on'", advice: "write 'retry-on none' alone")
            case let word where retryCauses.contains(word): retriesConnects = true
            case let word where retryCausesOfHTTP.contains(word): ignored.append(word)
            default:
                let suggestion = Spelling.nearest(to: word, among: retryCauses + retryCausesOfHTTP)
                throw .unknownWord(word, of: line.keyword, allowed: retryCauses + ["none"], suggestion: suggestion)
            }
        } while line.peek != nil
        proxy.backend.retriesConnects = retriesConnects
        guard !ignored.isEmpty else { return }
        let advice = retriesConnects ? "it applies to HTTP only: remove it" : "it applies to HTTP only, and without 'conn-failure' no failed connect is retried"
        line.notice(.noEffect("retry-on \(ignored.joined(separator: " "))", advice: advice))
    }

    @Sendable private static func retryBudget(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.retryBudgetPercent = try line.takePercent()
    }

    /// The problem of `balance WORD` if HAProxy has the word; `nil` otherwise.
    static func problem(withForeign word: String) -> ConfigurationProblem? {
        let name = word.prefix { $0 != "(" }
        switch name {
        case "uri", "url_param", "hdr", "hash", "rdp-cookie", "sticky", "log-hash", "log-sticky":
            return ForeignKeywords.Reason.choosesServers.problem(with: "balance \(name)", extent: "this proxy")
        default: return nil
        }
    }
}
