import CPCRE2
import Patterns
import Testing
import Wire

/// Small expressions of all constructs that affect where a match begins and how much it reads.
private struct PatternGenerator {
    private static let atoms = [
        "a", "b", "ab", ".", "[ab]", "[^a]", "\\w", "\\W", "\\n", "\\b", "\\B", "^", "$", "\\A", "\\z", "\\G", "\\K", "\\R", "(?=b)", "(?!a)", "(?<=a)",
        "(?<!b)", "(*COMMIT)", "(*PRUNE)", "(*SKIP)",
    ]
    private static let repeats = ["", "", "", "", "*", "+", "?", "*?", "+?", "*+", "{2}", "{1,3}", "{2,}+"]
    private static let options = ["", "", "", "(?s)", "(?m)", "(?i)", "(*UTF)", "(*NO_START_OPT)"]

    var random: SplitMix64

    private mutating func one(of words: [String]) -> String { words.randomElement(using: &random) ?? "" }

    mutating func pattern() -> String {
        let pattern = one(of: Self.options) + alternation(depth: 2)
        // A group that the pattern refers to.
        return Bool.random(using: &random) ? pattern : pattern + "(?<g>[ab]+)" + one(of: ["", "b", "\\n?"]) + "\\k<g>" + one(of: Self.repeats)
    }

    private mutating func alternation(depth: Int) -> String {
        (0..<Int.random(in: 1...2, using: &random)).map { _ in sequence(depth: depth) }.joined(separator: "|")
    }

    private mutating func sequence(depth: Int) -> String {
        (0..<Int.random(in: 0...3, using: &random)).map { _ in
            guard depth > 0, Int.random(in: 0..<3, using: &random) == 0 else { return one(of: Self.atoms) + one(of: Self.repeats) }
            return one(of: ["(", "(?:", "(?>", "(?=", "(?!"]) + alternation(depth: depth - 1) + ")" + one(of: Self.repeats)
        }.joined()
    }

    mutating func text() -> [UInt8] {
        let letters = Array("aaabbAB -\n\r".utf8)
        return (0..<Int.random(in: 0...24, using: &random)).map { _ in letters.randomElement(using: &random) ?? 0 }
    }
}

@Suite("A regular expression of any kind")
struct RegularExpressionPropertyTests {
    /// The answer of PCRE2 without limits and without callouts; `nil` for an error.
    private func unlimited(_ pattern: String, _ text: [UInt8], isCaseSensitive: Bool) -> Bool? {
        let bytes = Array(pattern.utf8)
        var (number, offset): (Int32, Int) = (0, 0)
        let options = PCRE2_NO_AUTO_CAPTURE | (isCaseSensitive ? 0 : PCRE2_CASELESS)
        guard let code = pcre2_compile_8(bytes, bytes.count, options, &number, &offset, nil) else { return nil }
        defer { pcre2_code_free_8(code) }
        guard let match = pcre2_match_data_create_8(1, nil) else { return nil }
        defer { pcre2_match_data_free_8(match) }
        let result = pcre2_match_8(code, text, text.count, 0, 0, match, nil)
        return result >= 0 ? true : result == PCRE2_ERROR_NOMATCH ? false : nil
    }

    @Test("matches where an unlimited search does", arguments: 0..<8 as Range<UInt64>)
    func equalsUnlimited(seed: UInt64) throws {
        var generator = PatternGenerator(random: SplitMix64(seed: seed))
        var answers: [Bool?: Int] = [:]
        for step in 0..<500 {
            let pattern = generator.pattern()
            let isCaseSensitive = step % 4 != 0
            guard let expression = try? RegularExpression(pattern, isCaseSensitive: isCaseSensitive) else { continue }
            for _ in 0..<4 {
                let text = generator.text()
                var work = RegularExpression.workMax
                let answer = expression.matches(text[...], work: &work)
                answers[answer, default: 0] += 1
                // Nested repeats such as (?:.*)* reach the limit even on a few bytes.
                guard let answer else { continue }
                #expect(answer == unlimited(pattern, text, isCaseSensitive: isCaseSensitive), "seed \(seed), step \(step): \(pattern) in \(text)")
            }
        }
        // The test means something: many searches match, many do not, and hardly any reaches the limit.
        #expect(answers[true, default: 0] > 100 && answers[false, default: 0] > 100 && answers[nil, default: 0] < 10, "\(answers)")
    }
}
