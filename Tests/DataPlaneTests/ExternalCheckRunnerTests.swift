import Glibc
import LinuxIO
import Proxy
import Support
import Testing
import Wire

/// A check runner for one server with an external check; the test is its helper process.
private final class ProgramBench {
    let reactor: Reactor
    private(set) var results: [CheckResult] = []
    /// The helper's ends of the connections so far, with the address that each got.
    private(set) var requests: [(file: OpenFile, address: SocketAddress)] = []
    /// The error of opening a connection.
    var failure: SystemError?
    private(set) var runner: CheckRunner?

    init(interval: Duration = .seconds(60), adjust: (inout Server) -> Void = { _ in }) throws {
        reactor = try Reactor()
        var backend = Backend(name: "b", identifier: 2)
        backend.check = .external
        let location = ConfigurationLocation(file: "t", line: 1)
        var server = Server(name: "s", identifier: 1, endpoint: .name("s", port: 1), port: .fixed(1), location: location)
        var settings = CheckSettings()
        (settings.interval, settings.fastInterval) = (interval, .milliseconds(1))
        server.check = settings
        adjust(&server)
        backend.servers = [server]
        let runner = CheckRunner(
            reactor: reactor, backends: [backend], random: SplitMix64(seed: 1), plan: { CheckPlan(.external, limits: $1) },
            initialAddress: { _ in Self.address },
            openProgram: { [unowned self] _, address throws(SystemError) in try open(address) }
        ) { [unowned self] _, result in
            results.append(result)
            return .steadyUp
        }
        self.runner = runner
        runner.start()
    }

    static let address = SocketAddress.ip(.v4(0x7f00_0001), port: 3306)
    let server = ServerReference(backend: 0, server: 0)

    private func open(_ address: SocketAddress) throws(SystemError) -> OpenFile {
        if let failure { throw failure }
        let (own, other) = try DescriptorPassing.pair()
        requests.append((other, address))
        return own
    }

    /// Sends answers as the helper.
    func answer(_ answers: ExternalCheckAnswer...) throws {
        let file = try latest()
        for answer in answers { _ = try Sockets.send(file.raw, answer.frame[...]) }
    }

    /// Whether the runner has closed a connection, so that the helper stops the program. A process that another test starts may keep a copy for a moment.
    func isClosed(_ file: OpenFile) -> Bool {
        // An answer that the runner has not read makes this a reset.
        do throws(SystemError) { return try Sockets.receive(file.raw, upTo: 16) == [] } catch { return true }
    }

    /// The helper's end of the latest connection.
    func latest() throws -> OpenFile { try #require(requests.last).file }

    /// Drops the helper's end of the latest connection.
    func hangUp() { requests.removeLast() }

    func run(until condition: () -> Bool) {
        let holds = reactor.run(until: condition)
        #expect(holds, "the condition was not reached")
    }
}

@Suite("The check runner, with a check that a program makes,")
struct ExternalCheckRunnerTests {
    @Test("asks the helper for the server's own address, sends no PROXY header, and closes the connection after the verdict")
    func passes() throws {
        let bench = try ProgramBench { server in
            server.check?.port = 99
            server.check?.address = .v4(0x0a00_0001)
            server.check?.proxyHeader = .text
        }
        bench.run { bench.requests.count == 1 }
        #expect(bench.requests.map(\.address) == [ProgramBench.address])
        #expect(try bench.runner?.isChecking(bench.server) == true && !bench.isClosed(bench.latest()))
        try bench.answer(.started, .exited(code: 0))
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.processOK])
        let file = try bench.latest()
        bench.run { bench.isClosed(file) }
    }

    @Test("reports exit codes and signals")
    func fails() throws {
        for (answer, code) in [(ExternalCheckAnswer.exited(code: 42), 42), (.killed(signal: 9), -1)] {
            let bench = try ProgramBench()
            bench.run { bench.requests.count == 1 }
            try bench.answer(.started, answer)
            bench.run { bench.results.count == 1 }
            #expect(bench.results.map(\.status) == [.processError] && bench.results.map(\.code) == [code])
        }
    }

    @Test("closes the connection of a program that takes too long")
    func timeout() throws {
        let bench = try ProgramBench(interval: .milliseconds(30))
        bench.run { bench.requests.count == 1 }
        try bench.answer(.started)
        let first = try bench.latest()
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.processTimeout])
        bench.run { bench.isClosed(first) }
    }

    @Test("closes the connection when the server is paused, gets another address, or all checks stop, and reports no result")
    func dropped() throws {
        let bench = try ProgramBench()
        bench.run { bench.requests.count == 1 }
        try bench.answer(.started)
        let first = try bench.latest()
        bench.runner?.pause(bench.server)
        bench.run { bench.isClosed(first) }
        bench.runner?.resume(bench.server)
        bench.run { bench.requests.count == 2 }
        let moved = SocketAddress.ip(.v6(high: 0, low: 1), port: 3307)
        let second = try bench.latest()
        bench.runner?.setAddress(of: bench.server, moved)
        bench.run { bench.isClosed(second) && bench.requests.count == 3 }
        #expect(bench.requests.last?.address == moved)
        let third = try bench.latest()
        bench.runner?.stop()
        bench.run { bench.isClosed(third) }
        #expect(bench.results.isEmpty)
    }

    @Test("gives a trial its own program")
    func trial() throws {
        let bench = try ProgramBench()
        bench.run { bench.requests.count == 1 }
        var answers: [Bool] = []
        let other = SocketAddress.ip(.v4(0x7f00_0002), port: 3306)
        for code in [0, 1] as [UInt8] {
            bench.runner?.runTrial(bench.server, at: other) { answers.append($0) }
            #expect(bench.requests.last?.address == other)
            try bench.answer(.started, .exited(code: code))
            let count = answers.count
            bench.run { answers.count == count + 1 }
        }
        #expect(answers == [true, false] && bench.results.isEmpty)
    }

    @Test("reports a helper that is gone or overloaded as this node's fault, and waits while descriptors are missing")
    func faults() throws {
        let bench = try ProgramBench()
        bench.run { bench.requests.count == 1 }
        bench.hangUp()
        bench.run { bench.results.count == 1 }
        bench.failure = SystemError("sendmsg", code: EAGAIN)
        bench.runner?.checkNow(bench.server)
        bench.run { bench.results.count == 2 }
        #expect(bench.results.map(\.status) == [.socketError, .socketError] && bench.results.allSatisfy { $0.fault == .node })
        #expect(bench.results.map(\.info) == [ExternalCheck.lostInfo, "EAGAIN returned by OS (Resource temporarily unavailable)"])
        bench.failure = SystemError("socketpair", code: EMFILE)
        bench.runner?.checkNow(bench.server)
        for _ in 0..<20 { bench.reactor.runOnce(waitingAtMost: .milliseconds(1)) }
        #expect(bench.results.count == 2)
        bench.failure = nil
        bench.run { bench.requests.count == 1 }
        try bench.answer(.started, .exited(code: 0))
        bench.run { bench.results.count == 3 }
        #expect(bench.results.last?.status == .processOK)
    }
}
