import Proxy
import Testing
import Wire

@Suite("A check count that a successor takes over")
struct HealthRecallTests {
    @Test(
        "keeps the server up or down, within the present thresholds",
        arguments: [(9, true, 4), (4, true, 4), (3, true, 3), (0, true, 2), (3, false, 1), (2, false, 1), (1, false, 1), (0, false, 0), (-1, false, 0)])
    func restore(earlier: Int, isUp: Bool, value: Int) {
        var health = ServerHealth(rise: 2, fall: 3)
        health.restore(earlier, isUp: isUp)
        #expect(health.value == value && health.isUp == isUp)
    }
}

@Suite("The time of a server's next check")
struct CheckTimesTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    private func at(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    private func schedule() -> CheckSchedule {
        var settings = CheckSettings()
        settings.interval = .seconds(2)
        return CheckSchedule(settings, position: 0, of: 1, now: start)
    }

    @Test("depends on inter alone when the other intervals are not set")
    func plainInterval() {
        var schedule = schedule()
        for pace in [CheckPace.steadyUp, .changing, .steadyDown] {
            schedule.start()
            schedule.finished(pace: pace, now: start)
            #expect(schedule.nextStart == at(2_000))
        }
    }

    @Test("is brought forward, never delayed, and again only after a whole interval")
    func broughtForward() {
        var schedule = schedule()
        schedule.start()
        schedule.finished(pace: .steadyUp, now: start)
        #expect(!schedule.check(by: at(2_000)) && !schedule.check(by: at(3_000)) && schedule.nextStart == at(2_000))
        #expect(schedule.check(by: at(1_500)) && schedule.nextStart == at(1_500))
        #expect(schedule.checkSoon(now: at(1_500)) == false, "it is due already")
        #expect(schedule.checkSoon(now: at(1_000)) && schedule.nextStart == at(1_000))
        schedule.start()
        #expect(!schedule.check(by: at(0)) && schedule.nextStart == nil)
        schedule.finished(pace: .steadyUp, now: at(1_100))
        #expect(!schedule.checkSoon(now: at(2_999)) && schedule.nextStart == at(3_100))
        #expect(schedule.checkSoon(now: at(3_000)) && schedule.nextStart == at(3_000))
    }

    @Test("is unchanged when no check runs that could end, and no pause exists that could end")
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
