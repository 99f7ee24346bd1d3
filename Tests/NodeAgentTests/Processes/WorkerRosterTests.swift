import Glibc
import LinuxIO
import Testing
import Wire

@testable import NodeAgent

@Suite("The master's roster")
struct WorkerRosterTests {
    private var now = Instant(nanoseconds: 1_000_000_000_000)

    private static func died(_ process: Int32, _ signal: Int32 = SIGKILL) -> ChildExit { ChildExit(process: process, code: nil, signal: signal) }
    private static func exited(_ process: Int32, _ code: Int32) -> ChildExit { ChildExit(process: process, code: code, signal: nil) }

    /// Process 100 serves.
    private func served() -> WorkerRoster {
        var roster = WorkerRoster()
        roster.started(100, for: .first, now: now)
        #expect(roster.ready(100) == [.serving])
        return roster
    }

    /// The effects without messages.
    private static func deeds(_ effects: [WorkerRoster.Effect]) -> [WorkerRoster.Effect] {
        effects.filter { if case .report = $0 { false } else { true } }
    }

    @Test("exits with the code of a first worker that ends before it is ready")
    func firstFails() {
        var roster = WorkerRoster()
        roster.started(100, for: .first, now: now)
        #expect(Self.deeds(roster.ended(Self.exited(100, 1), now: now)) == [.exit(1)])
        var other = WorkerRoster()
        other.started(100, for: .first, now: now)
        #expect(Self.deeds(other.ended(Self.exited(100, 0), now: now)) == [.exit(1)], "a worker that exits with 0 before it has served has not started")
        #expect(other.startFailed(for: .first, now: now) == [.exit(1)])
    }

    @Test("notifies the earlier worker of its successor once the new one serves")
    func reload() {
        var roster = served()
        #expect(roster.reload(isHard: false) == [.start(.reload(isHard: false))])
        roster.started(101, for: .reload(isHard: false), now: now)
        #expect(roster.serving?.process == 100)
        #expect(Self.deeds(roster.ready(101)) == [.takenOver(100), .reloaded(true)])
        #expect(roster.serving?.process == 101)
        #expect(roster.workers.map(\.reloads) == [1, 0] && roster.reloads == 1 && roster.reloadsFailed == 0)
        #expect(roster.ended(Self.exited(100, 0), now: now).isEmpty)
        #expect(roster.workers.map(\.process) == [101])
    }

    @Test("ends the earlier worker at once in a hard reload")
    func hardReload() {
        var roster = served()
        #expect(roster.reload(isHard: true) == [.start(.reload(isHard: true))])
        roster.started(101, for: .reload(isHard: true), now: now)
        #expect(Self.deeds(roster.ready(101)) == [.replaced(100), .reloaded(true)])
    }

    @Test("changes nothing when a new worker ends before it is ready")
    func failedReload() {
        var roster = served()
        _ = roster.reload(isHard: false)
        roster.started(101, for: .reload(isHard: false), now: now)
        #expect(Self.deeds(roster.ended(Self.exited(101, 1), now: now)) == [.reloaded(false)])
        #expect(roster.serving?.process == 100 && roster.reloadsFailed == 1)
    }

    @Test("queues a reload that arrives during another one, and merges several")
    func reloadDuringReload() {
        var roster = served()
        _ = roster.reload(isHard: false)
        roster.started(101, for: .reload(isHard: false), now: now)
        #expect(roster.reload(isHard: false).isEmpty)
        #expect(roster.reload(isHard: false).isEmpty)
        #expect(Self.deeds(roster.ready(101)) == [.takenOver(100), .reloaded(true), .start(.reload(isHard: false))])
        roster.started(102, for: .reload(isHard: false), now: now)
        #expect(Self.deeds(roster.ready(102)) == [.takenOver(101), .reloaded(true)])
    }

    @Test("starts another worker at once for a killed one, and with growing delays when workers keep dying")
    mutating func restarts() throws {
        var roster = served()
        var process: Int32 = 100
        var delays: [Duration] = []
        for _ in 0..<10 {
            let death = Self.died(process)
            let effects = Self.deeds(roster.ended(death, now: now))
            if case .retry(let time) = try #require(effects.first) {
                delays.append(now.duration(to: time))
                now = time
                #expect(roster.retryDue() == [.start(.restart(of: death))])
            } else {
                #expect(effects == [.start(.restart(of: death))])
                delays.append(.zero)
            }
            process += 1
            roster.started(process, for: .restart(of: death), now: now)
            #expect(roster.ready(process).isEmpty)
        }
        #expect(delays == [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000].map { .milliseconds($0) })
        now = now.advanced(by: WorkerRoster.stableServiceTime)
        #expect(Self.deeds(roster.ended(Self.died(process), now: now)) == [.start(.restart(of: Self.died(process)))], "it has served long enough")
    }

    @Test("keeps trying when a restarted worker ends before it is ready")
    func restartFails() {
        var roster = served()
        let death = Self.died(100)
        _ = roster.ended(death, now: now)
        roster.started(101, for: .restart(of: death), now: now)
        #expect(Self.deeds(roster.ended(Self.exited(101, 1), now: now)) == [.retry(at: now.advanced(by: .milliseconds(100)))])
        #expect(roster.retryDue() == [.start(.restart(of: death))])
    }

    @Test("does not replace a worker that dies while its successor starts, unless the successor also fails")
    func deathDuringReload() {
        var roster = served()
        _ = roster.reload(isHard: false)
        roster.started(101, for: .reload(isHard: false), now: now)
        #expect(Self.deeds(roster.ended(Self.died(100), now: now)).isEmpty)
        var other = roster
        #expect(Self.deeds(roster.ready(101)) == [.reloaded(true)])
        #expect(Self.deeds(other.ended(Self.exited(101, 1), now: now)) == [.reloaded(false), .start(.restart(of: Self.died(100)))])
    }

    @Test("stops with its workers, and starts no others", arguments: [SIGTERM, SIGUSR1])
    func stops(signal: Int32) {
        var roster = served()
        #expect(roster.stop(by: signal) == [.signal(signal, to: 100)])
        #expect(roster.reload(isHard: false) == [.reloaded(false)])
        #expect(roster.ended(Self.died(100), now: now) == [.exit(0)])
        var empty = WorkerRoster()
        #expect(empty.stop(by: signal) == [.exit(0)])
    }

    @Test("exits when its worker has stopped on another request, once the earlier workers have ended")
    func workerStops() {
        var roster = served()
        _ = roster.reload(isHard: false)
        roster.started(101, for: .reload(isHard: false), now: now)
        _ = roster.ready(101)
        #expect(roster.ended(Self.exited(101, 0), now: now).isEmpty)
        #expect(roster.ended(Self.exited(100, 0), now: now) == [.exit(0)])
    }

    @Test("stops at once a worker that becomes ready while the node stops", arguments: [0, 1, 2])
    func readyWhileStopping(kind: Int) {
        var roster = served()
        _ = roster.reload(isHard: false)
        roster.started(101, for: .reload(isHard: false), now: now)
        switch kind {
        case 0: _ = roster.stop(by: SIGUSR1)
        case 1: roster.recordDrain()
        default: #expect(roster.ended(Self.exited(100, 0), now: now).isEmpty)
        }
        #expect(roster.ready(101) == [.signal(SIGINT, to: 101)])
        #expect(roster.ended(Self.exited(101, 0), now: now) == (kind == 2 ? [.exit(0)] : []))
        if kind < 2 { #expect(roster.ended(Self.exited(100, 0), now: now) == [.exit(0)]) }
    }

    @Test("kills a worker that is silent for ten polls, once, and passes the cause to its successor")
    func silentWorker() {
        var roster = served()
        for _ in 1..<WorkerRoster.silentPollsMax { #expect(roster.poll().isEmpty) }
        roster.recordSignOfLife(100)
        for _ in 1..<WorkerRoster.silentPollsMax { #expect(roster.poll().isEmpty) }
        #expect(Self.deeds(roster.poll()) == [.signal(SIGKILL, to: 100)])
        #expect(roster.poll().isEmpty)
        let cause = "no sign of life for 10s"
        let death = ChildExit(process: 100, code: nil, signal: SIGKILL, cause: cause)
        #expect(roster.ended(Self.died(100), now: now).last == .start(.restart(of: death)))
        #expect(death.description == "signal 9 (\(cause))")
    }

    @Test("kills a silent earlier worker, and a silent one while the node stops, but none that starts")
    func silentOthers() {
        var roster = served()
        _ = roster.reload(isHard: false)
        roster.started(101, for: .reload(isHard: false), now: now)
        for _ in 1...WorkerRoster.silentPollsMax {
            roster.recordSignOfLife(100)
            #expect(roster.poll().isEmpty, "a starting worker sends nothing yet")
        }
        _ = roster.ready(101)
        var killed: [WorkerRoster.Effect] = []
        for _ in 1...WorkerRoster.silentPollsMax {
            roster.recordSignOfLife(101)
            killed += Self.deeds(roster.poll())
        }
        #expect(killed == [.signal(SIGKILL, to: 100)])
        _ = roster.ended(Self.died(100), now: now)
        _ = roster.stop(by: SIGUSR1)
        roster.recordSignOfLife(101)
        for _ in 1..<WorkerRoster.silentPollsMax { #expect(roster.poll().isEmpty) }
        #expect(Self.deeds(roster.poll()) == [.signal(SIGKILL, to: 101)])
        #expect(roster.ended(Self.died(101), now: now) == [.exit(0)])
    }

    @Test("reports a failed reload in one line: the first error, without its label")
    func firstAlert() {
        let text = "[WARNING]  (7) : haproxy.cfg:3: one\n[ALERT]    (7) : haproxy.cfg:9: unknown : two\n[ALERT]    (7) : three\n"
        #expect(Terminal.firstAlert(in: text) == "haproxy.cfg:9: unknown : two")
        #expect(Terminal.firstAlert(in: "new worker 7 was killed by signal 9\n") == "new worker 7 was killed by signal 9")
        #expect(Terminal.firstAlert(in: "") == "")
    }

    @Test("requests a worker's state less often, the longer the state takes", arguments: [(0, 1000), (8, 1000), (30, 3000), (80, 5000), (2000, 5000)])
    func statePause(taken: Int, pause: Int) {
        #expect(Succession.statePause(after: .milliseconds(taken)) == .milliseconds(pause))
    }

    @Test("never has two serving workers, and always one starting or scheduled while one should serve", arguments: 0..<32 as Range<UInt64>)
    func random(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var roster = WorkerRoster()
        var next: Int32 = 100
        var time = now
        var retry: Instant?
        func carryOut(_ effects: [WorkerRoster.Effect]) {
            for effect in effects {
                switch effect {
                case .start(let reason):
                    roster.started(next, for: reason, now: time)
                    next += 1
                case .retry(let at): retry = at
                default: break
                }
            }
        }
        carryOut([.start(.first)])
        carryOut(roster.ready(100))
        for step in 0..<300 {
            time = time.advanced(by: .milliseconds(Int.random(in: 0...900, using: &random)))
            if let due = retry, due <= time {
                retry = nil
                carryOut(roster.retryDue())
            }
            let worker = roster.workers.randomElement(using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: carryOut(roster.reload(isHard: Bool.random(using: &random)))
            case 1: if let worker { carryOut(roster.ready(worker.process)) }
            case 2: if let worker { carryOut(roster.ended(Self.died(worker.process), now: time)) }
            case 3: if let worker, worker.stage != .serving { carryOut(roster.ended(Self.exited(worker.process, 0), now: time)) }
            default: break
            }
            #expect(roster.workers.count { $0.stage == .serving } <= 1, "seed \(seed), step \(step)")
            let isStarting = roster.workers.contains { if case .starting = $0.stage { true } else { false } }
            #expect(roster.serving != nil || isStarting || retry != nil, "seed \(seed), step \(step): no worker serves or will serve")
        }
    }
}
