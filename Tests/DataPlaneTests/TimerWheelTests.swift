import Support
import Testing
import Wire

@testable import Proxy

@Suite("The timer wheel")
struct TimerWheelTests {
    private static let entries = 60
    private static let ranges: [Int64] = [2, 64, 300, 5000, 300_000, 20_000_000, 90_000_000, 2_000_000_000]

    @Test("takes out exactly the entries of a plain list of deadlines, at every step", arguments: seeds(120))
    func equalsModel(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var now = Int64.random(in: 0...1_000_000_000_000, using: &random)
        var wheel = TimerWheel(capacity: Self.entries, now: now)
        for entry in 0..<Self.entries { wheel.prepare(entry) }
        var model: [Int: Int64] = [:]
        for step in 0..<400 {
            let entry = Int.random(in: 0..<Self.entries, using: &random)
            let range = Self.ranges[Int.random(in: 0..<Self.ranges.count, using: &random)]
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let deadline = now + Int64.random(in: -5...range, using: &random)
                wheel.arm(entry, deadline: deadline)
                model[entry] = deadline
            case 6:
                wheel.cancel(entry)
                model[entry] = nil
            default:
                // As the thread does: not past the wheel's wake-up time, or later.
                let wake = wheel.wakeUp ?? now + range
                now = Bool.random(using: &random) ? max(now, wake) : now + Int64.random(in: 0...range, using: &random)
                var taken: Set<Int> = []
                while let due = wheel.next(now: now) {
                    #expect(taken.insert(due).inserted, "seed \(seed), step \(step): entry \(due) is returned twice")
                }
                let expected = Set(model.filter { $0.value <= now }.keys)
                #expect(taken == expected, "seed \(seed), step \(step), now \(now)")
                for due in expected { model[due] = nil }
            }
            let earliest = model.values.min()
            #expect((wheel.wakeUp == nil) == (earliest == nil), "seed \(seed), step \(step)")
            if let wake = wheel.wakeUp, let earliest { #expect(wake <= max(earliest, now), "seed \(seed), step \(step): \(wake) after \(earliest)") }
            let armed = (0..<Self.entries).filter { wheel.isArmed($0) }
            #expect(armed == model.keys.sorted(), "seed \(seed), step \(step)")
        }
    }

    @Test("is polled only a few times for one far deadline, not every turn of its lowest level")
    func wakesRarely() {
        var wheel = TimerWheel(capacity: 1, now: 0)
        wheel.prepare(0)
        wheel.arm(0, deadline: 86_400_000)
        var wakes = 0
        while let wake = wheel.wakeUp {
            wakes += 1
            let due = wheel.next(now: wake)
            #expect(due == nil || wake == 86_400_000)
        }
        #expect(wakes <= 6)
    }

    @Test("takes out a deadline that shares its slot with a later one")
    func slotSharedWithALaterDeadline() {
        var wheel = TimerWheel(capacity: 2, now: 0)
        for entry in 0..<2 { wheel.prepare(entry) }
        wheel.arm(0, deadline: 70)
        wheel.arm(1, deadline: 100)
        let (first, second) = (wheel.next(now: 80), wheel.next(now: 80))
        #expect(first == 0 && second == nil)
        #expect(wheel.wakeUp == 100)
    }
}
