/// Builds a message from front to back.
package struct ByteWriter: Sendable {
    /// What has been written.
    package private(set) var bytes: [UInt8] = []

    /// Nothing written.
    package init() {}

    /// How many bytes have been written: the offset of the next one.
    package var count: Int { bytes.count }

    /// One byte.
    package mutating func write(_ byte: UInt8) { bytes.append(byte) }

    /// All of `bytes`.
    package mutating func write(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// `byte`, `count` times.
    package mutating func write(repeating byte: UInt8, count: Int) { bytes.append(contentsOf: repeatElement(byte, count: count)) }

    /// An integer in network byte order.
    package mutating func writeBigEndian<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// An integer, least significant byte first.
    package mutating func writeLittleEndian<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// The low `width` bytes of `value`, 1 to 8, least significant first.
    package mutating func writeLittleEndian(_ value: UInt64, bytes width: Int) {
        precondition((1...8).contains(width), "an integer has 1 to 8 bytes, got \(width)")
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0.prefix(width)) }
    }

    /// Replaces the integer at `offset`, which has been written already, by one in network byte order: for lengths known late.
    package mutating func overwriteBigEndian<Integer: FixedWidthInteger>(_ value: Integer, at offset: Int) {
        let end = offset + Integer.bitWidth / 8
        precondition(offset >= 0 && end <= bytes.count, "only what has been written can be replaced: \(offset)..<\(end) of \(bytes.count)")
        withUnsafeBytes(of: value.bigEndian) { bytes.replaceSubrange(offset..<end, with: $0) }
    }
}
