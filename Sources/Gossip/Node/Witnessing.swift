import Wire

/// A live peer's view of a proxy's servers, by its own checks.
package struct PeerView: Equatable, Sendable {
    /// The peer's identifier.
    package let peer: NodeID
    /// Servers that take traffic and passed the peer's last check.
    package fileprivate(set) var usable = 0
    /// Servers that still take traffic although they fail the peer's checks: fewer than `fall` times so far.
    package fileprivate(set) var failing = 0
    /// Servers that the peer has checked.
    package fileprivate(set) var seen = 0
}

extension GossipNode {
    /// Returns the view of each live peer that has checked any of `servers`, in the order of the settings.
    ///
    /// The rows contain the peer's own checks only. A server that operators have taken out in the whole cluster is not usable on any node. The address does not
    /// matter: a peer may reach the same server at a different one.
    package func peerViews(of servers: [ServerID], now: Instant) -> [PeerView] {
        var peerViews = settings.peers.map { PeerView(peer: $0.id) }
        for server in servers {
            let isReady = administrativeState(of: server, now: now) == .ready
            for row in witnesses(of: server) {
                guard let place = settings.peers.firstIndex(where: { $0.id == row.observer }) else { continue }
                peerViews[place].seen += 1
                guard isReady, row.verdict == .up, row.weight > 0 else { continue }
                if row.failures == 0 { peerViews[place].usable += 1 } else { peerViews[place].failing += 1 }
            }
        }
        return peerViews.filter { $0.seen > 0 }
    }
}
