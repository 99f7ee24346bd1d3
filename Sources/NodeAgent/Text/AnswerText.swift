/// A command's answer. A table of thousands of rows is composed in pieces, each on request of its reader, so that no answer blocks the control thread.
///
/// Every piece consists of whole rows, so that a table stays well formed whatever happens between two pieces.
struct AnswerText {
    /// The most rows of a piece.
    static let pieceRowsMax = 32
    /// A piece that has this many bytes takes no further row.
    static let pieceBytesMax = 16 * 1024

    /// Begins to wait for a text that is available later; see `LinePiece.Later`.
    typealias Later = (@escaping (String) -> Void) -> () -> Void

    /// The severity of an answer that is a message and not a list: `severity-output` shows it.
    enum Severity: Int, Sendable {
        case error = 3
        case information = 6
    }

    /// The severity of a message; `nil` for a list, and for the answer of a command that has done its work.
    private(set) var severity: Severity?
    private var head: String
    private var rows: AnyIterator<String>?
    /// Set if the text is available later.
    private(set) var later: Later?

    /// A short text.
    init(_ text: String, severity: Severity? = nil) { (head, self.severity) = (text, text.isEmpty ? nil : severity) }

    /// The sentence about a command that was not run.
    static func error(_ text: String) -> AnswerText { AnswerText(text, severity: .error) }

    /// Puts `prefix` in front of a text of which nothing has been composed yet.
    mutating func prepend(_ prefix: String) { head = prefix + head }

    /// A table.
    ///
    /// - Parameter rows: composed one by one, as late as possible; an empty row is left out.
    init(head: String, rows: some Sequence<String>) {
        self.head = head
        self.rows = AnyIterator(rows.makeIterator())
    }

    /// A text that is available later, as a whole.
    init(later: @escaping Later) { (head, self.later) = ("", later) }

    /// Whether the whole text has been composed.
    var isOver: Bool { head.isEmpty && rows == nil }

    /// Composes the next piece, which can be empty if rows were left out.
    mutating func next() -> String {
        var piece = head
        head = ""
        var count = 0
        while let rows, count < Self.pieceRowsMax, piece.utf8.count < Self.pieceBytesMax {
            if let row = rows.next() { piece += row } else { self.rows = nil }
            count += 1
        }
        return piece
    }

    /// Composes the whole text, for a reader that can wait.
    func whole() -> String {
        var (rest, text) = (self, "")
        while !rest.isOver { text += rest.next() }
        return text
    }
}
