import Foundation
import Support

/// A running row with one or two nodes and their databases.
package final class DatabaseScene: FailoverScene {
    package let cluster: DatabaseCluster
    package let program: DatabaseProgram
    private(set) var load: FailoverLoad?
    private(set) var report: ClientReport?
    private var isStarted = false
    /// The start of the repair; a server may return before its end.
    private(set) var repairBeganAt: Int64?
    private(set) var repairedAt: Int64?
    /// The database that the fault strikes. The scene measures its last answer after `from` (by default the event) and its first one after the repair.
    private(set) var measuredDatabase: (database: Database, from: Int64?)?
    /// The database whose first answer after the event is measured.
    private(set) var successor: Database?
    /// The latest time at which the clients were not yet affected.
    private(set) var lastCalmAt: Int64 = 0
    /// Violations that the row itself has found.
    private(set) var broken: [String] = []
    /// The number of connects to the databases for clients.
    private(set) var connects: Int?
    private var connectsBefore: Int?

    init(_ cluster: DatabaseCluster, program: DatabaseProgram) { (self.cluster, self.program) = (cluster, program) }

    /// The database that the row's event affects.
    var victim: Database { cluster.replicas[0] }
    var pace: DatabasePace { cluster.pace }
    /// The node that clients connect to; with two nodes, the first.
    var node: Node { cluster.cluster.tsukada01 }

    /// Starts the nodes. Rows that do not call it use the article's proxy.
    func start(_ setting: DatabaseSetting) throws {
        isStarted = true
        try cluster.start(program, setting)
    }

    /// Starts the clients, lets them run briefly, and calls `body`, which causes the fault. Failures count from the end of `body`.
    func fault(for seconds: Double = 0, _ body: () throws -> Void) throws {
        try startClients()
        if happenedAt == nil { lastCalmAt = MonotonicMoment.now }
        try body()
        mark()
        observe(seconds)
    }

    private func startClients() throws {
        guard load == nil else { return }
        if !isStarted { try start(.reading) }
        let stale = Int((DatabasePace.maxLag + DatabasePace.outWithin) * 1000)
        load = try FailoverLoad(
            on: cluster.cluster.client, targets: cluster.runningNodes, pause: 0, more: ["--text", DatabaseCluster.question, "--stale", "\(stale)"])
        observe(0.7)
    }

    /// Stops the clients before the repair, which would end sessions that are served.
    func endClients() throws { report = try load?.stop() }

    /// Undoes the faults that can be undone while clients run.
    func repair(_ body: () throws -> Void = {}) throws {
        guard repairedAt == nil else { return }
        repairBeganAt = MonotonicMoment.now
        try cluster.repair()
        try body()
        repairedAt = MonotonicMoment.now
    }

    /// Measures when `database` answers last after a time (the event by default), and first after the repair.
    func follow(_ database: Database, from moment: Int64? = nil) { measuredDatabase = (database, moment) }

    /// Measures when `database` answers first.
    func expect(_ database: Database) { successor = database }

    /// Records a violation of tsukada unless `isSo`.
    func demand(_ isSo: Bool, _ otherwise: String) { if !isSo { broken.append(otherwise) } }

    // MARK: Connects

    /// Starts to count the connects to the databases: by the program's statistics where it has checks, otherwise by the databases, where no checks must be
    /// subtracted.
    func countConnects() throws { connectsBefore = try cluster.connectsSeen(by: cluster.replicas) }

    /// Ends the count, after all clients have stopped.
    func endCounting() throws {
        guard let before = connectsBefore else { return }
        connects = try cluster.connectsMade() ?? cluster.connectsSeen(by: cluster.replicas) - before - cluster.replicas.count
    }
}

extension DatabaseCluster {
    /// Runs a row under load.
    package func run(_ row: FailoverRow<DatabaseScene>, _ program: DatabaseProgram) throws -> FailoverResult {
        try settle()
        let scene = DatabaseScene(self, program: program)
        for node in logging { try cluster.log(of: node).forget() }
        let happened = Result { () throws in
            try row.happens(scene)
            try scene.repair()
            scene.observe(0.5)
        }
        if case .failure = happened { try repair() }
        if scene.report == nil { try scene.endClients() }
        try scene.endCounting()
        stopNodes()
        try happened.get()
        guard let report = scene.report, let moment = scene.happenedAt else { throw ChildProcessError(description: "the row caused no event") }

        var result = FailoverResult(name: row.name, event: row.event)
        let failed = report.failedConnects(after: moment).sorted { $0.startedAt < $1.startedAt }
        (result.attempts, result.queries) = (report.short.attempts, report.long.queries)
        (result.failedConnects, result.inFlight) = (failed.count, report.inFlight(at: moment))
        result.failedUntil = failed.last.map { Double($0.startedAt - moment) / 1e9 }
        (result.sessionsEnded, result.blocked) = (report.long.ends.count, report.blocked)
        result.slowestSeconds = report.slowestSeconds(from: moment)
        (result.staleReads, result.oldestSeconds) = (report.short.staleReads, report.short.oldestMilliseconds / 1000)
        let opened = report.short.attempts + report.long.opened + report.long.failures.count
        result.connectsPerClient = scene.connects.map { Double($0) / Double(max(1, opened)) }
        let repairedAt = scene.repairedAt ?? .max
        let answers = AnswerTimes(tenths: report.short.tenthsByServer, repair: scene.repairBeganAt ?? .max)
        result.ejectedAfter =
            scene.measuredDatabase.flatMap { answers.lastBeforeRepair(of: $0.database.node.name, from: $0.from ?? moment) } ?? scene.ejectedAfter
        let successor = scene.successor.flatMap { answers.first(of: $0.node.name, from: moment) }
        result.backAfter = successor ?? scene.measuredDatabase.flatMap { answers.first(of: $0.database.node.name, from: repairedAt) } ?? scene.backAfter
        result.notes = scene.notes
        let before = report.slowestSeconds(from: 0, to: scene.lastCalmAt)
        if before > 0.2 { result.notes.append(String(format: "the machine was busy: slowest before it %.2f s", before)) }
        if scene.measuredDatabase != nil, result.ejectedAfter == nil { result.notes.append("it stays in service") }
        if let successor = scene.successor, result.backAfter == nil { result.notes.append("\(successor.node.name) is never used") }
        result.examples = failed.prefix(3).map { attempt in
            String(format: "%+.2f s: %@: %@", Double(attempt.startedAt - moment) / 1e9, attempt.outcome.rawValue, attempt.detail)
        }
        guard program.isTsukada else { return result }
        result.judge(by: row.promises(scene), ejected: [], flowsLost: [:])
        result.broken += scene.broken
        if !result.broken.isEmpty { result.examples += try serverLines(since: moment) }
        return result
    }

    private var logging: [Node] { [cluster.tsukada01, cluster.tsukada02] }

    /// The log lines of each node about its servers: the evidence for a broken promise.
    private func serverLines(since moment: Int64) throws -> [String] {
        try logging.flatMap { node in
            try cluster.log(of: node).lines().filter { !$0.text.hasPrefix("Connect from") }.prefix(30).map {
                String(format: "%+.2f s: %@: %@", Double($0.receivedAt - moment) / 1e9, node.name, $0.text)
            }
        }
    }

    /// True when a node has logged a text since the row's start, ignoring case.
    func hasLogged(_ word: String) throws -> Bool {
        try logging.contains { node in try cluster.log(of: node).lines().contains { $0.text.lowercased().contains(word) } }
    }
}

/// The times at which each server answered, in tenths of a second by the start of the attempt.
package struct AnswerTimes: Sendable {
    private let tenths: [String: [Int64]]
    private let repair: Int64

    /// - Parameters:
    ///   - tenths: by server, ascending.
    ///   - repair: nanoseconds; `.max` without a repair.
    package init(tenths: [String: [Int64]], repair: Int64) { (self.tenths, self.repair) = (tenths, repair) }

    /// Seconds from `moment` to the last answer before the repair; `nil` when the server answered until the repair.
    package func lastBeforeRepair(of server: String, from moment: Int64) -> Double? {
        let answers = (tenths[server] ?? []).map { $0 * 100_000_000 }.filter { $0 < repair }
        guard let last = answers.last else { return 0 }
        return last > repair - 500_000_000 ? nil : max(0, Double(last - moment) / 1e9)
    }

    /// Seconds from `moment` to the first answer after it; `nil` when there was none.
    package func first(of server: String, from moment: Int64) -> Double? {
        (tenths[server] ?? []).first { $0 * 100_000_000 >= moment }.map { Double($0 * 100_000_000 - moment) / 1e9 }
    }
}
