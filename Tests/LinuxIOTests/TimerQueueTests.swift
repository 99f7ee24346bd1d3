import LinuxIO
import Testing
import Wire

@Suite("A round's timers")
struct TimerQueueTests {
    private static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    /// The timers that fire in a round at `now` in which each deferrable timer takes `each`.
    private func round(_ queue: inout TimerQueue<String>, at now: Int64, each: Duration) -> [String] {
        var (fired, spent) = ([String](), Duration.zero)
        while let timer = queue.next(now: Self.at(now), spent: spent) {
            fired.append(timer.handler)
            if timer.urgency == .deferrable { spent += each }
        }
        return fired
    }

    @Test("fires every ordinary timer that is due, then deferrable ones, oldest first, until their budget is used up")
    func budget() {
        var queue = TimerQueue<String>()
        for name in ["c", "d", "e"] { _ = queue.set(at: Self.at(2), .deferrable, name) }
        _ = queue.set(at: Self.at(1), .deferrable, "b")
        _ = queue.set(at: Self.at(3), .ordinary, "a")
        _ = queue.set(at: Self.at(9), .ordinary, "later")
        #expect(queue.nextDeadline == Self.at(1))
        #expect(round(&queue, at: 3, each: TimerQueue<String>.deferrableBudget / 2) == ["a", "b", "c"])
        _ = queue.set(at: Self.at(3), .ordinary, "f")
        #expect(round(&queue, at: 3, each: .zero) == ["f", "d", "e"])
        #expect(round(&queue, at: 3, each: .zero).isEmpty && queue.nextDeadline == Self.at(9))
    }

    @Test("fires an ordinary timer that becomes due meanwhile before the remaining deferrable ones")
    func between() {
        var queue = TimerQueue<String>()
        for name in ["a", "b"] { _ = queue.set(at: Self.at(1), .deferrable, name) }
        #expect(queue.next(now: Self.at(1), spent: .zero)?.handler == "a")
        _ = queue.set(at: Self.at(1), .ordinary, "urgent")
        #expect(round(&queue, at: 1, each: .zero) == ["urgent", "b"])
    }

    @Test("cancels a timer once, and never another one in the same slot")
    func cancel() {
        var queue = TimerQueue<String>()
        for urgency in [TimerUrgency.ordinary, .deferrable] {
            let first = queue.set(at: Self.at(1), urgency, "first")
            queue.cancel(first)
            let second = queue.set(at: Self.at(1), urgency, "second")
            queue.cancel(first)
            #expect(round(&queue, at: 1, each: .zero) == ["second"])
            queue.cancel(second)
            #expect(queue.count == 0 && queue.nextDeadline == nil)
        }
    }

    @Test("uses memory for the timers that are set simultaneously, not for all that were ever set")
    func memory() {
        var queue = TimerQueue<String>()
        for round in 0..<1000 as Range<Int64> {
            let tokens = (0..<8).map { queue.set(at: Self.at(round), $0 % 2 == 0 ? .ordinary : .deferrable, "x") }
            for token in tokens.prefix(4) { queue.cancel(token) }
            while queue.next(now: Self.at(round), spent: .zero) != nil {}
        }
        #expect(queue.count == 0 && queue.capacity == 8)
    }
}

@Suite("The bound of an event's wait")
struct LoopDelayTests {
    private static func at(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    @Test("is the time since the previous wait, without the thread's sleep")
    func bound() {
        var delay = LoopDelay(now: Self.at(0))
        // 7 ms of work, a sleep of 100 ms, 2 ms of work.
        delay.waited(from: Self.at(7), atMost: .milliseconds(500), until: Self.at(107), isBatchFull: false)
        #expect(delay.bound(now: Self.at(109)) == .milliseconds(9))
        delay.waited(from: Self.at(110), atMost: .zero, until: Self.at(110), isBatchFull: false)
        #expect(delay.bound(now: Self.at(111)) == .milliseconds(4))
    }

    @Test("keeps growing while there may be events that no wait has returned yet")
    func backlog() {
        var delay = LoopDelay(now: Self.at(0))
        delay.waited(from: Self.at(5), atMost: .zero, until: Self.at(5), isBatchFull: true)
        delay.waited(from: Self.at(15), atMost: .zero, until: Self.at(15), isBatchFull: true)
        delay.waited(from: Self.at(25), atMost: .zero, until: Self.at(25), isBatchFull: false)
        #expect(delay.bound(now: Self.at(26)) == .milliseconds(26))
        delay.waited(from: Self.at(27), atMost: .zero, until: Self.at(27), isBatchFull: false)
        #expect(delay.bound(now: Self.at(28)) == .milliseconds(3))
    }

    @Test("includes the time that a wait lasted beyond its limit: the thread was stopped")
    func overslept() {
        var delay = LoopDelay(now: Self.at(0))
        delay.waited(from: Self.at(1), atMost: .milliseconds(10), until: Self.at(61), isBatchFull: false)
        #expect(delay.bound(now: Self.at(62)) == .milliseconds(52))
    }
}
