import Wire

extension ByteWriter {
    /// Writes MySQL's length-encoded integer: one byte up to 250, or 252, 253 or 254 followed by two, three or eight bytes.
    package mutating func writeLengthEncoded(_ value: Int) {
        precondition(value >= 0, "a length is not negative, got \(value)")
        switch value {
        case 0..<251: write(UInt8(value))
        case 251..<0x1_0000:
            write(252)
            writeLittleEndian(UInt64(value), bytes: 2)
        case 0x1_0000..<0x100_0000:
            write(253)
            writeLittleEndian(UInt64(value), bytes: 3)
        default:
            write(254)
            writeLittleEndian(UInt64(value), bytes: 8)
        }
    }

    /// Writes `bytes` after their count as a length-encoded integer.
    package mutating func writeLengthEncoded(_ bytes: some Collection<UInt8>) {
        writeLengthEncoded(bytes.count)
        write(bytes)
    }
}
