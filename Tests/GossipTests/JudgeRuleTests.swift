import Testing
import Wire

@testable import Gossip

/// A judge, its clock, and the outputs since they were last read.
private struct Bench {
    static let here = SocketAddress.ip(.v4(9), port: 3_306)
    static let first = ServerID(1)
    static let second = ServerID(2)

    var judge: Judge
    var now = Instant(nanoseconds: 100_000_000_000)
    var outputs: [JudgeOutput] = []

    init(_ policy: VerdictPolicy = .fastDown, rise: Int = 2, fall: Int = 3, minUp: Int = 0, servers: Int = 1, rules: SafetyRules = .all) {
        judge = Judge(rules: rules)
        judge.configure(
            (1...servers).map { GossipServer(id: ServerID(UInt64($0)), name: "s\($0)", proxy: 0, rise: rise, fall: fall, policy: policy, minUp: minUp) })
    }

    var view: ServerView { judge.views[0] }
    var verdict: ServerVerdict { view.verdict }

    mutating func look(
        _ finding: Finding, at id: ServerID = first, by source: ObservationSource = .check, address: SocketAddress? = here, rows: [HealthRow] = [],
        after time: Duration = .zero
    ) {
        now = now.advanced(by: time)
        judge.observe(id, Observation(finding, by: source, address: address), witnesses: rows, now: now, into: &outputs)
    }

    mutating func hear(_ rows: [HealthRow], on id: ServerID = first, after time: Duration = .zero) {
        now = now.advanced(by: time)
        judge.reconsider(id, witnesses: rows, now: now, into: &outputs)
    }

    /// The effects of all deadlines within `time`.
    mutating func tick(after time: Duration = .zero, rows: [HealthRow] = []) -> [JudgeOutput] {
        now = now.advanced(by: time)
        outputs = []
        judge.tick(now: now, witnesses: { _ in rows }, into: &outputs)
        return outputs
    }

    /// A peer's health row: its finding and the finding's age.
    func row(
        _ verdict: HealthVerdict = .up, failures: UInt16 = 1, from peer: UInt64 = 7, on id: ServerID = first, age: Duration = .zero,
        address: SocketAddress? = here
    ) -> HealthRow {
        HealthRow(
            observer: NodeID(peer), session: 1, version: 1, server: id, verdict: verdict, failures: failures, observed: now.advanced(by: .zero - age),
            address: address)
    }
}

@Suite("A node's own checks of a server")
struct ServerViewTests {
    @Test("take it down at the first failure, then after `fall` in a row, and up after `rise`")
    func counts() {
        var bench = Bench()
        #expect(bench.view.ownFailures == 2 && !bench.view.isOwnDown && bench.view.opposite == .down && bench.verdict == .up)
        bench.look(.failedWithResponse)
        #expect(bench.verdict == .down(.ownChecks) && bench.view.isOwnDown && bench.view.ownFailures == 3 && bench.view.opposite == .up)
        #expect(!bench.view.isUsable)
        bench.look(.passed)
        #expect(bench.verdict == .down(.ownChecks) && bench.view.isOwnDown)
        bench.look(.failedWithResponse)
        bench.look(.passed)
        #expect(bench.verdict == .down(.ownChecks) && bench.view.isOwnDown, "passes in a row")
        bench.look(.passed)
        #expect(bench.verdict == .up && !bench.view.isOwnDown && bench.view.ownFailures == 0 && bench.view.isUsable)
        for failures in 1...2 {
            bench.look(.failedWithoutResponse)
            #expect(bench.verdict == .up && bench.view.ownFailures == failures)
        }
        bench.look(.passed)
        for _ in 1...2 { bench.look(.accessDenied) }
        #expect(bench.verdict == .up, "failures in a row")
        bench.look(.accessDenied)
        #expect(bench.verdict == .down(.ownChecks))
        var slow = Bench(rise: 3)
        slow.look(.failedWithResponse)
        for _ in 1...2 { slow.look(.passed) }
        #expect(slow.view.isOwnDown)
        slow.look(.passed)
        #expect(!slow.view.isOwnDown && slow.verdict == .up)
    }

    @Test("by sessions count as evidence and not towards `fall`; this node's own faults count as neither")
    func sources() {
        var bench = Bench(fall: 2)
        bench.look(.passed)
        for _ in 1...5 { bench.look(.failedWithResponse, by: .traffic, after: .milliseconds(100)) }
        #expect(bench.verdict == .up && bench.view.freshEvidence(now: bench.now) == 2 && bench.view.last?.finding == .passed)
        bench.look(.passed, by: .traffic)
        #expect(bench.view.freshEvidence(now: bench.now) == 2, "a connected session does not replace a check")
        let passedAt = bench.view.passedAt
        for _ in 1...5 { bench.look(.ownFault, after: .milliseconds(100)) }
        #expect(bench.verdict == .up && bench.view.ownFailures == 0 && bench.view.passedAt == passedAt && bench.view.lastAt == bench.now)
        #expect([Finding.failedWithResponse, .failedWithoutResponse, .accessDenied].allSatisfy { $0.isFailure })
        #expect(![Finding.passed, .full, .blocked, .ownFault].contains { $0.isFailure })
    }

    @Test("count as one failure when they are close together: 50 ms, and 500 ms when one of them was silent")
    func spacing() {
        for (first, second, pause) in [
            (Finding.failedWithResponse, Finding.failedWithResponse, 50), (.failedWithResponse, .failedWithoutResponse, 500),
            (.failedWithoutResponse, .failedWithResponse, 500),
            (.failedWithoutResponse, .failedWithoutResponse, 500),
        ] {
            for (wait, count) in [(pause - 1, 1), (pause, 2)] {
                var bench = Bench(fall: 9)
                bench.look(.passed)
                bench.look(first)
                bench.look(second, after: .milliseconds(wait))
                #expect(bench.view.freshEvidence(now: bench.now) == count, "\(first), then \(second) after \(wait) ms")
            }
        }
        var unspaced = Bench(fall: 9, rules: SafetyRules.all.subtracting(.spacing))
        unspaced.look(.passed)
        for _ in 1...2 { unspaced.look(.failedWithResponse) }
        #expect(unspaced.view.freshEvidence(now: unspaced.now) == 2)
    }

    @Test("are evidence for two seconds, at most two of them, until a pass or another address")
    func lifetime() {
        var bench = Bench(fall: 9)
        bench.look(.passed)
        for _ in 1...3 { bench.look(.failedWithResponse, after: .milliseconds(100)) }
        let last = bench.now
        #expect(bench.view.freshEvidence(now: last) == 2 && bench.view.evidence.count == 2)
        #expect(bench.view.freshEvidence(now: last.advanced(by: .milliseconds(1_900))) == 2)
        #expect(bench.view.freshEvidence(now: last.advanced(by: .milliseconds(2_000))) == 1)
        #expect(bench.view.freshEvidence(now: last.advanced(by: .milliseconds(2_001))) == 0)
        #expect(bench.view.nextSpacedAt == last.advanced(by: .milliseconds(50)))
        bench.look(.failedWithoutResponse, after: .seconds(1))
        #expect(bench.view.nextSpacedAt == bench.now.advanced(by: .milliseconds(500)))
        var moved = bench
        moved.judge.setAddress(Bench.first, .ip(.v4(10), port: 3_306))
        #expect(moved.view.evidence.isEmpty && moved.view.passedAt == nil && moved.view.nextSpacedAt == nil)
        bench.judge.setAddress(Bench.first, Bench.here)
        #expect(bench.view.evidence.count == 2, "the same address")
        bench.look(.passed)
        #expect(bench.view.evidence.isEmpty && bench.view.passedAt == bench.now)
    }

    @Test("skip a full server for a second, doubling to eight, until a pass or another address")
    func full() {
        var bench = Bench()
        for seconds in [1, 2, 4, 8, 8] {
            bench.look(.full)
            #expect(bench.verdict == .full(until: bench.now.advanced(by: .seconds(seconds))))
            #expect(bench.view.isOnlyFull && !bench.view.isUsable && bench.judge.nextDeadline == bench.now.advanced(by: .seconds(seconds)))
            #expect(bench.tick(after: .seconds(seconds) - .nanoseconds(1)).isEmpty)
            #expect(bench.tick(after: .nanoseconds(1)) == [.verdictChanged(Bench.first, .up)])
        }
        bench.look(.full)
        bench.outputs = []
        bench.look(.passed)
        #expect(bench.outputs.contains(.verdictChanged(Bench.first, .up)) && bench.verdict == .up)
        bench.look(.full)
        #expect(bench.verdict == .full(until: bench.now.advanced(by: .seconds(1))))
        bench.judge.setAddress(Bench.first, nil)
        #expect(bench.verdict == .up && bench.judge.nextDeadline == nil)
        bench.look(.full)
        bench.judge.planRequestedCheck(Bench.first, now: bench.now)
        #expect(bench.judge.nextDeadline == bench.now, "the earlier deadline")
        // FULL has no effect on a server that is out for another reason.
        bench.look(.full)
        bench.judge.setLocalState(Bench.first, .drain)
        #expect(!bench.view.isOnlyFull && !bench.view.isUsable)
    }

    @Test("that are refused block it until `rise` passes, for this node only")
    func blocked() {
        var bench = Bench()
        bench.look(.passed)
        bench.look(.blocked)
        #expect(bench.verdict == .blocked && !bench.view.isUsable && !bench.view.isOnlyFull && !bench.view.isOwnDown)
        bench.look(.passed)
        bench.look(.blocked)
        bench.look(.passed)
        #expect(bench.verdict == .blocked)
        bench.look(.passed)
        #expect(bench.verdict == .up && bench.view.isUsable)
    }

    @Test("are forgotten when a maintenance ends: up, and one failure takes it down")
    func forgotten() {
        var bench = Bench()
        bench.look(.passed)
        for _ in 1...3 { bench.look(.failedWithResponse) }
        bench.judge.forgetChecks(Bench.first)
        #expect(bench.verdict == .up && bench.view.last == nil && bench.view.lastAt == nil && bench.view.passedAt == nil)
        #expect(bench.view.evidence.isEmpty && bench.view.ownFailures == 2 && bench.view.passesWhileDown == 0)
        bench.look(.failedWithResponse)
        #expect(bench.verdict == .down(.ownChecks))
        bench.judge.forgetChecks(ServerID(99))
    }
}

@Suite("A peer's statement about a server")
struct PeerWordTests {
    /// After a pass, `own` failures of this node that are far enough apart to count separately.
    private func failed(_ own: Int, _ policy: VerdictPolicy = .fastDown, rules: SafetyRules = .all) -> Bench {
        var bench = Bench(policy, fall: 9, rules: rules)
        bench.look(.passed)
        for _ in 0..<own { bench.look(.failedWithResponse, after: .milliseconds(60)) }
        return bench
    }

    @Test(
        "takes it down when there are two own failures and at least one of the peer, three in all",
        arguments: [(0, 9, false), (1, 2, false), (1, 9, false), (2, 0, false), (2, 1, true), (2, 2, true)])
    func thresholds(own: Int, peers: UInt16, isDown: Bool) {
        var bench = failed(own)
        bench.hear([bench.row(failures: peers)])
        #expect(bench.verdict == (isDown ? .down(.ownAndPeers) : .up))
        #expect(bench.outputs.contains(.verdictChanged(Bench.first, .down(.ownAndPeers))) == isDown)
        var alone = failed(own, .own)
        alone.hear([alone.row(.down, failures: peers)])
        #expect(alone.verdict == .up)
    }

    @Test("needs three failures of all peers together when own evidence is not required")
    func withoutOwnEvidence() {
        var bench = failed(0, rules: SafetyRules.all.subtracting(.ownEvidence))
        bench.hear([bench.row(failures: 2)])
        #expect(bench.verdict == .up)
        bench.hear([bench.row(failures: 2), bench.row(failures: 1, from: 8)])
        #expect(bench.verdict == .down(.ownAndPeers))
        bench = failed(2, rules: SafetyRules.all.subtracting(.ownEvidence))
        bench.hear([])
        #expect(bench.verdict == .up, "a peer's failure is required")
    }

    @Test("counts for two seconds, for the same address only, and only from a peer that has checked the server itself")
    func whatCounts() {
        for (row, isDown) in [
            (failed(2).row(age: .seconds(2)), true), (failed(2).row(age: .seconds(2) + .nanoseconds(1)), false), (failed(2).row(.down), true),
            (failed(2).row(.unknown), false), (failed(2).row(.full), false), (failed(2).row(.blocked), false),
            (failed(2).row(address: .ip(.v4(10), port: 3_306)), false), (failed(2).row(address: nil), false),
        ] {
            var bench = failed(2)
            bench.hear([row])
            #expect((bench.verdict == .down(.ownAndPeers)) == isDown, "\(row)")
        }
        var nowhere = Bench(.anyDown)
        nowhere.hear([nowhere.row(.down, address: nil)])
        #expect(nowhere.verdict == .up, "two unknown addresses do not match")
    }

    @Test("DOWN suffices under `any-down` and keeps the server down while it lasts; passes are counted meanwhile")
    func anyDown() {
        var bench = failed(0, .anyDown)
        bench.look(.passed, at: Bench.second)
        bench.hear([bench.row(.up, failures: 9)])
        #expect(bench.verdict == .up)
        bench.judge.configure([1, 2].map { GossipServer(id: ServerID($0), name: "s", proxy: 0, rise: 2, fall: 9, policy: .anyDown) })
        bench.hear([bench.row(.down, failures: 0)])
        #expect(bench.verdict == .down(.peers) && !bench.view.isOwnDown)
        let down = bench.row(.down)
        for _ in 1...3 { bench.look(.passed, rows: [down]) }
        #expect(bench.verdict == .down(.peers))
        bench.look(.passed, rows: [bench.row(.up, failures: 0), bench.row(.down, from: 8, address: .ip(.v4(10), port: 3_306))])
        #expect(bench.verdict == .up, "UP at the first pass after the statement has ended")
        var fast = Bench(.fastDown)
        fast.look(.failedWithResponse)
        for _ in 1...2 { fast.look(.passed, rows: [fast.row(.down)]) }
        #expect(fast.verdict == .up, "only under any-down")
        bench = failed(2, .anyDown)
        bench.judge.configure([1, 2].map { GossipServer(id: ServerID($0), name: "s", proxy: 0, rise: 2, fall: 9, policy: .anyDown) })
        bench.hear([bench.row(.up, failures: 1)])
        #expect(bench.verdict == .down(.ownAndPeers), "the same as fast-down")
        // `rise` passes are required after a peer's statement as well.
        bench.look(.passed)
        #expect(bench.verdict == .down(.ownAndPeers))
        bench.look(.passed)
        #expect(bench.verdict == .up)
    }

    @Test("does not take it down below min-up, whether it is usable or full, unless it takes no sessions anyway")
    func floor() {
        var bench = Bench(.fastDown, fall: 9, minUp: 1, servers: 2)
        bench.look(.passed)
        bench.look(.passed, at: Bench.second)
        for _ in 1...2 { bench.look(.failedWithResponse, after: .milliseconds(60)) }
        var other = bench
        other.hear([other.row()])
        #expect(other.verdict == .down(.ownAndPeers) && !other.view.isHeldUp)
        bench.judge.setLocalState(Bench.second, .drain)
        var full = bench
        bench.hear([bench.row()])
        #expect(bench.verdict == .up && bench.view.isHeldUp && bench.view.checkAt == nil, "it has failed two checks already")
        full.look(.full, rows: [full.row()])
        #expect(full.view.isDown == nil && full.view.isHeldUp)
        var drained = bench
        drained.judge.setLocalState(Bench.first, .drain)
        drained.hear([drained.row()])
        #expect(drained.view.isDown == .ownAndPeers, "it takes no sessions anyway")
        // The other server is usable again: the one that was held up is checked at the earliest time at which a failure counts.
        bench.judge.setLocalState(Bench.second, .ready)
        #expect(bench.view.isHeldUp)
        bench.look(.passed, at: Bench.second)
        #expect(!bench.view.isHeldUp && bench.view.checkAt == bench.view.nextSpacedAt)
        var unguarded = Bench(.fastDown, fall: 9, minUp: 1, rules: SafetyRules.all.subtracting(.minUp))
        unguarded.look(.passed)
        for _ in 1...2 { unguarded.look(.failedWithResponse, after: .milliseconds(60)) }
        unguarded.hear([unguarded.row()])
        #expect(unguarded.verdict == .down(.ownAndPeers) && !unguarded.view.isHeldUp)
    }

    @Test("of a failure requests a check when this node has none as recent")
    func requests() {
        var bench = Bench(fall: 9)
        bench.hear([bench.row(address: nil)])
        #expect(bench.view.checkAt == nil)
        bench.look(.passed)
        bench.hear([bench.row()])
        #expect(bench.view.checkAt == nil, "this node's check is as recent")
        bench.hear([bench.row(age: .milliseconds(1))], after: .milliseconds(1))
        #expect(bench.view.checkAt == nil, "it has passed here more recently")
        bench.hear([bench.row()], after: .milliseconds(1))
        #expect(bench.view.checkAt == bench.now && bench.judge.nextDeadline == bench.now)
        bench.hear([bench.row(failures: 0)])
        #expect(bench.view.checkAt == nil && bench.judge.nextDeadline == nil, "the failure has ended")
        var unseen = Bench(fall: 9)
        unseen.judge.setAddress(Bench.first, Bench.here)
        unseen.hear([unseen.row(age: .seconds(1))])
        #expect(unseen.view.checkAt == unseen.now, "never checked")
        var maintained = unseen
        maintained.judge.setAdministrative(Bench.first, .maint, isClusterCommand: false)
        maintained.hear([maintained.row()])
        #expect(maintained.view.checkAt == nil)
        unseen.judge.setAdministrative(Bench.first, .drain, isClusterCommand: false)
        unseen.hear([unseen.row()])
        #expect(unseen.view.checkAt == unseen.now, "a draining server is checked")
        for own in 0...2 {
            bench = failed(own)
            bench.now = bench.now.advanced(by: .milliseconds(1))
            bench.hear([bench.row(failures: 1)])
            #expect((bench.view.checkAt != nil) == (own < 2), "\(own)")
        }
        bench = failed(1, .own)
        bench.hear([bench.row()], after: .milliseconds(1))
        #expect(bench.view.checkAt == nil)
        bench.judge.planRequestedCheck(Bench.first, now: bench.now)
        #expect(bench.view.checkAt == nil, "only own checks count")
        var down = Bench()
        down.look(.failedWithResponse)
        down.hear([down.row()], after: .milliseconds(1))
        #expect(down.view.checkAt == nil)
    }

    @Test("requests a check at most once in 100 ms, once a second while unanswered, and not before a failure would count")
    func pace() {
        var bench = Bench(fall: 9)
        bench.look(.passed)
        bench.judge.planRequestedCheck(Bench.first, now: bench.now)
        let asked = bench.now
        #expect(bench.view.checkAt == asked && bench.tick() == [.requestCheck(Bench.first)])
        #expect(bench.view.checkAt == nil && bench.view.requestedAt == asked && bench.view.isAwaitingCheck && bench.tick().isEmpty)
        bench.judge.planRequestedCheck(Bench.first, now: bench.now.advanced(by: .milliseconds(1)))
        #expect(bench.view.checkAt == asked.advanced(by: .seconds(1)))
        #expect(bench.tick(after: .milliseconds(999)).isEmpty && bench.tick(after: .milliseconds(1)) == [.requestCheck(Bench.first)])
        bench.look(.passed)
        #expect(!bench.view.isAwaitingCheck)
        bench.judge.planRequestedCheck(Bench.first, now: bench.now)
        #expect(bench.view.checkAt == bench.now.advanced(by: .milliseconds(100)))
        bench.look(.failedWithResponse, after: .seconds(5))
        bench.judge.planRequestedCheck(Bench.first, now: bench.now)
        #expect(bench.view.checkAt == bench.now.advanced(by: .milliseconds(50)))
        bench.judge.planRequestedCheck(Bench.first, now: bench.now.advanced(by: .milliseconds(70)))
        #expect(bench.view.checkAt == bench.now.advanced(by: .milliseconds(70)))
        bench.judge.planRequestedCheck(ServerID(99), now: bench.now)
    }

    @Test("that differs for 30 s is reported once, with its observer, and again after a new difference")
    func differs() {
        var bench = Bench(.own)
        bench.judge.setAddress(Bench.first, Bench.here)
        bench.hear([bench.row(.down)])
        #expect(bench.view.differsSince == nil, "this node has not checked it")
        bench.look(.passed, rows: [bench.row(.up)])
        #expect(bench.view.differsSince == nil && bench.judge.nextDeadline == nil)
        bench.hear([bench.row(.down)])
        let since = bench.now
        bench.hear([bench.row(.down)], after: .seconds(10))
        #expect(bench.view.differsSince == since && bench.judge.nextDeadline == since.advanced(by: .seconds(30)))
        let elsewhere = bench.row(.down, from: 7, address: .ip(.v4(10), port: 3_306))
        let rows = [bench.row(.up, from: 6), elsewhere, bench.row(.down, from: 8)]
        #expect(bench.tick(after: .milliseconds(19_999), rows: rows).isEmpty)
        #expect(bench.tick(after: .milliseconds(1), rows: rows) == [.viewsDiffer(Bench.first, observer: NodeID(8))])
        #expect(bench.judge.nextDeadline == nil && bench.tick(after: .seconds(60), rows: rows).isEmpty)
        bench.hear([bench.row(.down)])
        #expect(bench.tick(rows: rows).isEmpty && bench.view.differsSince == since)
        bench.hear([bench.row(.up)])
        #expect(bench.view.differsSince == nil && !bench.view.isDifferenceReported)
        bench.hear([bench.row(.down)])
        #expect(bench.tick(after: .seconds(30), rows: rows) == [.viewsDiffer(Bench.first, observer: NodeID(8))])
        bench.look(.blocked, rows: [bench.row(.down)])
        #expect(bench.view.differsSince == nil, "the server refuses this node")
        var opposed = Bench(.own)
        opposed.look(.passed, rows: [opposed.row(.down)])
        var moved = opposed
        #expect(opposed.tick(after: .seconds(30), rows: rows) == [.viewsDiffer(Bench.first, observer: NodeID(8))], "from its first check on")
        moved.judge.setAddress(Bench.first, nil)
        #expect(moved.view.differsSince == nil && moved.judge.nextDeadline == nil)
    }
}

@Suite("A judge")
struct JudgeCircumstanceTests {
    @Test("suspects its own node when two or more servers all fail alike, and republishes every server")
    func isolation() {
        for (finding, isAlone) in [(Finding.failedWithoutResponse, true), (.accessDenied, true), (.failedWithResponse, false), (.passed, false)] {
            var bench = Bench(servers: 2)
            bench.look(finding)
            #expect(!bench.judge.isIsolated && bench.outputs.contains(.publish(Bench.first)) && !bench.outputs.contains(.publish(Bench.second)))
            bench.outputs = []
            bench.look(finding, at: Bench.second)
            #expect(bench.judge.isIsolated == isAlone, "\(finding)")
            #expect(bench.outputs.filter { $0 == .publish(Bench.first) }.count == (isAlone ? 1 : 0))
            #expect(bench.outputs.filter { $0 == .publish(Bench.second) }.count == 1)
            bench.outputs = []
            bench.look(finding, at: Bench.second)
            #expect(!bench.outputs.contains(.publish(Bench.first)), "nothing has changed")
            bench.outputs = []
            bench.look(.full, at: Bench.second)
            #expect(!bench.judge.isIsolated && bench.outputs.contains(.publish(Bench.first)) == isAlone)
        }
        var mixed = Bench(servers: 2)
        mixed.look(.failedWithoutResponse)
        mixed.look(.accessDenied, at: Bench.second)
        #expect(!mixed.judge.isIsolated)
        var differing = Bench(.own, servers: 2)
        for id in [Bench.first, Bench.second] { differing.look(.failedWithoutResponse, at: id) }
        differing.hear([differing.row(.up)])
        #expect(differing.view.differsSince == nil, "the fault may be this node's")
    }

    @Test("keeps the state and deadlines of the servers that stay, in the order of their ids")
    func configured() {
        var bench = Bench(servers: 3)
        bench.look(.full, at: ServerID(2))
        let due = bench.judge.nextDeadline
        let servers = [5, 2, 4].map { GossipServer(id: ServerID($0), name: "new", proxy: 1, rise: 7) }
        bench.judge.configure(servers)
        #expect(bench.judge.views.map(\.server.id) == [2, 4, 5].map { ServerID($0) } && bench.judge.views.allSatisfy { $0.server.rise == 7 })
        #expect(bench.judge.nextDeadline == due && due != nil && bench.judge.view(of: ServerID(2))?.verdict == .full(until: due ?? bench.now))
        #expect([1, 3, 6].allSatisfy { bench.judge.index(ServerID($0)) == nil } && bench.judge.index(ServerID(5)) == 2)
        #expect(bench.judge.usableCount(ofProxy: 1) == 2 && bench.judge.usableCount(ofProxy: 0) == 0)
        bench.judge.configure([GossipServer(id: ServerID(4), name: "new", proxy: 1)])
        #expect(bench.judge.nextDeadline == nil)
    }

    @Test("applies the stricter of an operator's state and the circumstances, and remembers a cluster command")
    func administered() {
        var bench = Bench()
        #expect(!bench.view.isSetByClusterCommand)
        bench.judge.setAdministrative(Bench.first, .drain, isClusterCommand: true)
        #expect(bench.view.effectiveState == .drain && bench.view.isSetByClusterCommand && !bench.view.isUsable)
        bench.judge.setAdministrative(Bench.first, .drain, isClusterCommand: false)
        #expect(bench.view.isSetByClusterCommand, "the cluster command has set this state already")
        bench.judge.setAdministrative(Bench.first, .ready, isClusterCommand: false)
        #expect(bench.view.effectiveState == .ready && !bench.view.isSetByClusterCommand)
        bench.judge.setAdministrative(Bench.first, .ready, isClusterCommand: true)
        #expect(bench.view.isSetByClusterCommand)
        bench.judge.setLocalState(Bench.first, .maint)
        #expect(bench.view.effectiveState == .maint)
        bench.judge.setAdministrative(Bench.first, .drain, isClusterCommand: false)
        #expect(bench.view.effectiveState == .maint)
        bench.judge.setLocalState(Bench.first, .ready)
        #expect(bench.view.effectiveState == .drain)
    }

    @Test("takes `rise` and `fall` of at least 1, and a min-up of at least 0, or 1 under `any-down`")
    func thresholds() {
        let odd = GossipServer(id: Bench.first, name: "s", proxy: 0, rise: 0, fall: -3, policy: .anyDown, minUp: 0)
        #expect(odd.rise == 1 && odd.fall == 1 && odd.minUp == 1)
        let other = GossipServer(id: Bench.first, name: "s", proxy: 0, rise: 4, fall: 5, policy: .fastDown, minUp: -1)
        #expect(other.rise == 4 && other.fall == 5 && other.minUp == 0)
        #expect(GossipServer(id: Bench.first, name: "s", proxy: 0, policy: .own, minUp: 2).minUp == 2)
    }

    @Test("has a switch for each safety rule")
    func rules() {
        let rules: [SafetyRules] = [
            .ownObservation, .gapCredit, .proofBeforeAddress, .windowCommitOrder, .refutation, .ownEvidence, .spacing, .minUp, .sessionHorizon, .stampHorizon,
        ]
        #expect(rules.allSatisfy { $0.rawValue.nonzeroBitCount == 1 } && Set(rules.map(\.rawValue)).count == rules.count)
        #expect(rules.allSatisfy { SafetyRules.all.contains($0) } && SafetyRules.all.rawValue.nonzeroBitCount == rules.count)
    }
}
