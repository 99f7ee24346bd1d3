import Gossip
import LinuxIO
import Proxy
import Seals
import Wire

/// The bridge between this node's servers and its gossip: what checks, sessions and operators say goes out, what peers know comes in.
extension Agent {
    /// Starts the gossip of the section; its words count from here on.
    func startGossip(_ resources: GossipRunner.Resources) throws(SystemError) {
        let name = resources.plan.section.name
        let handlers = GossipRunner.Handlers(
            requestCheck: { [unowned self] in if let server = gossip?.plan.reference(of: $0) { checks?.checkNow(server) } },
            verdictChanged: { [unowned self] in take($1, on: $0) },
            administered: { [unowned self] in take($1, weight: $2, on: $0) },
            log: { [log] level, sentence in log.write(level, gossip: name, sentence) })
        let runner = GossipRunner(resources, random: SecureRandomGenerator(), reactor: reactor, handlers: handlers)
        gossip = runner
        for (id, server) in zip(runner.plan.servers.map(\.id), runner.plan.references) {
            // Asked for each time: the first thing fed also carries out what operators said before the restart.
            runner.feed(.addressChanged(id, registry.status(of: server).address))
            runner.feed(.administered(id, registry.status(of: server).wish))
        }
        try runner.start()
        if let settings = resources.resolver { follow(resources.named, settings, runner) }
    }

    /// Keeps the addresses of peers with names current. A peer whose name is lost is looked for where it was.
    private func follow(_ peers: [GossipPlan.NamedPeer], _ settings: ResolverSettings, _ runner: GossipRunner) {
        let servers = peers.enumerated().map { index, peer in
            ResolvedServer(reference: ServerReference(backend: 0, server: index), hostName: peer.hostName, preferredFamily: .v4, address: nil)
        }
        let handlers = ResolverRunner.Handlers(
            address: { server, address, _ in
                let peer = peers[server.server]
                runner.feed(.peerAddress(peer.peer, .ip(address, port: peer.port)))
            }, lost: { _, _ in }, check: { _, _, answer in answer(true) },
            log: { [log] sentence, isAlarm in log.write(isAlarm ? .warning : .notice, gossip: settings.name, sentence) })
        let resolver = ResolverRunner(settings: settings, servers: servers, reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
        resolvers.append(resolver)
        resolver.start()
    }

    // MARK: Out

    /// Between nodes that know of each other's views a full server is skipped, and neither it nor a fault of this node is taken for a sick server.
    func isInconclusive(_ result: CheckResult) -> Bool { gossip != nil && [.full, .ownFault].contains(Finding(result)) }

    /// A check has ended: what it found goes to the core, and by it to the peers.
    func tellGossip(_ result: CheckResult, of server: ServerReference) {
        guard let gossip, let id = gossip.plan.identifiers[server] else { return }
        let status = registry.status(of: server)
        gossip.feed(
            .observed(
                id,
                Observation(
                    Finding(result), address: status.address, code: UInt8(clamping: result.status.rawValue), latency: result.duration,
                    weight: UInt16(clamping: status.weight))))
    }

    /// A session's connect has failed.
    func tellGossip(_ failure: ConnectFailure, of server: ServerReference) {
        guard let gossip, let id = gossip.plan.identifiers[server] else { return }
        let finding: Finding = failure == .silent ? .failedSilently : .failedLoudly
        gossip.feed(.observed(id, Observation(finding, by: .traffic, address: registry.status(of: server).address)))
    }

    /// A server has moved, or this node's operator or resolver wants something else of it.
    func tellGossip(of server: ServerReference, before: ServerStatus) {
        guard let gossip, let id = gossip.plan.identifiers[server] else { return }
        let status = registry.status(of: server)
        if status.address != before.address { gossip.feed(.addressChanged(id, status.address)) }
        if status.wish != before.wish { gossip.feed(.administered(id, status.wish)) }
    }

    // MARK: In

    private func take(_ verdict: ServerVerdict, on id: ServerID) {
        guard let gossip, let server = gossip.plan.reference(of: id) else { return }
        var (isDown, isFull) = (false, false)
        switch verdict {
        case .up: break
        case .full: isFull = true
        case .blocked: apply(.takenDown(.server), to: server)
        case .down(let reason):
            isDown = true
            switch reason {
            case .ownChecks: break  // the registry has counted the same checks
            case .ownAndPeers: apply(.takenDown(.alsoPeers(gossip.core.failingPeers(of: id))), to: server)
            case .peers: apply(.takenDown(.peers(gossip.core.failingPeers(of: id))), to: server)
            }
        }
        apply(.setHeldDown(isDown && gossip.plan.section.policy == .anyDown), to: server)
        apply(.setFull(isFull), to: server)
    }

    private func take(_ state: Gossip.AdministrativeState?, weight: Int?, on id: ServerID) {
        guard let gossip, let server = gossip.plan.reference(of: id) else { return }
        if let state { apply(.setAdministrative(Proxy.AdministrativeState(state)), to: server) }
        if let weight { apply(.setWeight(weight), to: server) }
        // The core has taken the word for what is: a weight of 0 or a lost address may say otherwise, and have not changed.
        gossip.feed(.administered(id, registry.status(of: server).wish))
    }

    // MARK: Operators

    /// An operator's state for all nodes: spread first, and carried out here as everywhere.
    func administer(_ server: ServerReference, _ state: Proxy.AdministrativeState, _ spread: ClusterSpread) throws(RuntimeTargetError) {
        try administer(server) { (core, id, now, outputs) throws(AdministrationRefusal) in
            let weight = core.tables.administrativeRows.first { $0.server == id }?.weight
            try core.administer(id, .init(state), weight: weight, for: spread.duration, force: spread.isForced ? .forced : .careful, now: now, into: &outputs)
        }
    }

    /// An operator's weight for all nodes.
    func administer(_ server: ServerReference, weight: Int) throws(RuntimeTargetError) {
        try administer(server) { (core, id, now, outputs) throws(AdministrationRefusal) in
            try core.setWeight(id, UInt16(clamping: weight), now: now, into: &outputs)
        }
    }

    private func administer(
        _ server: ServerReference, _ body: (inout GossipNode, ServerID, Instant, inout GossipOutputs) throws(AdministrationRefusal) -> Void
    ) throws(RuntimeTargetError) {
        guard let gossip else { throw .refused("There is no cluster: add a 'gossip' section, or leave 'on cluster' out.") }
        guard let id = gossip.plan.identifiers[server] else { throw .refused("The proxy is disabled.") }
        do throws(AdministrationRefusal) {
            try gossip.operate { (core, now, outputs) throws(AdministrationRefusal) in try body(&core, id, now, &outputs) }
        } catch {
            switch error {
            case .lastUsable: throw .refused("This is the last usable server of its proxy: say 'force' to take it all the same.")
            case .unknownServer: throw .noSuchServer
            }
        }
    }

    /// Changes the ring of this node.
    func changeKeys(_ change: KeyChange) throws(RuntimeTargetError) {
        guard let gossip else { throw .refused("There is no 'gossip' section, and so there are no keys.") }
        do {
            switch change {
            case .install(let secret):
                let key = try gossip.key(secret)
                try gossip.operate { (core, _, _) throws(KeyRing.Refusal) in try core.installKey(key) }
            case .use(let id): try gossip.operate { (core, _, _) throws(KeyRing.Refusal) in try core.useKey(id) }
            case .remove(let id): try gossip.operate { (core, _, _) throws(KeyRing.Refusal) in try core.removeKey(id) }
            }
        } catch {
            throw .refused("\(error)")
        }
        log.write(.notice, gossip: gossip.plan.section.name, change.description)
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

extension AgentLog {
    /// Writes a line about the cluster of this name.
    fileprivate func write(_ level: LogLevel, gossip name: String, _ sentence: String) { write(level, "Gossip \(name): \(sentence).") }
}

extension ServerStatus {
    /// What an operator, the weight or the resolver make of a server, in the core's terms.
    var wish: Gossip.AdministrativeState {
        if flags.isMaintenance { return .maint }
        return flags.isDrain || weight == 0 ? .drain : .ready
    }
}

extension Finding {
    /// MySQL's error numbers that tell of something else than a sick server.
    private enum ErrorNumber {
        static let noRoom = [1040, 1203]
        static let hostRefused = [1129, 1130]
        static let userRefused = [1044, 1045, 1698]
    }

    /// What a check's result says of the server.
    init(_ result: CheckResult) {
        if result.status.isPass {
            self = .passed
        } else if result.status.hasCode, ErrorNumber.noRoom.contains(result.code) {
            self = .full
        } else if result.status.hasCode, ErrorNumber.hostRefused.contains(result.code) {
            self = .blocked
        } else if result.status.hasCode, ErrorNumber.userRefused.contains(result.code) {
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
