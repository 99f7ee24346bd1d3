import Gossip
import Proxy
import Wire

/// The bridge between this node's servers and its gossip, without I/O: what checks, sessions and operators say goes out, what peers know comes in.
///
/// The registry counts first, then the core is told; what the core makes of it comes back as the registry's events.
protocol GossipBridge: AnyObject {
    /// Every server's present state.
    var registry: ServerRegistry { get }
    /// Which numbers the servers have; `nil` for a node without gossip.
    var gossipPlan: GossipPlan? { get }
    /// Feeds the registry, and nobody else, and does what it says.
    func change(_ event: ServerRegistry.Event, of server: ServerReference)
    /// Feeds the core and does what it says, or leaves that to the call under way.
    func feed(_ event: GossipEvent)
    /// The peers whose word says now that a server fails.
    func failingPeers(of server: ServerID) -> [String]
}

// MARK: - Out

extension GossipBridge {
    /// The core has started: it learns what is. The first thing fed also carries out what operators said before the restart.
    func openGossip() {
        guard let gossipPlan else { return }
        for (id, server) in zip(gossipPlan.servers.map(\.id), gossipPlan.references) {
            // Asked for each time: what is carried out changes it.
            feed(.addressChanged(id, registry.status(of: server).address))
            feed(.administered(id, registry.status(of: server).administrative))
            feed(.circumstances(id, registry.status(of: server).circumstances))
        }
    }

    /// Something has happened to a server, or its operator or resolver wants something else of it.
    func apply(_ event: ServerRegistry.Event, to server: ServerReference) {
        let before = registry.status(of: server)
        change(event, of: server)
        guard let id = gossipPlan?.identifiers[server] else { return }
        let status = registry.status(of: server)
        // Whether it counts as usable first: by the rest the core may decide on it.
        if status.administrative != before.administrative { feed(.administered(id, status.administrative)) }
        if status.circumstances != before.circumstances { feed(.circumstances(id, status.circumstances)) }
        if status.address != before.address { feed(.addressChanged(id, status.address)) }
        if before.flags.isMaintenance, !status.flags.isMaintenance { feed(.maintenanceEnded(id)) }
    }

    /// A check has ended: what it found goes to the core, and by it to the peers. A full server is skipped and not taken for a sick one, between nodes that
    /// know of each other's views, and where sessions may leave it; between such nodes a fault of this node says nothing of the server either.
    ///
    /// - Parameter lag: how far it is behind its source; `nil` for not known.
    func take(_ result: CheckResult, of server: ServerReference, lag: Duration? = nil) {
        let finding = Finding(result)
        let speaksFirst = registry.backends[server.backend].opening(of: registry.backends[server.backend].servers[server.server]) == .mysql
        let isInconclusive = gossipPlan != nil && [.full, .ownFault].contains(finding) || speaksFirst && finding == .full
        apply(isInconclusive ? .checkInconclusive(result) : .checkFinished(result), to: server)
        guard let id = gossipPlan?.identifiers[server] else { return }
        let status = registry.status(of: server)
        let observation = Observation(
            finding, address: status.address, code: UInt8(clamping: result.status.rawValue), latency: result.duration, lag: lag,
            weight: status.fitness.isFit ? UInt16(clamping: status.weight) : 0)
        feed(.observed(id, observation))
    }

    /// A session's connect has failed, the last of so many in a row.
    func take(_ failure: ConnectFailure, inRow count: Int, of server: ServerReference) {
        apply(.connectsFailed(inRow: count), to: server)
        guard let id = gossipPlan?.identifiers[server] else { return }
        let finding: Finding = failure == .silent ? .failedSilently : .failedLoudly
        feed(.observed(id, Observation(finding, by: .traffic, address: registry.status(of: server).address)))
    }
}

// MARK: - In

extension GossipBridge {
    /// The core has come to another verdict.
    func take(_ verdict: ServerVerdict, on id: ServerID) {
        guard let gossipPlan, let server = gossipPlan.reference(of: id) else { return }
        var (isOff, isFull) = (false, false)
        switch verdict {
        case .up: break
        case .full: isFull = true
        case .blocked:
            isOff = true
            apply(.takenDown(.server), to: server)
        case .down(let reason):
            isOff = true
            switch reason {
            case .ownChecks: break  // the registry has counted the same checks
            case .ownAndPeers: apply(.takenDown(.alsoPeers(failingPeers(of: id))), to: server)
            case .peers: apply(.takenDown(.peers(failingPeers(of: id))), to: server)
            }
        }
        apply(.setHeldDown(isOff && gossipPlan.section.policy == .anyDown), to: server)
        apply(.setFull(isFull), to: server)
    }

    /// An operator has said this for the cluster, here or elsewhere, or it has expired.
    ///
    /// - Parameter author: the operator, for the log.
    func take(_ state: Gossip.AdministrativeState?, weight: Int?, on id: ServerID, by author: String) {
        guard let server = gossipPlan?.reference(of: id) else { return }
        if let state { apply(.setAdministrative(Proxy.AdministrativeState(state), by: author), to: server) }
        if let weight { apply(.setWeight(weight, by: author), to: server) }
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
    /// MySQL's error numbers that turn the check's user away, and say nothing of the server.
    private static let userRefused = [1044, 1045, 1698]

    /// What a check's result says of the server.
    init(_ result: CheckResult) {
        let refusal = result.status.hasCode ? UInt16(exactly: result.code).flatMap { MySQLRefusal($0) } : nil
        if result.status.isPass {
            self = .passed
        } else if refusal == .full {
            self = .full
        } else if refusal == .hostRefused {
            self = .blocked
        } else if result.status.hasCode, Self.userRefused.contains(result.code) {
            self = .accessDenied
        } else {
            switch result.fault {
            case .server: self = .failedLoudly
            case .silence: self = .failedSilently
            case .node: self = .ownFault
            }
        }
    }
}
