import Wire

/// What one live peer's own looks say of a proxy's servers.
package struct PeerSight: Equatable, Sendable {
    /// Whose.
    package let peer: NodeID
    /// Servers that its last check found in order, and that take traffic.
    package let usable: Int
    /// Servers that are failing its checks, but not often enough yet.
    package let failing: Int
    /// Servers it has looked at at all.
    package let seen: Int
}

extension GossipNode {
    /// What each live peer that has looked at any of `servers` sees of them, in the order of the settings.
    ///
    /// By its rows, which tell its own looks and no rumour. A server that operators have taken out for the whole cluster is usable nowhere. The
    /// address does not matter: a peer that reaches the server at another one reaches it.
    package func sights(of servers: [ServerID], now: Instant) -> [PeerSight] {
        var sights: [PeerSight] = []
        for peer in settings.peers {
            var (usable, failing, seen) = (0, 0, 0)
            for server in servers {
                guard let row = witnesses(of: server).first(where: { $0.observer == peer.id }) else { continue }
                seen += 1
                guard row.verdict == .up, row.weight > 0, administrativeState(of: server, now: now) == .ready else { continue }
                if row.failures == 0 { usable += 1 } else { failing += 1 }
            }
            if seen > 0 { sights.append(PeerSight(peer: peer.id, usable: usable, failing: failing, seen: seen)) }
        }
        return sights
    }
}
