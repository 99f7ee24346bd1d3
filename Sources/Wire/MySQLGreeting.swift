/// The reason why a payload is not a greeting.
package enum MySQLGreetingError: Error, Equatable, Sendable {
    /// The payload ends too early, or its version is longer than `MySQLGreeting.serverVersionBytesMax`.
    case truncated
    /// The protocol version is not 10.
    case unknownProtocol(UInt8)
}

/// A server's first packet, `Protocol::HandshakeV10`.
///
///     offset  bytes  field
///     0       1      protocol version, always 10
///     1       n + 1  server version, NUL-terminated, n <= `serverVersionBytesMax`
///     n + 2   4      connection identifier, little-endian
///     n + 6   8      authentication seed, first part
///     n + 14  1      filler
///     n + 15  2      capabilities, low half
///     only servers since 4.1 send the fields from here on
///     n + 17  1      character set
///     n + 18  2      status
///     n + 20  2      capabilities, high half
///     n + 22  1      bytes of the whole seed, with its NUL
///     n + 23  10     reserved
///     n + 33  m      seed, second part: m = max(13, whole - 8), if `secureConnection`
///     n + 33 + m     authentication plugin, NUL-terminated, if `pluginAuthentication`
///
/// - SeeAlso: MySQL Internals Manual, `Protocol::HandshakeV10`.
package struct MySQLGreeting: Equatable, Sendable {
    /// The limit on the version, in bytes.
    package static let serverVersionBytesMax = 255
    /// The limit on a plugin name, in bytes.
    package static let pluginBytesMax = 255

    /// "5.5.5-10.11.19-MariaDB-0+deb12u1".
    package var serverVersion: String
    /// The server's number for this connection.
    package var connectionIdentifier: UInt32
    /// 8 or 20 random bytes, without the NUL.
    package var seed: [UInt8]
    /// The server's capabilities.
    package var capabilities: MySQLCapabilities
    /// The server's default collation.
    package var characterSet: UInt8
    /// SERVER_STATUS_ bits.
    package var status: UInt16
    /// The server's default authentication plugin; `nil` when the server does not name one.
    package var plugin: String?

    /// Creates a greeting from its parts.
    package init(
        serverVersion: String, connectionIdentifier: UInt32, seed: [UInt8], capabilities: MySQLCapabilities, characterSet: UInt8 = 33, status: UInt16 = 2,
        plugin: String? = nil
    ) {
        self.serverVersion = serverVersion
        self.connectionIdentifier = connectionIdentifier
        self.seed = seed
        self.capabilities = capabilities
        self.characterSet = characterSet
        self.status = status
        self.plugin = plugin
    }

    /// Reads a greeting.
    ///
    /// - Parameter payload: a whole packet without its header. The fields after the low half of the capabilities may be missing.
    /// - Throws: either case means that the peer is not a usable MySQL server.
    package init(payload: [UInt8]) throws(MySQLGreetingError) {
        var reader = ByteReader(payload)
        guard let version = reader.readByte() else { throw .truncated }
        guard version == 10 else { throw .unknownProtocol(version) }
        guard let text = reader.readBytes(until: 0, limit: Self.serverVersionBytesMax),
            let identifier = reader.readLittleEndian(UInt32.self),
            let firstSeed = reader.readBytes(8),
            reader.skip(1) != nil,
            let lowCapabilities = reader.readLittleEndian(UInt16.self)
        else { throw .truncated }
        self.init(
            serverVersion: String(decoding: text, as: UTF8.self), connectionIdentifier: identifier, seed: Array(firstSeed),
            capabilities: MySQLCapabilities(rawValue: UInt32(lowCapabilities)), characterSet: 0, status: 0)
        guard !reader.isAtEnd else { return }
        guard let characterSet = reader.readByte(),
            let status = reader.readLittleEndian(UInt16.self),
            let highCapabilities = reader.readLittleEndian(UInt16.self),
            let seedBytes = reader.readByte(),
            reader.skip(10) != nil
        else { throw .truncated }
        self.characterSet = characterSet
        self.status = status
        capabilities = MySQLCapabilities(rawValue: UInt32(highCapabilities) << 16 | UInt32(lowCapabilities))
        if capabilities.contains(.secureConnection) {
            guard let secondSeed = reader.readBytes(max(13, Int(seedBytes) - 8)) else { throw .truncated }
            seed += secondSeed.last == 0 ? secondSeed.dropLast() : secondSeed
        }
        if capabilities.contains(.pluginAuthentication) {
            // Early MySQL 5.5 and 5.6 omit the NUL.
            let name = reader.readBytes(until: 0, limit: Self.pluginBytesMax) ?? reader.readRest().prefix(Self.pluginBytesMax)
            plugin = name.isEmpty ? nil : String(decoding: name, as: UTF8.self)
        }
    }

    /// The greeting as a packet's payload, for stubs and tests.
    package var payload: [UInt8] {
        var writer = ByteWriter()
        writer.write(10)
        writer.write(serverVersion.utf8)
        writer.write(0)
        writer.writeLittleEndian(connectionIdentifier)
        writer.write(seed.prefix(8))
        writer.write(repeating: 0, count: 9 - min(8, seed.count))
        writer.writeLittleEndian(UInt16(truncatingIfNeeded: capabilities.rawValue))
        writer.write(characterSet)
        writer.writeLittleEndian(status)
        writer.writeLittleEndian(UInt16(truncatingIfNeeded: capabilities.rawValue >> 16))
        let second = seed.dropFirst(8).prefix(246)
        writer.write(capabilities.contains(.pluginAuthentication) ? UInt8(second.count + 9) : 0)
        writer.write(repeating: 0, count: 10)
        if capabilities.contains(.secureConnection) {
            writer.write(second)
            writer.write(repeating: 0, count: max(1, 13 - second.count))
        }
        if capabilities.contains(.pluginAuthentication) {
            writer.write((plugin ?? "").utf8)
            writer.write(0)
        }
        return writer.bytes
    }
}
