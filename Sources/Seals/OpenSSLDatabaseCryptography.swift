import COpenSSL
import Wire

/// OpenSSL's digests, RSA, signatures and TLS for database logins. Created at start, while files can still be read; used by one thread at a time.
package final class OpenSSLDatabaseCryptography: DatabaseCryptography {
    /// RSA keys in use have 2048 to 4096 bits. Larger ones would only cost time, smaller ones give no protection.
    private static let keyBits = Int32(2048)...8192

    private let signing: Ed25519Password
    private let tls: TLSContext

    /// - Parameter authorities: PEM, the certificate authorities that servers' certificates must come from; `nil`: TLS encrypts without verifying the server.
    /// - Throws: `authoritiesUnusable` for invalid authorities, `libraryFailed` when OpenSSL lacks memory or an algorithm.
    package init(authorities: [UInt8]? = nil) throws(DatabaseCryptographyError) {
        signing = try Ed25519Password()
        tls = try TLSContext(authorities: authorities)
        // Triggers OpenSSL's one-time initialization before the process gives up its root directory and its system calls.
        _ = try OpenSSLTLSStream(tls, name: nil).receive([])
        _ = try sha256(sha1([]))
        _ = try sign([], password: [])
    }

    /// Computes SHA-1: 20 bytes.
    package func sha1(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] { try openSSLDigest(bytes, EVP_sha1()) }

    /// Computes SHA-256: 32 bytes.
    package func sha256(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] { try openSSLDigest(bytes, EVP_sha256()) }

    /// Encrypts with RSA-OAEP, SHA-1 and MGF1. The key is in PEM.
    package func encrypt(_ message: [UInt8], publicKey: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] {
        try withOpenSSLBytes(publicKey) { bio throws(DatabaseCryptographyError) in
            guard let key = PEM_read_bio_PUBKEY(bio, nil, openSSLNoPassphrase, nil) else { throw .keyUnusable(openSSLReason("PEM_read_bio_PUBKEY")) }
            defer { EVP_PKEY_free(key) }
            guard EVP_PKEY_is_a(key, "RSA") == 1 else { throw .keyUnusable("not an RSA key") }
            let bits = EVP_PKEY_get_bits(key)
            guard Self.keyBits.contains(bits) else { throw .keyUnusable("\(bits) bits; \(Self.keyBits.lowerBound) to \(Self.keyBits.upperBound) are accepted") }
            guard let context = EVP_PKEY_CTX_new(key, nil) else { throw .libraryFailed("EVP_PKEY_CTX_new") }
            defer { EVP_PKEY_CTX_free(context) }
            var output = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(key)))
            var count = output.count
            guard EVP_PKEY_encrypt_init(context) == 1, EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1,
                EVP_PKEY_encrypt(context, &output, &count, message, message.count) == 1
            else { throw .keyUnusable(openSSLReason("EVP_PKEY_encrypt")) }
            return Array(output.prefix(count))
        }
    }

    /// Signs with Ed25519, with the key that SHA-512 derives from `password`: 64 bytes.
    package func sign(_ message: [UInt8], password: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] { try signing.sign(message, password: password) }

    /// Opens the client's side of a TLS stream. Nothing has been sent.
    package func openTLS(name: String?) throws(DatabaseCryptographyError) -> any TLSStream { try OpenSSLTLSStream(tls, name: name) }
}

/// Computes a digest with EVP.
func openSSLDigest(_ bytes: [UInt8], _ algorithm: OpaquePointer?) throws(DatabaseCryptographyError) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard EVP_Digest(bytes, bytes.count, &output, &count, algorithm, nil) == 1 else { throw .libraryFailed("EVP_Digest") }
    return Array(output.prefix(Int(count)))
}
