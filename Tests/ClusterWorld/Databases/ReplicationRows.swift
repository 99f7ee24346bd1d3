// Rows about replication: lagging replicas and a new primary.

import Foundation
import Support

extension DatabaseRows {
    static let replication = [stopped, lagging, allLagging, promoted, twoWritable]

    /// The time from the event until a replica must be out: it crosses `max-lag`, and the node reacts.
    private static let outAfter = DatabasePace.maxLag + DatabasePace.outWithin

    private static let stopped = Row(name: "stopped", event: "one's replication is stopped") { scene in
        try scene.start(.watching)
        scene.follow(scene.victim)
        try scene.fault(for: outAfter + 3) { try scene.victim.execute("stop slave") }
    } promises: { _ in
        var promise = FailoverPromise()
        (promise.failedConnects, promise.staleReads, promise.ejectedWithin) = (0, 0, outAfter)
        return promise
    }

    private static let lagging = Row(name: "lagging", event: "one applies no changes until it lags 9 s; then it catches up") { scene in
        try scene.start(.watching)
        scene.follow(scene.victim)
        try scene.fault(for: outAfter + 3) { try scene.victim.lock("shop.beat") }
        try scene.repair { try scene.victim.unlock() }
        scene.observe(6)
    } promises: { _ in
        var promise = FailoverPromise()
        (promise.failedConnects, promise.staleReads, promise.ejectedWithin, promise.backWithin) = (0, 0, outAfter, 6)
        return promise
    }

    private static let allLagging = Row(name: "all-lagging", event: "all three apply no changes") { scene in
        try scene.start(.watching)
        try scene.fault(for: outAfter + 3) { for replica in scene.cluster.replicas { try replica.lock("shop.beat") } }
        try scene.repair { for replica in scene.cluster.replicas { try replica.unlock() } }
    } promises: {
        // Old answers are better than none.
        unnoticed(slowest: 1.2)($0)
    }

    // MARK: The writer

    private static let promoted = Row(name: "promoted", event: "the primary becomes a replica of a new one") { scene in
        try scene.start(.writing)
        let (old, new) = (scene.cluster.cluster.primary, scene.victim)
        let writers = try Writers(scene)
        try scene.fault(for: 6) { try new.promote(from: old, others: Array(scene.cluster.replicas.dropFirst()) + scene.cluster.spares) }
        let moment = scene.lastEventAt
        let report = try writers.stop()
        let answers = AnswerTimes(tenths: report.tenthsByServer, repair: .max)
        scene.ejectedAfter = answers.lastBeforeRepair(of: old.node.name, from: moment)
        scene.backAfter = answers.first(of: new.node.name, from: moment)
        let last = report.failures.map(\.startedAt).max().map { Double($0 - moment) / 1e9 }
        scene.note("\(report.attempts) writes, \(report.failures.count) failed" + (last.map { String(format: ", until %+.1f s", $0) } ?? ""))
    } promises: { _ in
        var promise = FailoverPromise()
        (promise.failedConnects, promise.backWithin) = (0, 3)
        return promise
    }

    private static let twoWritable = Row(name: "two-writable", event: "a replica takes writes beside the primary") { scene in
        try scene.start(.writing)
        let (primary, second) = (scene.cluster.cluster.primary, scene.victim)
        let writers = try Writers(scene)
        try scene.fault(for: 5) { try second.execute("stop slave; set global read_only=0") }
        let report = try writers.stop()
        // The primary does not have these writes, so they are discarded.
        let position = try primary.ask("select @@gtid_binlog_pos")
        try second.execute("set global read_only=1; reset master; set global gtid_slave_pos='\(position)'")
        let strays = report.answersByServer[second.node.name] ?? 0
        scene.note("\(report.attempts) writes, \(strays) to the second, \(report.failures.count) failed")
        scene.demand(strays == 0, "\(strays) writes went to the second")
        scene.demand(report.failures.isEmpty, "\(report.failures.count) writes failed")
        scene.demand(report.answersByServer[primary.node.name] ?? 0 > 0, "nothing was written")
    } promises: {
        unnoticed(slowest: nil)($0)
    }

    /// Four clients per node that connect, write and disconnect.
    private struct Writers {
        private let processes: [NodeProcess]

        init(_ scene: DatabaseScene) throws {
            processes = try scene.cluster.runningNodes.map { node in
                let words = ["--clients", "4", "--user", "writer", "--pause", "50", "--patience", "3", "--text", DatabaseCluster.statement]
                return try scene.cluster.cluster.client.start([clusterTool, "load", "--to", "\(node.address):3308"] + words, input: .heldPipe)
            }
        }

        func stop() throws -> LoadReport {
            var sum = LoadReport()
            for process in processes { process.outside.closeInput() }
            for process in processes {
                try process.outside.wait(within: 20)
                sum.add(try JSONDecoder().decode(LoadReport.self, from: Data(process.outside.output.utf8)))
            }
            return sum
        }
    }
}
