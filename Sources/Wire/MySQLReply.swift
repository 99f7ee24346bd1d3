/// A server's refusal: `ERR_Packet`.
///
///     offset  bytes  field
///     0       1      255
///     1       2      error code, little-endian
///     3       6      "#" and five letters of SQL state; missing before the handshake is done
///     9 or 3  n      message, to the end
package struct MySQLErrorPacket: Equatable, Sendable {
    /// Messages are cut here, in bytes.
    package static let messageBytesMax = 512

    /// The server's error number: 1045.
    package var code: UInt16
    /// Five letters: "28000"; `nil` for an error before the handshake.
    package var sqlState: String?
    /// What the server says.
    package var message: String

    /// An error from its parts.
    package init(code: UInt16, sqlState: String? = nil, message: String) {
        precondition(sqlState.map { $0.utf8.count == 5 } ?? true, "a SQL state has five letters")
        self.code = code
        self.sqlState = sqlState
        self.message = message
    }

    /// Reads one error; `nil` when `payload` is none.
    package init?(payload: [UInt8]) {
        var reader = ByteReader(payload)
        guard reader.readByte() == 0xff, let code = reader.readLittleEndian(UInt16.self) else { return nil }
        self.code = code
        if reader.next == UInt8(ascii: "#"), reader.count >= 6, reader.rest.prefix(6).allSatisfy({ (0x21..<0x7f).contains($0) }) {
            sqlState = reader.readBytes(6).map { String(decoding: $0.dropFirst(), as: UTF8.self) }
        }
        message = String(decoding: reader.rest.prefix(Self.messageBytesMax), as: UTF8.self)
    }

    /// State and message in one, as HAProxy shows them: "#28000Access denied for user ...".
    package var text: String { (sqlState.map { "#" + $0 } ?? "") + message }

    /// The error as a packet's payload.
    package var payload: [UInt8] {
        var writer = ByteWriter()
        writer.write(0xff)
        writer.writeLittleEndian(code)
        writer.write(text.utf8)
        return writer.bytes
    }
}

/// What a server says to a login.
package enum MySQLReply: Equatable, Sendable {
    /// Logged in.
    case ok
    /// `AuthSwitchRequest`: the server asks for another method, by this name.
    case authenticationSwitch(plugin: String)
    /// The method goes on: `AuthMoreData`.
    case authenticationGoesOn
    /// Refused.
    case error(MySQLErrorPacket)

    /// Reads one reply; `nil` when `payload` is none of these.
    package init?(payload: [UInt8]) {
        switch payload.first {
        case 0x00:
            self = .ok
        case 0x01:
            self = .authenticationGoesOn
        case 0xfe:
            let name = payload.dropFirst().prefix(MySQLGreeting.pluginBytesMax).prefix { $0 != 0 }
            self = .authenticationSwitch(plugin: String(decoding: name, as: UTF8.self))
        case 0xff:
            guard let error = MySQLErrorPacket(payload: payload) else { return nil }
            self = .error(error)
        default:
            return nil
        }
    }
}
