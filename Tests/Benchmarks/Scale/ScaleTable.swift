/// A measured number, or the limit that a measurement reached.
struct ScaleValue: Equatable, Sendable {
    /// The number.
    var number: Double
    /// True when the measurement was ended at `number`: the real value is greater.
    var isAbove = false

    /// The median of `values`, the greater of two middle ones; `nil` without values.
    static func median(_ values: [ScaleValue]) -> ScaleValue? {
        values.isEmpty ? nil : values.sorted { ($0.number, $0.isAbove ? 1 : 0) < ($1.number, $1.isAbove ? 1 : 0) }[values.count / 2]
    }

    /// This value divided by `other`; `nil` when that is unknown.
    func ratio(to other: ScaleValue?) -> ScaleValue? {
        guard let other, !other.isAbove, other.number > 0, number > 0 else { return nil }
        return ScaleValue(number: number / other.number, isAbove: isAbove)
    }

    /// About three digits, `>` before a limit.
    var text: String {
        let digits = abs(number) < 10 ? Report.fixed(number) : abs(number) < 100 ? Report.fixed((number * 10).rounded() / 10) : Report.grouped(number)
        let short = abs(number) >= 10 && abs(number) < 100 ? String(digits.dropLast()) : digits
        return (isAbove ? ">" : "") + short
    }
}

/// The figure that a number in the table measures.
struct ScaleFigure: Equatable, Sendable {
    /// The load and its kind: "change, weighted".
    let name: String
    /// "µs CPU"
    let unit: String
}

/// The rows of the scale benchmark: one line for each figure and size, with both programs' values.
struct ScaleTable: Sendable {
    /// One figure at one size.
    struct Line: Equatable, Sendable {
        /// The figure.
        let figure: ScaleFigure
        /// The number of servers, sections or threads.
        let size: Int
        /// Each program's value, or none where the measurement failed.
        let values: [ProxyKind: ScaleValue]
    }

    /// The programs, in the columns' order.
    static let programs: [ProxyKind] = [.tsukada, .haproxy]

    /// The lines, in the order in which they are printed.
    var lines: [Line] = []

    /// The value at the figure's largest size divided by the one at its smallest; `nil` for a figure of one size.
    func growth(of program: ProxyKind, in figure: ScaleFigure) -> ScaleValue? {
        let own = lines.filter { $0.figure == figure }.sorted { $0.size < $1.size }
        guard own.count > 1, let first = own.first, let last = own.last else { return nil }
        return last.values[program]?.ratio(to: first.values[program])
    }

    /// The same lines, grouped by figure, in the order of the figures' first appearance in `figures`.
    func sorted(by figures: [ScaleFigure]) -> ScaleTable {
        func order(_ line: Line) -> (Int, Int) { (figures.firstIndex(of: line.figure) ?? figures.count, line.size) }
        return ScaleTable(lines: lines.sorted { order($0) < order($1) })
    }

    /// The table's head, as Markdown.
    static let head = """
        | row | size | unit | tsukada | haproxy | tsukada by haproxy | growth of tsukada | growth of haproxy |
        |--|--:|--|--:|--:|--:|--:|--:|
        """

    /// The lines as Markdown. The line of a figure's largest size has the growth.
    var text: String { lines.map(text).joined(separator: "\n") }

    private func text(of line: Line) -> String {
        let isLargest = !lines.contains { $0.figure == line.figure && $0.size > line.size }
        let ratio = line.values[.tsukada]?.ratio(to: line.values[.haproxy])
        let growths = Self.programs.map { isLargest ? growth(of: $0, in: line.figure)?.text ?? "" : "" }
        let values = Self.programs.map { line.values[$0]?.text ?? "-" }
        let cells = [line.figure.name, Report.grouped(Double(line.size)), line.figure.unit] + values + [ratio?.text ?? "-"] + growths
        return "| " + cells.joined(separator: " | ") + " |"
    }
}
