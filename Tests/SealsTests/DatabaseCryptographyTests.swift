import COpenSSL
import Foundation
import Seals
import Support
import Testing
import Wire

private func bytes(_ hexadecimal: String) -> [UInt8] {
    let digits = hexadecimal.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

@Suite("The cryptography of a login")
struct DatabaseCryptographyTests {
    private func answer(_ method: MySQLMethod, password: String, seed: [UInt8]) throws -> [UInt8] {
        let password = try #require(DatabasePassword(Array(password.utf8)))
        return try MySQLAuthentication(method, seed: seed, password: password).answer(OpenSSLDatabaseCryptography())
    }

    // The expected answers in go-sql-driver/mysql's auth_test.go.

    @Test("answers for mysql_native_password as other clients do")
    func native() throws {
        let seed: [UInt8] = [70, 114, 92, 94, 1, 38, 11, 116, 63, 114, 23, 101, 126, 103, 26, 95, 81, 17, 24, 21]
        let expected: [UInt8] = [53, 177, 140, 159, 251, 189, 127, 53, 109, 252, 172, 50, 211, 192, 240, 164, 26, 48, 207, 45]
        #expect(try answer(.native, password: "secret", seed: seed) == expected)
        #expect(try answer(.native, password: "secret", seed: seed + [0]) == expected, "the NUL after a seed does not belong to it")
        #expect(try answer(.native, password: "", seed: seed).isEmpty)
    }

    @Test("answers for caching_sha2_password as other clients do")
    func cachingSHA2() throws {
        let seed: [UInt8] = [10, 47, 74, 111, 75, 73, 34, 48, 88, 76, 114, 74, 37, 13, 3, 80, 82, 2, 23, 21]
        #expect(
            try answer(.cachingSHA2, password: "secret", seed: seed) == bytes("f490e76f66d9d86665ce54d98c78d0acfe2fb0b08b423da807144873d30b312c"))
        #expect(
            try answer(.cachingSHA2, password: "secret2", seed: seed) == bytes("abc3934a012cf342e876071c8ee202de51785b430258a7a0138bc79c4d800bc6"))
        #expect(try answer(.cachingSHA2, password: "", seed: seed).isEmpty)
    }

    @Test("refuses a seed that is too short", arguments: MySQLMethod.allCases)
    func shortSeed(method: MySQLMethod) throws {
        let password = try #require(DatabasePassword([1]))
        #expect(throws: MySQLAuthenticationError.seedTooShort(method: method.rawValue)) {
            try MySQLAuthentication(method, seed: Array(repeating: 1, count: method.seedBytes - 1), password: password)
        }
    }

    @Test("signs as Ed25519 does when the password is a seed of 32 bytes", arguments: 0..<40 as Range<UInt64>)
    func ed25519OfSeeds(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let secret = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        let message = (0..<Int.random(in: 0...80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        let key = try #require(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, secret, secret.count))
        defer { EVP_PKEY_free(key) }
        let context = try #require(EVP_MD_CTX_new())
        defer { EVP_MD_CTX_free(context) }
        var expected = [UInt8](repeating: 0, count: 64)
        var count = expected.count
        let isSigned = EVP_DigestSignInit(context, nil, nil, nil, key) == 1 && EVP_DigestSign(context, &expected, &count, message, message.count) == 1
        try #require(isSigned)
        #expect(try OpenSSLDatabaseCryptography().sign(message, password: secret) == expected, "seed \(seed)")
    }

    @Test("signs like the examples in RFC 8032, section 7.1")
    func knownAnswerOfEd25519() throws {
        let secret = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let expected = bytes(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")
        #expect(try OpenSSLDatabaseCryptography().sign([], password: secret) == expected)
    }

    // The results of MariaDB's `ed25519_password()`: mysql-test/suite/plugins/r/auth_ed25519.result.
    @Test(
        "signs for passwords of any length with the key that MariaDB keeps of them",
        arguments: [
            ("foo", "vubFBzIrapbfHct1/J72dnUryz5VS7lA6XHH8sIx4TI="), ("foobar", "qv2mG6HWCuy32Slb5xhV4THStewNz2VINVPbgk+XAJ8="),
            ("foo bar", "Y5fV74JAVRMOK2cdnUsYS+WW9sXaaL/o+6WGKOgqnzc="), ("secret", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY="),
        ])
    func ed25519OfPasswords(password: String, key: String) throws {
        let raw = try #require(Data(base64Encoded: key)).map { $0 }
        let publicKey = try #require(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, raw, raw.count))
        defer { EVP_PKEY_free(publicKey) }
        let seed = [UInt8](1...32)
        var signature = try answer(.ed25519, password: password, seed: seed + [0])
        func isAuthentic() throws -> Bool {
            let context = try #require(EVP_MD_CTX_new())
            defer { EVP_MD_CTX_free(context) }
            try #require(EVP_DigestVerifyInit(context, nil, nil, nil, publicKey) == 1)
            return EVP_DigestVerify(context, signature, signature.count, seed, seed.count) == 1
        }
        #expect(try isAuthentic())
        signature[0] ^= 1
        #expect(try !isAuthentic())
    }

    @Test("refuses keys that are malformed, not RSA, too small, or encrypted, and asks for no passphrase")
    func unusableKeys() throws {
        let cryptography = try OpenSSLDatabaseCryptography()
        let elliptic = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
        let cipher = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
        let encrypted = elliptic.replacing("KEY-----\nM", with: "KEY-----\n\(cipher)M")
        for key in [[], Array("-----BEGIN PUBLIC KEY-----\n".utf8), Array(elliptic.utf8), Array(encrypted.utf8), try PeerRSAKey(bits: 1024).publicKey] {
            do throws(DatabaseCryptographyError) {
                _ = try cryptography.encrypt([1], publicKey: key)
                Issue.record("accepted: \(String(decoding: key, as: UTF8.self))")
            } catch {
                guard case .keyUnusable = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        #expect(try cryptography.encrypt(Array(repeating: 1, count: DatabasePassword.bytesMax + 1), publicKey: PeerRSAKey().publicKey).count == 256)
    }

    @Test("refuses malformed certificate authorities")
    func unusableAuthorities() {
        for text in ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            do throws(DatabaseCryptographyError) {
                _ = try OpenSSLDatabaseCryptography(authorities: Array(text.utf8))
                Issue.record("accepted: \(text)")
            } catch {
                guard case .authoritiesUnusable = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }
}
