/// A Swift source, divided into code and prose. Both have the source's lines.
struct SwiftText {
    /// The code with the interpolations in strings, in their parentheses. The rest of strings and comments is left out.
    var code: String { String(decoding: codeBytes, as: UTF8.self) }
    /// The comments and the literal parts of strings. A run of code or quotes is a bar; a comment marker or escape is a space.
    var prose: String { String(decoding: proseBytes, as: UTF8.self) }

    private var codeBytes: [UInt8] = []
    private var proseBytes: [UInt8] = []
    private let bytes: [UInt8]
    private var position = 0

    /// The context of a position inside a string.
    private enum Surrounding {
        case string(Delimiter)
        case interpolation(parentheses: Int)
    }

    /// The quotes around a string: one or three, with number signs outside.
    private struct Delimiter {
        let quotes: Int
        let signs: Int
        var count: Int { quotes + signs }
    }

    private static let (quote, sign, slash, escape) = (UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "/"), UInt8(ascii: "\\"))
    private static let (opening, closing, bar) = (UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "|"))
    private static let (space, lineBreak) = (UInt8(ascii: " "), UInt8(ascii: "\n"))

    /// Divides a file's text.
    init(_ text: String) {
        bytes = Array(text.utf8)
        codeBytes.reserveCapacity(bytes.count)
        proseBytes.reserveCapacity(bytes.count)
        var surroundings: [Surrounding] = []
        while position < bytes.count {
            switch surroundings.last {
            case .string(let delimiter):
                let byte = bytes[position]
                if byte == Self.quote, ends(delimiter) {
                    skip(delimiter.count)
                    surroundings.removeLast()
                } else if byte == Self.escape, run(of: Self.sign, from: position + 1) >= delimiter.signs {
                    let length = 2 + delimiter.signs
                    let isInterpolation = position + length <= bytes.count && bytes[position + length - 1] == Self.opening
                    skip(length, mark: isInterpolation ? Self.bar : Self.space)
                    guard isInterpolation else { continue }
                    codeBytes.append(Self.opening)
                    surroundings.append(.interpolation(parentheses: 0))
                } else {
                    takeProse()
                }
                continue
            case .interpolation(let parentheses):
                if bytes[position] == Self.opening { surroundings[surroundings.count - 1] = .interpolation(parentheses: parentheses + 1) }
                if bytes[position] == Self.closing {
                    surroundings.removeLast()
                    if parentheses > 0 { surroundings.append(.interpolation(parentheses: parentheses - 1)) }
                }
            case nil: break
            }
            takeCode(&surroundings)
        }
    }

    /// Takes a byte of code, a whole comment, or the delimiter that opens a string.
    private mutating func takeCode(_ surroundings: inout [Surrounding]) {
        let byte = bytes[position]
        if byte == Self.slash, position + 1 < bytes.count, bytes[position + 1] == Self.slash {
            while position < bytes.count, bytes[position] == Self.slash { skip(1, mark: Self.space) }
            while position < bytes.count, bytes[position] != Self.lineBreak { takeProse() }
        } else if byte == Self.quote || byte == Self.sign, let delimiter = openingDelimiter() {
            skip(delimiter.count)
            surroundings.append(.string(delimiter))
        } else {
            codeBytes.append(byte)
            appendMark(byte == Self.lineBreak || byte == Self.space ? byte : Self.bar)
            position += 1
        }
    }

    /// The number of bytes from `start` that equal `byte`.
    private func run(of byte: UInt8, from start: Int) -> Int { bytes[min(start, bytes.count)...].prefix { $0 == byte }.count }

    private func ends(_ delimiter: Delimiter) -> Bool {
        run(of: Self.quote, from: position) >= delimiter.quotes && run(of: Self.sign, from: position + delimiter.quotes) >= delimiter.signs
    }

    /// The delimiter of a string that begins here.
    private func openingDelimiter() -> Delimiter? {
        let signs = run(of: Self.sign, from: position)
        let quotes = run(of: Self.quote, from: position + signs)
        return quotes == 0 ? nil : Delimiter(quotes: quotes >= 3 ? 3 : 1, signs: signs)
    }

    /// Appends a mark to the prose. Equal marks become one, which makes the search faster; line breaks stay.
    private mutating func appendMark(_ mark: UInt8) {
        if mark == Self.lineBreak || proseBytes.last != mark { proseBytes.append(mark) }
    }

    /// Takes a byte of a comment or string.
    private mutating func takeProse() {
        proseBytes.append(bytes[position])
        if bytes[position] == Self.lineBreak { codeBytes.append(Self.lineBreak) }
        position += 1
    }

    /// Takes bytes that are neither code nor prose. Line breaks stay.
    private mutating func skip(_ count: Int, mark: UInt8 = Self.bar) {
        for byte in bytes[position..<min(position + count, bytes.count)] {
            appendMark(byte == Self.lineBreak ? byte : mark)
            if byte == Self.lineBreak { codeBytes.append(byte) }
        }
        position += count
    }
}
