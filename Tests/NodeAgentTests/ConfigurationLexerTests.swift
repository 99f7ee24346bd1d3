import Testing

@testable import NodeAgent

@Suite("The words of a line")
struct ConfigurationLexerTests {
    static let environment = ["NODE": "tsukada01", "LIST": "a  b c", "EMPTY": "", "_X1": "x"]

    static let words: [(line: String, words: [String])] = [
        ("", []),
        ("   \t", []),
        ("a  b\tc\r", ["a", "b", "c"]),
        ("# comment", []),
        ("a#b c", ["a"]),
        (##"a\#b c"##, ["a#b", "c"]),
        (#"a\ b c"#, ["a b", "c"]),
        (#"a\\b"#, [#"a\b"#]),
        (#"\"a\" \'b\'"#, ["\"a\"", "'b'"]),
        (#"a\tb\nc\rd"#, ["a\tb\nc\rd"]),
        (#"\x41\x7e"#, ["A~"]),
        (#"a\qb \"#, [#"a\qb"#, #"\"#]),
        (#""a b" 'c d'"#, ["a b", "c d"]),
        (#""a # b" '#'"#, ["a # b", "#"]),
        (#"a"b c"'d'e"#, ["ab cde"]),
        ("\"\" ''", ["", ""]),
        (#"'a\nb "c"'"#, [#"a\nb "c""#]),
        (#""it's" 'say "x"'"#, ["it's", #"say "x""#]),
        (#""\"$NODE\"""#, ["\"tsukada01\""]),
        (#""$NODE:1" "${NODE}x""#, ["tsukada01:1", "tsukada01x"]),
        (#"$NODE '${NODE}' "\$NODE""#, ["$NODE", "${NODE}", "$NODE"]),
        (#""${NONE-*}:1" "${NODE-*}:1" "${EMPTY-x}""#, ["*:1", "tsukada01:1", ""]),
        (#""${NONE-}""#, [""]),
        (#""$_X1.""#, ["x."]),
        (#""${LIST[*]}""#, ["a", "b", "c"]),
        (#"x "p${LIST[*]}s" y"#, ["x", "pa", "b", "cs", "y"]),
        ("caf\u{e9} \u{65e5}\u{672c}", ["caf\u{e9}", "\u{65e5}\u{672c}"]),
    ]

    @Test("are separated by blanks, with quotes, escapes and variables", arguments: words)
    func cutsLine(line: String, words: [String]) throws {
        #expect(try ConfigurationLexer(environment: Self.environment).read(Array(line.utf8)[...]).words == words)
    }

    static let problems: [(line: String, problem: ConfigurationProblem)] = [
        (#"a "b"#, .unclosedQuote("\"")),
        ("a 'b", .unclosedQuote("'")),
        (#"\x4"#, .badEscape(#"\x4"#)),
        (#"\xzz"#, .badEscape(#"\xzz"#)),
        (#"\x00"#, .badEscape(#"\x00"#)),
        (#""$1""#, .badVariable("$1\"")),
        (#""${NODE-x""#, .unclosedBrace(variable: "NODE")),
        (#""${NODE+x}""#, .badVariable("${NODE+x}")),
        ("a\0b", .notText("\\x00")),
        (String(repeating: "a ", count: 65), .tooMany(what: "words on a line", limit: 64)),
        (String(repeating: "a", count: 2_049), .tooMany(what: "bytes in a word", limit: 2_048)),
        (String(repeating: " ", count: 65_537), .tooMany(what: "bytes on a line", limit: 65_536)),
    ]

    @Test("are refused when they are malformed", arguments: problems)
    func refusesLine(line: String, problem: ConfigurationProblem) {
        #expect(throws: problem) { try ConfigurationLexer(environment: Self.environment).read(Array(line.utf8)[...]) }
    }

    @Test("must be UTF-8, except in comments")
    func refusesOtherBytes() throws {
        let lexer = ConfigurationLexer(environment: [:])
        #expect(throws: ConfigurationProblem.self) { try lexer.read([0x61, 0x20, 0xff]) }
        #expect(try lexer.read([0x61, 0x20, 0x23, 0xff, 0x00]).words == ["a"])
    }

    @Test("report which variables are not set")
    func namesUnsetVariables() throws {
        let line = try ConfigurationLexer(environment: [:]).read(Array(#"a"$X" "${Y}" "${Z-z}""#.utf8)[...])
        #expect(line == ConfigurationLexer.Line(words: ["a", "", "z"], unsetVariables: ["X", "Y"]))
        let (_, diagnostics) = Configuration.read("global\n description \"$X\"\n")
        #expect(diagnostics.map(\.problem) == [.unsetVariable("X")])
        #expect(diagnostics.map(\.severity) == [.warning])
    }

    @Test("are taken from the environment in addresses even outside quotes")
    func expandsAddresses() {
        let text = "frontend a\n bind fd@${FD}\n timeout client 1s\n default_backend b\nbackend b\n"
        let (configuration, diagnostics) = Configuration.read(text, environment: ["FD": "7"])
        #expect(diagnostics.isEmpty)
        #expect(configuration.frontends.first?.binds.map(\.endpoint) == [.inherited(7)])
    }
}
