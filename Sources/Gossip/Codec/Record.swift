import Wire

/// The content of HELLO and HELLO_ACK.
package struct HandshakeRecord: Equatable, Sendable {
    /// 32 fresh random bytes of the sender.
    package var random: Bytes32
    /// The receiver's, as the sender got them: all zeros in HELLO. An answer to anything but the open question is dropped by it.
    package var echo: Bytes32
    /// The highest session of the receiver that has been proven to the sender; 0 for none.
    package var highestSession: UInt64

    /// A record from its parts.
    package init(random: Bytes32, echo: Bytes32, highestSession: UInt64) {
        (self.random, self.echo, self.highestSession) = (random, echo, highestSession)
    }
}

/// The content of HEARTBEAT, PING and LEAVE.
package struct BeatRecord: Equatable, Sendable {
    /// Hash of the sender's tables.
    package var tables: UInt64
    /// Hash of its configuration.
    package var configuration: UInt64
    /// Hash of the ids of the keys it holds.
    package var keys: UInt32
    /// The same hash of the receiver's, as the sender knows it; 0 for not at all.
    package var keysSeen: UInt32
    /// How far it has the receiver's rows.
    package var receivedThrough: UInt64
    /// How long it has not heard the receiver, in milliseconds.
    package var silence: UInt16
    /// Per cent of the receiver's last datagrams that did not come.
    package var loss: UInt8

    /// A record from its parts.
    package init(tables: UInt64, configuration: UInt64, keys: UInt32, keysSeen: UInt32, receivedThrough: UInt64, silence: UInt16, loss: UInt8) {
        (self.tables, self.configuration, self.keys, self.keysSeen) = (tables, configuration, keys, keysSeen)
        (self.receivedThrough, self.silence, self.loss) = (receivedThrough, silence, loss)
    }
}

/// What a record says. `type u8, length u16, value`; a longer value than expected is a later version's, its end is ignored.
package enum Record: Equatable, Sendable {
    /// Of a handshake.
    case handshake(HandshakeRecord)
    /// The sender's state in short.
    case beat(BeatRecord)
    /// The rows that follow are the sender's changes in (from, through].
    case range(from: UInt64, through: UInt64)
    /// The receiver's changes through here have come; `ping` is the sequence of the datagram answered, for the round trip.
    case acknowledgement(through: UInt64, ping: UInt64)
    /// Of a node.
    case member(MemberRow)
    /// Of a server, by an observer.
    case health(HealthRow)
    /// Of a server, by an operator.
    case administrative(AdministrativeRow)
    /// Of a lease.
    case lease(LeaseRow)
    /// Of whom a node follows.
    case ballot(BallotRow)
    /// `GossipLimits.bucketsCount` hashes.
    case digest([UInt64])
    /// Which buckets are wanted.
    case pull(UInt32)
    /// A check of this server is asked for.
    case checkNow(ServerID)
    /// The ids of the keys held, the one sent with first.
    case keys([UInt32])
    /// Some parts of the sender's configuration.
    case configuration(ConfigurationRecord)
}

extension Record {
    /// The types on the wire.
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

    /// Bytes of the longest row, its type and length included.
    package static let rowBytesMax = 72

    /// Bytes on the wire of a row, type and length included.
    var bytesCount: Int {
        switch self {
        case .member: 24
        case .health: 68
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

    /// Appends the record. `now` turns points in time into ages.
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

    /// Reads a record's value; `nil` when it is too short or says what cannot be.
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
    /// Records of a type that this version does not know.
    package private(set) var unknown = 0
    /// Records that are cut short or say what cannot be, and records beyond the limit.
    package private(set) var malformed = 0

    /// Records come from `bytes`, which have been verified or are the sender's guess: both are fine.
    package init(_ bytes: ArraySlice<UInt8>, now: Instant) {
        reader = ByteReader(bytes)
        self.now = now
    }

    /// The next record that is understood; `nil` at the end.
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
