import LinuxIO
import Testing
import Wire

@testable import Proxy

@Suite("A cell that one thread writes to")
struct CacheLineTests {
    /// The numbers of the cache lines that a cell occupies.
    private func lines<Cell: ~Copyable>(_ cell: UnsafePointer<Cell>) -> Set<UInt> {
        let (start, line) = (UInt(bitPattern: cell), UInt(cacheLineBytes))
        return Set(start / line...(start + UInt(MemoryLayout<Cell>.stride) - 1) / line)
    }

    /// The cache lines of several cells.
    private func lines<Cell: ~Copyable & Sendable>(_ cells: ElementAddresses<Cell>) -> Set<UInt> {
        (0..<cells.count).reduce(into: []) { $0.formUnion(lines(cells[$1])) }
    }

    @Test("shares no cache line with a cell that another thread writes to", arguments: [(1, 1), (3, 5)])
    func counters(frontends: Int, servers: Int) throws {
        let location = ConfigurationLocation(file: "test", line: 1)
        var backend = Backend(name: "b", identifier: 3)
        for number in 1...servers {
            backend.servers.append(Server(name: "s\(number)", identifier: number, endpoint: .unix(""), port: .fixed(1), location: location))
        }
        let routes = (0..<servers).map { _ in ServerRoute(address: nil, isUsable: false, weight: 1) }
        let state = try ForwardingState(
            frontends: (0..<frontends).map { Frontend(name: "f\($0)", identifier: $0) }, backends: [backend], routes: [routes], sessionsMax: 10, threads: 8,
            destinations: [], frontendLogs: [])
        var groups = state.counters.map { counters in
            let addresses = counters.addresses
            return [lines(addresses.own), lines(addresses.frontends), lines(addresses.servers), lines(addresses.backends)].reduce(Set()) { $0.union($1) }
        }
        groups += (0..<8).map { lines(state.mailboxes[$0]) }
        groups += [
            lines(state.process.addresses), lines(state.frontendCells.addresses), lines(state.backendCells.addresses), lines(state.serverCells.addresses),
        ]
        #expect(groups.allSatisfy { !$0.isEmpty })
        #expect(groups.reduce(0) { $0 + $1.count } == groups.reduce(Set()) { $0.union($1) }.count)
    }
}
