import Patterns
import Testing

@Suite("A regular expression")
struct RegularExpressionTests {
    private func matches(_ pattern: String, _ text: String, isCaseSensitive: Bool = true) throws -> Bool? {
        var work = RegularExpression.workMax
        return try RegularExpression(pattern, isCaseSensitive: isCaseSensitive).matches(Array(text.utf8)[...], work: &work)
    }

    static let examples: [(pattern: String, text: String, matches: Bool)] = [
        ("^[+]P", "+PONG", true), ("^[+]P", "-ERR +P", false), ("", "", true), ("a", "", false), ("role:(master|slave)", "x\nrole:master\r\n", true),
        ("^b", "a\nb", false), ("a$", "a\n", true), ("a.b", "a\nb", false), ("\\d{3}", "abc 123", true), ("(?i)ABC", "xabcx", true),
        ("^(2[0-9]{2}-[^\\r]*\\r\\n)*2[0-9]{2}[ \\r]", "250-a\r\n250 b\r\n", true), ("\\x00\\xff", "", false),
    ]

    @Test("matches anywhere in the bytes", arguments: examples.indices)
    func matchesExamples(index: Int) throws {
        let (pattern, text, expected) = Self.examples[index]
        #expect(try matches(pattern, text) == expected)
    }

    @Test("matches any bytes, also zeros and invalid text")
    func matchesBytes() throws {
        var work = RegularExpression.workMax
        #expect(try RegularExpression("\\x00\\xff$").matches([1, 0, 0xff], work: &work) == true)
        #expect(try RegularExpression("^..$").matches([0xc3, 0x28], work: &work) == true)
    }

    @Test("ignores case on request")
    func ignoresCase() throws {
        #expect(try matches("^x-[a-z]+$", "X-ABC", isCaseSensitive: false) == true)
        #expect(try matches("^x-[a-z]+$", "X-ABC") == false)
    }

    @Test("is refused with PCRE2's reason and the place of the error")
    func errors() {
        let error = #expect(throws: RegularExpression.SyntaxError.self) { try RegularExpression("(") }
        #expect(error?.reason == "missing closing parenthesis" && error?.offset == 1)
        #expect(throws: RegularExpression.SyntaxError.self) { try RegularExpression("a**") }
        // Parentheses do not capture, as in HAProxy's checks.
        #expect(throws: RegularExpression.SyntaxError.self) { try RegularExpression("(a)\\1") }
        #expect(throws: RegularExpression.SyntaxError.self) {
            try RegularExpression(String(repeating: "a", count: RegularExpression.patternBytesMax + 1))
        }
    }

    @Test("has no answer when a match takes too many steps")
    func limits() throws {
        #expect(try matches("(a+)+$", String(repeating: "a", count: 4_096) + "b") == nil)
        #expect(try matches("(?:a|b)*c", String(repeating: "ab", count: 8_192) + "c") == true)
    }

    @Test("takes the work of all matches from the same amount")
    func sharedWork() throws {
        let expression = try RegularExpression("[a-z]+[0-9]")
        let text = Array(repeating: UInt8(ascii: "a"), count: 1_000)[...]
        var work = RegularExpression.workMax
        var answers: [Bool?] = []
        for _ in 0..<100 where answers.last != .some(nil) { answers.append(expression.matches(text, work: &work)) }
        #expect(answers.count > 10 && answers.count < 100 && answers.dropLast().allSatisfy { $0 == false } && answers.last == .some(nil))
        #expect(expression.matches(text, work: &work) == nil)
    }

    @Test(
        "has no answer when a match takes too much work in total, wherever it begins",
        arguments: ["a.{0,9999}[bc]", "a[^b]*[bc]", "(.*)*[xy]", "(?<x>a*)\\k<x>[bc]", "a{9999}[bc]", "(?:a|a)*[bc]"])
    func totalLimit(pattern: String) throws {
        #expect(try matches(pattern, String(repeating: "a", count: 65_536)) == nil)
    }

    @Test(
        "has an answer for ordinary expressions in a whole buffer",
        arguments: [
            ("(?s)foo.*bar", true), ("(?s)foo.*[bx]az", false), ("(?i)BAR$", true), ("\\bword\\b .*\\bword\\b", true), ("[a-z]{3} [a-z]{4}\\d", false),
            ("(?:master|slave|word) [xyz]", false), ("(?<=word )ba", true), ("^(?:foo|word|[a-z ])*r$", true), ("(?<x>[a-z]+) \\k<x>$", false),
        ])
    func ordinary(pattern: String, expected: Bool) throws {
        let text = "foo " + String(repeating: "word ", count: 3_200) + "bar"
        #expect(try matches(pattern, text) == expected)
    }

    @Test("equals another one with the same text and case")
    func equality() throws {
        #expect(try RegularExpression("a") == RegularExpression("a"))
        #expect(try RegularExpression("a") != RegularExpression("b"))
        #expect(try RegularExpression("a") != RegularExpression("a", isCaseSensitive: false))
    }
}
