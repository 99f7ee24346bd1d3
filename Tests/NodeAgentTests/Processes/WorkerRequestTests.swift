import LinuxIO
import Testing
import Wire

@testable import NodeAgent

@Suite("A request of the master to its worker")
struct WorkerRequestTests {
    private let reactor: Reactor
    private let master: ProcessChannel
    private let worker: ProcessChannel

    init() throws {
        reactor = try Reactor()
        let (own, other) = try DescriptorPassing.pair()
        (master, worker) = (ProcessChannel(own), ProcessChannel(other))
    }

    /// The worker's end of the connection.
    private func connection() throws -> OpenFile {
        guard case .runtime(let file)? = worker.next(until: MonotonicClock.now().advanced(by: .seconds(1))) else { throw SystemError("recv", code: 2) }
        return file
    }

    @Test("takes a long answer in pieces, one a round")
    func pieces() throws {
        var answers: [[UInt8]] = []
        let request = try WorkerRequest("show stat", over: master, on: reactor) { answers.append($0) }
        request.start()
        var file: OpenFile? = try connection()
        let raw = try #require(file?.raw)
        #expect(try Sockets.receive(raw, upTo: 100).map { String(decoding: $0, as: UTF8.self) } == "show stat\n")
        let piece = Array(repeating: UInt8(ascii: "x"), count: 100_000)
        #expect(try Sockets.send(raw, piece[...]) == piece.count)
        file = nil
        for _ in 0..<2 {
            reactor.runOnce(waitingAtMost: .zero)
            #expect(answers.isEmpty, "65,536 bytes a round")
        }
        for _ in 0..<5 where answers.isEmpty { reactor.runOnce(waitingAtMost: .milliseconds(10)) }
        #expect(answers == [piece])
    }

    @Test("closes the connection when the answer is no longer wanted: a worker skips a line that it has not begun")
    func cancel() throws {
        let target = StubTarget()
        let request = try WorkerRequest("set weight mysql/db1 5", over: master, on: reactor) { _ in Issue.record("an answer") }
        request.start()
        request.cancel()
        let server = RuntimeServer(reactor: reactor, interpreter: RuntimeInterpreter(target: target), connectionsMax: 1, timeout: .seconds(10))
        var rights = RuntimeRights()
        rights.level = .admin
        server.serve(connection: try connection(), rights: rights)
        for _ in 0..<10 { reactor.runOnce(waitingAtMost: .milliseconds(1)) }
        #expect(target.scopes.isEmpty && server.connectionsCurrent == 0)
    }
}
