/// A domain name, compared without regard to the case of ASCII letters.
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    /// The limit for a whole name on the wire, with length bytes and the final zero (RFC 1035 2.3.4).
    package static let bytesMax = 255
    /// The limit for a label (RFC 1035 2.3.4).
    package static let labelBytesMax = 63

    /// The uncompressed wire form in lower case: a length byte before each label, a zero at the end.
    package let bytes: [UInt8]

    /// Creates a name from a valid wire form in lower case.
    init(wire bytes: [UInt8]) {
        assert(bytes.last == 0 && bytes.count <= DNSName.bytesMax, "a name ends with the root and keeps its limit")
        self.bytes = bytes
    }

    /// Parses a host name: labels of letters, digits, `-` and `_`, with or without the final dot. `nil` for other text.
    package init?(_ text: some StringProtocol) {
        var rest = Array(text.utf8)[...]
        if rest.last == UInt8(ascii: ".") { rest = rest.dropLast() }
        guard !rest.isEmpty else { return nil }
        var bytes: [UInt8] = []
        for label in rest.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...DNSName.labelBytesMax).contains(label.count), label.allSatisfy(DNSName.isHostNameByte) else { return nil }
            bytes.append(UInt8(label.count))
            bytes.append(contentsOf: label.map(\.asciiLowercased))
        }
        bytes.append(0)
        guard bytes.count <= DNSName.bytesMax else { return nil }
        self.bytes = bytes
    }

    /// True for the root, which is not a host name.
    package var isRoot: Bool { bytes.count == 1 }

    /// True for a service name such as `_mysql._tcp.db.internal`: the first label begins with `_`.
    package var isOfService: Bool { bytes.count > 2 && bytes[1] == UInt8(ascii: "_") }

    /// The labels joined by dots, without a final dot. A byte outside a host name's alphabet appears as `\DDD`.
    package var description: String {
        var labels: [String] = []
        var position = 0
        while position < bytes.count, bytes[position] > 0 {
            let end = min(position + 1 + Int(bytes[position]), bytes.count)
            labels.append(bytes[(position + 1)..<end].map(DNSName.shown).joined())
            position = end
        }
        return labels.isEmpty ? "." : labels.joined(separator: ".")
    }

    private static func isHostNameByte(_ byte: UInt8) -> Bool { byte.isAlphanumeric || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") }

    private static func shown(_ byte: UInt8) -> String {
        if isHostNameByte(byte) { return String(Unicode.Scalar(byte)) }
        let digits = String(byte)
        return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }
}
