import Patterns
import Proxy

/// The patterns of `tcp-check expect` and `http-check expect`.
extension ConfigurationLine {
    private enum MatchWord {
        case string, expression, text, binary, binaryExpression, hexadecimal, status, statusExpression, header, wholeHeader

        static let tcp: KeyValuePairs<String, MatchWord> = [
            "string": .string, "rstring": .expression, "string-lf": .text, "binary": .binary, "rbinary": .binaryExpression, "binary-lf": .hexadecimal,
        ]
        static let http: KeyValuePairs<String, MatchWord> = [
            "status": .status, "rstatus": .statusExpression, "string": .string, "rstring": .expression, "string-lf": .text, "hdr": .header,
            "fhdr": .wholeHeader,
        ]
    }

    /// Takes the pattern that follows a match's word.
    mutating func takeCheckMatch(_ word: String, in kind: CheckScript.Kind) throws(ConfigurationProblem) -> CheckMatch {
        switch try choice(word, among: kind == .http ? MatchWord.http : MatchWord.tcp) {
        case .string: return .string(Array(try takeText("a text to expect").utf8))
        case .expression: return .expression(try takeRegularExpression())
        case .text: return .text(try takeCheckFormat(in: kind))
        case .binary: return .binary(try takeHexadecimal())
        case .binaryExpression: return .binaryExpression(try takeRegularExpression())
        case .hexadecimal: return .hexadecimal(try takeCheckFormat(in: kind))
        case .status: return .status(try takeStatusRanges())
        case .statusExpression: return .statusExpression(try takeRegularExpression())
        case .header: return .header(try takeHeaderPattern(isWholeLine: false))
        case .wholeHeader: return .header(try takeHeaderPattern(isWholeLine: true))
        }
    }

    /// How much of an invalid regular expression a message shows.
    private static var expressionCharactersMax: Int { 80 }

    private mutating func takeRegularExpression(isCaseSensitive: Bool = true) throws(ConfigurationProblem) -> RegularExpression {
        let word = try takeText("a regular expression")
        do throws(RegularExpression.SyntaxError) {
            return try RegularExpression(word, isCaseSensitive: isCaseSensitive)
        } catch {
            let shown = word.count <= Self.expressionCharactersMax ? word : String(word.prefix(Self.expressionCharactersMax)) + "..."
            throw .custom("invalid regular expression '\(shown)' after '\(keyword)'", advice: "at byte \(error.offset + 1): \(error.reason)")
        }
    }

    /// Takes a list such as "200,201,300-310". As in HAProxy, a missing number is 0.
    private mutating func takeStatusRanges() throws(ConfigurationProblem) -> [ClosedRange<Int>] {
        let word = try takeText("a list of statuses")
        var ranges: [ClosedRange<Int>] = []
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { $0.isEmpty ? 0 : ConfigurationValue.number(String($0)) }
            guard let first = ends.first, let low = first, let last = ends.last, let high = last, low <= high else {
                throw .badValue(word, of: keyword, expected: "a list of statuses and ranges, such as 200,201,300-310")
            }
            ranges.append(low...high)
        }
        return ranges
    }

    /// Takes `{name|name-lf} [-m <method>] <name> [{value|value-lf} [-m <method>] <value>]`.
    private mutating func takeHeaderPattern(isWholeLine: Bool) throws(ConfigurationProblem) -> CheckHeaderPattern {
        let isNameFormat = try takeChoice(["name": false, "name-lf": true])
        var pattern = CheckHeaderPattern(name: try takeHeaderText(isFormat: isNameFormat, isName: true), value: nil, isWholeLine: isWholeLine)
        if let word = peek, word == "value" || word == "value-lf" {
            next += 1
            pattern.value = try takeHeaderText(isFormat: word == "value-lf", isName: false)
        }
        return pattern
    }

    /// Takes a pattern with its method. Upper and lower case are equal in names.
    private mutating func takeHeaderText(isFormat: Bool, isName: Bool) throws(ConfigurationProblem) -> CheckHeaderPattern.Text {
        var comparison: CheckTextComparison? = .equal
        if take("-m") { comparison = try takeChoice(["str": .equal, "beg": .prefix, "end": .suffix, "sub": .contained, "reg": nil]) }
        guard let comparison else {
            guard !isFormat else { throw .custom("'-m reg' with a format after '\(keyword)'", advice: "write 'name' or 'value' without '-lf'") }
            return .expression(try takeRegularExpression(isCaseSensitive: !isName))
        }
        if isFormat { return .text(try takeCheckFormat(in: .http), comparison) }
        return .text(CheckFormat(literal: Array(try takeText("a pattern").utf8)), comparison)
    }
}
