/// A decision of the tests' load balancer about a target: a line of its log.
package struct BalancerEvent: Codable, Sendable, Equatable {
    /// The time of the decision in monotonic nanoseconds.
    package var at: Int64
    /// The target's name; empty when the decision concerns all targets.
    package var target: String
    /// The new state in AWS's words (`initial`, `healthy`, `unhealthy`, `unhealthy.draining`, `draining`, `unused`); `passing` or `failing` when a probe's
    /// result differs from the previous one; `fail-open` and `fail-closed` when the decision concerns all targets.
    package var state: String
    /// The reason.
    package var reason: String
    /// The number of the target's open flows that were reset.
    package var flowsReset: Int

    /// Creates a decision.
    package init(at: Int64, target: String, state: String, reason: String, flowsReset: Int = 0) {
        (self.at, self.target, self.state, self.reason, self.flowsReset) = (at, target, state, reason, flowsReset)
    }
}

/// The state of a target as the tests' load balancer reports it (`status` on its control socket): one JSON line per target.
package struct BalancerStatus: Codable, Sendable, Equatable {
    /// The target's name.
    package var target: String
    /// The state in AWS's words.
    package var state: String
    /// The number of open flows.
    package var flows: Int
    /// The number of flows that the target has received.
    package var flowsGiven: Int
    /// The number of connects that the target refused or did not answer.
    package var connectsFailed: Int
    /// The number of flows that the load balancer has reset, because the target was unhealthy or the flow idle.
    package var flowsReset: Int
    /// The number of flows that the target or the client has reset.
    package var flowsBroken: Int

    /// Creates a status.
    package init(target: String, state: String, flows: Int, flowsGiven: Int, connectsFailed: Int, flowsReset: Int, flowsBroken: Int) {
        (self.target, self.state, self.flows, self.flowsGiven) = (target, state, flows, flowsGiven)
        (self.connectsFailed, self.flowsReset, self.flowsBroken) = (connectsFailed, flowsReset, flowsBroken)
    }
}
