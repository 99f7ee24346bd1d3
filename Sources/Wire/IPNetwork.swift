/// A range of IP addresses with the same first bits: "10.0.0.0/16".
package struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the range.
    package let first: IPAddress
    /// The length of the prefix, at most 32 or 128.
    package let bits: Int

    /// Parses "10.0.0.0/16", "fd00::/8" or a single address. `nil` for other text, and when bits after the prefix are set.
    package init?(_ text: some StringProtocol) {
        guard let (address, bits) = IPNetwork.parts(of: text), IPNetwork.start(of: address, bits) == address else { return nil }
        (first, self.bits) = (address, bits)
    }

    /// Parses the same text, and clears bits after the prefix.
    package init?(rounding text: some StringProtocol) {
        guard let (address, bits) = IPNetwork.parts(of: text) else { return nil }
        (first, self.bits) = (IPNetwork.start(of: address, bits), bits)
    }

    private static func parts(of text: some StringProtocol) -> (address: IPAddress, bits: Int)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = IPAddress(parts[0]) else { return nil }
        let width = address.isV6 ? 128 : 32
        guard let bits = parts.count == 1 ? width : Int(parts[1]), (0...width).contains(bits), parts.count == 1 || parts[1].first != "+" else { return nil }
        return (address, bits)
    }

    /// True for an address in the range. An IPv4-mapped address ("::ffff:10.0.0.1"), as an IPv6 socket reports it, counts as IPv4.
    package func contains(_ address: IPAddress) -> Bool {
        var address = address
        if !first.isV6, case .v6(0, let low) = address, low >> 32 == 0xffff { address = .v4(UInt32(truncatingIfNeeded: low)) }
        return address.isV6 == first.isV6 && IPNetwork.start(of: address, bits) == first
    }

    /// The range as text: "10.0.0.0/16".
    package var description: String { "\(first)/\(bits)" }

    private static func start(of address: IPAddress, _ bits: Int) -> IPAddress {
        switch address {
        case .v4(let value): .v4(value & ~(bits >= 32 ? 0 : UInt32.max >> UInt32(bits)))
        case .v6(let high, let low):
            .v6(
                high: high & ~(bits >= 64 ? 0 : UInt64.max >> UInt64(bits)), low: low & ~(bits >= 128 ? 0 : bits <= 64 ? .max : UInt64.max >> UInt64(bits - 64))
            )
        }
    }
}
