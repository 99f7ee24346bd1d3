import Proxy
import Testing
import Wire

@Suite("The check runner, with a check that only tests have")
struct SampleCheckTests {
    private let place = ServerReference(backend: 0, server: 0)

    @Test("runs a check of any protocol: its bytes, its verdict, its way of closing, and its state at the end")
    func anyProtocol() throws {
        let bench = try CheckBench()
        let pong = Array("PONG\n".utf8)
        let stub = try CheckedServer(.greeting(pong, reply: pong), on: bench.reactor)
        let busy = try CheckedServer(.greeting(Array("BUSY\n".utf8), reply: nil), on: bench.reactor)
        defer {
            stub.close()
            busy.close()
        }
        var rounds: [Int] = []
        bench.start(at: stub.address) { limits in CheckPlan(sampleWithin: limits) { rounds.append($0) } }
        bench.run { bench.results.count == 1 && !stub.ends.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7OK] && bench.results.map(\.info) == ["pinged"])
        #expect(String(decoding: stub.received.joined(), as: UTF8.self).hasPrefix("PING\n") && stub.ends == ["RST"])
        bench.runner?.setAddress(of: place, busy.address)
        bench.run { bench.results.count == 2 }
        #expect(bench.results.last?.status == .layer7WrongStatus && bench.results.last?.refusal == .full)
        #expect(rounds == [2, 0])
    }

    @Test(
        "fails a server that answers something else, or too much without a line feed",
        arguments: ["PANG\n", String(repeating: "x", count: SampleCheck.lineBytesMax + 1)])
    func invalidAnswer(answer: String) throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.greeting(Array(answer.utf8), reply: nil), on: bench.reactor)
        defer { stub.close() }
        bench.start(at: stub.address) { limits in CheckPlan(sampleWithin: limits) }
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer7InvalidResponse])
    }

    @Test("fails a server that refuses the connect")
    func refused() throws {
        let bench = try CheckBench()
        bench.start(at: TestServer.refusing()) { limits in CheckPlan(sampleWithin: limits) }
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer4ConnectionProblem])
    }

    @Test("follows a check that moves its deadline forward")
    func ownDeadline() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(at: stub.address) { limits in CheckPlan(sampleWithin: limits) }
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer7Timeout])
    }
}
