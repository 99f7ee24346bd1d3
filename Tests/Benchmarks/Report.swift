import Foundation

/// The results of a run.
struct Report: Codable, Sendable {
    /// The machine.
    let machine: Machine
    /// The settings.
    let settings: Settings
    /// The versions as the proxies report them.
    let versions: [String: String]
    /// The rows of the table.
    let rows: [Row]
    /// The slices behind the rows.
    let slices: [Slice]

    /// The durations and numbers of rounds.
    struct Settings: Codable, Sendable {
        /// Threads of each proxy.
        let threads: Int
        /// Rounds per shape.
        let rounds: Int
        /// Milliseconds of each slice's window.
        let sliceMilliseconds: Int
        /// Milliseconds of warm-up before the window.
        let warmUpMilliseconds: Int
        /// Connections of `idle`.
        let idleConnectionCount: Int
    }

    /// True when every exchange succeeded and every slice measured something.
    var isGood: Bool { rows.allSatisfy { $0.errorCount == 0 } }

    /// The table with its head and notes, as printed and as Markdown.
    var text: String {
        var lines = machine.lines
        lines += versions.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        lines.append("threads of each proxy: \(settings.threads)")
        lines.append("\(settings.rounds) rounds of \(settings.sliceMilliseconds) ms after \(settings.warmUpMilliseconds) ms of warm-up")
        lines += ["", "| shape | proxy | per CPU-second | by haproxy | least..most | per second | CPU | errors |", "|--|--|--:|--:|--:|--:|--:|--:|"]
        lines += rows.map(Report.line)
        lines += rows.compactMap { row in row.firstError.map { "error: \(row.shape.rawValue) through \(row.proxy.rawValue): \($0)" } }
        if let warning = machine.warning { lines += ["", "warning: \(warning)"] }
        return lines.joined(separator: "\n")
    }

    /// The report as JSON, keys sorted.
    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    private static func line(_ row: Row) -> String {
        let ratio = row.ratio.map { fixed($0.median) } ?? "-"
        let spread = row.ratio.map { "\(fixed($0.least))..\(fixed($0.greatest))" } ?? "-"
        let isIdle = row.shape == .idle
        let cells = [
            row.shape.rawValue, row.proxy.rawValue, isIdle ? "\(grouped(row.value.median)) B/conn" : "\(grouped(row.value.median)) \(row.shape.unit)",
            ratio, spread, isIdle ? "-" : grouped(row.rate), isIdle ? "-" : "\(Int((row.busy * 100).rounded())) %", String(row.errorCount),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    /// Two digits after the point.
    static func fixed(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let fraction = abs(hundredths % 100)
        return "\(hundredths < 0 ? "-" : "")\(abs(hundredths) / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    /// A whole number with commas between the thousands.
    static func grouped(_ value: Double) -> String {
        let digits = Array(String(Int(abs(value).rounded())))
        var text = value <= -0.5 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }
}
