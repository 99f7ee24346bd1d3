/// Splits lines into words, as HAProxy does.
///
///     outside quotes    blanks separate words; `#` starts a comment; `\` escapes
///     "..."             blanks and `#` are text; `\` escapes; `$NAME`, `${NAME}`, `${NAME-default}` are replaced
///     '...'             all characters are text
///     escapes           `\ ` `\#` `\\` `\"` `\'` `\$`, `\n` `\r` `\t`, `\xNN`; before other characters a backslash is text
///
/// Words are text, in UTF-8 and without a byte 0, whatever their escapes are.
///
/// `"${NAME[*]}"` becomes one word for each word of the variable.
struct ConfigurationLexer: Sendable {
    /// The words of a line.
    struct Line: Equatable, Sendable {
        var words: [String] = []
        /// The bytes of each word with its quotes and escapes, as offsets in the line. Words of one list variable share the bytes of the variable.
        var columns: [Range<Int>] = []
        /// Unset variables without a default, which expand to nothing.
        var unsetVariables: [Variable] = []
    }

    /// A variable, and its bytes as offsets in the line.
    struct Variable: Equatable, Sendable {
        let name: String
        let columns: Range<Int>
    }

    /// The problem of a line that cannot be split, and the bytes that it is about as offsets in the line.
    struct ReadError: Error, Equatable, Sendable {
        let problem: ConfigurationProblem
        let columns: Range<Int>
    }

    static let wordsMax = 64
    static let wordBytesMax = 2_048
    static let lineBytesMax = 65_536
    /// The variable with this node's name.
    static let localPeerVariable = "HAPROXY_LOCALPEER"

    /// The variables.
    var environment: [String: String]

    /// Splits `line`, a line without its line feed.
    func read(_ line: ArraySlice<UInt8>) throws(ReadError) -> Line {
        guard line.count <= Self.lineBytesMax else {
            throw ReadError(problem: .tooMany(what: "bytes on a line", limit: Self.lineBytesMax), columns: 0..<line.count)
        }
        var scanner = LineScanner(line, environment: environment)
        do throws(ConfigurationProblem) {
            try read(&scanner)
        } catch {
            throw ReadError(problem: error, columns: scanner.columns(of: error))
        }
        return scanner.line
    }

    private func read(_ scanner: inout LineScanner) throws(ConfigurationProblem) {
        while let byte = scanner.next() {
            switch (byte, scanner.quote) {
            case (UInt8(ascii: "'"), nil), (UInt8(ascii: "\""), nil): scanner.open(byte)
            case (_, byte): scanner.quote = nil
            case (_, UInt8(ascii: "'")): try scanner.append(byte)
            case (UInt8(ascii: "\\"), _): try scanner.readEscape()
            case (UInt8(ascii: "$"), UInt8(ascii: "\"")): try scanner.readVariable()
            case (_, UInt8(ascii: "\"")): try scanner.append(byte)
            case (UInt8(ascii: "#"), _): return try scanner.endWord(at: scanner.mark)
            case (UInt8(ascii: " "), _), (0x09...0x0d, _): try scanner.endWord(at: scanner.mark)
            default: try scanner.append(byte)
            }
        }
        if let quote = scanner.quote { throw .unclosedQuote(String(UnicodeScalar(quote))) }
        try scanner.endWord(at: scanner.rest.startIndex)
    }

    /// The first word of a skipped line. Only directives matter there, so quotes and escapes are ignored.
    static func firstWord(of line: ArraySlice<UInt8>) -> String {
        let word = line.drop { isBlank($0) }.prefix { !isBlank($0) && $0 != UInt8(ascii: "#") }
        return String(decoding: word.prefix(wordBytesMax), as: UTF8.self)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (0x09...0x0d).contains(byte) }
}

/// The state between two bytes of a line.
private struct LineScanner {
    /// The index of the byte being read, which may begin an escape or a variable.
    private(set) var mark: Int
    var rest: ArraySlice<UInt8>
    let environment: [String: String]
    var line = ConfigurationLexer.Line()
    var quote: UInt8?
    private let start: Int
    private let bytes: ArraySlice<UInt8>
    private var quoteStart: Int
    private var wordStart: Int
    private var word: [UInt8] = []
    private var hasWord = false
    /// The word's first escape of a byte that is no character by itself.
    private var byteEscape: Range<Int>?

    init(_ line: ArraySlice<UInt8>, environment: [String: String]) {
        (bytes, rest) = (line, line)
        self.environment = environment
        (start, mark, quoteStart, wordStart) = (line.startIndex, line.startIndex, line.startIndex, line.startIndex)
    }

    /// Takes the next byte; `nil` at the end.
    mutating func next() -> UInt8? {
        mark = rest.startIndex
        return rest.popFirst()
    }

    /// The bytes that `problem`, which has just been thrown, is about.
    func columns(of problem: ConfigurationProblem) -> Range<Int> {
        switch problem {
        case .unclosedQuote: columns(from: quoteStart, to: quoteStart + 1)
        case .notText, .tooMany: columns(from: wordStart, to: mark)
        case .byteEscape: columns(from: byteEscape?.lowerBound ?? mark, to: byteEscape?.upperBound ?? mark)
        default: columns(from: mark, to: rest.startIndex)
        }
    }

    private func columns(from first: Int, to end: Int) -> Range<Int> { (first - start)..<(max(first + 1, end) - start) }

    /// Begins a quoted part, which makes a word even if it is empty.
    mutating func open(_ byte: UInt8) {
        (quote, quoteStart) = (byte, mark)
        begin()
    }

    private mutating func begin() {
        guard !hasWord else { return }
        (hasWord, wordStart) = (true, mark)
    }

    mutating func append(_ byte: UInt8) throws(ConfigurationProblem) {
        begin()
        guard word.count < ConfigurationLexer.wordBytesMax else { throw .tooMany(what: "bytes in a word", limit: ConfigurationLexer.wordBytesMax) }
        guard byte != 0 else { throw .notText("\\x00") }
        word.append(byte)
    }

    /// Ends the word before the byte at `end`, if there is one.
    mutating func endWord(at end: Int) throws(ConfigurationProblem) {
        guard hasWord else { return }
        guard line.words.count < ConfigurationLexer.wordsMax else { throw .tooMany(what: "words on a line", limit: ConfigurationLexer.wordsMax) }
        guard let text = String(validating: word, as: UTF8.self) else {
            if let byteEscape { throw byteProblem(byteEscape) }
            throw .notText(String(decoding: word, as: UTF8.self))
        }
        line.words.append(text)
        line.columns.append(columns(from: wordStart, to: end))
        word = []
        (hasWord, byteEscape) = (false, nil)
    }

    /// The problem of an escape. Checks have lines for bytes.
    private func byteProblem(_ escape: Range<Int>) -> ConfigurationProblem {
        let replacements = [
            "send": "send-binary", "send-lf": "send-binary-lf", "string": "expect binary", "rstring": "expect rbinary", "string-lf": "expect binary-lf",
        ]
        let words = line.words
        let rule = words.first == "tcp-check" && words.count > 1 && ["send", "send-lf", "expect"].contains(words[1]) ? words.last : nil
        let instead = rule.flatMap { replacements[String($0.drop { $0 == "!" })] }.map { "tcp-check \($0)" }
        return .byteEscape(String(decoding: bytes[escape], as: UTF8.self), instead: instead)
    }

    /// Reads an escape, after its backslash.
    mutating func readEscape() throws(ConfigurationProblem) {
        guard let byte = rest.first else { return try append(UInt8(ascii: "\\")) }
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\\"), UInt8(ascii: "#"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "$"):
            rest = rest.dropFirst()
            try append(byte)
        case UInt8(ascii: "n"): try replaceEscape(by: 0x0a)
        case UInt8(ascii: "r"): try replaceEscape(by: 0x0d)
        case UInt8(ascii: "t"): try replaceEscape(by: 0x09)
        case UInt8(ascii: "x"): try readHexadecimalEscape()
        default: try append(UInt8(ascii: "\\"))
        }
    }

    private mutating func replaceEscape(by byte: UInt8) throws(ConfigurationProblem) {
        rest = rest.dropFirst()
        try append(byte)
    }

    private mutating func readHexadecimalEscape() throws(ConfigurationProblem) {
        let text = String(decoding: rest.prefix(3), as: UTF8.self)
        let digits = text.dropFirst()
        rest = rest.dropFirst(3)
        guard digits.utf8.count == 2, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }), let byte = UInt8(digits, radix: 16) else {
            throw .badEscape("\\" + text)
        }
        if byte == 0 || byte >= 0x80 { byteEscape = byteEscape ?? mark..<rest.startIndex }
        if byte == 0, let byteEscape { throw byteProblem(byteEscape) }
        try append(byte)
    }

    /// Reads a variable, after a dollar sign in double quotes.
    mutating func readVariable() throws(ConfigurationProblem) {
        let isBraced = rest.first == UInt8(ascii: "{")
        if isBraced { rest = rest.dropFirst() }
        let nameBytes = rest.prefix { isNameByte($0) }
        let name = String(decoding: nameBytes, as: UTF8.self)
        guard let first = nameBytes.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            throw .badVariable("$" + (isBraced ? "{" : "") + String(decoding: rest.prefix(16), as: UTF8.self))
        }
        rest = rest.dropFirst(nameBytes.count)
        guard isBraced else { return try append(value(of: name)) }
        let isList = rest.starts(with: "[*]".utf8)
        if isList { rest = rest.dropFirst(3) }
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { throw .unclosedBrace(variable: name) }
        let fallback = rest[..<end]
        rest = rest[rest.index(after: end)...]
        let bytes: [UInt8]
        switch fallback.first {
        case nil: bytes = value(of: name)
        case UInt8(ascii: "-"): bytes = environment[name].map { Array($0.utf8) } ?? Array(fallback.dropFirst())
        default: throw .badVariable("${" + name + String(decoding: fallback, as: UTF8.self) + "}")
        }
        if isList { try appendList(bytes) } else { try append(bytes) }
    }

    private mutating func append(_ bytes: [UInt8]) throws(ConfigurationProblem) {
        for byte in bytes { try append(byte) }
    }

    private mutating func appendList(_ bytes: [UInt8]) throws(ConfigurationProblem) {
        let parts = bytes.split { ConfigurationLexer.isBlank($0) }
        for (index, part) in parts.enumerated() {
            if index > 0 { try endWord(at: rest.startIndex) }
            try append(Array(part))
        }
        if parts.isEmpty, word.isEmpty { hasWord = false }
    }

    private mutating func value(of name: String) -> [UInt8] {
        if let value = environment[name] { return Array(value.utf8) }
        line.unsetVariables.append(ConfigurationLexer.Variable(name: name, columns: columns(from: mark, to: rest.startIndex)))
        return []
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
