/// The header that a load balancer sends before a connection's first byte: the PROXY protocol, versions 1 and 2.
///
///     version 1, text of at most 107 bytes
///         PROXY TCP4 192.0.2.1 10.0.1.10 40000 3306\r\n      or TCP6; or UNKNOWN, with nothing after it
///
///     version 2
///     offset  bytes  field
///     0       12     signature
///     12      1      version 2 in the high half; 0 LOCAL or 1 PROXY in the low one
///     13      1      0x11 TCP over IPv4, 0x21 TCP over IPv6; after LOCAL this and all later fields are ignored
///     14      2      bytes after this field, big-endian
///     16      12/36  source and destination address, source and destination port
///     28/52   n      extensions: type u8, length u16, value
///
/// - SeeAlso: "The PROXY protocol", Willy Tarreau, HAProxy; AWS's extension is described with its network load balancers.
package struct ProxyHeader: Equatable, Sendable {
    /// The addresses of the client's connection.
    package struct Addresses: Equatable, Sendable {
        /// The client.
        package var source: IPAddress
        /// The client's port.
        package var sourcePort: UInt16
        /// The address that the client connected to.
        package var destination: IPAddress
        /// The port that the client connected to.
        package var destinationPort: UInt16

        /// Creates addresses of one family.
        package init(source: IPAddress, sourcePort: UInt16, destination: IPAddress, destinationPort: UInt16) {
            (self.source, self.sourcePort, self.destination, self.destinationPort) = (source, sourcePort, destination, destinationPort)
        }
    }

    /// `nil` when the load balancer connects for itself (LOCAL: a probe) or does not know the client (UNKNOWN). The connection's own addresses then apply.
    package var addresses: Addresses?
    /// AWS's name of the VPC endpoint that the client used, "vpce-0123456789abcdef0".
    package var endpoint: String?
    /// The host name that the client asked for, such as the SNI of its TLS connection: at most `authorityBytesMax` bytes; `nil` without one.
    package var authority: [UInt8]?

    /// Creates a header.
    package init(_ addresses: Addresses?, endpoint: String? = nil) { (self.addresses, self.endpoint) = (addresses, endpoint) }

    /// The limit on a version 1 header, with its line end.
    package static let textBytesMax = 107
    /// The limit on a version 2 header. Load balancers send less than 200 bytes.
    package static let bytesMax = 2_048
    /// The limit on an authority. A longer one is ignored.
    package static let authorityBytesMax = 255

    private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    private static let prefix = Array("PROXY ".utf8)
    private static let fixedBytes = 16

    private enum Extension {
        static let authority: UInt8 = 0x02
        static let checksum: UInt8 = 0x03
        static let uniqueID: UInt8 = 0x05
        static let aws: UInt8 = 0xea
        /// The first byte of AWS's extension when it names an endpoint.
        static let awsEndpoint: UInt8 = 0x01
    }
}

/// The result of reading the first bytes of a connection.
package enum ProxyHeaderReading: Equatable, Sendable {
    /// A complete header with this number of bytes.
    case whole(ProxyHeader, bytes: Int)
    /// The beginning of a header.
    case incomplete
    /// Not a header.
    case absent
    /// An invalid header.
    case malformed(ProxyHeaderError)
}

/// The reason why a header is invalid.
package enum ProxyHeaderError: Error, Equatable, Sendable {
    /// A version 1 line that is too long or malformed.
    case text
    /// A version 1 line with a protocol other than TCP4 and TCP6, or UNKNOWN with addresses.
    case unknownProtocol
    /// Not version 2, or neither LOCAL nor PROXY.
    case versionOrCommand(UInt8)
    /// PROXY with an address family other than TCP over IPv4 or IPv6.
    case family(UInt8)
    /// More bytes than `bytesMax`.
    case tooLong(Int)
    /// Fewer bytes than the addresses need, or an extension that exceeds the header.
    case truncated
    /// The checksum is wrong.
    case checksum
}

extension ProxyHeader {
    /// Reads the header at the front of `bytes`.
    package static func read(_ bytes: ArraySlice<UInt8>) -> ProxyHeaderReading {
        if begins(bytes, prefix) { return readText(bytes) }
        if begins(bytes, signature) { return readBinary(bytes) }
        return .absent
    }

    /// True when one is a prefix of the other.
    private static func begins(_ bytes: ArraySlice<UInt8>, _ mark: [UInt8]) -> Bool { bytes.prefix(mark.count).elementsEqual(mark.prefix(bytes.count)) }

    private static func readText(_ bytes: ArraySlice<UInt8>) -> ProxyHeaderReading {
        var reader = ByteReader(bytes)
        guard let line = reader.readBytes(until: UInt8(ascii: "\n"), limit: textBytesMax - 1) else {
            return bytes.count < textBytesMax ? .incomplete : .malformed(.text)
        }
        guard line.last == UInt8(ascii: "\r") else { return .malformed(.text) }
        let words = line.dropLast().split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        let count = line.count + 1
        if words.count == 2, words[1] == "UNKNOWN" { return .whole(ProxyHeader(nil), bytes: count) }
        guard words.count >= 2, words[1] == "TCP4" || words[1] == "TCP6" else { return .malformed(.unknownProtocol) }
        guard words.count == 6, let source = IPAddress(words[2]), let destination = IPAddress(words[3]), let sourcePort = port(words[4]),
            let destinationPort = port(words[5]), [source, destination].allSatisfy({ words[1] == ($0.isV6 ? "TCP6" : "TCP4") })
        else { return .malformed(.text) }
        let addresses = Addresses(source: source, sourcePort: sourcePort, destination: destination, destinationPort: destinationPort)
        return .whole(ProxyHeader(addresses), bytes: count)
    }

    private static func port(_ word: String) -> UInt16? {
        let digits = word.utf8
        guard (1...5).contains(digits.count), digits.allSatisfy(\.isDecimalDigit) else { return nil }
        return digits.count == 1 || digits.first != UInt8(ascii: "0") ? UInt16(word) : nil
    }

    private static func readBinary(_ bytes: ArraySlice<UInt8>) -> ProxyHeaderReading {
        var reader = ByteReader(bytes)
        guard reader.skip(signature.count) != nil, let versionAndCommand = reader.readByte() else { return .incomplete }
        guard versionAndCommand == 0x20 || versionAndCommand == 0x21 else { return .malformed(.versionOrCommand(versionAndCommand)) }
        guard let family = reader.readByte(), let rest = reader.readBigEndian(UInt16.self) else { return .incomplete }
        let count = fixedBytes + Int(rest)
        guard count <= bytesMax else { return .malformed(.tooLong(count)) }
        guard let body = reader.readBytes(Int(rest)) else { return .incomplete }
        guard versionAndCommand == 0x21 else { return .whole(ProxyHeader(nil), bytes: count) }
        var fields = ByteReader(body)
        let addresses: Addresses
        switch family {
        case 0x11:
            guard let source: UInt32 = fields.readBigEndian(), let destination: UInt32 = fields.readBigEndian(), let ports: UInt32 = fields.readBigEndian()
            else { return .malformed(.truncated) }
            addresses = Addresses(
                source: .v4(source), sourcePort: UInt16(ports >> 16), destination: .v4(destination), destinationPort: UInt16(truncatingIfNeeded: ports))
        case 0x21:
            guard let high = fields.readBigEndian(), let low = fields.readBigEndian(), let otherHigh = fields.readBigEndian(),
                let otherLow = fields.readBigEndian(), let ports: UInt32 = fields.readBigEndian()
            else { return .malformed(.truncated) }
            addresses = Addresses(
                source: .v6(high: high, low: low), sourcePort: UInt16(ports >> 16), destination: .v6(high: otherHigh, low: otherLow),
                destinationPort: UInt16(truncatingIfNeeded: ports))
        default: return .malformed(.family(family))
        }
        var header = ProxyHeader(addresses)
        do {
            try header.readExtensions(&fields, of: bytes.prefix(count))
            return .whole(header, bytes: count)
        } catch {
            return .malformed(error)
        }
    }

    private mutating func readExtensions(_ fields: inout ByteReader, of header: ArraySlice<UInt8>) throws(ProxyHeaderError) {
        while let type = fields.readByte() {
            guard let length = fields.readBigEndian(UInt16.self), let value = fields.readBytes(Int(length)) else { throw .truncated }
            switch type {
            case Extension.checksum:
                var sum = ByteReader(value)
                guard length == 4, let expected: UInt32 = sum.readBigEndian() else { throw .checksum }
                var plain = Array(header)
                let place = value.startIndex - header.startIndex
                plain.replaceSubrange(place..<place + 4, with: repeatElement(0, count: 4))
                guard CRC32C.checksum(of: plain) == expected else { throw .checksum }
            case Extension.authority where value.count <= Self.authorityBytesMax:
                authority = Array(value)
            case Extension.aws where value.first == Extension.awsEndpoint:
                endpoint = String(decoding: value.dropFirst().prefix(255).filter { (0x21...0x7e).contains($0) }, as: UTF8.self)
            default:
                continue
            }
        }
    }
}

extension ProxyHeader {
    /// The version 1 form: a line of text.
    package var text: [UInt8] {
        guard let addresses else { return Array("PROXY UNKNOWN\r\n".utf8) }
        let family = addresses.source.isV6 ? "TCP6" : "TCP4"
        return Array(
            "PROXY \(family) \(addresses.source) \(addresses.destination) \(addresses.sourcePort) \(addresses.destinationPort)\r\n".utf8)
    }

    /// The version 2 form with the extensions that `options` lists.
    ///
    /// - Parameter values: further extensions, encoded, which come first.
    package func binary(_ options: ProxyHeaderOptions = [], values: [UInt8] = []) -> [UInt8] {
        var body = ByteWriter()
        switch (addresses?.source, addresses?.destination) {
        case (.v4(let source)?, .v4(let destination)?):
            body.writeBigEndian(source)
            body.writeBigEndian(destination)
        case (.v6(let high, let low)?, .v6(let otherHigh, let otherLow)?):
            for word in [high, low, otherHigh, otherLow] { body.writeBigEndian(word) }
        default: break
        }
        let family: UInt8 = body.bytes.isEmpty ? 0x00 : body.bytes.count == 8 ? 0x11 : 0x21
        if let addresses, family != 0 {
            body.writeBigEndian(addresses.sourcePort)
            body.writeBigEndian(addresses.destinationPort)
        }
        if let endpoint, family != 0 { body.write(Self.encoded(Extension.aws, [Extension.awsEndpoint] + endpoint.utf8.prefix(255))) }
        body.write(values)
        // The order is HAProxy's: the checksum of all bytes precedes the other extensions.
        let sumPlace = Self.fixedBytes + body.bytes.count + 3
        if options.contains(.checksum) { body.write(Self.encoded(Extension.checksum, [0, 0, 0, 0])) }
        if options.contains(.authority), let authority { body.write(Self.encoded(Extension.authority, authority)) }
        if options.contains(.uniqueID) { body.write(Self.encoded(Extension.uniqueID, [])) }
        var header = ByteWriter()
        header.write(ProxyHeader.signature)
        header.write(family == 0 ? 0x20 : 0x21)
        header.write(family)
        header.writeBigEndian(UInt16(truncatingIfNeeded: body.bytes.count))
        header.write(body.bytes)
        guard options.contains(.checksum) else { return header.bytes }
        var bytes = header.bytes
        let sum = CRC32C.checksum(of: bytes)
        withUnsafeBytes(of: sum.bigEndian) { bytes.replaceSubrange(sumPlace..<sumPlace + 4, with: $0) }
        return bytes
    }

    /// An extension of the version 2 form: type, length, value. `value` is at most 65,535 bytes long.
    package static func encoded(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(type)
        writer.writeBigEndian(UInt16(clamping: value.count))
        writer.write(value)
        return writer.bytes
    }
}

/// The extensions of a version 2 header that is sent.
package struct ProxyHeaderOptions: OptionSet, BitwiseCopyable, Hashable, Sendable {
    /// The set as bits.
    package let rawValue: UInt8

    /// Creates a set from its bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A CRC32C of the header.
    package static let checksum = ProxyHeaderOptions(rawValue: 1)
    /// The authority that the header of the client's own connection had, if any.
    package static let authority = ProxyHeaderOptions(rawValue: 2)
    /// The session's unique ID. It is empty, as in HAProxy without `unique-id-format`.
    package static let uniqueID = ProxyHeaderOptions(rawValue: 4)
}

/// The forms in which a header can be sent.
package enum ProxyHeaderForm: BitwiseCopyable, Equatable, Sendable {
    /// Version 1.
    case text
    /// Version 2.
    case binary(ProxyHeaderOptions)

    /// True when the header passes on the authority of the client's own header.
    package var hasAuthority: Bool { if case .binary(let options) = self { options.contains(.authority) } else { false } }

    /// The form for a connection without a client, such as a check: only the checksum is left of the extensions.
    package var withoutClient: ProxyHeaderForm {
        switch self {
        case .text: .text
        case .binary(let options): .binary(options.intersection(.checksum))
        }
    }

    /// Encodes `header` in this form, in version 2 with the encoded extensions `values`.
    package func bytes(_ header: ProxyHeader, values: [UInt8] = []) -> [UInt8] {
        switch self {
        case .text: header.text
        case .binary(let options): header.binary(options, values: values)
        }
    }
}
