import Proxy
import Testing

@Suite("The watchdog's look at the workers")
struct StuckWorkersTests {
    @Test("wakes one that has not come round, and finds nothing when it then does")
    func idle() {
        var stuck = StuckWorkers(workers: 2)
        #expect(stuck.look([0, 0]).isEmpty)
        #expect(stuck.look([0, 1]) == [.idle(0)])
        #expect(stuck.look([1, 1]) == [.idle(1)])
        #expect(stuck.look([1, 2]) == [.idle(0)])
    }

    @Test("tells of one after a second and gives it up after ten, each once")
    func stuckForLong() {
        var stuck = StuckWorkers(workers: 1)
        var findings: [Int: [StuckWorkers.Finding]] = [:]
        for look in 0..<100 {
            let found = stuck.look([7])
            if !found.isEmpty { findings[look] = found }
        }
        #expect(findings == [1: [.idle(0)], StuckWorkers.slowAfter: [.slow(0)], StuckWorkers.deadAfter: [.dead(0)]])
        let looks = Double(StuckWorkers.deadAfter - 1) * Double(StuckWorkers.interval.components.attoseconds) / 1e18
        #expect(looks == 10)
        #expect(stuck.look([8]).isEmpty)
        #expect(stuck.look([8]) == [.idle(0)])
    }
}
