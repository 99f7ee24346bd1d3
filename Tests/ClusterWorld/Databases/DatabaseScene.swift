import Foundation
import Support

/// A row of one node or two and their databases while it happens.
package final class DatabaseScene: FailoverScene {
    package let cluster: DatabaseCluster
    package let program: DatabaseProgram
    private(set) var load: FailoverLoad?
    private(set) var report: ClientReport?
    private var isStarted = false
    /// When the repair began; a server may come back before it is over.
    private(set) var repairBeganAt: Int64?
    private(set) var repairedAt: Int64?
    /// Whose last answer after a moment (the event's when nil), or first one after the repair, is the row's subject.
    private(set) var struck: (database: Database, from: Int64?)?
    /// Whose first answer after the event is.
    private(set) var successor: Database?
    /// Until when nothing had happened to the clients.
    private(set) var lastCalmAt: Int64 = 0
    /// What the row itself found broken.
    private(set) var broken: [String] = []
    /// Connects to the databases for clients.
    private(set) var connects: Int?
    private var connectsBefore: Int?

    init(_ cluster: DatabaseCluster, program: DatabaseProgram) { (self.cluster, self.program) = (cluster, program) }

    /// The database that things happen to.
    var victim: Database { cluster.replicas[0] }
    var pace: DatabasePace { cluster.pace }
    /// The node that clients go to; the first one of two.
    var node: Node { cluster.cluster.tsukada01 }

    /// Starts the nodes; rows that do not, get the article's proxy.
    func start(_ setting: DatabaseSetting) throws {
        isStarted = true
        try cluster.start(program, setting)
    }

    /// Starts the clients, lets them run for a moment, and then lets something happen: what fails from when it is in force is counted.
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

    /// Ends the clients before the repair, which would end sessions that are served.
    func endClients() throws { report = try load?.stop() }

    /// Takes everything back that can be while clients run.
    func repair(_ body: () throws -> Void = {}) throws {
        guard repairedAt == nil else { return }
        repairBeganAt = MonotonicMoment.now
        try cluster.repair()
        try body()
        repairedAt = MonotonicMoment.now
    }

    /// Tells when `database` answers last after a moment (the event's when nil), and first after the repair.
    func follow(_ database: Database, from moment: Int64? = nil) { struck = (database, moment) }

    /// Tells when `database` answers first.
    func expect(_ database: Database) { successor = database }

    /// Something that must be so, of ours.
    func demand(_ isSo: Bool, _ otherwise: String) { if !isSo { broken.append(otherwise) } }

    // MARK: Connects

    /// Counts the connects to the databases from now on: as the program does where it has checks; as the databases do where there are none, and nothing has to
    /// be taken off.
    func countConnects() throws { connectsBefore = try cluster.connectsSeen(by: cluster.replicas) }

    /// Ends that, when all clients have ended.
    func endCounting() throws {
        guard let before = connectsBefore else { return }
        connects = try cluster.connectsMade() ?? cluster.connectsSeen(by: cluster.replicas) - before - cluster.replicas.count
    }
}

extension DatabaseCluster {
    /// Lets a row happen under load.
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
        guard let report = scene.report, let moment = scene.happenedAt else { throw ChildProcessError(description: "the row let nothing happen") }

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
        result.ejectedAfter = scene.struck.flatMap { answers.lastBeforeRepair(of: $0.database.node.name, from: $0.from ?? moment) } ?? scene.ejectedAfter
        let successor = scene.successor.flatMap { answers.first(of: $0.node.name, from: moment) }
        result.backAfter = successor ?? scene.struck.flatMap { answers.first(of: $0.database.node.name, from: repairedAt) } ?? scene.backAfter
        result.notes = scene.notes
        let before = report.slowestSeconds(from: 0, to: scene.lastCalmAt)
        if before > 0.2 { result.notes.append(String(format: "the machine was busy: slowest before it %.2f s", before)) }
        if scene.struck != nil, result.ejectedAfter == nil { result.notes.append("it stays in service") }
        if let successor = scene.successor, result.backAfter == nil { result.notes.append("\(successor.node.name) is never used") }
        result.examples = failed.prefix(3).map { attempt in
            String(format: "%+.2f s: %@: %@", Double(attempt.startedAt - moment) / 1e9, attempt.outcome.rawValue, attempt.detail)
        }
        guard program.isOurs else { return result }
        result.judge(by: row.promises(scene), ejected: [], flowsLost: [:])
        result.broken += scene.broken
        if !result.broken.isEmpty { result.examples += try serverLines(since: moment) }
        return result
    }

    private var logging: [Node] { [cluster.tsukada01, cluster.tsukada02] }

    /// What each node has said of its servers: the evidence of a broken promise.
    private func serverLines(since moment: Int64) throws -> [String] {
        try logging.flatMap { node in
            try cluster.log(of: node).lines().filter { !$0.text.hasPrefix("Connect from") }.prefix(30).map {
                String(format: "%+.2f s: %@: %@", Double($0.receivedAt - moment) / 1e9, node.name, $0.text)
            }
        }
    }

    /// Whether a node has said a word since the row began, in capitals or not.
    func hasLogged(_ word: String) throws -> Bool {
        try logging.contains { node in try cluster.log(of: node).lines().contains { $0.text.lowercased().contains(word) } }
    }
}

/// When which server answered: from the tenths of seconds in which its attempts began.
package struct AnswerTimes: Sendable {
    private let tenths: [String: [Int64]]
    private let repair: Int64

    /// - Parameters:
    ///   - tenths: by server, ascending.
    ///   - repair: nanoseconds; `.max` when there was none.
    package init(tenths: [String: [Int64]], repair: Int64) { (self.tenths, self.repair) = (tenths, repair) }

    /// Seconds from `moment` to the last answer before the repair; nil when it answered to the end.
    package func lastBeforeRepair(of server: String, from moment: Int64) -> Double? {
        let answers = (tenths[server] ?? []).map { $0 * 100_000_000 }.filter { $0 < repair }
        guard let last = answers.last else { return 0 }
        return last > repair - 500_000_000 ? nil : max(0, Double(last - moment) / 1e9)
    }

    /// Seconds from `moment` to the first answer after it; nil when there was none.
    package func first(of server: String, from moment: Int64) -> Double? {
        (tenths[server] ?? []).first { $0 * 100_000_000 >= moment }.map { Double($0 * 100_000_000 - moment) / 1e9 }
    }
}
