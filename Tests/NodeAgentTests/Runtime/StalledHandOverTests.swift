import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

/// A process that takes over holds a place of the runtime server for a limited time.
@Suite("A connection that takes the sockets over")
struct StalledHandOverTests {
    @Test("is closed when its process does not serve in time, and its place is free again")
    func stalledHandOver() throws {
        let lines = try inOwnThread {
            let agent = try Agent(Self.resources(), reactor: Reactor())
            defer { agent.stop() }
            final class Counter { var count = 0 }
            let freed = Counter()
            var lines: [String] = []
            func offer() throws -> OpenFile {
                let (own, other) = try DescriptorPassing.pair()
                agent.successions.handOver(to: other, RuntimePlace { freed.count += 1 }, within: .milliseconds(30))
                return own
            }
            let own = try offer()
            agent.reactor.runOnce(waitingAtMost: .zero)
            lines.append("\(agent.successions.count) succession, \(freed.count) freed")
            for _ in 0..<50 where agent.successions.count > 0 { agent.reactor.runOnce(waitingAtMost: .milliseconds(20)) }
            lines.append("\(agent.successions.count) succession, \(freed.count) freed")
            while let bytes = try Sockets.receive(own.raw, upTo: 100), !bytes.isEmpty {}
            lines.append("the other end is \(try Sockets.receive(own.raw, upTo: 1)?.isEmpty == true ? "closed" : "open")")
            return lines
        }
        #expect(lines == ["1 succession, 0 freed", "0 succession, 1 freed", "the other end is closed"])
    }

    /// One proxy with one server.
    private static func resources() throws -> Agent.Resources {
        let text = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nbackend mysql\n server db1 127.0.0.1:1 check\n"
        let (configuration, diagnostics) = Configuration.read(text)
        #expect(Configuration.alerts(diagnostics).isEmpty)
        struct NoTarget: Error {}
        let logPlan = try LogPlan(configuration) { (_) throws(NoTarget) in throw NoTarget() }
        let addresses: [[SocketAddress?]] = [[.ip(.v4(0x7f00_0001), port: 1)]]
        return Agent.Resources(
            configuration: configuration, listeners: [[]], statsSockets: [], probePorts: [], addresses: addresses, logPlan: logPlan,
            limits: Limits.Plan(descriptors: 1000, wanted: 16, pipesWanted: 0, needs: Limits.Needs()), node: "one", databases: [nil])
    }
}
