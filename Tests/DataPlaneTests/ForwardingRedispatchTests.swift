import Support
import Testing
import Wire

@testable import Proxy

@Suite("option redispatch and retry-on", .timeLimit(.minutes(5)))
struct ForwardingRedispatchTests {
    /// The line of a client whose server of `balance source` refuses: the second of two.
    private static func line(_ balance: BalanceAlgorithm, _ edit: (inout Backend) -> Void) throws -> (line: LoggedSession, harness: ForwardingHarness) {
        let server = TestServer.echo("A")
        defer { server.stop() }
        // 127.0.0.1 is odd.
        let harness = try ForwardingHarness([server.address, TestServer.refusing()]) {
            $0.backend.balance = balance
            $0.backend.connectTimeout = .milliseconds(30)
            edit(&$0.backend)
        }
        let client = try harness.connect()
        // A client that leaves during a pause would end its session.
        _ = client.text(1)
        client.finishSending()
        _ = client.textToEnd()
        return (try harness.log.session(), harness)
    }

    /// N, and the line's server, flags and retries. Redispatches are as in haproxy 2.6, which however uses the same server again.
    static let intervals: [(number: Int, server: String, flags: String, retries: String)] = [
        (1, "s1", "--", "+1"), (2, "s1", "--", "+2"), (3, "s1", "--", "+3"), (4, "s2", "SC", "3"), (-1, "s1", "--", "+3"), (-2, "s1", "--", "+2"),
        (-3, "s1", "--", "+1"), (-9, "s1", "--", "+1"), (0, "s2", "SC", "3"),
    ]

    @Test("with N, a client of balance source stays at its server for N failures, and pauses between them", arguments: intervals)
    func interval(number: Int, server: String, flags: String, retries: String) throws {
        let (line, harness) = try Self.line(.source) { $0.redispatch = .every(number) }
        #expect(line.server == server && line.retries == retries)
        let pauses = harness.sum { $0.retries.value }
        let redispatches = harness.sum { $0.redispatches.value }
        #expect(line.flags == flags && redispatches == (flags == "--" ? 1 : 0))
        #expect(pauses == UInt64(retries.drop { $0 == "+" }).map { $0 - redispatches })
        #expect(line.totalTime >= 30 * Int(pauses))
    }

    @Test("with N, a session leaves a server that has gone down, as in haproxy 2.6")
    func down() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address, TestServer.refusing()]) {
            ($0.backend.balance, $0.backend.redispatch, $0.backend.retriesMax) = (.source, .every(100), 100)
            $0.backend.connectTimeout = .milliseconds(30)
        }
        let client = try harness.connect()
        #expect(eventually { harness.sum { $0.retries.value } >= 2 })
        harness.route(1) { $0.isUsable = false }
        #expect(client.text(1) == "A")
        client.finishSending()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        #expect(line.server == "s1" && line.flags == "--" && line.retries.hasPrefix("+"))
    }

    @Test("with any N, other algorithms move a session at once, as haproxy 2.6 does", arguments: [-1, 0, 1, 3], [BalanceAlgorithm.first, .leastConnections])
    func immediate(number: Int, balance: BalanceAlgorithm) throws {
        let server = TestServer.echo("B")
        defer { server.stop() }
        let harness = try ForwardingHarness([TestServer.refusing(), server.address]) { ($0.backend.balance, $0.backend.redispatch) = (balance, .every(number)) }
        let client = try harness.connect()
        #expect(client.text(1) == "B")
        client.finishSending()
        #expect(client.hasEnded())
        let line = try harness.log.session()
        #expect(line.server == "s2" && line.retries == "+1" && line.flags == "--")
    }

    @Test("with retry-on none, a failed connect ends the session")
    func never() throws {
        let harness = try ForwardingHarness([TestServer.refusing(), TestServer.refusing()]) { $0.backend.retriesConnects = false }
        #expect(try harness.connect().hasEnded())
        let line = try harness.log.session()
        #expect(line.flags == "SC" && line.retries == "0" && line.server == "s1")
        #expect(harness.sum { $0.connectErrors.value } == 1 && harness.sum { $0.redispatches.value } == 0)
    }
}
