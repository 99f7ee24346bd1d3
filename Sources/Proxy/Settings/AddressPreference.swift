import Wire

/// The addresses that a server prefers if its name has several: `resolve-prefer` and `resolve-net`.
package struct AddressPreference: Equatable, Sendable {
    /// The preferred family. Others are used only while the name has no address of it.
    package var family: AddressFamily
    /// The preferred networks; empty for no preference.
    package var networks: [IPNetwork]

    /// Creates HAProxy's default, unless the parameters replace it.
    package init(family: AddressFamily = .v4, networks: [IPNetwork] = []) { (self.family, self.networks) = (family, networks) }

    /// True for an address in a preferred network.
    func isPreferred(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

    /// The elements, those in a preferred network first, otherwise in their order.
    func ordered<Element>(_ elements: [Element], by address: (Element) -> IPAddress) -> [Element] {
        guard !networks.isEmpty else { return elements }
        return elements.filter { isPreferred(address($0)) } + elements.filter { !isPreferred(address($0)) }
    }
}
