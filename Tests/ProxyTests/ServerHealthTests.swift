import Proxy
import Support
import Testing
import Wire

@Suite("A server's health")
struct ServerHealthTests {
    @Test("begins as up, and goes down at its first failure")
    func start() {
        var health = ServerHealth(rise: 2, fall: 3)
        #expect(health.isUp)
        #expect(health.pace == .changing)
        let isMoved = health.fail()
        #expect(isMoved)
        #expect(health.value == 0)
        #expect(health.fraction == "0/2")
    }

    @Test("goes down only at the third failure in a row, and comes up at the second pass")
    func thresholds() {
        var health = ServerHealth(rise: 2, fall: 3)
        var seen: [String] = []
        for isPass in [true, true, false, false, true, false, false, false, false, true, false, true, true] {
            let isMoved = isPass ? health.pass() : health.fail()
            seen.append("\(health.fraction)\(isMoved ? "" : " same")")
        }
        #expect(seen == ["3/3", "3/3 same", "2/3", "1/3", "3/3", "2/3", "1/3", "0/2", "0/2 same", "1/2", "0/2", "1/2", "3/3"])
    }

    @Test("agrees with a count of results in a row", arguments: seeds(64))
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var health = ServerHealth(rise: .random(in: 1...5, using: &random), fall: .random(in: 1...5, using: &random))
        var isUp = true
        // The first failure of an unchecked server counts as `fall` failures.
        var streak = health.fall - 1
        for step in 0..<200 {
            let isPass = Bool.random(using: &random)
            if isPass == isUp { streak = 0 } else { streak += 1 }
            if streak == (isUp ? health.fall : health.rise) { (isUp, streak) = (!isUp, 0) }
            _ = isPass ? health.pass() : health.fail()
            #expect(health.isUp == isUp, "seed \(seed), step \(step)")
            #expect((0...health.max).contains(health.value))
            #expect((health.pace == .changing) == (streak > 0), "seed \(seed), step \(step)")
        }
    }

    @Test("is forgotten during maintenance")
    func maintenance() {
        var health = ServerHealth(rise: 2, fall: 3)
        _ = health.pass()
        health.takeDown()
        #expect(health.value == 0)
        health.leaveMaintenance()
        #expect(health.value == 2 && health.isUp)
    }
}

@Suite("A server's schedule of checks")
struct CheckScheduleTests {
    private let start = Instant(nanoseconds: 5_000_000_000)
    private var settings: CheckSettings {
        var settings = CheckSettings()
        settings.interval = .seconds(2)
        settings.fastInterval = .milliseconds(500)
        settings.downInterval = .seconds(5)
        return settings
    }

    @Test("spreads the first checks of all servers over the interval")
    func spread() {
        var plain = CheckSettings()
        plain.interval = .seconds(2)
        let starts = (0..<4).map { CheckSchedule(plain, position: $0, of: 4, now: start).nextStart }
        #expect(starts == [0, 500, 1000, 1500].map { start.advanced(by: .milliseconds($0)) })
    }

    @Test("waits inter, fastinter or downinter from the end of the last check")
    func intervals() {
        var schedule = CheckSchedule(settings, position: 0, of: 1, now: start)
        var now = start
        for (pace, wait) in [(CheckPace.steadyUp, Duration.seconds(2)), (.changing, .milliseconds(500)), (.steadyDown, .seconds(5))] {
            schedule.start()
            #expect(schedule.nextStart == nil)
            now = now.advanced(by: .milliseconds(100))
            schedule.finished(pace: pace, now: now)
            #expect(schedule.nextStart == now.advanced(by: wait))
            now = now.advanced(by: wait)
        }
    }

    @Test("is pulled forward at most once per interval, and not while a check runs")
    func pull() {
        var schedule = CheckSchedule(settings, position: 0, of: 1, now: start)
        schedule.start()
        let whileRunning = schedule.checkSoon(now: start)
        #expect(!whileRunning)
        schedule.finished(pace: .steadyUp, now: start)
        let now = start.advanced(by: .milliseconds(300))
        let first = schedule.checkSoon(now: now)
        #expect(first)
        #expect(schedule.nextStart == now)
        schedule.start()
        schedule.finished(pace: .steadyUp, now: now)
        let tooSoon = schedule.checkSoon(now: now.advanced(by: .milliseconds(1999)))
        #expect(!tooSoon)
        schedule.start()
        schedule.finished(pace: .steadyUp, now: now.advanced(by: .seconds(2)))
        let again = schedule.checkSoon(now: now.advanced(by: .milliseconds(2100)))
        #expect(again)
    }

    @Test("stops in maintenance and begins at once after it")
    func pause() {
        var schedule = CheckSchedule(settings, position: 0, of: 1, now: start)
        schedule.start()
        schedule.pause()
        schedule.finished(pace: .steadyUp, now: start)
        #expect(schedule.isPaused && schedule.nextStart == nil)
        let later = start.advanced(by: .seconds(60))
        schedule.resume(now: later)
        #expect(schedule.nextStart == later)
    }
}
