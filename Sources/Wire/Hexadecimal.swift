/// Hexadecimal digits.
package enum Hexadecimal {
    private static let upperCase = Array("0123456789ABCDEF".utf8)

    /// The value of a digit, of either case; `nil` for any other byte.
    package static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The bytes of a sequence of digits, two per byte; `nil` for an odd number of digits or any other byte.
    package static func bytes(_ digits: some Collection<UInt8>) -> [UInt8]? {
        let nibbles = digits.compactMap(value)
        guard nibbles.count == digits.count, nibbles.count % 2 == 0 else { return nil }
        return stride(from: 0, to: nibbles.count, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
    }

    /// Two digits for each byte, in lower case.
    package static func text(_ bytes: [UInt8]) -> String { bytes.map { text($0, digits: 2) }.joined() }

    /// Two digits for each byte, in upper case.
    package static func upperDigits(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var digits: [UInt8] = []
        digits.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            digits.append(upperCase[Int(byte >> 4)])
            digits.append(upperCase[Int(byte & 15)])
        }
        return digits
    }

    /// `value` in at least `digits` digits, in lower case.
    package static func text(_ value: some FixedWidthInteger & UnsignedInteger, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    /// The value of exactly `digits` digits, of either case; `nil` for anything else.
    package static func number(_ word: some StringProtocol, digits: Int) -> UInt64? {
        guard word.utf8.count == digits, word.utf8.allSatisfy({ value($0) != nil }) else { return nil }
        return UInt64(word, radix: 16)
    }
}
