import Glibc
import LinuxIO
import Testing
import Wire

@testable import NodeAgent

@Suite("When a worker")
struct WorkerRosterEventTests {
    private static let now = Instant(nanoseconds: 1_000_000_000_000)
    private static let soft = WorkerRoster.StartReason.reload(isHard: false)
    private static let hard = WorkerRoster.StartReason.reload(isHard: true)

    private static func died(_ process: Int32) -> ChildExit { ChildExit(process: process, code: nil, signal: SIGKILL) }
    private static func exited(_ process: Int32, _ code: Int32) -> ChildExit { ChildExit(process: process, code: code, signal: nil) }
    private static func at(_ milliseconds: Int) -> Instant { now.advanced(by: .milliseconds(milliseconds)) }

    /// Process 100 serves.
    private func served() -> WorkerRoster {
        var roster = WorkerRoster()
        roster.started(100, for: .first, now: Self.now)
        _ = roster.ready(100)
        return roster
    }

    /// 100 serves, and 101 starts.
    private func reloading(_ reason: WorkerRoster.StartReason = soft) -> WorkerRoster {
        var roster = served()
        _ = roster.reload(isHard: reason == Self.hard)
        roster.started(101, for: reason, now: Self.now)
        return roster
    }

    private static func reports(_ effects: [WorkerRoster.Effect]) -> [String] {
        effects.compactMap { if case .report(_, let text) = $0 { text } else { nil } }
    }

    @Test("dies within its first second: its restart is delayed; after a second it is immediate", arguments: [(999, false), (1_000, true), (1_001, true)])
    func goodService(milliseconds: Int, isGood: Bool) {
        var roster = served()
        _ = roster.ended(Self.died(100), now: Self.now)
        roster.started(101, for: .restart(of: Self.died(100)), now: Self.now)
        _ = roster.ready(101)
        let (death, time) = (Self.died(101), Self.at(milliseconds))
        let next = roster.ended(death, now: time).last
        #expect(next == (isGood ? .start(.restart(of: death)) : .retry(at: time.advanced(by: .milliseconds(100)))))
    }

    @Test("dies a hundred times: the pause stays at five seconds")
    func manyDeaths() {
        var roster = served()
        var process: Int32 = 100
        for number in 0..<100 {
            let death = Self.died(process)
            let last = roster.ended(death, now: Self.now).last
            if number > 6 { #expect(last == .retry(at: Self.at(5_000)), "\(number)") }
            process += 1
            roster.started(process, for: .restart(of: death), now: Self.now)
            _ = roster.ready(process)
        }
    }

    @Test("is silent: the master kills it after ten polls, a second apart")
    func silence() {
        #expect(WorkerRoster.pollInterval * WorkerRoster.silentPollsMax == .seconds(10))
        var roster = served()
        for _ in 1...9 { #expect(roster.poll().isEmpty) }
        roster.recordSignOfLife(999)
        let effects = roster.poll()
        #expect(effects.last == .signal(SIGKILL, to: 100))
        #expect(Self.reports(effects) == ["killing worker 100: no sign of life for 10s; it hangs or was stopped"])
        #expect(roster.breached(100, "late").isEmpty, "a worker is killed only once")
    }

    @Test("breaks the protocol: the master kills it once, and passes the cause to its successor")
    func breach() {
        var roster = served()
        #expect(roster.breached(999, "nonsense").isEmpty)
        let effects = roster.breached(100, "it sent an invalid message")
        #expect(effects.last == .signal(SIGKILL, to: 100))
        #expect(Self.reports(effects) == ["killing worker 100: it sent an invalid message; it may be compromised"])
        #expect(roster.breached(100, "again").isEmpty)
        let death = ChildExit(process: 100, code: nil, signal: SIGKILL, cause: "it sent an invalid message")
        #expect(roster.ended(Self.died(100), now: Self.now).last == .start(.restart(of: death)))
    }

    @Test("is unknown: its events have no effect")
    func strangers() {
        var roster = served()
        #expect(roster.ended(Self.died(999), now: Self.now).isEmpty && roster.ready(999).isEmpty && roster.ready(100).isEmpty)
        #expect(roster.workers.map(\.process) == [100] && roster.serving?.process == 100 && !roster.isStopping)
    }

    @Test("was replaced: its orderly end is silent, any other end is reported")
    func formerWorker() {
        for (exit, words) in [
            (Self.exited(100, 0), []), (Self.exited(100, 1), ["old worker 100 died: \(Self.exited(100, 1).description); its sessions are lost"]),
            (Self.died(100), ["old worker 100 died: \(Self.died(100).description); its sessions are lost"]),
        ] as [(ChildExit, [String])] {
            var roster = reloading()
            _ = roster.ready(101)
            let effects = roster.ended(exit, now: Self.now)
            #expect(Self.reports(effects) == words && effects.count == words.count)
            #expect(roster.serving?.process == 101)
        }
    }

    @Test("ends before it is ready: the message names the worker that keeps serving")
    func notServing() {
        var roster = reloading()
        let effects = roster.ended(Self.exited(101, 3), now: Self.now)
        #expect(Self.reports(effects) == ["new worker 101 exited with code 3 before it was ready; worker 100 keeps serving"])
        #expect(effects.last == .reloaded(false) && roster.reloadsFailed == 1 && roster.reloads == 1)
        var first = WorkerRoster()
        first.started(100, for: .first, now: Self.now)
        let end = first.ended(Self.exited(100, 3), now: Self.now)
        #expect(Self.reports(end) == ["new worker 100 exited with code 3 before it was ready"] && end.last == .exit(3))
        first.started(100, for: .first, now: Self.now)
        #expect(first.ended(Self.died(100), now: Self.now).last == .exit(1))
    }

    @Test("serves after a reload: the earlier workers count the reload, and a message reports it")
    func servesAfterReload() {
        var roster = reloading()
        #expect(Self.reports(roster.ready(101)) == ["reloaded: worker 101 replaces 100"])
        #expect(roster.workers.map(\.reloads) == [1, 0] && roster.workers.map(\.stage) == [.leaving, .serving])
        var restarted = served()
        _ = restarted.ended(Self.died(100), now: Self.now)
        restarted.started(101, for: .restart(of: Self.died(100)), now: Self.now)
        #expect(restarted.ready(101).isEmpty && restarted.workers.map(\.reloads) == [0])
    }

    @Test("starts while reloads are requested: one reload follows, a hard one if any of them was hard")
    func waitingReloads() {
        for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
            var roster = reloading()
            #expect(roster.reload(isHard: first).isEmpty && roster.reload(isHard: second).isEmpty && roster.reloads == 3)
            var failed = roster
            #expect(roster.ready(101).last == .start(.reload(isHard: first || second)))
            #expect(failed.ended(Self.exited(101, 1), now: Self.now).suffix(2) == [.reloaded(false), .start(.reload(isHard: first || second))])
        }
    }

    @Test("is due for a restart: the master starts none while another serves or starts, without a death, or while the node stops")
    func retryDue() {
        var roster = WorkerRoster()
        #expect(roster.retryDue().isEmpty, "no death")
        roster = served()
        let death = Self.died(100)
        _ = roster.ended(death, now: Self.now)
        #expect(roster.retryDue() == [.start(.restart(of: death))])
        var stopping = roster
        stopping.recordDrain()
        #expect(stopping.isStopping && stopping.retryDue().isEmpty && stopping.reload(isHard: false) == [.reloaded(false)] && stopping.reloads == 0)
        roster.started(101, for: .restart(of: death), now: Self.now)
        #expect(roster.retryDue().isEmpty, "a worker starts")
        _ = roster.ready(101)
        #expect(roster.retryDue().isEmpty, "a worker serves")
    }

    @Test("cannot be started: a reload fails, a restart is retried later, and nothing follows while the node stops")
    func startFails() {
        var roster = served()
        _ = roster.reload(isHard: false)
        #expect(roster.startFailed(for: Self.soft, now: Self.now) == [.reloaded(false)] && roster.reloadsFailed == 1)
        let death = Self.died(100)
        #expect(roster.ended(death, now: Self.now).last == .start(.restart(of: death)))
        #expect(roster.startFailed(for: .restart(of: death), now: Self.now) == [.retry(at: Self.at(100))])
        #expect(roster.startFailed(for: Self.soft, now: Self.now) == [.reloaded(false), .retry(at: Self.at(200))], "no worker serves")
        var stopping = reloading()
        _ = stopping.reload(isHard: false)
        #expect(stopping.stop(by: SIGTERM) == [.signal(SIGTERM, to: 100), .signal(SIGTERM, to: 101)])
        #expect(stopping.startFailed(for: Self.soft, now: Self.now) == [.reloaded(false)])
        #expect(stopping.startFailed(for: .restart(of: death), now: Self.now).isEmpty)
        #expect(stopping.ended(Self.exited(101, 0), now: Self.now).isEmpty && stopping.ended(Self.exited(100, 0), now: Self.now) == [.exit(0)])
    }

    @Test("has replaced a dead one, and a reload fails: it keeps serving, and no other one starts")
    func failedReloadAfterDeath() {
        var roster = served()
        _ = roster.ended(Self.died(100), now: Self.now)
        roster.started(101, for: .restart(of: Self.died(100)), now: Self.now)
        _ = roster.ready(101)
        _ = roster.reload(isHard: false)
        roster.started(102, for: Self.soft, now: Self.now)
        let effects = roster.ended(Self.exited(102, 1), now: Self.now)
        #expect(effects.last == .reloaded(false) && effects.count == 2 && roster.serving?.process == 101)
    }

    @Test("dies while a reload starts and another one waits: if the first fails, only the waiting one starts")
    func failedReloadWithAnotherWaiting() {
        var roster = served()
        _ = roster.reload(isHard: false)
        roster.started(101, for: Self.soft, now: Self.now)
        _ = roster.reload(isHard: true)
        _ = roster.ended(Self.died(100), now: Self.now)
        let effects = roster.ended(Self.exited(101, 1), now: Self.now)
        #expect(roster.serving == nil && effects.suffix(2) == [.reloaded(false), .start(.reload(isHard: true))], "\(effects)")
    }

    @Test("ends in order while it serves: the node stops after all workers have ended")
    func toldToStop() {
        var roster = served()
        #expect(roster.ended(Self.exited(100, 0), now: Self.now) == [.exit(0)] && roster.isStopping)
        roster = served()
        let effects = roster.ended(Self.exited(100, 2), now: Self.now)
        #expect(!roster.isStopping && effects.last == .start(.restart(of: Self.exited(100, 2))))
        #expect(Self.reports(effects) == ["worker 100 died: \(Self.exited(100, 2).description); its sessions are lost, a new worker takes its place"])
    }

    @Test("dies while another one starts: no further one starts")
    func oneOnItsWay() {
        var roster = reloading(Self.hard)
        let effects = roster.ended(Self.died(100), now: Self.now)
        #expect(effects.count == 1 && Self.reports(effects).count == 1)
        #expect(Self.reports(roster.ready(101)).count == 1 && roster.serving?.process == 101)
    }
}
