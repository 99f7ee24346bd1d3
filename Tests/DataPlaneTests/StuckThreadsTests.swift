import Proxy
import Testing

@Suite("The watchdog's poll of the threads")
struct StuckThreadsTests {
    private static func seconds(_ duration: Duration) -> Double { Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18 }

    @Test("finds no stalled thread while each thread begins rounds or is idle")
    func healthy() {
        var stuck = StuckThreads(threads: 2)
        for round in 0..<100 as Range<UInt64> { #expect(stuck.poll([round, nil]).isEmpty && stuck.slowCount == 0) }
    }

    @Test("is due once a second while all threads are idle, four times a second otherwise")
    func pause() {
        var stuck = StuckThreads(threads: 2)
        #expect(stuck.pause == .seconds(1))
        _ = stuck.poll([nil, 7])
        #expect(stuck.pause == .milliseconds(250))
        _ = stuck.poll([nil, nil])
        #expect(stuck.pause == .seconds(1))
    }

    @Test("reports a thread as stalled after a second and as stuck after ten, each once")
    func stuckForLong() {
        var stuck = StuckThreads(threads: 1)
        var findings: [Int: [StuckThreads.Finding]] = [:]
        for poll in 0..<100 {
            let found = stuck.poll([7])
            if !found.isEmpty { findings[poll] = found }
        }
        #expect(findings == [StuckThreads.slowAfter: [.slow(0)], StuckThreads.deadAfter: [.dead(0)]])
        let interval = Self.seconds(StuckThreads.interval)
        #expect(Double(StuckThreads.slowAfter) * interval == 1 && Double(StuckThreads.deadAfter) * interval == 10)
        #expect(stuck.slowCount == 1)
        #expect(stuck.poll([8]).isEmpty && stuck.slowCount == 0)
    }

    @Test("does not count a thread's idle time")
    func idle() {
        var stuck = StuckThreads(threads: 1)
        for _ in 0..<10 {
            for _ in 0..<StuckThreads.slowAfter { #expect(stuck.poll([7]).isEmpty) }
            #expect(stuck.poll([nil]).isEmpty)
        }
    }
}
