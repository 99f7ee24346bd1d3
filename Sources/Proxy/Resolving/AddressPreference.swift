import Wire

/// The addresses that a server prefers if its name has several: `resolve-prefer` and `resolve-net`.
struct AddressPreference: Equatable, Sendable {
    /// The preferred family. Others are used only while the name has no address of it.
    var family: AddressFamily
    /// The preferred networks; empty for no preference.
    var networks: [IPNetwork] = []

    /// True for an address in a preferred network.
    func isPreferred(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

    /// The elements, those in a preferred network first, otherwise in their order.
    func ordered<Element>(_ elements: [Element], by address: (Element) -> IPAddress) -> [Element] {
        guard !networks.isEmpty else { return elements }
        return elements.filter { isPreferred(address($0)) } + elements.filter { !isPreferred(address($0)) }
    }
}
