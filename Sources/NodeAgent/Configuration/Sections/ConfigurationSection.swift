import Proxy

/// A section: its first line and all lines up to the next section.
///
/// The reader is independent of the kinds of sections: it opens the section that a line names, passes the following lines to it, and finishes it where the next
/// one begins.
protocol ConfigurationSection: KeywordPlace {
    /// The content of the lines so far.
    var draft: Draft { get set }
    /// The last line of each keyword that may occur once.
    var uses: [String: ConfigurationLocation] { get set }

    /// Creates a section that begins at `location`.
    init(at location: ConfigurationLocation)

    /// The title in messages: "listen mysql". `argument` is the word after the section's name.
    static func title(argument: String?) -> String

    /// Parses the section's first line, after its name. Even if it throws, the section is open afterwards, so that its lines are checked as well.
    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem)

    /// Handles a line with HAProxy's keyword `name`, which the section does not accept because of `reason`. Throws unless HAProxy's effect is that of no line.
    mutating func skip(_ name: String, because reason: ForeignKeywords.Reason, _ line: inout ConfigurationLine) throws(ConfigurationProblem)

    /// Whether `no` may precede HAProxy's keyword `name`, which has no effect here.
    static func isInvertible(_ name: String) -> Bool

    /// The problem of a keyword that other sections accept.
    static func problem(withMisplaced keyword: String, of sections: KeywordPlaces) -> ConfigurationProblem

    /// Whether a password may follow the keyword, or a misspelled one, so that messages must not show the rest of the line. It may also be joined to an unknown
    /// keyword, as in "password=...".
    static func hidesValues(of keyword: String) -> Bool

    /// Completes the section, because another one begins or the file ends.
    func finish(in configuration: inout ConfigurationDraft)
}

extension ConfigurationSection {
    static func hidesValues(of keyword: String) -> Bool { false }

    static func title(argument: String?) -> String { argument.map { "\(name) \($0)" } ?? name }

    static func isInvertible(_ name: String) -> Bool { false }

    mutating func skip(_ name: String, because reason: ForeignKeywords.Reason, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        try ignore(name, because: reason, &line)
    }

    /// Accepts a line without an effect, with a notice unless `reason` is `silent`. Throws for other reasons.
    func ignore(_ name: String, because reason: ForeignKeywords.Reason, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard reason == .ignored || reason == .silent else { throw reason.problem(with: name, extent: Self.extent) }
        guard line.prefix == .nothing || Self.isInvertible(name) else { throw .notInvertible(name, prefix: line.words[0]) }
        if reason == .ignored { line.notice(.ignored([name])) }
    }

    static func problem(withMisplaced keyword: String, of sections: KeywordPlaces) -> ConfigurationProblem {
        .misplaced(keyword, places: sections.text("section"))
    }

    func finish(in configuration: inout ConfigurationDraft) { configuration.sections.append(self) }

    /// Parses a line of the section. A leading `no` or `default` has been taken already. Advice on an unknown keyword comes from `sections`.
    mutating func read(_ line: inout ConfigurationLine, among sections: ConfigurationSections) throws(ConfigurationProblem) {
        let (one, two, name) = line.firstWords
        guard let keyword = Self.keywords[name] ?? Self.keywords[one] else {
            for words in [two, one] { if let reason = Self.reason(ofForeign: words) { return try skip(words, because: reason, &line) } }
            let problem = Self.problem(withKeyword: one, two, name: name, among: sections)
            guard case .noEffect = problem else { throw problem }
            return line.warn(problem)
        }
        line.keyword = keyword.name
        line.shape = keyword.arguments
        if keyword.name == name, two != name, !keyword.takesParentheses {
            let (word, known) = (String(two.dropFirst(one.count + 1)), String(name.dropFirst(one.count + 1)))
            throw .unknownWord(word, of: one, allowed: Self.secondWords(of: one), suggestion: known)
        }
        line.next += keyword.name.contains(" ") ? 2 : 1
        if line.prefix != .nothing, keyword.inversion == .none || (line.prefix == .standard && !keyword.name.hasPrefix("option ")) {
            throw .notInvertible(keyword.name, prefix: line.words[0])
        }
        if line.prefix == .nothing, line.words.count - line.next < keyword.argumentCounts.lowerBound {
            throw .missingArgument(of: keyword.name, shape: keyword.arguments)
        }
        if keyword.repetition == .once, let first = uses.updateValue(line.location, forKey: keyword.subject) {
            line.warn(.overwritten(keyword.name, first: first))
        }
        try keyword.apply(&draft, &line)
        try line.end()
    }

    /// The problem of a line that begins with the word `one`, or the words `two`, and is not one of the section's. `name` is `two` without parentheses.
    private static func problem(
        withKeyword one: String, _ two: String, name: String, among sections: ConfigurationSections
    ) -> ConfigurationProblem {
        let words = secondWords(of: one)
        // A word that also begins keywords of this section, such as `external-check`, belongs to them and not to another section.
        for keyword in words.isEmpty ? [name, one] : name == one ? [] : [name] {
            let places = ConfigurationSections.places(of: keyword, among: sections.types)
            if !places.names.isEmpty { return problem(withMisplaced: keyword, of: places) }
            let lines = ConfigurationSections.places(of: keyword, among: ConfigurationSections.linesWithOptions)
            if !lines.names.isEmpty, keyword == name { return .misplaced(keyword, places: lines.text("line")) }
        }
        if !words.isEmpty {
            guard two != one else { return .missingArgument(of: one, shape: words.joined(separator: "|")) }
            let word = String(two.dropFirst(one.count + 1))
            return .unknownWord(word, of: one, allowed: words, suggestion: Spelling.nearest(to: word, among: words))
        }
        let end = hidesValues(of: one) ? one.firstIndex { "=:".contains($0) } : nil
        let word = String(one[..<(end ?? one.endIndex)])
        let suggestion = Spelling.nearest(to: word, among: keywords.firstWords + sections.names)
        return .unknownKeyword(end.map { "\(word)\(one[$0])..." } ?? one, suggestion: suggestion)
    }
}

extension ConfigurationLine {
    /// The candidates for the keyword: the next word, the next two words if there are two, and these without parentheses: `tcp-check set-var(x)`.
    fileprivate var firstWords: (one: String, two: String, name: String) {
        let one = peek ?? ""
        guard next + 1 < words.count else { return (one, one, one) }
        let second = words[next + 1]
        return (one, "\(one) \(second)", "\(one) \(second.prefix { $0 != "(" })")
    }
}
