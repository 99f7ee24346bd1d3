import Glibc
import LinuxIO
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The rates of an idle process", .timeLimit(.minutes(1)))
struct IdleRatesTests {
    @Test("are sampled often after a connection, until the totals stop growing")
    func connectionBegins() throws {
        let lines = try inOwnThread {
            let socket = try listenOnLoopback()
            let address = try #require(Sockets.localAddress(socket.raw))
            let agent = try Agent(Self.resources(socket, address), reactor: Reactor())
            defer { agent.stop() }
            try agent.serve()
            func turn(until isDone: () -> Bool) { for _ in 0..<500 where !isDone() { agent.reactor.runOnce(waitingAtMost: .milliseconds(20)) } }
            // Until the wake-ups of the start have ended.
            turn { !agent.rates.isDueSoon }
            var lines = ["at rest: \(!agent.rates.isDueSoon)"]
            let clients = try (0..<5).map { _ in try Client(to: address) }
            turn { agent.rates.connections.total == 5 && agent.rates.backends[0].total == 5 }
            lines.append("\(agent.rates.frontends[0].total) connections, \(agent.rates.backends[0].total) sessions, often: \(agent.rates.isDueSoon)")
            lines.append("\(agent.rates.connections.perSecond(now: agent.reactor.now)) a second, \(agent.rates.connections.peak) at most")
            turn { !agent.rates.isDueSoon }
            lines.append("at rest: \(!agent.rates.isDueSoon)")
            withExtendedLifetime(clients) {}
            return lines
        }
        #expect(lines == ["at rest: true", "5 connections, 5 sessions, often: true", "5 a second, 5 at most", "at rest: true"])
    }

    /// One proxy without a usable server, behind `socket`: its sessions wait.
    private static func resources(_ socket: OpenFile, _ address: SocketAddress) throws -> Agent.Resources {
        let text =
            "defaults\n timeout connect 60s\n timeout client 60s\n timeout server 60s\nlisten mysql\n bind 127.0.0.1:1\n server db1 127.0.0.1:1 disabled\n"
        return try Agent.Resources.reading(text, listeners: [ThreadListener(file: socket, frontend: 0, address: address)])
    }
}
