import LinuxIO
import Proxy
import Support
import Testing
import Wire

@Suite("Questions to agents on sockets")
struct AgentCheckRunnerTests {
    private let host = IPAddress.v4(0x7f00_0001)

    /// Asks the agent of a server at `address`. The answers' orders are appended to `orders`.
    private func start(
        _ bench: CheckBench, at address: SocketAddress?, request: String = "", interval: Duration = .seconds(60), orders: Orders = Orders(),
        adjust: (inout AgentCheckSettings) -> Void = { _ in }
    ) {
        var agent = AgentCheckSettings()
        agent.request = Array(request.utf8)
        agent.check.interval = interval
        adjust(&agent)
        let location = ConfigurationLocation(file: "t", line: 1)
        var server = Server(name: "s", identifier: 1, endpoint: .name("s", port: 1), port: .fixed(1), location: location)
        (server.agent, server.weight) = (agent, 10)
        let backend = Backend(name: "b", identifier: 2)
        bench.start(at: address, settings: { $0.agent?.check }) { limits in
            CheckPlan(agentOf: server, in: backend, limits: limits) { orders.all.append($0) } ?? CheckPlan(.connect, limits: limits)
        } adjust: {
            $0.servers[0] = server
        }
    }

    private final class Orders {
        var all: [AgentOrders] = []
    }

    @Test("send the configured text, read one line, and reset the connection")
    func answer() throws {
        let (bench, orders) = (try CheckBench(), Orders())
        let stub = try CheckedServer(.greeting([], reply: Array("down drain 30% # lag 300s\nup\n".utf8)), on: bench.reactor)
        defer { stub.close() }
        start(bench, at: stub.address, request: "replica\n", orders: orders) { $0.check.port = stub.address.port }
        bench.run { stub.ends.count == 1 && !bench.results.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7WrongStatus] && bench.results.map(\.info) == ["via agent : down (lag 300s)"])
        #expect(stub.received == [Array("replica\n".utf8)] && stub.ends == ["RST"])
        #expect(orders.all.map(\.administration) == [.drain] && orders.all.map(\.weight) == [3])
    }

    @Test("accept an answer that comes without a question")
    func unasked() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting(Array("UP\r\n".utf8), reply: nil), on: bench.reactor)
        defer { stub.close() }
        start(bench, at: stub.address) { $0.check.port = stub.address.port }
        bench.run { !bench.results.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7OK] && bench.results.map(\.info) == ["via agent : UP"])
    }

    @Test("go to the agent's own address and port")
    func place() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting(Array("ready\n".utf8), reply: nil), on: bench.reactor)
        defer { stub.close() }
        start(bench, at: .ip(.v4(0x7f00_0002), port: 1)) { agent in
            agent.check.address = host
            agent.check.port = stub.address.port
        }
        bench.run { !bench.results.isEmpty }
        #expect(bench.results.map(\.status) == [.checked] && stub.received.count == 1)
    }

    @Test("find an agent that is unreachable, closes, or keeps silent; that is no word about the server")
    func unreachable() throws {
        let bench = try CheckBench()
        let refusing = TestServer.refusing()
        start(bench, at: refusing) { $0.check.port = refusing.port }
        bench.run { !bench.results.isEmpty }
        #expect(bench.results.map(\.status) == [.layer4ConnectionProblem])
        let orders = Orders()
        let closing = try CheckBench()
        let partial = try CheckedServer(.closing, on: closing.reactor)
        defer { partial.close() }
        start(closing, at: partial.address, orders: orders) { $0.check.port = partial.address.port }
        closing.run { !closing.results.isEmpty }
        #expect(closing.results.first?.status == .layer7InvalidResponse)
        let waiting = try CheckBench()
        let silent = try CheckedServer(.silent, on: waiting.reactor)
        defer { silent.close() }
        start(waiting, at: silent.address, interval: .milliseconds(30), orders: orders) { $0.check.port = silent.address.port }
        waiting.run { !waiting.results.isEmpty }
        #expect(waiting.results.first?.status == .layer7Timeout)
        #expect(orders.all.allSatisfy { $0 == AgentOrders() })
    }

    @Test("are asked again after 'agent-inter', and no more once the runner stops")
    func again() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting(Array("maint\n".utf8), reply: nil), on: bench.reactor)
        defer { stub.close() }
        start(bench, at: stub.address, interval: .milliseconds(5)) { $0.check.port = stub.address.port }
        bench.run { bench.results.count >= 3 }
        #expect(bench.results.allSatisfy { $0.status == .checked })
        bench.runner?.stop()
        let count = bench.results.count
        for _ in 0..<3 { bench.reactor.runOnce(waitingAtMost: .milliseconds(5)) }
        #expect(bench.results.count == count)
    }
}

@Suite("The port of a check")
struct CheckPortTests {
    @Test("is that of 'port', or else the one after 'addr', or else the server's")
    func ports() throws {
        for (port, addressPort, isGood) in [(nil, true, true), (true, false, true), (false, true, false), (nil, nil, false)] as [(Bool?, Bool?, Bool)] {
            let bench = try CheckBench()
            let stub = try CheckedServer(.silent, on: bench.reactor)
            defer { stub.close() }
            let (good, bad) = (try #require(stub.address.port), try #require(TestServer.refusing().port))
            bench.start(.connect, at: .ip(.v4(0x7f00_0002), port: bad)) { backend in
                backend.servers[0].check?.address = .v4(0x7f00_0001)
                backend.servers[0].check?.port = port.map { $0 ? good : bad }
                backend.servers[0].check?.addressPort = addressPort.map { $0 ? good : bad }
            }
            bench.run { !bench.results.isEmpty }
            #expect(bench.results.first?.status.isPass == isGood, "port \(port as Any), addr's \(addressPort as Any)")
        }
    }
}
