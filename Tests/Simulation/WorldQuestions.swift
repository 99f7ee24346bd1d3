import Gossip
import Wire

/// Queries of tests about a world.
extension GossipWorld {
    /// The state of `peer` as the node `index` sees it.
    package func state(of peer: Int, at index: Int) -> PeerState? { members[index].core?.state(of: Self.id(peer)) }

    /// A node's verdict on a server.
    package func verdict(_ server: ServerID, at index: Int) -> ServerVerdict? { members[index].core?.verdict(of: server) }

    /// True when every node sees every other node alive.
    package var allAlive: Bool {
        members.indices.allSatisfy { one in members.indices.allSatisfy { $0 == one || state(of: $0, at: one) == .alive } }
    }

    /// True when all running nodes have the same rows.
    package var tablesAreEqual: Bool {
        let hashes = members.compactMap { $0.core?.tables.hash }
        return hashes.allSatisfy { $0 == hashes.first }
    }

    /// The alerts of a node.
    package func alerts(_ index: Int) -> [GossipAlert] {
        members[index].log.compactMap { if case .alert(let alert) = $0.output { alert } else { nil } }
    }

    /// The state changes of a peer that a node has output.
    package func peerChanges(_ index: Int, of peer: Int) -> [(at: Instant, state: PeerState)] {
        members[index].log.compactMap {
            if case .peerChanged(GossipWorld.id(peer), let state, _) = $0.output { ($0.at, state) } else { nil }
        }
    }

    /// The latest verdict that a node has output for a server, with its time.
    package func lastVerdict(_ server: ServerID, at index: Int) -> (at: Instant, verdict: ServerVerdict)? {
        members[index].log.last { if case .verdictChanged(server, _) = $0.output { true } else { false } }.flatMap {
            if case .verdictChanged(_, let verdict) = $0.output { ($0.at, verdict) } else { nil }
        }
    }

    /// The times at which a node requested checks.
    package func requestedChecks(_ index: Int) -> [Instant] {
        members[index].log.compactMap { if case .requestCheck = $0.output { $0.at } else { nil } }
    }

    /// Blocks all datagrams between the two groups.
    package func partition(_ left: [Int], _ right: [Int]) {
        for one in left { for other in right { network.blocked += [(one, other), (other, one)] } }
    }

    /// Unblocks all datagrams.
    package func heal() { network.blocked = [] }
}
