import Proxy

/// How bad a diagnostic is, HAProxy's words.
enum DiagnosticSeverity: String, Sendable {
    /// The agent cannot start.
    case alert = "ALERT"
    /// It starts, but probably not as meant.
    case warning = "WARNING"
    /// Worth knowing.
    case notice = "NOTICE"
}

/// One thing that the reader has to say about a configuration.
struct Diagnostic: Error, Equatable, Sendable, CustomStringConvertible {
    let severity: DiagnosticSeverity
    let location: ConfigurationLocation
    /// The section as the file has it, "listen mysql"; `nil` outside of one.
    let section: String?
    let problem: ConfigurationProblem

    /// `file:line: what in section 'listen mysql'; what to write instead`.
    var description: String {
        let place = section.map { " in section '\($0)'" } ?? ""
        let advice = problem.advice
        return "\(location): \(problem.what)\(place)\(advice.isEmpty ? "" : "; \(advice)")"
    }
}

/// What is wrong with a line: the word, and what stands in its place when the user has corrected it.
enum ConfigurationProblem: Error, Equatable, Sendable {
    // The text.
    case unclosedQuote(String)
    case unclosedBrace(variable: String)
    case badVariable(String)
    case badEscape(String)
    case notText(String)
    case missingLineFeed
    case tooMany(what: String, limit: Int)

    // Directives.
    case badCondition(String, advice: String)
    case misplacedDirective(String, advice: String)
    case unknownDirective(String, suggestion: String?)
    case message(String)

    // Keywords and their arguments.
    case outsideSection(String, suggestion: String?)
    case unknownKeyword(String, suggestion: String?)
    case unknownWord(String, of: String, allowed: [String], suggestion: String?)
    case missingArgument(of: String, shape: String)
    case surplusArgument(String, of: String, shape: String)
    case badValue(String, of: String, expected: String)
    case notInvertible(String, prefix: String)
    case misplaced(String, places: [String])
    case noEffect(String, advice: String)
    case overwritten(String, first: ConfigurationLocation)
    case unsetVariable(String)

    // What HAProxy has and tsukada has not.
    case unsupported(String, advice: String)
    case http(String, advice: String)
    case httpMode(proxy: String, mode: ConfigurationLocation)
    case encryption(String)
    case removed(String, replacement: String)
    case reserved(String)

    // Across lines and sections.
    case duplicate(String, kind: String, first: ConfigurationLocation)
    case ambiguous(String, kind: String)
    case unknownName(String, kind: String, of: String, suggestion: String?)
    case missingTimeouts([String])
    case missingLine(of: String, example: String)

    /// What is wrong, without its place.
    var what: String {
        switch self {
        case .unclosedQuote(let quote): "a \(quote) is opened and never closed"
        case .unclosedBrace(let variable): "the brace of '${\(variable)' is never closed"
        case .badVariable(let text): "'\(text)' names no environment variable"
        case .badEscape(let text): "'\(text)' is no escape"
        case .notText(let text): "'\(text)' is not UTF-8 text"
        case .missingLineFeed: "the last line has no line feed, so the file may have been cut off"
        case .tooMany(let what, let limit): "more than \(limit) \(what)"
        case .badCondition(let condition, _): "cannot tell whether '\(condition)' is true"
        case .misplacedDirective(let directive, _): "misplaced '\(directive)'"
        case .unknownDirective(let word, _): "unknown directive '\(word)'"
        case .message(let text): text
        case .outsideSection(let word, _): "'\(word)' stands before any section"
        case .unknownKeyword(let word, _): "unknown keyword '\(word)'"
        case .unknownWord(let word, let keyword, _, _): "'\(keyword)' has no '\(word)'"
        case .missingArgument(let keyword, _): "'\(keyword)' lacks an argument"
        case .surplusArgument(let word, let keyword, _): "'\(word)' is one word too many for '\(keyword)'"
        case .badValue(let word, let keyword, _): "'\(keyword)' cannot be '\(word)'"
        case .notInvertible(let keyword, let prefix): "'\(prefix)' cannot stand before '\(keyword)'"
        case .misplaced(let keyword, _): "misplaced keyword '\(keyword)'"
        case .noEffect(let keyword, _): "'\(keyword)' has no effect"
        case .overwritten(let keyword, let first): "'\(keyword)' overrides the one of \(first)"
        case .unsetVariable(let name): "the environment variable '\(name)' is not set and reads as nothing"
        case .unsupported(let keyword, _): "'\(keyword)' is not supported by tsukada yet"
        case .http(let keyword, _): "'\(keyword)' is for HTTP only and does nothing for TCP"
        case .httpMode(let proxy, let mode): "'\(proxy)' takes 'mode http' from \(mode), and tsukada forwards TCP only"
        case .encryption(let keyword): "'\(keyword)' asks for TLS, which tsukada does not speak"
        case .removed(let keyword, _): "'\(keyword)' was removed from HAProxy"
        case .reserved(let section): "section '\(section)' is reserved for a later tsukada"
        case .duplicate(let name, let kind, let first): "there is a \(kind) '\(name)' at \(first) already"
        case .ambiguous(let name, let kind): "there is more than one \(kind) '\(name)'"
        case .unknownName(let name, let kind, let keyword, _): "'\(keyword)' names the \(kind) '\(name)', which does not exist"
        case .missingTimeouts(let names): "no \(names.map { "'timeout \($0)'" }.joined(separator: ", "))"
        case .missingLine(let keyword, _): "no '\(keyword)'"
        }
    }

    /// What to write instead; empty where `what` says it all.
    var advice: String {
        switch self {
        case .unclosedQuote(let quote): "close it, or write \\\(quote) for the character itself"
        case .unclosedBrace: "write \"${NAME}\" or \"${NAME-default}\""
        case .badVariable: "a name is made of letters, digits and '_'; write \\$ for the character itself"
        case .badEscape: "write \\x and two hexadecimal digits, or \\\\ for a backslash"
        case .notText: "save the file as UTF-8"
        case .missingLineFeed: "end the file with a line feed"
        case .tooMany: "split it"
        case .badCondition(_, let advice), .misplacedDirective(_, let advice): advice
        case .unknownDirective(_, let suggestion): suggestion.map { "did you mean '\($0)'?" } ?? "remove it"
        case .message, .overwritten: ""
        case .outsideSection(_, let suggestion):
            suggestion.map { "did you mean '\($0)'?" } ?? "start with a section: global, defaults, listen, frontend, backend, resolvers or probe"
        case .unknownKeyword(_, let suggestion): suggestion.map { "did you mean '\($0)'?" } ?? "remove it, or see docs/CONFIGURATION.md for all keywords"
        case .unknownWord(_, _, let allowed, let suggestion):
            suggestion.map { "did you mean '\($0)'?" } ?? "write one of \(allowed.joined(separator: ", "))"
        case .missingArgument(let keyword, let shape), .surplusArgument(_, let keyword, let shape):
            shape.isEmpty ? "write '\(keyword)' alone" : "write '\(keyword) \(shape)'"
        case .badValue(_, _, let expected): "write \(expected)"
        case .notInvertible(_, let prefix): "remove '\(prefix)'"
        case .misplaced(_, let places): "move it to \(places.joined(separator: " or "))"
        case .noEffect(_, let advice): advice
        case .unsetVariable(let name): "set it, or write \"${\(name)-default}\""
        case .unsupported(_, let advice): advice
        case .http(_, let advice): advice
        case .httpMode: "write 'mode tcp' in this section, or leave the section to HAProxy"
        case .encryption: "remove it and let the client speak TLS with the server through tsukada, or keep HAProxy for this proxy"
        case .removed(_, let replacement): replacement
        case .reserved: "remove the section"
        case .duplicate: "give this one another name"
        case .ambiguous: "give each its own name"
        case .unknownName(_, let kind, _, let suggestion): suggestion.map { "did you mean '\($0)'?" } ?? "add the \(kind), or correct the name"
        case .missingTimeouts: "without it a dead peer holds its session for ever: write it here or in 'defaults'"
        case .missingLine(_, let example): "write '\(example)'"
        }
    }
}
