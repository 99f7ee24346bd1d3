import Proxy

/// The places where a keyword is allowed, in the order of messages and of the manual.
struct KeywordPlaces: Equatable, Sendable, ExpressibleByArrayLiteral {
    let names: [String]

    init(arrayLiteral names: String...) { self.names = names }

    init(_ names: [String]) { self.names = names }

    func contains(_ name: String) -> Bool { names.contains(name) }

    /// The places for messages: "a section 'listen' or 'backend'".
    func text(_ kind: String) -> String {
        let quoted = names.map { "'\($0)'" }
        let first = quoted.dropLast().joined(separator: ", ")
        return "a \(kind) " + (first.isEmpty ? "" : first + " or ") + (quoted.last ?? "")
    }
}

/// A keyword's entry in the manual.
protocol KeywordEntry: Sendable {
    /// One word or two, such as "timeout client".
    var name: String { get }
    var places: KeywordPlaces { get }
    /// The shape of the arguments: `<needed> [optional] ...`. A first one in parentheses follows the keyword without a blank: `(<needed>) ...`.
    var arguments: String { get }
    /// The description, one line of the manual. It begins with "No effect" for a keyword that is only accepted, and ends in "Not in HAProxy." if HAProxy
    /// lacks the keyword.
    var meaning: String { get }
    /// How the effect differs from HAProxy's, one line of the manual; `nil` if it does not.
    var difference: String? { get }
    var inversion: KeywordInversion { get }
}

/// The effect of a keyword that a section has already used.
enum KeywordRepetition: Sendable {
    /// The line adds to the earlier ones.
    case many
    /// The line replaces the earlier one, with a warning.
    case once
}

/// The effect of `no`.
enum KeywordInversion: Sendable {
    /// `no` is an error.
    case none
    /// `no` switches the keyword off, and `default` resets it.
    case no
}

/// A keyword: its name, its places, and its effect on the draft of its section or line.
struct Keyword<Draft>: KeywordEntry {
    /// Takes the arguments from a line and applies them to a draft.
    typealias Action = @Sendable (inout Draft, inout ConfigurationLine) throws(ConfigurationProblem) -> Void

    let name: String
    let places: KeywordPlaces
    let arguments: String
    let meaning: String
    let repetition: KeywordRepetition
    let inversion: KeywordInversion
    let difference: String?
    /// The name under which repetitions are detected: another keyword with the same meaning, or `name`.
    let subject: String
    let apply: Action

    init(
        _ name: String, _ places: KeywordPlaces, _ arguments: String, repetition: KeywordRepetition = .once, inversion: KeywordInversion = .none,
        sameAs subject: String? = nil, differs difference: String? = nil, _ meaning: String, _ apply: @escaping Action
    ) {
        self.name = name
        self.places = places
        self.arguments = arguments
        self.meaning = meaning
        self.repetition = repetition
        self.inversion = inversion
        self.difference = difference
        self.subject = subject ?? name
        self.apply = apply
    }

    /// True for a keyword with an argument in parentheses: `set-var(x)`.
    var takesParentheses: Bool { arguments.hasPrefix("(") }

    /// The number of further words that `arguments` allows: words outside brackets are required, `...` has no limit.
    var argumentCounts: ClosedRange<Int> {
        var depth = 0
        var (needed, allowed) = (0, 0)
        for word in arguments.split(separator: " ").dropFirst(takesParentheses ? 1 : 0) {
            let isEndless = word == "..." || word == "...]"
            if depth == 0, !isEndless, !word.hasPrefix("[") { needed += 1 }
            allowed = isEndless ? ConfigurationLexer.wordsMax : allowed + 1
            depth += word.utf8.count { $0 == UInt8(ascii: "[") } - word.utf8.count { $0 == UInt8(ascii: "]") }
        }
        return needed...max(needed, allowed)
    }
}

extension Keyword {
    /// A keyword that passes true to `set`, or false after `no` or `default`.
    static func option(
        _ name: String, _ places: KeywordPlaces, differs difference: String? = nil, _ meaning: String, _ set: @escaping @Sendable (inout Draft, Bool) -> Void
    ) -> Keyword {
        Keyword(name, places, "", inversion: .no, differs: difference, meaning) { draft, line in set(&draft, line.prefix == .nothing) }
    }
}

/// The keywords of one place.
struct KeywordTable<Draft>: Sendable {
    /// The keywords, in the order of the manual.
    let keywords: [Keyword<Draft>]
    private let indices: [String: Int]

    /// A table of `keywords`, whose names must differ.
    init(_ keywords: [Keyword<Draft>]) {
        self.keywords = keywords
        indices = Dictionary(keywords.indices.map { (keywords[$0].name, $0) }) { first, _ in first }
    }

    /// The keyword called `name`; `nil` if there is none.
    subscript(name: String) -> Keyword<Draft>? { indices[name].map { keywords[$0] } }

    var names: [String] { keywords.map(\.name) }

    /// The first words of the keywords, without duplicates.
    var firstWords: [String] {
        names.reduce(into: []) { words, name in
            let word = String(name.prefix { $0 != " " })
            if words.last != word { words.append(word) }
        }
    }

    /// The words that may follow `family`, such as "client" after "timeout".
    func secondWords(of family: String) -> [String] {
        names.filter { $0.hasPrefix(family + " ") }.map { String($0.dropFirst(family.count + 1)) }
    }
}

extension Array {
    /// The keywords in the order of the manual: timeouts and options follow all others, each group sorted by name.
    func inManualOrder<Draft>() -> [Keyword<Draft>] where Element == Keyword<Draft> {
        func rank(_ keyword: Keyword<Draft>) -> Int { keyword.name.hasPrefix("option ") ? 2 : keyword.name.hasPrefix("timeout ") ? 1 : 0 }
        return sorted { (rank($0), $0.name) < (rank($1), $1.name) }
    }
}
