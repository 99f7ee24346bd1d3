import Proxy

/// A place where keywords are allowed: a section, or a line with options.
protocol KeywordPlace: SendableMetatype {
    /// The value that the keywords change.
    associatedtype Draft

    /// The name in messages and in the manual: "listen", "stats socket".
    static var name: String { get }
    /// The keywords that the place accepts.
    static var keywords: KeywordTable<Draft> { get }
    /// HAProxy's keywords that the place does not accept.
    static var foreignKeywords: [ForeignKeywords] { get }
    /// The part of the configuration to keep HAProxy for if a foreign keyword is decisive: "this proxy".
    static var extent: String { get }
}

extension KeywordPlace {
    static var foreignKeywords: [ForeignKeywords] { [] }
    static var extent: String { "this proxy" }

    /// The problem of HAProxy's keyword `name`; `nil` if HAProxy does not have it either.
    static func problem(withForeign name: String) -> ConfigurationProblem? {
        for group in foreignKeywords where group.contains(name) { return group.reason.problem(with: name, extent: extent) }
        return nil
    }

    /// The problem of a word of the line `line` that is not one of its options.
    static func problem(withOption word: String, of line: String) -> ConfigurationProblem {
        problem(withForeign: word)
            ?? .unknownWord(word, of: line, allowed: keywords.names, suggestion: Spelling.nearest(to: word, among: keywords.names))
    }
}

extension ConfigurationLine {
    /// Parses the options at the end of this line, each a keyword of `place` with its arguments, into `draft`.
    mutating func readOptions<Place: KeywordPlace>(of place: Place.Type, into draft: inout Place.Draft) throws(ConfigurationProblem) {
        let (line, lineShape) = (keyword, shape)
        while let word = take() {
            guard let option = place.keywords[word] else { throw place.problem(withOption: word, of: line) }
            (keyword, shape) = (word, option.arguments)
            try option.apply(&draft, &self)
        }
        (keyword, shape) = (line, lineShape)
    }
}
