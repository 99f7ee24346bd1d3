import Wire

/// Whether a peer has received a change of this node.
package struct PeerReceipt: Equatable, Sendable {
    /// The peer's name.
    package let name: String
    /// How this node sees the peer.
    package let state: PeerState
    /// The peer has acknowledged the change in its current run.
    package let isAcknowledged: Bool

    /// A receipt.
    package init(name: String, state: PeerState, isAcknowledged: Bool) { (self.name, self.state, self.isAcknowledged) = (name, state, isAcknowledged) }
}

extension GossipNode {
    /// The number of the latest change in this node's tables, which peers acknowledge.
    package var revision: UInt64 { tables.revision }

    /// Which peers have acknowledged everything through `revision`, in the order of the settings.
    package func receipts(of revision: UInt64) -> [PeerReceipt] {
        settings.peers.compactMap { configured in
            guard let index = peerIndex(configured.id) else { return nil }
            let peer = peers[index]
            return PeerReceipt(name: peer.name, state: peer.state, isAcknowledged: peer.isWitness && peer.delivery.acknowledged >= revision)
        }
    }
}
