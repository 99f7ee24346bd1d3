/// The login packets that HAProxy's `option mysql-check` sends: a user, an empty password, no database.
///
/// The bytes equal those of HAProxy 2.6.12.
package enum MySQLLogin {
    /// `post-41`: an empty answer and no method name.
    package static func since41(user: String) -> MySQLPacket {
        MySQLPacket(sequence: 1, payload: MySQLHandshakeResponse(capabilities: [.protocol41, .secureConnection], user: user).payload)
    }

    /// `pre-41`, `HandshakeResponse320`:
    ///
    ///     offset  bytes  field
    ///     0       2      capabilities: 0x8000
    ///     2       3      longest packet
    ///     5       n + 1  user, NUL-terminated
    ///     6 + n   1      end of the password: 0
    package static func before41(user: String) -> MySQLPacket {
        var writer = ByteWriter()
        writer.writeLittleEndian(UInt16(0x8000))
        writer.writeLittleEndian(0x01_0000, bytes: 3)
        writer.write(user.utf8.prefix(MySQLHandshakeResponse.userBytesMax))
        writer.write(repeating: 0, count: 2)
        return MySQLPacket(sequence: 1, payload: writer.bytes)
    }
}
