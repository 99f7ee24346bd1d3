import Wire

/// The table in an answer of a tsukada command: a head line that begins with `# `, then a line for each row, with aligned columns. Only cells of the last
/// column may contain spaces, so that a script can split a line at its spaces. `-` means an unknown value.
struct TextTable {
    /// The names of the columns.
    private let columns: [String]
    private var rows: [[String]] = []
    private var widths: [Int]

    /// A table without rows.
    ///
    /// - Parameter columns: the names of the columns, separated by spaces.
    init(_ columns: String) {
        var names = columns.split(separator: " ").map(String.init)
        if let first = names.first { names[0] = "# \(first)" }
        self.columns = names
        widths = names.map(\.utf8.count)
    }

    /// Adds a row; an empty cell is an unknown value.
    mutating func add(_ row: [String]) {
        precondition(row.count == columns.count, "\(row.count) cells in \(columns.count) columns")
        var cells = row.map { $0.isEmpty ? "-" : $0.shown }
        for index in cells.indices.dropLast() { cells[index] = cells[index].split(separator: " ").joined(separator: "_") }
        for index in cells.indices { widths[index] = max(widths[index], cells[index].utf8.count) }
        rows.append(cells)
    }

    /// The number of rows.
    var rowsCount: Int { rows.count }

    /// The head, with its newline.
    var head: String { line(columns) }

    /// A row, with its newline, in the column widths of all rows added.
    func line(at row: Int) -> String { line(rows[row]) }

    /// The whole table.
    var text: String { head + rows.map { line($0) }.joined() }

    private func line(_ cells: [String]) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            line += cell
            guard index + 1 < cells.count else { break }
            line += String(repeating: " ", count: widths[index] - cell.utf8.count + 1)
        }
        return line + "\n"
    }
}

/// The lines of a table, after its title, whose rows are composed one by one. The column widths depend on all rows, so a step that composes a row returns no text.
struct AlignedLines<Rows: Sequence<[String]>>: Sequence, IteratorProtocol {
    private let title: String
    private var rows: Rows.Iterator
    private var table: TextTable
    private var isComposed = false
    private var shown = 0

    /// The lines of a table.
    ///
    /// - Parameters:
    ///   - title: the text before the head line, with its newline.
    ///   - columns: the columns' names, separated by spaces.
    init(title: String = "", columns: String, _ rows: Rows) {
        (self.title, self.rows, table) = (title, rows.makeIterator(), TextTable(columns))
    }

    mutating func next() -> String? {
        guard isComposed else {
            if let row = rows.next() {
                table.add(row)
                return ""
            }
            isComposed = true
            return title + table.head
        }
        guard shown < table.rowsCount else { return nil }
        shown += 1
        return table.line(at: shown - 1)
    }
}

extension AnswerText {
    /// A table with aligned columns.
    ///
    /// - Parameters:
    ///   - columns: the columns' names, separated by spaces.
    ///   - rows: composed one by one, as late as possible.
    init(columns: String, rows: some Sequence<[String]>) {
        self.init(head: "", rows: AlignedLines(columns: columns, rows))
    }
}
