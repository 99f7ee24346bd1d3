import Proxy

/// The sections that are proxies, or what proxies inherit.
enum ProxyKind: String, Sendable {
    case defaults, frontend, listen, backend
}

/// `defaults`, `frontend`, `listen` or `backend`.
protocol ProxySection: ConfigurationSection where Draft == ProxyDraft {
    static var kind: ProxyKind { get }
}

extension ProxySection {
    static var name: String { kind.rawValue }

    /// Keywords that HAProxy refuses in a frontend, where it ignores the other keywords of backends.
    private static var refused: Set<String> { ["server", "server-template", "default-server"] }

    /// A keyword of the other side has no effect, as in HAProxy; anything else stands in the wrong section.
    static func problem(withMisplaced keyword: String, of sections: KeywordPlaces) -> ConfigurationProblem {
        let proxies = KeywordPlaces(KeywordPlaces.namedProxy.names.filter(sections.contains))
        guard kind != .defaults, !proxies.names.isEmpty, !refused.contains(keyword) else {
            return .misplaced(keyword, places: sections.text("section"))
        }
        return .noEffect(keyword, advice: "move it to \(proxies.text("section"))")
    }

    /// Reads `<name> [from <defaults>]`.
    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<name> [from <defaults>]"
        let location = draft.location
        let base = configuration.defaults ?? ProxyDraft(kind: .defaults, location: location)
        draft = base.inherited(by: Self.kind, name: "", location: location)
        let name = try line.needName()
        draft = base.inherited(by: Self.kind, name: name, location: location)
        try inherit(&line, from: configuration)
        if let word = line.peek, word.utf8.contains(UInt8(ascii: ":")), draft.hasFrontend {
            throw .removed("\(line.keyword) \(name) \(word)", replacement: "write a line 'bind \(word)'")
        }
        try line.end()
        // Proxies must have different names, even a frontend and a backend, as in HAProxy since 3.3.
        try configuration.need(name, kind: "proxy", at: location)
    }

    /// Takes `from <defaults>` when it stands there.
    mutating func inherit(_ line: inout ConfigurationLine, from configuration: ConfigurationDraft) throws(ConfigurationProblem) {
        guard line.peek == "from" else { return }
        line.next += 1
        let name = try line.needName()
        let matches = configuration.namedDefaults.filter { $0.name == name }
        guard matches.count < 2 else { throw .ambiguous(name, kind: "section 'defaults'") }
        guard let found = matches.first else {
            let names = configuration.namedDefaults.map(\.name)
            throw .unknownName(name, kind: "section 'defaults'", of: "from", suggestion: Spelling.nearest(to: name, among: names))
        }
        draft = found.inherited(by: Self.kind, name: draft.name, location: draft.location)
    }
}

extension ConfigurationDraft {
    /// The proxies, in the order of the files.
    var proxies: [ProxyDraft] { sections.compactMap { ($0 as? any ProxySection)?.draft } }
}

extension KeywordPlaces {
    static let anyProxy = KeywordPlaces([ProxyKind.defaults, .frontend, .listen, .backend])
    /// Keywords of the client's side.
    static let clientSide = KeywordPlaces([ProxyKind.defaults, .frontend, .listen])
    /// Keywords of the servers' side.
    static let serverSide = KeywordPlaces([ProxyKind.defaults, .listen, .backend])
    /// Proxies that have a name.
    static let namedProxy = KeywordPlaces([ProxyKind.frontend, .listen, .backend])
    /// Proxies that clients connect to.
    static let listening = KeywordPlaces([ProxyKind.frontend, .listen])
    /// Proxies that have servers.
    static let serving = KeywordPlaces([ProxyKind.listen, .backend])
    static let bind: KeywordPlaces = ["bind"]
    static let server: KeywordPlaces = ["server"]

    private init(_ kinds: [ProxyKind]) { self.init(kinds.map(\.rawValue)) }
}
