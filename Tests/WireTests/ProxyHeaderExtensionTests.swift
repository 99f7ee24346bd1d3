import Testing
import Wire

@Suite("A PROXY header's extensions")
struct ProxyHeaderExtensionTests {
    private static let addresses = ProxyHeader.Addresses(
        source: .v4(0x0a01_0101), sourcePort: 1_111, destination: .v4(0x0a02_0202), destinationPort: 2_222)
    private static let authority = Array("example.org".utf8)
    /// The signature, the fixed fields and the addresses, followed by `rest`.
    private static func header(_ rest: [UInt8]) -> [UInt8] {
        [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, UInt8(12 + rest.count)] + [10, 1, 1, 1, 10, 2, 2, 2]
            + [0x04, 0x57, 0x08, 0xae] + rest
    }

    @Test("have HAProxy's bytes and order: checksum, authority, unique ID, captured from haproxy 2.6 with 'proxy-v2-options unique-id,crc32c,authority'")
    func captured() {
        var header = ProxyHeader(Self.addresses)
        header.authority = Self.authority
        let expected = Self.header([0x03, 0, 4, 0x2a, 0xcb, 0x28, 0xb9, 0x02, 0, 11] + Self.authority + [0x05, 0, 0])
        #expect(header.binary([.checksum, .authority, .uniqueID]) == expected)
    }

    @Test("of 'set-proxy-v2-tlv-fmt' come first, and the checksum covers them")
    func values() {
        let values = ProxyHeader.encoded(0xe0, Array("acme".utf8)) + ProxyHeader.encoded(0x04, [])
        #expect(ProxyHeader(Self.addresses).binary(values: values) == Self.header([0xe0, 0, 4] + Array("acme".utf8) + [0x04, 0, 0]))
        let summed = ProxyHeader(Self.addresses).binary(.checksum, values: values)
        #expect(ProxyHeader.read(summed[...]) == .whole(ProxyHeader(Self.addresses), bytes: summed.count))
        for index in 28..<28 + values.count {
            var wrong = summed
            wrong[index] ^= 1
            if case .whole = ProxyHeader.read(wrong[...]) { Issue.record("byte \(index) is not covered") }
        }
    }

    @Test("name the authority of the client's connection, the last one if there are several, up to 255 bytes")
    func reads() {
        func read(_ rest: [UInt8]) -> [UInt8]? {
            guard case .whole(let header, _) = ProxyHeader.read(Self.header(rest)[...]) else { return nil }
            return header.authority ?? []
        }
        #expect(read([0x02, 0, 3] + Array("one".utf8) + [0x02, 0, 3] + Array("two".utf8)) == Array("two".utf8))
        #expect(read([0x02, 0, 5, 0x61, 0x20, 0x62, 0, 0xff]) == [0x61, 0x20, 0x62, 0, 0xff])
        #expect(read([0x02, 0, 0]) == [])
        let long = ProxyHeader.encoded(0x02, Array(repeating: 0x61, count: 256))
        var bytes = Self.header([])
        bytes[14] = UInt8((12 + long.count) >> 8)
        bytes[15] = UInt8((12 + long.count) & 0xff)
        #expect(ProxyHeader.read((bytes + long)[...]) == .whole(ProxyHeader(Self.addresses), bytes: bytes.count + long.count))
    }

    @Test("without a client are only the checksum: captured from haproxy 2.6, which discards an authority that follows LOCAL")
    func withoutClient() {
        let form = ProxyHeaderForm.binary([.checksum, .authority, .uniqueID])
        #expect(form.withoutClient == .binary(.checksum) && ProxyHeaderForm.text.withoutClient == .text)
        #expect(form.hasAuthority && !form.withoutClient.hasAuthority && !ProxyHeaderForm.text.hasAuthority)
        var local = Self.header([0x02, 0, 3] + Array("one".utf8))
        local[12] = 0x20
        #expect(ProxyHeader.read(local[...]) == .whole(ProxyHeader(nil), bytes: local.count))
    }
}

@Suite("A network that is rounded")
struct RoundedNetworkTests {
    @Test(
        "loses the bits after its prefix",
        arguments: [("10.1.2.3/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("fd00::1/8", "fd00::/8"), ("::1/0", "::/0")])
    func rounds(text: String, network: String) { #expect(IPNetwork(rounding: text)?.description == network) }

    @Test("is refused otherwise as any other", arguments: ["", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/"])
    func refuses(text: String) { #expect(IPNetwork(rounding: text) == nil) }
}
