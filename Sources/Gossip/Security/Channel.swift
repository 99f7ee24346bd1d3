import Wire

/// The two keys, one per direction, that a handshake gave two sessions of two nodes, and the state of both directions.
struct Channel: Sendable {
    /// The limit on sent datagrams: far below what is safe for AES-GCM with counted nonces. A channel is replaced long before.
    static let datagramsMax: UInt64 = 1 << 48

    let ownSession: UInt64
    let peerSession: UInt64
    /// The ring key that the channel was derived from. Removing that key removes the channel.
    let ringKey: UInt32
    /// The peer's random bytes: they identify a repeated HELLO.
    let peerRandom: Bytes32
    let ownRandom: Bytes32
    /// True on the side that sent the HELLO.
    let isInitiator: Bool
    let sendKey: Bytes32
    let receiveKey: Bytes32
    /// The key id in the header of sent datagrams.
    let sendID: UInt32
    let receiveID: UInt32
    let createdAt: Instant
    /// Sequence numbers used so far.
    private(set) var sent: UInt64 = 0
    private(set) var window = ReplayWindow()

    /// Derives the keys: HKDF(ring key, salt = both randoms, info = both ids, both sessions), with the initiator's values first.
    init(
        key: KeyRing.Key, own: NodeID, peer: NodeID, sessions: (own: UInt64, peer: UInt64), randoms: (own: Bytes32, peer: Bytes32), isInitiator: Bool,
        seal: any Seal, now: Instant
    ) throws(SealError) {
        (ownSession, peerSession, ringKey) = (sessions.own, sessions.peer, key.id)
        (ownRandom, peerRandom, self.isInitiator, createdAt) = (randoms.own, randoms.peer, isInitiator, now)
        var info = Array("tsukada pair 1".utf8)
        for word in isInitiator ? [own.number, peer.number, sessions.own, sessions.peer] : [peer.number, own.number, sessions.peer, sessions.own] {
            info.write(word)
        }
        let salt = isInitiator ? randoms.own.bytes + randoms.peer.bytes : randoms.peer.bytes + randoms.own.bytes
        var material = ByteReader(try seal.derive(secret: key.secret, salt: salt, info: info, count: 72))
        guard let there = material.readBytes32(), let back = material.readBytes32(), let thereID: UInt32 = material.readBigEndian(),
            let backID: UInt32 = material.readBigEndian()
        else { throw .libraryFailed("derive") }
        (sendKey, receiveKey) = isInitiator ? (there, back) : (back, there)
        (sendID, receiveID) = isInitiator ? (thereID, backID) : (backID, thereID)
    }

    /// The values with which the next datagram is sealed.
    struct Sending {
        let sequence: UInt64
        let key: Bytes32
        let id: UInt32
        let peerSession: UInt64
    }

    /// Takes the next sequence number; `nil` when the channel is used up.
    mutating func nextSending() -> Sending? {
        guard sent < Channel.datagramsMax else { return nil }
        sent += 1
        return Sending(sequence: sent, key: sendKey, id: sendID, peerSession: peerSession)
    }

    /// True when the channel should be replaced: its datagrams or its lifetime are used up, or this side started it and sends with another key meanwhile. The
    /// key that the other side sends with does not count: otherwise two nodes between the steps of a rotation would keep replacing each other's channels.
    ///
    /// `mutating`, like every method that runs for each datagram, so that the call works in place instead of on a copy.
    mutating func isOld(ringKey current: UInt32, datagramsMax: UInt64, lifetime: Duration, now: Instant) -> Bool {
        isInitiator && ringKey != current || sent >= datagramsMax || createdAt.duration(to: now) >= lifetime
    }

    /// The key that opens a datagram of the peer, and where its sequence number falls in the replay window.
    struct Opening {
        let key: Bytes32
        let isFresh: Bool
        let isNewest: Bool
    }

    mutating func opening(of sequence: UInt64) -> Opening {
        Opening(key: receiveKey, isFresh: window.isFresh(sequence), isNewest: sequence > window.highest)
    }

    /// Marks `sequence` as accepted.
    mutating func commit(_ sequence: UInt64) { window.commit(sequence) }

    /// Counts how many of the latest datagrams have arrived, for two spans.
    mutating func arrivals(ofLast spans: (short: UInt64, long: UInt64)) -> (short: ReplayWindow.Arrivals, long: ReplayWindow.Arrivals) {
        (window.arrivals(ofLast: spans.short), window.arrivals(ofLast: spans.long))
    }

    mutating func matches(_ header: Header) -> Bool {
        header.key == receiveID && header.senderSession == peerSession && header.receiverSession == ownSession
    }

    /// The key of a handshake's datagram: derived from the ring key, and made unique by the salt, which is sent in clear.
    static func handshakeKey(_ key: KeyRing.Key, salt: Bytes32, seal: any Seal) throws(SealError) -> Bytes32 {
        guard let derived = Bytes32(try seal.derive(secret: key.secret, salt: salt.bytes, info: Array("tsukada hello 1".utf8), count: 32)) else {
            throw .libraryFailed("derive")
        }
        return derived
    }
}
