import Testing

@testable import Proxy

@Suite("The window of retries")
struct RetryWindowTests {
    private func granted(_ budget: inout RetryBudget, sessions: UInt64, now: Int64) -> Int {
        (0..<1000).count { _ in budget.take(sessions: sessions, now: now) }
    }

    @Test("grants exactly the share", arguments: [(54, 10), (55, 11), (59, 11), (60, 12)] as [(UInt64, Int)])
    func share(sessions: UInt64, count: Int) {
        var budget = RetryBudget(percent: 20, freeMax: 0, now: 0)
        #expect(granted(&budget, sessions: sessions, now: 999) == count)
    }

    @Test("grants the free retries when they are more", arguments: [0, 3, 12] as [UInt64])
    func free(count: UInt64) {
        var budget = RetryBudget(percent: 20, freeMax: count, now: 0)
        #expect(granted(&budget, sessions: 50, now: 0) == max(10, Int(count)))
        var one = RetryBudget(percent: 1, freeMax: count, now: 0)
        #expect(granted(&one, sessions: 200, now: 0) == max(2, Int(count)))
        var none = RetryBudget(percent: -5, freeMax: count, now: 0)
        #expect(granted(&none, sessions: 1_000_000, now: 0) == 0)
    }

    @Test("is ten seconds long: sessions and used retries leave it together")
    func length() {
        for (now, count) in [(9_999, 19), (10_000, 4)] as [(Int64, Int)] {
            var budget = RetryBudget(percent: 20, freeMax: 0, now: 0)
            for _ in 0..<5 { #expect(budget.take(sessions: 100, now: 500) == true) }
            budget.update(sessions: 100, now: 1_000)
            #expect(granted(&budget, sessions: 120, now: now) == count, "\(now)")
        }
        // The first hundred sessions and their retries have left; those of second 1 have not.
        var budget = RetryBudget(percent: 20, freeMax: 0, now: 0)
        #expect(granted(&budget, sessions: 100, now: 500) == 20)
        budget.update(sessions: 100, now: 1_000)
        #expect(granted(&budget, sessions: 150, now: 1_999) == 10)
        #expect(granted(&budget, sessions: 150, now: 10_000) == 0, "second 1 is in the window")
        #expect(granted(&budget, sessions: 150, now: 11_000) == 0, "no session is new")
        #expect(granted(&budget, sessions: 160, now: 11_500) == 2)
    }

    @Test("counts a second's sessions from the first call in that second, regardless of later calls")
    func firstLook() {
        var budget = RetryBudget(percent: 100, freeMax: 0, now: 20_000)
        budget.update(sessions: 40, now: 31_000)
        budget.update(sessions: 90, now: 31_900)
        #expect(granted(&budget, sessions: 100, now: 31_999) == 60)
    }
}
