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

    /// Why the place does not accept HAProxy's keyword `name`; `nil` if HAProxy does not have it either.
    static func reason(ofForeign name: String) -> ForeignKeywords.Reason? { foreignKeywords.first { $0.contains(name) }?.reason }

    /// The problem of HAProxy's keyword `name`; `nil` if HAProxy does not have it either.
    static func problem(withForeign name: String) -> ConfigurationProblem? { reason(ofForeign: name)?.problem(with: name, extent: extent) }

    /// The words that may follow `family`, such as "client" after "timeout", in keywords of this place or of HAProxy's.
    static func secondWords(of family: String) -> [String] {
        let foreign = foreignKeywords.flatMap(\.names).filter { $0.hasPrefix(family + " ") }.map { String($0.dropFirst(family.count + 1)) }
        return keywords.secondWords(of: family) + foreign.sorted()
    }

    /// The option that `word` names: "check", or "set-proxy-v2-tlv-fmt(0x20)" if the arguments begin in parentheses.
    static func option(named word: String) -> Keyword<Draft>? {
        let name = word.prefix { $0 != "(" }
        return keywords[String(name)].flatMap { $0.takesParentheses == (name != word) ? $0 : nil }
    }

    /// The problem of a word of the line `line` that is not one of its options.
    static func problem(withOption word: String, of line: String) -> ConfigurationProblem {
        if let option = keywords[word] { return .missingArgument(of: word, shape: option.arguments) }
        return problem(withForeign: word)
            ?? .unknownWord(word, of: line, allowed: keywords.names, suggestion: Spelling.nearest(to: word, among: keywords.names))
    }
}

extension ConfigurationLine {
    /// Parses the options at the end of this line, each a keyword of `place` with its arguments, into `draft`.
    mutating func readOptions<Place: KeywordPlace>(of place: Place.Type, into draft: inout Place.Draft) throws(ConfigurationProblem) {
        let (line, lineShape) = (keyword, shape)
        while let word = take() {
            guard let option = place.option(named: word) else { throw place.problem(withOption: word, of: line) }
            (keyword, shape) = (option.name, option.arguments)
            try option.apply(&draft, &self)
        }
        (keyword, shape) = (line, lineShape)
    }
}
