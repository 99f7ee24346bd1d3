import Proxy
import Testing

@Suite("The watchdog's poll of the threads")
struct StuckWorkersTests {
    private static func seconds(_ duration: Duration) -> Double { Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18 }

    @Test("finds no stalled thread while each thread begins rounds or is idle")
    func healthy() {
        var stuck = StuckThreads(threads: 2)
        for round in 0..<100 as Range<UInt64> { #expect(stuck.look([round, nil]).isEmpty && stuck.slowCount == 0) }
    }

    @Test("is due once a second while all threads are idle, four times a second otherwise")
    func pause() {
        var stuck = StuckThreads(threads: 2)
        #expect(stuck.pause == .seconds(1))
        _ = stuck.look([nil, 7])
        #expect(stuck.pause == .milliseconds(250))
        _ = stuck.look([nil, nil])
        #expect(stuck.pause == .seconds(1))
    }

    @Test("reports a thread as stalled after a second and as stuck after ten, each once")
    func stuckForLong() {
        var stuck = StuckThreads(threads: 1)
        var findings: [Int: [StuckThreads.Finding]] = [:]
        for look in 0..<100 {
            let found = stuck.look([7])
            if !found.isEmpty { findings[look] = found }
        }
        #expect(findings == [StuckThreads.slowAfter: [.slow(0)], StuckThreads.deadAfter: [.dead(0)]])
        let looks = Self.seconds(StuckThreads.interval)
        #expect(Double(StuckThreads.slowAfter) * looks == 1 && Double(StuckThreads.deadAfter) * looks == 10)
        #expect(stuck.slowCount == 1)
        #expect(stuck.look([8]).isEmpty && stuck.slowCount == 0)
    }

    @Test("does not count a thread's idle time")
    func idle() {
        var stuck = StuckThreads(threads: 1)
        for _ in 0..<10 {
            for _ in 0..<StuckThreads.slowAfter { #expect(stuck.look([7]).isEmpty) }
            #expect(stuck.look([nil]).isEmpty)
        }
    }
}
