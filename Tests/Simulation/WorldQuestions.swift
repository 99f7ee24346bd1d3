import Gossip
import Wire

/// What tests ask of a world.
extension GossipWorld {
    /// What the node `index` makes of `peer`.
    package func state(of peer: Int, at index: Int) -> PeerState? { members[index].core?.state(of: Self.id(peer)) }

    /// What a node does with a server.
    package func verdict(_ server: ServerID, at index: Int) -> ServerVerdict? { members[index].core?.verdict(of: server) }

    /// Everybody sees everybody.
    package var allAlive: Bool {
        members.indices.allSatisfy { one in members.indices.allSatisfy { $0 == one || state(of: $0, at: one) == .alive } }
    }

    /// All running nodes have the same rows.
    package var tablesAreEqual: Bool {
        let hashes = members.compactMap { $0.core?.tables.hash }
        return hashes.allSatisfy { $0 == hashes.first }
    }

    /// What a node has told people.
    package func alerts(_ index: Int) -> [GossipAlert] {
        members[index].log.compactMap { if case .alert(let alert) = $0.output { alert } else { nil } }
    }

    /// What a node has said of a peer.
    package func peerChanges(_ index: Int, of peer: Int) -> [(at: Instant, state: PeerState)] {
        members[index].log.compactMap {
            if case .peerChanged(GossipWorld.id(peer), let state, _) = $0.output { ($0.at, state) } else { nil }
        }
    }

    /// When a node said that of a server, last.
    package func lastVerdict(_ server: ServerID, at index: Int) -> (at: Instant, verdict: ServerVerdict)? {
        members[index].log.last { if case .verdictChanged(server, _) = $0.output { true } else { false } }.flatMap {
            if case .verdictChanged(_, let verdict) = $0.output { ($0.at, verdict) } else { nil }
        }
    }

    /// When a node asked for checks.
    package func requestedChecks(_ index: Int) -> [Instant] {
        members[index].log.compactMap { if case .requestCheck = $0.output { $0.at } else { nil } }
    }

    /// Shuts everything between the two groups off.
    package func partition(_ left: [Int], _ right: [Int]) {
        for one in left { for other in right { network.blocked += [(one, other), (other, one)] } }
    }

    /// Lets everything pass.
    package func heal() { network.blocked = [] }
}
