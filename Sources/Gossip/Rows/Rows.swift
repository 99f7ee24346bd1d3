import Wire

/// The state of a node in its own or a peer's view.
package enum MemberRank: UInt8, Comparable, Sendable {
    /// The node sends datagrams.
    case alive = 0
    /// The node is silent, and no conclusion has been drawn yet.
    case suspect = 1
    /// The reporting node has received nothing from this node for `dead-after`.
    case dead = 2
    /// The node has announced its exit in this session.
    case left = 3

    /// Orders by severity.
    package static func < (left: MemberRank, right: MemberRank) -> Bool { left.rawValue < right.rawValue }
}

/// A claim about one node. Rows are ordered by (session, refutations, rank), and merging keeps the higher one.
package struct MemberRow: Equatable, Sendable {
    /// The node that the claim is about.
    package var node: NodeID
    /// The node's gossip session.
    package var session: UInt64
    /// How often the node has refuted its death in this session.
    package var refutations: UInt32
    /// The claim.
    package var rank: MemberRank

    /// A row from its parts.
    package init(node: NodeID, session: UInt64, refutations: UInt32, rank: MemberRank) {
        (self.node, self.session, self.refutations, self.rank) = (node, session, refutations, rank)
    }

    /// True when merging replaces `other` by this row.
    package func isNewer(than other: MemberRow) -> Bool {
        (session, refutations, rank) > (other.session, other.refutations, other.rank)
    }
}

/// An observer's verdict on a server.
package enum HealthVerdict: UInt8, CaseIterable, Sendable {
    /// Not checked yet, or the fault may be the observer's own.
    case unknown = 0
    /// Up by the observer's own `rise` and `fall`.
    case up = 1
    /// Down by the observer's own `rise` and `fall`.
    case down = 2
    /// The server answers "Too many connections": it is alive and should get no sessions at the moment.
    case full = 3
    /// The server refuses the observer's host. The verdict applies to the observer only.
    case blocked = 4
}

/// One observer's view of one server. Only the observer writes the row; merging keeps the higher (session, version).
package struct HealthRow: Equatable, Sendable {
    /// The node that checked.
    package var observer: NodeID
    /// The observer's gossip session.
    package var session: UInt64
    /// Starts at 1 and rises by one with each change.
    package var version: UInt32
    /// The server that was checked.
    package var server: ServerID
    /// The result.
    package var verdict: HealthVerdict
    /// The status of the check, numbered as in `show servers state`.
    package var code: UInt8
    /// The check's duration in microseconds.
    package var latency: UInt32
    /// Replication lag in milliseconds; `UInt32.max` when unknown.
    package var lag: UInt32
    /// The server's weight on the observer.
    package var weight: UInt16
    /// Failures in a row; 0 after a passed check.
    package var failures: UInt16
    /// The time of the check on the clock of the node that holds the row: the wire carries an age.
    package var observed: Instant
    /// The resolved address that was checked. A node ignores the view when its own address of the server differs.
    package var address: SocketAddress?
    /// What the observer's checks ask, as a hash; 0 if it is not stated. A node ignores the view when its own checks ask something else.
    package var check: UInt32

    /// A row from its parts.
    package init(
        observer: NodeID, session: UInt64, version: UInt32, server: ServerID, verdict: HealthVerdict, code: UInt8 = 0, latency: UInt32 = 0,
        lag: UInt32 = .max, weight: UInt16 = 1, failures: UInt16 = 0, observed: Instant, address: SocketAddress?, check: UInt32 = 0
    ) {
        (self.observer, self.session, self.version, self.server, self.verdict) = (observer, session, version, server, verdict)
        (self.code, self.latency, self.lag, self.weight, self.failures) = (code, latency, lag, weight, failures)
        (self.observed, self.address, self.check) = (observed, address, check)
    }

    /// True when merging replaces `other` by this row. Both rows have the same observer and server.
    package func isNewer(than other: HealthRow) -> Bool { (session, version) > (other.session, other.version) }
}

/// The state of a server that an operator has set.
package enum AdministrativeState: UInt8, CaseIterable, Sendable {
    /// The server takes sessions while it is healthy.
    case ready = 0
    /// No new sessions.
    case drain = 1
    /// No sessions, no checks.
    case maint = 2
}

/// An operator's command for a server, valid in the whole cluster. The last writer wins, by (stamp, origin).
package struct AdministrativeRow: Equatable, Sendable {
    /// The server.
    package var server: ServerID
    /// The time of the command on the hybrid clock.
    package var stamp: HybridTime
    /// The node that received the command.
    package var origin: NodeID
    /// The state that the operator has set.
    package var state: AdministrativeState
    /// The weight that the operator has set, 0 to 256; `nil` keeps the configured one.
    package var weight: UInt16?
    /// UNIX milliseconds at which the server counts as ready again; `nil` for no limit.
    package var expiry: UInt64?

    /// A row from its parts.
    package init(server: ServerID, stamp: HybridTime, origin: NodeID, state: AdministrativeState, weight: UInt16? = nil, expiry: UInt64? = nil) {
        (self.server, self.stamp, self.origin, self.state, self.weight, self.expiry) = (server, stamp, origin, state, weight, expiry)
    }

    /// True when merging replaces `other` by this row. Two rows of one stamp and origin differ only when a node's memory was rolled back; the other fields
    /// break the tie, so that every node chooses the same row.
    package func isNewer(than other: AdministrativeRow) -> Bool {
        let mine = (stamp, origin, state.rawValue, UInt64(weight ?? .max), expiry ?? .max)
        return mine > (other.stamp, other.origin, other.state.rawValue, UInt64(other.weight ?? .max), other.expiry ?? .max)
    }

    /// Returns the state at `wall`, in UNIX milliseconds: `ready` after the expiry.
    package func effective(wall: UInt64) -> AdministrativeState { expiry.map { $0 <= wall } == true ? .ready : state }
}

/// A lease of a name: the advisory lock by which nodes drain one after another.
package struct LeaseRow: Equatable, Sendable {
    /// The first 8 bytes of SHA-256 of the lease's name.
    package var name: UInt64
    /// Rises by one with each new holder.
    package var epoch: UInt64
    /// The time of the holder's request: of two requests in one epoch the earlier one wins.
    package var stamp: HybridTime
    /// The node that holds the lease.
    package var holder: NodeID
    /// Rises by one with each renewal, and with the release.
    package var version: UInt32
    /// False once the holder has released it.
    package var isHeld: Bool
    /// The end of the lease on the clock of the node that holds the row: the wire carries the remaining time.
    package var expiry: Instant

    /// A row from its parts.
    package init(name: UInt64, epoch: UInt64, stamp: HybridTime, holder: NodeID, version: UInt32, isHeld: Bool, expiry: Instant) {
        (self.name, self.epoch, self.stamp, self.holder, self.version) = (name, epoch, stamp, holder, version)
        (self.isHeld, self.expiry) = (isHeld, expiry)
    }

    /// True when merging replaces `other` by this row.
    package func isNewer(than other: LeaseRow) -> Bool {
        if epoch != other.epoch { return epoch > other.epoch }
        if (stamp, holder) != (other.stamp, other.holder) { return (stamp, holder) < (other.stamp, other.holder) }
        return (version, isHeld ? 0 : 1) > (other.version, other.isHeld ? 0 : 1)
    }
}
