/// A service record, RFC 2782: a host and port of the service, and its share of the traffic.
package struct DNSService: Hashable, Sendable {
    /// Lower priorities are used first.
    package let priority: UInt16
    /// The share among the records of one priority; 0 for no preference.
    package let weight: UInt16
    /// Never 0.
    package let port: UInt16
    /// The host name, whose addresses are resolved separately.
    package let target: DNSName

    /// Creates a record from its fields.
    package init(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}

/// An address record from the additional section of an answer.
package struct DNSAddress: Equatable, Sendable {
    /// The name that the address belongs to.
    package let owner: DNSName
    /// IPv4 or IPv6.
    package let address: IPAddress
    /// The time in seconds for which it may be cached.
    package let timeToLive: UInt32
}
