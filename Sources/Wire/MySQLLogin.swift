/// The login packets that HAProxy's `option mysql-check` sends: a user, an empty password, no database.
///
/// Byte for byte what HAProxy 2.6.12 was seen to send.
package enum MySQLLogin {
    /// The longest user name that any server knows (MariaDB: 80 letters of 4 bytes).
    package static let userBytesMax = 320

    /// `post-41`, `HandshakeResponse41`:
    ///
    ///     offset  bytes  field
    ///     0       4      capabilities: `protocol41`, `secureConnection`
    ///     4       4      longest packet
    ///     8       1      character set: 33, utf8
    ///     9       23     zeros
    ///     32      n + 1  user, NUL-terminated
    ///     33 + n  1      bytes of the password's hash: 0
    package static func since41(user: String) -> MySQLPacket {
        var writer = ByteWriter()
        writer.writeLittleEndian(MySQLCapabilities([.protocol41, .secureConnection]).rawValue)
        writer.writeLittleEndian(UInt32(0x0100_8000))
        writer.write(33)
        writer.write(repeating: 0, count: 23)
        writer.write(user.utf8.prefix(userBytesMax))
        writer.write(repeating: 0, count: 2)
        return MySQLPacket(sequence: 1, payload: writer.bytes)
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
        writer.write(user.utf8.prefix(userBytesMax))
        writer.write(repeating: 0, count: 2)
        return MySQLPacket(sequence: 1, payload: writer.bytes)
    }
}
