import Foundation
import Support

/// A running row with two nodes behind a load balancer.
package final class BalancedScene: FailoverScene {
    package let cluster: BalancedCluster
    /// The node that the row's event affects.
    package var victim: Node { cluster.nodes[0] }
    /// The other one.
    package var other: Node { cluster.nodes[1] }
    /// The time from which sessions end on purpose: a drained node's hard stop.
    private(set) var hardStopAt: Int64?

    init(_ cluster: BalancedCluster) { self.cluster = cluster }

    /// The victim's proxy.
    package var proxy: RunningProxy { get throws { try cluster.proxy(on: victim) } }

    /// Ends the victim with its remaining sessions, as `hard-stop-after` does.
    package func hardStop() throws {
        hardStopAt = MonotonicMoment.now
        try proxy.stop()
    }

    /// Waits until the load balancer has ejected `node` (by default the victim), at most for the time that this may take.
    package func waitForEjection(of node: Node? = nil, within seconds: Double? = nil) {
        let moment = lastEventAt
        let limit = seconds ?? cluster.times.ejectionMax + cluster.times.interval + 1
        let at = cluster.balancer.wait(for: "unhealthy", of: node ?? victim, after: moment, within: limit)
        ejectedAfter = at.map { Double($0 - moment) / 1e9 }
    }

    /// Repairs, and waits until the load balancer uses the victim again if it had ejected it.
    package func recover(within seconds: Double? = nil, _ body: () throws -> Void) throws {
        try body()
        let moment = MonotonicMoment.now
        guard ejectedAfter != nil else { return }
        let limit = seconds ?? cluster.times.returnMax + cluster.times.interval + 4
        backAfter = cluster.balancer.wait(for: "healthy", of: victim, after: moment, within: limit).map { Double($0 - moment) / 1e9 }
    }
}

extension BalancedCluster {
    /// Runs a row under load.
    package func run(_ row: BalancedRows.Row) throws -> FailoverResult {
        try settle()
        let lostBefore = try flowsLost()
        let marks = try nodes.map { try cluster.log(of: $0).mark }
        let began = MonotonicMoment.now
        let load = try FailoverLoad(on: cluster.client, targets: [balancer.node])
        let scene = BalancedScene(self)
        let happened = Result { () throws in
            scene.observe(1)
            try row.happens(scene)
            scene.observe(0.7)
        }
        let lostAfter = try flowsLost()
        let report = try load.stop()
        try happened.get()

        var result = FailoverResult(name: row.name, event: row.event)
        let moment = scene.happenedAt ?? began
        let failed = report.failedConnects(after: moment)
        (result.attempts, result.queries) = (report.short.attempts, report.long.queries)
        (result.failedConnects, result.inFlight) = (failed.count, report.inFlight(at: moment))
        let hardStopAt = scene.hardStopAt ?? .max
        result.sessionsEnded = report.long.ends.count { $0.endedAt < hardStopAt }
        result.slowestSeconds = report.slowestSeconds
        (result.ejectedAfter, result.backAfter, result.notes) = (scene.ejectedAfter, scene.backAfter, scene.notes)
        if scene.hardStopAt != nil { result.notes.append("\(report.long.ends.count - result.sessionsEnded) sessions ended by the hard stop") }
        result.examples = failed.prefix(3).map { attempt in
            String(format: "%+.2f s: %@: %@", Double(attempt.startedAt - moment) / 1e9, attempt.outcome.rawValue, attempt.detail)
        }
        // Promises apply to tsukada only; haproxy runs for comparison.
        guard abilities.isTsukada else { return result }
        let ejected = balancer.events.filter { $0.at >= began && $0.state.hasPrefix("unhealthy") }.map(\.target)
        let flowsLost = Dictionary(uniqueKeysWithValues: nodes.map { ($0.name, (lostAfter[$0.name] ?? 0) - (lostBefore[$0.name] ?? 0)) })
        result.judge(by: row.promises(scene), ejected: ejected, flowsLost: flowsLost)
        if !result.broken.isEmpty { result.examples += try verdicts(since: began, marks: marks, moment: moment) }
        return result
    }

    /// The lines of the load balancer and, after its mark, of each node about states of nodes and servers, ordered by time and relative to `moment`: the
    /// evidence for a broken promise.
    private func verdicts(since began: Int64, marks: [Int], moment: Int64) throws -> [String] {
        var said = balancer.events.filter { $0.at >= began }.map { ($0.at, "load balancer", "\($0.target) \($0.state): \($0.reason)") }
        for (node, mark) in zip(nodes, marks) {
            let lines = try cluster.log(of: node).lines(from: mark).filter { $0.text.hasPrefix("Probe") || $0.text.hasPrefix("Server") }
            said += lines.map { ($0.receivedAt, node.name, $0.text) }
        }
        return said.sorted { $0.0 < $1.0 }.prefix(60).map { at, who, text in String(format: "%+.2f s: %@: %@", Double(at - moment) / 1e9, who, text) }
    }

    /// The number of flows reset by any side and of failed connects since the load balancer's start, by node.
    private func flowsLost() throws -> [String: Int] {
        let pairs = try balancer.status().map { ($0.target, $0.flowsBroken + $0.flowsReset + $0.connectsFailed) }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
