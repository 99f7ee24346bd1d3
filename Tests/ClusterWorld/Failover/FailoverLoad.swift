import Foundation
import Support

/// The results of all clients during a row.
package struct ClientReport: Sendable {
    /// The clients that connect, query and disconnect.
    package var short: LoadReport
    /// The clients that stay connected.
    package var long: SessionReport

    /// Creates a report from its parts.
    package init(short: LoadReport, long: SessionReport) { (self.short, self.long) = (short, long) }

    /// Returns the failed attempts of both kinds that started after `moment` or were still connecting at `moment`.
    package func failedConnects(after moment: Int64) -> [Attempt] {
        failures.filter { ($0.connectedAt ?? $0.endedAt) > moment }
    }

    /// Returns the number of failed attempts that were connected at `moment`. They fail with it, as long sessions do.
    package func inFlight(at moment: Int64) -> Int { failures.count { ($0.connectedAt ?? $0.endedAt) <= moment } }

    private var failures: [Attempt] { short.failures + long.failures }

    /// The longest answered attempt: connect, login and a query.
    package var slowestSeconds: Double { short.slowestMilliseconds / 1000 }

    /// Returns the longest answered attempt that started in this period, in seconds, with a resolution of a tenth of a second; 0 without one.
    package func slowestSeconds(from start: Int64, to end: Int64 = .max) -> Double {
        let tenths = short.slowestByTenth.filter { $0.key > start / 100_000_000 && $0.key < end / 100_000_000 }
        return (tenths.values.max() ?? 0) / 1000
    }

    /// The clients that got error 1129, because the database blocks the proxy's host.
    package var blocked: Int {
        failures.count { $0.outcome == .errorPacket && $0.detail.contains("is blocked") }
    }
}

/// Forty clients, half of them short and half long, for one target or shared by several.
package final class FailoverLoad: Sendable {
    /// The number of clients of each kind.
    package static let clients = 20
    /// Seconds for which a client waits for an answer.
    package static let patience = 6

    private let short: [NodeProcess]
    private let long: [NodeProcess]

    /// Starts the clients on `node`.
    /// - Parameters:
    ///   - pause: milliseconds between a short client's attempts.
    ///   - more: additional arguments of the short clients, `--text SQL`.
    package init(on node: Node, targets: [Node], pause: Int = 50, more: [String] = []) throws {
        func start(_ command: String, _ words: [String]) throws -> [NodeProcess] {
            try targets.map { target in
                let to = ["--to", "\(target.address):3306", "--clients", "\(Self.clients / targets.count)", "--patience", "\(Self.patience)"]
                return try node.start([clusterTool, command] + to + words, input: .heldPipe)
            }
        }
        short = try start("load", ["--slow", "500", "--pause", "\(pause)"] + more)
        long = try start("sessions", ["--every", "300"])
    }

    /// Stops the clients after their last answers.
    package func stop() throws -> ClientReport {
        for process in short + long { process.outside.closeInput() }
        for process in short + long { try process.outside.wait(within: Double(Self.patience) + 15) }
        func reports<Report: Decodable>(_ processes: [NodeProcess]) throws -> [Report] {
            try processes.map { try JSONDecoder().decode(Report.self, from: Data($0.outside.output.utf8)) }
        }
        var report = ClientReport(short: LoadReport(), long: SessionReport())
        for part: LoadReport in try reports(short) { report.short.add(part) }
        for part: SessionReport in try reports(long) { report.long.add(part) }
        return report
    }
}
