import Proxy
import Testing
import Wire

/// A protocol of no product: two lines "PONG" are a pass, "BUSY" is a refusal. Every line may take 20 ms.
private struct PingCheck: Check {
    var progress: CheckProgress
    let closing = CheckClosing.reset
    private(set) var rounds = 0
    private var line: [UInt8] = []

    init(_ limits: CheckLimits, now: Instant) { progress = CheckProgress(limits, now: now) }

    mutating func connected(now: Instant) -> [CheckOutput] { progress.connected(now: now) ? ask(now) : [] }

    mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        var outputs: [CheckOutput] = []
        for byte in bytes {
            line.append(byte)
            guard byte == UInt8(ascii: "\n") else { continue }
            outputs += take(String(decoding: line, as: UTF8.self), now)
            line = []
        }
        return outputs
    }

    mutating func ended(now: Instant) -> [CheckOutput] { progress.finish(.layer7InvalidResponse, now: now) }

    private mutating func ask(_ now: Instant) -> [CheckOutput] {
        progress.deadline = now.advanced(by: .milliseconds(20))
        return [.send(Array("PING\n".utf8))]
    }

    private mutating func take(_ line: String, _ now: Instant) -> [CheckOutput] {
        guard line == "PONG\n" else { return progress.finish(.layer7WrongStatus, code: 1129, info: "BUSY", refusal: .full, now: now) }
        rounds += 1
        return rounds == 2 ? progress.finish(.layer7OK, info: "pinged", now: now) : ask(now)
    }
}

@Suite("The check runner, with an unknown kind of check")
struct AnyCheckTests {
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
        bench.start(at: stub.address) { limits in
            CheckPlan(begin: { PingCheck(limits, now: $0) }, ended: { (check: PingCheck) in rounds.append(check.rounds) })
        }
        bench.run { bench.results.count == 1 && !stub.ends.isEmpty }
        #expect(bench.results.map(\.status) == [.layer7OK] && bench.results.map(\.info) == ["pinged"])
        #expect(String(decoding: stub.received.joined(), as: UTF8.self).hasPrefix("PING\n") && stub.ends == ["RST"])
        bench.runner?.setAddress(of: place, busy.address)
        bench.run { bench.results.count == 2 }
        #expect(bench.results.last?.status == .layer7WrongStatus && bench.results.last?.refusal == .full)
        #expect(rounds == [2, 0])
    }

    @Test("follows a check that moves its deadline forward")
    func ownDeadline() throws {
        let bench = try CheckBench()
        let stub = try CheckedServer(.silent, on: bench.reactor)
        defer { stub.close() }
        bench.start(at: stub.address) { limits in CheckPlan { PingCheck(limits, now: $0) } }
        bench.run { bench.results.count == 1 }
        #expect(bench.results.map(\.status) == [.layer7Timeout])
    }

    @Test("plans a server's checks again when its address changes, and for a trial: findings at one address do not apply to another")
    func plans() throws {
        let bench = try CheckBench()
        var plans = 0
        bench.start(at: TestServer.refusing()) { limits in
            plans += 1
            return CheckPlan(.connect, limits: limits)
        }
        bench.run { bench.results.count == 1 }
        bench.runner?.resume(place)
        #expect(plans == 1)
        bench.runner?.setAddress(of: place, TestServer.refusing())
        #expect(plans == 2)
        var answers: [Bool] = []
        bench.runner?.runTrial(place, at: TestServer.refusing()) { answers.append($0) }
        bench.run { answers == [false] }
        #expect(plans == 3)
    }
}
