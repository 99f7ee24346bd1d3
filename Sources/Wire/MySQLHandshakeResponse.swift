/// A client's login packet, `HandshakeResponse41`.
///
///     offset      bytes  field
///     0           4      capabilities, little-endian
///     4           4      longest packet
///     8           1      character set
///     9           23     zeros
///     a request for TLS (`SSLRequest`) ends here
///     32          n + 1  user, NUL-terminated
///     33 + n      1      length of the answer: m (length-encoded, which is the same below 251)
///     34 + n      m      answer to the server's seed
///     34 + n + m  k + 1  method's name, NUL-terminated, if `pluginAuthentication`
///
/// - SeeAlso: MySQL source documentation, `Protocol::HandshakeResponse41` and `Protocol::SSLRequest`.
package struct MySQLHandshakeResponse: Equatable, Sendable {
    /// The limit on a user name, in bytes (MariaDB: 80 characters of 4 bytes).
    package static let userBytesMax = 320
    /// The limit on an answer, in bytes: its length takes one byte.
    package static let answerBytesMax = 250
    /// The length of a request for TLS.
    private static let tlsRequestBytes = 32
    /// The value that HAProxy sends and that every server accepts.
    private static let packetBytesMax = UInt32(0x0100_8000)

    /// The capabilities that client and server share.
    package var capabilities: MySQLCapabilities
    /// 33: utf8 with at most three bytes per character; 45: utf8mb4.
    package var characterSet: UInt8
    /// The user that logs in.
    package var user: String
    /// The method's answer to the server's seed; empty for an empty password.
    package var answer: [UInt8]
    /// The name of the method that computed `answer`.
    package var plugin: String?

    /// Creates a login from its parts; `user` is cut at `userBytesMax`.
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

    /// The payload of the request that switches the stream to TLS, sent before the login: the login's first 32 bytes.
    package var tlsRequest: [UInt8] { Array(payload.prefix(Self.tlsRequestBytes)) }
}
