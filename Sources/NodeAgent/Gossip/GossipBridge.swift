import Gossip
import Proxy
import Wire

/// Translates between this node's servers and its gossip: a value without I/O. Changes of a server become events for the gossip's core; decisions of the core
/// become events for the registry. It calls neither of them.
struct GossipBridge {
    /// A decision of the core about a server, as events for the registry, in order.
    struct Orders: Equatable {
        /// The server that the decision is about.
        let server: ServerReference
        /// The events for the registry.
        var events: [ServerRegistry.Event]
    }

    /// The facts about a server that the core gets when it starts, one by one: the core's reaction to a fact may change the next one.
    enum Fact: CaseIterable {
        case checks
        case address
        case administration
        case localState
    }

    /// The servers' identifiers.
    let plan: GossipPlan

    // MARK: From the servers to the gossip

    /// The event for a fact about a server, when the core starts; `nil` if the core need not know it.
    func event(_ fact: Fact, of id: ServerID, _ status: ServerStatus) -> GossipEvent? {
        switch fact {
        case .checks: status.health?.isInitial == true ? .maintenanceEnded(id) : nil
        case .address: .addressChanged(id, status.address)
        case .administration: .administered(id, status.administrative)
        case .localState: .localState(id, status.localState)
        }
    }

    /// The events for a changed server; empty for a server without an identifier.
    func events(of server: ServerReference, from before: ServerStatus, to status: ServerStatus) -> [GossipEvent] {
        guard let id = plan.identifiers[server] else { return [] }
        var events: [GossipEvent] = []
        // The administrative state and the local state first: the core may decide on the address by whether the server counts as usable.
        if status.administrative != before.administrative { events.append(.administered(id, status.administrative)) }
        if status.localState != before.localState { events.append(.localState(id, status.localState)) }
        if status.address != before.address { events.append(.addressChanged(id, status.address)) }
        if before.flags.isMaintenance, !status.flags.isMaintenance { events.append(.maintenanceEnded(id)) }
        return events
    }

    /// The event for a check's result; `nil` for a server without an identifier.
    ///
    /// - Parameters:
    ///   - finding: the meaning of the result.
    ///   - status: the server's status, with this check counted.
    ///   - lag: how far the server is behind its source; `nil` if unknown.
    func observation(_ finding: Finding, _ result: CheckResult, of server: ServerReference, _ status: ServerStatus, lag: Duration?) -> GossipEvent? {
        plan.identifiers[server].map { id in
            let observation = Observation(
                finding, address: status.address, code: UInt8(clamping: result.status.rawValue), latency: result.duration, lag: lag,
                weight: status.fitness.isFit && !status.isStopping ? UInt16(clamping: status.sharedWeight) : 0)
            return .observed(id, observation)
        }
    }

    /// The event for a session's failed connect; `nil` for a server without an identifier.
    func observation(_ failure: ConnectFailure, of server: ServerReference, _ status: ServerStatus) -> GossipEvent? {
        plan.identifiers[server].map { id in
            let finding: Finding = failure == .noResponse ? .failedWithoutResponse : .failedWithResponse
            return .observed(id, Observation(finding, by: .traffic, address: status.address))
        }
    }

    // MARK: From the gossip to the servers

    /// The registry's events for a new verdict; `nil` for a server that only other nodes have.
    ///
    /// - Parameter failingPeers: the peers that currently report the server as failing.
    func orders(_ verdict: ServerVerdict, on id: ServerID, failingPeers: @autoclosure () -> [String]) -> Orders? {
        guard let server = plan.reference(of: id) else { return nil }
        var orders = Orders(server: server, events: [])
        var (isOff, isFull) = (false, false)
        switch verdict {
        case .up: break
        case .full: isFull = true
        case .blocked:
            isOff = true
            orders.events.append(.takenDown(.server))
        case .down(let reason):
            isOff = true
            switch reason {
            case .ownChecks: break  // the registry has counted the same checks
            case .ownAndPeers: orders.events.append(.takenDown(.ownChecksAndPeers(failingPeers())))
            case .peers: orders.events.append(.takenDown(.peers(failingPeers())))
            }
        }
        orders.events += [.setHeldDown(isOff && plan.section.policy == .anyDown), .setFull(isFull)]
        return orders
    }

    /// The registry's events for an operator's command for the cluster, given on any node, or for its expiry; `nil` for a server that only other nodes have.
    ///
    /// - Parameter author: the operator, for the log.
    func orders(_ state: Gossip.AdministrativeState?, weight: Int?, on id: ServerID, by author: String) -> Orders? {
        guard let server = plan.reference(of: id) else { return nil }
        var orders = Orders(server: server, events: [])
        if let state { orders.events.append(.setAdministrative(Proxy.AdministrativeState(state), by: author)) }
        if let weight { orders.events.append(.setWeight(weight, by: author)) }
        return orders
    }
}

extension GossipNode {
    /// Sets an operator's state on all nodes. The state is spread first, and takes effect here as on the other nodes. An earlier weight stays.
    mutating func administer(
        _ id: ServerID, _ state: Proxy.AdministrativeState, _ options: ClusterCommandOptions, now: Instant, into outputs: inout GossipOutputs
    ) throws(AdministrationRefusal) {
        let weight = tables.administrativeRows.first { $0.server == id }?.weight
        try administer(
            id, .init(state), weight: weight, for: options.duration, force: options.isForced ? .forced : .careful, now: now, into: &outputs)
    }
}

extension Gossip.AdministrativeState {
    /// The core's form of a registry state.
    fileprivate init(_ state: Proxy.AdministrativeState) {
        switch state {
        case .ready: self = .ready
        case .drain: self = .drain
        case .maint: self = .maint
        }
    }
}

extension Proxy.AdministrativeState {
    /// The registry's form of a core state.
    fileprivate init(_ state: Gossip.AdministrativeState) {
        switch state {
        case .ready: self = .ready
        case .drain: self = .drain
        case .maint: self = .maint
        }
    }
}

extension ServerStatus {
    /// The state that an operator or the server's agent has requested on this node, in the core's form.
    fileprivate var administrative: Gossip.AdministrativeState {
        flags.contains(.forcedMaintenance) ? .maint : flags.contains(.forcedDrain) ? .drain : .ready
    }

    /// The state that results from everything else that the core does not know, in the core's form: the resolver, the weight, the database role, the agent, and
    /// the server that this one tracks.
    fileprivate var localState: Gossip.AdministrativeState {
        if !flags.isDisjoint(with: [.resolutionMaintenance, .inheritedMaintenance]) { return .maint }
        let takesNone = weight == 0 || !fitness.isFit || isStopping || isDownByOthers || flags.contains(.inheritedDrain)
        return takesNone ? .drain : .ready
    }
}

extension Finding {
    /// The meaning of a check's result for the server, regardless of the check's protocol.
    init(_ result: CheckResult) {
        guard !result.status.isPass else {
            self = .passed
            return
        }
        self =
            switch (result.refusal, result.fault) {
            case (.full, _): .full
            case (.hostRefused, _): .blocked
            case (.userRefused, _): .accessDenied
            case (nil, .server): .failedWithResponse
            case (nil, .noResponse): .failedWithoutResponse
            case (nil, .node): .ownFault
            }
    }
}
