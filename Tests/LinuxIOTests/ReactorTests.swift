import Glibc
import LinuxIO
import Testing
import Wire

@Suite("The reactor")
struct ReactorTests {
    @Test("fires timers in the order of their deadlines, those of one deadline in the order they were set")
    func timers() throws {
        let reactor = try Reactor()
        var fired: [Int] = []
        let base = MonotonicClock.now()
        reactor.setTimer(at: base.advanced(by: .milliseconds(2))) { fired.append(3) }
        reactor.setTimer(at: base) { fired.append(1) }
        reactor.setTimer(at: base) { fired.append(2) }
        let cancelled = reactor.setTimer(at: base) { fired.append(99) }
        reactor.cancel(cancelled)
        reactor.cancel(cancelled)
        reactor.setTimer(at: base.advanced(by: .milliseconds(3))) { reactor.stop() }
        reactor.run()
        #expect(fired == [1, 2, 3])
    }

    @Test("tells of readiness, and of nothing once a descriptor is unwatched, even within the same round")
    func readiness() throws {
        let reactor = try Reactor()
        let first = try WakeUp()
        let second = try WakeUp()
        var calls = 0
        first.signal()
        second.signal()
        let raws = [first.raw, second.raw]
        for raw in raws {
            try reactor.watch(raw, for: .read) { interest in
                #expect(interest.contains(.read) || !interest.isDisjoint(with: .read))
                calls += 1
                for raw in raws { reactor.unwatch(raw) }
            }
        }
        reactor.runOnce(waitingAtMost: .seconds(5))
        reactor.runOnce(waitingAtMost: .zero)
        #expect(calls == 1)
    }
}
