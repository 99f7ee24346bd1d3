import Glibc
import LinuxIO
import Proxy
import Synchronization
import Testing
import Wire

@testable import NodeAgent

/// A real agent's tables under clients that ask for as much as they can. Prints the times without judging them, since machines differ; other tests limit a
/// round's work in rows.
@Suite("The runtime server under load")
struct RuntimeLoadTests {
    private static let serversCount = 2000

    /// The cost of one kind of load.
    private struct Load {
        let name: String
        var rounds = 0
        var bytes = 0
        var longest = Duration.zero
    }

    /// Runs `body` in a thread of its own: an agent blocks signals in its thread, which must not be another test's.
    private static func alone(_ body: @escaping @Sendable () throws -> [String]) throws -> [String] {
        let results = Mutex<[String]>([])
        let box = Box(results: results)
        try Thread(named: "agent") {
            do {
                let lines = try body()
                box.results.withLock { $0 = lines }
            } catch {
                box.results.withLock { $0 = ["\(error)"] }
            }
        }.join()
        return box.results.withLock { $0 }
    }

    private final class Box: Sendable {
        let results: Mutex<[String]>

        init(results: consuming sending Mutex<[String]>) { self.results = results }
    }

    @Test("returns to the reactor after every piece, with 2,000 servers: prints the longest time without a return")
    func longestRound() throws {
        let lines = try Self.alone { try Self.measure() }
        #expect(lines.count == 4, "\(lines)")
        print(lines.joined(separator: "\n"))
    }

    @Test("closes a connection that has taken the sockets over and does not serve in time, and frees its place")
    func stalledHandOver() throws {
        let lines = try Self.alone {
            let agent = try Agent(Self.resources(servers: 1), reactor: Reactor())
            defer { agent.stop() }
            final class Counter { var count = 0 }
            let freed = Counter()
            var lines: [String] = []
            func offer() throws -> OpenFile {
                let (own, other) = try DescriptorPassing.pair()
                agent.handOver(to: other, RuntimePlace { freed.count += 1 }, within: .milliseconds(30))
                return own
            }
            let own = try offer()
            agent.reactor.runOnce(waitingAtMost: .zero)
            lines.append("\(agent.successions.count) succession, \(freed.count) freed")
            for _ in 0..<50 where !agent.successions.isEmpty { agent.reactor.runOnce(waitingAtMost: .milliseconds(20)) }
            lines.append("\(agent.successions.count) succession, \(freed.count) freed")
            while let bytes = try Sockets.receive(own.raw, upTo: 100), !bytes.isEmpty {}
            lines.append("the other end is \(try Sockets.receive(own.raw, upTo: 1)?.isEmpty == true ? "closed" : "open")")
            return lines
        }
        #expect(lines == ["1 succession, 0 freed", "0 succession, 1 freed", "the other end is closed"])
    }

    private static func measure() throws -> [String] {
        let reactor = try Reactor()
        let agent = try Agent(resources(servers: serversCount), reactor: reactor)
        defer { agent.stop() }
        let long = String(repeating: "show stat;", count: 1638) + "\n"
        let loads = [
            ("one line of 1,638 x 'show stat'", 1, long), ("100 clients with 2 x 'show stat'", 100, "show stat;show stat\n"),
            ("a line of 'set weight'", 1, String(repeating: "set weight mysql/db1 5;", count: 700) + "\n"),
            ("'show servers state;show retries;show info'", 10, "show servers state;show retries;show info\n"),
        ]
        return try loads.map { name, count, line in
            var load = Load(name: name)
            try run(&load, line, clients: count, on: agent)
            return "\(load.name): \(load.rounds) rounds, \(load.bytes) bytes, the longest round \(load.longest)"
        }
    }

    private static func run(_ load: inout Load, _ line: String, clients: Int, on agent: Agent) throws {
        let server = RuntimeServer(reactor: agent.reactor, interpreter: RuntimeInterpreter(target: agent), connectionsMax: 100, timeout: .seconds(60))
        var rights = RuntimeRights()
        rights.level = .admin
        let files = try (0..<clients).map { _ in
            let (own, other) = try DescriptorPassing.pair()
            #expect(try Sockets.send(own.raw, Array(line.utf8)[...]) == line.utf8.count)
            server.serve(connection: other, rights: rights)
            return own
        }
        // A few dozen rounds show the cost of one.
        while server.connectionsCurrent > 0, load.rounds < 60 {
            let began = MonotonicClock.now()
            agent.reactor.runOnce(waitingAtMost: .zero)
            load.longest = max(load.longest, began.duration(to: MonotonicClock.now()))
            load.rounds += 1
            for file in files { load.bytes += try Sockets.receive(file.raw, upTo: 1 << 18)?.count ?? 0 }
        }
        server.close()
    }

    /// One proxy with many servers; no process listens at their ports.
    private static func resources(servers count: Int) throws -> Agent.Resources {
        let servers = (1...count).map { " server db\($0) 127.0.0.1:\($0) check\n" }.joined()
        let text = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nbackend mysql\n\(servers)"
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(Configuration.alerts(diagnostics).isEmpty)
        struct NoTarget: Error {}
        let logPlan = try LogPlan(configuration) { (_) throws(NoTarget) in throw NoTarget() }
        let addresses: [[SocketAddress?]] = [(1...count).map { .ip(.v4(0x7f00_0001), port: UInt16($0)) }]
        return Agent.Resources(
            configuration: configuration, listeners: [[]], statsSockets: [], probePorts: [], addresses: addresses, logPlan: logPlan,
            limits: Limits.Plan(descriptors: 1000, wanted: 16, pipesWanted: 0, needs: Limits.Needs()), node: "one", databases: [nil])
    }
}
