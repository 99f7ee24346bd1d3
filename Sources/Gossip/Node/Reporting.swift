import Wire

/// The state of a peer for reports.
package struct PeerReport: Equatable, Sendable {
    /// The peer's identifier.
    package let id: NodeID
    /// The peer's name.
    package let name: String
    /// The peer's state as this node sees it.
    package let state: PeerState
    /// The proven address, or the configured one before the proof.
    package let address: SocketAddress?
    /// The proven session; 0 before the proof.
    package let session: UInt64
    /// The time since the last datagram from the peer; `nil` before the first.
    package let silence: Duration?
    /// The loss from the peer in per cent.
    package let lossFrom: Int
    /// The loss to the peer in per cent, as the peer reports it.
    package let lossTo: Int
    /// The ids of the keys that the peer reports.
    package let keys: [UInt32]
}

extension GossipNode {
    /// Returns a report on every peer, in the order of the settings.
    package func peerReports(now: Instant) -> [PeerReport] {
        settings.peers.compactMap { configured in
            guard let index = peerIndex(configured.id) else { return nil }
            let peer = peers[index]
            return PeerReport(
                id: peer.id, name: peer.name, state: peer.state, address: peer.address ?? peer.configured, session: peer.session,
                silence: peer.state == .unknown ? nil : silence(of: index, now: now), lossFrom: peer.lossFromPeer, lossTo: peer.lossToPeer, keys: peer.keys)
        }
    }

    /// Returns the node whose command applies to a server, and whether the command has expired.
    package func command(of server: ServerID, now: Instant) -> (origin: NodeID, isOver: Bool)? {
        guard let row = tables.administrative[server] else { return nil }
        return (row.origin, row.effective(wall: wallMilliseconds(now)) != row.state)
    }

    /// Returns the names of the peers whose rows report failures of a server, in the order of the settings.
    package func failingPeers(of server: ServerID) -> [String] {
        guard let view = judge.view(of: server) else { return [] }
        let rows = witnesses(of: server).filter { $0.address == view.address && ($0.verdict == .down || $0.failures > 0) }
        return settings.peers.filter { peer in rows.contains { $0.observer == peer.id } }.map(\.name)
    }
}
