/// A command's answer. A table of thousands of rows is composed in pieces, each when its reader asks for it, so that no answer blocks the control thread.
///
/// Every piece consists of whole rows, so that a table stays well formed whatever happens between two pieces.
struct AnswerText {
    /// The most rows of a piece.
    static let pieceRowsMax = 32
    /// A piece takes no further row after this many bytes.
    static let pieceBytesMax = 16 * 1024

    /// Begins the wait for a later text; see `LinePiece.Later`.
    typealias Later = (@escaping (String) -> Void) -> () -> Void

    private var head: String
    private var rows: AnyIterator<String>?
    /// Set for a text that comes later.
    private(set) var later: Later?

    /// A short text.
    init(_ text: String) { head = text }

    /// A table.
    ///
    /// - Parameter rows: composed one by one, as late as possible; an empty one is left out.
    init(head: String, rows: some Sequence<String>) {
        self.head = head
        self.rows = AnyIterator(rows.makeIterator())
    }

    /// A text that comes later, as a whole.
    init(later: @escaping Later) { (head, self.later) = ("", later) }

    /// True once all of it has been composed.
    var isOver: Bool { head.isEmpty && rows == nil }

    /// Composes the next piece; it can be empty when rows were left out.
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

    /// The whole text, for a reader that can wait.
    func whole() -> String {
        var (rest, text) = (self, "")
        while !rest.isOver { text += rest.next() }
        return text
    }
}
