import Support
import Testing
import Wire

@testable import Proxy

@Suite("Sessions' failed connects")
struct ConnectObservationTests {
    private typealias Bench = RegistryBench
    private static let place = ServerReference(backend: 0, server: 0)
    private static let info = "info: \"Detected 3 consecutive errors, last one was: L4 unsuccessful connection\""

    private func bench(_ reaction: OnError, fastInterval: Duration? = nil, logsHealthChecks: Bool = true) -> RegistryBench {
        var server = Bench.server("a")
        var observation = ConnectObservation()
        (observation.errorsMax, observation.reaction) = (3, reaction)
        server.observation = observation
        server.check?.fastInterval = fastInterval
        var bench = RegistryBench([Bench.backend("my", logsHealthChecks: logsHealthChecks, [server, Bench.server("b")])])
        _ = bench.effects(.checkFinished(Bench.pass))
        return bench
    }

    @Test(
        "have the consequences and the lines of haproxy 2.6",
        arguments: [(OnError.failCheck, "2/3 UP"), (.suddenDeath, "1/3 UP"), (.markDown, "0/2 DOWN")])
    func lines(reaction: OnError, status: String) {
        var bench = bench(reaction)
        #expect(bench.lines(.connectsFailed(consecutive: 2)).isEmpty, "not yet")
        var expected = ["<133>Health check for server my/a failed, reason: Health analyze, \(Self.info), status: \(status)."]
        if reaction == .markDown {
            expected.append(
                "<129>Server my/a is DOWN. 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue. "
                    + "Reason: Health analyze, \(Self.info).")
        }
        #expect(bench.lines(.connectsFailed(consecutive: 3)) == expected)
        #expect(bench.status().checkStatus.name == "HANA" && bench.status().checkStatus.rawValue == 4)
        #expect(bench.status().failedChecks == 1 && bench.status().observedFailures == 1)
    }

    @Test("give the reason of a fall where checks are not logged")
    func reason() {
        var bench = bench(.markDown, logsHealthChecks: false)
        #expect(
            bench.lines(.connectsFailed(consecutive: 3)) == [
                "<129>Server my/a is DOWN, reason: Health analyze, \(Self.info). 1 active and 0 backup servers left. 0 sessions active, 0 requeued, "
                    + "0 remaining in queue."
            ])
    }

    @Test("bring the check forward to fastinter with any on-error, and restart their count")
    func fastInterval() {
        var bench = bench(.fastInterval, fastInterval: .milliseconds(500))
        #expect(bench.effects(.connectsFailed(consecutive: 3)) == [.forgetFailedConnects(Self.place), .checkWithin(Self.place, .milliseconds(500))])
        #expect(bench.status().checkStatus == .layer7OK && bench.status().observedFailures == 1)
        bench = self.bench(.failCheck, fastInterval: .milliseconds(500))
        #expect(bench.effects(.connectsFailed(consecutive: 3)).contains(.checkWithin(Self.place, .milliseconds(500))))
    }

    @Test("are ignored without observe, and during a maintenance")
    func ignored() {
        var bench = bench(.markDown)
        #expect(bench.effects(.connectsFailed(consecutive: 1000), 1).isEmpty)
        _ = bench.effects(.setAdministrative(.maint))
        #expect(bench.effects(.connectsFailed(consecutive: 1000)).isEmpty)
    }

    @Test("never bring a server up, and keep the count in its range", arguments: seeds(100))
    func health(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var health = ServerHealth(rise: Int.random(in: 1...4, using: &random), fall: Int.random(in: 1...4, using: &random))
        let reactions: [OnError] = [.fastInterval, .failCheck, .suddenDeath, .markDown]
        for step in 0..<100 {
            let before = health
            if Bool.random(using: &random) {
                _ = health.pass()
                continue
            }
            let reaction = reactions[Int.random(in: 0..<4, using: &random)]
            _ = health.observe(reaction)
            #expect((0...health.max).contains(health.value) && (before.isUp || !health.isUp), "seed \(seed), step \(step)")
            if reaction == .markDown { #expect(!health.isUp) }
            if reaction == .suddenDeath, health.isUp {
                var next = health
                _ = next.fail()
                #expect(!next.isUp, "one more failed check marks it down")
            }
        }
    }
}

@Suite("The sessions of a server whose host is silent")
struct GoneServerTests {
    private typealias Bench = RegistryBench
    private static let place = ServerReference(backend: 0, server: 0)
    private static let silent = CheckResult(status: .layer4Timeout, duration: .seconds(2), fault: .noResponse)
    private static let hung = CheckResult(status: .layer7Timeout, duration: .seconds(2), fault: .noResponse)
    private static let noRoute = CheckResult(status: .layer4ConnectionProblem, info: "EHOSTUNREACH", duration: .zero, fault: .noResponse)
    private static let ownFault = CheckResult(status: .socketError, duration: .zero, fault: .node)

    /// `inter` 2 s, rise 2: a server is gone after more than 4 s of silence.
    private func bench(_ closes: Bool = true, fall: Int = 2) -> RegistryBench {
        var backend = Bench.backend("t", [Bench.server("s", fall: fall), Bench.server("other")])
        backend.closesSessionsOfUnreachable = closes
        var bench = RegistryBench([backend])
        _ = bench.effects(.checkFinished(Bench.pass))
        return bench
    }

    /// The number of `results`, two seconds apart, after which the sessions are closed; `nil` for never.
    private func closing(_ results: [CheckResult], _ bench: inout RegistryBench) -> Int? {
        var found: Int?
        for (index, result) in results.enumerated() {
            bench.now = bench.now.advanced(by: .seconds(2))
            let closes = bench.effects(.checkFinished(result)).contains(.shutdownSessions(Self.place, because: .serverUnreachable))
            if closes {
                #expect(found == nil, "twice")
                found = index + 1
            }
        }
        return found
    }

    @Test("are closed once when it is down and has been silent for longer than rise times inter")
    func closed() {
        var bench = bench()
        #expect(closing(Array(repeating: Self.silent, count: 6), &bench) == 3, "the first check began two seconds before it ended")
        bench = self.bench()
        #expect(closing(Array(repeating: Self.noRoute, count: 6), &bench) == 4)
        bench = self.bench(fall: 5)
        #expect(closing(Array(repeating: Self.noRoute, count: 6), &bench) == 5, "never while it is up")
    }

    @Test("stay when the host answers in any way, or when this node is at fault")
    func stay() {
        var bench = bench()
        #expect(closing(Array(repeating: Self.hung, count: 6), &bench) == nil)
        #expect(closing(Array(repeating: Bench.refused, count: 6), &bench) == nil)
        #expect(closing(Array(repeating: Bench.denied, count: 6), &bench) == nil)
        #expect(closing(Array(repeating: Self.ownFault, count: 6), &bench) == nil)
        #expect(closing([Self.noRoute, Self.noRoute, Bench.refused, Self.noRoute, Self.noRoute], &bench) == nil, "it has answered in between")
        #expect(closing([Self.ownFault, Self.noRoute, Self.ownFault], &bench) == 2, "this node's own faults do not count for the server")
    }

    @Test("are closed again only after the host has answered")
    func again() {
        var bench = bench()
        #expect(closing(Array(repeating: Self.silent, count: 4), &bench) == 3)
        #expect(closing(Array(repeating: Self.silent, count: 4), &bench) == nil)
        #expect(closing([Bench.pass, Self.silent, Self.silent, Self.silent], &bench) == 4)
    }

    @Test("stay without the option")
    func off() {
        var bench = bench(false)
        #expect(closing(Array(repeating: Self.silent, count: 6), &bench) == nil)
    }
}

@Suite("The backups' sessions")
struct BackupSessionTests {
    private typealias Bench = RegistryBench

    private func bench(backupItself: Bool = false) -> RegistryBench {
        var servers = ["s", "b", "c"].map { Bench.server($0, rise: 1, fall: 1) }
        (servers[1].isBackup, servers[2].isBackup) = (true, true)
        servers[backupItself ? 1 : 0].onMarkedUp = .shutdownBackupSessions
        return RegistryBench([Bench.backend("t", servers)])
    }

    private let closings = [1, 2].map { ServerRegistry.Effect.shutdownSessions(ServerReference(backend: 0, server: $0), because: .serverUp) }

    @Test("are closed when a server with on-marked-up comes up, after the routes have changed")
    func closed() {
        var bench = bench()
        _ = bench.effects(.checkFinished(Bench.refused))
        let effects = bench.effects(.checkFinished(Bench.pass))
        #expect(effects.suffix(3) == [.routeChanged(ServerReference(backend: 0, server: 0))] + closings)
    }

    @Test("stay when the server itself takes no sessions, or is a backup")
    func stay() {
        var bench = bench()
        _ = bench.effects(.setWeight(0))
        _ = bench.effects(.checkFinished(Bench.refused))
        #expect(!bench.effects(.checkFinished(Bench.pass)).contains(closings[0]))
        bench = self.bench(backupItself: true)
        _ = bench.effects(.checkFinished(Bench.refused), 1)
        #expect(!bench.effects(.checkFinished(Bench.pass), 1).contains(closings[0]))
    }
}
