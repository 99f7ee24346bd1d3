import Wire

/// Parses a line of a state word by word. Words are separated by one space; only the last field of a line may contain spaces.
struct StateLine {
    private var rest: Substring?
    private let separator: UInt8

    /// A line without its line feed, or a word whose fields are separated by `separator`.
    init(_ line: Substring, separator: UInt8 = UInt8(ascii: " ")) { (rest, self.separator) = (line, separator) }

    /// Whether every word has been read.
    var isAtEnd: Bool { rest == nil }

    /// The next word, which may be empty; `nil` at the end.
    mutating func word() -> Substring? {
        guard let line = rest else { return nil }
        guard let end = line.utf8.firstIndex(of: separator) else { return text() }
        rest = line[line.utf8.index(after: end)...]
        return line[..<end]
    }

    /// The rest of the line; `nil` at the end.
    mutating func text() -> Substring? { rest.take() }

    /// The remaining words, separated by any number of spaces.
    mutating func words() -> [Substring] { StateText.parts(of: text() ?? "", at: separator) }

    /// Reads the next word. Returns whether it is `expected`.
    mutating func skip(_ expected: String) -> Bool { word().map { $0 == expected } ?? false }

    /// The next word as a number in decimal digits; `nil` for anything else.
    mutating func number<Number: FixedWidthInteger>(in range: ClosedRange<Number> = .min ... .max) -> Number? {
        word().flatMap { StateLine.number($0) }.flatMap { range.contains($0) ? $0 : nil }
    }

    /// The next word as a number, `.some(nil)` for "-", `nil` for anything else.
    mutating func numberOrDash<Number: FixedWidthInteger>(in range: ClosedRange<Number> = .min ... .max) -> Number?? {
        guard rest?.utf8.first == UInt8(ascii: "-") else { return number(in: range).map { .some($0) } }
        return skip("-") ? .some(nil) : nil
    }

    /// The next word as 16 hexadecimal digits.
    mutating func hexadecimal() -> UInt64? { word().flatMap { Hexadecimal.number($0, digits: 16) } }

    /// Parses digits only, because `Number.init` also accepts a sign.
    private static func number<Number: FixedWidthInteger>(_ word: Substring) -> Number? {
        word.utf8.allSatisfy(ConfigurationValue.isDigit) ? Number(word) : nil
    }
}
