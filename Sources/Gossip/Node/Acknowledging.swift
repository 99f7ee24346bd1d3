import Wire

/// Whether a peer has a change of this node's.
package struct PeerReceipt: Equatable, Sendable {
    /// The peer's name.
    package let name: String
    /// What this node's ears make of it.
    package let state: PeerState
    /// It has acknowledged the change in this run of it.
    package let isAcknowledged: Bool

    /// A receipt.
    package init(name: String, state: PeerState, isAcknowledged: Bool) { (self.name, self.state, self.isAcknowledged) = (name, state, isAcknowledged) }
}

extension GossipNode {
    /// The number of the latest change in this node's tables: what peers acknowledge.
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
