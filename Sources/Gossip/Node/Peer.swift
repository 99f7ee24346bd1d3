import Wire

/// The state of another node: proven, in progress, and reported.
struct Peer: Sendable {
    /// The most unproven handshakes that a peer may have started; a new one replaces the oldest.
    static let candidatesMax = 4

    /// A handshake whose channel has not been proven, and the address that it came from.
    struct Candidate: Sendable {
        var channel: Channel
        var remote: SocketAddress
    }

    /// The open HELLO. Repeats carry the same random bytes, so that a late answer is still valid.
    struct Question: Sendable {
        var random: Bytes32
        var key: UInt32
        var since: Instant
    }

    let id: NodeID
    let name: String
    /// The configured address.
    var configured: SocketAddress?
    /// The last proven address.
    var address: SocketAddress?
    /// The proven session; 0 before the proof.
    var session: UInt64 = 0
    var detector: FailureDetector
    var current: Channel?
    /// The time of the latest proof of a channel.
    var provenAt: Instant?
    var previous: Channel?
    var candidates: [Candidate] = []
    var question: Question?
    var hellos = 0
    var helloAt: Instant
    var heartbeatAt: Instant
    var delivery = Delivery()
    /// The ids of the keys that the peer reports.
    var keys: [UInt32] = []
    var keyStatusAt: Instant
    /// The latest beat of the peer.
    var beat: BeatRecord?
    var reportedState = PeerState.unknown
    /// When the next digest may be sent, and how many were sent since the tables were equal.
    var digestAt: Instant?
    var digests = 0
    var pulledAt: Instant?
    var differsSince: Instant?
    /// True when the tables were equal once in the peer's session, so that all of its earlier rows have arrived.
    var wereTablesEqual = false
    /// This node's latest ballot of each subject that the peer has acknowledged in its session.
    var acknowledgedBallots: [BallotRow] = []
    /// The peer's configuration while it differs from this node's.
    var configuration: PeerConfiguration?
    /// When this node may send the parts of its configuration to the peer again.
    var partsAt: Instant?
    /// When the peer's parts were last compared with this node's.
    var comparedAt: Instant?
    /// True when the difference has been reported.
    var isDifferenceReported = false
    var isTableDifferenceReported = false
    var isRefusalReported = false
    var isLossFromReported = false
    var isLossToReported = false
    var isNotReceivedReported = false
    /// True when this node has declared the peer dead and has reported that a refutation arrived through another node. It reports this once per death.
    var isContradictionReported = false
    /// The loss on an earlier channel. It counts until the current channel has carried 64 datagrams.
    var inheritedLoss = 0
    /// The loss from the peer in per cent.
    private(set) var lossFromPeer = 0

    static let digestPauseMin = Duration.milliseconds(700)
    static let digestPauseMax = Duration.seconds(30)
    /// Digests, pulls and rows get lost too, so the first digests follow quickly. A difference that remains after them was caused by refused rows, and digests
    /// become rarer.
    static let digestsQuick = 16

    var digestPause: Duration { min(Peer.digestPauseMin * (1 << max(0, min(digests - Peer.digestsQuick, 8))), Peer.digestPauseMax) }

    init(_ peer: GossipPeer, settings: DetectorSettings, phase: Duration, now: Instant) {
        (id, name, configured) = (peer.id, peer.name, peer.address)
        detector = FailureDetector(settings: settings, now: now)
        helloAt = now
        heartbeatAt = now.advanced(by: phase)
        keyStatusAt = now
    }

    @inline(__always)
    var state: PeerState {
        switch detector.phase {
        case .unknown: .unknown
        case .alive: .alive
        case .suspect, .dying: .suspect
        case .dead: .dead
        case .left: .left
        }
    }

    /// True when the peer's rows count.
    var isWitness: Bool { state == .alive || state == .suspect }

    /// Recomputes the loss from the peer after each change of the channel or of its window: over 256 datagrams, or over the last 64 when that loss is higher by
    /// more than chance.
    mutating func measureLoss() {
        guard let (short, long) = current?.arrivals(ofLast: (64, 256)) else {
            lossFromPeer = inheritedLoss
            return
        }
        let measured = max(Peer.percentLost(short) - Peer.chancePercent, Peer.percentLost(long))
        lossFromPeer = long.sent < 64 ? max(measured, inheritedLoss) : measured
    }

    /// Takes the key, sequence number and address for the next datagram; `nil` without a channel or an address.
    mutating func nextSending(_ slot: GossipNode.ChannelSlot) -> (Channel.Sending, SocketAddress)? {
        switch slot {
        case .current, .previous:
            guard let address, let sending = current?.nextSending() else { return nil }
            return (sending, address)
        case .candidate(let number):
            guard let sending = candidates[number].channel.nextSending() else { return nil }
            return (sending, candidates[number].remote)
        }
    }

    /// The error by which the loss over 64 datagrams may be too high.
    private static let chancePercent = 8

    /// Fewer than 20 datagrams give no estimate.
    private static func percentLost(_ count: (arrived: Int, sent: Int)) -> Int {
        count.sent < 20 ? 0 : (count.sent - count.arrived) * 100 / count.sent
    }

    /// The loss to the peer in per cent, as the peer reports it.
    @inline(__always)
    var lossToPeer: Int { Int(beat?.loss ?? 0) }

    /// True when the peer's latest beat shows that it knows this node's keys.
    mutating func hasSeen(keys hash: UInt32) -> Bool { beat?.keysSeen == hash }

    mutating func dropChannels() {
        current = nil
        previous = nil
        candidates.removeAll()
        question = nil
        hellos = 0
        measureLoss()
    }
}
