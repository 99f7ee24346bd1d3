import Proxy
import Wire

/// A `database` section being parsed.
struct DatabaseDraft: Sendable {
    var settings: DatabaseSettings
    var proxy: NameReference
    /// The proxy of `discover`.
    var discovered: NameReference?

    init(proxy: NameReference) {
        self.proxy = proxy
        settings = DatabaseSettings(user: "", location: proxy.location)
    }
}

/// `database`, a section of tsukada: the queries to a proxy's servers, and the required answers.
struct DatabaseSection: ConfigurationSection {
    static let name = "database"

    static func hidesValues(of keyword: String) -> Bool { keywords[keyword] == nil || keyword == "user" || keyword == "password-file" }

    static let intervals: ClosedRange<Duration> = .milliseconds(100) ... .seconds(3_600)

    var draft: DatabaseDraft
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { draft = DatabaseDraft(proxy: NameReference(name: "", keyword: Self.name, location: location)) }

    /// Parses `database PROXY`. The proxy is looked up once all files are read.
    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<proxy>"
        let name = try line.takeName()
        draft.proxy = NameReference(name: name, keyword: Self.name, location: line.location)
        try configuration.registerUnique(name, kind: "'database' section", at: line.location)
        try line.end()
    }

    static let keywords = KeywordTable<DatabaseDraft>([
        Keyword("ca-file", .database, "<path>", "PEM file of trusted certificate authorities; without it every certificate is accepted.", authorityFile),
        Keyword(
            "discover", .database, "<proxy> [hold <time>]",
            "Proxy whose `server-template` takes the replicas that the primary lists; a missing replica that passes checks is kept for `hold`, default 90s.",
            discover),
        Keyword("interval", .database, "<time>", "Time between checks of a server, instead of its `inter`; default 1s.", interval),
        Keyword(
            "lag-source", .database, "replica-status|heartbeat [<schema.table>]",
            "Source of the lag: SHOW REPLICA STATUS, or the column `ts` of a table; default `replica-status`.", lagSource),
        Keyword(
            "max-lag", .database, "<time>", "A replica that lags more than this is taken out until its lag falls below half of it; default: no limit.",
            maxLag),
        Keyword("min-up", .database, "<number>", "Minimum number of servers that stay in even if they are unfit, the best ones first; default 1.", minUp),
        Keyword(
            "password-file", .database, "<path>", "File with the user's password, not readable by other users; default: no password.",
            passwordFile),
        Keyword(
            "query", .database, "<sql> expect <value>", "Additional SQL query, in quotes, and the value that its first column must have.", query),
        Keyword("role", .database, "replica|primary|any", "Required role of the servers, see below; default `any`.", role),
        Keyword("tls", .database, "off|prefer|require", "Whether checks use TLS; default `prefer`.", tls),
        Keyword("user", .database, "<name>", "Database user of the checks; required.", user),
        Keyword("weight-by-lag", .database, "", "Lowers the weight in steps of a quarter as the lag approaches `max-lag`.", weightByLag),
    ])

    @Sendable private static func authorityFile(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let path = try line.takeAbsolutePath(example: "/etc/ssl/certs/rds-global-bundle.pem")
        draft.settings.authorityFile = DatabaseSettings.NamedFile(path: path, location: line.location)
    }

    @Sendable private static func discover(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.takeName()
        var discovery = DatabaseSettings.Discovery(proxy: name)
        if line.peek != nil {
            let hold = try line.takeChoice(["hold": true])
            let word = line.peek ?? ""
            if hold { discovery.hold = try line.takePositiveTime() }
            if discovery.hold < .seconds(1) { line.warn(.shortTime(word, of: "hold")) }
        }
        draft.settings.discovery = discovery
        draft.discovered = NameReference(name: name, keyword: line.keyword, location: line.location)
    }

    @Sendable private static func interval(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let time = try line.takeTime()
        guard intervals.contains(time) else { throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "a time from 100ms to 1h") }
        draft.settings.interval = time
    }

    @Sendable private static func lagSource(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        switch try line.takeChoice(["replica-status": true, "heartbeat": false]) {
        case true: draft.settings.lagSource = .replicaStatus
        case false:
            let table = try line.takeRequired()
            guard isTable(table) else {
                throw .badValue(
                    table, of: "lag-source heartbeat", expected: "a table with its schema, of letters, digits, '_', '$' and '-', such as ops.heartbeat")
            }
            draft.settings.lagSource = .heartbeat(table: table)
        }
    }

    @Sendable private static func maxLag(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = line.peek ?? ""
        let limit = try line.takePositiveTime()
        draft.settings.lagMax = limit
        if limit < .seconds(1) { line.warn(.shortTime(word, of: line.keyword)) }
    }

    @Sendable private static func minUp(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.minUp = try line.takeNumber(in: 0...ProxyDraft.serversMax)
    }

    @Sendable private static func passwordFile(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let path = try line.takeRequired()
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw .custom("'password-file' without an absolute path", advice: passwordAdvice)
        }
        try endWithoutQuoting(line)
        draft.settings.passwordFile = DatabaseSettings.NamedFile(path: path, location: line.location)
    }

    @Sendable private static func query(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let expected = "one statement in quotes, and the value that it must return: query \"SELECT @@wsrep_ready\" expect 1"
        let text = try line.takeText(expected)
        guard line.take() == "expect", text.utf8.count <= 4_096, !text.utf8.contains(0) else { throw .badValue(text, of: line.keyword, expected: expected) }
        draft.settings.query = DatabaseSettings.Query(text: text, expected: try line.takeRequired())
    }

    @Sendable private static func role(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.role = try line.takeChoice(["replica": DatabaseRole.replica, "primary": .primary, "any": .any])
    }

    @Sendable private static func tls(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.tls = try line.takeChoice(["off": DatabaseTLSMode.off, "prefer": .prefer, "require": .require])
    }

    @Sendable private static func user(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let expected = "a name of at most 80 bytes"
        let name = try line.takeText(expected)
        guard name.utf8.count <= 80, !name.utf8.contains(0) else { throw .badValue(name, of: line.keyword, expected: expected) }
        try endWithoutQuoting(line)
        draft.settings.user = name
    }

    @Sendable private static func weightByLag(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.reducesWeightByLag = true
    }

    static let passwordAdvice = "put the password in a file: write 'password-file /etc/tsukada/check.password'"

    /// Ends a line that may contain a password. The error does not quote the word, because other people read messages.
    private static func endWithoutQuoting(_ line: ConfigurationLine) throws(ConfigurationProblem) {
        if line.peek != nil { throw .custom("more than one word after '\(line.keyword)'", advice: passwordAdvice) }
    }

    /// Whether the word is "schema.table" in characters that are safe between backticks.
    private static func isTable(_ word: String) -> Bool {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2
            && parts.allSatisfy { part in
                (1...64).contains(part.utf8.count)
                    && part.utf8.allSatisfy {
                        ConfigurationValue.isDigit($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) || "_$-".utf8.contains($0)
                    }
            }
    }
}

extension DatabaseSection {
    /// Contradictions between the section's lines, each with its place.
    var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] = []
        if draft.settings.user.isEmpty { problems.append((draft.settings.location, .missingLine(of: "user", example: "user NAME"))) }
        if draft.settings.reducesWeightByLag, draft.settings.lagMax == nil, let location = uses["weight-by-lag"] {
            problems.append((location, .missingLine(of: "max-lag", example: "max-lag 10s")))
        }
        if draft.settings.tls == .off, let authorities = draft.settings.authorityFile {
            problems.append(
                (authorities.location, .noEffect("ca-file", advice: "without TLS no certificate is checked: write 'tls require', or remove the line")))
        }
        return problems
    }

    /// Problems of lines that have no effect with `role primary`.
    var ineffectiveLagLines: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        guard draft.settings.role == .primary else { return [] }
        return ["lag-source", "max-lag", "min-up", "weight-by-lag"].compactMap { keyword in
            let advice = "the primary takes writes regardless of its lag: remove the line"
            return uses[keyword].map { ($0, .noEffect(keyword, advice: advice)) }
        }
    }
}

extension KeywordPlaces {
    fileprivate static let database: KeywordPlaces = ["database"]
}
