import Proxy
import Testing
import Wire

@Suite("The watch over a proxy's databases")
struct DatabaseWatchTests {
    private typealias ServerInput = DatabaseWatch.ServerInput

    /// A watch over db1 and db2, both up, and its clock.
    private struct Bench {
        var watch: DatabaseWatch
        var now = Instant(nanoseconds: 1_000_000_000)
        var servers = Array(repeating: ServerInput(isRunning: true, isAvailable: true), count: 2)
        var peers = WriterPeers.reachable([])

        init(_ role: DatabaseRole, memory: [ServerFitness?] = [nil, nil], ages: [Duration] = [.zero, .zero], writer: WriterMemory? = nil) {
            var settings = DatabaseSettings(user: "check", location: ConfigurationLocation(file: "haproxy.cfg", line: 1))
            (settings.role, settings.lagMax) = (role, .seconds(10))
            let now = now
            watch = DatabaseWatch(
                settings, names: ["db1", "db2"], choices: [10, 20],
                memory: { place in memory[place].map { (fitness: $0, since: now.advanced(by: .zero - ages[place])) } }, writer: writer, now: now)
        }

        mutating func look(_ first: DatabaseFindings, _ second: DatabaseFindings) -> DatabaseWatch.Outcome {
            now = now.advanced(by: .seconds(1))
            watch.apply(first, of: 0, now: now)
            watch.apply(second, of: 1, now: now)
            return decide()
        }

        mutating func decide() -> DatabaseWatch.Outcome { watch.decide(servers, peers: peers, now: now) }
    }

    private static func server(isReadOnly: Bool) -> DatabaseFindings { .seen(DatabaseView(version: "8.4.3", isReadOnly: isReadOnly)) }
    private static let writable = server(isReadOnly: false)
    private static let readOnly = server(isReadOnly: true)
    private static let denied = DatabaseFindings.refused(DatabaseProblem(code: 1045, text: "Access denied for user 'check'"))

    @Test("keeps replicas together that were fit before a reload, regardless of how long each has been up", arguments: [false, true])
    func reloaded(isStopped: Bool) {
        var bench = Bench(.replica, memory: [.fullWeight, .fullWeight], ages: [.seconds(30 * 86_400), .seconds(2 * 86_400)])
        let cut = JudgedServers.replica(lag: nil) {
            $0.channels = [isStopped ? ReplicationChannel(applier: .stopped) : ReplicationChannel(receiver: .connecting, applier: .running)]
        }
        let outcome = bench.look(cut, cut)
        #expect(outcome.fitness == [.fullWeight, .fullWeight])
        #expect(isStopped || bench.watch.judge.states.allSatisfy { $0.fault == nil })
    }

    @Test("follows the peers' writer at a server that refuses this node, regardless of its earlier answers")
    func shutOut() {
        var bench = Bench(.primary)
        _ = bench.look(Self.writable, Self.readOnly)
        let ballot = WriterBallot(epoch: 2, choice: 20)
        bench.peers = .reachable([.init(name: "tsukada02", message: WriterMessage(ballot: ballot, isConfirmed: true), known: ballot)])
        #expect(bench.look(Self.readOnly, Self.denied).fitness == [.unfit(reason: "read_only is ON"), .fullWeight])
    }

    @Test("reports once that a server refuses this node, and once that all accept it again")
    func refusal() {
        var bench = Bench(.replica)
        let first = bench.look(Self.denied, Self.denied)
        #expect(
            first.logEntries == [
                .init(
                    level: .alert,
                    text: "db1 refuses user 'check': error 1045 Access denied for user 'check'; roles and lag are unknown until this is fixed, servers keep "
                        + "their last state; grant the user its rights or correct the section")
            ])
        #expect(first.fitness == [.fullWeight, .fullWeight])
        #expect(bench.look(Self.denied, Self.denied).logEntries.isEmpty)
        #expect(bench.look(Self.readOnly, Self.denied).logEntries.isEmpty && bench.watch.refused == [1])
        #expect(bench.look(Self.readOnly, Self.readOnly).logEntries.map(\.text).last == "all servers accept user 'check' again")
    }

    @Test("forgets its findings when a server's address moves to another host")
    func moved() {
        var replicas = Bench(.replica)
        _ = replicas.look(Self.writable, Self.readOnly)
        #expect(replicas.watch.judge.states[0].fault == .writable)
        replicas.watch.forget(0)
        _ = replicas.look(Self.denied, Self.readOnly)
        #expect(replicas.watch.judge.states[0].fault == nil && replicas.watch.judge.states[0].view == nil)

        var primary = Bench(.primary)
        #expect(primary.look(Self.writable, Self.readOnly).fitness.first == .fullWeight)
        primary.watch.forget(0)
        // The moved server is no longer known to accept writes, so it does not conflict with the other one.
        _ = primary.look(.failed, Self.writable)
        #expect(primary.watch.decision.problem == nil && primary.watch.judge.states[0].view == nil)
    }

    @Test("sends writes to the primary, and closes the sessions of the previous one")
    func writer() {
        var bench = Bench(.primary)
        let start = bench.decide()
        #expect(start.fitness.allSatisfy { !$0.isFit } && start.logEntries.isEmpty && start.message == nil)
        let first = bench.look(Self.writable, Self.readOnly)
        #expect(first.fitness == [.fullWeight, .unfit(reason: "read_only is ON")])
        #expect(first.logEntries == [.init(level: .notice, text: "writes go to server 'db1', epoch 1")])
        #expect(bench.look(Self.readOnly, Self.readOnly).closing.isEmpty)
        let promoted = bench.look(Self.readOnly, Self.writable)
        #expect(promoted.fitness == [.unfit(reason: "read_only is ON"), .fullWeight] && promoted.closing == [0] && promoted.checking == 1)
        #expect(promoted.logEntries == [.init(level: .warning, text: "writes go to server 'db2', epoch 2; sessions to the previous writer 'db1' are closed")])
        #expect(bench.watch.writerMemory == WriterMemory(epoch: 2, server: "db2"))
    }

    @Test("keeps the writer after one failed check, and leaves it after two")
    func missedLooks() {
        var bench = Bench(.primary)
        _ = bench.look(Self.writable, Self.readOnly)
        #expect(bench.look(.failed, Self.writable).fitness[0] == .fullWeight)
        #expect(bench.look(.failed, Self.writable).fitness[1] == .fullWeight)
        var down = Bench(.primary)
        _ = down.look(Self.writable, Self.readOnly)
        down.servers[0] = ServerInput(isRunning: false, isAvailable: false)
        #expect(down.look(.failed, Self.writable).fitness[1] == .fullWeight)
    }

    @Test("raises an alarm for two writable servers and for none, when the state lasts")
    func troubles() {
        var bench = Bench(.primary)
        _ = bench.look(Self.writable, Self.readOnly)
        var news = (0..<5).flatMap { _ in bench.look(Self.writable, Self.writable).logEntries }
        #expect(news == [.init(level: .alert, text: "db1 and db2 accept writes, but only one may; writes continue to server 'db1'")])
        #expect(bench.watch.problem != nil)
        news = (0..<5).flatMap { _ in bench.look(Self.readOnly, Self.readOnly).logEntries }
        #expect(news.map(\.text) == ["no server accepts writes; there is no writer, new sessions are refused"])
        #expect(bench.look(Self.writable, Self.readOnly).logEntries.map(\.text) == ["writer trouble is over: writes go to server 'db1'"])
        // A promotion that takes a moment raises no alarm.
        #expect(bench.look(Self.readOnly, Self.readOnly).logEntries.isEmpty)
        #expect(bench.look(Self.readOnly, Self.writable).logEntries.count == 1)
    }

    @Test("raises an alarm for a writer that stays unknown: no client can write, and nothing else reports it")
    func unknownWriter() {
        var bench = Bench(.primary)
        var news = (0..<9).flatMap { _ in bench.look(Self.denied, Self.denied).logEntries }
        #expect(news.count == 1, "only the refused user is reported")
        news = (0..<9).flatMap { _ in bench.look(Self.denied, Self.denied).logEntries }
        #expect(news == [.init(level: .alert, text: "the writer is not known yet; there is no writer, new sessions are refused")])
        #expect(bench.look(Self.writable, Self.readOnly).logEntries.map(\.text).contains("writer trouble is over: writes go to server 'db1'"))
    }

    @Test("keeps the writer whose queries fail until another server accepts writes, but not when it reports read_only")
    func questionFails() {
        let silent = JudgedServers.silent(.variables)
        var bench = Bench(.primary)
        _ = bench.look(Self.writable, Self.readOnly)
        let news = (0..<3).flatMap { _ in bench.look(silent, silent).logEntries }
        #expect(news.map(\.level) == [.alert])
        #expect(
            news.first?.text
                == "db1: 'variables' fails: no answer within 1s; it still takes sessions: no other server is known to accept writes")
        #expect(bench.decide().fitness[0] == .fullWeight && bench.watch.serversWithUnansweredQuestions == [0, 1])
        // A read-only server has answered: later failed checks do not matter, even for the last server.
        let hanging = JudgedServers.silent(.replicaStatus, .query)
        var last = Bench(.primary)
        _ = last.look(Self.writable, Self.readOnly)
        #expect(last.look(hanging, Self.readOnly).fitness.allSatisfy { !$0.isFit })
        for _ in 0..<3 { #expect(last.look(silent, silent).fitness.allSatisfy { !$0.isFit }) }
        // Another server that accepts writes is better, once the silence lasts.
        _ = bench.look(Self.writable, Self.readOnly)
        #expect(bench.look(silent, Self.writable).fitness[0] == .fullWeight)
        #expect(bench.look(silent, Self.writable).fitness == [.unfit(reason: "'variables' fails: no answer within 1s"), .fullWeight])
        // Replication that was stopped before the promotion does not hide it.
        let stopped = JudgedServers.replica(lag: nil) { ($0.isReadOnly, $0.channels) = (false, [ReplicationChannel(receiver: .stopped, applier: .stopped)]) }
        var leftover = Bench(.primary)
        #expect(leftover.look(stopped, Self.readOnly).fitness[0] == .fullWeight)
        for _ in 0..<3 { _ = leftover.look(silent, Self.readOnly) }
        #expect(leftover.look(silent, Self.writable).fitness[1] == .fullWeight)
        // The queries about replication do not matter for a writer.
        let unfollowed = JudgedServers.silent(.replicaStatus) { ($0.isReadOnly, $0.channels) = (false, []) }
        for _ in 0..<3 { #expect(bench.look(Self.readOnly, unfollowed).fitness[1] == .fullWeight) }
    }

    @Test("leaves a silent writer only when no peer sees it accept writes")
    func silentWriterOfPeers() {
        var bench = Bench(.primary)
        _ = bench.look(Self.writable, Self.readOnly)
        let word = bench.decide().message
        let ballot = WriterBallot(epoch: 1, choice: 10)
        bench.peers = .reachable([.init(name: "tsukada02", message: WriterMessage(ballot: ballot, isConfirmed: true), known: word?.ballot)])
        for _ in 0..<4 { #expect(bench.look(JudgedServers.silent(.variables), Self.writable).fitness[0] == .fullWeight) }
        #expect(bench.watch.decision.problem == .peerObjects("tsukada02"))
        bench.peers = .reachable([.init(name: "tsukada02", message: WriterMessage(ballot: ballot, isConfirmed: false), known: word?.ballot)])
        #expect(bench.look(JudgedServers.silent(.variables), Self.writable).closing == [0])
    }

    @Test("raises one alarm for a query that no replica answers, and reports its end")
    func silence() {
        var bench = Bench(.replica)
        let good = JudgedServers.replica(lag: .zero)
        let silent = JudgedServers.silent(.replicaStatus)
        _ = bench.look(good, good)
        #expect(bench.look(silent, silent).logEntries.isEmpty)
        let news = bench.look(silent, silent).logEntries
        let text =
            "db1 (and 1 more): 'replicaStatus' fails: no answer within 1s; it still takes sessions: too few better servers (min-up 1)"
        #expect(news == [.init(level: .alert, text: text)])
        #expect((0..<9).allSatisfy { _ in bench.look(silent, silent).logEntries.isEmpty })
        #expect(bench.look(good, good).logEntries == [.init(level: .notice, text: "all queries succeed again on every server that takes sessions")])
        // When only one of several goes OUT, its own line is enough: it gives the reason.
        #expect((0..<4).allSatisfy { _ in bench.look(silent, good).logEntries.isEmpty })
    }

    @Test("continues from the previous process's state, so that never all servers are fit, or none")
    func memory() {
        var replicas = Bench(.replica, memory: [.unfit(reason: "replication lag 37s > 10s"), .fullWeight])
        #expect(replicas.decide().fitness == [.unfit(reason: "replication lag 37s > 10s"), .fullWeight])
        var primary = Bench(.primary, writer: WriterMemory(epoch: 4, server: "db2"))
        primary.peers = .awaited
        #expect(primary.decide().fitness[1] == .fullWeight)
        #expect(primary.look(Self.writable, Self.readOnly).fitness.allSatisfy { !$0.isFit })
        primary.peers = .reachable([])
        #expect(primary.decide().fitness[0] == .fullWeight)
    }
}
