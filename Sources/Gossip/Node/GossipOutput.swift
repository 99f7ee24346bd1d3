import Wire

/// The state of a peer as this node sees it.
package enum PeerState: Equatable, Sendable {
    /// No datagram received in this session.
    case unknown
    /// Received in time.
    case alive
    /// Silent; pings are being sent.
    case suspect
    /// Silent for `dead-after`.
    case dead
    /// Has announced its exit.
    case left
}

/// The direction in which datagrams get lost.
package enum LossDirection: Equatable, Sendable {
    /// From the peer to this node.
    case fromPeer
    /// From this node to the peer.
    case toPeer
}

/// A condition that an operator should know about.
package enum GossipAlert: Equatable, Sendable {
    /// A datagram has a version that this node does not support.
    case unknownVersion(UInt8)
    /// A node of the cluster uses a key that this node does not hold.
    case unknownKey(peer: String)
    /// Another node uses this node's name.
    case duplicateName
    /// The peer's configuration differs from this node's.
    case configurationDiffers(peer: String, ConfigurationDifference)
    /// The configurations differed and are equal again.
    case configurationsEqual(peer: String)
    /// The peer's tables have differed for a long time although everything was delivered.
    case tablesDiffer(peer: String)
    /// The verdicts on a server have differed for 30 s: one of the two nodes sees it DOWN.
    case viewsDiffer(server: String, peer: String, isDownHere: Bool)
    /// Datagrams are being lost.
    case loss(peer: String, direction: LossDirection, percent: Int)
    /// The loss has ended.
    case lossEnded(peer: String, direction: LossDirection)
    /// This node receives from the peer, but the peer has received nothing from this node for this time.
    case notReceivedByPeer(peer: String, silence: Duration)
    /// The peer is dead for this node, and its refutation has arrived through another node.
    case aliveElsewhere(peer: String, by: String)
    /// The peer's clock is ahead by this much, so that commands given there win over commands given here.
    case clockAhead(peer: String, milliseconds: UInt64)
    /// The node has rejected a session, stamp or epoch of the peer that is too far ahead of this node's clock.
    case farAhead(peer: String)
    /// The node has ignored stored values too far ahead of its clock: the session, and this number of operators' commands.
    case storedFarAhead(isSession: Bool, commands: Int)
    /// The node has rejected rows because a table is full or the rows belong to unknown nodes.
    case rowsRefused(peer: String)
    /// The cryptographic library failed.
    case sealFailed(SealError)
}

/// State that must survive a restart of the process.
package enum GossipPersistence: Equatable, Sendable {
    /// The session in use.
    case session(UInt64)
    /// An operator's command.
    case administrative(AdministrativeRow)
}

/// An action for the caller.
package enum GossipOutput: Equatable, Sendable {
    /// Send `bytes[range]` of the outputs to the address.
    case send(Range<Int>, to: SocketAddress)
    /// Check this server at once.
    case requestCheck(ServerID)
    /// The verdict on a server has changed.
    case verdictChanged(ServerID, ServerVerdict)
    /// An operator's cluster-wide command has changed a server's state, its weight, or both.
    case administrativeChanged(ServerID, AdministrativeState?, weight: UInt16?)
    /// A peer's state has changed; `silence` is the time since its last datagram.
    case peerChanged(NodeID, PeerState, silence: Duration)
    /// The holder of a lease has changed; `nil` when it is free.
    case leaseChanged(UInt64, holder: NodeID?)
    /// Every live peer has acknowledged that this node holds the lease.
    case leaseGranted(UInt64)
    /// A peer's ballot on this subject has changed, or a peer has acknowledged this node's ballot.
    case ballotChanged(UInt64)
    /// Write this to disk before any datagram is sent.
    case persist(GossipPersistence)
    /// Report this to the operators.
    case alert(GossipAlert)
}

/// The actions for the caller, in order. Reused: `removeAll` keeps the memory.
package struct GossipOutputs: Sendable {
    /// The actions.
    package private(set) var list: [GossipOutput] = []
    /// The bytes of all datagrams in `list`.
    package internal(set) var bytes: [UInt8] = []

    /// Creates empty outputs.
    package init() {}

    mutating func append(_ output: GossipOutput) { list.append(output) }

    /// Removes all outputs and keeps the memory.
    package mutating func removeAll() {
        if !list.isEmpty { list.removeAll(keepingCapacity: true) }
        if !bytes.isEmpty { bytes.removeAll(keepingCapacity: true) }
    }
}

/// An event of this node.
package enum GossipEvent: Sendable {
    /// The process has started, or the configuration was reloaded.
    case configured(servers: [GossipServer], configuration: UInt64)
    /// A check or a session's connect has ended.
    case observed(ServerID, Observation)
    /// An operator has set a server's state on this node only.
    case administered(ServerID, AdministrativeState)
    /// A server's state on this node for reasons other than a command: `maint` without an address, `drain` with weight 0, otherwise `ready`.
    case localState(ServerID, AdministrativeState)
    /// A server's maintenance has ended for any reason, or the process has started and no check has counted: the server begins in its initial state.
    case maintenanceEnded(ServerID)
    /// A server's resolved address has changed.
    case addressChanged(ServerID, SocketAddress?)
    /// The address of a peer's configured name has changed.
    case peerAddress(NodeID, SocketAddress?)
    /// Ask all peers to check a server.
    case requestPeerChecks(ServerID)
    /// Wall time in UNIX milliseconds, at start and after every possible clock step.
    case wallClock(milliseconds: UInt64)
    /// Request a lease.
    case acquireLease(UInt64)
    /// Release a lease.
    case releaseLease(UInt64)
    /// This node's ballot on a subject.
    case ballot(subject: UInt64, epoch: UInt64, choice: UInt64, isConfirmed: Bool)
    /// The node leaves the cluster and sends LEAVE.
    case leave
}

/// Counts of received datagrams, records and their results.
package struct GossipCounters: Equatable, Sendable {
    /// Datagrams received.
    package internal(set) var received = 0
    /// Datagrams given to the caller to send.
    package internal(set) var sent = 0
    /// Datagrams with a wrong length, magic or field.
    package internal(set) var malformed = 0
    /// Datagrams of another version.
    package internal(set) var unknownVersion = 0
    /// Datagrams of another cluster, for another receiver, or of a sender that is not configured.
    package internal(set) var foreign = 0
    /// Datagrams under an unknown key.
    package internal(set) var unknownKey = 0
    /// Datagrams accepted before, or older than the replay window.
    package internal(set) var replayed = 0
    /// Datagrams whose tag is wrong.
    package internal(set) var notAuthentic = 0
    /// HELLOs beyond the limits.
    package internal(set) var limited = 0
    /// Datagrams of an earlier session, and answers without an open HELLO.
    package internal(set) var outdated = 0
    /// Records of an unknown type.
    package internal(set) var unknownRecords = 0
    /// Records that are cut short or out of range.
    package internal(set) var malformedRecords = 0
    /// Rejected rows.
    package internal(set) var refusedRows = 0
    /// Sessions, stamps and epochs too far ahead of this node's clock.
    package internal(set) var farAhead = 0
    /// Gaps in which the node was not scheduled.
    package internal(set) var gaps = 0

    /// Creates counters at zero.
    package init() {}
}
