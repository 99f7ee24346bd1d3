import Gossip
import LinuxIO
import Proxy
import Seals
import Wire

/// The agent's gossip: its start, the bridge to the servers, and what operators say of it.
extension Agent {
    /// Starts the gossip of the section; its words count from here on.
    func startGossip(_ resources: GossipRunner.Resources) throws(SystemError) {
        let name = resources.plan.section.name
        let handlers = GossipRunner.Handlers(
            requestCheck: { [unowned self] in if let server = gossip?.plan.reference(of: $0) { checks?.checkNow(server) } },
            verdictChanged: { [unowned self] id, verdict in verdictChanged(verdict, on: id) },
            administered: { [unowned self] id, state, weight, author in servers.heedOthers { servers.administered(state, weight: weight, on: id, by: author) } },
            leaseChanged: { [unowned self] in drainLeaseChanged($0, holder: $1) }, ballotsChanged: { [unowned self] in decideDatabases() },
            leaseGranted: { [unowned self] in drainLeaseGranted($0) },
            log: { [log] in log.write($0.level, gossip: name, $0.text, about: $0.subject) })
        let runner = GossipRunner(resources, random: SecureRandomGenerator(), reactor: reactor, handlers: handlers)
        gossip = runner
        servers.gossipStarted(GossipBridge(plan: runner.plan))
        try runner.start()
        openDatabases()
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
                runner.feed(.peerAddress(peer.peer, address.endpoint(port: peer.port)))
            }, lost: { _, _ in }, check: { _, _, answer in answer(true) },
            log: { [log] sentence, isAlarm in
                log.write(isAlarm ? .warning : .notice, gossip: settings.name, sentence, about: LogSubject(resolver: settings.name, sentence))
            })
        let resolver = ResolverRunner(settings: settings, servers: servers, reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
        resolvers.append(resolver)
        resolver.start()
    }

    private func verdictChanged(_ verdict: ServerVerdict, on id: ServerID) {
        servers.heedOthers { servers.verdictChanged(verdict, on: id, failingPeers: gossip?.core.failingPeers(of: id) ?? []) }
    }

    // MARK: Operators

    /// The error for an operator's command that cannot be stamped.
    static let clockUnusable =
        "Nothing was changed: this node's clock is in the year 4199 or later, or was set back by more than ten years since it started. "
        + "Set the clock, then reload this node."

    /// An operator's state for all nodes: spread first, and carried out here as everywhere.
    func administer(_ server: ServerReference, _ state: Proxy.AdministrativeState, _ spread: ClusterSpread) throws(RuntimeTargetError) {
        try administer(server) { (core, id, now, outputs) throws(AdministrationRefusal) in
            try core.administer(id, state, spread, now: now, into: &outputs)
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
            case .clockUnusable: throw .refused(Agent.clockUnusable)
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

extension AgentLog {
    /// Writes a line about the cluster of this name.
    func write(_ level: LogLevel, gossip name: String, _ sentence: String) { write(level, "Gossip \(name): \(sentence).") }

    /// The same for a line that others can cause.
    func write(_ level: LogLevel, gossip name: String, _ sentence: String, about subject: LogSubject) {
        write(level, "Gossip \(name): \(sentence).", about: subject)
    }
}
