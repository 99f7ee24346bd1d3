/// An IPv4 or IPv6 address.
package enum IPAddress: BitwiseCopyable, Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 address in host byte order: 127.0.0.1 is 0x7f000001.
    case v4(UInt32)
    /// An IPv6 address: its first and last eight bytes in host byte order.
    case v6(high: UInt64, low: UInt64)

    /// The address 0.0.0.0.
    package static let anyV4 = IPAddress.v4(0)
    /// The address `::`.
    package static let anyV6 = IPAddress.v6(high: 0, low: 0)

    /// Parses dotted-quad IPv4 (four decimal parts, no leading zeros) or RFC 4291 IPv6 text, without brackets or zone. `nil` for other text.
    package init?(_ text: some StringProtocol) {
        if let v4 = IPAddress.parseV4(Array(text.utf8)) {
            self = .v4(v4)
        } else if let (high, low) = IPAddress.parseV6(Array(text.utf8)) {
            self = .v6(high: high, low: low)
        } else {
            return nil
        }
    }

    /// True for an IPv6 address.
    package var isV6: Bool { if case .v6 = self { true } else { false } }

    /// True for 0.0.0.0 and `::`.
    package var isUnspecified: Bool { self == .anyV4 || self == .anyV6 }

    /// Dotted quad, or RFC 5952 text (lower case, the longest run of zeros abbreviated).
    package var description: String {
        switch self {
        case .v4(let bits): "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)"
        case .v6(let high, let low): IPAddress.describeV6(high: high, low: low)
        }
    }

    private static func parseV4(_ text: [UInt8]) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value: UInt32 = 0
            for digit in part {
                guard digit.isDecimalDigit else { return nil }
                value = value * 10 + UInt32(digit - UInt8(ascii: "0"))
            }
            guard value <= 255 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private static func parseV6(_ text: [UInt8]) -> (UInt64, UInt64)? {
        var head: [UInt16] = []
        var tail: [UInt16]?
        var rest = text[...]
        guard rest.count >= 2, rest.count <= 45 else { return nil }
        if rest.starts(with: "::".utf8) {
            tail = []
            rest = rest.dropFirst(2)
        } else if rest.first == UInt8(ascii: ":") {
            return nil
        }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
            let group = rest[..<end]
            if group.contains(UInt8(ascii: ".")) {
                guard end == rest.endIndex, let v4 = parseV4(Array(group)) else { return nil }
                append([UInt16(v4 >> 16), UInt16(truncatingIfNeeded: v4)], to: &head, or: &tail)
                break
            }
            guard let value = parseHexadecimal(group) else { return nil }
            append([value], to: &head, or: &tail)
            guard end < rest.endIndex else { break }
            rest = rest[rest.index(after: end)...]
            guard let next = rest.first else { return nil }
            if next == UInt8(ascii: ":") {
                guard tail == nil else { return nil }
                tail = []
                rest = rest.dropFirst()
            }
        }
        let count = head.count + (tail?.count ?? 0)
        guard tail == nil ? count == 8 : count <= 7 else { return nil }
        let groups = head + Array(repeating: 0, count: 8 - count) + (tail ?? [])
        let words = groups.map(UInt64.init)
        return (words[0] << 48 | words[1] << 32 | words[2] << 16 | words[3], words[4] << 48 | words[5] << 32 | words[6] << 16 | words[7])
    }

    private static func append(_ groups: [UInt16], to head: inout [UInt16], or tail: inout [UInt16]?) {
        if tail != nil { tail?.append(contentsOf: groups) } else { head.append(contentsOf: groups) }
    }

    private static func parseHexadecimal(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(digits.count) else { return nil }
        var value: UInt16 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    private static func describeV6(high: UInt64, low: UInt64) -> String {
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - UInt64($0 % 4) * 16)) }
        if high == 0, low >> 32 == 0xffff { return "::ffff:\(IPAddress.v4(UInt32(truncatingIfNeeded: low)))" }
        var best = 0..<0
        var index = 0
        while index < 8 {
            let end = groups[index...].firstIndex { $0 != 0 } ?? 8
            if end - index > max(1, best.count) { best = index..<end }
            index = max(end, index) + 1
        }
        let texts = groups.map { String($0, radix: 16) }
        guard !best.isEmpty else { return texts.joined(separator: ":") }
        return texts[..<best.lowerBound].joined(separator: ":") + "::" + texts[best.upperBound...].joined(separator: ":")
    }
}

/// An address that a socket is bound or connected to.
package enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// TCP or UDP over IP.
    case ip(IPAddress, port: UInt16)
    /// The path of a UNIX socket, at most 107 bytes; or a NUL, an abstract name and NULs, at most 108 bytes.
    case unix(String)

    /// The limit on the path of a UNIX socket in bytes, without its NUL.
    package static let pathBytesMax = 107
    /// The limit on an abstract name in bytes, with the NUL at its front.
    package static let abstractBytesMax = 108

    /// Whether the path of a UNIX socket is an abstract name, which is no file.
    package static func isAbstract(_ path: String) -> Bool { path.utf8.first == 0 }

    /// The limit on the bytes of `path`, by its kind.
    package static func bytesMax(ofPath path: String) -> Int { isAbstract(path) ? abstractBytesMax : pathBytesMax }

    /// The port; `nil` for a UNIX socket.
    package var port: UInt16? { if case .ip(_, let port) = self { port } else { nil } }

    /// The IP address; `nil` for a UNIX socket.
    package var address: IPAddress? { if case .ip(let address, _) = self { address } else { nil } }

    /// `1.2.3.4:5`, `[::1]:5`, the path or `abns@name`.
    package var description: String {
        switch self {
        case .ip(.v4(let bits), let port): "\(IPAddress.v4(bits)):\(port)"
        case .ip(let address, let port): "[\(address)]:\(port)"
        case .unix(let path): Self.text(ofPath: path)
        }
    }

    /// A UNIX socket's path as in the configuration: `/run/s`; `abns@name` for an abstract name.
    package static func text(ofPath path: String) -> String {
        isAbstract(path) ? "abns@" + path.unicodeScalars.filter { $0 != "\0" }.map { String($0) }.joined() : path
    }
}
