import Gossip
import Proxy
import Wire

/// The bridge between this node's servers and its gossip: a value without I/O. What has happened to a server goes in, and what the core is told comes out; what the
/// core has decided goes in, and what the registry is fed comes out. It calls nothing.
struct GossipBridge {
    /// What the core decides of a server, as the registry's events, in their order.
    struct Orders: Equatable {
        /// Which server.
        let server: ServerReference
        /// What the registry is fed.
        var events: [ServerRegistry.Event]
    }

    /// What the core learns of each server when it starts, one after the other: the answer to the first may change what is next.
    enum Fact: CaseIterable {
        case address
        case administration
        case circumstances
    }

    /// Which numbers the servers have.
    let plan: GossipPlan

    // MARK: From the servers to the gossip

    /// What the core is told of a server that it does not know yet.
    func event(_ fact: Fact, of id: ServerID, _ status: ServerStatus) -> GossipEvent {
        switch fact {
        case .address: .addressChanged(id, status.address)
        case .administration: .administered(id, status.administrative)
        case .circumstances: .circumstances(id, status.circumstances)
        }
    }

    /// What the core is told of a server that has changed; nothing of one that has no number.
    func events(of server: ServerReference, from before: ServerStatus, to status: ServerStatus) -> [GossipEvent] {
        guard let id = plan.identifiers[server] else { return [] }
        var events: [GossipEvent] = []
        // Whether it counts as usable first: by the rest the core may decide on it.
        if status.administrative != before.administrative { events.append(.administered(id, status.administrative)) }
        if status.circumstances != before.circumstances { events.append(.circumstances(id, status.circumstances)) }
        if status.address != before.address { events.append(.addressChanged(id, status.address)) }
        if before.flags.isMaintenance, !status.flags.isMaintenance { events.append(.maintenanceEnded(id)) }
        return events
    }

    /// What the core is told of a check's result; `nil` for a server that has no number.
    ///
    /// - Parameters:
    ///   - finding: what the result says of the server.
    ///   - status: the server's, with this check counted.
    ///   - lag: how far it is behind its source; `nil` for not known.
    func observation(_ finding: Finding, _ result: CheckResult, of server: ServerReference, _ status: ServerStatus, lag: Duration?) -> GossipEvent? {
        plan.identifiers[server].map { id in
            let observation = Observation(
                finding, address: status.address, code: UInt8(clamping: result.status.rawValue), latency: result.duration, lag: lag,
                weight: status.fitness.isFit ? UInt16(clamping: status.weight) : 0)
            return .observed(id, observation)
        }
    }

    /// What the core is told of a session's failed connect; `nil` for a server that has no number.
    func observation(_ failure: ConnectFailure, of server: ServerReference, _ status: ServerStatus) -> GossipEvent? {
        plan.identifiers[server].map { id in
            let finding: Finding = failure == .silent ? .failedSilently : .failedLoudly
            return .observed(id, Observation(finding, by: .traffic, address: status.address))
        }
    }

    // MARK: From the gossip to the servers

    /// What another verdict means; `nil` for a server that only others have.
    ///
    /// - Parameter failingPeers: the peers whose word says now that it fails.
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
            case .ownAndPeers: orders.events.append(.takenDown(.alsoPeers(failingPeers())))
            case .peers: orders.events.append(.takenDown(.peers(failingPeers())))
            }
        }
        orders.events += [.setHeldDown(isOff && plan.section.policy == .anyDown), .setFull(isFull)]
        return orders
    }

    /// What an operator's word for the cluster means, said here or elsewhere, or expired; `nil` for a server that only others have.
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
    /// An operator's state for all nodes: spread first, and carried out here as everywhere. The weight said before stays.
    mutating func administer(
        _ id: ServerID, _ state: Proxy.AdministrativeState, _ spread: ClusterSpread, now: Instant, into outputs: inout GossipOutputs
    ) throws(AdministrationRefusal) {
        let weight = tables.administrativeRows.first { $0.server == id }?.weight
        try administer(
            id, .init(state), weight: weight, for: spread.duration, force: spread.isForced ? .forced : .careful, now: now, into: &outputs)
    }
}

extension Gossip.AdministrativeState {
    /// As the core has it.
    fileprivate init(_ state: Proxy.AdministrativeState) {
        switch state {
        case .ready: self = .ready
        case .drain: self = .drain
        case .maint: self = .maint
        }
    }
}

extension Proxy.AdministrativeState {
    /// As the registry has it.
    fileprivate init(_ state: Gossip.AdministrativeState) {
        switch state {
        case .ready: self = .ready
        case .drain: self = .drain
        case .maint: self = .maint
        }
    }
}

extension ServerStatus {
    /// What an operator wants of a server, in the core's terms.
    fileprivate var administrative: Gossip.AdministrativeState {
        flags.contains(.forcedMaintenance) ? .maint : flags.isDrain ? .drain : .ready
    }

    /// What the resolver, the weight and its role make of it.
    fileprivate var circumstances: Gossip.AdministrativeState {
        flags.contains(.resolutionMaintenance) ? .maint : weight == 0 || !fitness.isFit ? .drain : .ready
    }
}

extension Finding {
    /// What a check's result says of the server, whatever the check's protocol.
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
            case (nil, .server): .failedLoudly
            case (nil, .silence): .failedSilently
            case (nil, .node): .ownFault
            }
    }
}
