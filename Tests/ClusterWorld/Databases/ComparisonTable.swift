import Foundation

/// The results of clients with several programs, one row per fault: the table of docs/FAILOVER.md, which also stores it.
package struct ComparisonTable: Equatable {
    /// The marks around the table in a document.
    package static let begin = "<!-- measured by deploy/failover-test --databases: begin -->\n"
    package static let end = "<!-- measured by deploy/failover-test --databases: end -->"

    /// By row, then by column title.
    private var cells: [String: [String: String]] = [:]

    /// Creates an empty table.
    package init() {}

    /// Reads the table of a document.
    /// - Throws: `ComparisonError` when the document has no marks.
    package init(of document: String) throws {
        let (_, table, _) = try Self.parts(of: document)
        let lines = table.split(separator: "\n").map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map { $0.trimmingCharacters(in: .whitespaces) }
        }
        guard let head = lines.first else { return }
        for line in lines.dropFirst(2) {
            guard let name = line.first else { continue }
            for (title, cell) in zip(head, line).dropFirst(2) where !cell.isEmpty { cells[name, default: [:]][title] = cell }
        }
    }

    private static func parts(of document: String) throws -> (before: String, table: String, after: String) {
        guard let begin = document.range(of: begin), let end = document.range(of: end, range: begin.upperBound..<document.endIndex) else {
            throw ComparisonError(description: "the document has no line '\(Self.begin.dropLast())' with an end")
        }
        return (String(document[..<begin.upperBound]), String(document[begin.upperBound..<end.lowerBound]), String(document[end.lowerBound...]))
    }

    /// Sets the cell of one program in one row.
    package mutating func set(_ result: FailoverResult, of program: DatabaseProgram) { cells[result.name, default: [:]][program.title] = Self.cell(result) }

    /// Returns the table with the columns of these programs.
    package func text(_ rows: [DatabaseRows.Row], _ programs: [DatabaseProgram]) -> String {
        let lines = rows.map { row in [row.name, row.event] + programs.map { cells[row.name]?[$0.title] ?? "" } }
        return FailoverTable.aligned([["row", "what happens"] + programs.map(\.title)] + lines)
    }

    /// Returns a document with its table replaced by this one.
    package func document(_ document: String) throws -> String {
        let (before, _, after) = try Self.parts(of: document)
        return before + text(DatabaseRows.all, DatabaseProgram.all) + after
    }

    /// Summarizes the result of a row.
    package static func cell(_ result: FailoverResult) -> String {
        if let hindrance = result.hindrance { return "cannot be run: \(hindrance.replacingOccurrences(of: "|", with: "/"))" }
        func seconds(_ value: Double) -> String { String(format: "%.1f s", value) }
        var words = [result.failedConnects == 0 ? "0 failed" : "\(result.failedConnects) failed until \(seconds(result.failedUntil ?? 0))"]
        if result.inFlight > 0 { words.append("\(result.inFlight) in flight") }
        words.append(String(format: "slowest %.2f s", result.slowestSeconds))
        if result.blocked > 0 { words.append("\(result.blocked) x 1129") }
        if result.staleReads > 0 { words.append("\(result.staleReads) stale reads, oldest \(seconds(result.oldestSeconds))") }
        if let connects = result.connectsPerClient { words.append(String(format: "%.2f connects for each", connects)) }
        if let after = result.ejectedAfter { words.append("out after \(seconds(after))") }
        if let after = result.backAfter { words.append("in after \(seconds(after))") }
        return (words + result.notes).joined(separator: "; ").replacingOccurrences(of: "|", with: "/")
    }
}

/// The document lacks the marks of the table.
package struct ComparisonError: Error, CustomStringConvertible {
    package let description: String
}
