/// A database user's password. No text that is made of it shows it: not by interpolation, not by `dump`, not in a crash's message.
package struct DatabasePassword: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The longest one taken: what fits, encrypted, into the servers' RSA keys of 2048 bits, with the NUL after it.
    package static let bytesMax = 213

    /// The empty one.
    package static let empty = DatabasePassword(unchecked: [])

    /// The password; empty for none.
    package let bytes: [UInt8]

    /// `nil` when it has more than `bytesMax` bytes, or a NUL, which no server takes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.bytesMax, !bytes.contains(0) else { return nil }
        self.init(unchecked: bytes)
    }

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// Never the password.
    package var description: String { "(hidden)" }
    /// Never the password.
    package var debugDescription: String { description }
    /// Never the password.
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// Why a login's cryptography, or a TLS stream, cannot go on.
package enum DatabaseCryptographyError: Error, Equatable, Sendable {
    /// The library failed: the name of its function, or its own words.
    case libraryFailed(String)
    /// The server's RSA key is none, or too small or large for use: why.
    case keyUnusable(String)
    /// The peer's TLS cannot be gone on with: the library's words.
    case tlsFailed(String)
    /// The file of certificate authorities has none, or is no PEM: why.
    case authoritiesUnusable(String)
}

/// What the login to a database needs of cryptography: one value for each set of certificate authorities, made at start, when files can still be read.
package protocol DatabaseCryptography {
    /// SHA-1: 20 bytes.
    func sha1(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// SHA-256: 32 bytes.
    func sha256(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// RSA-OAEP with SHA-1 and MGF1.
    ///
    /// - Parameter publicKey: PEM (`SubjectPublicKeyInfo`), from a server that may be hostile.
    func encrypt(_ message: [UInt8], publicKey: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// Ed25519 (RFC 8032) by the key that SHA-512 makes of `password`, which may have any length, as MariaDB has it: 64 bytes.
    func sign(_ message: [UInt8], password: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
    /// The client's side of a TLS stream that has not begun.
    ///
    /// - Parameter name: the server's host name or address, which its certificate must have; `nil`: any name will do.
    func openTLS(name: String?) throws(DatabaseCryptographyError) -> any TLSStream
}

/// One TLS stream without its socket: bytes in, bytes out.
package protocol TLSStream: AnyObject {
    /// True once both sides have finished the handshake.
    var isEstablished: Bool { get }
    /// Why the peer's certificate is not trusted: known once `isEstablished`; `nil`: it is, or nobody wants to know.
    var certificateProblem: String? { get }
    /// Takes bytes from the peer; the first call, with none, begins.
    ///
    /// - Returns: what the peer has said in clear, and what must be sent as it is.
    func receive(_ sealed: [UInt8]) throws(DatabaseCryptographyError) -> TLSOutput
    /// Seals what is to be said. Only when established.
    func seal(_ clear: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8]
}

/// What a TLS stream makes of bytes.
package struct TLSOutput: Equatable, Sendable {
    /// Said by the peer.
    package var clear: [UInt8]
    /// For the peer.
    package var sealed: [UInt8]

    /// Output from its parts.
    package init(clear: [UInt8] = [], sealed: [UInt8] = []) { (self.clear, self.sealed) = (clear, sealed) }
}
