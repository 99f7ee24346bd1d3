import Simulation
import Wire

@testable import Gossip
@testable import NodeAgent
@testable import Proxy

/// An agent without its sockets: a registry and, in a `GossipWorld`, a core, connected by the same code as in the agent.
final class BridgedNode {
    /// The last origin of a server's administrative state on this node.
    enum Speaker {
        /// The configuration, or this node's own operator.
        case node
        /// An operator's command for the cluster.
        case cluster
    }

    let servers: ServerControl
    let plan: GossipPlan
    /// The result of a check that a peer requests.
    var answer: (ServerReference) -> CheckResult? = { _ in nil }
    /// The first violation.
    private(set) var problem: String?
    private(set) var paused: Set<ServerReference> = []
    private var speakers: [ServerID: Speaker] = [:]
    private let index: Int
    private unowned let world: GossipWorld
    private var waiting: [(output: GossipOutput, isPeers: Bool)] = []
    private var isHolding = true

    /// A node whose core starts immediately with its stored state.
    init(_ plan: GossipPlan, _ backends: [Backend], index: Int, world: GossipWorld) {
        (self.plan, self.index, self.world) = (plan, index, world)
        let registry = ServerRegistry(backends: backends, now: world.now) { ServerRegistry.numericAddress(of: backends[$0.backend].servers[$0.server]) }
        servers = ServerControl(registry, now: { world.now }, load: { _ in ServerLoad() })
        paused = Set(plan.references.filter { !registry.status(of: $0).isChecked })
        servers.carryOut = { [unowned self] in carryOut($0) }
    }

    /// The core exists: its outputs are performed from here on.
    func open() {
        isHolding = false
        servers.gossipStarted(GossipBridge(plan: plan))
    }

    var core: GossipNode? { world.members[index].core }

    var registry: ServerRegistry { servers.registry }

    private func carryOut(_ output: ServerControl.Output) {
        switch output {
        case .effect(.pauseChecks(let server), _): paused.insert(server)
        case .effect(.resumeChecks(let server), _): paused.remove(server)
        case .gossipEvent(let event): world.local(index, event)
        case .effect, .changed, .changesEnded: break
        }
    }

    /// Applies an event to a server.
    func apply(_ event: ServerRegistry.Event, to server: ServerReference) { servers.apply(event, to: server) }

    /// The core's outputs: each is performed in order, and their consequences at the end, as in `GossipRunner`.
    func take(_ outputs: [GossipOutput], of input: GossipWorld.Input) {
        let isPeers = if case .datagram = input { true } else { false }
        waiting += outputs.map { ($0, isPeers) }
        guard !isHolding else { return }
        isHolding = true
        defer { isHolding = false }
        while !waiting.isEmpty {
            let (output, isPeers) = waiting.removeFirst()
            perform(output, isPeers)
        }
    }

    private func perform(_ output: GossipOutput, _ isPeers: Bool) {
        switch output {
        case .requestCheck(let id):
            if plan.section.policy == .own { complain("a peer asks for a check of \(plan.name(of: id)) under 'own'") }
            world.schedule(after: .milliseconds(1)) { [weak self] in self?.check(id) }
        case .verdictChanged(let id, let verdict):
            if isPeers, plan.section.policy == .own { complain("\(plan.name(of: id)) is \(verdict) by a peer's datagram under 'own'") }
            follow(verdict, on: id)
        case .administrativeChanged(let id, let state, let weight):
            if state != nil { speakers[id] = .cluster }
            servers.administered(state, weight: weight.map(Int.init), on: id, by: "an operator")
        case .send, .peerChanged, .leaseChanged, .leaseGranted, .ballotChanged, .persist, .alert: break
        }
    }

    private func follow(_ verdict: ServerVerdict, on id: ServerID) {
        guard let server = plan.reference(of: id), let configured = plan.servers.first(where: { $0.id == id }) else { return }
        let before = usable(ofProxy: server.backend)
        let isByPeers = verdict == .down(.peers) || verdict == .down(.ownAndPeers)
        let failingPeers = core?.failingPeers(of: id) ?? []
        if isByPeers, failingPeers.isEmpty || plan.section.policy == .own { complain("\(configured.name) is \(verdict) without peers") }
        servers.verdictChanged(verdict, on: id, failingPeers: failingPeers)
        let after = usable(ofProxy: server.backend)
        if isByPeers, after < before, after < configured.minUp { complain("\(configured.name): gossip leaves \(after), min-up is \(configured.minUp)") }
    }

    private func check(_ id: ServerID) {
        guard let server = plan.reference(of: id) else { return }
        if let result = answer(server) { check(server, result) }
    }

    /// Finishes a check, if the server is checked.
    func check(_ server: ServerReference, _ result: CheckResult) {
        guard registry.status(of: server).isChecked else { return }
        servers.checkFinished(result, of: server)
    }

    /// A command of this node's own operator.
    func administer(_ server: ServerReference, _ state: Proxy.AdministrativeState) {
        if let id = plan.identifiers[server] { speakers[id] = .node }
        apply(.setAdministrative(state), to: server)
    }

    /// An operator's command for the cluster; a refusal is a valid answer.
    func administer(_ server: ServerReference, _ state: Proxy.AdministrativeState, _ spread: ClusterCommandOptions) {
        guard let id = plan.identifiers[server] else { return }
        world.with(index) { core, now, outputs in
            try? core.administer(id, state, spread, now: now, into: &outputs)
            core.tick(now: now, into: &outputs)
        }
    }

    /// An operator's weight for the cluster.
    func administer(_ server: ServerReference, weight: UInt16) {
        guard let id = plan.identifiers[server] else { return }
        world.with(index) { core, now, outputs in
            try? core.setWeight(id, weight, now: now, into: &outputs)
            core.tick(now: now, into: &outputs)
        }
    }

    func usable(ofProxy backend: Int) -> Int {
        let status = registry.status(ofBackend: backend)
        return status.activeServers + status.backupServers
    }

    private func complain(_ text: String) { if problem == nil { problem = text } }
}

// MARK: - Invariants after every event

extension BridgedNode {
    /// The first disagreement of registry and core; `nil` without one, and while the core does not run.
    func disagreement(now: Instant) -> String? {
        guard let core else { return nil }
        if let problem { return problem }
        for (id, server) in zip(plan.servers.map(\.id), plan.references) {
            guard let view = core.judge.view(of: id) else { return "\(plan.name(of: id)) is not known to the core" }
            let status = registry.status(of: server)
            guard let broken = broken(status, view, server) ?? brokenWord(status, core, id, now: now) else { continue }
            let registered = "\(status.text)\(status.isHeldDown ? " held" : "")\(status.isFull ? " full" : ""), \(wish(status)), weight \(status.weight)"
            return "\(plan.name(of: id)): \(broken): \(registered) in the registry, \(view.verdict), \(view.own), \(view.effectiveState) in the core"
        }
        for (proxy, backend) in registry.backends.enumerated() where usable(ofProxy: proxy) != core.usableCount(ofProxy: proxy) {
            return "\(backend.name): \(usable(ofProxy: proxy)) usable in the registry, \(core.usableCount(ofProxy: proxy)) in the core"
        }
        return nil
    }

    /// The server's state from operators, weight, role, resolver, agent and the server that it tracks, in HAProxy's order of precedence.
    private func wish(_ status: ServerStatus) -> Gossip.AdministrativeState {
        if status.flags.isMaintenance { return .maint }
        let takesNone = status.weight == 0 || !status.fitness.isFit || status.isStopping || status.isDownByOthers
        return status.flags.isDrain || takesNone ? .drain : .ready
    }

    /// The rule that is broken for a server.
    private func broken(_ status: ServerStatus, _ view: ServerView, _ server: ServerReference) -> String? {
        var (isOff, isFull) = (false, false)
        switch view.verdict {
        case .up: break
        case .down, .blocked: isOff = true
        case .full: isFull = true
        }
        if status.address != view.address { return "the addresses differ" }
        if wish(status) != view.effectiveState { return "the administrative states differ" }
        if status.isFull != isFull { return "full in only one of the two" }
        if status.isHeldDown != (isOff && view.server.policy == .anyDown) { return "held down does not match the core under any-down" }
        if status.isUsable != view.isUsable { return "usable in only one of the two" }
        if status.isChecked == paused.contains(server) { return "checks do not match the maintenance" }
        if status.flags.isMaintenance { return status.isRunning ? "running in maintenance" : nil }
        if status.isDownByOthers { return status.isRunning ? "running while its agent or the server that it tracks is down" : nil }
        if status.isRunning == isOff { return "running does not match the core's DOWN or BLOCKED" }
        guard let health = status.health else { return nil }
        // A running server has the same failure count in both.
        if status.isRunning, view.own != .up(failures: health.max - health.value) { return "the failure counts differ" }
        return view.isOwnDown && health.isUp ? "down by own checks in the core only" : nil
    }

    /// A cluster command applies until it expires or a node's own operator overrides it. The 5 ms around an expiry are skipped.
    private func brokenWord(_ status: ServerStatus, _ core: GossipNode, _ id: ServerID, now: Instant) -> String? {
        guard speakers[id] == .cluster else { return nil }
        let state = core.administrativeState(of: id, now: now)
        guard state == core.administrativeState(of: id, now: now.advanced(by: .milliseconds(-5))) else { return nil }
        let forced: Gossip.AdministrativeState = status.flags.contains(.forcedMaintenance) ? .maint : status.flags.isDrain ? .drain : .ready
        return forced == state ? nil : "the cluster command is \(state), but the state is \(forced)"
    }
}
