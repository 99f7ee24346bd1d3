import Support
import Testing
import Wire

@testable import Proxy

@Suite("The times of greetings")
struct GreetingTimesTests {
    @Test("give no percentile while they are few")
    func few() {
        var times = GreetingTimes()
        for _ in 0..<99 { times.add(1) }
        #expect(times.percentile99 == nil)
        times.add(1)
        #expect(times.percentile99 == 2)
    }

    @Test("give a 99th percentile that is at most a quarter too high", arguments: seeds(32))
    func accuracy(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var times = GreetingTimes()
        let all = (0..<2000).map { _ in Int64.random(in: 0...Int64.random(in: 1...60_000, using: &random), using: &random) }
        for time in all { times.add(time) }
        let exact = all.sorted()[1979]
        let estimate = try #require(times.percentile99)
        #expect(estimate > exact && estimate <= exact + max(1, exact / 4) + 1, "seed \(seed): \(estimate) for \(exact)")
    }

    @Test("fade when they are old")
    func fading() {
        var times = GreetingTimes()
        for _ in 0..<4000 { times.add(5000) }
        for _ in 0..<40_000 { times.add(1) }
        #expect(times.percentile99 == 2)
    }

    @Test("may have any size")
    func extremes() {
        var times = GreetingTimes()
        for time in [-5, 0, 7, 8, 65_535, 65_536, .max] as [Int64] { for _ in 0..<100 { times.add(time) } }
        #expect(times.percentile99 == 65_536)
    }
}
