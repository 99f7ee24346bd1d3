import Testing
import Wire

@testable import NodeAgent

@Suite("The column 'addr'")
struct AddressColumnTests {
    /// The column of haproxy 2.6 and 3.5 for these servers.
    static let addresses: [(address: SocketAddress?, offset: Int?, text: String?)] = [
        (.ip(.v4(0x7f11_0002), port: 5701), nil, "127.17.0.2:5701"), (.ip(.v4(0x7f11_0002), port: 0), 0, "127.17.0.2:0"),
        (.ip(.v4(0x7f11_0002), port: 0), 10, "127.17.0.2:10"), (.ip(.v4(0x7f11_0002), port: 0), -10_005, "127.17.0.2:-10005"),
        (.ip(.v6(high: 0, low: 1), port: 3306), nil, "[::1]:3306"), (.ip(.v6(high: 0, low: 1), port: 0), -1, "[::1]:-1"),
        (.unix("/run/mysqld.sock"), 0, "unix"), (nil, nil, nil),
    ]

    @Test("has HAProxy's values", arguments: addresses)
    func hasWords(address: SocketAddress?, offset: Int?, text: String?) {
        var server = ServerStatistics(name: "s", identifier: 1)
        (server.address, server.portOffset) = (address, offset)
        #expect(StatisticsTable.address(of: server) == text)
    }
}
