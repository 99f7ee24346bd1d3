import Proxy

/// Where a keyword may stand: the sections, and the lines that have options of their own.
struct KeywordPlaces: OptionSet, Hashable, Sendable {
    let rawValue: Int

    static let global = KeywordPlaces(rawValue: 1)
    static let defaults = KeywordPlaces(rawValue: 2)
    static let frontend = KeywordPlaces(rawValue: 4)
    static let listen = KeywordPlaces(rawValue: 8)
    static let backend = KeywordPlaces(rawValue: 16)
    static let resolvers = KeywordPlaces(rawValue: 32)
    static let probe = KeywordPlaces(rawValue: 64)
    /// The options of a `bind` line.
    static let bind = KeywordPlaces(rawValue: 128)
    /// The options of a `server`, `server-template` or `default-server` line.
    static let server = KeywordPlaces(rawValue: 256)
    /// The options of a `stats socket` line.
    static let statsSocket = KeywordPlaces(rawValue: 512)
    static let gossip = KeywordPlaces(rawValue: 1_024)
    static let database = KeywordPlaces(rawValue: 2_048)

    static let anyProxy: KeywordPlaces = [.defaults, .frontend, .listen, .backend]
    /// Keywords of the client's side.
    static let clientSide: KeywordPlaces = [.defaults, .frontend, .listen]
    /// Keywords of the servers' side.
    static let serverSide: KeywordPlaces = [.defaults, .listen, .backend]
    /// Proxies that have a name.
    static let namedProxy: KeywordPlaces = [.frontend, .listen, .backend]

    /// Every single place with its name.
    static let all: [(place: KeywordPlaces, name: String)] = [
        (.global, "global"), (.defaults, "defaults"), (.frontend, "frontend"), (.listen, "listen"), (.backend, "backend"),
        (.resolvers, "resolvers"), (.probe, "probe"), (.gossip, "gossip"),
        (.database, "database"), (.bind, "bind"), (.server, "server"), (.statsSocket, "stats socket"),
    ]

    /// Places that are lines with options, not sections.
    static let lines: KeywordPlaces = [.bind, .server, .statsSocket]

    /// These places, for messages: "section 'listen' or 'backend'".
    var description: String {
        let isLine = isSubset(of: .lines)
        let names = Self.all.filter { contains($0.place) && Self.lines.contains($0.place) == isLine }.map { "'\($0.name)'" }
        return (isLine ? "a line " : "a section ") + names.joined(separator: " or ")
    }
}

/// One keyword: what is written, where, and what it does.
struct Keyword: Sendable {
    /// How a keyword changes what is being read.
    enum Action: Sendable {
        case global(@Sendable (inout GlobalSettings, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case proxy(@Sendable (inout ProxyDraft, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case resolvers(@Sendable (inout ResolverSettings, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case probe(@Sendable (inout ProbeDraft, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case gossip(@Sendable (inout GossipDraft, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case database(@Sendable (inout DatabaseDraft, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case bind(@Sendable (inout Bind, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case server(@Sendable (inout ServerDraft, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
        case statsSocket(@Sendable (inout StatsSocketSettings, inout ConfigurationLine) throws(ConfigurationProblem) -> Void)
    }

    /// How often a keyword may stand in one section.
    enum Repetition: Sendable {
        /// Each line adds to the others.
        case many
        /// The last line counts, and the reader says so.
        case once
    }

    /// What `no` does.
    enum Inversion: Sendable {
        /// It is an error.
        case none
        /// It switches the keyword off, and `default` forgets it.
        case no
    }

    /// One word, or two: "timeout client".
    let name: String
    let places: KeywordPlaces
    /// Their shape: `<needed> [optional] ...`.
    let arguments: String
    /// One line of the manual.
    let meaning: String
    let repetition: Repetition
    let inversion: Inversion
    let action: Action

    init(
        _ name: String, _ places: KeywordPlaces, _ arguments: String, repetition: Repetition = .once, inversion: Inversion = .none,
        _ meaning: String, _ action: Action
    ) {
        self.name = name
        self.places = places
        self.arguments = arguments
        self.meaning = meaning
        self.repetition = repetition
        self.inversion = inversion
        self.action = action
    }

    /// How many arguments `arguments` allows: words outside of brackets are needed, `...` has no end.
    var argumentCounts: ClosedRange<Int> {
        var depth = 0
        var (needed, allowed) = (0, 0)
        for word in arguments.split(separator: " ") {
            let isEndless = word == "..." || word == "...]"
            if depth == 0, !isEndless, !word.hasPrefix("[") { needed += 1 }
            allowed = isEndless ? ConfigurationLexer.wordsMax : allowed + 1
            depth += word.utf8.count { $0 == UInt8(ascii: "[") } - word.utf8.count { $0 == UInt8(ascii: "]") }
        }
        return needed...max(needed, allowed)
    }
}

/// All keywords.
enum KeywordTable {
    /// Every supported keyword, in the order of the manual.
    static let keywords: [Keyword] =
        GlobalKeywords.keywords + ServerStateKeywords.keywords + GlobalKeywords.socketOptions + ProxyKeywords.keywords + ProxyKeywords.timeouts
        + ProxyKeywords.options
        + BindKeywords.keywords + ServerKeywords.keywords + ServerKeywords.checkKeywords + ResolversKeywords.keywords + ProbeKeywords.keywords
        + GossipKeywords.keywords + SessionKeywords.global + SessionKeywords.proxies + SessionKeywords.bind + SessionKeywords.server
        + DatabaseKeywords.keywords + KeepAliveKeywords.proxies

    private static let byName = Dictionary(grouping: keywords.indices) { keywords[$0].name }

    /// The first words of the keywords of `place`, each once, in the order of the manual.
    static func firstWords(in place: KeywordPlaces) -> [String] {
        names(in: place).reduce(into: []) { words, name in
            let word = String(name.prefix { $0 != " " })
            if words.last != word { words.append(word) }
        }
    }

    /// What may follow `family` in `place`: "client" after "timeout".
    static func secondWords(of family: String, in place: KeywordPlaces) -> [String] {
        names(in: place).filter { $0.hasPrefix(family + " ") }.map { String($0.dropFirst(family.count + 1)) }
    }

    /// The keyword `name` of `place`.
    static func keyword(_ name: String, in place: KeywordPlaces) -> Keyword? {
        byName[name]?.map { keywords[$0] }.first { $0.places.contains(place) }
    }

    /// Where `name` may stand.
    static func places(of name: String) -> KeywordPlaces {
        byName[name]?.reduce(into: []) { $0.formUnion(keywords[$1].places) } ?? []
    }

    /// The names of `place`, in the order of the manual.
    static func names(in place: KeywordPlaces) -> [String] { keywords.filter { $0.places.contains(place) }.map(\.name) }

    /// What is wrong with the word of a `bind`, `server` or `stats socket` line that is none of its options.
    static func problem(withOption word: String, of line: String, in place: KeywordPlaces) -> ConfigurationProblem {
        if let problem = ForeignKeywords.problem(with: word, in: place) { return problem }
        let names = names(in: place)
        return .unknownWord(word, of: line, allowed: names, suggestion: Spelling.nearest(to: word, among: names))
    }
}
