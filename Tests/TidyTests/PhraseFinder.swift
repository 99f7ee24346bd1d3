import Foundation

/// Finds banned phrases in texts.
struct PhraseFinder {
    /// A banned phrase in a text.
    struct Finding: Equatable {
        /// The line's number, from 1.
        let line: Int
        /// The phrase as written, on one line.
        let words: String
        /// The plain wording.
        let advice: String
    }

    private let expressions: [(expression: NSRegularExpression, advice: String)]
    /// Matches where any phrase matches. Most files have no match, so one search suffices for them.
    private let any: NSRegularExpression

    /// Creates a finder of `phrases`.
    init(_ phrases: [Phrase] = Phrase.banned) throws {
        let patterns = phrases.map { $0.pattern.replacingOccurrences(of: " ", with: #"\s+"#) }
        expressions = try zip(patterns, phrases).map { (try Self.expression($0), $1.advice) }
        any = try Self.expression(patterns.joined(separator: "|"))
    }

    private static func expression(_ pattern: String) throws -> NSRegularExpression {
        try NSRegularExpression(pattern: #"(?:\b|(?=,))(?:\#(pattern))\b"#, options: .caseInsensitive)
    }

    /// The places in `prose`, by phrase.
    func findings(in prose: String) -> [Finding] {
        let whole = NSRange(prose.startIndex..., in: prose)
        guard any.firstMatch(in: prose, range: whole) != nil else { return [] }
        return expressions.flatMap { expression, advice in
            expression.matches(in: prose, range: whole).compactMap { match in
                Range(match.range, in: prose).map { range in
                    let words = prose[range].split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    return Finding(
                        line: prose[..<range.lowerBound].split(separator: "\n", omittingEmptySubsequences: false).count, words: words, advice: advice)
                }
            }
        }
    }
}

extension SourceTree.File {
    /// The file's prose, with the lines of the file: comments and string literals of Swift, everything in other files. Other characters, and names in
    /// backticks, are bars, so that no phrase matches across them. Comment markers are spaces, so that a phrase may continue on the next line.
    var prose: String {
        var text = text
        if path.hasSuffix(".swift") {
            text = SwiftText(text).prose
        } else if !path.hasSuffix(".md") {
            text = text.replacingOccurrences(of: #"(?m)^ *(#+|//+)"#, with: " ", options: .regularExpression)
        }
        return text.replacingOccurrences(of: "`[^`\n]+`", with: "|", options: .regularExpression)
    }
}
