import Foundation

/// Results as an operator reads them.
package enum FailoverTable {
    private static let columns = ["row", "what happens", "failed", "in flight", "ended", "slowest", "out after", "back after", "remarks"]

    /// What the columns mean.
    package static let legend = """
        failed     connects of the 40 clients that failed after it happened (of either kind; the attempts are in the remarks)
        in flight  short sessions, connect to answer, that were open when it happened, and died with it
        ended      long sessions, of 20, that ended before they wanted to
        slowest    the longest answered attempt of a short client: connect, login, a query
        out after  from what happened to the load balancer's verdict;  back after: from the repair to the verdict
        """

    /// The whole table, Markdown that is aligned for a terminal.
    package static func text(_ results: [FailoverResult]) -> String {
        let rows = [columns, columns.map { _ in "--" }] + results.map(cells)
        let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            // Remarks are as long as they are: a terminal may break them.
            let cells = row.indices.dropLast().map { row[$0].padding(toLength: widths[$0], withPad: row[$0] == "--" ? "-" : " ", startingAt: 0) }
            return "| " + (cells + row.suffix(1)).joined(separator: " | ") + " |\n"
        }.joined()
    }

    private static func cells(_ result: FailoverResult) -> [String] {
        func seconds(_ value: Double?) -> String { value.map { String(format: "%.1f s", $0) } ?? "-" }
        var remarks = ["\(result.attempts) attempts, \(result.queries) queries"] + result.notes
        if !result.broken.isEmpty { remarks.append("PROMISE BROKEN: " + result.broken.joined(separator: ", ")) }
        return [
            result.name, result.event, "\(result.failedConnects)", "\(result.inFlight)", "\(result.sessionsEnded)",
            String(format: "%.2f s", result.slowestSeconds), seconds(result.ejectedAfter), seconds(result.backAfter), remarks.joined(separator: "; "),
        ]
    }
}
