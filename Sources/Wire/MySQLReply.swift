/// A server's error packet, `ERR_Packet`.
///
///     offset  bytes  field
///     0       1      255
///     1       2      error code, little-endian
///     3       6      "#" and five letters of SQL state; absent before the handshake is done
///     9 or 3  n      message, to the end
package struct MySQLErrorPacket: Equatable, Sendable {
    /// The limit on messages, in bytes; longer ones are cut.
    package static let messageBytesMax = 512

    /// The server's error number: 1045.
    package var code: UInt16
    /// Five letters: "28000"; `nil` for an error before the handshake.
    package var sqlState: String?
    /// The server's message.
    package var message: String

    /// Creates an error from its parts.
    package init(code: UInt16, sqlState: String? = nil, message: String) {
        precondition(sqlState.map { $0.utf8.count == 5 } ?? true, "a SQL state has five letters")
        self.code = code
        self.sqlState = sqlState
        self.message = message
    }

    /// Reads an error packet; `nil` when `payload` is not one.
    package init?(payload: [UInt8]) {
        var reader = ByteReader(payload)
        guard reader.readByte() == 0xff, let code = reader.readLittleEndian(UInt16.self) else { return nil }
        self.code = code
        if reader.next == UInt8(ascii: "#"), reader.count >= 6, reader.rest.prefix(6).allSatisfy({ (0x21..<0x7f).contains($0) }) {
            sqlState = reader.readBytes(6).map { String(decoding: $0.dropFirst(), as: UTF8.self) }
        }
        message = String(decoding: reader.rest.prefix(Self.messageBytesMax), as: UTF8.self)
    }

    /// True when the server rejects the user: ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR.
    package var isAccessDenied: Bool { [1044, 1045, 1698].contains(code) }

    /// State and message joined as HAProxy shows them: "#28000Access denied for user ...".
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

/// A server's success packet, `OK_Packet`.
///
///     offset  bytes  field
///     0       1      0
///     1       1-9    rows changed, length-encoded
///     then    1-9    last generated number, length-encoded
///     then    2      status
///     then    2      warnings
///
/// The rest (a text, session state changes) is ignored.
package struct MySQLOKPacket: Equatable, Sendable {
    /// The number of changed rows.
    package var affectedRows: UInt64
    /// SERVER_STATUS_ bits.
    package var status: UInt16
    /// The number of warnings.
    package var warnings: UInt16

    /// Creates a packet from its parts.
    package init(affectedRows: UInt64 = 0, status: UInt16 = 2, warnings: UInt16 = 0) {
        self.affectedRows = affectedRows
        self.status = status
        self.warnings = warnings
    }

    /// Reads an OK packet; `nil` when `payload` is not one.
    package init?(payload: [UInt8]) {
        var reader = ByteReader(payload)
        guard reader.readByte() == 0, let affectedRows = reader.readLengthEncoded(), reader.readLengthEncoded() != nil,
            let status = reader.readLittleEndian(UInt16.self), let warnings = reader.readLittleEndian(UInt16.self)
        else { return nil }
        self.init(affectedRows: affectedRows, status: status, warnings: warnings)
    }
}

/// A server's reply to a login.
package enum MySQLReply: Equatable, Sendable {
    /// The login has succeeded.
    case ok(MySQLOKPacket)
    /// `AuthSwitchRequest`: the server requests another method, by name, and sends the seed for it.
    case authenticationSwitch(plugin: String, seed: [UInt8])
    /// `AuthMoreData`: further data of the method.
    case authenticationMoreData([UInt8])
    /// The login has failed.
    case error(MySQLErrorPacket)

    /// The method of a switch request without a name: that of servers before 4.1.
    package static let unnamedMethod = "mysql_old_password"

    /// Reads a reply; `nil` when `payload` is not one of these.
    package init?(payload: [UInt8]) {
        var reader = ByteReader(payload)
        switch reader.readByte() {
        case 0x00:
            guard let ok = MySQLOKPacket(payload: payload) else { return nil }
            self = .ok(ok)
        case 0x01:
            self = .authenticationMoreData(Array(reader.rest))
        case 0xfe where reader.isAtEnd:
            self = .authenticationSwitch(plugin: Self.unnamedMethod, seed: [])
        case 0xfe:
            guard let name = reader.readBytes(until: 0, limit: MySQLGreeting.pluginBytesMax) else { return nil }
            self = .authenticationSwitch(plugin: String(decoding: name, as: UTF8.self), seed: Array(reader.rest))
        case 0xff:
            guard let error = MySQLErrorPacket(payload: payload) else { return nil }
            self = .error(error)
        default:
            return nil
        }
    }
}
