import Testing
import Wire

@Suite("The answer to an LDAP bind")
struct LDAPBindResponseTests {
    private static let success: [UInt8] = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00]
    /// As Active Directory sends it.
    private static let longForm: [UInt8] =
        [0x30, 0x84, 0, 0, 0, 0x10, 0x02, 0x01, 0x01, 0x61, 0x84, 0, 0, 0, 0x07, 0x0a, 0x01, 0x31, 0x04, 0x00, 0x04, 0x00]

    @Test("has a result, with lengths of either form")
    func results() {
        #expect(LDAPBindResponse.parse(Self.success[...]) == .result(0))
        #expect(LDAPBindResponse.parse(Self.longForm[...]) == .result(49))
        #expect(LDAPBindResponse.parse((Self.success + [1, 2, 3])[...]) == .result(0))
    }

    @Test("is incomplete at every shorter length", arguments: [success, longForm])
    func truncation(bytes: [UInt8]) {
        for count in 0..<bytes.count { #expect(LDAPBindResponse.parse(bytes[..<count]) == .incomplete, "length \(count)") }
    }

    @Test("is malformed when a byte before the result has another value")
    func malformed() {
        for index in [0, 2, 3, 4, 5, 7, 8] {
            var bytes = Self.success
            bytes[index] ^= 0x40
            #expect(LDAPBindResponse.parse(bytes[...]) == .malformed, "byte \(index)")
        }
        #expect(LDAPBindResponse.parse([0x30, 0x80]) == .malformed)
        #expect(LDAPBindResponse.parse([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]) == .malformed)
        #expect(LDAPBindResponse.parse([0x30, 0x03, 0x02, 0x01, 0x01]) == .malformed)
        #expect(LDAPBindResponse.parse(Array("SSH-2.0-OpenSSH".utf8)[...]) == .malformed)
    }
}

@Suite("A TLS hello")
struct TLSClientHelloTests {
    @Test("has lengths that add up, and a version that servers answer")
    func structure() throws {
        var record = ByteReader(TLSClientHello.bytes)
        /// Reads bytes.
        func take(_ count: Int) -> [UInt8]? { record.readBytes(count).map { Array($0) } }
        /// Reads a length of two bytes.
        func length() -> Int? { record.readBigEndian(UInt16.self).map { Int($0) } }
        #expect(take(3) == [0x16, 3, 1])
        #expect(length() == TLSClientHello.bytes.count - 5)
        #expect(take(2) == [1, 0])
        #expect(length() == TLSClientHello.bytes.count - 9)
        #expect(take(2) == [3, 3] && take(32) != nil && take(1) == [0])
        let suites = try #require(length())
        #expect(suites > 0 && suites % 2 == 0 && take(suites) != nil)
        #expect(take(2) == [1, 0])
        let extensions = try #require(length())
        #expect(extensions == record.count)
        while !record.isAtEnd {
            #expect(length() != nil)
            let size = try #require(length())
            try #require(take(size) != nil)
        }
    }
}

@Suite("A search of bytes")
struct ByteSearchTests {
    @Test("finds what a simple search finds", arguments: 0..<16 as Range<UInt64>)
    func finds(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let text = (0..<Int.random(in: 0...24, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random) }
            let pattern = (0..<Int.random(in: 0...6, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random) }
            let expected = text.count >= pattern.count && (0...(text.count - pattern.count)).contains { text[$0...].starts(with: pattern) }
            #expect(text[...].includes(pattern) == expected, "\(text) \(pattern)")
        }
    }
}

@Suite("Hexadecimal digits")
struct HexadecimalTests {
    @Test("describe bytes in either case, and are written in upper case for checks")
    func roundTrip() {
        let bytes: [UInt8] = [0, 0x0a, 0x7f, 0x80, 0xff]
        #expect(Hexadecimal.upperDigits(bytes) == Array("000A7F80FF".utf8))
        #expect(Hexadecimal.bytes(Hexadecimal.upperDigits(bytes)) == bytes && Hexadecimal.bytes("000a7f80fF".utf8) == bytes)
        for text in ["0", "0g", "+1", " 0", "0x"] { #expect(Hexadecimal.bytes(text.utf8) == nil, "\(text)") }
    }
}
