// The server's side of the cryptography for logins, for `MySQLPeer`. A server computes with password hashes where a client uses the password.

import COpenSSL
import Wire

/// A failure to use a peer's key or certificate.
package struct PeerKeyError: Error, CustomStringConvertible {
    /// The name of the library function that failed.
    package let description: String
}

/// SHA-1 and SHA-256.
enum PeerDigest {
    static func sha1(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha1(), count: 20) }
    static func sha256(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha256(), count: 32) }

    private static func digest(_ bytes: [UInt8], _ algorithm: OpaquePointer?, count: Int) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        precondition(EVP_Digest(bytes, bytes.count, &output, nil, algorithm, nil) == 1, "EVP_Digest failed")
        return output
    }

    static func xor(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { zip(left, right).map { $0 ^ $1 } }
}

/// A server's RSA key: publishes its public half and decrypts passwords.
package final class PeerRSAKey {
    private let key: OpaquePointer
    /// The public key in PEM, which the server sends on request.
    package let publicKey: [UInt8]

    /// Creates a key of `bits`.
    package init(bits: Int32 = 2048) throws(PeerKeyError) {
        guard let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil) else { throw PeerKeyError(description: "EVP_PKEY_CTX_new_from_name") }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1, EVP_PKEY_keygen(context, &key) == 1, let key,
            let bio = BIO_new(BIO_s_mem())
        else { throw PeerKeyError(description: "EVP_PKEY_keygen") }
        defer { BIO_free(bio) }
        guard PEM_write_bio_PUBKEY(bio, key) == 1 else {
            EVP_PKEY_free(key)
            throw PeerKeyError(description: "PEM_write_bio_PUBKEY")
        }
        self.key = key
        var text = [UInt8](repeating: 0, count: BIO_ctrl_pending(bio))
        BIO_read(bio, &text, Int32(text.count))
        publicKey = text
    }

    deinit { EVP_PKEY_free(key) }

    /// Decrypts RSA-OAEP; `nil` when the bytes were not encrypted for this key.
    func decrypt(_ bytes: [UInt8]) -> [UInt8]? {
        guard let context = EVP_PKEY_CTX_new(key, nil) else { return nil }
        defer { EVP_PKEY_CTX_free(context) }
        var output = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(key)))
        var count = output.count
        guard EVP_PKEY_decrypt_init(context) == 1, EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1,
            EVP_PKEY_decrypt(context, &output, &count, bytes, bytes.count) == 1
        else { return nil }
        return Array(output.prefix(count))
    }
}

/// A server's certificate with its key.
package final class PeerCertificate {
    fileprivate let context: OpaquePointer

    /// Reads PEM files.
    ///
    /// - Parameter newestVersion: TLS1_2_VERSION for a server without newer versions.
    package init(certificate: String, key: String, newestVersion: Int32 = TLS1_3_VERSION) throws(PeerKeyError) {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw PeerKeyError(description: "SSL_CTX_new") }
        self.context = context
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1, SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
            SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(newestVersion), nil) == 1,
            SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, 0, nil) == 1
        else { throw PeerKeyError(description: "SSL_CTX_use_certificate_chain_file") }
    }

    deinit { SSL_CTX_free(context) }
}

/// The server's side of a TLS stream with memory BIOs.
final class PeerTLSStream {
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// True when the client's bytes are not TLS, or when the handshake has failed.
    private(set) var isBroken = false

    init?(_ certificate: PeerCertificate) {
        guard let ssl = SSL_new(certificate.context), let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else { return nil }
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_accept_state(ssl)
        (self.ssl, self.incoming, self.outgoing) = (ssl, incoming, outgoing)
    }

    deinit { SSL_free(ssl) }

    func receive(_ sealed: [UInt8]) -> (clear: [UInt8], sealed: [UInt8]) {
        BIO_write(incoming, sealed, Int32(sealed.count))
        ERR_clear_error()
        var clear: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = SSL_read(ssl, &chunk, Int32(chunk.count))
            guard count > 0 else {
                let error = SSL_get_error(ssl, count)
                if error != SSL_ERROR_WANT_READ, error != SSL_ERROR_ZERO_RETURN { isBroken = true }
                break
            }
            clear += chunk.prefix(Int(count))
        }
        return (clear, drainOutgoing())
    }

    func seal(_ clear: [UInt8]) -> [UInt8] {
        if SSL_write(ssl, clear, Int32(clear.count)) != Int32(clear.count) { isBroken = true }
        return drainOutgoing()
    }

    private func drainOutgoing() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: BIO_ctrl_pending(outgoing))
        guard !bytes.isEmpty else { return [] }
        BIO_read(outgoing, &bytes, Int32(bytes.count))
        return bytes
    }
}
