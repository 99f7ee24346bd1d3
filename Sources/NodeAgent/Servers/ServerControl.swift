import Gossip
import Proxy
import Wire

/// Every event of a server goes through here, without I/O: the registry counts it first, then the gossip's core is told; what the core makes of it comes back as
/// the registry's events.
final class ServerControl {
    /// What is to be done, at once and in this order.
    enum Output {
        /// The registry's effect.
        ///
        /// - Parameter subject: the server or backend that the event was about.
        case effect(ServerRegistry.Effect, about: String)
        /// A server has changed, and its effects are carried out.
        case changed(ServerReference, from: ServerStatus, to: ServerStatus)
        /// The gossip's core is to be told.
        case news(GossipEvent)
        /// All that belongs together is applied to a backend.
        case settled
    }

    /// Every server's present state.
    private(set) var registry: ServerRegistry
    /// The way to the gossip; `nil` while there is none.
    private(set) var bridge: GossipBridge?
    /// The present event comes from outside: its lines are limited.
    private(set) var isHeedingOthers = false
    /// Carries an output out before the next one is made. What it leads to may come back here.
    var carryOut: (Output) -> Void = { _ in }
    private let now: () -> Instant
    private let load: (ServerReference) -> ServerLoad

    /// Controls the servers of `registry`.
    ///
    /// - Parameters:
    ///   - now: the time.
    ///   - load: the sessions that a server has.
    init(_ registry: ServerRegistry, now: @escaping () -> Instant, load: @escaping (ServerReference) -> ServerLoad) {
        (self.registry, self.now, self.load) = (registry, now, load)
    }

    /// A server's present state.
    func status(of server: ServerReference) -> ServerStatus { registry.status(of: server) }

    // MARK: Events of this node

    /// Something has happened to a server, or its operator or resolver wants something else of it.
    func apply(_ event: ServerRegistry.Event, to server: ServerReference) {
        let before = status(of: server)
        change(event, of: server)
        for news in bridge?.events(of: server, from: before, to: status(of: server)) ?? [] { carryOut(.news(news)) }
    }

    /// The same for what concerns this node only: the gossip is not told.
    func change(_ event: ServerRegistry.Event, of server: ServerReference) {
        let before = status(of: server)
        let backend = registry.backends[server.backend]
        let subject = "\(backend.name)/\(backend.servers[server.server].name)"
        for effect in registry.apply(event, to: server, now: now(), load: load) { carryOut(.effect(effect, about: subject)) }
        carryOut(.changed(server, from: before, to: status(of: server)))
    }

    /// The same for what peers or a nameserver have caused: the lines that they cause about each server are limited.
    func heedOthers(_ body: () -> Void) {
        let before = isHeedingOthers
        isHeedingOthers = true
        body()
        isHeedingOthers = before
    }

    /// A check has ended: what it found goes to the core, and by it to the peers. A full server is skipped and not taken for a sick one, between nodes that
    /// know of each other's views, and where sessions may leave it; between such nodes a fault of this node says nothing of the server either.
    ///
    /// - Parameter lag: how far it is behind its source; `nil` for not known.
    func checkFinished(_ result: CheckResult, of server: ServerReference, lag: Duration? = nil) {
        let finding = Finding(result)
        let backend = registry.backends[server.backend]
        let mayRefuse = backend.mayRefuse(backend.servers[server.server])
        let isInconclusive = bridge != nil && [.full, .ownFault].contains(finding) || mayRefuse && finding == .full
        apply(isInconclusive ? .checkInconclusive(result) : .checkFinished(result), to: server)
        if let news = bridge?.observation(finding, result, of: server, status(of: server), lag: lag) { carryOut(.news(news)) }
    }

    /// A session's connect has failed, the last of so many in a row.
    func connectFailed(_ failure: ConnectFailure, inRow count: Int, of server: ServerReference) {
        apply(.connectsFailed(inRow: count), to: server)
        if let news = bridge?.observation(failure, of: server, status(of: server)) { carryOut(.news(news)) }
    }

    /// All is applied that belongs together: people and the load balancer may be told what a backend has come to.
    func settle(_ backend: Int) {
        for effect in registry.settle(backend, now: now()) { carryOut(.effect(effect, about: registry.backends[backend].name)) }
        carryOut(.settled)
    }

    /// A second has passed.
    func timePassed() { for effect in registry.timePassed(now: now()) { carryOut(.effect(effect, about: "")) } }

    // MARK: Events of the gossip

    /// The core has started: it learns what is. The first news also carry out what operators said before the restart.
    func gossipStarted(_ bridge: GossipBridge) {
        self.bridge = bridge
        for (id, server) in zip(bridge.plan.servers.map(\.id), bridge.plan.references) {
            // Asked for each time: what is carried out changes it.
            for fact in GossipBridge.Fact.allCases { carryOut(.news(bridge.event(fact, of: id, status(of: server)))) }
        }
    }

    /// This node has no core any more.
    func gossipEnded() { bridge = nil }

    /// The core has come to another verdict.
    ///
    /// - Parameter failingPeers: the peers whose word says now that the server fails.
    func verdictChanged(_ verdict: ServerVerdict, on id: ServerID, failingPeers: @autoclosure () -> [String]) {
        follow(bridge?.orders(verdict, on: id, failingPeers: failingPeers()))
    }

    /// An operator has said this for the cluster, here or elsewhere, or it has expired.
    ///
    /// - Parameter author: the operator, for the log.
    func administered(_ state: Gossip.AdministrativeState?, weight: Int?, on id: ServerID, by author: String) {
        follow(bridge?.orders(state, weight: weight, on: id, by: author))
    }

    private func follow(_ orders: GossipBridge.Orders?) {
        guard let orders else { return }
        for event in orders.events { apply(event, to: orders.server) }
    }
}
