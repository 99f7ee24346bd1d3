import Gossip

/// The lease that keeps two nodes from draining at once.
protocol DrainLease {
    /// The cluster's name.
    var cluster: String { get }
    /// Which node holds it; `nil` for none.
    var holder: DrainLeaseHolder? { get }
    /// Whether this node's clock lets it ask for the lease.
    var canBeAskedFor: Bool { get }
    /// Asks for the lease, or takes it if it is free.
    func acquire()
    /// Gives the lease back, or asks for it no longer.
    func release()
}

/// A node that holds the lease.
enum DrainLeaseHolder: Equatable, Sendable {
    /// This one.
    case thisNode
    /// The node of this name.
    case other(String)
}

extension GossipRunner: DrainLease {
    var cluster: String { plan.section.name }

    var holder: DrainLeaseHolder? { holder(core.holder(ofLease: plan.drainLease, now: now)) }

    /// A node in the lease's terms; `nil` for none.
    func holder(_ node: NodeID?) -> DrainLeaseHolder? { node.map { $0 == plan.settings.node ? .thisNode : .other(plan.name(of: $0)) } }

    var canBeAskedFor: Bool { core.canStamp(now: now) }

    func acquire() { feed(.acquireLease(plan.drainLease)) }

    func release() { feed(.releaseLease(plan.drainLease)) }
}
