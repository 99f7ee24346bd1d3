import COpenSSL
import Wire

/// AES-256-GCM, HKDF-SHA256 and SHA-256 with OpenSSL (EVP). Not for use by several threads at once: it reuses two cipher contexts.
///
/// Each context keeps its last key. With one peer, or under a flood, a datagram needs a new nonce but no key schedule.
package final class OpenSSLSeal: Seal {
    private static let nonceBytes = 12

    private let cipher: OpaquePointer
    private let sealing: OpaquePointer
    private let opening: OpaquePointer
    private let derivation: OpaquePointer
    private var sealingKey: Bytes32?
    private var openingKey: Bytes32?

    /// - Throws: `libraryFailed` when the library lacks an algorithm or memory.
    package init() throws(SealError) {
        // A failure frees the earlier objects here, because `deinit` runs only for complete values.
        let (cipher, sealing, opening, derivation) = (
            EVP_CIPHER_fetch(nil, "AES-256-GCM", nil), EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_new(), EVP_KDF_fetch(nil, "HKDF", nil)
        )
        guard let cipher, let sealing, let opening, let derivation, EVP_EncryptInit_ex2(sealing, cipher, nil, nil, nil) == 1,
            EVP_DecryptInit_ex2(opening, cipher, nil, nil, nil) == 1
        else {
            EVP_CIPHER_CTX_free(sealing)
            EVP_CIPHER_CTX_free(opening)
            EVP_CIPHER_free(cipher)
            EVP_KDF_free(derivation)
            throw .libraryFailed("EVP_CIPHER_fetch")
        }
        (self.cipher, self.sealing, self.opening, self.derivation) = (cipher, sealing, opening, derivation)
    }

    deinit {
        EVP_CIPHER_CTX_free(sealing)
        EVP_CIPHER_CTX_free(opening)
        EVP_CIPHER_free(cipher)
        EVP_KDF_free(derivation)
    }

    /// Encrypts `bytes[start + clear ..< bytes.count]` in place and appends the tag.
    package func seal(_ bytes: inout [UInt8], from start: Int, clear: Int, key: Bytes32, sequence: UInt64) throws(SealError) {
        let nonce = OpenSSLSeal.nonce(sequence)
        let end = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: SealFormat.tagBytes))
        try encrypt(&bytes, from: start, clear: clear, end: end, key: key, nonce: nonce.span)
    }

    /// Verifies the tag at the end of `bytes`, decrypts the body in place and removes the tag.
    package func open(_ bytes: inout [UInt8], clear: Int, key: Bytes32, sequence: UInt64) throws(SealError) {
        guard bytes.count >= clear + SealFormat.tagBytes else { throw .notAuthentic }
        let nonce = OpenSSLSeal.nonce(sequence)
        try decrypt(&bytes, clear: clear, key: key, nonce: nonce.span)
        bytes.removeLast(SealFormat.tagBytes)
    }

    /// Returns four zero bytes and the sequence number in network byte order.
    private static func nonce(_ sequence: UInt64) -> [12 of UInt8] {
        var nonce: [12 of UInt8] = .init(repeating: 0)
        for index in 0..<8 { nonce[4 + index] = UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * index)) }
        return nonce
    }

    /// The general form, for tests with known answers: `nonce` has 12 bytes, and the tag is written at `end`.
    package func encrypt(_ bytes: inout [UInt8], from start: Int, clear: Int, end: Int, key: Bytes32, nonce: Span<UInt8>) throws(SealError) {
        precondition(start + clear <= end && end + SealFormat.tagBytes == bytes.count && nonce.count == OpenSSLSeal.nonceBytes, "no room for the tag")
        let isKnown = sealingKey == key
        sealingKey = nil
        let failed = withKey(key) { key in
            nonce.withUnsafeBufferPointer { nonce in
                bytes.withUnsafeMutableBufferPointer { buffer -> String? in
                    guard let base = buffer.baseAddress else { return "empty" }
                    var count: Int32 = 0
                    guard EVP_EncryptInit_ex2(sealing, nil, isKnown ? nil : key, nonce.baseAddress, nil) == 1 else { return "EVP_EncryptInit_ex2" }
                    guard EVP_EncryptUpdate(sealing, nil, &count, base + start, Int32(clear)) == 1 else { return "EVP_EncryptUpdate" }
                    let body = base + start + clear
                    guard EVP_EncryptUpdate(sealing, body, &count, body, Int32(end - start - clear)) == 1 else { return "EVP_EncryptUpdate" }
                    guard EVP_EncryptFinal_ex(sealing, body, &count) == 1 else { return "EVP_EncryptFinal_ex" }
                    let tag = EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, Int32(SealFormat.tagBytes), base + end)
                    return tag == 1 ? nil : "EVP_CIPHER_CTX_ctrl"
                }
            }
        }
        if let failed { throw .libraryFailed(failed) }
        sealingKey = key
    }

    private func decrypt(_ bytes: inout [UInt8], clear: Int, key: Bytes32, nonce: Span<UInt8>) throws(SealError) {
        let isKnown = openingKey == key
        openingKey = nil
        let error = withKey(key) { key in
            nonce.withUnsafeBufferPointer { nonce in
                bytes.withUnsafeMutableBufferPointer { buffer -> SealError? in
                    guard let base = buffer.baseAddress else { return .notAuthentic }
                    let end = buffer.count - SealFormat.tagBytes
                    var count: Int32 = 0
                    guard EVP_DecryptInit_ex2(opening, nil, isKnown ? nil : key, nonce.baseAddress, nil) == 1 else {
                        return .libraryFailed("EVP_DecryptInit_ex2")
                    }
                    guard EVP_DecryptUpdate(opening, nil, &count, base, Int32(clear)) == 1 else { return .libraryFailed("EVP_DecryptUpdate") }
                    let body = base + clear
                    guard EVP_DecryptUpdate(opening, body, &count, body, Int32(end - clear)) == 1 else { return .notAuthentic }
                    let tag = EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, Int32(SealFormat.tagBytes), base + end)
                    guard tag == 1 else { return .libraryFailed("EVP_CIPHER_CTX_ctrl") }
                    return EVP_DecryptFinal_ex(opening, base + end, &count) == 1 ? nil : .notAuthentic
                }
            }
        }
        if error == nil || error == .notAuthentic { openingKey = key }
        if let error { throw error }
    }

    private func withKey<Result>(_ key: Bytes32, _ body: (UnsafePointer<UInt8>?) -> Result) -> Result {
        let words = (key.first.bigEndian, key.second.bigEndian, key.third.bigEndian, key.fourth.bigEndian)
        return withUnsafeBytes(of: words) { body($0.bindMemory(to: UInt8.self).baseAddress) }
    }

    /// Derives `count` bytes of key material with HKDF (RFC 5869) and SHA-256.
    package func derive(secret: Bytes32, salt: [UInt8], info: [UInt8], count: Int) throws(SealError) -> [UInt8] {
        try derive(secret: secret.bytes, salt: salt, info: info, count: count)
    }

    /// Like `derive` above, for a secret of any length from one byte.
    package func derive(secret: [UInt8], salt: [UInt8], info: [UInt8], count: Int) throws(SealError) -> [UInt8] {
        guard let context = EVP_KDF_CTX_new(derivation) else { throw .libraryFailed("EVP_KDF_CTX_new") }
        defer { EVP_KDF_CTX_free(context) }
        var (secret, salt, info) = (secret, salt, info)
        var digest = Array("SHA256".utf8CString)
        var output = [UInt8](repeating: 0, count: count)
        let (secretBytes, saltBytes, infoBytes) = (secret.count, salt.count, info.count)
        let isDerived = digest.withUnsafeMutableBufferPointer { digest in
            secret.withUnsafeMutableBytes { secret in
                salt.withUnsafeMutableBytes { salt in
                    info.withUnsafeMutableBytes { info in
                        let parameters = [
                            OSSL_PARAM_construct_utf8_string(OpenSSLSeal.text("digest"), digest.baseAddress, 0),
                            OSSL_PARAM_construct_octet_string(OpenSSLSeal.text("key"), secret.baseAddress, secretBytes),
                            OSSL_PARAM_construct_octet_string(OpenSSLSeal.text("salt"), salt.baseAddress, saltBytes),
                            OSSL_PARAM_construct_octet_string(OpenSSLSeal.text("info"), info.baseAddress, infoBytes),
                            OSSL_PARAM_construct_end(),
                        ]
                        return EVP_KDF_derive(context, &output, count, parameters) == 1
                    }
                }
            }
        }
        guard isDerived else { throw .libraryFailed("EVP_KDF_derive") }
        return output
    }

    /// Returns a parameter's name that outlives the call. OSSL_PARAM keeps the pointer, and a Swift string would be a temporary copy.
    private static func text(_ name: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    /// Computes SHA-256.
    package func digest(_ bytes: [UInt8]) throws(SealError) -> Bytes32 {
        var output = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        guard EVP_Digest(bytes, bytes.count, &output, &count, EVP_sha256(), nil) == 1, let digest = Bytes32(output) else {
            throw .libraryFailed("EVP_Digest")
        }
        return digest
    }
}

/// Unpredictable random numbers from OpenSSL's generator, for keys and handshakes.
package struct SecureRandomGenerator: RandomNumberGenerator, Sendable {
    /// Creates the generator. OpenSSL seeds itself from the kernel.
    package init() {}

    /// Returns eight random bytes. Traps on failure, because guessable keys would be worse.
    package mutating func next() -> UInt64 {
        var value: UInt64 = 0
        let isFilled = withUnsafeMutableBytes(of: &value) { RAND_bytes($0.bindMemory(to: UInt8.self).baseAddress, Int32($0.count)) == 1 }
        precondition(isFilled, "RAND_bytes failed")
        return value
    }
}
