import Wire

/// Login cryptography without secrecy. A core runs its rules with it as with OpenSSL, at a hundredth of the cost.
package struct NullDatabaseCryptography: DatabaseCryptography {
    /// The certificate problem that streams report.
    package var certificateProblem: String?

    /// Creates cryptography that trusts every certificate.
    package init() {}

    /// Returns a hash of 20 bytes.
    package func sha1(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] { Self.digest(bytes, count: 20) }
    /// Returns a hash of 32 bytes.
    package func sha256(_ bytes: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] { Self.digest(bytes, count: 32) }
    /// Returns the message, or throws when the key is empty.
    package func encrypt(_ message: [UInt8], publicKey: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] {
        guard !publicKey.isEmpty else { throw .keyUnusable("empty") }
        return message
    }
    /// Returns a hash of 64 bytes.
    package func sign(_ message: [UInt8], password: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] { Self.digest(password + message, count: 64) }
    /// Opens a stream whose handshake is one byte from each side; the byte 255 fails it.
    package func openTLS(name: String?) throws(DatabaseCryptographyError) -> any TLSStream { NullTLSStream(certificateProblem: certificateProblem) }

    private static func digest(_ bytes: [UInt8], count: Int) -> [UInt8] {
        var sum = UInt64(1)
        for byte in bytes { sum = sum &* 31 &+ UInt64(byte) }
        return (0..<count).map { UInt8(truncatingIfNeeded: sum >> UInt64($0 % 8 * 8)) ^ UInt8($0) }
    }
}

/// See `NullDatabaseCryptography.openTLS`.
private final class NullTLSStream: TLSStream {
    private(set) var isEstablished = false
    let certificateProblem: String?

    init(certificateProblem: String?) { self.certificateProblem = certificateProblem }

    func receive(_ sealed: [UInt8]) throws(DatabaseCryptographyError) -> TLSOutput {
        guard !sealed.isEmpty else { return TLSOutput(sealed: [1]) }
        guard isEstablished else {
            guard sealed[0] != 255 else { throw .tlsFailed("255") }
            isEstablished = true
            return TLSOutput(clear: Array(sealed.dropFirst()))
        }
        return TLSOutput(clear: sealed)
    }

    func seal(_ clear: [UInt8]) throws(DatabaseCryptographyError) -> [UInt8] {
        precondition(isEstablished, "seal before the end of the handshake")
        return clear
    }
}
