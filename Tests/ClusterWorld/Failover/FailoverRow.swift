import Foundation
import Support

/// The most that a row's clients may notice; `nil` values are not judged.
package struct FailoverPromise: Sendable {
    /// Failed connects, without those in flight.
    package var failedConnects: Int?
    /// Ended long sessions.
    package var sessionsEnded: Int?
    /// Seconds from the event to the load balancer's verdict.
    package var ejectedWithin: Double?
    /// Seconds from the repair to the verdict.
    package var backWithin: Double?
    /// Nodes that must not be ejected and must not lose a flow: `tsukada02`.
    package var untouched: [String] = []
    /// No node may be ejected, even if flows are lost.
    package var neverEjects = false
    /// Seconds of the longest answered attempt.
    package var slowestSeconds: Double?
    /// Reads older than the row allows.
    package var staleReads: Int?
    /// Clients that got error 1129, because the database blocks the proxy's host.
    package var blocked: Int?
    /// Connects at the databases per connect of a client.
    package var connectsPerClient: Double?

    /// Creates a promise without conditions.
    package init() {}
}

/// An event in a cluster, and the effect that it may have.
package struct FailoverRow<Scene: FailoverScene>: Sendable {
    /// The value of `--rows`: `kill-node`.
    package let name: String
    /// The event in the table.
    package let event: String
    /// Causes the event while the clients run.
    let happens: @Sendable (Scene) throws -> Void
    /// The promise to the clients of this scene.
    let promises: @Sendable (Scene) -> FailoverPromise
}

/// The result of a row.
package struct FailoverResult: Sendable {
    /// The row's name and event.
    package let name: String
    package let event: String
    /// The attempts of the short clients and the queries of the long ones.
    package var attempts = 0
    package var queries = 0
    /// Connects that failed after the event.
    package var failedConnects = 0
    /// Short sessions that were open at the event and failed.
    package var inFlight = 0
    /// Long sessions that ended before their clients ended them.
    package var sessionsEnded = 0
    /// The longest answered attempt, in seconds.
    package var slowestSeconds = 0.0
    /// Seconds from the event to the load balancer's verdict; `nil` without one.
    package var ejectedAfter: Double?
    /// Seconds from the repair to the verdict; `nil` without one.
    package var backAfter: Double?
    /// Seconds from the event to the start of the last failed attempt.
    package var failedUntil: Double?
    /// Reads older than the row allows, and the highest age in seconds.
    package var staleReads = 0
    package var oldestSeconds = 0.0
    /// Clients that got error 1129, because the database blocks the proxy's host.
    package var blocked = 0
    /// Connects at the databases per connect of a client; `nil` when the row does not count them.
    package var connectsPerClient: Double?
    /// The reason why the row could not run; nothing else was measured then.
    package var hindrance: String?
    /// Remarks of the row.
    package var notes: [String] = []
    /// Descriptions of broken promises.
    package var broken: [String] = []
    /// Examples of failures, for finding their cause.
    package var examples: [String] = []

    /// Creates a result of a row that has not begun.
    package init(name: String, event: String) { (self.name, self.event) = (name, event) }

    /// The limit on the reason why a row could not run, because it has one line in a table.
    private static let reasonCharactersMax = 200

    /// Creates a result of a row that could not run, which counts as a broken promise.
    package init(name: String, event: String, hindrance: any Error) {
        self.init(name: name, event: event)
        // The first line of a program's output is the reason.
        let line = "\(hindrance)".split(separator: "\n").first.map(String.init)
        let reason = line.map { String($0.components(separatedBy: "ended with 1: ").last?.prefix(Self.reasonCharactersMax) ?? "") }
        self.hindrance = reason ?? "no reason was given"
        broken = ["cannot be run: \(self.hindrance ?? "")"]
    }

    /// Compares the result with the promise.
    /// - Parameters:
    ///   - ejected: the nodes that the load balancer ejected.
    ///   - flowsLost: by node, the number of reset flows and failed connects.
    package mutating func judge(by promise: FailoverPromise, ejected: [String], flowsLost: [String: Int]) {
        func over<Value: Comparable>(_ what: String, _ value: Value, _ limit: Value?) {
            if let limit, value > limit { broken.append("\(what): \(value), promised at most \(limit)") }
        }
        over("failed connects", failedConnects, promise.failedConnects)
        over("sessions ended", sessionsEnded, promise.sessionsEnded)
        over("slowest connect", slowestSeconds, promise.slowestSeconds)
        over("stale reads", staleReads, promise.staleReads)
        over("clients with error 1129 (host blocked)", blocked, promise.blocked)
        over("connects at the databases per connect of a client", connectsPerClient ?? .infinity, promise.connectsPerClient)
        if promise.ejectedWithin != nil { over("ejected after", ejectedAfter ?? .infinity, promise.ejectedWithin) }
        if promise.backWithin != nil { over("back after", backAfter ?? .infinity, promise.backWithin) }
        if promise.neverEjects, !ejected.isEmpty { broken.append("ejected: \(ejected.joined(separator: ", "))") }
        for node in promise.untouched {
            if ejected.contains(node) { broken.append("\(node) was ejected") }
            over("flows lost on \(node)", flowsLost[node] ?? 0, 0)
        }
    }
}
