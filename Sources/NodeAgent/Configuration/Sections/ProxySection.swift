import Proxy

/// The kinds of sections that are proxies, or that proxies inherit.
enum ProxyKind: String, Sendable {
    case defaults, frontend, listen, backend
}

/// A `defaults`, `frontend`, `listen` or `backend` section.
protocol ProxySection: ConfigurationSection where Draft == ProxyDraft {
    static var kind: ProxyKind { get }
}

extension ProxySection {
    static var name: String { kind.rawValue }

    /// Backend keywords that HAProxy refuses in a frontend, where it ignores all others.
    private static var refused: Set<String> { ["server", "server-template", "default-server", "retry-on"] }

    /// As in HAProxy, a keyword of the other side has no effect; any other misplaced keyword is an error.
    static func problem(withMisplaced keyword: String, of sections: KeywordPlaces) -> ConfigurationProblem {
        let proxies = KeywordPlaces(KeywordPlaces.namedProxy.names.filter(sections.contains))
        guard kind != .defaults, !proxies.names.isEmpty, !refused.contains(keyword) else {
            return .misplaced(keyword, places: sections.text("section"))
        }
        return .noEffect(keyword, advice: "HAProxy ignores it here as well: remove it, or move it to \(proxies.text("section"))")
    }

    /// Records an HTTP keyword, which has no effect if the proxy is in `mode tcp`. As in HAProxy, `option httplog` then counts as `option tcplog`.
    mutating func skip(_ name: String, because reason: ForeignKeywords.Reason, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let isHTTP = reason == .http || Self.kind == .defaults && !draft.name.isEmpty && ProxyForeignKeywords.isForNamedDefaults(name)
        try ignore(name, because: isHTTP ? .silent : reason, &line)
        if ProxyForeignKeywords.tcpLogs.contains(name) { draft.frontend.log.sessions = .tcp }
        guard isHTTP, line.prefix == .nothing, draft.ignoredLines.count < ProxyDraft.ignoredLinesMax else { return }
        draft.ignoredLines.append(IgnoredLine(keyword: name, location: line.location, section: draft.title))
    }

    static func isInvertible(_ name: String) -> Bool { ProxyForeignKeywords.isInvertible(name) }

    /// Parses `<name> [from <defaults>]`.
    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<name> [from <defaults>]"
        let location = draft.location
        let base = configuration.defaults ?? ProxyDraft(kind: .defaults, location: location)
        draft = base.inherited(by: Self.kind, name: "", location: location)
        let name = try line.takeName()
        draft = base.inherited(by: Self.kind, name: name, location: location)
        if line.peek == "from" {
            try inherit(&line, from: &configuration)
        } else if let defaults = configuration.defaults, let problem = configuration.use(defaults, isNamed: false) {
            line.warn(problem)
        }
        if let word = line.peek, word.utf8.contains(UInt8(ascii: ":")), draft.hasFrontend {
            throw .removed("\(line.keyword) \(name) \(word)", replacement: "write a line 'bind \(word)'")
        }
        try line.end()
        // As in HAProxy since 3.3, the names of all proxies must differ, even those of a frontend and a backend.
        try configuration.registerUnique(name, kind: "proxy", at: location)
    }

    /// Parses `from <defaults>` if it follows, and inherits the section.
    mutating func inherit(_ line: inout ConfigurationLine, from configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        guard line.take("from") else { return }
        let name = try line.takeName()
        let matches = configuration.namedDefaults.filter { $0.name == name }
        guard matches.count < 2 else { throw .ambiguous(name, kind: ConfigurationProblem.defaultsKind) }
        guard let found = matches.first else {
            let names = configuration.namedDefaults.map(\.name)
            throw .unknownName(name, kind: ConfigurationProblem.defaultsKind, of: "from", suggestion: Spelling.nearest(to: name, among: names))
        }
        draft = found.inherited(by: Self.kind, name: draft.name, location: draft.location)
        if let problem = configuration.use(found, isNamed: true) { line.warn(problem) }
    }
}

extension ConfigurationDraft {
    /// The proxies, in the order of the files.
    var proxies: [ProxyDraft] { sections.compactMap { ($0 as? any ProxySection)?.draft } }
}

extension KeywordPlaces {
    static let anyProxy = KeywordPlaces([ProxyKind.defaults, .frontend, .listen, .backend])
    /// Places of keywords of the client's side.
    static let clientSide = KeywordPlaces([ProxyKind.defaults, .frontend, .listen])
    /// Places of keywords of the servers' side.
    static let serverSide = KeywordPlaces([ProxyKind.defaults, .listen, .backend])
    /// Places of keywords of proxies with a name.
    static let namedProxy = KeywordPlaces([ProxyKind.frontend, .listen, .backend])
    /// Places of keywords of proxies that clients connect to.
    static let listening = KeywordPlaces([ProxyKind.frontend, .listen])
    /// Places of keywords of proxies with servers.
    static let serving = KeywordPlaces([ProxyKind.listen, .backend])
    static let bind: KeywordPlaces = ["bind"]
    static let server: KeywordPlaces = ["server"]

    private init(_ kinds: [ProxyKind]) { self.init(kinds.map(\.rawValue)) }
}
