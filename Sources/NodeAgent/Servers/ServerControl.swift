import Gossip
import Proxy
import Wire

/// The entry point for every event of a server, without I/O. The registry counts an event first, then the gossip's core gets it; the core's conclusions return
/// as registry events.
final class ServerControl {
    /// An action for the owner, performed immediately and in order.
    enum Output {
        /// An effect of the registry.
        ///
        /// - Parameter about: the server or backend that the event was about.
        case effect(ServerRegistry.Effect, about: String)
        /// A server has changed, and the effects of the change have been carried out.
        case changed(ServerReference, from: ServerStatus, to: ServerStatus)
        /// An event for the gossip's core.
        case gossipEvent(GossipEvent)
        /// A group of changes to a backend is complete.
        case changesEnded
    }

    /// Every server's present state.
    private(set) var registry: ServerRegistry
    /// The bridge to the gossip; `nil` while the gossip does not run.
    private(set) var bridge: GossipBridge?
    /// Whether peers or a nameserver have caused the present event, so that its log lines are limited.
    private(set) var isLimitingLogs = false
    /// Performs an output before the next one is produced. It may call this object again.
    var carryOut: (Output) -> Void = { _ in }
    private let now: () -> Instant
    private let load: (ServerReference) -> ServerLoad

    /// Controls the servers of `registry`.
    ///
    /// - Parameters:
    ///   - now: returns the time.
    ///   - load: returns the number of sessions that a server has.
    init(_ registry: ServerRegistry, now: @escaping () -> Instant, load: @escaping (ServerReference) -> ServerLoad) {
        (self.registry, self.now, self.load) = (registry, now, load)
    }

    /// A server's present state.
    func status(of server: ServerReference) -> ServerStatus { registry.status(of: server) }

    // MARK: Events of this node

    /// Applies an event to a server and passes the change to the gossip.
    func apply(_ event: ServerRegistry.Event, to server: ServerReference) {
        let before = status(of: server)
        change(event, of: server)
        for gossipEvent in bridge?.events(of: server, from: before, to: status(of: server)) ?? [] { carryOut(.gossipEvent(gossipEvent)) }
    }

    /// Applies an event that concerns this node only: the gossip does not get it.
    func change(_ event: ServerRegistry.Event, of server: ServerReference) {
        let before = status(of: server)
        let backend = registry.backends[server.backend]
        let subject = "\(backend.name)/\(backend.servers[server.server].name)"
        for effect in registry.apply(event, to: server, now: now(), load: load) {
            if case .trackerChanged(let tracker, let reason) = effect {
                apply(.trackedChanged(reason: reason), to: tracker)
            } else {
                carryOut(.effect(effect, about: subject))
            }
        }
        carryOut(.changed(server, from: before, to: status(of: server)))
    }

    /// Runs `body` for events that peers or a nameserver have caused: the log lines about each server are limited.
    func limitingLogs(_ body: () -> Void) {
        let before = isLimitingLogs
        isLimitingLogs = true
        body()
        isLimitingLogs = before
    }

    /// Applies the result of a check, and passes it to the gossip's core, which sends it to the peers. A full server is skipped, not failed, if nodes share
    /// their views or if sessions may leave the server. If nodes share their views, a fault of this node is no evidence against the server either. The same
    /// applies to an external check that this node could not make, because no program has tried to reach the server.
    ///
    /// - Parameter lag: how far the server is behind its source; `nil` if unknown.
    /// - Returns: the result as it counts.
    @discardableResult
    func checkFinished(_ result: CheckResult, of server: ServerReference, lag: Duration? = nil) -> CheckResult {
        let result = registry.counted(result, of: server)
        let finding = Finding(result)
        let backend = registry.backends[server.backend]
        let mayRefuse = backend.mayRefuse(backend.servers[server.server])
        let isUnmade = finding == .ownFault && backend.check == .external
        let isInconclusive = isUnmade || bridge != nil && [.full, .ownFault].contains(finding) || mayRefuse && finding == .full
        apply(isInconclusive ? .checkInconclusive(result) : .checkFinished(result), to: server)
        if let gossipEvent = bridge?.observation(finding, result, of: server, status(of: server), lag: lag) { carryOut(.gossipEvent(gossipEvent)) }
        return result
    }

    /// Applies the failed connect of a session, the last of `count` consecutive ones.
    func connectFailed(_ failure: ConnectFailure, consecutive count: Int, of server: ServerReference) {
        apply(.connectsFailed(consecutive: count), to: server)
        if let gossipEvent = bridge?.observation(failure, of: server, status(of: server)) { carryOut(.gossipEvent(gossipEvent)) }
    }

    /// Ends a group of changes: the log and the load balancer may now learn the state of the backend.
    func endChanges(_ backend: Int) {
        for effect in registry.updateBackend(backend, now: now()) { carryOut(.effect(effect, about: registry.backends[backend].name)) }
        carryOut(.changesEnded)
    }

    /// Applies the registry's timed changes. Call it each second.
    func timePassed() { for effect in registry.timePassed(now: now()) { carryOut(.effect(effect, about: "")) } }

    // MARK: Events of the gossip

    /// Feeds the started core with the state of all servers. Operators' commands from before a restart take effect here.
    func gossipStarted(_ bridge: GossipBridge) {
        self.bridge = bridge
        for (id, server) in zip(bridge.plan.servers.map(\.id), bridge.plan.references) {
            // Read the status again for each fact, because an earlier fact may have changed it.
            for fact in GossipBridge.Fact.allCases {
                if let gossipEvent = bridge.event(fact, of: id, status(of: server)) { carryOut(.gossipEvent(gossipEvent)) }
            }
        }
    }

    /// Stops feeding the core, which has stopped.
    func gossipEnded() { bridge = nil }

    /// Applies a new verdict of the core.
    ///
    /// - Parameter failingPeers: the peers that currently report the server as failing.
    func verdictChanged(_ verdict: ServerVerdict, on id: ServerID, failingPeers: @autoclosure () -> [String]) {
        execute(bridge?.orders(verdict, on: id, failingPeers: failingPeers()))
    }

    /// Applies an operator's command for the cluster, given on any node, or its expiry.
    ///
    /// - Parameter author: the operator, for the log.
    func administered(_ state: Gossip.AdministrativeState?, weight: Int?, on id: ServerID, by author: String) {
        execute(bridge?.orders(state, weight: weight, on: id, by: author))
    }

    private func execute(_ orders: GossipBridge.Orders?) {
        guard let orders else { return }
        for event in orders.events { apply(event, to: orders.server) }
    }
}
