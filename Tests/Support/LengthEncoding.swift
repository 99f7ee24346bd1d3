import Wire

extension ByteWriter {
    /// A number as MySQL has it: one byte up to 250, or 252, 253 or 254 and two, three or eight bytes.
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

    /// `bytes`, with their number before them as MySQL has it.
    package mutating func writeLengthEncoded(_ bytes: some Collection<UInt8>) {
        writeLengthEncoded(bytes.count)
        write(bytes)
    }
}
