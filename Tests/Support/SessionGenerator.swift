// Clients that stay connected: each logs in once, sends a query at an interval and records how its session ended, then opens the next session.

import Foundation
import Synchronization

/// The end of a session that the client did not request.
package struct SessionEnd: Codable, Sendable {
    /// The time after connect(), in monotonic nanoseconds.
    package var openedAt: Int64
    /// The time after the failed query.
    package var endedAt: Int64
    /// The number of answered queries.
    package var queries: Int
    /// The kind of failure.
    package var outcome: AttemptOutcome
    /// The failure in words.
    package var detail: String
}

/// The results of a run of sessions.
package struct SessionReport: Codable, Sendable {
    /// The number of sessions that logged in.
    package var opened = 0
    /// The number of answered queries.
    package var queries = 0
    /// The sessions that ended before the run did.
    package var ends: [SessionEnd] = []
    /// The failed attempts to open a session.
    package var failures: [Attempt] = []
    /// The duration of the longest answered query, in milliseconds.
    package var slowestMilliseconds = 0.0

    /// Creates an empty report.
    package init() {}

    /// Adds the results of other clients.
    package mutating func add(_ other: SessionReport) {
        opened += other.opened
        queries += other.queries
        ends += other.ends
        failures += other.failures
        slowestMilliseconds = max(slowestMilliseconds, other.slowestMilliseconds)
    }
}

/// Clients that each run in a thread, with one session at a time.
package final class SessionGenerator: Sendable {
    private let report = Mutex(SessionReport())
    private let stopped = Atomic<Bool>(false)
    private let running = Atomic<Int>(0)

    /// Creates a generator without clients.
    package init() {}

    /// Starts `clients` clients.
    /// - Parameters:
    ///   - every: milliseconds between a session's queries.
    ///   - patience: seconds for connect and for each answer.
    package func start(address: String, port: UInt16, clients: Int, every: Int, patience: Int) {
        for number in 0..<clients {
            running.add(1, ordering: .relaxed)
            Thread.detachNewThread { [self] in
                // The clients start spread over the first interval.
                pause(milliseconds: every * number / clients)
                while !isStopped { converse(address: address, port: port, every: every, patience: patience) }
                running.subtract(1, ordering: .releasing)
            }
        }
    }

    private var isStopped: Bool { stopped.load(ordering: .relaxed) }

    private func pause(milliseconds: Int) {
        let until = MonotonicMoment.now + Int64(milliseconds) * 1_000_000
        while !isStopped, MonotonicMoment.now < until { usleep(10_000) }
    }

    private func converse(address: String, port: UInt16, every: Int, patience: Int) {
        let startedAt = MonotonicMoment.now
        var queries = 0
        var openedAt: Int64?
        do throws(MySQLClientError) {
            var client = try MySQLClient(address: address, port: port, user: "app", patience: patience)
            openedAt = client.connectedAt
            report.withLock { $0.opened += 1 }
            while !isStopped {
                let askedAt = MonotonicMoment.now
                _ = try client.query("select @@hostname")
                queries += 1
                let milliseconds = Double(MonotonicMoment.now - askedAt) / 1e6
                report.withLock { report in
                    report.queries += 1
                    report.slowestMilliseconds = max(report.slowestMilliseconds, milliseconds)
                }
                pause(milliseconds: every)
            }
            client.quit()
        } catch {
            let endedAt = MonotonicMoment.now
            report.withLock { report in
                guard report.ends.count + report.failures.count < LoadReport.attemptsKeptMax else { return }
                if let openedAt {
                    let (outcome, detail) = (error.outcome, error.detail)
                    report.ends.append(SessionEnd(openedAt: openedAt, endedAt: endedAt, queries: queries, outcome: outcome, detail: detail))
                } else {
                    let (connectedAt, outcome) = (error.connectedAt, error.outcome)
                    report.failures.append(
                        Attempt(startedAt: startedAt, connectedAt: connectedAt, endedAt: endedAt, outcome: outcome, detail: error.detail))
                }
            }
            pause(milliseconds: 100)
        }
    }

    /// Ends all sessions properly and waits for them.
    package func stop(within seconds: Double) throws -> SessionReport {
        stopped.store(true, ordering: .relaxed)
        try eventually(within: seconds, "the sessions to end") { running.load(ordering: .acquiring) == 0 }
        return report.withLock { $0 }
    }
}
