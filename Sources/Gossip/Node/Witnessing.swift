import Wire

/// What one live peer's own looks say of a proxy's servers.
package struct PeerSight: Equatable, Sendable {
    /// Whose.
    package let peer: NodeID
    /// Servers that its last check found in order, and that take traffic.
    package fileprivate(set) var usable = 0
    /// Servers that are failing its checks, but not often enough yet.
    package fileprivate(set) var failing = 0
    /// Servers it has looked at at all.
    package fileprivate(set) var seen = 0
}

extension GossipNode {
    /// What each live peer that has looked at any of `servers` sees of them, in the order of the settings.
    ///
    /// By its rows, which tell its own looks and no rumour. A server that operators have taken out for the whole cluster is usable nowhere. The
    /// address does not matter: a peer that reaches the server at another one reaches it.
    package func sights(of servers: [ServerID], now: Instant) -> [PeerSight] {
        var sights = settings.peers.map { PeerSight(peer: $0.id) }
        for server in servers {
            let isReady = administrativeState(of: server, now: now) == .ready
            for row in witnesses(of: server) {
                guard let place = settings.peers.firstIndex(where: { $0.id == row.observer }) else { continue }
                sights[place].seen += 1
                guard isReady, row.verdict == .up, row.weight > 0 else { continue }
                if row.failures == 0 { sights[place].usable += 1 } else { sights[place].failing += 1 }
            }
        }
        return sights.filter { $0.seen > 0 }
    }
}
