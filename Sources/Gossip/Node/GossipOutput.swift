import Wire

/// What this node makes of a peer.
package enum PeerState: Equatable, Sendable {
    /// Never heard in this run.
    case unknown
    /// Heard.
    case alive
    /// Silent; being asked.
    case suspect
    /// Silent for too long.
    case dead
    /// Said goodbye.
    case left
}

/// Which way datagrams get lost.
package enum LossDirection: Equatable, Sendable {
    /// From the peer to this node.
    case fromPeer
    /// From this node to the peer.
    case toPeer
}

/// What an operator should know.
package enum GossipAlert: Equatable, Sendable {
    /// A datagram of a version that is not spoken here.
    case unknownVersion(UInt8)
    /// A node of the cluster uses a key that is not held here.
    case unknownKey(peer: String)
    /// Somebody else speaks as this node.
    case duplicateName
    /// The peer's configuration is another one.
    case configurationDiffers(peer: String, ConfigurationDifference)
    /// The configurations differed, and are equal again.
    case configurationAlike(peer: String)
    /// The peer's tables have been different for long although everything was delivered.
    case tablesDiffer(peer: String)
    /// Views on a server have differed for 30 s: one of the two sees it DOWN.
    case viewsDiffer(server: String, peer: String, isDownHere: Bool)
    /// Datagrams get lost.
    case loss(peer: String, direction: LossDirection, percent: Int)
    /// They get lost no more.
    case lossEnded(peer: String, direction: LossDirection)
    /// The peer has not heard this node for so long, but this node hears it.
    case notHeard(peer: String, silence: Duration)
    /// The peer is dead for this node, and has said through another one that it is not.
    case heardElsewhere(peer: String, by: String)
    /// The peer's clock is ahead by so much: what is said there wins over what is said here.
    case clockAhead(peer: String, milliseconds: UInt64)
    /// The peer has sent a session, stamp or epoch too far ahead of this node's clock, and it was refused.
    case farAhead(peer: String)
    /// The store had values too far ahead of this node's clock, and they were left out: the session, and this number of operators' commands.
    case storedFarAhead(isSession: Bool, words: Int)
    /// Rows were refused because a table is full or they speak of unknown nodes.
    case rowsRefused(peer: String)
    /// The library of the seal failed.
    case sealFailed(SealError)
}

/// What must outlive this process.
package enum GossipPersistence: Equatable, Sendable {
    /// The session now used.
    case session(UInt64)
    /// An operator's word.
    case administrative(AdministrativeRow)
}

/// What the caller has to do.
package enum GossipOutput: Equatable, Sendable {
    /// `bytes[range]` of the outputs goes to `address`.
    case send(Range<Int>, to: SocketAddress)
    /// This server is to be checked now.
    case requestCheck(ServerID)
    /// What to do with a server has changed.
    case verdictChanged(ServerID, ServerVerdict)
    /// What an operator wants of a server, cluster-wide, has changed: its state, its weight, or both.
    case administrativeChanged(ServerID, AdministrativeState?, weight: UInt16?)
    /// A peer's state has changed; `silence` is how long it has not been heard.
    case peerChanged(NodeID, PeerState, silence: Duration)
    /// Who holds a lease has changed; `nil` for nobody.
    case leaseChanged(UInt64, holder: NodeID?)
    /// Every live peer knows that this node holds the lease.
    case leaseGranted(UInt64)
    /// A peer follows somebody else in this matter, or knows now whom this node follows.
    case ballotChanged(UInt64)
    /// To be written to disk before anything is sent.
    case persist(GossipPersistence)
    /// To be told to people.
    case alert(GossipAlert)
}

/// Collects what is to be done, in order. Reused: `removeAll` keeps the memory.
package struct GossipOutputs: Sendable {
    /// What is to be done.
    package private(set) var list: [GossipOutput] = []
    /// The datagrams of `list`, one after the other.
    package internal(set) var bytes: [UInt8] = []

    /// Nothing to do.
    package init() {}

    mutating func append(_ output: GossipOutput) { list.append(output) }

    /// Forgets everything, keeps the memory.
    package mutating func removeAll() {
        if !list.isEmpty { list.removeAll(keepingCapacity: true) }
        if !bytes.isEmpty { bytes.removeAll(keepingCapacity: true) }
    }
}

/// What has happened on this node.
package enum GossipEvent: Sendable {
    /// The process has started, or the configuration was read anew.
    case configured(servers: [GossipServer], configuration: UInt64)
    /// A check or a real connect has ended.
    case observed(ServerID, Observation)
    /// An operator wants this of a server on this node alone.
    case administered(ServerID, AdministrativeState)
    /// What a server is on this node whatever operators want: in maintenance without an address, drained by a weight of 0, else ready.
    case circumstances(ServerID, AdministrativeState)
    /// A server's maintenance is over, for whatever reason: it counts as up until its first failure.
    case maintenanceEnded(ServerID)
    /// A server has another resolved address.
    case addressChanged(ServerID, SocketAddress?)
    /// A peer's configured name resolves to another address.
    case peerAddress(NodeID, SocketAddress?)
    /// All peers should check a server.
    case askForChecks(ServerID)
    /// Wall time, in UNIX milliseconds: at start, and whenever it may have been stepped.
    case wallClock(milliseconds: UInt64)
    /// Asks for a lease.
    case acquireLease(UInt64)
    /// Gives it back.
    case releaseLease(UInt64)
    /// Whom this node follows in a matter.
    case ballot(subject: UInt64, epoch: UInt64, choice: UInt64, isConfirmed: Bool)
    /// The node goes: say goodbye.
    case leave
}

/// What has come and what became of it.
package struct GossipCounters: Equatable, Sendable {
    /// Datagrams that came.
    package internal(set) var received = 0
    /// Datagrams that were handed out.
    package internal(set) var sent = 0
    /// Too short, too long, no magic.
    package internal(set) var malformed = 0
    /// Another version.
    package internal(set) var unknownVersion = 0
    /// Another cluster, another receiver, a sender that is not configured.
    package internal(set) var foreign = 0
    /// A key that is not held.
    package internal(set) var unknownKey = 0
    /// Seen before, or too old to know.
    package internal(set) var replayed = 0
    /// The tag does not fit.
    package internal(set) var notAuthentic = 0
    /// HELLOs beyond the limits.
    package internal(set) var limited = 0
    /// Of an earlier run, or an answer to no question.
    package internal(set) var outdated = 0
    /// Records of an unknown type.
    package internal(set) var unknownRecords = 0
    /// Records that cannot be.
    package internal(set) var malformedRecords = 0
    /// Rows that were refused.
    package internal(set) var refusedRows = 0
    /// Sessions, stamps and epochs too far ahead of this node's clock.
    package internal(set) var farAhead = 0
    /// Times the node was starved.
    package internal(set) var gaps = 0

    /// All zero.
    package init() {}
}
