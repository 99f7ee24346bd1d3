import Wire

/// A pair of keys that one handshake gave two runs of two nodes, one per direction, and what has been sent and accepted under them.
struct Channel: Sendable {
    /// Sent at most: far below what AES-GCM bears with counted nonces; a channel is replaced long before.
    static let datagramsMax: UInt64 = 1 << 48

    let ownSession: UInt64
    let peerSession: UInt64
    /// The ring key it came from: removed with it.
    let ringKey: UInt32
    /// The peer's random bytes: tells a repeated HELLO.
    let peerRandom: Bytes32
    let ownRandom: Bytes32
    /// True on the side that sent the HELLO.
    let isInitiator: Bool
    let sendKey: Bytes32
    let receiveKey: Bytes32
    /// What the header carries in the key's place.
    let sendID: UInt32
    let receiveID: UInt32
    let born: Instant
    /// Sequence numbers given out.
    private(set) var sent: UInt64 = 0
    private(set) var window = ReplayWindow()

    /// Derives the keys: HKDF(ring key, salt = both randoms, info = both ids, both sessions), the initiator's first.
    init(
        key: KeyRing.Key, own: NodeID, peer: NodeID, sessions: (own: UInt64, peer: UInt64), randoms: (own: Bytes32, peer: Bytes32), isInitiator: Bool,
        seal: any Seal, now: Instant
    ) throws(SealError) {
        (ownSession, peerSession, ringKey) = (sessions.own, sessions.peer, key.id)
        (ownRandom, peerRandom, self.isInitiator, born) = (randoms.own, randoms.peer, isInitiator, now)
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

    /// What the next datagram is sealed with.
    struct Sending {
        let sequence: UInt64
        let key: Bytes32
        let id: UInt32
        let peerSession: UInt64
    }

    /// Gives out the next sequence number; `nil` when the channel is used up.
    mutating func nextSending() -> Sending? {
        guard sent < Channel.datagramsMax else { return nil }
        sent += 1
        return Sending(sequence: sent, key: sendKey, id: sendID, peerSession: peerSession)
    }

    /// True when it has had its time, or when another key is sent with: then the side that began it begins anew. The other side's key says nothing,
    /// or two nodes between the steps of a rotation would replace each other's channels for ever. Like all questions of every datagram it is
    /// `mutating`: others get a copy.
    mutating func isOld(ringKey current: UInt32, datagramsMax: UInt64, lifetime: Duration, now: Instant) -> Bool {
        isInitiator && ringKey != current || sent >= datagramsMax || born.duration(to: now) >= lifetime
    }

    /// What a datagram of the peer is to be opened with, and whether its number may still come.
    struct Look {
        let key: Bytes32
        let isFresh: Bool
        let isNewest: Bool
    }

    mutating func look(at sequence: UInt64) -> Look {
        Look(key: receiveKey, isFresh: window.isFresh(sequence), isNewest: sequence > window.highest)
    }

    /// Takes `sequence` as accepted.
    mutating func commit(_ sequence: UInt64) { window.commit(sequence) }

    /// How many of the last datagrams have come, for two spans.
    mutating func arrivals(ofLast spans: (short: UInt64, long: UInt64)) -> (short: ReplayWindow.Arrivals, long: ReplayWindow.Arrivals) {
        (window.arrivals(ofLast: spans.short), window.arrivals(ofLast: spans.long))
    }

    mutating func matches(_ header: Header) -> Bool {
        header.key == receiveID && header.senderSession == peerSession && header.receiverSession == ownSession
    }

    /// The key of a handshake's datagram: the ring key's, made unique by the salt in clear.
    static func handshakeKey(_ key: KeyRing.Key, salt: Bytes32, seal: any Seal) throws(SealError) -> Bytes32 {
        guard let derived = Bytes32(try seal.derive(secret: key.secret, salt: salt.bytes, info: Array("tsukada hello 1".utf8), count: 32)) else {
            throw .libraryFailed("derive")
        }
        return derived
    }
}
