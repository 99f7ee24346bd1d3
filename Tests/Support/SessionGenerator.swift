// Clients that stay: each logs in once, asks a question now and then, and writes down how its session ended. Then it begins another one.

import Foundation
import Synchronization

/// How one session ended before its client wanted it to.
package struct SessionEnd: Codable, Sendable {
    /// After connect(), in monotonic nanoseconds.
    package var openedAt: Int64
    /// After the failed query.
    package var endedAt: Int64
    /// Queries that it had answered.
    package var queries: Int
    /// How it ended, and the failure in words.
    package var outcome: AttemptOutcome
    /// The failure in words.
    package var detail: String
}

/// What a run of sessions has seen.
package struct SessionReport: Codable, Sendable {
    /// Sessions that logged in.
    package var opened = 0
    /// Queries answered.
    package var queries = 0
    /// Sessions that did not live to the end of the run.
    package var ends: [SessionEnd] = []
    /// Attempts to open a session that failed.
    package var failures: [Attempt] = []
    /// The longest answered query, in milliseconds.
    package var slowestMilliseconds = 0.0

    /// An empty report.
    package init() {}

    /// Adds what other clients have seen.
    package mutating func add(_ other: SessionReport) {
        opened += other.opened
        queries += other.queries
        ends += other.ends
        failures += other.failures
        slowestMilliseconds = max(slowestMilliseconds, other.slowestMilliseconds)
    }
}

/// A number of clients, each a thread with one session at a time.
package final class SessionGenerator: Sendable {
    private let report = Mutex(SessionReport())
    private let stopped = Atomic<Bool>(false)
    private let running = Atomic<Int>(0)

    /// A generator without clients.
    package init() {}

    /// Starts `clients` loops.
    /// - Parameters:
    ///   - every: milliseconds between a session's queries.
    ///   - patience: seconds for connect and each answer.
    package func start(address: String, port: UInt16, clients: Int, every: Int, patience: Int) {
        for number in 0..<clients {
            running.add(1, ordering: .relaxed)
            Thread.detachNewThread { [self] in
                // Not all in one moment: spread over the first interval.
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

    /// Ends all sessions in order and waits for them.
    package func stop(within seconds: Double) throws -> SessionReport {
        stopped.store(true, ordering: .relaxed)
        try eventually(within: seconds, "the sessions to end") { running.load(ordering: .acquiring) == 0 }
        return report.withLock { $0 }
    }
}
