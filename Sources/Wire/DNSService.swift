/// One service record, RFC 2782: where a service is, and how much of it is to go there.
package struct DNSService: Hashable, Sendable {
    /// Lower ones are used first.
    package let priority: UInt16
    /// The share among those of one priority; 0 for no preference.
    package let weight: UInt16
    /// From 1.
    package let port: UInt16
    /// The host, whose addresses are asked for by its name.
    package let target: DNSName

    /// A record from its fields.
    package init(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
    }
}

/// One address record that came beside an answer.
package struct DNSAddress: Equatable, Sendable {
    /// Whose address.
    package let owner: DNSName
    /// IPv4 or IPv6.
    package let address: IPAddress
    /// Seconds that it may be kept.
    package let timeToLive: UInt32
}
