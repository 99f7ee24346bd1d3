/// A client's login: `HandshakeResponse41`.
///
///     offset      bytes  field
///     0           4      capabilities, little-endian
///     4           4      longest packet
///     8           1      character set
///     9           23     zeros
///     from here on absent in the request for TLS (`SSLRequest`)
///     32          n + 1  user, NUL-terminated
///     33 + n      1      bytes of the answer: m (length-encoded; below 251 that is the same)
///     34 + n      m      answer to the server's seed
///     34 + n + m  k + 1  method's name, NUL-terminated, if `pluginAuthentication`
///
/// - SeeAlso: MySQL source documentation, `Protocol::HandshakeResponse41` and `Protocol::SSLRequest`.
package struct MySQLHandshakeResponse: Equatable, Sendable {
    /// The longest user name that any server knows (MariaDB: 80 letters of 4 bytes).
    package static let userBytesMax = 320
    /// The longest answer: one byte tells its length.
    package static let answerBytesMax = 250
    /// Bytes of a request for TLS.
    private static let tlsRequestBytes = 32
    /// What HAProxy says, and what every server takes.
    private static let packetBytesMax = UInt32(0x0100_8000)

    /// What the client can do, and the server too.
    package var capabilities: MySQLCapabilities
    /// 33: utf8, of three bytes at most; 45: utf8mb4.
    package var characterSet: UInt8
    /// Who logs in.
    package var user: String
    /// What the method says to the server's seed; empty for an empty password.
    package var answer: [UInt8]
    /// The method that `answer` belongs to.
    package var plugin: String?

    /// A login from its parts; `user` is cut at `userBytesMax`.
    package init(capabilities: MySQLCapabilities, characterSet: UInt8 = 33, user: String, answer: [UInt8] = [], plugin: String? = nil) {
        precondition(answer.count <= Self.answerBytesMax, "an answer has at most \(Self.answerBytesMax) bytes, got \(answer.count)")
        precondition((plugin != nil) == capabilities.contains(.pluginAuthentication), "a method's name needs its capability, and the other way round")
        self.capabilities = capabilities
        self.characterSet = characterSet
        self.user = user
        self.answer = answer
        self.plugin = plugin
    }

    /// The login as a packet's payload.
    package var payload: [UInt8] {
        var writer = ByteWriter()
        writer.writeLittleEndian(capabilities.rawValue)
        writer.writeLittleEndian(Self.packetBytesMax)
        writer.write(characterSet)
        writer.write(repeating: 0, count: 23)
        writer.write(user.utf8.prefix(Self.userBytesMax))
        writer.write(0)
        writer.write(UInt8(answer.count))
        writer.write(answer)
        if let plugin {
            writer.write(plugin.utf8)
            writer.write(0)
        }
        return writer.bytes
    }

    /// What goes before the login when the stream is to turn to TLS: its first 32 bytes, as a payload of their own.
    package var tlsRequest: [UInt8] { Array(payload.prefix(Self.tlsRequestBytes)) }
}
