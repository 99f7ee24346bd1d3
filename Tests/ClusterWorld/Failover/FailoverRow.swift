import Foundation
import Support

/// What one row's clients may feel at most; nil is not judged.
package struct FailoverPromise: Sendable {
    /// Connects that fail, in flight ones apart.
    package var failedConnects: Int?
    /// Long sessions that end.
    package var sessionsEnded: Int?
    /// Seconds from the event to the load balancer's verdict.
    package var ejectedWithin: Double?
    /// Seconds from the repair to the verdict.
    package var backWithin: Double?
    /// Nodes that must not be ejected, and whose flows all go on: `tsukada02`.
    package var untouched: [String] = []
    /// No node is ejected, whatever becomes of flows.
    package var neverEjects = false
    /// Seconds of the longest answered attempt.
    package var slowestSeconds: Double?
    /// Reads older than the row allows.
    package var staleReads: Int?
    /// Clients that were told that the proxy's host is blocked: error 1129.
    package var blocked: Int?
    /// Connects that the databases saw for each client's.
    package var connectsPerClient: Double?

    /// Nothing is promised.
    package init() {}
}

/// One thing that happens to a cluster, and what it should cost.
package struct FailoverRow<Scene: FailoverScene>: Sendable {
    /// What `--rows` takes: `kill-node`.
    package let name: String
    /// What happens, for the table.
    package let event: String
    /// What happens: between two looks at the clients.
    let happens: @Sendable (Scene) throws -> Void
    /// What is promised to the clients of this scene.
    let promises: @Sendable (Scene) -> FailoverPromise
}

/// A row as it went.
package struct FailoverResult: Sendable {
    /// The row's name and event.
    package let name: String
    package let event: String
    /// Attempts of the short clients and queries of the long ones.
    package var attempts = 0
    package var queries = 0
    /// Connects that failed after the event.
    package var failedConnects = 0
    /// Short sessions that were open at the event and died with it.
    package var inFlight = 0
    /// Long sessions that ended before they wanted to.
    package var sessionsEnded = 0
    /// The longest answered attempt, in seconds.
    package var slowestSeconds = 0.0
    /// Seconds from the event to the load balancer's verdict; nil when there was none.
    package var ejectedAfter: Double?
    /// Seconds from the repair to the verdict; nil when there was none.
    package var backAfter: Double?
    /// Seconds from the event to the beginning of the last attempt that failed.
    package var failedUntil: Double?
    /// Reads older than the row allows, and the oldest one's age in seconds.
    package var staleReads = 0
    package var oldestSeconds = 0.0
    /// Clients that were told that the proxy's host is blocked.
    package var blocked = 0
    /// Connects that the databases saw for each client's; nil where the row is not about that.
    package var connectsPerClient: Double?
    /// Why the row could not be run; nothing else was measured then.
    package var hindrance: String?
    /// What the row itself has to tell.
    package var notes: [String] = []
    /// Where the promise was broken, in words.
    package var broken: [String] = []
    /// Some failures, for whoever looks for their cause.
    package var examples: [String] = []

    /// A row that has not begun.
    package init(name: String, event: String) { (self.name, self.event) = (name, event) }

    /// Of the reason why a row could not be run: a table has room for a line.
    private static let reasonCharactersMax = 200

    /// A row that could not be run: it has kept nothing.
    package init(name: String, event: String, hindrance: any Error) {
        self.init(name: name, event: event)
        // The first line that a program prints is its reason.
        let line = "\(hindrance)".split(separator: "\n").first.map(String.init)
        let reason = line.map { String($0.components(separatedBy: "ended with 1: ").last?.prefix(Self.reasonCharactersMax) ?? "") }
        self.hindrance = reason ?? "no reason was given"
        broken = ["cannot be run: \(self.hindrance ?? "")"]
    }

    /// Compares with what was promised.
    /// - Parameters:
    ///   - ejected: nodes that the load balancer took out.
    ///   - flowsLost: by node, flows that were reset and connects that failed.
    package mutating func judge(by promise: FailoverPromise, ejected: [String], flowsLost: [String: Int]) {
        func over<Value: Comparable>(_ what: String, _ value: Value, _ limit: Value?) {
            if let limit, value > limit { broken.append("\(what): \(value), promised at most \(limit)") }
        }
        over("failed connects", failedConnects, promise.failedConnects)
        over("sessions ended", sessionsEnded, promise.sessionsEnded)
        over("slowest connect", slowestSeconds, promise.slowestSeconds)
        over("stale reads", staleReads, promise.staleReads)
        over("told that the host is blocked", blocked, promise.blocked)
        over("connects of the databases per client's", connectsPerClient ?? .infinity, promise.connectsPerClient)
        if promise.ejectedWithin != nil { over("ejected after", ejectedAfter ?? .infinity, promise.ejectedWithin) }
        if promise.backWithin != nil { over("back after", backAfter ?? .infinity, promise.backWithin) }
        if promise.neverEjects, !ejected.isEmpty { broken.append("ejected: \(ejected.joined(separator: ", "))") }
        for node in promise.untouched {
            if ejected.contains(node) { broken.append("\(node) was ejected") }
            over("flows lost on \(node)", flowsLost[node] ?? 0, 0)
        }
    }
}
