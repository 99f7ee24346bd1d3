import Wire

/// What a server's agent has reported.
package struct AgentStatus: Equatable, Sendable {
    /// False after `down`, `stopped` or `fail`, until `up`. An agent that cannot be reached changes nothing.
    package internal(set) var isUp = true
    /// The result of the last question; `nil` before the first.
    package internal(set) var lastCheck: CheckResult?

    /// Creates the status before the first question.
    package init() {}

    /// Creates a status from its parts.
    package init(isUp: Bool, lastCheck: CheckResult?) { (self.isUp, self.lastCheck) = (isUp, lastCheck) }

    /// The last status, `initializing` before the first.
    package var checkStatus: CheckStatus { lastCheck?.status ?? .initializing }

    /// The count and its threshold as in log lines. One answer counts at once.
    var fraction: String { isUp ? "1/1" : "0/1" }
}

extension ServerRegistry {
    /// Carries out what an agent requests besides its word about the server's state. As in HAProxy, it overrides operators; weight and limit are not logged.
    mutating func applyOrders(_ orders: AgentOrders, _ change: inout Change) {
        switch orders.administration {
        case .ready: applyAdministrativeState(.ready, &change)
        case .drain: applyAdministrativeState(.drain, &change)
        case .maint: applyAdministrativeState(.maint, &change)
        case nil: break
        }
        var next = status(of: change.server)
        if let weight = orders.weight { next.weight = weight }
        if let limit = orders.connectionsMax { next.connectionsMax = limit }
        store(next, &change)
    }

    /// Applies an agent's word about the server's state, or the failure to reach the agent.
    mutating func applyAgent(_ finished: CheckResult, _ change: inout Change) {
        let before = status(of: change.server)
        guard var agent = before.agent else { return }
        // As in HAProxy, an incomplete answer counts as none while there is no status to keep.
        let isUnknown = finished.status == .initializing && agent.checkStatus == .initializing
        let result = isUnknown ? CheckResult(status: .layer7Timeout, duration: finished.duration, fault: finished.fault) : finished
        let isKept = result.status == .initializing
        let status = isKept ? agent.checkStatus : result.status
        let isNew = status != agent.checkStatus
        agent.lastCheck = CheckResult(status: status, code: result.code, info: result.info, duration: result.duration, fault: result.fault)
        switch isKept ? .checked : status {
        case .layer7OK: agent.isUp = true
        case .layer7WrongStatus: agent.isUp = false
        default: break
        }
        if isNew, status != .checked, backends[change.server.backend].logsHealthChecks {
            change.log(.notice, checkLine("Agent", result, "\(agent.fraction) \(word(isUp: agent.isUp, before))", change))
        }
        var next = before
        next.agent = agent
        next.settle()
        store(next, &change)
        logOperation(from: before, because: result, &change)
    }
}
