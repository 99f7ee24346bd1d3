// Clients that connect, ask one question and leave, again and again, and write down how each attempt went.

import Foundation
import Synchronization

/// One attempt: when it began, when connect() succeeded, when it ended, and how.
package struct Attempt: Codable, Sendable {
    /// Before connect(), in monotonic nanoseconds.
    package var startedAt: Int64
    /// After connect() returned; nil when it failed.
    package var connectedAt: Int64?
    /// After the answer, or the failure.
    package var endedAt: Int64
    /// How it ended.
    package var outcome: AttemptOutcome
    /// The answering server's host name, or the failure in words.
    package var detail: String
    /// Milliseconds from before connect() to the end.
    package var milliseconds: Double { Double(endedAt - startedAt) / 1e6 }
}

/// What a load run has seen.
package struct LoadReport: Codable, Sendable {
    /// Most failures and slow attempts that are kept one by one; the counts go on.
    package static let attemptsKeptMax = 2000

    /// Attempts made.
    package var attempts = 0
    /// Answers by the server's host name.
    package var answersByServer: [String: Int] = [:]
    /// Failed attempts.
    package var failures: [Attempt] = []
    /// Attempts that were answered, but took longer than the limit given.
    package var slow: [Attempt] = []
    /// The longest answered attempt, in milliseconds.
    package var slowestMilliseconds = 0.0

    /// An empty report.
    package init() {}

    /// Adds one attempt.
    package mutating func add(_ attempt: Attempt, slowOverMilliseconds: Double) {
        attempts += 1
        guard attempt.outcome == .answered else {
            if failures.count < Self.attemptsKeptMax { failures.append(attempt) }
            return
        }
        answersByServer[attempt.detail, default: 0] += 1
        slowestMilliseconds = max(slowestMilliseconds, attempt.milliseconds)
        if attempt.milliseconds > slowOverMilliseconds, slow.count < Self.attemptsKeptMax { slow.append(attempt) }
    }
}

/// Asks one server through one new connection.
package func attemptQuery(address: String, port: UInt16, text: String = "select @@hostname", patience: Int = 15) -> Attempt {
    var attempt = Attempt(startedAt: MonotonicMoment.now, connectedAt: nil, endedAt: 0, outcome: .answered, detail: "")
    do throws(MySQLClientError) {
        var client = try MySQLClient(address: address, port: port, user: "app", patience: patience)
        attempt.connectedAt = client.connectedAt
        attempt.detail = try client.query(text).joined(separator: " ")
        attempt.endedAt = MonotonicMoment.now
        client.quit()
    } catch {
        attempt.endedAt = MonotonicMoment.now
        attempt.connectedAt = attempt.connectedAt ?? error.connectedAt
        attempt.outcome = error.outcome
        attempt.detail = error.detail
    }
    return attempt
}

/// A number of clients, each a thread.
package final class LoadGenerator: Sendable {
    private let report = Mutex(LoadReport())
    private let stopped = Atomic<Bool>(false)
    private let running = Atomic<Int>(0)

    /// A generator without clients.
    package init() {}

    /// Starts `clients` loops.
    /// - Parameters:
    ///   - pause: milliseconds between a client's attempts; it bounds the ports held in TIME_WAIT.
    ///   - patience: seconds for connect and each read.
    package func start(
        address: String, port: UInt16, text: String = "select @@hostname", clients: Int, slowOverMilliseconds: Double, pause: UInt32, patience: Int = 15
    ) {
        for _ in 0..<clients {
            running.add(1, ordering: .relaxed)
            Thread.detachNewThread { [self] in
                while !stopped.load(ordering: .relaxed) {
                    let attempt = attemptQuery(address: address, port: port, text: text, patience: patience)
                    report.withLock { $0.add(attempt, slowOverMilliseconds: slowOverMilliseconds) }
                    usleep(pause * 1000)
                }
                running.subtract(1, ordering: .releasing)
            }
        }
    }

    /// What has been seen so far.
    package var current: LoadReport { report.withLock { $0 } }

    /// Ends all clients and waits for their last attempts.
    package func stop() throws -> LoadReport {
        stopped.store(true, ordering: .relaxed)
        try eventually(within: 30, "the clients to end") { running.load(ordering: .acquiring) == 0 }
        return report.withLock { $0 }
    }
}
