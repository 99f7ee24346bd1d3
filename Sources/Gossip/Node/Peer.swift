import Wire

/// One other node: what is proven of it, what is tried, what it has been told.
struct Peer: Sendable {
    /// Handshakes begun by the peer that have not been proven: the oldest makes room.
    static let candidatesMax = 4

    /// A handshake that nothing has been verified under yet, and where it came from.
    struct Candidate: Sendable {
        var channel: Channel
        var remote: SocketAddress
    }

    /// The HELLO that is open: repeated with the same random bytes, so that a late answer still fits.
    struct Question: Sendable {
        var random: Bytes32
        var key: UInt32
        var since: Instant
    }

    let id: NodeID
    let name: String
    /// Where the configuration says it is.
    var configured: SocketAddress?
    /// Where it was last proven to be.
    var address: SocketAddress?
    /// Its run, once proven; 0 before.
    var session: UInt64 = 0
    var detector: FailureDetector
    var current: Channel?
    /// When the present channel was proven.
    var provenAt: Instant?
    var previous: Channel?
    var candidates: [Candidate] = []
    var question: Question?
    var hellos = 0
    var helloAt: Instant
    var heartbeatAt: Instant
    var delivery = Delivery()
    /// The ids of the keys it says it holds.
    var keys: [UInt32] = []
    var keyStatusAt: Instant
    /// What its last beat said.
    var beat: BeatRecord?
    var told = PeerState.unknown
    /// Digests: when the next may go, and how many have gone since the tables were equal.
    var digestAt: Instant?
    var digests = 0
    var pulledAt: Instant?
    var differsSince: Instant?
    /// In this run of it the tables have been equal: everything it had to say has come.
    var hasBeenEqual = false
    /// This node's ballots that it has acknowledged in this run of it: the last of each subject.
    var knownBallots: [BallotRow] = []
    /// Its configuration, while that differs.
    var configuration: PeerConfiguration?
    /// When this node may send it the parts of its configuration again.
    var partsAt: Instant?
    /// When its parts were last compared with this node's.
    var comparedAt: Instant?
    /// The difference has been reported.
    var isDifferenceTold = false
    var isTablesTold = false
    var isRefusalTold = false
    var isLossFromTold = false
    var isLossToTold = false
    var isNotHeardTold = false
    /// Dead by this node's ears, and contradicted through others: told once a death.
    var isContradictionTold = false
    /// Loss of an earlier channel: counts until the present one has told enough.
    var inheritedLoss = 0
    /// Loss from the peer, per cent.
    private(set) var lossFromPeer = 0

    static let digestPauseMin = Duration.milliseconds(700)
    static let digestPauseMax = Duration.seconds(30)
    /// Digests, pulls and rows get lost too: the first ones are quick; what they do not mend was refused, and is not asked for so often.
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
        case .unheard: .unknown
        case .alive: .alive
        case .suspect, .dying: .suspect
        case .dead: .dead
        case .left: .left
        }
    }

    /// True when its rows count.
    var isWitness: Bool { state == .alive || state == .suspect }

    /// Loss from the peer anew, whenever the channel or what has come in it changes: of a long memory, or of a short one that is worse by
    /// more than chance.
    mutating func measureLoss() {
        guard let (short, long) = current?.arrivals(ofLast: (64, 256)) else {
            lossFromPeer = inheritedLoss
            return
        }
        let measured = max(Peer.percentLost(short) - Peer.chancePercent, Peer.percentLost(long))
        lossFromPeer = long.sent < 64 ? max(measured, inheritedLoss) : measured
    }

    /// What the next datagram is sealed with, and where it goes; `nil` when there is no channel, or no address.
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

    /// What 64 datagrams may be off by.
    private static let chancePercent = 8

    /// A few datagrams tell nothing.
    private static func percentLost(_ count: (arrived: Int, sent: Int)) -> Int {
        count.sent < 20 ? 0 : (count.sent - count.arrived) * 100 / count.sent
    }

    /// Loss to the peer, as it says.
    @inline(__always)
    var lossToPeer: Int { Int(beat?.loss ?? 0) }

    /// True when its last beat shows that it knows this node's keys.
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
