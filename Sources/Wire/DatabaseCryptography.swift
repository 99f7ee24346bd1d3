/// A database user's password. It never appears in text that is made of the value: interpolation, `dump`, crash messages.
package struct DatabasePassword: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The longest password in bytes. With its NUL it fits into an encryption with a 2048-bit RSA key.
    package static let bytesMax = 213

    /// The empty password.
    package static let empty = DatabasePassword(unchecked: [])

    /// The password's bytes; empty for none.
    package let bytes: [UInt8]

    /// Creates a password; `nil` when it has more than `bytesMax` bytes or contains a NUL, which no server accepts.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.bytesMax, !bytes.contains(0) else { return nil }
        self.init(unchecked: bytes)
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// "(hidden)", so that no log line or error shows the password.
    package var description: String { "(hidden)" }
    /// "(hidden)" as well.
    package var debugDescription: String { description }
    /// A mirror without children.
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// The reason why cryptography for a login, or a TLS stream, failed.
package enum DatabaseCryptographyError: Error, Equatable, Sendable {
    /// The library failed. The value is the name of its function or its message.
    case libraryFailed(String)
    /// The server's RSA key is invalid, too small or too large. The value is the reason.
    case keyUnusable(String)
    /// The TLS stream failed. The value is the library's message.
    case tlsFailed(String)
    /// The file of certificate authorities is not PEM or contains no certificate. The value is the reason.
    case authoritiesUnusable(String)
}

/// The cryptography that a database login needs. A set of certificate authorities has one value, created at start while files can still be read.
package protocol DatabaseCryptography {
    /// Computes SHA-1: 20 bytes.
    func sha1(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// Computes SHA-256: 32 bytes.
    func sha256(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// Encrypts with RSA-OAEP, SHA-1 and MGF1.
    ///
    /// - Parameter publicKey: PEM (`SubjectPublicKeyInfo`), from a server that may be hostile.
    func encrypt(_ message: [UInt8], publicKey: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// Signs with Ed25519 (RFC 8032), with the key that SHA-512 derives from `password` of any length, as MariaDB does: 64 bytes.
    func sign(_ message: [UInt8], password: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// Opens the client's side of a TLS stream. Nothing has been sent.
    ///
    /// - Parameter name: the host name or address that the server's certificate must have; `nil` for any name.
    func openTLS(name: String?) throws(DatabaseCryptographyError) -> any TLSStream
}

/// A TLS stream without a socket. The caller moves its bytes.
package protocol TLSStream: AnyObject {
    /// True once both sides have finished the handshake.
    var isEstablished: Bool { get }
    /// The reason why the peer's certificate is not trusted, known once `isEstablished`. `nil` when it is trusted or not verified.
    var certificateProblem: String? { get }
    /// Takes in bytes from the peer. The first call, with no bytes, starts the handshake.
    ///
    /// - Returns: the decrypted bytes of the peer, and bytes that must be sent to it.
    func receive(_ sealed: [UInt8]) throws(DatabaseCryptographyError) -> TLSOutput
    /// Encrypts bytes for the peer. Requires `isEstablished`.
    func seal(_ clear: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
}

/// The output of a TLS stream.
package struct TLSOutput: Equatable, Sendable {
    /// Decrypted bytes from the peer.
    package var clear: [UInt8]
    /// Encrypted bytes for the peer.
    package var sealed: [UInt8]

    /// Creates an output from its parts.
    package init(clear: [UInt8] = [], sealed: [UInt8] = []) { (self.clear, self.sealed) = (clear, sealed) }
}
