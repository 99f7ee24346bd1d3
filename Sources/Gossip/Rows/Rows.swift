import Wire

/// How far a node is on its way out.
package enum MemberRank: UInt8, Comparable, Sendable {
    /// It is heard.
    case alive = 0
    /// It has been silent; nobody has concluded anything.
    case suspect = 1
    /// Whoever says so has not heard it for long enough.
    case dead = 2
    /// It has said goodbye in this session.
    case left = 3

    /// Orders by how bad the news is.
    package static func < (left: MemberRank, right: MemberRank) -> Bool { left.rawValue < right.rawValue }
}

/// What is said of one node. Its order is (session, refutations, rank): merging takes the higher one.
package struct MemberRow: Equatable, Sendable {
    /// Of whom.
    package var node: NodeID
    /// In which run.
    package var session: UInt64
    /// How often the node has contradicted its death in this run.
    package var refutations: UInt32
    /// The claim.
    package var rank: MemberRank

    /// A row from its parts.
    package init(node: NodeID, session: UInt64, refutations: UInt32, rank: MemberRank) {
        (self.node, self.session, self.refutations, self.rank) = (node, session, refutations, rank)
    }

    /// True when this row takes `other`'s place.
    package func isNewer(than other: MemberRow) -> Bool {
        (session, refutations, rank) > (other.session, other.refutations, other.rank)
    }
}

/// What an observer has made of a server.
package enum HealthVerdict: UInt8, CaseIterable, Sendable {
    /// It cannot say: not checked yet, or the fault may be its own.
    case unknown = 0
    /// In order.
    case up = 1
    /// Failed by the observer's own `fall`.
    case down = 2
    /// "Too many connections": alive, not to be asked now.
    case full = 3
    /// The server refuses this observer's host; says nothing of the server.
    case blocked = 4
}

/// One observer's view of one server. Only the observer writes it; merging takes the higher (session, version).
package struct HealthRow: Equatable, Sendable {
    /// Who looked.
    package var observer: NodeID
    /// In which run.
    package var session: UInt64
    /// From 1, one more with each change.
    package var version: UInt32
    /// At what.
    package var server: ServerID
    /// What it made of it.
    package var verdict: HealthVerdict
    /// The check's status, as `show servers state` numbers it.
    package var code: UInt8
    /// The check's duration in microseconds.
    package var latency: UInt32
    /// Replication lag in milliseconds; all ones for unknown.
    package var lag: UInt32
    /// The weight the observer uses.
    package var weight: UInt16
    /// Failures in a row; 0 after a pass.
    package var failures: UInt16
    /// When it looked, on the holder's clock: the wire carries an age.
    package var observed: Instant
    /// The resolved address it speaks of: a view of another address says nothing here.
    package var address: SocketAddress?

    /// A row from its parts.
    package init(
        observer: NodeID, session: UInt64, version: UInt32, server: ServerID, verdict: HealthVerdict, code: UInt8 = 0, latency: UInt32 = 0,
        lag: UInt32 = .max, weight: UInt16 = 1, failures: UInt16 = 0, observed: Instant, address: SocketAddress?
    ) {
        (self.observer, self.session, self.version, self.server, self.verdict) = (observer, session, version, server, verdict)
        (self.code, self.latency, self.lag, self.weight, self.failures) = (code, latency, lag, weight, failures)
        (self.observed, self.address) = (observed, address)
    }

    /// True when this row takes `other`'s place. Both are of one observer and server.
    package func isNewer(than other: HealthRow) -> Bool { (session, version) > (other.session, other.version) }
}

/// What an operator wants of a server.
package enum AdministrativeState: UInt8, CaseIterable, Sendable {
    /// Traffic, if it is healthy.
    case ready = 0
    /// No new sessions.
    case drain = 1
    /// No sessions, no checks.
    case maint = 2
}

/// An operator's word on a server, for the whole cluster. The last writer wins, by (stamp, origin).
package struct AdministrativeRow: Equatable, Sendable {
    /// Of which server.
    package var server: ServerID
    /// When it was said, by the hybrid clock.
    package var stamp: HybridTime
    /// Where it was said.
    package var origin: NodeID
    /// What is wanted.
    package var state: AdministrativeState
    /// The weight wanted, 0 to 256; `nil` leaves the configured one.
    package var weight: UInt16?
    /// UNIX milliseconds from which it counts as ready again.
    package var expiry: UInt64?

    /// A row from its parts.
    package init(server: ServerID, stamp: HybridTime, origin: NodeID, state: AdministrativeState, weight: UInt16? = nil, expiry: UInt64? = nil) {
        (self.server, self.stamp, self.origin, self.state, self.weight, self.expiry) = (server, stamp, origin, state, weight, expiry)
    }

    /// True when this row takes `other`'s place: ties of one stamp and origin cannot differ unless a node's memory was rolled back,
    /// and even then every node must choose alike.
    package func isNewer(than other: AdministrativeRow) -> Bool {
        let mine = (stamp, origin, state.rawValue, UInt64(weight ?? .max), expiry ?? .max)
        return mine > (other.stamp, other.origin, other.state.rawValue, UInt64(other.weight ?? .max), other.expiry ?? .max)
    }

    /// What it means at `wall`.
    package func effective(wall: UInt64) -> AdministrativeState { expiry.map { $0 <= wall } == true ? .ready : state }
}

/// Who may drain: an advisory lock by name.
package struct LeaseRow: Equatable, Sendable {
    /// The first 8 bytes of SHA-256(lease name).
    package var name: UInt64
    /// One more with each new holder.
    package var epoch: UInt64
    /// When the holder asked: of two that asked in one epoch the earlier one holds.
    package var stamp: HybridTime
    /// Who holds it.
    package var holder: NodeID
    /// One more with each renewal, and with the release.
    package var version: UInt32
    /// False once given back.
    package var isHeld: Bool
    /// When it falls by itself, on the reader's clock: the wire carries what is left.
    package var expiry: Instant

    /// A row from its parts.
    package init(name: UInt64, epoch: UInt64, stamp: HybridTime, holder: NodeID, version: UInt32, isHeld: Bool, expiry: Instant) {
        (self.name, self.epoch, self.stamp, self.holder, self.version) = (name, epoch, stamp, holder, version)
        (self.isHeld, self.expiry) = (isHeld, expiry)
    }

    /// True when this row takes `other`'s place.
    package func isNewer(than other: LeaseRow) -> Bool {
        if epoch != other.epoch { return epoch > other.epoch }
        if (stamp, holder) != (other.stamp, other.holder) { return (stamp, holder) < (other.stamp, other.holder) }
        return (version, isHeld ? 0 : 1) > (other.version, other.isHeld ? 0 : 1)
    }
}
