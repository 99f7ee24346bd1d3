import Foundation
import Support

/// What the clients felt while something happened.
package struct ClientReport: Sendable {
    /// The clients that connect, ask and leave.
    package var short: LoadReport
    /// The clients that stay.
    package var long: SessionReport

    /// Attempts of either kind that were not answered, and began after `moment`, or were still connecting then.
    package func failedConnects(after moment: Int64) -> [Attempt] {
        short.failures.filter { ($0.connectedAt ?? $0.endedAt) > moment } + long.failures
    }

    /// Short attempts that a session had been opened for when it happened: they die with it, as long sessions do.
    package func inFlight(at moment: Int64) -> Int { short.failures.count { ($0.connectedAt ?? $0.endedAt) <= moment } }

    /// The longest answered attempt: connect, login, a query.
    package var slowestSeconds: Double { short.slowestMilliseconds / 1000 }
}

/// Forty clients behind the load balancer, one half short, one half long.
package final class FailoverLoad: Sendable {
    /// Of each kind.
    package static let clients = 20
    /// Seconds a client waits for an answer.
    package static let patience = 6

    private let short: NodeProcess
    private let long: NodeProcess

    /// Starts them on `node`.
    package init(on node: Node, target: Node) throws {
        let to = ["--to", "\(target.address):3306", "--clients", "\(Self.clients)", "--patience", "\(Self.patience)"]
        short = try node.start([clusterTool, "load"] + to + ["--slow", "500", "--pause", "50"], input: .untilWeEnd)
        long = try node.start([clusterTool, "sessions"] + to + ["--every", "300"], input: .untilWeEnd)
    }

    /// Ends them after their last answers.
    package func stop() throws -> ClientReport {
        for process in [short, long] { process.outside.closeInput() }
        for process in [short, long] { try process.outside.wait(within: Double(Self.patience) + 15) }
        func report<Report: Decodable>(_ process: NodeProcess) throws -> Report {
            try JSONDecoder().decode(Report.self, from: Data(process.outside.output.utf8))
        }
        return ClientReport(short: try report(short), long: try report(long))
    }
}
