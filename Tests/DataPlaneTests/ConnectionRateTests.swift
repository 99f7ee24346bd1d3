import Support
import Synchronization
import Testing

@testable import Proxy

@Suite("The rate of connections")
struct ConnectionRateTests {
    /// Accepts as many connections as the limit allows until `end`, and returns the milliseconds at which it did.
    private func accepted(limit: Int, from start: Int64, until end: Int64) -> [Int64] {
        var (rate, now, times) = (ConnectionRate(rawValue: 0), start, [Int64]())
        while now < end {
            let wait = rate.wait(limit: limit, now: now)
            guard wait == 0 else {
                now += wait
                continue
            }
            rate = rate.counted(at: now)
            times.append(now)
        }
        return times
    }

    @Test("allows a burst of the limit, then one connection after the other: the times that haproxy 2.6 shows with 'maxconnrate 10'")
    func haproxy() {
        let times = accepted(limit: 10, from: 1_000_000, until: 1_003_000)
        #expect(times.prefix(10).allSatisfy { $0 == 1_000_000 })
        #expect((1_001_000...1_001_002).contains(times[10]))
        for (first, second) in zip(times.dropFirst(10), times.dropFirst(11)) { #expect((95...105).contains(second - first), "\(times)") }
        #expect((28...31).contains(times.count), "\(times)")
    }

    @Test("stays at the limit over seconds, whatever the time of the first connection", arguments: [1, 3, 10, 999, 1_000], [0, 1, 500, 999] as [Int64])
    func limits(limit: Int, offset: Int64) {
        let start = 7_000_000 + offset
        let times = accepted(limit: limit, from: start, until: start + 10_000)
        #expect(times.count <= 11 * limit + 1 && times.count >= 9 * limit - 1, "\(times.count)")
    }

    @Test("forgets what is more than two seconds ago, also when its clock of 16 bits has wrapped")
    func forgets() {
        var rate = ConnectionRate(rawValue: 0)
        for _ in 0..<5 { rate = rate.counted(at: 65_535_999) }
        #expect(rate.wait(limit: 5, now: 65_535_999) > 0)
        #expect(rate.wait(limit: 5, now: 65_536_000) == 1 && rate.wait(limit: 5, now: 65_536_001) == 0)
        #expect(rate.counted(at: 65_536_500).wait(limit: 2, now: 65_536_500) > 0)
        #expect(rate.wait(limit: 1, now: 65_537_000) == 0)
    }

    @Test("counts connections of several threads")
    func threads() {
        let shared = SharedRate()
        let threads = (0..<4).map { _ in TestThread { for _ in 0..<10_000 { shared.rate.countConnection(at: 5_000) } } }
        for thread in threads { thread.join() }
        let rate = ConnectionRate(rawValue: shared.rate.load(ordering: .relaxed))
        #expect(rate.wait(limit: 40_000, now: 5_000) > 0 && rate.wait(limit: 40_001, now: 5_000) == 0)
    }
}

/// A rate that threads share.
private final class SharedRate: Sendable {
    let rate = Atomic<UInt64>(0)
}
