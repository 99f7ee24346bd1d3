import Glibc
import Testing
import Wire

@testable import Proxy

@Suite("balance source", .timeLimit(.minutes(5)))
struct SourceMapTests {
    @Test(
        "has HAProxy's map, measured with haproxy 2.6",
        arguments: [
            ([1, 1, 1], [0, 1, 2]), ([7, 7], [0, 1]), ([1, 2, 3], [0, 2, 1, 2, 1, 2]), ([2, 4, 6], [0, 2, 1, 2, 1, 2]), ([1, 0, 1], [0, 2]), ([0, 0, 3], [2]),
            ([5, 3, 7], [0, 1, 2, 0, 2, 0, 2, 1, 2, 0, 2, 0, 2, 1, 2]), ([10, 1, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 3, 0, 0, 4]), ([0, 0], []),
            ([], []),
        ] as [([Int], [UInt16])])
    func maps(weights: [Int], expected: [UInt16]) {
        #expect(SourceMap.places(weights: weights) == expected)
    }

    @Test("uses HAProxy's number of an address: its 32-bit words, XORed")
    func numbers() throws {
        for (text, number) in [("10.1.2.3", 0x0a01_0203), ("2001:db8::1", 536_939_961), ("::ffff:10.1.2.3", 167_902_716)] as [(String, UInt32)] {
            #expect(HashSettings().hash(of: try #require(IPAddress(text))) == number, "\(text)")
        }
    }

    @Test("keeps the proportions and the limit of very long maps")
    func limit() {
        let weights = (0..<1_000).map { 1 + $0 % 256 }
        let places = SourceMap.places(weights: weights)
        #expect(places.count <= SourceMap.placesMax && Set(places).count == weights.count)
    }

    /// The header that a proxy sends for a client with this address.
    private static func header(_ client: IPAddress) -> [UInt8] {
        let own: IPAddress = client.isV6 ? .v6(high: 1, low: 1) : .v4(1)
        return ProxyHeader(.init(source: client, sourcePort: 1, destination: own, destinationPort: 1)).binary([])
    }

    @Test(
        "selects the servers that haproxy itself selects",
        arguments: [
            ([1, 1, 1], []), ([1, 1, 1], [1]), ([1, 2, 3], []), ([5, 3, 7], [2]), ([200, 60, 7, 7], [3]), ([2, 2, 3], [0, 1]),
        ] as [(weights: [Int], down: Set<Int>)])
    func sameServers(weights: [Int], down: Set<Int>) throws {
        let servers = weights.indices.map { TestServer.echo("s\($0)") }
        defer { for server in servers { server.stop() } }
        let harness = try ForwardingHarness(servers.map(\.address)) {
            ($0.backend.balance, $0.proxyHeader, $0.weights, $0.down) = (.source, .required, weights, down)
        }
        let peer = try HAProxyPeer(balance: "source", weights: weights, bindOptions: "accept-proxy", down: down)
        var random = SplitMix64(seed: 8)
        for turn in 0..<300 {
            let client: IPAddress =
                turn % 3 == 0 ? .v6(high: random.next(), low: random.next()) : .v4(UInt32(truncatingIfNeeded: random.next()))
            let header = Self.header(client)
            let socket = try #require(TestSocket(to: harness.address))
            socket.send(header)
            let ours = socket.text(2)
            #expect(Int(ours.dropFirst()) == (try peer.visit(sending: header)), "\(client)")
        }
    }

    @Test("distributes clients of a UNIX socket in turn")
    func path() throws {
        let servers = ["A", "B"].map { TestServer.echo($0) }
        defer { for server in servers { server.stop() } }
        let path = "/tmp/tsukada-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { remove(path) }
        let harness = try ForwardingHarness(servers.map(\.address)) { ($0.backend.balance, $0.listen) = (.source, .unix(path)) }
        let answers = try (0..<4).map { _ in try harness.connect().text(1) }
        #expect(Set(answers) == ["A", "B"])
    }
}
