import Seals
import Testing
import Wire

private func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

@Suite("OpenSSL's seal")
struct SealsTests {
    private let key = Bytes32(0xfeff_e992_8665_731c, 0x6d6a_8f94_6730_8308, 0xfeff_e992_8665_731c, 0x6d6a_8f94_6730_8308)
    private let header = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2")

    @Test("gives AES-256-GCM's known answer (McGrew and Viega, test case 16)")
    func knownAnswerOfGCM() throws {
        let plain = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
        let expected = bytes(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                + "76fc6ece0f4e1768cddf8853bb2d551b")
        var message = header + plain + [UInt8](repeating: 0, count: 16)
        let nonce = bytes("cafebabefacedbaddecaf888")
        try OpenSSLSeal().encrypt(&message, from: 0, clear: header.count, end: header.count + plain.count, key: key, nonce: nonce.span)
        #expect(message == header + expected)
    }

    @Test("gives HKDF-SHA256's known answers (RFC 5869, test cases 1 and 3)")
    func knownAnswersOfHKDF() throws {
        let seal = try OpenSSLSeal()
        let secret = [UInt8](repeating: 0x0b, count: 22)
        let first = try seal.derive(secret: secret, salt: bytes("000102030405060708090a0b0c"), info: bytes("f0f1f2f3f4f5f6f7f8f9"), count: 42)
        #expect(first == bytes("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"))
        let third = try seal.derive(secret: secret, salt: [], info: [], count: 42)
        #expect(third == bytes("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"))
    }

    @Test("gives HKDF-SHA256's known answer for long inputs (RFC 5869, test case 2)")
    func knownAnswerOfLongHKDF() throws {
        let (secret, salt, info) = ([UInt8](0x00...0x4f), [UInt8](0x60...0xaf), [UInt8](0xb0...0xff))
        let second = try OpenSSLSeal().derive(secret: secret, salt: salt, info: info, count: 82)
        #expect(
            second
                == bytes(
                    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                        + "cc30c58179ec3e87c14c01d5c1f3434f1d87"))
    }

    @Test("gives SHA-256's known answer (FIPS 180-4, \"abc\")")
    func knownAnswerOfSHA256() throws {
        let digest = try OpenSSLSeal().digest(Array("abc".utf8))
        #expect(digest.bytes == bytes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    }

    @Test("opens what it has sealed, at any offset of a buffer, and rejects data with a changed bit")
    func opensOnlyTheUnchanged() throws {
        let seal = try OpenSSLSeal()
        var buffer = [1, 2, 3] + header + Array("records".utf8)
        try seal.seal(&buffer, from: 3, clear: header.count, key: key, sequence: 7)
        let sealed = Array(buffer[3...])
        var opened = sealed
        try seal.open(&opened, clear: header.count, key: key, sequence: 7)
        #expect(opened == header + Array("records".utf8))
        for bit in 0..<sealed.count * 8 {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: SealError.notAuthentic) { try seal.open(&changed, clear: header.count, key: key, sequence: 7) }
        }
        var other = sealed
        #expect(throws: SealError.notAuthentic) { try seal.open(&other, clear: header.count, key: key, sequence: 8) }
        var short = Array(sealed.prefix(header.count + 15))
        #expect(throws: SealError.notAuthentic) { try seal.open(&short, clear: header.count, key: key, sequence: 7) }
    }

    @Test("keeps its keys separate: in any order, reused or not, it gives the same results as a new one")
    func keysAlternate() throws {
        let seal = try OpenSSLSeal()
        let keys = [key, Bytes32(1, 2, 3, 4)]
        for (number, which) in [0, 0, 1, 0, 1, 1, 0].enumerated() {
            let (used, other, sequence) = (keys[which], keys[1 - which], UInt64(number + 1))
            var (message, expected) = (header + header, header + header)
            try seal.seal(&message, from: 0, clear: header.count, key: used, sequence: sequence)
            try OpenSSLSeal().seal(&expected, from: 0, clear: header.count, key: used, sequence: sequence)
            #expect(message == expected)
            var (wrongKey, wrongNumber, right) = (message, message, message)
            #expect(throws: SealError.notAuthentic) { try seal.open(&wrongKey, clear: header.count, key: other, sequence: sequence) }
            #expect(throws: SealError.notAuthentic) { try seal.open(&wrongNumber, clear: header.count, key: used, sequence: sequence + 1) }
            try seal.open(&right, clear: header.count, key: used, sequence: sequence)
            #expect(right == header + header)
        }
    }

    @Test("draws random numbers that differ")
    func randomNumbersDiffer() {
        var generator = SecureRandomGenerator()
        #expect(Set((0..<64).map { _ in generator.next() }).count == 64)
    }
}
