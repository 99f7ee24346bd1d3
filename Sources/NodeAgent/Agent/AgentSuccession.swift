import Gossip
import LinuxIO
import Proxy
import Wire

/// The effects of a succession on this process.
extension Agent: SucceedingProcess {
    private static let acceptPollInterval = Duration.milliseconds(2)
    private static let acceptTimeout = Duration.milliseconds(300)
    /// How long a superseded process waits for requests that it has already accepted.
    private static let lingerMax = Duration.seconds(1)

    var isEnding: Bool { drain.isUnderWay }

    func stateText() -> AnswerText {
        var known = AgentState()
        known.writers = databases.writerMemories
        known.names = names
        known.probes = probe.memories
        known.gossip = gossip.memory.map { $0.bytes(node: node) } ?? []
        return report.text(known)
    }

    func addCounters(_ counters: [AgentState.CounterKey: [UInt64]]) {
        report.addCounters(counters)
        rates.skipInheritedCounts()
    }

    func restoreGossip(of state: AgentState) {
        if let memory = GossipMemory(state.gossip, node: node) { gossip.remember(memory) }
    }

    func startGossip() {
        guard !drain.isUnderWay else { return }
        gossip.start(
            GossipControl.Handlers(
                opened: { [unowned self] in servers.gossipStarted(GossipBridge(plan: $0)) }, started: { [unowned self] in databases.gossipStarted() },
                requestCheck: { [unowned self] in checks?.checkNow($0) },
                verdictChanged: { [unowned self] id, verdict in
                    servers.limitingLogs { servers.verdictChanged(verdict, on: id, failingPeers: gossip.failingPeers(of: id)) }
                },
                administered: { [unowned self] id, state, weight, author in
                    servers.limitingLogs { servers.administered(state, weight: weight, on: id, by: author) }
                },
                drainLeaseChanged: { [unowned self] in drain.leaseChanged(to: gossip.runner?.holder($0)) },
                drainLeaseGranted: { [unowned self] in drain.leaseGranted() }, ballotsChanged: { [unowned self] in databases.decide() },
                resolve: { [unowned self] in resolvers.start($0) }))
    }

    func serveRuntime(_ file: OpenFile) {
        var rights = RuntimeRights()
        rights.level = .admin
        runtime?.serve(connection: file, rights: rights)
    }

    /// Passes everything but the sessions to the successor. The probe's ports and the gossip socket stay open, because the successor shares them.
    func supersede(accepted: @escaping () -> Void) {
        guard !drain.isUnderWay else { return accepted() }
        probe.handOver()
        lingersUntil = reactor.now.advanced(by: Agent.lingerMax)
        stopChecks()
        externalPrograms?.end()
        resolvers.stop()
        gossip.handOver()
        servers.gossipEnded()
        runtime?.stopListening()
        drain.finish()
        awaitLastAccept(until: reactor.now.advanced(by: Agent.acceptTimeout), accepted)
    }

    /// Waits until the pending connections are accepted. At a full `maxconn` they wait for a session to end; the successor does not wait for that.
    private func awaitLastAccept(until deadline: Instant, _ accepted: @escaping () -> Void) {
        guard !forwarder.hasStoppedListening, reactor.now < deadline else { return accepted() }
        reactor.setTimer(at: reactor.now.advanced(by: Agent.acceptPollInterval)) { [unowned self] in awaitLastAccept(until: deadline, accepted) }
    }

    /// Closes every address immediately, for a replacement process that has not inherited the addresses. Announces no drain and hands nothing
    /// over. Sessions, their checks and the UNIX runtime sockets continue until the last session ends; another process may reuse the sockets' paths.
    func abandon() {
        probe.end()
        resolvers.stopStoring()
        gossip.leave()
        servers.gossipEnded()
        runtime?.abandon()
        drain.leave()
        forwarder.closeListeners()
    }
}
