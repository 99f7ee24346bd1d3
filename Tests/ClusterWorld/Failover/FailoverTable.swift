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
            failed     connects of the 40 clients that failed after the event (short and long clients; the remarks have the number of attempts)
            in flight  short sessions, connect to answer, that were open at the event and failed
            ended      long sessions, of 20, that ended before their clients ended them
            slowest    the longest answered attempt of a short client: connect, login, a query
            out after  from the event to the load balancer's verdict;  back after: from the repair to the verdict
            """)

    /// The table of rows with databases.
    package static let databases = FailoverTable(
        columns: [.name, .event, .failed, .failedUntil, .inFlight, .slowest, .outAfter, .backAfter, .stale, .blocked, .connects, .ended, .remarks],
        legend: """
            failed     connects of the 40 clients that failed after the event;  until: the start of the last of them
            in flight  attempts whose TCP connect to the proxy was complete at the event, and that failed
            slowest    the longest answered attempt of a short client: connect, login, a read
            out after  from the event to the faulty server's last answer;  back after: from the repair to its first answer, or its replacement's
            stale      reads by new connections that were older than max-lag plus 3 s
            1129       clients that got error 1129: the database blocks the proxy's host
            connects   at the databases for each connect of a client
            ended      long sessions, of 20, that ended before their clients ended them
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
