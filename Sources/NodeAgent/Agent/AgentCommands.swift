import Gossip
import LinuxIO
import Proxy
import Wire

/// The state that the runtime socket's commands read and change.
final class AgentCommands: RuntimeTarget {
    let statistics: any StatisticsSource
    private let servers: ServerControl
    private let gossip: GossipControl
    private let databases: DatabaseControl
    private let evidence: EvidenceControl
    private let probe: ProbeService
    private let drain: DrainControl
    private let reactor: Reactor
    /// Created when a command first names a server.
    private lazy var names = ServerNames(servers.registry.backends)

    /// Passes commands to these parts.
    init(
        statistics: any StatisticsSource, servers: ServerControl, gossip: GossipControl, databases: DatabaseControl, evidence: EvidenceControl,
        probe: ProbeService, drain: DrainControl, reactor: Reactor
    ) {
        (self.statistics, self.servers, self.gossip, self.databases) = (statistics, servers, gossip, databases)
        (self.evidence, self.probe, self.drain, self.reactor) = (evidence, probe, drain, reactor)
    }

    // MARK: Servers

    func server(_ name: ServerName) throws(RuntimeTargetError) -> ServerReference { try names.reference(of: name) }

    func weight(of server: ServerReference) -> RuntimeWeight {
        let status = servers.status(of: server)
        let isStatic = servers.registry.backends[server.backend].hasFixedWeights
        return RuntimeWeight(current: status.weight, initial: status.initialWeight, isStatic: isStatic)
    }

    func setState(_ state: Proxy.AdministrativeState, of server: ServerReference, _ scope: CommandScope) throws(RuntimeTargetError) -> AnswerText {
        guard let clusterOptions = clusterOptions(scope) else {
            servers.apply(.setAdministrative(state), to: server)
            return AnswerText("")
        }
        guard state != .ready || clusterOptions.duration == nil else { throw .refused("'for' applies to 'drain' and 'maint' only: 'ready' does not expire.") }
        try inCluster { () throws(ClusterCommandError) in try gossip.administer(server, state, clusterOptions) }
        return acknowledgement(scope)
    }

    func setWeight(_ weight: Int, of server: ServerReference, _ scope: CommandScope) throws(RuntimeTargetError) -> AnswerText {
        guard let clusterOptions = clusterOptions(scope) else {
            servers.apply(.setWeight(weight), to: server)
            return AnswerText("")
        }
        guard clusterOptions == ClusterCommandOptions() else { throw .refused("'for' and 'force' do not apply to a weight: leave them out.") }
        try inCluster { () throws(ClusterCommandError) in try gossip.administer(server, weight: weight) }
        return acknowledgement(scope)
    }

    /// The cluster options of a command; `nil` if it affects this node only.
    private func clusterOptions(_ scope: CommandScope) -> ClusterCommandOptions? {
        switch scope {
        case .node: nil
        case .cluster(let clusterOptions): clusterOptions
        case .standard: gossip.runner?.plan.section.adminScope == .cluster ? ClusterCommandOptions() : nil
        }
    }

    /// The answer to a command that was just spread: which peers have it. It is sent once all live peers have acknowledged the command, or after a timeout.
    private func acknowledgement(_ scope: CommandScope) -> AnswerText {
        guard let runner = gossip.runner else { return AnswerText("") }
        let acknowledgement = ClusterAcknowledgement(revision: runner.core.revision, isExplicit: scope != .standard, now: reactor.now)
        return AnswerText(later: { [reactor] answer in
            let wait = AcknowledgementWait(
                acknowledgement, reactor: reactor, peers: { runner.core.acknowledgements(of: acknowledgement.revision) }, answer: answer)
            wait.poll()
            return { wait.cancel() }
        })
    }

    private func inCluster(_ body: () throws(ClusterCommandError) -> Void) throws(RuntimeTargetError) {
        do throws(ClusterCommandError) { try body() } catch {
            switch error {
            case .unknownServer: throw .noSuchServer
            case .refused(let reason): throw .refused(reason)
            }
        }
    }

    // MARK: The node

    func gossipReport() -> GossipReport? { gossip.report }

    func databaseReport() -> DatabaseOverview? { databases.report }

    func probeReport() -> ProbeReport? { probe.report }

    func retriesReport() -> AnswerText { evidence.retriesReport(statistics.outlines) }

    func drain(_ force: DrainForce) throws(RuntimeTargetError) -> String { try drain.drain(force) }

    func cancelDrain() -> String { drain.cancel() }

    func changeKeys(_ change: KeyChange) throws(RuntimeTargetError) {
        try inCluster { () throws(ClusterCommandError) in try gossip.changeKeys(change) }
    }
}
