import Proxy
import Support
import Testing
import Wire

/// A judge of several servers, all up, and a clock that the test moves.
struct JudgedServers {
    var judge: DatabaseJudge
    var isAvailable: [Bool]
    var now = Instant(nanoseconds: 1_000_000_000)

    init(_ count: Int, _ change: (inout DatabaseSettings) -> Void = { _ in }) {
        var settings = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
        settings.role = .replica
        settings.lagMax = .seconds(10)
        change(&settings)
        judge = DatabaseJudge(settings, servers: count)
        isAvailable = Array(repeating: true, count: count)
    }

    static func replica(lag: Duration?, _ change: (inout DatabaseView) -> Void = { _ in }) -> DatabaseFindings {
        var view = DatabaseView(version: "10.11.6-MariaDB", isReadOnly: true)
        view.channels = [ReplicationChannel(receiver: lag == nil ? .connecting : .running, lag: lag)]
        change(&view)
        return .seen(view)
    }

    /// A replica whose receiver has no connection to its source, so that its lag is unknown.
    static let disconnected = replica(lag: nil)
    static let stopped = replica(lag: nil) { $0.channels = [ReplicationChannel(applier: .stopped)] }

    /// The view of a check in which these queries have no answer.
    static func silent(_ questions: DatabaseQuestion..., code: Int = 0, _ change: (inout DatabaseView) -> Void = { _ in }) -> DatabaseFindings {
        replica(lag: .zero) { view in
            view.unanswered = questions.map { UnansweredQuestion($0, name: "\($0)", DatabaseProblem(code: code, text: "no answer within 1s")) }
            change(&view)
        }
    }

    /// Applies one check of each server, a second later.
    mutating func look(_ looks: [DatabaseFindings]) {
        now = now.advanced(by: .seconds(1))
        for (server, look) in looks.enumerated() { judge.apply(look, of: server, now: now) }
        decide()
    }

    /// Applies a check of one server, `pause` after the last one.
    mutating func look(at server: Int, _ look: DatabaseFindings, after pause: Duration) {
        now = now.advanced(by: pause)
        judge.apply(look, of: server, now: now)
        decide()
    }

    /// Applies checks with these lags in seconds, one for each server.
    mutating func look(lags: [Int]) { look(lags.map { Self.replica(lag: .seconds($0)) }) }

    mutating func decide() { judge.decide(isAvailable: isAvailable, now: now) }

    var fit: [Int] { judge.states.indices.filter { judge.states[$0].fitness.isFit } }

    /// The servers that take sessions despite a fault.
    var kept: [Int] { judge.states.indices.filter { judge.states[$0].isKept } }

    func reason(_ server: Int) -> String {
        if case .unfit(let reason) = judge.states[server].fitness { reason } else { "fit" }
    }
}

@Suite("The judge of replicas")
struct DatabaseJudgeTests {
    @Test("takes a replica out above max-lag and in again below half of it")
    func hysteresis() {
        var servers = JudgedServers(2)
        var seen: [Bool] = []
        for lag in [0, 9, 10, 11, 37, 10, 9, 5, 4, 6, 10, 11] {
            servers.look(lags: [lag, 0])
            seen.append(servers.fit.contains(0))
        }
        #expect(seen == [true, true, true, false, false, false, false, false, true, true, true, false])
        #expect(servers.reason(0) == "replication lag 11s > 10s")
        servers.look(lags: [7, 0])
        #expect(servers.reason(0) == "replication lag 7s, back in below 5s")
    }

    @Test("gives the reason in plain words")
    func reasons() {
        let stopped = DatabaseProblem(code: 1062, text: "Duplicate entry '1' for key 'PRIMARY'")
        let cases: [(DatabaseFindings, String)] = [
            (JudgedServers.replica(lag: .milliseconds(12_345)), "replication lag 12s > 10s"),
            (
                JudgedServers.replica(lag: nil) { $0.channels = [ReplicationChannel(applier: .stopped, applierError: stopped)] },
                "replica SQL thread stopped: error 1062 Duplicate entry '1' for key 'PRIMARY'"
            ),
            (
                JudgedServers.replica(lag: .zero) {
                    $0.channels.append(ReplicationChannel(name: "east", receiver: .stopped, receiverError: DatabaseProblem(code: 1236, text: "gone")))
                }, "replica IO thread of channel 'east' stopped: error 1236 gone"
            ),
            (JudgedServers.replica(lag: .zero) { $0.isReadOnly = false }, "read_only is OFF on a replica"),
            (JudgedServers.replica(lag: .zero) { $0.channels = [] }, "not a replica: no replication is set up"),
        ]
        for (look, expected) in cases {
            var servers = JudgedServers(2)
            servers.look([look, JudgedServers.replica(lag: .zero)])
            #expect(servers.reason(0) == expected)
            #expect(servers.fit == [1])
        }
    }

    @Test("compares the configured query's answer")
    func query() {
        var servers = JudgedServers(2) { $0.query = .init(text: "SELECT 1", expected: "1") }
        servers.look([JudgedServers.replica(lag: .zero) { $0.answer = "3" }, JudgedServers.replica(lag: .zero) { $0.answer = "1" }])
        #expect(servers.reason(0) == "query returned 3, expected 1")
        servers.look([JudgedServers.replica(lag: .zero) { $0.answer = .some(nil) }, JudgedServers.replica(lag: .zero) { $0.answer = "1" }])
        #expect(servers.reason(0) == "query returned nothing, expected 1")
        #expect(servers.fit == [1])
    }

    @Test("needs no replication from a server with a heartbeat or with shared storage")
    func withoutChannels() {
        var servers = JudgedServers(2) { $0.lagSource = .heartbeat(table: "ops.heartbeat") }
        servers.look([
            JudgedServers.replica(lag: nil) { ($0.channels, $0.heartbeatAge) = ([], .seconds(2)) },
            JudgedServers.replica(lag: .zero) { $0.heartbeatAge = nil },
        ])
        #expect(servers.fit == [0])
        #expect(servers.reason(1) == "replication lag unknown: the heartbeat table is empty")
        var aurora = JudgedServers(1) { $0.minUp = 0 }
        aurora.look([JudgedServers.replica(lag: nil) { ($0.channels, $0.isStorageReadOnly) = ([], true) }])
        #expect(aurora.fit == [0])
    }

    @Test("adds the time since the last known lag while the source cannot be reached")
    func disconnected() {
        var servers = JudgedServers(2)
        servers.look(lags: [2, 0])
        var outAfter: Int?
        for second in 1...12 {
            servers.look([JudgedServers.disconnected, JudgedServers.replica(lag: .zero)])
            if outAfter == nil, servers.fit == [1] { outAfter = second }
        }
        #expect(outAfter == 9)
        #expect(servers.reason(0) == "replica IO thread disconnected for 14s")
        servers.look(lags: [0, 0])
        #expect(servers.fit == [0, 1])
    }

    @Test("keeps every replica in when the primary is gone for all of them")
    func primaryGone() {
        var servers = JudgedServers(3)
        servers.look(lags: [0, 1, 0])
        for _ in 0..<60 { servers.look(Array(repeating: JudgedServers.disconnected, count: 3)) }
        #expect(servers.fit == [0, 1, 2])
    }

    @Test("keeps replicas without their primary in, whichever exceeds max-lag first", arguments: [[0, 1], [1, 0], [0, 1, 2], [2, 0, 1]])
    func disconnectedInTurn(order: [Int]) {
        var servers = JudgedServers(order.count)
        servers.look(lags: order.map { _ in 0 })
        var isFirstKeptAlone = false
        for _ in 0..<60 {
            for server in order {
                servers.look(at: server, JudgedServers.disconnected, after: .seconds(1) / order.count)
                #expect(servers.fit.count == order.count, "\(servers.reason(server))")
                if servers.kept == [order[0]] { isFirstKeptAlone = true }
            }
        }
        #expect(isFirstKeptAlone, "the others had no fault yet")
        #expect(servers.kept.count == order.count)
    }

    @Test("keeps disconnected replicas in together while one of them refuses this node")
    func disconnectedAndRefused() {
        var servers = JudgedServers(2)
        servers.look(lags: [0, 0])
        for _ in 0..<20 { servers.look([JudgedServers.disconnected, JudgedServers.disconnected]) }
        let refusal = DatabaseFindings.refused(DatabaseProblem(code: 1045, text: "Access denied"))
        for _ in 0..<60 { servers.look([refusal, JudgedServers.disconnected]) }
        #expect(servers.fit == [0, 1] && servers.kept == [0, 1], "the values of both grow old")
    }

    @Test("takes disconnected replicas out while enough connected ones are fit")
    func disconnectedBesideConnected() {
        for (minUp, expected) in [(1, [2]), (2, [0, 1, 2])] {
            var servers = JudgedServers(3) { $0.minUp = minUp }
            servers.look(lags: [1, 0, 0])
            for _ in 0..<10 { servers.look([JudgedServers.disconnected, JudgedServers.disconnected, JudgedServers.replica(lag: .zero)]) }
            #expect(servers.fit == (minUp == 1 ? [1, 2] : [0, 1, 2]) && servers.judge.states[1].fault == nil)
            servers.look([JudgedServers.disconnected, JudgedServers.disconnected, JudgedServers.replica(lag: .zero)])
            #expect(servers.fit == expected && servers.judge.states[1].fault != nil)
        }
    }

    @Test("takes a disconnected replica out beside another disconnected one if its values are much older")
    func disconnectedLonger() {
        var servers = JudgedServers(2)
        servers.look(lags: [9, 0])
        for _ in 0..<2 { servers.look([JudgedServers.disconnected, JudgedServers.disconnected]) }
        for _ in 0..<60 {
            #expect(servers.fit == [1])
            servers.look([JudgedServers.disconnected, JudgedServers.disconnected])
        }
    }

    @Test("prefers a disconnected replica to a replica with a worse fault, and keeps a lagging one with values of its age in")
    func disconnectedBesideFaulty() {
        let stopped = JudgedServers.replica(lag: nil) { $0.channels = [ReplicationChannel(receiver: .stopped)] }
        for (minUp, worse, expected) in [
            (1, stopped, [1]), (1, JudgedServers.stopped, [1]), (1, JudgedServers.replica(lag: .zero) { $0.isReadOnly = false }, [1]),
            (2, stopped, [0, 1]), (1, JudgedServers.replica(lag: .seconds(11)), [0, 1]), (1, JudgedServers.replica(lag: .seconds(60)), [1]),
        ] {
            var servers = JudgedServers(2) { $0.minUp = minUp }
            servers.look(lags: [7, 7])
            servers.look([worse, JudgedServers.disconnected])
            #expect(servers.fit == expected && servers.judge.states[1].fault == nil, "\(worse)")
            #expect(servers.kept == expected.filter { $0 == 0 })
        }
        // With role any, a primary is fit, whatever its channels report.
        var any = JudgedServers(2) { $0.role = .any }
        any.look(lags: [7, 0])
        let primary = JudgedServers.replica(lag: .zero) { ($0.isReadOnly, $0.channels) = (false, []) }
        for _ in 0..<4 { any.look([JudgedServers.disconnected, primary]) }
        #expect(any.fit == [1])
    }

    @Test("keeps the replica with the least lag in when all lag, together with those that lag slightly more, and prefers it to a stopped one")
    func minUp() {
        var servers = JudgedServers(3)
        servers.look(lags: [60, 30, 33])
        #expect(servers.fit == [1, 2])
        servers.look(lags: [60, 33, 32])
        #expect(servers.fit == [1, 2])
        servers.isAvailable = [true, false, false]
        servers.decide()
        #expect(servers.fit == [0])
        servers.isAvailable = [true, true, true]
        servers.look([JudgedServers.stopped, JudgedServers.replica(lag: .seconds(900)), JudgedServers.stopped])
        #expect(servers.fit == [1])
        servers.look(lags: [0, 0, 11])
        #expect(servers.fit == [0, 1])
    }

    @Test("keeps all servers in that stopped at the same event, but takes out a server that stopped long before")
    func stoppedAlike() {
        for limit in [Duration.seconds(10), .seconds(1), nil] {
            var servers = JudgedServers(4) { $0.lagMax = limit }
            servers.look(lags: [0, 0, 0, 0])
            for _ in 0..<60 {
                servers.look([JudgedServers.replica(lag: .zero), JudgedServers.replica(lag: .zero), JudgedServers.replica(lag: .zero), JudgedServers.stopped])
            }
            #expect(servers.fit == [0, 1, 2])
            // One check detects it before the others do.
            servers.look([JudgedServers.stopped, JudgedServers.replica(lag: .zero), JudgedServers.replica(lag: .zero), JudgedServers.stopped])
            #expect(servers.fit == [1, 2])
            for _ in 0..<60 { servers.look(Array(repeating: JudgedServers.stopped, count: 4)) }
            #expect(servers.fit == [0, 1, 2], "limit \(String(describing: limit))")
        }
    }

    @Test("keeps all servers in with faults of one rank: an empty heartbeat table, no replication, a query, all stopped at the first check")
    func equalRanks() {
        let alike: [DatabaseFindings] = [
            JudgedServers.replica(lag: .zero) { $0.heartbeatAge = nil }, JudgedServers.replica(lag: .zero) { $0.isReadOnly = false },
            JudgedServers.replica(lag: .zero) { ($0.answer, $0.heartbeatAge) = ("3", .zero) }, JudgedServers.stopped,
            JudgedServers.silent(.heartbeat), JudgedServers.silent(.variables, .replicaStatus, .heartbeat, .query),
        ]
        for look in alike {
            var servers = JudgedServers(3) {
                $0.lagSource = .heartbeat(table: "ops.heartbeat")
                $0.query = .init(text: "SELECT 1", expected: "1")
            }
            for _ in 0..<5 { servers.look([look, look, look]) }
            #expect(servers.fit == [0, 1, 2] && servers.judge.states.allSatisfy { $0.fault != nil && $0.isKept }, "\(look)")
        }
        var mixed = JudgedServers(3)
        mixed.look(Array(repeating: JudgedServers.replica(lag: .zero) { $0.channels = [] }, count: 3))
        #expect(mixed.fit == [0, 1, 2])
        mixed.look([JudgedServers.stopped, JudgedServers.stopped, JudgedServers.replica(lag: .zero) { $0.isReadOnly = false }])
        #expect(mixed.fit == [2])
    }

    @Test("takes out a server whose query fails twice in a row while others answer, and no more servers than min-up allows when all fail")
    func questionFails() {
        let good = JudgedServers.replica(lag: .zero)
        for question in [DatabaseQuestion.variables, .replicaStatus, .query] {
            var servers = JudgedServers(3) { $0.query = .init(text: "SELECT 1", expected: "1") }
            let fine = JudgedServers.replica(lag: .zero) { $0.answer = "1" }
            let silent = JudgedServers.silent(question) { if question != .query { $0.answer = "1" } }
            servers.look([fine, fine, fine])
            servers.look([silent, fine, fine])
            #expect(servers.fit == [0, 1, 2], "one failed check is not enough")
            servers.look([silent, fine, fine])
            #expect(servers.fit == [1, 2])
            #expect(servers.reason(0) == "'\(question)' fails: no answer within 1s")
            for _ in 0..<9 { servers.look([silent, silent, silent]) }
            #expect(servers.fit == [0, 1, 2])
            servers.look([silent, fine, silent])
            #expect(servers.fit == [1])
        }
        var none = JudgedServers(2) { $0.minUp = 0 }
        for _ in 0..<2 { none.look([JudgedServers.silent(.replicaStatus), JudgedServers.silent(.replicaStatus)]) }
        #expect(none.fit.isEmpty)
        var lagging = JudgedServers(2)
        for _ in 0..<3 { lagging.look([JudgedServers.silent(.replicaStatus), JudgedServers.replica(lag: .seconds(60))]) }
        #expect(lagging.fit == [1], "a known lag is better than an unknown one")
        lagging.look([good, good])
        #expect(lagging.fit == [0, 1])
    }

    @Test("does not take missing replication status for missing replication")
    func replicationUnknown() {
        var servers = JudgedServers(2)
        servers.look([JudgedServers.silent(.replicaStatus) { $0.channels = [] }, JudgedServers.replica(lag: .zero)])
        #expect(servers.reason(0) == "'replicaStatus' fails: no answer within 1s")
        var any = JudgedServers(2) { $0.role = .any }
        any.look([JudgedServers.silent(.replicaStatus) { ($0.channels, $0.isReadOnly) = ([], false) }, JudgedServers.replica(lag: .zero)])
        #expect(any.fit == [1], "it may be a replica that accepts writes")
    }

    @Test("uses a server's answers, even when others are missing")
    func answersCount() {
        var servers = JudgedServers(2) { $0.query = .init(text: "SELECT 1", expected: "1") }
        let fine = JudgedServers.replica(lag: .zero) { $0.answer = "1" }
        servers.look([JudgedServers.silent(.replicaStatus) { ($0.isReadOnly, $0.answer) = (false, "1") }, fine])
        #expect(servers.reason(0) == "read_only is OFF on a replica")
        // The last answer still counts, and so does the worse fault.
        servers.look([JudgedServers.replica(lag: .zero) { $0.answer = "3" }, fine])
        for _ in 0..<3 { servers.look([JudgedServers.silent(.replicaStatus, .query), fine]) }
        #expect(servers.reason(0) == "query returned 3, expected 1")
        // A check without an answer does not bring a lagging server back in.
        var lagging = JudgedServers(2)
        lagging.look(lags: [11, 0])
        lagging.look([JudgedServers.silent(.replicaStatus), JudgedServers.replica(lag: .zero)])
        #expect(lagging.fit == [1] && lagging.reason(0) == "replication lag 11s > 10s")
    }

    @Test("treats a missing privilege as this node's fault: nothing changes, and the answers count")
    func missingRight() {
        var servers = JudgedServers(2)
        servers.look(lags: [0, 0])
        for _ in 0..<5 { servers.look([JudgedServers.silent(.replicaStatus, code: 1227), JudgedServers.replica(lag: .zero)]) }
        #expect(servers.fit == [0, 1] && servers.judge.states[0].refusal?.code == 1227)
        servers.look([JudgedServers.silent(.replicaStatus, code: 1227) { $0.isReadOnly = false }, JudgedServers.replica(lag: .zero)])
        #expect(servers.reason(0) == "read_only is OFF on a replica")
    }

    @Test("judges the role before the lag: a primary without replication does not lag, and needs no answer about lag")
    func primaryDoesNotLag() {
        let primary = { (change: (inout DatabaseView) -> Void) in
            JudgedServers.replica(lag: .zero) {
                ($0.isReadOnly, $0.channels) = (false, [])
                change(&$0)
            }
        }
        var servers = JudgedServers(2) { ($0.role, $0.lagSource, $0.reducesWeightByLag) = (.any, .heartbeat(table: "ops.heartbeat"), true) }
        let replica = JudgedServers.replica(lag: .zero) { $0.heartbeatAge = .seconds(1) }
        let looks = [
            primary { $0.heartbeatAge = .seconds(900) }, primary { $0.heartbeatAge = nil },
            primary { $0.unanswered = [UnansweredQuestion(.heartbeat, name: "heartbeat", DatabaseProblem(code: 1146, text: "Table"))] },
        ]
        for look in looks {
            for _ in 0..<3 { servers.look([look, replica]) }
            #expect(servers.fit == [0, 1] && servers.judge.states[0].fitness == .fullWeight, "\(look)")
        }
        // Writable and replicating: a replica with too much lag.
        servers.look([JudgedServers.replica(lag: .zero) { ($0.isReadOnly, $0.heartbeatAge) = (false, .seconds(900)) }, replica])
        #expect(servers.fit == [1])
    }

    @Test("takes all servers out with min-up 0")
    func minUpZero() {
        var servers = JudgedServers(2) { $0.minUp = 0 }
        servers.look(lags: [60, 30])
        #expect(servers.fit.isEmpty)
    }

    @Test("changes nothing when this node is refused, or the server cannot be reached")
    func refused() {
        var servers = JudgedServers(2)
        let refusal = DatabaseFindings.refused(DatabaseProblem(code: 1045, text: "Access denied"))
        servers.look([refusal, refusal])
        #expect(servers.fit == [0, 1])
        servers.look(lags: [11, 0])
        for _ in 0..<20 { servers.look([refusal, .failed]) }
        #expect(servers.fit == [1])
        #expect(servers.judge.states[0].refusal?.code == 1045)
        servers.look(lags: [0, 0])
        #expect(servers.fit == [0, 1])
        #expect(servers.judge.states[0].refusal == nil)
    }

    @Test("follows an earlier process until its own first check")
    func recalled() {
        var servers = JudgedServers(2)
        servers.judge.restore(0, .unfit(reason: "replication lag 11s > 10s"), since: servers.now)
        servers.decide()
        #expect(servers.fit == [1])
        servers.isAvailable = [true, false]
        servers.decide()
        #expect(servers.fit.contains(0))
        servers.isAvailable = [true, true]
        servers.look(lags: [7, 0])
        #expect(servers.fit == [1])
        servers.look(lags: [4, 0])
        #expect(servers.fit == [0, 1])
    }

    @Test("reduces a lagging replica's weight in quarters")
    func weight() {
        var servers = JudgedServers(1) { $0.reducesWeightByLag = true }
        var seen: [ServerFitness] = []
        for lag in [0, 2, 3, 5, 6, 8, 10] {
            servers.look(lags: [lag])
            seen.append(servers.judge.states[0].fitness)
        }
        #expect(seen == [4, 4, 3, 3, 2, 1, 1].map { .fit(quarters: $0) })
    }

    @Test("keeps min-up servers in, never prefers a stopped one to a lagging one, and never takes out a server without a fault", arguments: seeds(64))
    func invariants(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let count = Int.random(in: 1...6, using: &random)
        let minUp = Int.random(in: 0...3, using: &random)
        var servers = JudgedServers(count) { $0.minUp = minUp }
        for step in 0..<400 {
            let looks = (0..<count).map { _ in Self.anyLook(&random) }
            for server in 0..<count where Int.random(in: 0..<20, using: &random) == 0 { servers.isAvailable[server].toggle() }
            servers.look(looks)
            let available = (0..<count).filter { servers.isAvailable[$0] }
            let fit = Set(servers.fit)
            let note = Comment("seed \(seed), step \(step)")
            #expect(available.count { fit.contains($0) } >= min(minUp, available.count), note)
            for server in 0..<count where servers.judge.states[server].fault == nil {
                #expect(fit.contains(server) && !servers.judge.states[server].isKept, note)
            }
            let keptStopped = available.contains { fit.contains($0) && Self.isStopped(servers.judge.states[$0]) }
            let lagging = available.contains { !fit.contains($0) && Self.isLagging(servers.judge.states[$0]) }
            #expect(!(keptStopped && lagging), note)
        }
    }

    private static func isStopped(_ state: DatabaseJudge.ServerState) -> Bool {
        if case .applierStopped = state.fault { true } else { false }
    }

    private static func isLagging(_ state: DatabaseJudge.ServerState) -> Bool {
        if case .lagging = state.fault { true } else { false }
    }

    private static func anyLook(_ random: inout SplitMix64) -> DatabaseFindings {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .failed
        case 1: .refused(DatabaseProblem(code: 1045, text: ""))
        case 2: JudgedServers.disconnected
        case 3: JudgedServers.stopped
        case 5: JudgedServers.silent(.replicaStatus)
        case 4: JudgedServers.replica(lag: .zero) { $0.isReadOnly = false }
        default: JudgedServers.replica(lag: .seconds(Int.random(in: 0..<30, using: &random)))
        }
    }
}
