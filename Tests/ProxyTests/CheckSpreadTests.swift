import Support
import Testing
import Wire

@testable import Proxy

@Suite("The spread of checks")
struct CheckSpreadTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    private func settings(_ interval: Duration) -> CheckSettings {
        var settings = CheckSettings()
        settings.interval = interval
        return settings
    }

    private func next(_ percent: Int, _ random: UInt32, interval: Duration = .seconds(2)) -> Duration? {
        var spread = CheckSpread()
        spread.percent = percent
        var schedule = CheckSchedule(settings(interval), spread, position: 0, of: 1, now: start)
        schedule.start()
        schedule.finished(pace: .steadyUp, now: start, random: random)
        return schedule.nextStart.map { start.duration(to: $0) }
    }

    @Test("changes an interval by up to the percentage of 'spread-checks', in both directions, as HAProxy computes it")
    func deviates() {
        #expect(next(10, 0) == .milliseconds(2_200))
        #expect(next(10, .max) == .milliseconds(1_800))
        #expect(next(10, .max / 2) == .milliseconds(2_001))
        #expect(next(50, .max / 4) == .milliseconds(2_501))
        #expect(next(50, .max, interval: .milliseconds(1)) == .milliseconds(1))
        // HAProxy's longest time.
        #expect(next(50, .max, interval: .milliseconds(2_147_483_647)) == .milliseconds(1_073_741_824))
    }

    @Test("is even over the range", arguments: seeds(8))
    func isEven(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let waits = try (0..<1_000).map { _ in try #require(next(50, UInt32(truncatingIfNeeded: random.next()))).wholeMilliseconds }
        #expect(waits.allSatisfy { (1_000...3_000).contains($0) }, "seed \(seed)")
        for range in [1_000..<1_500, 1_500..<2_000, 2_000..<2_500, 2_500..<3_001] as [Range<Int64>] {
            #expect((150...350).contains(waits.count(where: range.contains)), "seed \(seed), \(range)")
        }
    }

    @Test("is none without 'spread-checks'", arguments: [0, 1, .max / 2, .max] as [UInt32])
    func isNone(random: UInt32) { #expect(next(0, random) == .seconds(2)) }

    @Test("limits the time between the first checks to 'max-spread-checks', but does not lengthen it")
    func startsSooner() {
        var spread = CheckSpread()
        func starts(_ interval: Duration) -> [Int64] {
            (0..<4).compactMap { position in
                CheckSchedule(settings(interval), spread, position: position, of: 4, now: start).nextStart.map { start.duration(to: $0).wholeMilliseconds }
            }
        }
        #expect(starts(.seconds(60)) == [0, 15_000, 30_000, 45_000])
        spread.startMax = .seconds(4)
        #expect(starts(.seconds(60)) == [0, 1_000, 2_000, 3_000])
        #expect(starts(.seconds(2)) == [0, 500, 1_000, 1_500])
    }
}
