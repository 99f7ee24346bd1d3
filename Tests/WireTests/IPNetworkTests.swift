import Testing
import Wire

@Suite("A network")
struct IPNetworkTests {
    private static let members: [(network: String, address: String, isMember: Bool)] = [
        ("10.0.1.0/24", "10.0.1.0", true), ("10.0.1.0/24", "10.0.1.255", true), ("10.0.1.0/24", "10.0.2.0", false), ("10.0.1.0/24", "10.0.0.255", false),
        ("10.0.1.0/24", "::ffff:10.0.1.7", true), ("10.0.1.0/24", "::ffff:10.0.2.7", false), ("10.0.1.0/24", "::10.0.1.7", false),
        ("10.0.1.7", "10.0.1.7", true), ("10.0.1.7", "10.0.1.6", false), ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "fd00::1", false),
        ("fd00::/8", "fdff:ffff::1", true), ("fd00::/8", "fe00::1", false), ("fd00:0:0:1::/64", "fd00:0:0:1:ffff::", true),
        ("fd00:0:0:1::/64", "fd00:0:0:2::", false), ("fd00::8/125", "fd00::f", true), ("fd00::8/125", "fd00::10", false), ("::/0", "fd00::", true),
        ("fd00::1/128", "fd00::1", true), ("fd00::1", "fd00::2", false),
    ]

    @Test("contains the addresses that begin with its bits, and no others", arguments: members)
    func contains(network: String, address: String, isMember: Bool) throws {
        let (network, address) = (try #require(IPNetwork(network)), try #require(IPAddress(address)))
        #expect(network.contains(address) == isMember)
        #expect(IPNetwork(network.description) == network)
    }

    @Test(
        "is not read from any other text",
        arguments: [
            "", "/", "10.0.1.0/", "/24", "10.0.1.5/24", "10.0.1.0/33", "10.0.1.0/-1", "10.0.1.0/+24", "10.0.1.0/24/24", "10.0.1/24", "fd00::1/64", "fd00::/129",
            "10.0.1.0/255.255.255.0", " 10.0.1.0/24", "vpc",
        ])
    func refuses(text: String) {
        #expect(IPNetwork(text) == nil)
    }
}
