import Support
import Testing
import Wire

@testable import Proxy

@Suite("The budget of retries")
struct RetryBudgetTests {
    /// The number of `wanted` retries that are granted.
    private func granted(_ budget: inout RetryBudget, sessions: UInt64, now: Int64, wanted: Int = 1000) -> Int {
        (0..<wanted).count { _ in budget.take(sessions: sessions, now: now) }
    }

    @Test("allows retries on a quiet node")
    func quiet() {
        var budget = RetryBudget(percent: 20, now: 0)
        #expect(granted(&budget, sessions: 12, now: 500) == 10)
    }

    @Test("is a share of the new sessions of the last ten seconds")
    func share() {
        var budget = RetryBudget(percent: 20, now: 0)
        #expect(granted(&budget, sessions: 1000, now: 900) == 200)
        #expect(granted(&budget, sessions: 1500, now: 5000) == 100)
        #expect(granted(&budget, sessions: 2000, now: 12_000) == 0)
        // Both the earlier sessions and the retries have left the window.
        #expect(granted(&budget, sessions: 2500, now: 16_000) == 100)
    }

    @Test("ignores sessions before its window")
    func window() {
        var budget = RetryBudget(percent: 20, now: 0)
        for second in 1...30 as ClosedRange<Int64> { budget.update(sessions: UInt64(second) * 100, now: second * 1000) }
        #expect(granted(&budget, sessions: 3100, now: 31_000) == 180)
    }

    @Test("of 0 % allows no retry")
    func none() {
        var budget = RetryBudget(percent: 0, now: 0)
        #expect(granted(&budget, sessions: 1_000_000, now: 100) == 0)
    }

    @Test("is never exceeded in any ten seconds, for any arrival of sessions", arguments: seeds(32))
    func neverExceeded(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var budget = RetryBudget(percent: 20, now: 0)
        var (sessions, now) = (UInt64(0), Int64(0))
        var begun: [Int64] = []
        var retried: [Int64] = []
        for _ in 0..<2000 {
            now += Int64.random(in: 0...40, using: &random)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                sessions += 1
                begun.append(now)
            }
            budget.update(sessions: sessions, now: now)
            guard Bool.random(using: &random), budget.take(sessions: sessions, now: now) else { continue }
            retried.append(now)
            // The window's last second is incomplete, and the sessions of its first second count from that second's beginning.
            let (new, retries) = (begun.count { $0 > now - 11_000 }, retried.count { $0 > now - 9_000 })
            #expect(retries <= max(10, new * 20 / 100), "seed \(seed), at \(now)")
        }
        #expect(retried.count > 10)
    }
}
