/// Builds a message from front to back.
package struct ByteWriter: Sendable {
    /// The bytes written so far.
    package private(set) var bytes: [UInt8] = []

    /// Creates an empty writer.
    package init() {}

    /// Writes one byte.
    package mutating func write(_ byte: UInt8) { bytes.append(byte) }

    /// Writes all of `bytes`.
    package mutating func write(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Writes `byte` `count` times.
    package mutating func write(repeating byte: UInt8, count: Int) { bytes.append(contentsOf: repeatElement(byte, count: count)) }

    /// Writes an integer in network byte order.
    package mutating func writeBigEndian<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Writes an integer, least significant byte first.
    package mutating func writeLittleEndian<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Writes the low `width` bytes of `value`, 1 to 8, least significant first.
    package mutating func writeLittleEndian(_ value: UInt64, bytes width: Int) {
        precondition((1...8).contains(width), "an integer has 1 to 8 bytes, got \(width)")
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0.prefix(width)) }
    }
}
