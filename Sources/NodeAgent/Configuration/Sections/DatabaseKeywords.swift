import Proxy
import Wire

/// The keywords of `database`, a section of tsukada's own.
enum DatabaseKeywords {
    static let intervals: ClosedRange<Duration> = .milliseconds(100) ... .seconds(3_600)

    static let keywords: [Keyword] = [
        Keyword("ca-file", .database, "<path>", "Whose certificates are believed, PEM; without it any is.", .database(authorityFile)),
        Keyword(
            "discover", .database, "<proxy> [hold <time>]",
            "Whose `server-template` is filled with the replicas that the primary lists; one that is listed no more is kept for 90s while it passes.",
            .database(discover)),
        Keyword("interval", .database, "<time>", "Between the checks of a server, in place of its `inter`; 1s without it.", .database(interval)),
        Keyword(
            "lag-source", .database, "replica-status|heartbeat [<schema.table>]",
            "Where lag is read: SHOW REPLICA STATUS, or the column `ts` of a table; `replica-status` without it.", .database(lagSource)),
        Keyword("max-lag", .database, "<time>", "A replica that lags more is out, and in again below half; no limit without it.", .database(maxLag)),
        Keyword("min-up", .database, "<number>", "The best so many stay in, whatever is wrong with them; 1 without it.", .database(minUp)),
        Keyword(
            "password-file", .database, "<path>", "A file with the user's password, not to be read by everybody; no password without it.",
            .database(passwordFile)),
        Keyword(
            "query", .database, "<sql> expect <value>", "One more question, and what its first column has to be; the SQL in quotes.", .database(query)),
        Keyword("role", .database, "replica|primary|any", "What the servers are to be, see below; `any` without it.", .database(role)),
        Keyword("tls", .database, "off|prefer|require", "Whether the questions go over TLS; `prefer` without it.", .database(tls)),
        Keyword("user", .database, "<name>", "Who asks; needed.", .database(user)),
        Keyword("weight-by-lag", .database, "", "The weight shrinks in quarters while the lag grows to `max-lag`.", .database(weightByLag)),
    ]

    @Sendable private static func user(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let expected = "a name of at most 80 bytes"
        let name = try line.needText(expected)
        guard name.utf8.count <= 80, !name.utf8.contains(0) else { throw .badValue(name, of: line.keyword, expected: expected) }
        try endUnquoted(line)
        draft.settings.user = name
    }

    @Sendable private static func passwordFile(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let path = try line.need()
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw .doNotFit("no path from the root after 'password-file'", advice: passwordAdvice)
        }
        try endUnquoted(line)
        draft.settings.passwordFile = DatabaseSettings.NamedFile(path: path, location: line.location)
    }

    static let passwordAdvice = "the password stands in a file: write 'password-file /etc/tsukada/check.password'"

    /// Ends a line where a password might stand, which is not quoted: messages are read by others.
    private static func endUnquoted(_ line: ConfigurationLine) throws(ConfigurationProblem) {
        if line.peek != nil { throw .doNotFit("more than one word after '\(line.keyword)'", advice: passwordAdvice) }
    }

    @Sendable private static func authorityFile(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let path = try line.needAbsolutePath(example: "/etc/ssl/certs/rds-global-bundle.pem")
        draft.settings.authorityFile = DatabaseSettings.NamedFile(path: path, location: line.location)
    }

    @Sendable private static func tls(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.tls = try line.needChoice(["off": DatabaseTLSMode.off, "prefer": .prefer, "require": .require])
    }

    @Sendable private static func role(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.role = try line.needChoice(["replica": DatabaseRole.replica, "primary": .primary, "any": .any])
    }

    @Sendable private static func maxLag(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let word = line.peek ?? ""
        let limit = try line.needPositiveTime()
        draft.settings.lagMax = limit
        if limit < .seconds(1) { line.warn(.shortTime(word, of: line.keyword)) }
        draft.lagLocations["max-lag"] = line.location
    }

    @Sendable private static func lagSource(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.lagLocations["lag-source"] = line.location
        switch try line.needChoice(["replica-status": true, "heartbeat": false]) {
        case true: draft.settings.lagSource = .replicaStatus
        case false:
            let table = try line.need()
            guard isTable(table) else {
                throw .badValue(
                    table, of: "lag-source heartbeat", expected: "a table with its schema, of letters, digits, '_', '$' and '-', such as ops.heartbeat")
            }
            draft.settings.lagSource = .heartbeat(table: table)
        }
    }

    @Sendable private static func weightByLag(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.isWeightByLag = true
        draft.lagLocations["weight-by-lag"] = line.location
    }

    @Sendable private static func minUp(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.settings.minUp = try line.needNumber(in: 0...ProxyDraft.serversMax)
        draft.lagLocations["min-up"] = line.location
    }

    @Sendable private static func query(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let expected = "one statement in quotes, then its answer: query \"SELECT @@wsrep_ready\" expect 1"
        let text = try line.needText(expected)
        guard line.take() == "expect", text.utf8.count <= 4_096, !text.utf8.contains(0) else { throw .badValue(text, of: line.keyword, expected: expected) }
        draft.settings.query = DatabaseSettings.Query(text: text, expected: try line.need())
    }

    @Sendable private static func discover(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.needName()
        var discovery = DatabaseSettings.Discovery(proxy: name)
        if line.peek != nil {
            let hold = try line.needChoice(["hold": true])
            let word = line.peek ?? ""
            if hold { discovery.hold = try line.needPositiveTime() }
            if discovery.hold < .seconds(1) { line.warn(.shortTime(word, of: "hold")) }
        }
        draft.settings.discovery = discovery
        draft.discovered = NameReference(name: name, keyword: line.keyword, location: line.location)
    }

    @Sendable private static func interval(_ draft: inout DatabaseDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let time = try line.needTime()
        guard intervals.contains(time) else { throw .badValue(line.words[line.next - 1], of: line.keyword, expected: "a time from 100ms to 1h") }
        draft.settings.interval = time
    }

    /// "schema.table": what can stand between backticks and means nothing else there.
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

/// A `database` section, as far as it is read, and where its lines stand.
struct DatabaseDraft: Sendable {
    var settings: DatabaseSettings
    var proxy: NameReference
    /// The proxy of `discover`.
    var discovered: NameReference?
    /// The lines that mean nothing for a primary, by keyword.
    var lagLocations: [String: ConfigurationLocation] = [:]

    init(proxy: NameReference) {
        self.proxy = proxy
        settings = DatabaseSettings(user: "", location: proxy.location)
    }

    /// What its lines say together and cannot mean, each with its place.
    var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        var problems: [(location: ConfigurationLocation, problem: ConfigurationProblem)] = []
        if settings.user.isEmpty { problems.append((settings.location, .missingLine(of: "user", example: "user NAME"))) }
        if settings.isWeightByLag, settings.lagMax == nil, let location = lagLocations["weight-by-lag"] {
            problems.append((location, .missingLine(of: "max-lag", example: "max-lag 10s")))
        }
        if settings.tls == .off, let authorities = settings.authorityFile {
            problems.append((authorities.location, .noEffect("ca-file", advice: "without TLS there is no certificate: write 'tls require', or remove it")))
        }
        return problems
    }

    /// Lines that mean nothing for a role of `primary`.
    var lagLinesOfPrimary: [(location: ConfigurationLocation, problem: ConfigurationProblem)] {
        guard settings.role == .primary else { return [] }
        return lagLocations.sorted { $0.key < $1.key }.map { keyword, location in
            (location, .noEffect(keyword, advice: "the primary is the one that takes writes, whatever it lags: remove it"))
        }
    }
}

extension ConfigurationPass {
    /// `database PROXY`: the proxy is looked up when all files are read.
    mutating func openDatabase(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        (section, place) = (.database, .database)
        line.shape = "<proxy>"
        let known = databases
        databases.append(DatabaseDraft(proxy: NameReference(name: "", keyword: line.keyword, location: line.location)))
        let name = try line.needName()
        databases[databases.count - 1].proxy = NameReference(name: name, keyword: line.keyword, location: line.location)
        if let first = known.first(where: { $0.proxy.name == name }) { throw .duplicate(name, kind: "section 'database'", first: first.proxy.location) }
        try line.end()
    }

    /// Puts the sections beside their backends.
    mutating func finishDatabases(_ backends: inout [Backend], _ indices: [String: Int], isReadable: Bool) {
        for draft in databases {
            let name = "database \(draft.proxy.name)"
            guard let index = indices[draft.proxy.name] else {
                let suggestion = Spelling.nearest(to: draft.proxy.name, among: backends.map(\.name))
                if !draft.proxy.name.isEmpty {
                    let problem = ConfigurationProblem.unknownName(draft.proxy.name, kind: "backend or listen", of: "database", suggestion: suggestion)
                    say(.alert, problem, at: draft.proxy.location, in: name)
                }
                continue
            }
            if isReadable {
                for (location, problem) in draft.problems { say(.alert, problem, at: location, in: name) }
                for (location, problem) in draft.lagLinesOfPrimary { say(.warning, problem, at: location, in: name) }
                checkServers(of: backends[index], for: draft, in: name)
            }
            backends[index].database = draft.settings
            for place in backends[index].servers.indices { backends[index].servers[place].check?.interval = draft.settings.interval }
        }
    }

    private mutating func checkServers(of backend: Backend, for draft: DatabaseDraft, in name: String) {
        if backend.servers.isEmpty {
            let advice = "'\(backend.name)' has no servers: add them, or remove the section"
            say(.warning, .noEffect("database", advice: advice), at: draft.proxy.location, in: name)
        }
        if let server = backend.servers.first(where: { $0.check == nil }) {
            say(.alert, .uncheckedServer(server.name), at: server.location, in: name)
        }
        if let location = draft.lagLocations["min-up"], draft.settings.minUp > backend.servers.count {
            let expected = "a number from 0 to \(backend.servers.count), the servers of '\(backend.name)'"
            say(.alert, .badValue(String(draft.settings.minUp), of: "min-up", expected: expected), at: location, in: name)
        }
    }
}
