import Gossip
import LinuxIO
import Proxy
import Seals
import Wire

/// Why a command for the cluster or for its keys failed.
enum ClusterCommandError: Error, Equatable, Sendable {
    /// The gossip has no such server.
    case unknownServer
    /// Another reason, as a sentence.
    case refused(String)
}

/// This node's gossip from start to end. It passes the gossip's decisions to the handlers, and feeds events of this node and operators' commands to the gossip.
final class GossipControl {
    /// Requests to the owner. All are called on the reactor's thread and may feed the gossip.
    struct Handlers {
        /// The core has started and accepts events.
        var opened: (GossipPlan) -> Void
        /// The gossip receives and sends.
        var started: () -> Void
        /// Requests an immediate check of this server.
        var requestCheck: (ServerReference) -> Void
        /// The verdict on a server has changed.
        var verdictChanged: (ServerID, ServerVerdict) -> Void
        /// The state and weight that an operator requests for a server cluster-wide.
        var administered: (ServerID, Gossip.AdministrativeState?, _ weight: Int?, _ author: String) -> Void
        /// The holder of the drain lease has changed; `nil` if the lease is free.
        var drainLeaseChanged: (NodeID?) -> Void
        /// Every live peer knows that this node holds the drain lease.
        var drainLeaseGranted: () -> Void
        /// A peer's state or ballot has changed.
        var ballotsChanged: () -> Void
        /// Requests that a runner, which maintains the addresses of peers, is started now and stopped at the end.
        var resolve: (ResolverRunner) -> Void
    }

    /// The error for an operator's command while this node's clock cannot stamp it.
    static let clockUnusable =
        "Nothing was changed: this node's clock is in the year 4199 or later, or was set back by more than ten years since it started. "
        + "Set the clock, then reload this node."

    private let reactor: Reactor
    private let log: any EventLog
    /// The resources until the start; `nil` after it, and without a `gossip` section.
    private var resources: GossipRunner.Resources?
    /// The memory before the start and after a handover.
    private var idleMemory: GossipMemory?
    /// The running gossip; `nil` before the start and after a handover.
    private(set) var runner: GossipRunner?

    /// A gossip that does nothing before `start`. Without `resources`, `start` has no effect.
    init(_ resources: GossipRunner.Resources?, reactor: Reactor, log: any EventLog) {
        (self.resources, idleMemory) = (resources, resources?.memory)
        (self.reactor, self.log) = (reactor, log)
    }

    /// The state that outlives the process.
    var memory: GossipMemory? { runner?.memory ?? idleMemory }

    /// Uses the memory of the predecessor at the start.
    func remember(_ memory: GossipMemory) { idleMemory = memory }

    /// Starts the gossip, unless it has started before. A failure is logged.
    func start(_ handlers: Handlers) {
        guard var resources = resources.take() else { return }
        if let idleMemory { resources.memory = idleMemory }
        do throws(SystemError) { try run(resources, handlers) } catch { log.write(.error, gossip: resources.plan.section.name, "cannot start: \(error)") }
    }

    private func run(_ resources: GossipRunner.Resources, _ handlers: Handlers) throws(SystemError) {
        let plan = resources.plan
        let runner = GossipRunner(
            resources, random: SecureRandomGenerator(), reactor: reactor,
            handlers: GossipRunner.Handlers(
                requestCheck: { if let server = plan.reference(of: $0) { handlers.requestCheck(server) } },
                verdictChanged: handlers.verdictChanged, administered: handlers.administered,
                leaseChanged: { if $0 == plan.drainLease { handlers.drainLeaseChanged($1) } }, ballotsChanged: handlers.ballotsChanged,
                leaseGranted: { if $0 == plan.drainLease { handlers.drainLeaseGranted() } },
                log: { [log] in log.write($0.level, gossip: plan.section.name, $0.text, about: $0.subject) }))
        self.runner = runner
        handlers.opened(plan)
        try runner.start()
        handlers.started()
        if let settings = resources.resolver { handlers.resolve(resolver(of: resources.named, settings, runner)) }
    }

    /// The runner that maintains the addresses of peers with names. A peer whose name is lost keeps its last address.
    private func resolver(of peers: [GossipPlan.NamedPeer], _ settings: ResolverSettings, _ runner: GossipRunner) -> ResolverRunner {
        let servers = peers.enumerated().map { index, peer in
            ResolvedServer(reference: ServerReference(backend: 0, server: index), hostName: peer.hostName, address: nil)
        }
        let handlers = ResolverRunner.Handlers(
            address: { server, address, _ in
                let peer = peers[server.server]
                runner.feed(.peerAddress(peer.peer, address.endpoint(port: peer.port)))
            }, lost: { _, _ in }, check: { _, _, answer in answer(true) },
            log: { [log] level, sentence, name in
                log.write(level, gossip: settings.name, sentence, about: LogSubject(resolver: settings.name, about: name))
            })
        return ResolverRunner(settings: settings, servers: servers, reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
    }

    /// Feeds an event of this node to the gossip; without effect while it does not run.
    func feed(_ event: GossipEvent) { runner?.feed(event) }

    // MARK: The end

    /// Sends a goodbye and stops; reports are still available.
    func stop() { runner?.stop() }

    /// Sends a goodbye and stops; it does not start again.
    func leave() {
        stop()
        (resources, runner) = (nil, nil)
    }

    /// Stops without a goodbye, because another process continues as this node.
    func handOver() {
        if let runner { idleMemory = runner.handOver() }
        runner = nil
    }

    // MARK: Reports

    /// The peers that currently report a server as failing.
    func failingPeers(of server: ServerID) -> [String] { runner?.core.failingPeers(of: server) ?? [] }

    /// For each live peer, how many of these servers it sees as usable and as failing.
    func peerViews(of servers: [ServerReference]) -> [(usable: Int, failing: Int)] {
        guard let runner else { return [] }
        return runner.core.peerViews(of: servers.compactMap { runner.plan.identifiers[$0] }, now: reactor.now).map { ($0.usable, $0.failing) }
    }

    /// The report for `show gossip`; `nil` before the start and after a handover.
    var report: GossipReport? { runner.map { GossipReport($0, now: reactor.now) } }

    // MARK: Operators

    /// Sets an operator's state on all nodes. The state is spread first, and takes effect here as on the other nodes.
    func administer(_ server: ServerReference, _ state: Proxy.AdministrativeState, _ options: ClusterCommandOptions) throws(ClusterCommandError) {
        try administer(server) { (core, id, now, outputs) throws(AdministrationRefusal) in
            try core.administer(id, state, options, now: now, into: &outputs)
        }
    }

    /// Sets an operator's weight on all nodes.
    func administer(_ server: ServerReference, weight: Int) throws(ClusterCommandError) {
        try administer(server) { (core, id, now, outputs) throws(AdministrationRefusal) in
            try core.setWeight(id, UInt16(clamping: weight), now: now, into: &outputs)
        }
    }

    private func administer(
        _ server: ServerReference, _ body: (inout GossipNode, ServerID, Instant, inout GossipOutputs) throws(AdministrationRefusal) -> Void
    ) throws(ClusterCommandError) {
        guard let runner else { throw .refused("There is no cluster: add a 'gossip' section or omit 'on cluster'.") }
        guard let id = runner.plan.identifiers[server] else { throw .refused("The proxy is disabled.") }
        do throws(AdministrationRefusal) {
            try runner.operate { (core, now, outputs) throws(AdministrationRefusal) in try body(&core, id, now, &outputs) }
        } catch {
            switch error {
            case .lastUsable: throw .refused("This is the last usable server of its proxy: add 'force' to take it out anyway.")
            case .unknownServer: throw .unknownServer
            case .clockUnusable: throw .refused(Self.clockUnusable)
            }
        }
    }

    /// Changes the key ring of this node.
    func changeKeys(_ change: KeyChange) throws(ClusterCommandError) {
        guard let runner else { throw .refused("There is no 'gossip' section, so there are no keys.") }
        do {
            switch change {
            case .install(let secret):
                let key = try runner.key(secret)
                try runner.operate { (core, _, _) throws(KeyRing.Refusal) in try core.installKey(key) }
            case .use(let id): try runner.operate { (core, _, _) throws(KeyRing.Refusal) in try core.useKey(id) }
            case .remove(let id): try runner.operate { (core, _, _) throws(KeyRing.Refusal) in try core.removeKey(id) }
            }
        } catch {
            throw .refused("\(error)")
        }
        log.write(.notice, gossip: runner.plan.section.name, change.description)
    }
}
