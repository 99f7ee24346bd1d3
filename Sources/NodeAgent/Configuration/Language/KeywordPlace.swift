import Proxy

/// A place where keywords are allowed: a section, or a line with options of its own.
protocol KeywordPlace: SendableMetatype {
    /// What its keywords change.
    associatedtype Draft

    /// As messages and the manual have it: "listen", "stats socket".
    static var name: String { get }
    /// The keywords that it takes.
    static var keywords: KeywordTable<Draft> { get }
    /// Keywords of HAProxy's that it does not take.
    static var foreignKeywords: [ForeignKeywords] { get }
    /// What HAProxy has to be kept for when a foreign keyword decides something: "this proxy".
    static var extent: String { get }
}

extension KeywordPlace {
    static var foreignKeywords: [ForeignKeywords] { [] }
    static var extent: String { "this proxy" }

    /// What is wrong with the keyword `name` of HAProxy's; `nil` when HAProxy does not know it either.
    static func problem(withForeign name: String) -> ConfigurationProblem? {
        for group in foreignKeywords where group.contains(name) { return group.reason.problem(with: name, extent: extent) }
        return nil
    }

    /// What is wrong with a word of the line `line` that is none of its options.
    static func problem(withOption word: String, of line: String) -> ConfigurationProblem {
        problem(withForeign: word)
            ?? .unknownWord(word, of: line, allowed: keywords.names, suggestion: Spelling.nearest(to: word, among: keywords.names))
    }
}

extension ConfigurationLine {
    /// Takes the options that end this line, each a keyword of `place` with its arguments, into `draft`.
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
