import Wire

/// A line of a file for a message, and the part of it that the message is about.
struct SourceExcerpt: Equatable, Sendable {
    /// How much of a line is shown, in columns of a terminal. A longer line is cut around the caret.
    static let cellsMax = 100
    /// How much of the line before the caret is shown if the line is cut.
    private static let cellsBeforeMax = 40
    /// The words that a secret follows, in lower case. A message does not show the rest of their lines, because other people read messages.
    private static let secretWords: Set<String> = [
        "auth", "authorization", "ca-sign-pass", "cluster-secret", "insecure-password", "password", "ssl-passphrase-cmd",
    ]

    /// The line without its line feed, as far as it may be shown.
    let line: ArraySlice<UInt8>
    /// The bytes that the message is about, as offsets in the line.
    let columns: Range<Int>
    /// Whether the rest of the line is left out because it may contain a secret.
    let hidesRest: Bool

    /// An excerpt of `line`.
    ///
    /// - Parameter hidesValues: whether to show only the keyword, because the rest may be a secret.
    init(_ line: ArraySlice<UInt8>, columns: Range<Int>, hidesValues: Bool) {
        let end = Self.publicEnd(of: line, hidesValues: hidesValues)
        self.line = line[..<end]
        hidesRest = line[end...].contains { !ConfigurationLexer.isBlank($0) }
        let count = end - line.startIndex
        // A caret under a secret moves to the word before it.
        let word = self.line.lastIndex { ConfigurationLexer.isBlank($0) }.map { $0 + 1 - line.startIndex } ?? 0
        self.columns = columns.lowerBound < count ? columns.lowerBound..<min(columns.upperBound, count) : word..<count
    }

    /// The end of the part of `line` that may be shown.
    private static func publicEnd(of line: ArraySlice<UInt8>, hidesValues: Bool) -> Int {
        // Of a longer line, only the beginning is shown.
        for word in line.prefix(ConfigurationLexer.lineBytesMax).split(whereSeparator: ConfigurationLexer.isBlank) {
            // The value may be joined to the keyword: "password=...".
            if hidesValues { return word.firstIndex { "=:".utf8.contains($0) } ?? word.endIndex }
            let letters = word.filter { !"\"'\\".utf8.contains($0) }
            if secretWords.contains(String(decoding: letters, as: UTF8.self).lowercased()) { return word.endIndex }
        }
        return line.endIndex
    }

    /// The column of the first character that the message is about, in characters, from 1.
    var column: Int { 1 + String(decoding: line.prefix(columns.lowerBound), as: UTF8.self).unicodeScalars.count }

    // MARK: The form for a terminal

    /// One character as the terminal shows it.
    private struct Cell {
        /// The offset of the first byte in the line.
        let offset: Int
        let text: String
        let width: Int
    }

    /// The line and the carets below it, cut to `cellsMax` columns. Both are printable.
    var rendered: (source: String, carets: String) {
        let (cells, isWhole) = cellsAroundColumns
        let first = cells.firstIndex { $0.offset >= columns.lowerBound } ?? cells.endIndex
        let end = cells[first...].firstIndex { $0.offset >= columns.upperBound } ?? cells.endIndex
        var begin = cells.startIndex
        if Self.width(cells[..<end]) > Self.cellsMax {
            while begin < first, Self.width(cells[begin..<first]) > Self.cellsBeforeMax { begin += 1 }
        }
        var stop = begin
        var room = Self.cellsMax
        while stop < cells.endIndex, cells[stop].width <= room {
            room -= cells[stop].width
            stop += 1
        }
        let prefix = begin < cells.endIndex && cells[begin].offset > 0 ? "..." : ""
        let suffix = hidesRest ? " ..." : stop < cells.endIndex || !isWhole ? "..." : ""
        let blanks = prefix.utf8.count + Self.width(cells[begin..<first])
        let carets = max(1, Self.width(cells[first..<max(first, min(end, stop))]))
        return (
            prefix + cells[begin..<stop].map(\.text).joined() + suffix, String(repeating: " ", count: blanks) + String(repeating: "^", count: carets)
        )
    }

    private static func width(_ cells: ArraySlice<Cell>) -> Int { cells.reduce(0) { $0 + $1.width } }

    /// The characters near the caret, without blanks at the end of the line; `isWhole` is false if the line continues. A line may have many megabytes.
    private var cellsAroundColumns: (cells: [Cell], isWhole: Bool) {
        let bytesAround = 4 * Self.cellsMax
        var begin = line.startIndex + max(0, columns.lowerBound - bytesAround)
        while begin > line.startIndex, begin < line.endIndex, line[begin] & 0xc0 == 0x80 { begin += 1 }
        let end = min(line.endIndex, line.startIndex + columns.lowerBound + bytesAround)
        var rest = line[begin..<end]
        let isWhole = end == line.endIndex
        if isWhole { while let last = rest.last, ConfigurationLexer.isBlank(last) { rest = rest.dropLast() } }
        var cells: [Cell] = []
        while let byte = rest.first {
            let offset = rest.startIndex - line.startIndex
            let length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
            if let text = String(validating: rest.prefix(length), as: UTF8.self), text.unicodeScalars.count == 1 {
                cells.append(Self.cell(text, offset))
                rest = rest.dropFirst(length)
            } else {
                cells.append(Cell(offset: offset, text: "<\(Hexadecimal.text(byte, digits: 2).uppercased())>", width: 4))
                rest = rest.dropFirst()
            }
        }
        return (cells, isWhole)
    }

    private static func cell(_ text: String, _ offset: Int) -> Cell {
        if text == "\t" { return Cell(offset: offset, text: "    ", width: 4) }
        let shown = text.shown
        let width = shown == text ? text.unicodeScalars.reduce(0) { $0 + $1.columnsOnTerminal } : shown.utf8.count
        return Cell(offset: offset, text: shown, width: width)
    }
}

extension Unicode.Scalar {
    /// The columns that a terminal uses for a printable character: two for East Asian letters and pictures, none for combining marks.
    fileprivate var columnsOnTerminal: Int {
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        switch value {
        case 0x1100...0x115f, 0x2e80...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f,
            0x1f900...0x1f9ff, 0x20000...0x3fffd:
            return 2
        default: return 1
        }
    }
}
