import Gossip
import LinuxIO
import Proxy
import Seals
import Wire

/// Why a command for the cluster, or for its keys, changed nothing.
enum ClusterCommandError: Error, Equatable, Sendable {
    /// The gossip knows no such server.
    case unknownServer
    /// Anything else, in a sentence.
    case refused(String)
}

/// This node's gossip, from its start to its end: what it hears goes to the handlers, what happens here and what operators say goes to it.
final class GossipControl {
    /// What the owner does with what the gossip says. All are called on the reactor's thread and may feed the gossip.
    struct Handlers {
        /// The core has started, and can be fed.
        var opened: (GossipPlan) -> Void
        /// It hears and speaks.
        var started: () -> Void
        /// This server is to be checked now.
        var requestCheck: (ServerReference) -> Void
        /// What to do with a server has changed.
        var verdictChanged: (ServerID, ServerVerdict) -> Void
        /// What an operator wants of a server, cluster-wide.
        var administered: (ServerID, Gossip.AdministrativeState?, _ weight: Int?, _ author: String) -> Void
        /// Another node holds the lease of those that drain; `nil` for none.
        var drainLeaseChanged: (NodeID?) -> Void
        /// Every live peer knows that this node holds that lease.
        var drainLeaseGranted: () -> Void
        /// A peer has come, gone, or follows somebody else in some matter.
        var ballotsChanged: () -> Void
        /// This runner keeps the addresses of peers current: it is to be started, and stopped at the end.
        var resolve: (ResolverRunner) -> Void
    }

    /// The error for an operator's command that cannot be stamped.
    static let clockUnusable =
        "Nothing was changed: this node's clock is in the year 4199 or later, or was set back by more than ten years since it started. "
        + "Set the clock, then reload this node."

    private let reactor: Reactor
    private let log: any EventLog
    /// Until it starts; `nil` without a section, too.
    private var resources: GossipRunner.Resources?
    /// What is remembered before the start and after the end.
    private var idleMemory: GossipMemory?
    /// The gossip, while this process speaks for the node.
    private(set) var runner: GossipRunner?

    /// A gossip that is silent before `start`; for ever without `resources`.
    init(_ resources: GossipRunner.Resources?, reactor: Reactor, log: any EventLog) {
        (self.resources, idleMemory) = (resources, resources?.memory)
        (self.reactor, self.log) = (reactor, log)
    }

    /// What outlives the process.
    var memory: GossipMemory? { runner?.memory ?? idleMemory }

    /// An earlier process remembers this.
    func remember(_ memory: GossipMemory) { idleMemory = memory }

    /// Starts, if it has not; what it cannot is logged.
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

    /// What keeps the addresses of peers with names current. A peer whose name is lost is looked for where it was.
    private func resolver(of peers: [GossipPlan.NamedPeer], _ settings: ResolverSettings, _ runner: GossipRunner) -> ResolverRunner {
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
        return ResolverRunner(settings: settings, servers: servers, reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
    }

    /// Something has happened on this node. Means nothing while there is no gossip.
    func feed(_ event: GossipEvent) { runner?.feed(event) }

    // MARK: The end

    /// Says goodbye; what it knows can still be asked for.
    func stop() { runner?.stop() }

    /// Says goodbye, and neither speaks nor starts from here on.
    func leave() {
        stop()
        (resources, runner) = (nil, nil)
    }

    /// Is silent from here on, without a goodbye: another process says the next word.
    func handOver() {
        if let runner { idleMemory = runner.handOver() }
        runner = nil
    }

    // MARK: What is known

    /// The peers whose word says now that a server fails.
    func failingPeers(of server: ServerID) -> [String] { runner?.core.failingPeers(of: server) ?? [] }

    /// What the live peers see of these servers.
    func sights(of servers: [ServerReference]) -> [(usable: Int, failing: Int)] {
        guard let runner else { return [] }
        return runner.core.sights(of: servers.compactMap { runner.plan.identifiers[$0] }, now: reactor.now).map { ($0.usable, $0.failing) }
    }

    /// `show gossip`; `nil` while there is none.
    var report: GossipReport? { runner.map { GossipReport($0, now: reactor.now) } }

    // MARK: Operators

    /// An operator's state for all nodes: spread first, and carried out here as everywhere.
    func administer(_ server: ServerReference, _ state: Proxy.AdministrativeState, _ spread: ClusterSpread) throws(ClusterCommandError) {
        try administer(server) { (core, id, now, outputs) throws(AdministrationRefusal) in
            try core.administer(id, state, spread, now: now, into: &outputs)
        }
    }

    /// An operator's weight for all nodes.
    func administer(_ server: ServerReference, weight: Int) throws(ClusterCommandError) {
        try administer(server) { (core, id, now, outputs) throws(AdministrationRefusal) in
            try core.setWeight(id, UInt16(clamping: weight), now: now, into: &outputs)
        }
    }

    private func administer(
        _ server: ServerReference, _ body: (inout GossipNode, ServerID, Instant, inout GossipOutputs) throws(AdministrationRefusal) -> Void
    ) throws(ClusterCommandError) {
        guard let runner else { throw .refused("There is no cluster: add a 'gossip' section, or leave 'on cluster' out.") }
        guard let id = runner.plan.identifiers[server] else { throw .refused("The proxy is disabled.") }
        do throws(AdministrationRefusal) {
            try runner.operate { (core, now, outputs) throws(AdministrationRefusal) in try body(&core, id, now, &outputs) }
        } catch {
            switch error {
            case .lastUsable: throw .refused("This is the last usable server of its proxy: say 'force' to take it all the same.")
            case .unknownServer: throw .unknownServer
            case .clockUnusable: throw .refused(Self.clockUnusable)
            }
        }
    }

    /// Changes the ring of this node.
    func changeKeys(_ change: KeyChange) throws(ClusterCommandError) {
        guard let runner else { throw .refused("There is no 'gossip' section, and so there are no keys.") }
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
