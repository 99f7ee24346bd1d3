import LinuxIO
import Proxy
import Support
import Testing
import Wire

@testable import NodeAgent

/// A program beside a server: it answers every connection with the same line.
private final class Program {
    var line = ""
    let port: UInt16
    private let held: HeldPort
    private let reactor: Reactor
    private var listener: OpenFile?

    init(_ reactor: Reactor) throws {
        held = try HeldPort()
        let file = try listenOnLoopback(at: held.address)
        (self.reactor, listener) = (reactor, file)
        port = try #require(held.address.port)
        try reactor.watch(file.raw, for: .read) { [unowned self] _ in answer() }
    }

    private func answer() {
        guard let listener, let accepted = try? Sockets.accept(listener.raw) else { return }
        let connection = OpenFile(accepted)
        _ = try? Sockets.send(connection.raw, Array(line.utf8)[...])
    }

    func stop() {
        if let listener { reactor.unwatch(listener.raw) }
        listener = nil
    }
}

@Suite("A running node's questions to agents", .timeLimit(.minutes(1)))
struct ServerAgentsTests {
    private static let (a, t) = (ServerReference(backend: 0, server: 0), ServerReference(backend: 0, server: 1))

    @Test("decide about the server and about those that track it; an agent that is gone changes nothing")
    func decide() throws {
        let lines = try inOwnThread {
            let reactor = try Reactor()
            let program = try Program(reactor)
            let agent = try Agent(Self.resources(program.port), reactor: reactor)
            defer { agent.stop() }
            try agent.serve()
            var lines: [String] = []
            func answer(_ line: String, until isDone: (ServerStatus) -> Bool) {
                program.line = line
                for _ in 0..<500 where !isDone(agent.servers.status(of: Self.a)) { reactor.runOnce(waitingAtMost: .milliseconds(20)) }
                let (status, text) = (agent.servers.status(of: Self.a), [Self.a, Self.t].map { agent.statistics.serverStatistics($0).status })
                lines.append("\(text.joined(separator: ", ")); weight \(status.weight), at most \(status.connectionsMax)")
            }
            answer("down # lag 300s\n") { !$0.isRunning }
            answer("up drain 50% maxconn:3\n") { $0.flags.isDrain && $0.isRunning }
            answer("ready 100%\n") { !$0.flags.isDrain && $0.weight == 10 }
            answer("down\n") { !$0.isRunning }
            program.stop()
            answer("up\n") { $0.agent?.checkStatus != .layer7WrongStatus }
            return lines
        }
        #expect(
            lines == [
                "DOWN (agent), DOWN (agent); weight 10, at most 50", "DRAIN (agent), DRAIN (agent); weight 5, at most 3",
                "no check, no check; weight 10, at most 3", "DOWN (agent), DOWN (agent); weight 10, at most 3",
                "DOWN (agent), DOWN (agent); weight 10, at most 3",
            ])
    }

    private static func resources(_ port: UInt16) throws -> Agent.Resources {
        let text =
            "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nbackend mysql\n"
            + " server a 127.0.0.1:1 weight 10 maxconn 50 agent-check agent-port \(port) agent-inter 20ms\n server t 127.0.0.1:1 track a\n"
        return try Agent.Resources.reading(text)
    }
}
