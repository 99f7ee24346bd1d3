/// The capability bits that client and server exchange.
package struct MySQLCapabilities: OptionSet, Hashable, Sendable {
    /// The protocol's bits.
    package let rawValue: UInt32
    /// Creates capabilities from the protocol's bits.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// CLIENT_LONG_PASSWORD: set by every client since 4.1; MariaDB servers do not set it.
    package static let longPassword = MySQLCapabilities(rawValue: 0x0000_0001)
    /// CLIENT_PROTOCOL_41: the protocol since MySQL 4.1.
    package static let protocol41 = MySQLCapabilities(rawValue: 0x0000_0200)
    /// CLIENT_SSL: the stream can switch to TLS.
    package static let tls = MySQLCapabilities(rawValue: 0x0000_0800)
    /// CLIENT_TRANSACTIONS: the peer understands status bits.
    package static let transactions = MySQLCapabilities(rawValue: 0x0000_2000)
    /// CLIENT_SECURE_CONNECTION: passwords are hashed with a seed of 20 bytes.
    package static let secureConnection = MySQLCapabilities(rawValue: 0x0000_8000)
    /// CLIENT_PLUGIN_AUTH: authentication methods have names.
    package static let pluginAuthentication = MySQLCapabilities(rawValue: 0x0008_0000)
}
