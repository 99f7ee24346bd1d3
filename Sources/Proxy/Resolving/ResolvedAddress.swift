import Wire

/// An address that a name has led to.
package struct ResolvedAddress: Hashable, Sendable, CustomStringConvertible {
    /// The host's address.
    package let host: IPAddress
    /// The port that a service record says; `nil` for a host's name, whose port stands in the configuration.
    package let port: UInt16?

    /// The address `host`, with the port of a service.
    package init(_ host: IPAddress, port: UInt16? = nil) { (self.host, self.port) = (host, port) }

    /// "10.0.0.1", "10.0.0.1:3307", "[2001:db8::1]:3307".
    package var description: String { port.map { SocketAddress.ip(host, port: $0).description } ?? host.description }

    /// Where sessions go to; `otherwise` is the port of the configuration.
    package func endpoint(port otherwise: UInt16) -> SocketAddress { .ip(host, port: port ?? otherwise) }
}

/// What service records say of an address beside where it is.
package struct ServiceShare: Equatable, Sendable {
    /// Lower ones are used first.
    package var priority: UInt16 = 0
    /// 1 to 256; `nil` for the configuration's.
    package var weight: Int?

    /// A share; without arguments that of a host's name.
    package init(priority: UInt16 = 0, weight: Int? = nil) { (self.priority, self.weight) = (priority, weight) }

    /// The weights of 256 servers at most, in the proportions of the records of one priority.
    ///
    /// RFC 2782 has 0 to 65535: what is above 256 is scaled down, all of a priority alike, to at least 1. Only zeros mean no preference.
    static func weights(of services: [DNSService]) -> [Int?] {
        let most = Dictionary(services.map { ($0.priority, Int($0.weight)) }, uniquingKeysWith: max)
        return services.map { service in
            guard let most = most[service.priority], most > 0 else { return nil }
            let weight = most > 256 ? Int(service.weight) * 256 / most : Int(service.weight)
            return max(1, weight)
        }
    }
}

/// The last good addresses of a name, as they outlive a process.
package struct KnownName: Equatable, Sendable {
    /// One of them.
    package struct Entry: Equatable, Sendable {
        /// Where.
        package let address: ResolvedAddress
        /// What a service record says of it.
        package let share: ServiceShare

        /// An address and its share.
        package init(_ address: ResolvedAddress, share: ServiceShare = ServiceShare()) { (self.address, self.share) = (address, share) }
    }

    /// A host's or a service's name.
    package let name: DNSName
    /// At least one; of a host at most `AddressBook`'s, of a service at most its records.
    package let entries: [Entry]
    /// When a nameserver last said so.
    package let lastValid: Instant

    /// The addresses of a name.
    package init(name: DNSName, entries: [Entry], lastValid: Instant) { (self.name, self.entries, self.lastValid) = (name, entries, lastValid) }
}
