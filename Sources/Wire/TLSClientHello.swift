/// The first message of a TLS client, which every TLS server answers with a hello or an alert. It begins no handshake that could be completed.
///
///     16 03 01 length                      record: handshake
///     01 length 03 03 random 00            client hello: TLS 1.2, no session
///     length cipher suites 01 00           no compression
///     length extensions
///
/// - SeeAlso: RFC 5246, section 7.4.1.2; RFC 8422; RFC 7627.
package enum TLSClientHello {
    /// The bytes of the record. The random value is constant, because no secret depends on it.
    package static let bytes: [UInt8] = record(0x16, handshake(1, [0x03, 0x03] + random + [0] + vector(cipherSuites) + [1, 0] + vector(extensions)))

    private static let random = Array("tsukada checks the TLS server...".utf8)

    /// ECDHE and RSA with AES-GCM, ChaCha20 and AES-CBC: what servers of the last fifteen years have.
    private static let cipherSuites: [UInt8] = [
        0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8, 0xc0, 0x09, 0xc0, 0x13, 0xc0, 0x0a, 0xc0, 0x14, 0x00, 0x9c, 0x00, 0x9d,
        0x00, 0x2f, 0x00, 0x35, 0x00, 0x0a,
    ]

    private static let extensions: [UInt8] =
        // Groups: X25519, P-256, P-384, P-521.
        field(10, vector([0x00, 0x1d, 0x00, 0x17, 0x00, 0x18, 0x00, 0x19]))
        // Points: uncompressed.
        + field(11, [1, 0])
        // Signatures: ECDSA and RSA, with SHA-256, SHA-384, SHA-512 and SHA-1.
        + field(
            13,
            vector([
                0x04, 0x03, 0x08, 0x04, 0x04, 0x01, 0x05, 0x03, 0x08, 0x05, 0x05, 0x01, 0x06, 0x03, 0x08, 0x06, 0x06, 0x01, 0x02, 0x03, 0x02, 0x01,
            ]))
        // Extended master secret, and secure renegotiation.
        + field(23, []) + field(0xff01, [0])

    private static func record(_ type: UInt8, _ content: [UInt8]) -> [UInt8] { [type, 0x03, 0x01] + vector(content) }

    private static func handshake(_ type: UInt8, _ content: [UInt8]) -> [UInt8] { [type, 0] + vector(content) }

    private static func field(_ type: UInt16, _ content: [UInt8]) -> [UInt8] { [UInt8(type >> 8), UInt8(type & 255)] + vector(content) }

    /// Bytes after their length in two bytes.
    private static func vector(_ content: [UInt8]) -> [UInt8] { [UInt8(content.count >> 8), UInt8(content.count & 255)] + content }
}
