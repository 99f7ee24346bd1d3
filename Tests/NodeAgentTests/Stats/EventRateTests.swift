import Testing
import Wire

@testable import NodeAgent

@Suite("The rate of events")
struct EventRateTests {
    private static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: 5_000_000_000 + milliseconds * 1_000_000) }

    /// The values of haproxy 2.6 for six connections at once.
    @Test("slides: six simultaneous events count as six for a second, and fade in the next one")
    func slides() {
        var rate = EventRate()
        rate.count(6, now: Self.at(0))
        let seen = [0, 300, 600, 900, 999, 1_000, 1_166, 1_167, 1_300, 1_500, 1_800, 1_999, 2_000, 9_000].map { rate.perSecond(now: Self.at($0)) }
        #expect(seen == [6, 6, 6, 6, 6, 6, 5, 4, 4, 3, 1, 0, 0, 0])
        #expect(rate.peak == 6)
    }

    @Test("includes new events and their peak immediately")
    func knowsAtOnce() {
        var rate = EventRate()
        #expect(rate.perSecond(now: Self.at(0)) == 0)
        for step in 1...5 {
            rate.count(step, now: Self.at(Int64(step)))
            #expect(rate.perSecond(now: Self.at(Int64(step))) == step && rate.peak == step)
        }
    }

    @Test("adds the remaining part of the last period to the present one")
    func mixesPeriods() {
        var rate = EventRate()
        rate.count(10, now: Self.at(0))
        // The second period starts at the end of the first one.
        rate.count(14, now: Self.at(1_500))
        #expect(rate.perSecond(now: Self.at(1_500)) == 4 + 5)
        #expect(rate.perSecond(now: Self.at(1_900)) == 4 + 1)
        #expect(rate.perSecond(now: Self.at(2_500)) == 2)
        #expect(rate.peak == 10)
        // After two silent seconds, a period starts with its first event.
        rate.count(20, now: Self.at(5_200))
        #expect([5_200, 6_199, 6_700, 7_200].map { rate.perSecond(now: Self.at($0)) } == [6, 6, 3, 0])
    }

    @Test("keeps a single event for its full second")
    func keepsSingleEvent() {
        var rate = EventRate()
        rate.count(1, now: Self.at(0))
        #expect([0, 999, 1_000, 1_999, 2_000].map { rate.perSecond(now: Self.at($0)) } == [1, 1, 1, 1, 0])
    }

    @Test("is steady while events are steady, up to the events between two samples", arguments: [10, 100] as [Int64])
    func isSteady(step: Int64) {
        var rate = EventRate()
        for time in stride(from: Int64(0), through: 20_000, by: Int(step)) {
            rate.count(Int(time) / 10, now: Self.at(time))
            guard time >= 3_000 else { continue }
            #expect((99...(100 + Int(step) / 10)).contains(rate.perSecond(now: Self.at(time))), "\(time): \(rate.perSecond(now: Self.at(time)))")
        }
        #expect((100...110).contains(rate.peak))
    }

    @Test("ignores events of another process, and a clock that runs backwards")
    func startsFromTotal() {
        var rate = EventRate()
        rate.start(from: 1_000)
        rate.count(1_000, now: Self.at(0))
        #expect(rate.perSecond(now: Self.at(0)) == 0 && rate.peak == 0)
        rate.count(1_002, now: Self.at(10))
        rate.count(900, now: Self.at(5))
        #expect(rate.perSecond(now: Self.at(5)) == 2)
        rate.count(Int.max, now: Self.at(20))
        #expect(rate.peak > 0 && rate.perSecond(now: Self.at(1_100)) > 0)
    }
}
