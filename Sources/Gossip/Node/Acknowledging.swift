import Wire

/// Shows whether a peer has received a change of this node.
package struct PeerAcknowledgement: Equatable, Sendable {
    /// The peer's name.
    package let name: String
    /// The peer's state as this node sees it.
    package let state: PeerState
    /// True when the peer has acknowledged the change in its current session.
    package let isAcknowledged: Bool

    /// Creates an acknowledgement.
    package init(name: String, state: PeerState, isAcknowledged: Bool) { (self.name, self.state, self.isAcknowledged) = (name, state, isAcknowledged) }
}

extension GossipNode {
    /// The number of the latest change in this node's tables. Peers acknowledge these numbers.
    package var revision: UInt64 { tables.revision }

    /// Shows for each peer, in the order of the settings, whether it has acknowledged everything up to `revision`.
    package func acknowledgements(of revision: UInt64) -> [PeerAcknowledgement] {
        settings.peers.compactMap { configured in
            guard let index = peerIndex(configured.id) else { return nil }
            let peer = peers[index]
            return PeerAcknowledgement(name: peer.name, state: peer.state, isAcknowledged: peer.isWitness && peer.delivery.acknowledged >= revision)
        }
    }
}
