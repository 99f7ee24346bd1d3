import Foundation

/// A column of a result table.
package struct FailoverColumn: Sendable {
    let title: String
    let cell: @Sendable (FailoverResult) -> String

    init(_ title: String, _ cell: @escaping @Sendable (FailoverResult) -> String) { (self.title, self.cell) = (title, cell) }

    /// Formats seconds; "-" when not measured.
    static func seconds(_ value: Double?) -> String { value.map { String(format: "%.1f s", $0) } ?? "-" }

    fileprivate static let name = FailoverColumn("row") { $0.name }
    fileprivate static let event = FailoverColumn("what happens") { $0.event }
    fileprivate static let failed = FailoverColumn("failed") { "\($0.failedConnects)" }
    fileprivate static let failedUntil = FailoverColumn("until") { seconds($0.failedUntil) }
    fileprivate static let inFlight = FailoverColumn("in flight") { "\($0.inFlight)" }
    fileprivate static let ended = FailoverColumn("ended") { "\($0.sessionsEnded)" }
    fileprivate static let slowest = FailoverColumn("slowest") { String(format: "%.2f s", $0.slowestSeconds) }
    fileprivate static let outAfter = FailoverColumn("out after") { seconds($0.ejectedAfter) }
    fileprivate static let backAfter = FailoverColumn("back after") { seconds($0.backAfter) }
    fileprivate static let stale = FailoverColumn("stale") { $0.staleReads == 0 ? "0" : "\($0.staleReads), oldest \(seconds($0.oldestSeconds))" }
    fileprivate static let blocked = FailoverColumn("1129") { "\($0.blocked)" }
    fileprivate static let connects = FailoverColumn("connects") { $0.connectsPerClient.map { String(format: "%.2f", $0) } ?? "-" }
    fileprivate static let remarks = FailoverColumn("remarks") { result in
        var remarks = result.hindrance == nil ? ["\(result.attempts) attempts, \(result.queries) queries"] + result.notes : []
        if !result.broken.isEmpty { remarks.append("PROMISE BROKEN: " + result.broken.joined(separator: ", ")) }
        return remarks.joined(separator: "; ")
    }
}

/// Results as a table for operators.
package struct FailoverTable: Sendable {
    private let columns: [FailoverColumn]
    /// The explanation of the columns.
    package let legend: String

    /// The table of rows with two nodes behind a load balancer.
    package static let balanced = FailoverTable(
        columns: [.name, .event, .failed, .inFlight, .ended, .slowest, .outAfter, .backAfter, .remarks],
        legend: """
            failed     connects of the 40 clients that failed after it happened (of either kind; the attempts are in the remarks)
            in flight  short sessions, connect to answer, that were open when it happened, and died with it
            ended      long sessions, of 20, that ended before they wanted to
            slowest    the longest answered attempt of a short client: connect, login, a query
            out after  from what happened to the load balancer's verdict;  back after: from the repair to the verdict
            """)

    /// The table of rows with databases.
    package static let databases = FailoverTable(
        columns: [.name, .event, .failed, .failedUntil, .inFlight, .slowest, .outAfter, .backAfter, .stale, .blocked, .connects, .ended, .remarks],
        legend: """
            failed     connects of the 40 clients that failed after it happened;  until: when the last of them began
            in flight  attempts whose TCP connect to the proxy was complete when it happened, and that failed
            slowest    the longest answered attempt of a short client: connect, login, a read
            out after  from what happened to the struck server's last answer;  back after: from the repair, or to the first answer of what takes its place
            stale      reads by new connections that were older than max-lag and 3 s
            1129       clients that were told that the proxy's host is blocked
            connects   that the databases saw for each connect of a client
            ended      long sessions, of 20, that ended before they wanted to
            """)

    /// Returns the whole table as Markdown that is aligned for a terminal.
    package func text(_ results: [FailoverResult]) -> String {
        // The last column is not padded; a terminal may wrap it.
        Self.aligned([columns.map(\.title)] + results.map { result in columns.map { $0.cell(result) } })
    }

    /// Formats a Markdown table whose first row is the head. Every cell except a row's last one is padded.
    static func aligned(_ cells: [[String]]) -> String {
        guard let head = cells.first else { return "" }
        let rows = [head, head.map { _ in "--" }] + cells.dropFirst()
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let padded = row.indices.dropLast().map { row[$0].padding(toLength: widths[$0], withPad: row[$0] == "--" ? "-" : " ", startingAt: 0) }
            return "| " + (padded + row.suffix(1)).joined(separator: " | ") + " |\n"
        }.joined()
    }
}
