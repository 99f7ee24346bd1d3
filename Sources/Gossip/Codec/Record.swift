import Wire

/// The content of HELLO and HELLO_ACK.
package struct HandshakeRecord: Equatable, Sendable {
    /// 32 fresh random bytes of the sender.
    package var random: Bytes32
    /// The receiver's random bytes, as the sender received them; all zeros in HELLO. They tie an answer to the open HELLO; any other answer is dropped.
    package var echo: Bytes32
    /// The highest session of the receiver that it has proven to the sender; 0 for none.
    package var highestSession: UInt64

    /// A record from its parts.
    package init(random: Bytes32, echo: Bytes32, highestSession: UInt64) {
        (self.random, self.echo, self.highestSession) = (random, echo, highestSession)
    }
}

/// The content of HEARTBEAT, PING and LEAVE.
package struct BeatRecord: Equatable, Sendable {
    /// The hash of the sender's tables.
    package var tables: UInt64
    /// The hash of the sender's configuration.
    package var configuration: UInt64
    /// The hash of the ids of the keys that the sender holds.
    package var keys: UInt32
    /// The receiver's hash of the same kind, as the sender last saw it; 0 for never.
    package var keysSeen: UInt32
    /// The receiver's revision up to which the sender has its rows.
    package var receivedThrough: UInt64
    /// The time since the sender last received from the receiver, in milliseconds.
    package var silence: UInt16
    /// The percentage of the receiver's latest datagrams that did not arrive.
    package var loss: UInt8

    /// A record from its parts.
    package init(tables: UInt64, configuration: UInt64, keys: UInt32, keysSeen: UInt32, receivedThrough: UInt64, silence: UInt16, loss: UInt8) {
        (self.tables, self.configuration, self.keys, self.keysSeen) = (tables, configuration, keys, keysSeen)
        (self.receivedThrough, self.silence, self.loss) = (receivedThrough, silence, loss)
    }
}

/// A record of a datagram, encoded as `type u8, length u16, value`. A value that is longer than expected comes from a later version; the reader ignores the
/// rest of it.
package enum Record: Equatable, Sendable {
    /// The content of a handshake's datagram.
    case handshake(HandshakeRecord)
    /// A summary of the sender's state.
    case beat(BeatRecord)
    /// The following rows are the sender's changes in (from, through].
    case range(from: UInt64, through: UInt64)
    /// The receiver's changes up to `through` have arrived; `ping` is the sequence number of the answered datagram, for the round-trip time.
    case acknowledgement(through: UInt64, ping: UInt64)
    /// A claim about a node.
    case member(MemberRow)
    /// An observer's view of a server.
    case health(HealthRow)
    /// An operator's command for a server.
    case administrative(AdministrativeRow)
    /// A lease.
    case lease(LeaseRow)
    /// A node's ballot.
    case ballot(BallotRow)
    /// `GossipLimits.bucketsCount` hashes.
    case digest([UInt64])
    /// A bit for each requested bucket.
    case pull(UInt32)
    /// A request to check this server.
    case checkNow(ServerID)
    /// The ids of the keys that the sender holds; the first one is the key it sends with.
    case keys([UInt32])
    /// Parts of the sender's configuration.
    case configuration(ConfigurationRecord)
}

extension Record {
    /// The record types on the wire.
    enum Kind: UInt8 {
        case handshake = 1
        case beat = 2
        case range = 3
        case acknowledgement = 4
        case member = 5
        case health = 6
        case administrative = 7
        case lease = 8
        case digest = 9
        case pull = 10
        case checkNow = 11
        case keys = 12
        case ballot = 13
        case configuration = 14
    }

    /// The size of the longest row, with type and length.
    package static let rowBytesMax = 72

    /// The size of a row on the wire, with type and length; `rowBytesMax` for records that are not rows.
    var bytesCount: Int {
        switch self {
        case .member: 24
        case .health(let row): row.check == 0 ? 68 : 72
        case .administrative: 38
        case .lease: 44
        case .ballot: 48
        case .handshake, .beat, .range, .acknowledgement, .digest, .pull, .checkNow, .keys, .configuration: Record.rowBytesMax
        }
    }

    var kind: Kind {
        switch self {
        case .handshake: .handshake
        case .beat: .beat
        case .range: .range
        case .acknowledgement: .acknowledgement
        case .member: .member
        case .health: .health
        case .administrative: .administrative
        case .lease: .lease
        case .ballot: .ballot
        case .digest: .digest
        case .pull: .pull
        case .checkNow: .checkNow
        case .keys: .keys
        case .configuration: .configuration
        }
    }

    /// Appends the record. Points in time become ages relative to `now`.
    package func write(to bytes: inout [UInt8], now: Instant) {
        bytes.append(kind.rawValue)
        let length = bytes.count
        bytes.write(UInt16(0))
        switch self {
        case .handshake(let record): record.write(to: &bytes)
        case .beat(let record): record.write(to: &bytes)
        case .range(let from, let through):
            bytes.write(from)
            bytes.write(through)
        case .acknowledgement(let through, let ping):
            bytes.write(through)
            bytes.write(ping)
        case .member(let row): row.write(to: &bytes)
        case .health(let row): row.write(to: &bytes, now: now)
        case .administrative(let row): row.write(to: &bytes)
        case .lease(let row): row.write(to: &bytes, now: now)
        case .ballot(let row): row.write(to: &bytes)
        case .digest(let hashes): for hash in hashes { bytes.write(hash) }
        case .pull(let buckets): bytes.write(buckets)
        case .checkNow(let server): bytes.write(server.number)
        case .keys(let keys): for key in keys { bytes.write(key) }
        case .configuration(let record): record.write(to: &bytes)
        }
        bytes.overwrite(UInt16(bytes.count - length - 2), at: length)
    }

    /// Reads a record's value; `nil` when the value is too short or a field is out of range.
    init?(_ kind: Kind, _ reader: inout ByteReader, now: Instant) {
        switch kind {
        case .handshake: self.init(HandshakeRecord(&reader).map(Record.handshake))
        case .beat: self.init(BeatRecord(&reader).map(Record.beat))
        case .member: self.init(MemberRow(&reader).map(Record.member))
        case .health: self.init(HealthRow(&reader, now: now).map(Record.health))
        case .administrative: self.init(AdministrativeRow(&reader).map(Record.administrative))
        case .lease: self.init(LeaseRow(&reader, now: now).map(Record.lease))
        case .ballot: self.init(BallotRow(&reader).map(Record.ballot))
        case .configuration: self.init(ConfigurationRecord(&reader).map(Record.configuration))
        case .range:
            guard let from: UInt64 = reader.readBigEndian(), let through: UInt64 = reader.readBigEndian(), from <= through else { return nil }
            self = .range(from: from, through: through)
        case .acknowledgement:
            guard let through: UInt64 = reader.readBigEndian(), let ping: UInt64 = reader.readBigEndian() else { return nil }
            self = .acknowledgement(through: through, ping: ping)
        case .digest:
            var hashes: [UInt64] = []
            while hashes.count < GossipLimits.bucketsCount, let hash: UInt64 = reader.readBigEndian() { hashes.append(hash) }
            guard hashes.count == GossipLimits.bucketsCount else { return nil }
            self = .digest(hashes)
        case .pull:
            guard let buckets: UInt32 = reader.readBigEndian() else { return nil }
            self = .pull(buckets)
        case .checkNow:
            guard let server: UInt64 = reader.readBigEndian() else { return nil }
            self = .checkNow(ServerID(server))
        case .keys:
            var keys: [UInt32] = []
            while keys.count < GossipLimits.keysMax, let key: UInt32 = reader.readBigEndian() { keys.append(key) }
            guard !keys.isEmpty else { return nil }
            self = .keys(keys)
        }
    }

    private init?(_ record: Record?) {
        guard let record else { return nil }
        self = record
    }
}

/// Reads the records of a datagram one by one.
package struct RecordReader {
    private var reader: ByteReader
    private var read = 0
    private let now: Instant
    /// The number of records whose type this version does not support.
    package private(set) var unknown = 0
    /// The number of records that are cut short, out of range or beyond the limit.
    package private(set) var malformed = 0

    /// Creates a reader of `bytes`. The bytes need not be authenticated.
    package init(_ bytes: ArraySlice<UInt8>, now: Instant) {
        reader = ByteReader(bytes)
        self.now = now
    }

    /// Returns the next valid record; `nil` at the end.
    package mutating func next() -> Record? {
        while !reader.isAtEnd {
            guard read < GossipLimits.recordsMax, let type = reader.readByte(), let length = reader.readBigEndian(bytes: 2),
                let value = reader.readBytes(Int(length))
            else {
                malformed += 1
                _ = reader.readRest()
                return nil
            }
            read += 1
            guard let kind = Record.Kind(rawValue: type) else {
                unknown += 1
                continue
            }
            var fields = ByteReader(value)
            if let record = Record(kind, &fields, now: now) { return record }
            malformed += 1
        }
        return nil
    }
}
