import Wire

/// The purpose of a datagram.
package enum DatagramKind: UInt8, CaseIterable, Sendable {
    /// The first datagram of a handshake.
    case hello = 1
    /// The answer to `hello`.
    case helloAnswer = 2
    /// Sent to every peer at a regular interval.
    case heartbeat = 3
    /// Requests an answer at once.
    case ping = 4
    /// The answer to a ping or a delta.
    case answer = 5
    /// Changed rows.
    case delta = 6
    /// Hashes of parts of the tables.
    case digest = 7
    /// Requests parts of the tables.
    case pull = 8
    /// The sender leaves the cluster.
    case leave = 9
    /// Requests a check of a server.
    case checkNow = 10
    /// The ids of the keys that the sender holds.
    case keyStatus = 11

    /// True for the two kinds that are sealed under a key of the ring and carry a salt after the header.
    var isHandshake: Bool { self == .hello || self == .helloAnswer }
}

/// The part of a datagram that is not encrypted. All of it is authenticated.
///
///     offset  bytes  field
///     0       2      magic, "tg"
///     2       1      version, 1
///     3       1      kind
///     4       4      key: in HELLO and HELLO_ACK the id of the ring key, in all others the id of the pairwise key. The latter identifies the
///                    handshake, so that a comparison suffices to drop junk
///     8       8      cluster
///     16      8      sender
///     24      8      sender's session
///     32      8      sequence, from 1
///     40      8      receiver
///     48      8      receiver's session, 0 in HELLO only
///     56      n      sealed records (HELLO and HELLO_ACK: 32 bytes of salt first), 16 bytes of tag
package struct Header: Equatable, Sendable {
    /// Bytes of a header.
    package static let bytesCount = 56
    /// Bytes of salt after the header of a handshake's datagrams. The salt gives each of them its own key, so that nodes need not remember their sequence
    /// numbers.
    package static let saltBytes = 32
    /// The first two bytes of every datagram.
    package static let magic: UInt16 = 0x7467
    /// The only version of the protocol.
    package static let version: UInt8 = 1

    /// The 16-bit words that every datagram of a cluster has, in any version: magic and cluster.
    package static func expectedBytes(cluster: UInt64) -> [(offset: UInt16, value: UInt16)] {
        [(0, magic)] + (0..<4).map { (8 + 2 * $0, UInt16(truncatingIfNeeded: cluster >> UInt64(48 - 16 * Int($0)))) }
    }

    /// The purpose of the datagram.
    package var kind: DatagramKind
    /// The id of the key that sealed it.
    package var key: UInt32
    /// The first 8 bytes of SHA-256 of the cluster's name.
    package var cluster: UInt64
    /// The sending node.
    package var sender: NodeID
    /// The sender's gossip session.
    package var senderSession: UInt64
    /// The nonce; also the index in the replay window and the base of the loss estimate.
    package var sequence: UInt64
    /// The node that the datagram is for.
    package var receiver: NodeID
    /// The receiver's gossip session; 0 in HELLO.
    package var receiverSession: UInt64

    /// A header from its fields.
    package init(
        kind: DatagramKind, key: UInt32, cluster: UInt64, sender: NodeID, senderSession: UInt64, sequence: UInt64, receiver: NodeID,
        receiverSession: UInt64
    ) {
        (self.kind, self.key, self.cluster, self.sender, self.senderSession) = (kind, key, cluster, sender, senderSession)
        (self.sequence, self.receiver, self.receiverSession) = (sequence, receiver, receiverSession)
    }

    /// The reason why bytes are not a header.
    package enum Problem: Error, Equatable, Sendable {
        /// Wrong length, magic or kind, or a field that is out of range.
        case malformed
        /// A version other than 1.
        case unknownVersion(UInt8)
    }

    /// Reads the header of a datagram.
    ///
    /// - Throws: `Problem`. Never traps on any input.
    package init(_ datagram: ArraySlice<UInt8>) throws(Problem) {
        guard (Header.bytesCount + SealFormat.tagBytes...GossipLimits.datagramBytesMax).contains(datagram.count) else { throw .malformed }
        let fields = datagram.withUnsafeBytes { bytes in
            (
                start: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                cluster: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                sender: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)),
                senderSession: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)),
                sequence: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self)),
                receiver: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 40, as: UInt64.self)),
                receiverSession: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 48, as: UInt64.self))
            )
        }
        guard fields.start >> 48 == UInt64(Header.magic) else { throw .malformed }
        let version = UInt8(truncatingIfNeeded: fields.start >> 40)
        guard version == Header.version else { throw .unknownVersion(version) }
        guard let kind = DatagramKind(rawValue: UInt8(truncatingIfNeeded: fields.start >> 32)), fields.sequence > 0,
            (1..<GossipLimits.sessionMax).contains(fields.senderSession), (kind == .hello) == (fields.receiverSession == 0)
        else { throw .malformed }
        self.init(
            kind: kind, key: UInt32(truncatingIfNeeded: fields.start), cluster: fields.cluster, sender: NodeID(fields.sender),
            senderSession: fields.senderSession, sequence: fields.sequence, receiver: NodeID(fields.receiver),
            receiverSession: fields.receiverSession)
    }

    /// Appends the header's 56 bytes.
    package func write(to bytes: inout [UInt8]) {
        let start = UInt64(Header.magic) << 48 | UInt64(Header.version) << 40 | UInt64(kind.rawValue) << 32 | UInt64(key)
        bytes.write(words: [start, cluster, sender.number, senderSession, sequence, receiver.number, receiverSession])
    }
}
