/// Reads received bytes from front to back.
///
/// Every read returns `nil` and moves nothing when too few bytes are left. The calling codec turns that into its own error.
package struct ByteReader: Sendable {
    /// The bytes not read yet.
    package private(set) var rest: ArraySlice<UInt8>

    /// Creates a reader at the front of `bytes`.
    package init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// Creates a reader at the front of `bytes`.
    package init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// The number of bytes left.
    package var count: Int { rest.count }

    /// True when no byte is left.
    package var isAtEnd: Bool { rest.isEmpty }

    /// The next byte, which stays unread.
    package var next: UInt8? { rest.first }

    /// Reads one byte.
    package mutating func readByte() -> UInt8? { rest.popFirst() }

    /// Reads `count` bytes; `nil` also for a negative count.
    package mutating func readBytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= rest.count else { return nil }
        let bytes = rest.prefix(count)
        rest = rest.dropFirst(count)
        return bytes
    }

    /// Skips `count` bytes; `nil`, without a move, when fewer are left.
    package mutating func skip(_ count: Int) -> Void? { readBytes(count).map { _ in } }

    /// Reads all bytes that are left; empty at the end.
    package mutating func readRest() -> ArraySlice<UInt8> {
        let bytes = rest
        rest = rest[rest.endIndex...]
        return bytes
    }

    /// Reads the bytes before the next `terminator` and skips it; `nil` when it does not come within `limit` bytes.
    package mutating func readBytes(until terminator: UInt8, limit: Int) -> ArraySlice<UInt8>? {
        guard let end = rest.prefix(limit + 1).firstIndex(of: terminator) else { return nil }
        let bytes = rest[..<end]
        rest = rest[(end + 1)...]
        return bytes
    }

    /// Reads an unsigned or two's complement integer in network byte order.
    package mutating func readBigEndian<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer? {
        readBigEndian(bytes: Integer.bitWidth / 8).map { Integer(truncatingIfNeeded: $0) }
    }

    /// Reads eight bytes in network byte order. A separate method, because other modules call the generic read unspecialized, and gossip reads little else.
    package mutating func readBigEndian() -> UInt64? { readBigEndian(bytes: 8) }

    /// Reads an unsigned integer of 1 to 8 bytes in network byte order.
    package mutating func readBigEndian(bytes width: Int) -> UInt64? {
        precondition((1...8).contains(width), "an integer has 1 to 8 bytes, got \(width)")
        guard width <= rest.count else { return nil }
        let value = rest.withUnsafeBytes { bytes in
            var value: UInt64 = 0
            for offset in 0..<width { value = value << 8 | UInt64(bytes[offset]) }
            return value
        }
        rest.removeFirst(width)
        return value
    }

    /// Reads MySQL's length-encoded integer: one byte up to 250, or 252, 253 or 254 followed by two, three or eight bytes. `nil` also for 251 and 255, which
    /// are not integers.
    package mutating func readLengthEncoded() -> UInt64? {
        let start = rest
        let number: UInt64? =
            switch readByte() {
            case .some(252): readLittleEndian(bytes: 2)
            case .some(253): readLittleEndian(bytes: 3)
            case .some(254): readLittleEndian(bytes: 8)
            case .some(let byte) where byte < 251: UInt64(byte)
            default: nil
            }
        if number == nil { rest = start }
        return number
    }

    /// Reads bytes whose count precedes them as MySQL's length-encoded integer.
    package mutating func readLengthEncodedBytes() -> ArraySlice<UInt8>? {
        let start = rest
        guard let length = readLengthEncoded(), length <= UInt64(rest.count), let bytes = readBytes(Int(length)) else {
            rest = start
            return nil
        }
        return bytes
    }

    /// Reads an unsigned or two's complement integer, least significant byte first.
    package mutating func readLittleEndian<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer? {
        readLittleEndian(bytes: Integer.bitWidth / 8).map { Integer(truncatingIfNeeded: $0) }
    }

    /// Reads an unsigned integer of 1 to 8 bytes, least significant byte first.
    package mutating func readLittleEndian(bytes width: Int) -> UInt64? {
        precondition((1...8).contains(width), "an integer has 1 to 8 bytes, got \(width)")
        guard let bytes = readBytes(width) else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
