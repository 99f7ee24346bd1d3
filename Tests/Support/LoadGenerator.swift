// Clients that repeatedly connect, send one query and disconnect, and record the result of each attempt.

import Foundation
import Synchronization

/// An attempt with the times of its steps and its result.
package struct Attempt: Codable, Sendable {
    /// The time before connect(), in monotonic nanoseconds.
    package var startedAt: Int64
    /// The time after connect(); `nil` when it failed.
    package var connectedAt: Int64?
    /// The time after the answer or the failure.
    package var endedAt: Int64
    /// The result.
    package var outcome: AttemptOutcome
    /// The name of the server that answered, or the failure in words.
    package var detail: String
    /// The time at which the row was written, in monotonic nanoseconds; only for queries whose second field is the time of writing.
    package var writtenAt: Int64?
    /// The age of that data when the answer arrived, in milliseconds.
    package var ageMilliseconds: Double? { writtenAt.map { Double(endedAt - $0) / 1e6 } }
    /// The time from before connect() to the end, in milliseconds.
    package var milliseconds: Double { Double(endedAt - startedAt) / 1e6 }

    /// Creates an attempt from its parts.
    package init(startedAt: Int64, connectedAt: Int64?, endedAt: Int64, outcome: AttemptOutcome, detail: String, writtenAt: Int64? = nil) {
        (self.startedAt, self.connectedAt, self.endedAt) = (startedAt, connectedAt, endedAt)
        (self.outcome, self.detail, self.writtenAt) = (outcome, detail, writtenAt)
    }
}

/// The results of a load run.
package struct LoadReport: Codable, Sendable {
    /// The limit on recorded failures: about what 20 clients at full speed produce in a minute.
    package static let failuresKeptMax = 100_000
    /// The limit on recorded slow attempts and session ends.
    package static let attemptsKeptMax = 2000

    /// The number of attempts.
    package var attempts = 0
    /// The number of answers by server name.
    package var answersByServer: [String: Int] = [:]
    /// The failed attempts.
    package var failures: [Attempt] = []
    /// The answered attempts that took longer than the limit.
    package var slow: [Attempt] = []
    /// The duration of the longest answered attempt, in milliseconds.
    package var slowestMilliseconds = 0.0
    /// By tenth of a second of the monotonic clock: the duration of the longest answered attempt that began in it, in milliseconds.
    package var slowestByTenth: [Int64: Double] = [:]
    /// The number of answers whose data was older than the limit, and the highest age in milliseconds.
    package var staleReads = 0
    package var oldestMilliseconds = 0.0
    /// By server name: the tenths of a second (of the monotonic clock) in which attempts began that the server answered, ascending.
    package var tenthsByServer: [String: [Int64]] = [:]

    /// Creates an empty report.
    package init() {}

    /// Adds the results of other clients.
    package mutating func add(_ other: LoadReport) {
        attempts += other.attempts
        answersByServer.merge(other.answersByServer, uniquingKeysWith: +)
        failures += other.failures
        slow += other.slow
        slowestMilliseconds = max(slowestMilliseconds, other.slowestMilliseconds)
        staleReads += other.staleReads
        oldestMilliseconds = max(oldestMilliseconds, other.oldestMilliseconds)
        tenthsByServer.merge(other.tenthsByServer) { Set($0 + $1).sorted() }
        slowestByTenth.merge(other.slowestByTenth, uniquingKeysWith: max)
    }

    /// Adds an attempt.
    package mutating func add(_ attempt: Attempt, slowOverMilliseconds: Double, staleOverMilliseconds: Double = .infinity) {
        attempts += 1
        guard attempt.outcome == .answered else {
            if failures.count < Self.failuresKeptMax { failures.append(attempt) }
            return
        }
        answersByServer[attempt.detail, default: 0] += 1
        let tenth = attempt.startedAt / 100_000_000
        // Attempts arrive in the order of their ends, so that a late one belongs near the end.
        var tenths = tenthsByServer[attempt.detail] ?? []
        let place = tenths.lastIndex { $0 <= tenth }
        if place.map({ tenths[$0] }) != tenth { tenths.insert(tenth, at: place.map { $0 + 1 } ?? 0) }
        tenthsByServer[attempt.detail] = tenths
        slowestByTenth[tenth] = max(slowestByTenth[tenth] ?? 0, attempt.milliseconds)
        if let age = attempt.ageMilliseconds {
            oldestMilliseconds = max(oldestMilliseconds, age)
            if age > staleOverMilliseconds { staleReads += 1 }
        }
        slowestMilliseconds = max(slowestMilliseconds, attempt.milliseconds)
        if attempt.milliseconds > slowOverMilliseconds, slow.count < Self.attemptsKeptMax { slow.append(attempt) }
    }
}

/// Sends a query over a new connection.
package func attemptQuery(address: String, port: UInt16, user: String = "app", text: String = "select @@hostname", patience: Int = 15) -> Attempt {
    var attempt = Attempt(startedAt: MonotonicMoment.now, connectedAt: nil, endedAt: 0, outcome: .answered, detail: "")
    do throws(MySQLClientError) {
        var client = try MySQLClient(address: address, port: port, user: user, patience: patience)
        attempt.connectedAt = client.connectedAt
        let fields = try client.query(text)
        attempt.detail = fields.first ?? ""
        attempt.writtenAt = fields.dropFirst().first.flatMap { Int64($0) }
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

/// Clients that each run in a thread.
package final class LoadGenerator: Sendable {
    private let report = Mutex(LoadReport())
    private let stopped = Atomic<Bool>(false)
    private let running = Atomic<Int>(0)

    /// Creates a generator without clients.
    package init() {}

    /// Starts `clients` clients.
    /// - Parameters:
    ///   - pause: milliseconds between a client's attempts; limits the ports in TIME_WAIT.
    ///   - patience: seconds for connect and for each read.
    ///   - staleOverMilliseconds: the age above which data counts as stale.
    package func start(
        address: String, port: UInt16, user: String = "app", text: String = "select @@hostname", clients: Int, slowOverMilliseconds: Double, pause: UInt32,
        patience: Int = 15, staleOverMilliseconds: Double = .infinity
    ) {
        for _ in 0..<clients {
            running.add(1, ordering: .relaxed)
            Thread.detachNewThread { [self] in
                while !stopped.load(ordering: .relaxed) {
                    let attempt = attemptQuery(address: address, port: port, user: user, text: text, patience: patience)
                    report.withLock {
                        $0.add(attempt, slowOverMilliseconds: slowOverMilliseconds, staleOverMilliseconds: staleOverMilliseconds)
                    }
                    usleep(pause * 1000)
                }
                running.subtract(1, ordering: .releasing)
            }
        }
    }

    /// The results so far.
    package var current: LoadReport { report.withLock { $0 } }

    /// Stops all clients and waits for their last attempts.
    package func stop() throws -> LoadReport {
        stopped.store(true, ordering: .relaxed)
        try eventually(within: 30, "the clients to end") { running.load(ordering: .acquiring) == 0 }
        return report.withLock { $0 }
    }
}
