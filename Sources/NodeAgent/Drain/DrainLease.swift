import Gossip

/// The lease that keeps two nodes from draining at once.
protocol DrainLease {
    /// The cluster's name.
    var cluster: String { get }
    /// The node that holds the lease; `nil` if it is free.
    var holder: DrainLeaseHolder? { get }
    /// Whether this node's clock can stamp a claim.
    var canBeRequested: Bool { get }
    /// Claims the lease if it is free; without effect otherwise. The grant follows once every live peer has the claim.
    func acquire()
    /// Releases the lease, or withdraws the claim.
    func release()
}

/// A node that holds the lease.
enum DrainLeaseHolder: Equatable, Sendable {
    /// This node.
    case thisNode
    /// The node of this name.
    case other(String)
}

extension GossipRunner: DrainLease {
    var cluster: String { plan.section.name }

    var holder: DrainLeaseHolder? { holder(core.holder(ofLease: plan.drainLease, now: now)) }

    /// Translates a member of the cluster; `nil` stays `nil`.
    func holder(_ node: NodeID?) -> DrainLeaseHolder? { node.map { $0 == plan.settings.node ? .thisNode : .other(plan.name(of: $0)) } }

    var canBeRequested: Bool { core.canIssueStamp(now: now) }

    func acquire() { feed(.acquireLease(plan.drainLease)) }

    func release() { feed(.releaseLease(plan.drainLease)) }
}
