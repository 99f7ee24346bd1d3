/// The hash functions of HAProxy's `hash-type` and of the converters with the same names.
package enum KeyHash: UInt8, BitwiseCopyable, CaseIterable, Sendable {
    /// HAProxy's default: the function of the database library sdbm.
    case sdbm
    /// Bernstein's function.
    case djb2
    /// The function of the load balancer WT6.
    case wt6
    /// The checksum `CRC32`.
    case crc32
    /// The decimal number at the beginning of the text, without its upper half.
    case none

    /// The hash of `bytes`.
    package func value(of bytes: UnsafeRawBufferPointer) -> UInt32 {
        switch self {
        case .sdbm: bytes.reduce(0) { $0 &* 65_599 &+ UInt32($1) }
        case .djb2: bytes.reduce(5_381) { $0 &* 33 &+ UInt32($1) }
        case .wt6: Self.wt6(bytes)
        case .crc32: CRC32.checksum(of: bytes)
        case .none: UInt32(truncatingIfNeeded: Int64(decimalPrefixOf: bytes))
        }
    }

    /// Spreads a hash over all bits: Jenkins' full avalanche, and a multiplication that moves the upper bits.
    ///
    /// - SeeAlso: Bob Jenkins, "4-byte Integer Hashing".
    package static func avalanche(_ hash: UInt32) -> UInt32 {
        var hash = hash
        hash = hash &+ 0x7ed5_5d16 &+ hash << 12
        hash = hash ^ 0xc761_c23c ^ hash >> 19
        hash = hash &+ 0x1656_67b1 &+ hash << 5
        hash = (hash &+ 0xd3a2_646c) ^ hash << 9
        hash = hash &+ 0xfd70_46c5 &+ hash << 3
        hash = hash ^ 0xb55a_4f09 ^ hash >> 16
        return hash &* 0xc000_0001
    }

    /// Two words take each byte, and change places with rotations that depend on them.
    private static func wt6(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var (first, second): (UInt32, UInt32) = (0xa53c_965a, 0x5ca6_953a)
        var (firstTurn, secondTurn): (UInt32, UInt32) = (6, 18)
        for byte in bytes {
            let (mixed, added) = (~(first ^ UInt32(byte)), ~(second &+ UInt32(byte)))
            first = added << firstTurn | added >> (32 &- firstTurn)
            second = mixed << secondTurn | mixed >> (32 &- secondTurn)
            let turns = (first >> 16 ^ second) & 0xffff
            (firstTurn, secondTurn) = (turns & 31, turns >> 11)
        }
        return first ^ second
    }
}

extension Int64 {
    /// The decimal number at the beginning of a text as HAProxy reads it: an optional sign, and digits up to the first other byte. A number that is too large is
    /// the largest one, and a text without digits is 0.
    package init(decimalPrefixOf text: UnsafeRawBufferPointer) {
        let isNegative = text.first == UInt8(ascii: "-")
        var value: Int64 = 0
        for digit in text.dropFirst(isNegative || text.first == UInt8(ascii: "+") ? 1 : 0) {
            guard digit.isDecimalDigit else { break }
            let (shifted, overflows) = value.multipliedReportingOverflow(by: 10)
            let part = Int64(digit - UInt8(ascii: "0"))
            let (next, exceeds) = isNegative ? shifted.subtractingReportingOverflow(part) : shifted.addingReportingOverflow(part)
            value = overflows || exceeds ? isNegative ? .min : .max : next
        }
        self = value
    }
}
