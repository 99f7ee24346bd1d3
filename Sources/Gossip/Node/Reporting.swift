import Wire

/// What is known of one peer, for people.
package struct PeerReport: Equatable, Sendable {
    /// Which node.
    package let id: NodeID
    /// Its name.
    package let name: String
    /// What this node's ears make of it.
    package let state: PeerState
    /// Where it was proven to be, else where it is looked for.
    package let address: SocketAddress?
    /// Its run, once proven; 0 before.
    package let session: UInt64
    /// How long it has not been heard; `nil` when it never was.
    package let silence: Duration?
    /// Per cent of datagrams lost from it.
    package let lossFrom: Int
    /// Per cent of datagrams lost to it, as it says.
    package let lossTo: Int
    /// The ids of the keys it says it holds.
    package let keys: [UInt32]
}

extension GossipNode {
    /// Every peer, in the order of the settings.
    package func peerReports(now: Instant) -> [PeerReport] {
        settings.peers.compactMap { configured in
            guard let index = peerIndex(configured.id) else { return nil }
            let peer = peers[index]
            return PeerReport(
                id: peer.id, name: peer.name, state: peer.state, address: peer.address ?? peer.configured, session: peer.session,
                silence: peer.state == .unknown ? nil : silence(of: index, now: now), lossFrom: peer.lossFromPeer, lossTo: peer.lossToPeer, keys: peer.keys)
        }
    }

    /// Whose command counts for a server, and whether it has expired.
    package func word(of server: ServerID, now: Instant) -> (origin: NodeID, isOver: Bool)? {
        guard let row = tables.administrative[server] else { return nil }
        return (row.origin, row.effective(wall: wallMilliseconds(now)) != row.state)
    }

    /// The names of the peers whose word says now that a server fails, in the order of the settings.
    package func failingPeers(of server: ServerID) -> [String] {
        guard let view = judge.view(of: server) else { return [] }
        let rows = witnesses(of: server).filter { $0.address == view.address && ($0.verdict == .down || $0.failures > 0) }
        return settings.peers.filter { peer in rows.contains { $0.observer == peer.id } }.map(\.name)
    }
}
