import Proxy
import Testing
import Wire

@Suite("A count that is taken over")
struct HealthRecallTests {
    @Test(
        "keeps the server up or down, within the thresholds of now",
        arguments: [(9, true, 4), (4, true, 4), (3, true, 3), (0, true, 2), (3, false, 1), (2, false, 1), (1, false, 1), (0, false, 0), (-1, false, 0)])
    func restore(earlier: Int, isUp: Bool, value: Int) {
        var health = ServerHealth(rise: 2, fall: 3)
        health.restore(earlier, isUp: isUp)
        #expect(health.value == value && health.isUp == isUp)
    }
}

@Suite("When a server is checked")
struct CheckTimesTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    private func at(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    private func schedule() -> CheckSchedule {
        var settings = CheckSettings()
        settings.interval = .seconds(2)
        return CheckSchedule(settings, position: 0, of: 1, now: start)
    }

    @Test("is by inter alone where nothing else is written")
    func plainInterval() {
        var schedule = schedule()
        for pace in [CheckPace.steadyUp, .changing, .steadyDown] {
            schedule.start()
            schedule.finished(pace: pace, now: start)
            #expect(schedule.nextStart == at(2_000))
        }
    }

    @Test("is brought forward, never put off, and again only when a whole interval has passed")
    func broughtForward() {
        var schedule = schedule()
        schedule.start()
        schedule.finished(pace: .steadyUp, now: start)
        #expect(!schedule.check(by: at(2_000)) && !schedule.check(by: at(3_000)) && schedule.nextStart == at(2_000))
        #expect(schedule.check(by: at(1_500)) && schedule.nextStart == at(1_500))
        #expect(schedule.checkSoon(now: at(1_500)) == false, "it is due")
        #expect(schedule.checkSoon(now: at(1_000)) && schedule.nextStart == at(1_000))
        schedule.start()
        #expect(!schedule.check(by: at(0)) && schedule.nextStart == nil)
        schedule.finished(pace: .steadyUp, now: at(1_100))
        #expect(!schedule.checkSoon(now: at(2_999)) && schedule.nextStart == at(3_100))
        #expect(schedule.checkSoon(now: at(3_000)) && schedule.nextStart == at(3_000))
    }

    @Test("stays as it is where there is nothing to end and nothing to resume")
    func strayEvents() {
        var schedule = schedule()
        schedule.finished(pace: .steadyUp, now: at(10))
        #expect(schedule.nextStart == start)
        schedule.resume(now: at(10))
        #expect(schedule.nextStart == start && !schedule.isPaused)
        schedule.start()
        schedule.resume(now: at(10))
        #expect(schedule.nextStart == nil)
        schedule.pause()
        #expect(schedule.isPaused && !schedule.check(by: start))
        schedule.resume(now: at(20))
        #expect(!schedule.isPaused && schedule.nextStart == at(20))
    }
}
