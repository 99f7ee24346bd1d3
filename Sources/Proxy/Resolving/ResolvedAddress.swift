import Wire

/// An address that a name has resolved to.
package struct ResolvedAddress: Hashable, Sendable, CustomStringConvertible {
    /// The host's address.
    package let host: IPAddress
    /// The port in a service record; `nil` for a host name, whose port is in the configuration.
    package let port: UInt16?

    /// Creates an address from a host and, for a service, a port.
    package init(_ host: IPAddress, port: UInt16? = nil) { (self.host, self.port) = (host, port) }

    /// "10.0.0.1", "10.0.0.1:3307", "[2001:db8::1]:3307".
    package var description: String { port.map { SocketAddress.ip(host, port: $0).description } ?? host.description }

    /// The address of connects. `otherwise` is the configured port.
    package func endpoint(port otherwise: UInt16) -> SocketAddress { .ip(host, port: port ?? otherwise) }
}

/// The priority and weight in a service record.
package struct ServiceShare: Equatable, Sendable {
    /// Servers with the lowest value are used first.
    package var priority: UInt16 = 0
    /// 1 to 256; `nil` for the configured weight.
    package var weight: Int?

    /// Creates a share. The defaults are those of a host name.
    package init(priority: UInt16 = 0, weight: Int? = nil) { (self.priority, self.weight) = (priority, weight) }

    /// The weights of servers, 1 to 256, in the ratio of the records of the same priority.
    ///
    /// RFC 2782 allows 0 to 65535. If a priority has a weight above 256, all its weights are scaled down, to at least 1. If all are 0, there is no preference.
    static func weights(of services: [DNSService]) -> [Int?] {
        let most = Dictionary(services.map { ($0.priority, Int($0.weight)) }, uniquingKeysWith: max)
        return services.map { service in
            guard let most = most[service.priority], most > 0 else { return nil }
            let weight = most > 256 ? Int(service.weight) * 256 / most : Int(service.weight)
            return max(1, weight)
        }
    }
}

/// The last valid addresses of a name, for a later process.
package struct KnownName: Equatable, Sendable {
    /// An address of the name.
    package struct Entry: Equatable, Sendable {
        /// The address.
        package let address: ResolvedAddress
        /// The priority and weight in its service record.
        package let share: ServiceShare

        /// Creates an entry.
        package init(_ address: ResolvedAddress, share: ServiceShare = ServiceShare()) { (self.address, self.share) = (address, share) }
    }

    /// A host's or a service's name.
    package let name: DNSName
    /// At least one entry. At most the addresses of an `AddressBook` for a host, or the records of a service.
    package let entries: [Entry]
    /// When a nameserver last answered.
    package let lastValid: Instant

    /// Creates the addresses of a name.
    package init(name: DNSName, entries: [Entry], lastValid: Instant) { (self.name, self.entries, self.lastValid) = (name, entries, lastValid) }
}
