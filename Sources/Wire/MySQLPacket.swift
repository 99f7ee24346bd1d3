/// A packet of the MySQL client/server protocol.
///
///     offset  bytes  field
///     0       3      length of the payload, little-endian
///     3       1      sequence number, from 0 in each command
///     4       n      payload
///
/// - SeeAlso: MySQL Internals Manual, "MySQL Packets".
package struct MySQLPacket: Equatable, Sendable {
    /// The limit on a packet's payload. Longer messages are split; the messages of a login never are.
    package static let payloadBytesMax = 0xff_fffe

    /// The packet's number within its command.
    package var sequence: UInt8
    /// The bytes after the header.
    package var payload: [UInt8]

    /// Creates a packet with `payload`.
    package init(sequence: UInt8, payload: [UInt8]) {
        precondition(payload.count <= Self.payloadBytesMax, "a packet holds at most \(Self.payloadBytesMax) bytes, got \(payload.count)")
        self.sequence = sequence
        self.payload = payload
    }

    /// Header and payload as sent.
    package var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.writeLittleEndian(UInt64(payload.count), bytes: 3)
        writer.write(sequence)
        writer.write(payload)
        return writer.bytes
    }

    /// COM_QUIT: the client closes the connection.
    package static let quit = MySQLPacket(sequence: 0, payload: [1])

    /// COM_QUERY: one statement in UTF-8.
    package static func query(_ statement: String) -> MySQLPacket { MySQLPacket(sequence: 0, payload: [3] + Array(statement.utf8)) }
}

/// The reason why a stream is not MySQL.
package enum MySQLFramingError: Error, Equatable, Sendable {
    /// A header announces more bytes than the reader accepts.
    case tooLong(bytes: Int, limit: Int)
}

/// Splits a byte stream into packets.
package struct MySQLPacketReader: Sendable {
    /// Longer payloads are rejected as soon as their header has arrived.
    package var payloadBytesMax: Int

    private var buffer: [UInt8] = []
    /// The index of the first byte after the packets already returned. Earlier bytes are removed in one step by `append`, so that many small packets cost no
    /// more than their bytes.
    private var start = 0

    /// Creates a reader at the start of a stream.
    package init(payloadBytesMax: Int) { self.payloadBytesMax = payloadBytesMax }

    /// Takes in received bytes. The caller then calls `next` until it returns `nil`, so that the buffer stays small.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        buffer.removeFirst(start)
        start = 0
        buffer.append(contentsOf: bytes)
    }

    /// True when no byte has arrived after the last whole packet.
    package var isEmpty: Bool { start == buffer.count }

    /// The first payload byte of an incomplete packet: it often shows early that the stream is not MySQL.
    package var firstPayloadByte: UInt8? { buffer.count - start > 4 ? buffer[start + 4] : nil }

    /// Returns the next whole packet; `nil` while it is incomplete.
    package mutating func next() throws(MySQLFramingError) -> MySQLPacket? {
        var reader = ByteReader(buffer[start...])
        guard let length = reader.readLittleEndian(bytes: 3), let sequence = reader.readByte() else { return nil }
        guard length <= UInt64(payloadBytesMax) else { throw .tooLong(bytes: Int(length), limit: payloadBytesMax) }
        guard let payload = reader.readBytes(Int(length)) else { return nil }
        start = buffer.count - reader.count
        return MySQLPacket(sequence: sequence, payload: Array(payload))
    }
}
