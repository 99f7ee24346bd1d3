import Wire

/// The result of a check or of a session's connect, as far as gossip needs it.
package enum Finding: Equatable, Sendable {
    /// The server works.
    case passed
    /// Refused, reset or a wrong answer: the server's host responded.
    case failedWithResponse
    /// No response: a timeout or an unreachable host.
    case failedWithoutResponse
    /// The server refuses the check's user. When all servers do, the fault is this node's.
    case accessDenied
    /// MySQL error 1040, too many connections: the server is alive.
    case full
    /// MySQL error 1129: the server blocks this host.
    case blocked
    /// A fault of this node: no descriptor or no local port.
    case ownFault

    /// True for results that count toward `fall`.
    var isFailure: Bool { self == .failedWithResponse || self == .failedWithoutResponse || self == .accessDenied }
}

/// The origin of an observation.
package enum ObservationSource: Equatable, Sendable {
    /// A health check: counts toward `rise` and `fall`.
    case check
    /// A session's connect: evidence that supports a peer's failure, not counted toward `rise` and `fall`.
    case traffic
}

/// One observation of a server.
package struct Observation: Equatable, Sendable {
    /// Its origin.
    package var source: ObservationSource
    /// Its result.
    package var finding: Finding
    /// The resolved address that was contacted.
    package var address: SocketAddress?
    /// The status of the check, numbered as in `show servers state`.
    package var code: UInt8
    /// The check's duration.
    package var latency: Duration
    /// Replication lag; `nil` when unknown.
    package var lag: Duration?
    /// The server's weight.
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

/// How a peer's verdict counts.
package enum VerdictPolicy: Equatable, Sendable {
    /// It does not count.
    case own
    /// It triggers a check at once, and DOWN needs only two failures of this node instead of `fall`.
    case fastDown
    /// As `fastDown`; in addition a peer's DOWN alone is enough.
    case anyDown
}

/// A server's state before its first check, and after maintenance: `GossipEvent.maintenanceEnded`.
package enum InitialHealth: Equatable, Sendable {
    /// Up; one failure takes it down.
    case up
    /// Up; `fall` failures take it down.
    case fullyUp
    /// Down; one pass brings it up.
    case down
    /// Down; `rise` passes bring it up.
    case fullyDown
}

/// A configured server.
package struct GossipServer: Equatable, Sendable {
    /// The identifier.
    package var id: ServerID
    /// The name in alerts: "mysql/read02".
    package var name: String
    /// The caller's number for the server's proxy; `minUp` counts within a proxy.
    package var proxy: Int
    /// Passes in a row that bring the server UP.
    package var rise: Int
    /// Failures in a row that take the server DOWN.
    package var fall: Int
    /// How a peer's verdict counts.
    package var policy: VerdictPolicy
    /// The number of usable servers in the proxy below which gossip alone takes none down.
    package var minUp: Int
    /// What its checks ask, as a hash that is equal on nodes whose checks ask the same; 0 if it is not stated.
    package var check: UInt32
    /// Its state before its first check and after maintenance.
    package var initialHealth: InitialHealth

    /// A server from its parts.
    package init(
        id: ServerID, name: String, proxy: Int, rise: Int = 2, fall: Int = 3, policy: VerdictPolicy = .fastDown, minUp: Int = 1, check: UInt32 = 0,
        initially initialHealth: InitialHealth = .up
    ) {
        (self.id, self.name, self.proxy, self.rise, self.fall, self.policy) = (id, name, proxy, max(1, rise), max(1, fall), policy)
        self.minUp = max(policy == .anyDown ? 1 : 0, minUp)
        (self.check, self.initialHealth) = (check, initialHealth)
    }
}

/// How this node uses a server.
package enum ServerVerdict: Equatable, Sendable {
    /// The server gets traffic.
    case up
    /// The server gets no traffic until `rise` checks of this node have passed.
    case down(DownReason)
    /// The server is skipped until then.
    case full(until: Instant)
    /// The server refuses this host. It gets no traffic from this node, and peers receive no failure.
    case blocked
}

/// The reason for DOWN.
package enum DownReason: Equatable, Sendable {
    /// `fall` failures of this node's checks.
    case ownChecks
    /// Two failures of this node's checks and one of a peer's (`fast-down`).
    case ownAndPeers
    /// A peer's verdict DOWN (`any-down`).
    case peers
}
