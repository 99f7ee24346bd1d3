import CLinux
import Glibc
import LinuxIO
import Testing
import Wire

@testable import Proxy

@Suite("With zones", .timeLimit(.minutes(5)))
struct ForwardingZoneTests {
    /// The number of greetings by server name, for `count` clients, which are appended to `stay`.
    private func greetings(_ harness: ForwardingHarness, _ count: Int, keep stay: inout [TestSocket]) throws -> [String: Int] {
        var names: [String: Int] = [:]
        for _ in 0..<count {
            let client = try harness.connect()
            stay.append(client)
            names[client.text(1), default: 0] += 1
        }
        return names
    }

    /// Servers A and B near, C and D far.
    private func harness(_ servers: [TestServer], _ edit: (inout ForwardingHarness.Settings) -> Void = { _ in }) throws -> ForwardingHarness {
        try ForwardingHarness(servers.map(\.address)) { settings in
            for place in 2..<4 { settings.backend.servers[place].isFar = true }
            edit(&settings)
        }
    }

    private static func servers() -> [TestServer] { ["A", "B", "C", "D"].map { TestServer.echo($0) } }

    @Test("sessions stay near, spill over by the configured share, and return", arguments: [BalanceAlgorithm.roundRobin, .leastConnections])
    func nearFirst(balance: BalanceAlgorithm) throws {
        let servers = Self.servers()
        defer { for server in servers { server.stop() } }
        let harness = try harness(servers) { $0.backend.balance = balance }
        var stay: [TestSocket] = []
        #expect(try greetings(harness, 20, keep: &stay) == ["A": 10, "B": 10])
        harness.route(0) { $0.isUsable = false }
        #expect(try greetings(harness, 10, keep: &stay) == ["B": 10])
        harness.route(1) { $0.isUsable = false }
        let far = try greetings(harness, 10, keep: &stay)
        #expect(far == ["C": 5, "D": 5])
        harness.route(0) { $0.isUsable = true }
        #expect(try greetings(harness, 10, keep: &stay) == ["A": 10])
    }

    @Test("the share of other zones is exact", arguments: [BalanceAlgorithm.roundRobin, .leastConnections])
    func spillOver(balance: BalanceAlgorithm) throws {
        let servers = Self.servers()
        defer { for server in servers { server.stop() } }
        let harness = try harness(servers) {
            $0.backend.balance = balance
            $0.backend.spillOver = 20
        }
        var stay: [TestSocket] = []
        let names = try greetings(harness, 100, keep: &stay)
        #expect(names.values.reduce(0, +) == 100 && names["C", default: 0] + names["D", default: 0] == 20, "\(names)")
    }

    @Test("full near servers send sessions to the others at once", arguments: [BalanceAlgorithm.roundRobin, .leastConnections])
    func full(balance: BalanceAlgorithm) throws {
        let servers = Self.servers()
        defer { for server in servers { server.stop() } }
        let harness = try harness(servers) {
            $0.backend.balance = balance
            for place in 0..<2 { $0.backend.servers[place].connectionsMax = 3 }
        }
        var stay: [TestSocket] = []
        #expect(try greetings(harness, 10, keep: &stay) == ["A": 3, "B": 3, "C": 2, "D": 2])
    }

    @Test("a failed connect is followed by a near server first, then by the others", arguments: [BalanceAlgorithm.roundRobin, .leastConnections])
    func redispatch(balance: BalanceAlgorithm) throws {
        let servers = Self.servers()
        defer { for server in servers { server.stop() } }
        var addresses = servers.map(\.address)
        addresses[0] = TestServer.refusing()
        let harness = try ForwardingHarness(addresses) { settings in
            settings.backend.balance = balance
            for place in 2..<4 { settings.backend.servers[place].isFar = true }
        }
        var stay: [TestSocket] = []
        #expect(try greetings(harness, 20, keep: &stay) == ["B": 20])
        servers[1].stop()
        harness.route(1) { $0.address = TestServer.refusing() }
        let far = try greetings(harness, 10, keep: &stay)
        #expect(far["C", default: 0] + far["D", default: 0] == 10, "\(far)")
    }

    @Test("a client of balance source keeps its near server")
    func source() throws {
        let servers = Self.servers()
        defer { for server in servers { server.stop() } }
        let harness = try harness(servers) { $0.backend.balance = .source }
        var stay: [TestSocket] = []
        let names = try greetings(harness, 6, keep: &stay)
        #expect(names == ["A": 6] || names == ["B": 6])
    }
}

@Suite("A server's record of connects", .timeLimit(.minutes(5)))
struct ForwardingObservationTests {
    @Test("counts the failures in a row, until a connect succeeds")
    func rows() throws {
        let echo = TestServer.echo("A")
        defer { echo.stop() }
        let harness = try ForwardingHarness([TestServer.refusing(), echo.address])
        let cell = harness.state.serverCells[0]
        for row in 1...3 {
            while cell.pointee.consecutiveFailures.load(ordering: .relaxed) < UInt32(row) { #expect(try harness.connect().text(1) == "A") }
        }
        #expect(cell.pointee.consecutiveFailuresMax.load(ordering: .relaxed) == 3)
        harness.route(0) { $0.address = echo.address }
        #expect(eventually { (try? harness.connect().text(1)) == "A" && cell.pointee.consecutiveFailures.load(ordering: .relaxed) == 0 })
        #expect(cell.pointee.consecutiveFailuresMax.load(ordering: .relaxed) == 3, "the control thread has not read it")
    }

    @Test("leaves tcp-ut to the server's socket")
    func userTimeout() throws {
        let echo = TestServer.echo("A")
        defer { echo.stop() }
        let harness = try ForwardingHarness([echo.address]) { $0.backend.servers[0].userTimeout = .milliseconds(12_345) }
        let client = try harness.connect()
        #expect(client.text(1) == "A")
        // The descriptors of this process that are connected to the server.
        let found = (0..<1024 as Range<Int32>).filter { Sockets.peerPort($0) == echo.address.port }.map { raw in
            var (value, length): (Int32, socklen_t) = (0, 4)
            _ = getsockopt(raw, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &value, &length)
            return value
        }
        #expect(found == [12_345])
    }
}

extension Sockets {
    /// The port of a descriptor's peer; `nil` for a descriptor that is not a connected IP socket.
    fileprivate static func peerPort(_ raw: Int32) -> UInt16? {
        var address = RawSocketAddress()
        guard address.withMutablePointer({ getpeername(raw, $0, $1) }) == 0 else { return nil }
        return address.address?.port
    }
}
