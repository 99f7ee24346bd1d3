import Proxy

/// The names of the places where a keyword is allowed, in the order of messages and the manual.
struct KeywordPlaces: Equatable, Sendable, ExpressibleByArrayLiteral {
    let names: [String]

    init(arrayLiteral names: String...) { self.names = names }

    init(_ names: [String]) { self.names = names }

    func contains(_ name: String) -> Bool { names.contains(name) }

    /// These places, for messages: "a section 'listen' or 'backend'".
    func text(_ kind: String) -> String { "a \(kind) " + names.map { "'\($0)'" }.joined(separator: " or ") }
}

/// What the manual says of a keyword.
protocol KeywordEntry: Sendable {
    /// One word, or two: "timeout client".
    var name: String { get }
    var places: KeywordPlaces { get }
    /// Their shape: `<needed> [optional] ...`.
    var arguments: String { get }
    /// One line of the manual.
    var meaning: String { get }
    var inversion: KeywordInversion { get }
}

/// What a second line of the same keyword in a section does.
enum KeywordRepetition: Sendable {
    /// It adds to the first one.
    case many
    /// It replaces the first one, with a warning.
    case once
}

/// What `no` does.
enum KeywordInversion: Sendable {
    /// It is an error.
    case none
    /// It switches the keyword off, and `default` forgets it.
    case no
}

/// One keyword: what is written, where, and what it does to the draft of its section or line.
struct Keyword<Draft>: KeywordEntry {
    /// Takes the arguments from a line, and puts what they say into a draft.
    typealias Action = @Sendable (inout Draft, inout ConfigurationLine) throws(ConfigurationProblem) -> Void

    let name: String
    let places: KeywordPlaces
    let arguments: String
    let meaning: String
    let repetition: KeywordRepetition
    let inversion: KeywordInversion
    /// The keyword that says the same in another way; else `name`.
    let subject: String
    let apply: Action

    init(
        _ name: String, _ places: KeywordPlaces, _ arguments: String, repetition: KeywordRepetition = .once, inversion: KeywordInversion = .none,
        sameAs subject: String? = nil, _ meaning: String, _ apply: @escaping Action
    ) {
        self.name = name
        self.places = places
        self.arguments = arguments
        self.meaning = meaning
        self.repetition = repetition
        self.inversion = inversion
        self.subject = subject ?? name
        self.apply = apply
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

/// The keywords of one place.
struct KeywordTable<Draft>: Sendable {
    /// In the order of the manual.
    let keywords: [Keyword<Draft>]
    private let indices: [String: Int]

    /// A table of `keywords`, whose names differ.
    init(_ keywords: [Keyword<Draft>]) {
        self.keywords = keywords
        indices = Dictionary(keywords.indices.map { (keywords[$0].name, $0) }) { first, _ in first }
    }

    /// The keyword `name`.
    subscript(name: String) -> Keyword<Draft>? { indices[name].map { keywords[$0] } }

    var names: [String] { keywords.map(\.name) }

    /// The first words of the keywords, each once.
    var firstWords: [String] {
        names.reduce(into: []) { words, name in
            let word = String(name.prefix { $0 != " " })
            if words.last != word { words.append(word) }
        }
    }

    /// What may follow `family`: "client" after "timeout".
    func secondWords(of family: String) -> [String] {
        names.filter { $0.hasPrefix(family + " ") }.map { String($0.dropFirst(family.count + 1)) }
    }
}

extension Array {
    /// Keywords of several subjects as the manual has them: timeouts and options after all others, each by name.
    func inManualOrder<Draft>() -> [Keyword<Draft>] where Element == Keyword<Draft> {
        func rank(_ keyword: Keyword<Draft>) -> Int { keyword.name.hasPrefix("option ") ? 2 : keyword.name.hasPrefix("timeout ") ? 1 : 0 }
        return sorted { (rank($0), $0.name) < (rank($1), $1.name) }
    }
}
