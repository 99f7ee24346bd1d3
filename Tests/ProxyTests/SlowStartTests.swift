import Support
import Testing
import Wire

@testable import Proxy

@Suite("A slow start")
struct SlowStartTests {
    @Test("gives the shares of haproxy 2.6: 5 s, a weight of 50")
    func sharesOfHAProxy() throws {
        let slowStart = try #require(SlowStart(.seconds(5)))
        #expect((0...6).map { slowStart.share(after: .seconds($0)) } == [1, 4, 7, 10, 13, 16, 16])
        #expect((0...6).map { slowStart.percent(after: .seconds($0)) } == [0, 20, 40, 60, 80, 100, 100])
        #expect(slowStart.share(after: .milliseconds(1999)) == 4)
    }

    @Test("never shrinks, begins near zero and ends at the full weight", arguments: seeds(60))
    func grows(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let duration = Duration.milliseconds(Int.random(in: 1...200_000, using: &random))
        let slowStart = try #require(SlowStart(duration))
        #expect(.seconds(slowStart.seconds) >= duration && .seconds(slowStart.seconds - 1) < duration)
        var last = (share: 0, percent: 0)
        for second in 0...slowStart.seconds {
            let next = (share: slowStart.share(after: .seconds(second)), percent: slowStart.percent(after: .seconds(second)))
            #expect(next.share >= last.share && next.percent >= last.percent, "seed \(seed), second \(second)")
            #expect((1...16).contains(next.share) && (0...100).contains(next.percent))
            #expect(slowStart.isOver(after: .seconds(second)) == (second == slowStart.seconds))
            last = next
        }
        #expect(last == (16, 100))
        #expect(slowStart.share(after: .zero) == 1)
    }

    @Test("does not exist for a duration of zero, and leaves at least one session of a limit")
    func bounds() {
        #expect(SlowStart(.zero) == nil)
        #expect(SlowStart.limit(40, percent: 0) == 1)
        #expect(SlowStart.limit(40, percent: 20) == 8)
        #expect(SlowStart.limit(40, percent: 100) == 40)
        #expect(SlowStart.limit(0, percent: 0) == 0)
    }

    @Test("takes 10 s by default with leastconn, and does not exist by default otherwise")
    func standard() {
        var backend = Backend(name: "b", identifier: 2)
        var server = RegistryBench.server("s")
        #expect(backend.slowStart(of: server) == nil)
        backend.balance = .leastConnections
        #expect(backend.slowStart(of: server)?.seconds == 10)
        server.slowStart = .zero
        #expect(backend.slowStart(of: server) == nil)
        server.slowStart = .milliseconds(2500)
        #expect(backend.slowStart(of: server)?.seconds == 3)
    }
}

@Suite("A registry warms a server")
struct ServerWarmingTests {
    private typealias Bench = RegistryBench
    private static let place = ServerReference(backend: 0, server: 0)

    private func bench(slowStart: Duration?, balance: BalanceAlgorithm = .roundRobin) -> RegistryBench {
        var server = Bench.server("s", rise: 1, fall: 1)
        (server.slowStart, server.weight, server.connectionsMax) = (slowStart, 50, 40)
        var backend = Bench.backend("t", [server, Bench.server("other")])
        backend.balance = balance
        return RegistryBench([backend])
    }

    @Test("that comes back, second by second, and not at the start")
    func comesBack() {
        var bench = bench(slowStart: .seconds(5))
        #expect(bench.registry.timePassed(now: bench.now).isEmpty)
        #expect(bench.registry.share(of: Self.place) == 16, "no warming at the start")
        _ = bench.effects(.checkFinished(Bench.pass))
        _ = bench.effects(.checkFinished(Bench.refused))
        #expect(bench.effects(.checkFinished(Bench.pass)).last == .routeChanged(Self.place))
        var shares = [bench.registry.share(of: Self.place)]
        var limits = [bench.registry.connectionsMax(of: Self.place)]
        for _ in 1...5 {
            bench.now = bench.now.advanced(by: .seconds(1))
            #expect(bench.registry.timePassed(now: bench.now) == [.routeChanged(Self.place)])
            shares.append(bench.registry.share(of: Self.place))
            limits.append(bench.registry.connectionsMax(of: Self.place))
        }
        #expect(shares == [1, 4, 7, 10, 13, 16])
        #expect(limits == [1, 8, 16, 24, 32, 40])
        #expect(bench.status().warming == nil)
        #expect(bench.registry.timePassed(now: bench.now).isEmpty)
        #expect(bench.status().lastChange == bench.now.advanced(by: .seconds(-5)), "it has been up during the warming")
    }

    @Test("by its weight alone, for 10 s, by default with leastconn")
    func standard() {
        var bench = bench(slowStart: nil, balance: .leastConnections)
        _ = bench.effects(.checkFinished(Bench.refused))
        _ = bench.effects(.checkFinished(Bench.pass))
        #expect(bench.registry.share(of: Self.place) == 1)
        #expect(bench.registry.connectionsMax(of: Self.place) == 40)
    }

    @Test(
        "by its limit alone with balance source, so that clients keep their servers, and with static-rr",
        arguments: [BalanceAlgorithm.source, .staticRoundRobin])
    func staticAlgorithm(balance: BalanceAlgorithm) {
        var bench = bench(slowStart: .seconds(5), balance: balance)
        _ = bench.effects(.checkFinished(Bench.refused))
        _ = bench.effects(.checkFinished(Bench.pass))
        #expect(bench.registry.share(of: Self.place) == 16)
        #expect(bench.registry.connectionsMax(of: Self.place) == 1)
        #expect(bench.status().warming != nil)
    }

    @Test("that leaves maintenance, and stops when it goes down")
    func maintenance() {
        var bench = bench(slowStart: .seconds(5))
        _ = bench.effects(.setAdministrative(.maint))
        _ = bench.effects(.setAdministrative(.ready))
        #expect(bench.registry.share(of: Self.place) == 1)
        _ = bench.effects(.checkFinished(Bench.refused))
        #expect(bench.status().warming == nil)
    }

    @Test("further in the succeeding process")
    func memory() {
        var bench = bench(slowStart: .seconds(5))
        _ = bench.effects(.checkFinished(Bench.refused))
        _ = bench.effects(.checkFinished(Bench.pass))
        bench.now = bench.now.advanced(by: .seconds(2))
        let memory = bench.registry.memory(of: Self.place, now: bench.now)
        #expect(memory.isWarming)
        let next = ServerRegistry(backends: bench.registry.backends, now: bench.now) { _ in
            .ip(.v4(1), port: 1)
        } memory: {
            $0 == Self.place ? memory : nil
        }
        #expect(next.share(of: Self.place) == 7)
    }
}
