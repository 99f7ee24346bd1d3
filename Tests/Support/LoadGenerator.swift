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
    /// When what was read had been written, in monotonic nanoseconds; only of queries that read such a moment as their second field.
    package var writtenAt: Int64?
    /// How old that was when the answer came, in milliseconds.
    package var ageMilliseconds: Double? { writtenAt.map { Double(endedAt - $0) / 1e6 } }
    /// Milliseconds from before connect() to the end.
    package var milliseconds: Double { Double(endedAt - startedAt) / 1e6 }

    /// An attempt from its parts.
    package init(startedAt: Int64, connectedAt: Int64?, endedAt: Int64, outcome: AttemptOutcome, detail: String, writtenAt: Int64? = nil) {
        (self.startedAt, self.connectedAt, self.endedAt) = (startedAt, connectedAt, endedAt)
        (self.outcome, self.detail, self.writtenAt) = (outcome, detail, writtenAt)
    }
}

/// What a load run has seen.
package struct LoadReport: Codable, Sendable {
    /// Most failures that are kept one by one: what 20 clients at full speed can be refused in a minute or so.
    package static let failuresKeptMax = 100_000
    /// Most slow attempts, and sessions' ends, that are kept one by one.
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
    /// The longest answered attempt of those that began in one tenth of a second of the monotonic clock, in milliseconds.
    package var slowestByTenth: [Int64: Double] = [:]
    /// Answers older than the limit given, and the oldest one's age in milliseconds.
    package var staleReads = 0
    package var oldestMilliseconds = 0.0
    /// By the server's host name, the tenths of seconds (of the monotonic clock) in which attempts began that it answered, ascending.
    package var tenthsByServer: [String: [Int64]] = [:]

    /// An empty report.
    package init() {}

    /// Adds what other clients have seen.
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

    /// Adds one attempt.
    package mutating func add(_ attempt: Attempt, slowOverMilliseconds: Double, staleOverMilliseconds: Double = .infinity) {
        attempts += 1
        guard attempt.outcome == .answered else {
            if failures.count < Self.failuresKeptMax { failures.append(attempt) }
            return
        }
        answersByServer[attempt.detail, default: 0] += 1
        let tenth = attempt.startedAt / 100_000_000
        // Attempts come in the order of their ends: the place of a late one is near the end.
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

/// Asks one server through one new connection.
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
    ///   - staleOverMilliseconds: how old may be what is read.
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

    /// What has been seen so far.
    package var current: LoadReport { report.withLock { $0 } }

    /// Ends all clients and waits for their last attempts.
    package func stop() throws -> LoadReport {
        stopped.store(true, ordering: .relaxed)
        try eventually(within: 30, "the clients to end") { running.load(ordering: .acquiring) == 0 }
        return report.withLock { $0 }
    }
}
