import Wire

/// How a check or a real connect ended, as far as gossip cares.
package enum Finding: Equatable, Sendable {
    /// In order.
    case passed
    /// Refused or reset, or answered wrongly: the server's host spoke.
    case failedLoudly
    /// Nobody answered: a timeout, an unreachable host.
    case failedSilently
    /// The check's user was refused: one server's fault, or, everywhere at once, ours.
    case accessDenied
    /// 1040: alive, no room.
    case full
    /// 1129: it refuses this host.
    case blocked
    /// The fault is this node's: no descriptor, no local port.
    case ownFault

    /// True for what counts toward `fall`.
    var isFailure: Bool { self == .failedLoudly || self == .failedSilently || self == .accessDenied }
}

/// Who looked.
package enum ObservationSource: Equatable, Sendable {
    /// A health check: counts toward `rise` and `fall`.
    case check
    /// A session's connect: evidence beside a peer's, no count.
    case traffic
}

/// One look at a server.
package struct Observation: Equatable, Sendable {
    /// By whom.
    package var source: ObservationSource
    /// How it ended.
    package var finding: Finding
    /// The resolved address looked at.
    package var address: SocketAddress?
    /// The check's status, as `show servers state` numbers it.
    package var code: UInt8
    /// The check's duration.
    package var latency: Duration
    /// Replication lag; `nil` for unknown.
    package var lag: Duration?
    /// The weight used.
    package var weight: UInt16

    /// An observation from its parts.
    package init(
        _ finding: Finding, by source: ObservationSource = .check, address: SocketAddress?, code: UInt8 = 0, latency: Duration = .zero,
        lag: Duration? = nil, weight: UInt16 = 1
    ) {
        self.source = source
        (self.finding, self.address, self.code, self.latency, self.lag, self.weight) = (finding, address, code, latency, lag, weight)
    }
}

/// How a peer's word counts.
package enum VerdictPolicy: Equatable, Sendable {
    /// Not at all.
    case own
    /// It makes this node look at once, and DOWN needs two looks of its own in place of `fall`.
    case fastDown
    /// As `fastDown`, and a peer's DOWN suffices.
    case anyDown
}

/// A server as configured.
package struct GossipServer: Equatable, Sendable {
    /// Which.
    package var id: ServerID
    /// Its name in alerts: "mysql/read02".
    package var name: String
    /// The proxy it belongs to, by a number of the caller's: `min-up` counts within it.
    package var proxy: Int
    /// Passes in a row to UP.
    package var rise: Int
    /// Failures in a row to DOWN.
    package var fall: Int
    /// How a peer's word counts.
    package var policy: VerdictPolicy
    /// Gossip alone never leaves fewer of the proxy's servers usable.
    package var minUp: Int

    /// A server from its parts.
    package init(id: ServerID, name: String, proxy: Int, rise: Int = 2, fall: Int = 3, policy: VerdictPolicy = .fastDown, minUp: Int = 1) {
        (self.id, self.name, self.proxy, self.rise, self.fall, self.policy) = (id, name, proxy, max(1, rise), max(1, fall), policy)
        self.minUp = max(policy == .anyDown ? 1 : 0, minUp)
    }
}

/// What this node does with a server.
package enum ServerVerdict: Equatable, Sendable {
    /// It gets traffic.
    case up
    /// It gets none until `rise` passes of this node's own.
    case down(DownReason)
    /// It is skipped until then.
    case full(until: Instant)
    /// It refuses this host: none from here, as for DOWN; no peer hears of a failure.
    case blocked
}

/// Why a server is DOWN.
package enum DownReason: Equatable, Sendable {
    /// `fall` failures of this node's own.
    case ownChecks
    /// Two failures of its own, and a peer's.
    case ownAndPeers
    /// A peer's DOWN (`any-down`).
    case peers
}
