import Proxy
import Testing

@testable import NodeAgent

/// A line, and its excerpt in a message.
struct ExcerptExample: CustomTestStringConvertible, Sendable {
    let line: String
    let column: Int
    let source: String
    let carets: String

    init(_ line: String, column: Int, _ source: String, _ carets: String) {
        (self.line, self.column, self.source, self.carets) = (line, column, source, carets)
    }

    var testDescription: String { line }
}

@Suite("The message about a line")
struct DiagnosticTextTests {
    /// The messages about all planted errors, as `tsukada -c` prints them.
    static func messages() throws -> [String] {
        try PlantedError.all.flatMap { error in
            let bytes = try Configuration.bytes(of: "errors/\(error.fixture).cfg")
            let (_, diagnostics) = ConfigurationReader(environment: [:]).read(files: [("haproxy.cfg", bytes)])
            return ["# \(error.fixture).cfg"] + diagnostics.filter { $0.severity == .alert }.flatMap { [$0.headline] + $0.details } + [""]
        }
    }

    @Test("has the line, a caret under the word and the advice, for every planted error")
    func goldenMessages() throws {
        try GeneratedFile(path: "Tests/NodeAgentTests/Fixtures/Configuration/messages.txt").expect(Self.messages())
    }

    private func first(_ text: String, environment: [String: String] = [:]) throws -> Diagnostic {
        try #require(Configuration.read(text, environment: environment).diagnostics.first)
    }

    @Test("has the form of the Rust compiler's messages")
    func form() throws {
        let diagnostic = try first("backend replicas\n\n\n\n\n\n\n\n\n\tblance leastconn # comment\n")
        #expect(diagnostic.headline == "unknown keyword 'blance' in section 'backend replicas'")
        let expected = """
              --> t.cfg:10:2
               |
            10 |     blance leastconn # comment
               |     ^^^^^^
               |
               = help: did you mean 'balance'?
            """
        #expect(diagnostic.detailsText == expected)
    }

    static let examples: [ExcerptExample] = [
        ExcerptExample(" timeout\tclient  1x", column: 18, " timeout    client  1x", "                    ^^"),
        ExcerptExample("\tmaxconn\t\"1 0\"", column: 10, "    maxconn    \"1 0\"", "               ^^^^^"),
        ExcerptExample(#" log-tag a b\ \x41 # c"#, column: 12, #" log-tag a b\ \x41 # c"#, "           ^^^^^^^"),
        ExcerptExample(#" maxconn "$SIZE"0"#, column: 10, #" maxconn "$SIZE"0"#, "         ^^^^^^^^"),
        ExcerptExample(#" server a "${LIST[*]}" extra"#, column: 12, #" server a "${LIST[*]}" extra"#, "           ^^^^^^^^^^^"),
        ExcerptExample(" maxconn 日本語", column: 10, " maxconn 日本語", "         ^^^^^^"),
        ExcerptExample(" maxconn e\u{301}x", column: 10, " maxconn e\u{301}x", "         ^^"),
        ExcerptExample(" maxconn 1\u{1b}[2J", column: 10, " maxconn 1<1B>[2J", "         ^^^^^^^^"),
        ExcerptExample(" balance hdr(host)", column: 2, " balance hdr(host)", " ^^^^^^^^^^^^^^^^^"),
        ExcerptExample(" bind :1 maxcon 5", column: 10, " bind :1 maxcon 5", "         ^^^^^^"),
        ExcerptExample(" server s 1.2.3.4:1 weight 300 check weight 300", column: 28, " server s 1.2.3.4:1 weight 300 check weight 300", spaces(27) + "^^^"),
        ExcerptExample(" server s 1.2.3.4 check", column: 2, " server s 1.2.3.4 check", " ^^^^^^^^^^^^^^^^^^^^^^"),
        ExcerptExample(" option tcplog clf", column: 16, " option tcplog clf", "               ^^^"),
        ExcerptExample(" tcp-check send-lf %[str(a),lowr]", column: 29, " tcp-check send-lf %[str(a),lowr]", spaces(28) + "^^^^"),
        ExcerptExample(" tcp-check send-lf a%[foo]%[foo]", column: 20, " tcp-check send-lf a%[foo]%[foo]", spaces(19) + "^^^^^^^^^^^^^"),
        ExcerptExample(" tcp-check send-lf \"1%\"", column: 22, " tcp-check send-lf \"1%\"", spaces(21) + "^"),
        ExcerptExample(" bind :1,:99999", column: 10, " bind :1,:99999", spaces(9) + "^^^^^^"),
        ExcerptExample(" log-tag 'a b\"", column: 10, " log-tag 'a b\"", "         ^"),
        ExcerptExample(".if 1\n .else 1\n.endif", column: 8, " .else 1", "       ^"),
        ExcerptExample(" no retries 5", column: 2, " no retries 5", " ^^"),
        ExcerptExample("  retries  \r", column: 3, "  retries", "  ^^^^^^^"),
    ]

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }

    @Test("has the caret below the word, with tabs, quotes, escapes, variables, wide and unprintable characters", arguments: examples)
    func placesCaret(example: ExcerptExample) throws {
        let environment = ["SIZE": "x", "LIST": "1.2.3.4:1 chek"]
        let excerpt = try #require(try first("listen a\n\(example.line)\n", environment: environment).excerpt)
        #expect(excerpt.column == example.column)
        #expect(excerpt.rendered.source == example.source)
        #expect(excerpt.rendered.carets == example.carets)
    }

    @Test("shows bytes that are not text as numbers")
    func invalidBytes() throws {
        let bytes = Array("listen a\n maxconn ".utf8) + [0x31, 0xff, 0xe6, 0x97, 0x0a]
        let (_, diagnostics) = ConfigurationReader(environment: [:]).read(files: [("t.cfg", bytes)])
        let excerpt = try #require(diagnostics.first?.excerpt)
        #expect(excerpt.rendered.source == " maxconn 1<FF><E6><97>")
        #expect(excerpt.rendered.carets == "         ^^^^^^^^^^^^^")
    }

    @Test("cuts a long line around the caret", arguments: [0, 30, 90, 200, 5_000, 20_000])
    func cutsLongLines(blanks: Int) throws {
        let rest = String(repeating: " y", count: 25) + String(repeating: " #", count: 3_000)
        let line = " maxconn" + String(repeating: " ", count: blanks) + " 12x" + rest
        let excerpt = try #require(try first("listen a\n\(line)\n").excerpt)
        let (source, carets) = excerpt.rendered
        #expect(source.count <= SourceExcerpt.cellsMax + 6 && source.hasSuffix("..."))
        #expect(source.hasPrefix("...") == (blanks > 88))
        #expect(excerpt.column == blanks + 10)
        let marked = zip(source, carets + String(repeating: " ", count: source.count)).filter { $0.1 == "^" }.map(\.0)
        #expect(String(marked) == "12x", "\(source)\n\(carets)")
    }

    @Test("cuts a long word, and a line of many megabytes")
    func cutsLongWords() throws {
        let word = try first("listen a\n maxconn \(String(repeating: "1", count: 2_000))\n")
        #expect(word.excerpt?.rendered.source == " maxconn \(String(repeating: "1", count: SourceExcerpt.cellsMax - 9))...")
        #expect(word.excerpt?.rendered.carets == "         \(String(repeating: "^", count: SourceExcerpt.cellsMax - 9))")
        let line = try first("listen a\n\(String(repeating: "a ", count: 1_000_000))\n")
        #expect(line.problem == .tooMany(what: "bytes on a line", limit: ConfigurationLexer.lineBytesMax))
        #expect(line.excerpt?.rendered.source.count == SourceExcerpt.cellsMax + 3)
    }

    @Test(
        "does not show a password",
        arguments: [
            ("database d\n password geheim\n", "password ..."), ("database d\n password=geheim\n", "password ..."),
            ("database d\n user a geheim\n", "user ..."), ("database d\n user \"a geheim\n", "user ..."),
            ("database d\n user a\n user b geheim\n", "user ..."),
            ("listen a\n stats auth admin:geheim\n stats uri /x\n", "stats auth ..."), ("listen a\n tcp-chek send AUTH\\ geheim\n", "tcp-chek send AUTH\\ ..."),
            ("global\n stats auth admin:geheim\n", "stats auth ..."),
        ])
    func hidesSecrets(text: String, shown: String) throws {
        let diagnostics = Configuration.read(text).diagnostics
        #expect(!diagnostics.isEmpty && diagnostics.allSatisfy { !$0.detailsText.contains("geheim") }, "\(diagnostics.map(\.detailsText))")
        #expect(diagnostics.contains { $0.excerpt?.rendered.source == " " + shown })
    }

    @Test("about a rule that involves other lines has the line of its place")
    func locatesLaterProblems() throws {
        let text = "frontend f\n bind :1\n timeout client 1s\n default_backend  replica\nbackend replicas\n"
        let diagnostic = try first(text)
        #expect(diagnostic.detailsText.hasSuffix("4 |  default_backend  replica\n  |                   ^^^^^^^\n  |\n  = help: did you mean 'replicas'?"))
        let diagnostics = Configuration.read("\u{feff}probe p\n require x 1\nlisten x\n").diagnostics
        let probe = try #require(diagnostics.first { $0.severity == .alert })
        #expect(probe.problem == .missingLine(of: "bind", example: "bind *:3307"))
        #expect(probe.excerpt?.rendered.source == "probe p" && probe.excerpt?.rendered.carets == "^^^^^^^")
    }

    @Test("about a whole file has no line, and advice has the line of its setting")
    func locatesAdvice() throws {
        let file = (name: "t.cfg", bytes: Array("global\n stats maxconn 1\nlisten a\n bind :1\n".utf8))
        let reader = ConfigurationReader(environment: [:])
        let advice = try #require(ConfigurationAdvice(reader.read(files: [file]).configuration).diagnostics.first)
        let located = try #require(reader.locating([advice], in: [file]).first)
        #expect(located.excerpt?.rendered.carets == " ^^^^^^^^^^^^^^^")
        let elsewhere = ConfigurationLocation(file: "other", line: 7)
        let unknown = Diagnostic(severity: .alert, location: elsewhere, section: nil, problem: .custom("a", advice: "b\u{7}"))
        #expect(reader.locating([unknown], in: [file]).first?.details == [" --> other:7", "  = help: b<07>"])
    }
}
