import Testing
import Wire

@testable import Proxy

/// The servers that haproxy 2.6 selects for 254 clients, whose addresses it gets in PROXY headers. Servers are numbered from 1.
@Suite("balance source, measured with haproxy 2.6,")
struct SourceMapMeasuredTests {
    /// The servers of the clients with these addresses.
    private static func servers(_ weights: [Int], down: Set<Int> = [], of clients: [IPAddress]) -> String {
        var bench = BalancerBench(weights, balance: .source) { for server in down { $1[server].isUsable = false } }
        return clients.map { bench.visit(hash: HashSettings().hash(of: $0)).map { String($0 + 1) } ?? "-" }.joined()
    }

    /// Weights, the servers that are down, and the servers of 10.1.2.1 and the addresses that follow, up to the first repetition.
    static let measured: [(weights: [Int], down: Set<Int>, servers: String)] = [
        ([1, 1, 1], [], "312"), ([1, 2, 3], [], "313232"), ([1, 2, 3], [1], "3331"), ([3, 5, 2, 2], [], "341223412212"),
    ]

    @Test("is the same for 254 addresses of a network", arguments: measured)
    func network(weights: [Int], down: Set<Int>, servers: String) {
        let clients = (1...254 as ClosedRange<UInt32>).map { IPAddress.v4(0x0a01_0200 + $0) }
        #expect(Self.servers(weights, down: down, of: clients) == String(repeating: servers, count: 85).prefix(254))
    }

    @Test("is the same for 254 addresses of IPv6")
    func longAddresses() {
        let clients = (1...254 as ClosedRange<UInt64>).map { number -> IPAddress in
            let words = (number * 2_654_435_761 & 0xffff_ffff, number * 40_503 & 0xffff_ffff, number * number)
            return .v6(high: 0x2001_0db8_0000_0000 | words.0, low: words.1 << 32 | words.2)
        }
        #expect(clients.first?.description == "2001:db8:9e37:79b1:0:9e37:0:1")
        let expected =
            "3231323132313131323132313231323131323232313132313232323131323131313232323131313231323132323232323131313231323132323231313132313"
            + "1323231313232313232313232313132313232323131323232313132313231313232323232323232313232323231313131323231323232323232323131313232"
        #expect(Self.servers([1, 2, 3], of: clients) == expected)
    }
}
