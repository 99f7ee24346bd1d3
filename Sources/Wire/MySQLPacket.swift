/// One packet of the MySQL client/server protocol.
///
///     offset  bytes  field
///     0       3      length of the payload, little-endian
///     3       1      sequence number, from 0 in each command
///     4       n      payload
///
/// - SeeAlso: MySQL Internals Manual, "MySQL Packets".
package struct MySQLPacket: Equatable, Sendable {
    /// The longest payload of one packet; longer messages are split, which no message of a login is.
    package static let payloadBytesMax = 0xff_fffe

    /// The packet's number within its command.
    package var sequence: UInt8
    /// The bytes after the header.
    package var payload: [UInt8]

    /// A packet around `payload`.
    package init(sequence: UInt8, payload: [UInt8]) {
        precondition(payload.count <= Self.payloadBytesMax, "a packet holds at most \(Self.payloadBytesMax) bytes, got \(payload.count)")
        self.sequence = sequence
        self.payload = payload
    }

    /// Header and payload, as they are sent.
    package var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.writeLittleEndian(UInt64(payload.count), bytes: 3)
        writer.write(sequence)
        writer.write(payload)
        return writer.bytes
    }

    /// COM_QUIT: a client's orderly end.
    package static let quit = MySQLPacket(sequence: 0, payload: [1])

    /// COM_QUERY: one statement, in UTF-8.
    package static func query(_ statement: String) -> MySQLPacket { MySQLPacket(sequence: 0, payload: [3] + Array(statement.utf8)) }
}

/// Why a stream is not taken for MySQL's.
package enum MySQLFramingError: Error, Equatable, Sendable {
    /// A header announces more bytes than the reader takes.
    case tooLong(bytes: Int, limit: Int)
}

/// Cuts a byte stream into packets.
package struct MySQLPacketReader: Sendable {
    /// Longer payloads are refused as soon as their header is there.
    package var payloadBytesMax: Int

    private var buffer: [UInt8] = []
    /// Where the bytes begin that belong to no packet given out. Those before are dropped all at once: a flood of small packets costs no more than its bytes.
    private var start = 0

    /// A reader at the start of a stream.
    package init(payloadBytesMax: Int) { self.payloadBytesMax = payloadBytesMax }

    /// Takes bytes as they come. To be followed by `next` until that is `nil`, so that little is kept.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        buffer.removeFirst(start)
        start = 0
        buffer.append(contentsOf: bytes)
    }

    /// True when nothing has come since the last whole packet.
    package var isEmpty: Bool { start == buffer.count }

    /// The first payload byte of the packet that is still incomplete: often enough to tell garbage early.
    package var firstPayloadByte: UInt8? { buffer.count - start > 4 ? buffer[start + 4] : nil }

    /// The next whole packet, `nil` while it is incomplete.
    package mutating func next() throws(MySQLFramingError) -> MySQLPacket? {
        var reader = ByteReader(buffer[start...])
        guard let length = reader.readLittleEndian(bytes: 3), let sequence = reader.readByte() else { return nil }
        guard length <= UInt64(payloadBytesMax) else { throw .tooLong(bytes: Int(length), limit: payloadBytesMax) }
        guard let payload = reader.readBytes(Int(length)) else { return nil }
        start = buffer.count - reader.count
        return MySQLPacket(sequence: sequence, payload: Array(payload))
    }
}
