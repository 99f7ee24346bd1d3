import Wire

extension [UInt8] {
    /// Appends an integer in network byte order. Datagrams are written into one reused array, which `ByteWriter` cannot do because it owns its bytes.
    mutating func write(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    mutating func write(_ value: Bytes32) {
        write(value.first)
        write(value.second)
        write(value.third)
        write(value.fourth)
    }

    /// Appends integers in network byte order with one copy.
    mutating func write<let count: Int>(words: [count of UInt64]) {
        var swapped = words
        for index in swapped.indices { swapped[index] = words[index].bigEndian }
        Swift.withUnsafeBytes(of: swapped) { append(contentsOf: $0) }
    }

    /// Overwrites two bytes that are already written: the length of a record.
    mutating func overwrite(_ value: UInt16, at offset: Int) {
        self[offset] = UInt8(value >> 8)
        self[offset + 1] = UInt8(truncatingIfNeeded: value)
    }
}

extension ByteReader {
    mutating func readBytes32() -> Bytes32? { readBytes(32).flatMap { Bytes32($0) } }
}
