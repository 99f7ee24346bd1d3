import Proxy

/// A message of the reader about a configuration.
struct Diagnostic: Error, Equatable, Sendable, CustomStringConvertible {
    let severity: DiagnosticSeverity
    let location: ConfigurationLocation
    /// The section as the file names it, "listen mysql"; `nil` outside sections.
    let section: String?
    var problem: ConfigurationProblem
    /// The line in the file; `nil` until the reader has found it, and for messages about a whole file.
    var excerpt: SourceExcerpt?

    /// `what in section 'listen mysql'`.
    var headline: String {
        if case .refusedSection = problem { return problem.what }
        return problem.what + (section.map { " in section '\($0)'" } ?? "")
    }

    /// `file:line: what in section 'listen mysql'; what to write instead`: the form for logs.
    var description: String { "\(location): \(headline)\(problem.advice.isEmpty ? "" : "; \(problem.advice)")" }
}

/// A keyword for which a section cannot run, and its lines.
struct RefusedKeyword: Equatable, Sendable {
    static let linesShownMax = 4

    let name: String
    /// At least one, in the order of the files.
    var locations: [ConfigurationLocation]

    /// "acl (lines 12, 15)".
    func text(in file: String) -> String {
        let numbers = locations.prefix(Self.linesShownMax).map { $0.file == file ? "\($0.line)" : "\($0)" }.joined(separator: ", ")
        let more = locations.count > Self.linesShownMax ? " and \(locations.count - Self.linesShownMax) more" : ""
        return "\(name) (\(locations.count == 1 ? "line" : "lines") \(numbers)\(more))"
    }
}

/// The problem of a line, and its correction.
enum ConfigurationProblem: Error, Equatable, Sendable {
    // The text.
    case unclosedQuote(String)
    case unclosedBrace(variable: String)
    case badVariable(String)
    case badEscape(String)
    /// A byte that a word cannot have, because words are text. `instead` is the line that can have it, without its arguments.
    case byteEscape(String, instead: String?)
    case notText(String)
    case missingLineFeed
    case tooMany(what: String, limit: Int)

    // Directives.
    case badCondition(String, advice: String)
    case misplacedDirective(String, advice: String)
    case unknownDirective(String, suggestion: String?)
    case message(String)

    // Keywords and their arguments.
    case outsideSection(String, sections: [String], suggestion: String?)
    case unknownKeyword(String, suggestion: String?)
    case unknownWord(String, of: String, allowed: [String], suggestion: String?)
    case missingArgument(of: String, shape: String)
    case surplusArgument(String, of: String, shape: String)
    case badValue(String, of: String, expected: String)
    case notInvertible(String, prefix: String)
    case misplaced(String, places: String)
    case noEffect(String, advice: String)
    case overwritten(String, first: ConfigurationLocation)
    case unsetVariable(String)

    // HAProxy's features that tsukada does not have.
    case unsupported(String, advice: String)
    /// Keywords without an effect, which one notice of each file lists.
    case ignored([String])
    case encryption(String)
    case removed(String, replacement: String)
    /// All keywords for which a section cannot run; `extent` is the part of the configuration to keep HAProxy for.
    case refusedSection(String, [RefusedKeyword], extent: String)

    // Across lines and sections.
    case duplicate(String, kind: String, first: ConfigurationLocation)
    case ambiguous(String, kind: String)
    case unknownName(String, kind: String, of: String, suggestion: String?)
    case missingLine(of: String, example: String)
    case custom(String, advice: String)
    case shortTime(String, of: String)

    /// The problem, without its place.
    var what: String {
        switch self {
        case .unclosedQuote(let quote): "unclosed quote \(quote)"
        case .unclosedBrace(let variable): "unclosed brace after '${\(variable)'"
        case .badVariable(let text): "invalid variable '\(text)'"
        case .badEscape(let text): "unknown escape '\(text)'"
        case .byteEscape(let text, _): "unsupported escape '\(text)'"
        case .notText(let text): "invalid bytes '\(text)'"
        case .missingLineFeed: "missing line feed at the end of the file"
        case .tooMany(let what, let limit): "more than \(limit) \(what)"
        case .badCondition(let condition, _): "invalid condition '\(condition)'"
        case .misplacedDirective(let directive, _): "misplaced '\(directive)'"
        case .unknownDirective(let word, _): "unknown directive '\(word)'"
        case .message(let text): text
        case .outsideSection(let word, _, _): "'\(word)' before the first section"
        case .unknownKeyword(let word, _): "unknown keyword '\(word)'"
        case .unknownWord(let word, let keyword, _, _): "unknown word '\(word)' after '\(keyword)'"
        case .missingArgument(let keyword, _): "missing argument after '\(keyword)'"
        case .surplusArgument(let word, let keyword, _): "unexpected '\(word)' after '\(keyword)'"
        case .badValue(let word, let keyword, _): "invalid value '\(word)' for '\(keyword)'"
        case .notInvertible(let keyword, let prefix): "'\(prefix)' is not allowed before '\(keyword)'"
        case .misplaced(let keyword, _): "misplaced keyword '\(keyword)'"
        case .noEffect(let keyword, _): "'\(keyword)' has no effect"
        case .overwritten(let keyword, _): "duplicate '\(keyword)'"
        case .unsetVariable(let name): "unset environment variable '\(name)'"
        case .unsupported(let keyword, _): "unsupported '\(keyword)'"
        case .ignored(let keywords): Self.ignoredText(keywords)
        case .encryption(let keyword): "TLS keyword '\(keyword)'"
        case .removed(let keyword, _): "outdated '\(keyword)'"
        case .refusedSection(let section, let keywords, _): "section '\(section)' cannot run here: \(Self.list(keywords))"
        case .duplicate(let name, let kind, _): "duplicate \(kind) '\(name)'"
        case .ambiguous(let name, let kind): "more than one \(kind) '\(name)'"
        case .unknownName(let name, let kind, let keyword, _): "unknown \(kind) '\(name)' after '\(keyword)'"
        case .missingLine(let keyword, _): "missing '\(keyword)'"
        case .custom(let text, _): text
        case .shortTime(let word, let keyword): "'\(keyword) \(word)' is less than a second"
        }
    }

    /// The correction; empty if `what` needs none.
    var advice: String {
        switch self {
        case .unclosedQuote(let quote): "close it, or write \\\(quote) for the character itself"
        case .unclosedBrace: "write \"${NAME}\" or \"${NAME-default}\""
        case .badVariable: "a name consists of letters, digits and '_'; write \\$ for a dollar sign"
        case .badEscape: "write \\x and two hexadecimal digits, or \\\\ for a backslash"
        case .byteEscape(_, let instead?): "write '\(instead)' and hexadecimal digits"
        case .byteEscape(_, nil): "words are UTF-8 text without a zero byte: write other bytes only where hexadecimal digits are allowed"
        case .notText: "save the file as UTF-8"
        case .missingLineFeed: "the file may be cut off: end its last line with a line feed"
        case .tooMany(_, let limit): "write at most \(limit)"
        case .badCondition(_, let advice), .misplacedDirective(_, let advice): advice
        case .unknownDirective(_, let suggestion): suggestion.map { "did you mean '\($0)'?" } ?? "remove it"
        case .message: ""
        case .overwritten(_, let first): "the last one wins: remove the one at \(first)"
        case .outsideSection(_, let sections, let suggestion):
            suggestion.map { "did you mean '\($0)'?" }
                ?? "start with a section: \(sections.dropLast().joined(separator: ", ")) or \(sections.last ?? "")"
        case .unknownKeyword(_, let suggestion): suggestion.map { "did you mean '\($0)'?" } ?? "docs/CONFIGURATION.md lists all keywords"
        case .unknownWord(_, _, let allowed, let suggestion):
            suggestion.map { "did you mean '\($0)'?" }
                ?? (allowed.count == 1 ? "write '\(allowed[0])'" : "write one of \(allowed.joined(separator: ", "))")
        case .missingArgument(let keyword, let shape), .surplusArgument(_, let keyword, let shape):
            shape.isEmpty ? "write '\(keyword)' alone" : "write '\(keyword)\(shape.hasPrefix("(") ? "" : " ")\(shape)'"
        case .badValue(_, _, let expected): "write \(expected)"
        case .notInvertible: "remove the line"
        case .misplaced(_, let places): "move it to \(places)"
        case .noEffect(_, let advice), .custom(_, let advice): advice
        case .unsetVariable(let name): "it expands to nothing: set it, or write \"${\(name)-default}\""
        case .unsupported(_, let advice): advice
        case .ignored: "tsukada does not need them: the lines may stay"
        case .encryption: "tsukada does not support TLS: keep HAProxy for the proxies that need it"
        case .refusedSection(_, _, let extent): "keep HAProxy for \(extent)"
        case .removed(_, let replacement): "HAProxy has removed it: \(replacement)"
        case .duplicate(_, _, let first): "the first is at \(first): give this one another name"
        case .ambiguous: "give each its own name"
        case .unknownName(_, let kind, _, let suggestion):
            suggestion.map { "did you mean '\($0)'?" }
                ?? "add the \(kind)\(kind == Self.defaultsKind ? " above this section" : ""), or correct the name"
        case .missingLine(_, let example): "write '\(example)'"
        case .shortTime(let word, _):
            word.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                ? "a number without a unit is in milliseconds: write '\(word)s'" : "write a time such as '30s'"
        }
    }
}

extension ConfigurationProblem {
    /// The kind of the names after `from`. A `defaults` section must come before the sections that name it.
    static let defaultsKind = "'defaults' section"
    /// The number of keywords that a message about a section names.
    static let keywordsShownMax = 12
    /// The most keywords that one notice lists, and the most that it counts.
    static let ignoredMax = 32
    private static let ignoredCountMax = 256

    private static func list(_ keywords: [RefusedKeyword]) -> String {
        let file = keywords.first?.locations.first?.file ?? ""
        let more = keywords.count > keywordsShownMax ? " and \(keywords.count - keywordsShownMax) more keywords" : ""
        return keywords.prefix(keywordsShownMax).map { $0.text(in: file) }.joined(separator: ", ") + more
    }

    private static func ignoredText(_ keywords: [String]) -> String {
        let shown = keywords.prefix(ignoredMax).map { "'\($0)'" }.joined(separator: ", ")
        let others = keywords.count - ignoredMax
        return shown + (others > 0 ? " and \(others) others have no effect" : keywords.count == 1 ? " has no effect" : " have no effect")
    }

    /// This problem together with a later one, if one message reports both.
    func merged(with later: ConfigurationProblem) -> ConfigurationProblem? {
        guard case .ignored(let names) = self, case .ignored(let added) = later else { return nil }
        return .ignored(Array((names + added.filter { !names.contains($0) }).prefix(Self.ignoredCountMax)))
    }

    /// The keyword of HAProxy that tsukada refuses; `nil` for other problems, and for keywords that HAProxy refuses as well.
    var refusedKeyword: String? {
        switch self {
        case .unsupported(let keyword, _), .encryption(let keyword): keyword
        default: nil
        }
    }

    /// Whether the advice is to keep HAProxy, because no other line has the same effect.
    var keepsHAProxy: Bool { ConfigurationCondition.contains(advice, "keep HAProxy for") }

    /// Texts that are probably on the line, the best one first: a message quotes the word that it is about.
    var subjects: [String] {
        switch self {
        case .badCondition(let text, _), .misplacedDirective(let text, _), .unknownDirective(let text, _), .outsideSection(let text, _, _),
            .unknownKeyword(let text, _), .unknownWord(let text, _, _, _), .missingArgument(let text, _), .surplusArgument(let text, _, _),
            .badValue(let text, _, _), .misplaced(let text, _), .noEffect(let text, _), .overwritten(let text, _), .unsupported(let text, _),
            .encryption(let text), .removed(let text, _), .duplicate(let text, _, _), .ambiguous(let text, _),
            .unknownName(let text, _, _, _), .shortTime(let text, _), .notInvertible(_, let text):
            [text]
        case .refusedSection(_, let keywords, _): keywords.prefix(1).map(\.name)
        case .ignored(let keywords): Array(keywords.prefix(1))
        case .custom(let text, _): Self.quotations(in: text)
        default: []
        }
    }

    /// The texts in single quotes, without the dots at the end of a text that is cut.
    private static func quotations(in text: String) -> [String] {
        var quotations: [String] = []
        var rest = text[...]
        while let quote = rest.firstIndex(of: "'") {
            // An apostrophe inside a word is no quote.
            let isQuote = quote == rest.startIndex || " (".contains(rest[rest.index(before: quote)])
            rest = rest[rest.index(after: quote)...]
            guard isQuote, let end = rest.firstIndex(of: "'") else { continue }
            quotations.append(String(rest[..<end].hasSuffix("...") ? rest[..<end].dropLast(3) : rest[..<end]))
            rest = rest[rest.index(after: end)...]
        }
        return quotations
    }
}
