import Foundation

/// What clients felt with several programs, a row for each fault: the table of docs/FAILOVER.md, which is also where it is kept.
package struct ComparisonTable: Equatable {
    /// Where the table stands in a document.
    package static let begin = "<!-- measured by deploy/failover-test --databases: begin -->\n"
    package static let end = "<!-- measured by deploy/failover-test --databases: end -->"

    /// By row and title of a column.
    private var cells: [String: [String: String]] = [:]

    /// An empty table.
    package init() {}

    /// Reads the table of a document.
    /// - Throws: when it has no place for one.
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

    /// Sets what one program's clients felt in one row.
    package mutating func set(_ result: FailoverResult, of program: DatabaseProgram) { cells[result.name, default: [:]][program.title] = Self.cell(result) }

    /// The table, with the columns of these programs.
    package func text(_ rows: [DatabaseRows.Row], _ programs: [DatabaseProgram]) -> String {
        let lines = rows.map { row in [row.name, row.event] + programs.map { cells[row.name]?[$0.title] ?? "" } }
        return FailoverTable.aligned([["row", "what happens"] + programs.map(\.title)] + lines)
    }

    /// A document with this table in its place.
    package func document(_ document: String) throws -> String {
        let (before, _, after) = try Self.parts(of: document)
        return before + text(DatabaseRows.all, DatabaseProgram.all) + after
    }

    /// What was felt, in a few words.
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

/// A document is not what it should be.
package struct ComparisonError: Error, CustomStringConvertible {
    package let description: String
}
