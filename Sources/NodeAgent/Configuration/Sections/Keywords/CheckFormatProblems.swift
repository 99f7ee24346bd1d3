import Proxy

/// Messages about formats and expressions of checks.
extension ConfigurationLine {
    /// The form of a variable's name.
    static let variableExpected = "a variable such as check.name, whose name consists of letters, digits, '_' and '.'"

    /// The problem of a format or an expression, which is the word `word`. `expected` describes the values of a word that is one expression.
    ///
    /// A message advises to keep HAProxy only if HAProxy has the expression.
    func problem(with error: CheckFormatError, of word: String, in kind: CheckScript.Kind, expected: String? = nil) -> ConfigurationProblem {
        if expected != nil, word.hasPrefix("%[") { return .badValue(word, of: keyword, expected: "the expression without '%[' and ']'") }
        let keep = ConfigurationProblem.unsupported(error.expression, advice: "checks have no such expression here: keep HAProxy for this proxy")
        switch error.reason {
        case .unknownAlias(let alias): return Self.isForeign(alias: alias) ? keep : .badValue(error.expression, of: keyword, expected: "%% for a percent sign")
        case .unknownFetch(let name):
            if ForeignExpressions.fetches.contains(name) { return keep }
            return unknownName(name, of: word, among: CheckExpression.fetchNames(in: kind), expected: expected)
        case .unknownConverter(let name):
            if ForeignExpressions.converters.contains(name) { return keep }
            return unknownName(name, of: word, among: CheckExpression.converterNames, expected: nil)
        case .unknownVariable(let name):
            return CheckExpression.isForeignVariable(name) ? keep : .badValue(error.expression, of: keyword, expected: Self.variableExpected)
        case .notInHTTP: return .unsupported(error.expression, advice: "an HTTP response is not available as bytes: keep HAProxy for this proxy")
        case .unclosed: return .badValue(error.expression, of: keyword, expected: "a closing bracket or parenthesis")
        case .badArguments:
            return .badValue(error.expression, of: keyword, expected: "an expression such as res.payload(0,3),cut_crlf, with arguments of this form")
        }
    }

    /// True if HAProxy has this text after a percent sign: `ci`, `{+Q}ci`, `{+Q}[src]`.
    private static func isForeign(alias: String) -> Bool {
        var rest = alias[...]
        if rest.hasPrefix("{"), let end = rest.firstIndex(of: "}") {
            rest = rest[rest.index(after: end)...]
            if rest.hasPrefix("[") { return true }
        }
        return ForeignExpressions.aliases.contains(String(rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber) }))
    }

    /// The problem of a name that neither program has.
    private func unknownName(_ name: String, of word: String, among names: [String], expected: String?) -> ConfigurationProblem {
        guard !name.isEmpty else { return .badValue(word, of: keyword, expected: expected ?? "an expression such as res.payload(0,3),cut_crlf") }
        guard !name.contains(" ") else { return .badValue(name, of: keyword, expected: "the expression without blanks") }
        let suggestion = Spelling.nearest(to: name, among: names)
        if suggestion == nil, let expected { return .badValue(name, of: keyword, expected: expected) }
        return .unknownWord(name, of: keyword, allowed: names, suggestion: suggestion)
    }
}
