/// What the tests' load balancer has decided on a target, as a line of its log.
package struct BalancerEvent: Codable, Sendable, Equatable {
    /// When, in monotonic nanoseconds.
    package var at: Int64
    /// The target's name; empty when it is about all of them.
    package var target: String
    /// The state after it, in AWS's words (`initial`, `healthy`, `unhealthy`, `unhealthy.draining`, `draining`, `unused`); `passing` or `failing` when a probe
    /// says something else than the one before; `fail-open` and `fail-closed` when it is about all targets.
    package var state: String
    /// Why.
    package var reason: String
    /// Open flows of the target that were reset with it.
    package var flowsReset: Int

    /// One decision.
    package init(at: Int64, target: String, state: String, reason: String, flowsReset: Int = 0) {
        (self.at, self.target, self.state, self.reason, self.flowsReset) = (at, target, state, reason, flowsReset)
    }
}

/// What the tests' load balancer says of a target when it is asked (`status` on its control socket), a JSON line each.
package struct BalancerStatus: Codable, Sendable, Equatable {
    /// The target's name.
    package var target: String
    /// Its state, in AWS's words.
    package var state: String
    /// Flows that are open.
    package var flows: Int
    /// Flows that it has been given.
    package var flowsGiven: Int
    /// Connects that it refused, or never answered.
    package var connectsFailed: Int
    /// Flows that the load balancer has reset: the target was unhealthy, or the flow idle.
    package var flowsReset: Int
    /// Flows that the target, or the client, has reset.
    package var flowsBroken: Int

    /// A target's numbers.
    package init(target: String, state: String, flows: Int, flowsGiven: Int, connectsFailed: Int, flowsReset: Int, flowsBroken: Int) {
        (self.target, self.state, self.flows, self.flowsGiven) = (target, state, flows, flowsGiven)
        (self.connectsFailed, self.flowsReset, self.flowsBroken) = (connectsFailed, flowsReset, flowsBroken)
    }
}
