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
        (#"\xc3\xa4\x01"#, ["\u{e4}\u{1}"]),
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
        (#"a\x00"#, .byteEscape(#"\x00"#, instead: nil)),
        (#"a "b\xfF\xfe""#, .byteEscape(#"\xfF"#, instead: nil)),
        (#"http-check expect string "\xff""#, .byteEscape(#"\xff"#, instead: nil)),
        (#"tcp-check comment "\xff""#, .byteEscape(#"\xff"#, instead: nil)),
        (#"tcp-check send "\x00""#, .byteEscape(#"\x00"#, instead: "tcp-check send-binary")),
        (#"tcp-check send-lf \x80"#, .byteEscape(#"\x80"#, instead: "tcp-check send-binary-lf")),
        (#"tcp-check expect ! string \xe4"#, .byteEscape(#"\xe4"#, instead: "tcp-check expect binary")),
        (#"tcp-check expect !rstring \xe4$"#, .byteEscape(#"\xe4"#, instead: "tcp-check expect rbinary")),
        (#"tcp-check expect min-recv 2 string-lf \xe4"#, .byteEscape(#"\xe4"#, instead: "tcp-check expect binary-lf")),
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
        let error = #expect(throws: ConfigurationLexer.ReadError.self) { try ConfigurationLexer(environment: Self.environment).read(Array(line.utf8)[...]) }
        #expect(error?.problem == problem)
        #expect(error.map { $0.columns.upperBound <= line.utf8.count && !$0.columns.isEmpty } == true)
    }

    @Test("have the bytes of their quotes, escapes and variables")
    func findsColumns() throws {
        let lexer = ConfigurationLexer(environment: Self.environment)
        func columns(_ line: String) throws -> [Range<Int>] { try lexer.read(Array(line.utf8)[...]).columns }
        #expect(try columns(" a  bc\td ") == [1..<2, 4..<6, 7..<8])
        #expect(try columns("a#b") == [0..<1])
        #expect(try columns(#"a "b c" 'd'e #x"#) == [0..<1, 2..<7, 8..<12])
        #expect(try columns(#"a\ b\x41 c"#) == [0..<8, 9..<10])
        #expect(try columns(#""$NODE" "${LIST[*]}""#) == [0..<7, 8..<19, 9..<19, 9..<20])
        #expect(try lexer.read(Array(#"ab "x$NONE""#.utf8)[1...]).unsetVariables == [ConfigurationLexer.Variable(name: "NONE", columns: 4..<9)])
    }

    static let failures: [(line: String, columns: Range<Int>)] = [
        (#"ab "c d"#, 3..<4), (#"a b\x4g c"#, 3..<7), (#"a bc\xff d"#, 4..<8), (#"a "\x41\x00""#, 7..<11),
        (#"a "x${NODE""#, 4..<10), (#"a "x$1""#, 4..<5), ("ab c\0d", 3..<4), (#"a "${NODE+x}y""#, 3..<12),
    ]

    @Test("that cannot be read are named with their bytes", arguments: failures)
    func findsFailure(line: String, columns: Range<Int>) {
        let error = #expect(throws: ConfigurationLexer.ReadError.self) { try ConfigurationLexer(environment: Self.environment).read(Array(line.utf8)[...]) }
        #expect(error?.columns == columns)
    }

    @Test("must be UTF-8, except in comments")
    func refusesOtherBytes() throws {
        let lexer = ConfigurationLexer(environment: [:])
        #expect(throws: ConfigurationLexer.ReadError.self) { try lexer.read([0x61, 0x20, 0xff]) }
        #expect(try lexer.read([0x61, 0x20, 0x23, 0xff, 0x00]).words == ["a"])
    }

    @Test("with escapes for bytes that are not text are refused, and the message shows the escape")
    func refusesBytes() {
        let backend = "backend b\n timeout connect 1s\n timeout server 1s\n option tcp-check\n"
        let problem = Configuration.read(backend + #" tcp-check send "a\xff""# + "\n").diagnostics.first?.problem
        #expect(problem?.what == #"unsupported escape '\xff'"# && problem?.advice == "write 'tcp-check send-binary' and hexadecimal digits")
        #expect(ConfigurationProblem.byteEscape("x", instead: nil).advice.contains("UTF-8"))
        #expect(!Configuration.read(backend + " tcp-check send-binary 61ff\n").diagnostics.contains { $0.severity == .alert })
    }

    @Test("report which variables are not set")
    func namesUnsetVariables() throws {
        let line = try ConfigurationLexer(environment: [:]).read(Array(#"a"$X" "${Y}" "${Z-z}""#.utf8)[...])
        #expect(line.words == ["a", "", "z"] && line.unsetVariables.map(\.name) == ["X", "Y"])
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
