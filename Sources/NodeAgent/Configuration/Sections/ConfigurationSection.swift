import Proxy

/// A section: the lines from its name to the next section's.
///
/// The reader knows no section: it opens the one that a line names, gives it its lines, and finishes it where the next one begins.
protocol ConfigurationSection: KeywordPlace {
    /// What its lines have said so far.
    var draft: Draft { get set }
    /// The last line of each keyword that may stand once.
    var uses: [String: ConfigurationLocation] { get set }

    /// A section that begins at `location`.
    init(at location: ConfigurationLocation)

    /// As messages name it: "listen mysql". `argument` is the word after its name.
    static func title(argument: String?) -> String

    /// Reads the line that begins it, after its name. Whatever is wrong with that line, the section is open afterwards: its own lines are checked, too.
    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem)

    /// Answers a line whose keyword it does not take: a remark where the line does no harm, else the problem.
    mutating func refuse(_ problem: ConfigurationProblem, of line: inout ConfigurationLine) throws(ConfigurationProblem)

    /// What is wrong with a keyword that other sections take.
    static func problem(withMisplaced keyword: String, of sections: KeywordPlaces) -> ConfigurationProblem

    /// Whether a password may be joined to a keyword, "password=...", so that messages must not quote the word.
    static var hidesJoinedValues: Bool { get }

    /// Ends it: another section begins, or the file ends.
    func finish(in configuration: inout ConfigurationDraft)
}

extension ConfigurationSection {
    static var hidesJoinedValues: Bool { false }

    static func title(argument: String?) -> String { argument.map { "\(name) \($0)" } ?? name }

    mutating func refuse(_ problem: ConfigurationProblem, of line: inout ConfigurationLine) throws(ConfigurationProblem) {
        guard case .noEffect = problem else { throw problem }
        line.warn(problem)
    }

    static func problem(withMisplaced keyword: String, of sections: KeywordPlaces) -> ConfigurationProblem {
        .misplaced(keyword, places: sections.text("section"))
    }

    func finish(in configuration: inout ConfigurationDraft) { configuration.sections.append(self) }

    /// Reads one of its lines, after a `no` or a `default`.
    mutating func read(_ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let (one, two) = line.firstWords
        guard let keyword = Self.keywords[two] ?? Self.keywords[one] else { return try refuse(Self.problem(withKeyword: one, two), of: &line) }
        line.keyword = keyword.name
        line.shape = keyword.arguments
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

    /// Why a line that begins with the word `one`, or the words `two`, is none of its lines.
    private static func problem(withKeyword one: String, _ two: String) -> ConfigurationProblem {
        if let problem = problem(withForeign: two) ?? problem(withForeign: one) { return problem }
        for keyword in [two, one] {
            let sections = ConfigurationSections.places(of: keyword, among: ConfigurationSections.all)
            if !sections.names.isEmpty { return problem(withMisplaced: keyword, of: sections) }
            let lines = ConfigurationSections.places(of: keyword, among: ConfigurationSections.linesWithOptions)
            if !lines.names.isEmpty, keyword == two { return .misplaced(keyword, places: lines.text("line")) }
        }
        let words = keywords.secondWords(of: one)
        if !words.isEmpty {
            guard two != one else { return .missingArgument(of: one, shape: words.joined(separator: "|")) }
            let word = String(two.dropFirst(one.count + 1))
            return .unknownWord(word, of: one, allowed: words, suggestion: Spelling.nearest(to: word, among: words))
        }
        let end = hidesJoinedValues ? one.firstIndex { "=:".contains($0) } : nil
        let name = String(one[..<(end ?? one.endIndex)])
        let suggestion = Spelling.nearest(to: name, among: keywords.firstWords + ConfigurationSections.names)
        return .unknownKeyword(end.map { "\(name)\(one[$0])..." } ?? one, suggestion: suggestion)
    }
}

extension ConfigurationLine {
    /// What may be its keyword: the next word, and the next two where there are two.
    fileprivate var firstWords: (one: String, two: String) {
        let one = peek ?? ""
        return (one, next + 1 < words.count ? "\(one) \(words[next + 1])" : one)
    }
}
