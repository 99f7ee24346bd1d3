import Support
import Testing
import Wire

@Suite("A delay line")
struct DelayLineTests {
    private func moment(_ milliseconds: Int64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    private func frame(_ number: Int) -> [UInt8] { [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)] }

    private func settings(_ change: (inout LinkSettings) -> Void) -> LinkSettings {
        var settings = LinkSettings()
        change(&settings)
        return settings
    }

    /// All frames that are due at `now`, in their order.
    private func drain(_ line: inout DelayLine, now: Instant) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while let frame = line.nextDue(now: now) { frames.append(frame) }
        return frames
    }

    @Test("releases a frame when it is due, and not before")
    func handsOutAtItsTime() {
        var line = DelayLine(settings { $0.delay = .milliseconds(50) }, seed: 1)
        #expect(line.nextDeadline == nil)
        line.enter(frame(1), now: moment(10))
        line.enter(frame(2), now: moment(20))
        #expect(line.nextDeadline == moment(60))
        #expect(line.nextDue(now: Instant(nanoseconds: 59_999_999)) == nil)
        #expect(drain(&line, now: moment(60)) == [frame(1)])
        #expect(line.nextDeadline == moment(70))
        #expect(drain(&line, now: moment(1000)) == [frame(2)])
        #expect(line.counts.entered == 2 && line.counts.passed == 2 && line.counts.overtook == 0)
    }

    @Test("without jitter keeps the order, also of frames that arrive at one moment", arguments: 0..<8 as Range<UInt64>)
    func keepsTheOrder(seed: UInt64) {
        var line = DelayLine(settings { $0.delay = .milliseconds(5) }, seed: seed)
        for number in 0..<100 { line.enter(frame(number), now: moment(Int64(number / 10))) }
        #expect(drain(&line, now: moment(1000)) == (0..<100).map { frame($0) }, "seed \(seed)")
    }

    @Test("with jitter releases frames in the order of their due times, each within its bounds, and lets frames overtake", arguments: 0..<32 as Range<UInt64>)
    func jitterStaysInItsBounds(seed: UInt64) {
        var line = DelayLine(settings { ($0.delay, $0.jitter) = (.milliseconds(50), .milliseconds(30)) }, seed: seed)
        for number in 0..<500 { line.enter(frame(number), now: moment(Int64(number))) }
        var last = Instant(nanoseconds: 0)
        var seen: [Int] = []
        while let due = line.nextDeadline {
            #expect(due >= last, "seed \(seed)")
            last = due
            guard let bytes = line.nextDue(now: due) else { break }
            let number = Int(bytes[0]) << 8 | Int(bytes[1])
            let took = moment(Int64(number)).duration(to: due)
            #expect(took >= .milliseconds(20) && took <= .milliseconds(80), "seed \(seed), frame \(number): \(took)")
            seen.append(number)
        }
        #expect(seen.sorted() == Array(0..<500), "seed \(seed)")
        let late = zip(seen.indices, seen).count { index, number in seen[index...].contains { $0 < number } }
        #expect(late > 100 && line.counts.overtook == late, "seed \(seed): \(late)")
    }

    @Test("with a jitter larger than the delay never releases a frame before its arrival")
    func delayIsNeverNegative() {
        var line = DelayLine(settings { ($0.delay, $0.jitter) = (.milliseconds(1), .milliseconds(30)) }, seed: 3)
        for _ in 0..<100 { line.enter(frame(0), now: moment(100)) }
        #expect(drain(&line, now: moment(99)).isEmpty)
        #expect(drain(&line, now: moment(131)).count == 100)
    }

    @Test("loses about the configured percentage", arguments: [0, 5, 20, 40, 100])
    func losesAsTold(percent: Int) {
        var line = DelayLine(settings { $0.lossPercent = percent }, seed: 7)
        for number in 0..<10_000 {
            line.enter(frame(number), now: moment(Int64(number)))
            _ = drain(&line, now: moment(Int64(number)))
        }
        let counts = line.counts
        #expect(abs(counts.lost - percent * 100) <= (percent % 100 == 0 ? 0 : 200), "\(counts)")
        #expect(counts.passed + counts.lost == counts.entered && counts.entered == 10_000, "\(counts)")
    }

    @Test("drops frames beyond its limit, and accepts frames again when others have left")
    func isBounded() {
        let bounded = settings { ($0.delay, $0.framesMax) = (.milliseconds(10), 3) }
        var line = DelayLine(bounded, seed: 1)
        for number in 0..<5 { line.enter(frame(number), now: moment(0)) }
        #expect(line.counts.overflowed == 2)
        #expect(drain(&line, now: moment(10)) == [frame(0), frame(1), frame(2)])
        line.enter(frame(9), now: moment(11))
        #expect(drain(&line, now: moment(21)) == [frame(9)])
        #expect(line.counts.overflowed == 2 && line.counts.passed == 4)
    }

    @Test("treats every frame the same with the same seed, and differently with another one")
    func reproduces() {
        let rough = settings { ($0.delay, $0.jitter, $0.lossPercent) = (.milliseconds(50), .milliseconds(30), 20) }
        func run(seed: UInt64) -> [[UInt8]] {
            var line = DelayLine(rough, seed: seed)
            for number in 0..<200 { line.enter(frame(number), now: moment(Int64(number))) }
            return drain(&line, now: moment(10_000))
        }
        #expect(run(seed: 5) == run(seed: 5))
        #expect(run(seed: 5) != run(seed: 6))
    }
}
