/// The condition of an `.if` or `.elif`.
///
///     condition = term { "||" term }
///     term      = factor { "&&" factor }
///     factor    = "!" factor | "(" condition ")" | number | name "(" [argument { "," argument }] ")"
///
/// A number is true unless it is 0; an empty condition is false.
struct ConfigurationCondition {
    /// The HAProxy version whose language this is, for `version_atleast` and `version_before`.
    static let version = [3, 5, 0]
    /// The features that `feature` and `enabled` report, by HAProxy's names.
    static let features: Set<String> = ["ACCEPT4", "EPOLL", "GETADDRINFO", "LINUX_SPLICE", "POLL", "SPLICE", "THREAD"]
    static let depthMax = 64
    private static let predicates = ["defined", "enabled", "feature", "streq", "strneq", "strstr", "version_atleast", "version_before"]

    private let text: String
    private let environment: [String: String]
    private var rest: Substring
    private var depth = 0

    /// Evaluates `text`.
    static func evaluate(_ text: String, environment: [String: String]) throws(ConfigurationProblem) -> Bool {
        var reader = ConfigurationCondition(text: text, environment: environment, rest: text[...])
        reader.skipBlanks()
        guard !reader.rest.isEmpty else { return false }
        let isTrue = try reader.readCondition()
        guard reader.rest.isEmpty else { throw reader.problem("unexpected '\(reader.rest)'") }
        return isTrue
    }

    private init(text: String, environment: [String: String], rest: Substring) {
        self.text = text
        self.environment = environment
        self.rest = rest
    }

    private mutating func readCondition() throws(ConfigurationProblem) -> Bool {
        var isTrue = try readTerm()
        while consume("||") {
            let next = try readTerm()
            isTrue = isTrue || next
        }
        return isTrue
    }

    private mutating func readTerm() throws(ConfigurationProblem) -> Bool {
        var isTrue = try readFactor()
        while consume("&&") {
            let next = try readFactor()
            isTrue = isTrue && next
        }
        return isTrue
    }

    private mutating func readFactor() throws(ConfigurationProblem) -> Bool {
        guard depth < Self.depthMax else { throw .tooMany(what: "nested conditions", limit: Self.depthMax) }
        depth += 1
        defer { depth -= 1 }
        if consume("!") { return try !readFactor() }
        if consume("(") {
            let isTrue = try readCondition()
            guard consume(")") else { throw problem("close the parenthesis") }
            return isTrue
        }
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        rest = rest.dropFirst(name.count)
        if let number = Int(name) {
            skipBlanks()
            return number != 0
        }
        guard !name.isEmpty, rest.first == "(" else { throw unknownPredicate(name) }
        rest = rest.dropFirst()
        guard let end = rest.firstIndex(of: ")") else { throw problem("close the parenthesis") }
        let arguments = rest[..<end].split(separator: ",", omittingEmptySubsequences: false).map(trim)
        rest = rest[rest.index(after: end)...]
        skipBlanks()
        return try evaluate(name, arguments)
    }

    private func evaluate(_ name: Substring, _ arguments: [String]) throws(ConfigurationProblem) -> Bool {
        switch (name, arguments.count) {
        case ("defined", 1): return environment[arguments[0]] != nil
        case ("feature", 1), ("enabled", 1): return Self.features.contains(arguments[0])
        case ("streq", 2): return arguments[0] == arguments[1]
        case ("strneq", 2): return arguments[0] != arguments[1]
        case ("strstr", 2): return Self.contains(arguments[0], arguments[1])
        case ("version_atleast", 1): return try !isVersionBefore(arguments[0])
        case ("version_before", 1): return try isVersionBefore(arguments[0])
        case let (name, _) where Self.predicates.contains(String(name)): throw problem("'\(name)' takes \(Self.count(of: name))")
        default: throw unknownPredicate(name)
        }
    }

    private static func count(of predicate: Substring) -> String {
        predicate.hasPrefix("str") ? "two arguments" : "one argument"
    }

    /// Whether `part` is in `text`.
    static func contains(_ text: String, _ part: String) -> Bool {
        let (text, part) = (Array(text.utf8), Array(part.utf8))
        guard !part.isEmpty else { return true }
        return text.indices.contains { text[$0...].starts(with: part) }
    }

    /// Compares with a version such as "3", "2.4", "2.4.1" or "3.5-dev4"; the part after a dash is ignored.
    private func isVersionBefore(_ version: String) throws(ConfigurationProblem) -> Bool {
        let number = version.prefix { $0 != "-" }
        let parts = number.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...3).contains(parts.count) else { throw problem("write a version such as 2.4") }
        var wanted: [Int] = []
        for part in parts {
            guard let part, part >= 0 else { throw problem("write a version such as 2.4") }
            wanted.append(part)
        }
        return Self.version.lexicographicallyPrecedes(wanted + Array(repeating: 0, count: 3 - wanted.count))
    }

    private func unknownPredicate(_ name: Substring) -> ConfigurationProblem {
        let suggestion = Spelling.nearest(to: String(name), among: Self.predicates)
        return problem(suggestion.map { "did you mean '\($0)(...)'?" } ?? "write one of \(Self.predicates.joined(separator: ", "))")
    }

    private func problem(_ advice: String) -> ConfigurationProblem { .badCondition(text, advice: advice) }

    private mutating func consume(_ token: String) -> Bool {
        skipBlanks()
        guard rest.hasPrefix(token) else { return false }
        rest = rest.dropFirst(token.count)
        skipBlanks()
        return true
    }

    private mutating func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\t" } }

    private func trim(_ text: Substring) -> String {
        let start = text.drop { $0 == " " }
        return String(start[..<(start.lastIndex { $0 != " " }.map { start.index(after: $0) } ?? start.startIndex)])
    }
}

/// The `.if` blocks around the present line.
///
///              true                  .elif, .else
///     .if ------------> taking ------------------> taken
///      |  false                 true
///      '--------------> waiting ------------> taking
///     inside a skipped block: dead
struct ConfigurationBlocks {
    private enum State {
        /// The lines of this branch are read.
        case taking
        /// No branch has been true yet.
        case waiting
        /// A branch has been read, and the others are skipped.
        case taken
        /// The enclosing block is skipped.
        case dead
    }

    static let depthMax = 64

    private var blocks: [(state: State, hasElse: Bool, line: Int)] = []

    /// Whether lines are read at present.
    var isReading: Bool { blocks.last.map { $0.state == .taking } ?? true }

    /// The line of the innermost open `.if`.
    var openLine: Int? { blocks.last?.line }

    /// Whether the condition of an `.elif` here would be evaluated.
    var wantsCondition: Bool { blocks.last.map { $0.state == .waiting && !$0.hasElse } ?? false }

    /// Handles `.if` on `line`; `isTrue` is ignored inside a skipped block.
    mutating func open(line: Int, isTrue: Bool) throws(ConfigurationProblem) {
        guard blocks.count < Self.depthMax else { throw .tooMany(what: "nested '.if'", limit: Self.depthMax) }
        blocks.append((isReading ? (isTrue ? .taking : .waiting) : .dead, false, line))
    }

    /// Handles `.elif` or `.else`.
    mutating func change(_ directive: String, isTrue: Bool) throws(ConfigurationProblem) {
        guard var block = blocks.popLast() else { throw .misplacedDirective(directive, advice: "start the block with '.if'") }
        defer { blocks.append(block) }
        guard !block.hasElse else { throw .misplacedDirective(directive, advice: "only '.endif' may follow '.else'") }
        block.hasElse = directive == ".else"
        switch block.state {
        case .waiting where isTrue: block.state = .taking
        case .taking: block.state = .taken
        case .waiting, .taken, .dead: break
        }
    }

    /// Handles `.endif`.
    mutating func close() throws(ConfigurationProblem) {
        guard blocks.popLast() != nil else { throw .misplacedDirective(".endif", advice: "start the block with '.if'") }
    }
}
