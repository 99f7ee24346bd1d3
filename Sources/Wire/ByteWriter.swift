/// Builds a message from front to back.
package struct ByteWriter: Sendable {
    /// What has been written.
    package private(set) var bytes: [UInt8] = []

    /// Nothing written.
    package init() {}

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
}
