import Glibc
import LinuxIO
import Support
import Testing
import Wire

@Suite("The reactor")
struct ReactorTests {
    @Test("fires timers in the order of their deadlines, and those with one deadline in the order in which they were set")
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

    @Test("reports readiness, and skips the events of a descriptor that is unwatched, even within the same round")
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

    @Test("returns to epoll and to ordinary timers after 5 ms of deferrable ones")
    func deferrable() throws {
        let reactor = try Reactor()
        let file = try WakeUp()
        var fired: [String] = []
        try reactor.watch(file.raw, for: .read) { _ in
            file.clear()
            fired.append("event")
        }
        for _ in 0..<3 {
            reactor.setTimer(at: reactor.now, .deferrable) {
                stallThread(milliseconds: 6)
                fired.append("check")
                reactor.inNextRound { fired.append("heartbeat") }
                file.signal()
            }
        }
        for _ in 0..<4 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(fired == ["check", "event", "heartbeat", "check", "event", "heartbeat", "check", "event", "heartbeat"])
    }

    @Test("handles a bounded number of events in a round, and every ready descriptor in turn")
    func bounded() throws {
        let reactor = try Reactor()
        let files = try (0..<Reactor.eventsMax * 3 / 2).map { _ in OpenFile(try WakeUp.signalled()) }
        var calls = [Int](repeating: 0, count: files.count)
        for (place, file) in files.enumerated() { try reactor.watch(file.raw, for: .read) { _ in calls[place] += 1 } }
        reactor.runOnce(waitingAtMost: .zero)
        #expect(calls.reduce(0, +) == Reactor.eventsMax)
        reactor.runOnce(waitingAtMost: .zero)
        #expect(calls.reduce(0, +) == 2 * Reactor.eventsMax && calls.allSatisfy { $0 >= 1 })
    }

    @Test("bounds how long an event may have waited for the thread, also for an event that arrives while a handler runs")
    func delay() throws {
        let reactor = try Reactor()
        let file = try WakeUp()
        var bound: Duration?
        try reactor.watch(file.raw, for: .read) { [unowned reactor] _ in
            file.clear()
            bound = reactor.delayBound
        }
        reactor.setTimer(at: reactor.now) {
            file.signal()
            stallThread(milliseconds: 20)
        }
        for _ in 0..<2 { reactor.runOnce(waitingAtMost: .zero) }
        #expect(bound.map { $0 >= .milliseconds(20) } == true)
    }

    @Test("polls a socket outside the loop")
    func ready() throws {
        let file = try WakeUp()
        #expect(Interest.ready(file.raw, for: .read).isEmpty)
        file.signal()
        // `.read` includes RDHUP, which an eventfd never reports.
        #expect(Interest.ready(file.raw, for: .read).contains(.read) == false && !Interest.ready(file.raw, for: .read).isEmpty)
        #expect(Interest.ready(file.raw, for: .write) == .write)
    }

    @Test("forgets a closed descriptor whose number the next one gets")
    func closing() throws {
        let reactor = try Reactor()
        var calls: [String] = []
        var number: Int32 = -1
        for name in ["first", "second"] {
            let file = OpenFile(try WakeUp.signalled())
            try reactor.watch(file.raw, for: .read) { _ in calls.append(name) }
            number = file.raw
            if name == "first" { reactor.unwatch(closing: file.raw) } else { reactor.runOnce(waitingAtMost: .zero) }
            reactor.unwatch(closing: number)
        }
        #expect(calls == ["second"])
    }
}

extension WakeUp {
    /// A descriptor that is always readable.
    fileprivate static func signalled() throws -> FileDescriptor {
        let wakeUp = try WakeUp()
        wakeUp.signal()
        return FileDescriptor(owning: dup(wakeUp.raw))
    }
}
