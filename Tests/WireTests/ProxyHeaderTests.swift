import Testing
import Wire

@Suite("The PROXY protocol's codec")
struct ProxyHeaderTests {
    private static let v4 = ProxyHeader.Addresses(source: .v4(0xc000_0201), sourcePort: 40_000, destination: .v4(0x0a00_010a), destinationPort: 3_306)
    private static let v6 = ProxyHeader.Addresses(
        source: .v6(high: 0x2001_0db8_0000_0000, low: 1), sourcePort: 1, destination: .v6(high: 0xfe80_0000_0000_0000, low: 2), destinationPort: 65_535)
    private static let headers = [
        ProxyHeader(v4), ProxyHeader(v6), ProxyHeader(nil), ProxyHeader(v4, endpoint: "vpce-0123456789abcdef0"), ProxyHeader(v6, endpoint: "vpce-1"),
    ]

    /// Every form of the header.
    private static func forms(_ header: ProxyHeader) -> [[UInt8]] {
        [header.binary([]), header.binary(.checksum)] + (header.endpoint == nil ? [header.text] : [])
    }

    @Test("reads back what it wrote, and takes no byte of what follows", arguments: headers)
    func roundTrip(header: ProxyHeader) {
        for bytes in Self.forms(header) { #expect(ProxyHeader.read(bytes + [0x4a, 0, 0, 0]) == .whole(header, bytes: bytes.count)) }
    }

    @Test("waits for the rest of an incomplete header", arguments: headers)
    func incomplete(header: ProxyHeader) {
        for bytes in Self.forms(header) {
            for count in 0..<bytes.count { #expect(ProxyHeader.read(bytes.prefix(count)) == .incomplete) }
        }
    }

    @Test("reads headers as the specification prints them")
    func known() throws {
        let line = "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n"
        let addresses = ProxyHeader.Addresses(source: .v4(.max), sourcePort: 65_535, destination: .v4(0), destinationPort: 0)
        #expect(ProxyHeader.read(Array(line.utf8)[...]) == .whole(ProxyHeader(addresses), bytes: line.utf8.count))
        let lastText = Array(repeating: "ffff", count: 8).joined(separator: ":")
        let longest = "PROXY TCP6 \(lastText) \(lastText) 65535 65535\r\n"
        let last = IPAddress.v6(high: .max, low: .max)
        let all = ProxyHeader.Addresses(source: last, sourcePort: 65_535, destination: last, destinationPort: 65_535)
        #expect(ProxyHeader.read(Array(longest.utf8)[...]) == .whole(ProxyHeader(all), bytes: longest.utf8.count))
        let binary: [UInt8] =
            [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x0c] + [192, 0, 2, 1, 10, 0, 1, 10]
            + [0x9c, 0x40, 0x0c, 0xea]
        #expect(ProxyHeader.read(binary[...]) == .whole(ProxyHeader(Self.v4), bytes: 28))
        #expect(ProxyHeader(Self.v4).binary([]) == binary)
    }

    @Test("keeps the connection's own addresses for LOCAL with any content and for a bare UNKNOWN; PROXY must name a TCP connection, as in HAProxy")
    func ownAddresses() {
        var local = ProxyHeader(Self.v4).binary([])
        local[12] = 0x20
        #expect(ProxyHeader.read(local[...]) == .whole(ProxyHeader(nil), bytes: 28))
        for family in [0x00, 0x12, 0x22, 0x31, 0x32] as [UInt8] {
            local[13] = family
            #expect(ProxyHeader.read(local[...]) == .whole(ProxyHeader(nil), bytes: 28))
            var other = ProxyHeader(Self.v4).binary([])
            other[13] = family
            #expect(ProxyHeader.read(other[...]) == .malformed(.family(family)))
        }
        let unspecified = Array(local.prefix(12)) + [0x21, 0x00, 0x00, 0x00]
        #expect(ProxyHeader.read(unspecified[...]) == .malformed(.family(0)))
        let unknown = Array("PROXY UNKNOWN\r\n".utf8)
        #expect(ProxyHeader.read(unknown[...]) == .whole(ProxyHeader(nil), bytes: unknown.count))
    }

    @Test(
        "reports anything else as no header",
        arguments: ["GET / HTTP/1.1\r\n", "J\u{0}\u{0}\u{0}\n5.5.5", "PROXXY ", "\r\n\r\n\u{0}\r\nQUOT", "proxy TCP4"])
    func absent(text: String) {
        #expect(ProxyHeader.read(Array(text.utf8)[...]) == .absent)
    }

    @Test(
        "refuses lines with impossible values",
        arguments: [
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
            "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4\r\n",
            "PROXY UNKNOWN " + String(repeating: "x", count: 107),
        ])
    func badText(text: String) {
        #expect(ProxyHeader.read(Array(text.utf8)[...]) == .malformed(.text))
    }

    @Test(
        "distinguishes lines of another protocol from malformed ones",
        arguments: [
            "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWN 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWN \r\n", "PROXY \r\n",
            "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
        ])
    func otherProtocol(text: String) {
        #expect(ProxyHeader.read(Array(text.utf8)[...]) == .malformed(.unknownProtocol))
    }

    @Test("refuses binary headers with impossible values")
    func badBinary() {
        let whole = ProxyHeader(Self.v6, endpoint: "vpce-1").binary(.checksum)
        func read(_ change: (inout [UInt8]) -> Void) -> ProxyHeaderReading {
            var bytes = whole
            change(&bytes)
            return ProxyHeader.read(bytes[...])
        }
        #expect(read { $0[12] = 0x11 } == .malformed(.versionOrCommand(0x11)))
        #expect(read { $0[12] = 0x22 } == .malformed(.versionOrCommand(0x22)))
        #expect(read { $0[14] = 0x80 } == .malformed(.tooLong(16 + 0x8000 + whole.count - 16)))
        #expect(read { $0[15] = 35 } == .malformed(.truncated))
        #expect(read { $0[15] = 40 } == .malformed(.truncated))
        for place in 16..<whole.count where place != 53 && place != 54 && place != whole.count - 7 && place != whole.count - 6 && place != whole.count - 5 {
            #expect(read { $0[place] ^= 1 } == .malformed(.checksum), "byte \(place)")
        }
    }

    @Test("returns a result for any bytes", arguments: 0..<200 as Range<UInt64>)
    func hostile(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var bytes = Self.forms(Self.headers[Int(random.next() % 5)])[Int(random.next() % 2)]
        for _ in 0...random.next() % 6 {
            switch random.next() % 3 {
            case 0: bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: Int(random.next() % UInt64(bytes.count)))
            default: bytes.removeLast(min(bytes.count - 1, Int(random.next() % 8)))
            }
        }
        if case .whole(let header, let count) = ProxyHeader.read(bytes[...]) {
            #expect(count <= bytes.count && count <= ProxyHeader.bytesMax && (header.addresses != nil || header.endpoint == nil))
        }
    }

    @Test("computes the checksum of RFC 3720")
    func checksums() {
        #expect(CRC32C.checksum(of: "123456789".utf8) == 0xe306_9283)
        #expect(CRC32C.checksum(of: repeatElement(0, count: 32)) == 0x8a91_36aa)
        #expect(CRC32C.checksum(of: repeatElement(0xff, count: 32)) == 0x62a8_ab43)
        #expect(CRC32C.checksum(of: (0..<32).map { UInt8($0) }) == 0x46dd_794e)
    }
}
