import Testing
import Wire

@testable import Proxy

@Suite("An unreachable server")
struct SessionClosingTests {
    private typealias Bench = RegistryBench
    private static let place = ServerReference(backend: 0, server: 0)

    private static func silence(_ status: CheckStatus = .layer4Timeout, for duration: Duration = .zero) -> CheckResult {
        CheckResult(status: status, duration: duration, fault: .noResponse)
    }

    /// `inter` 2 s, rise 2, fall 1: the host is gone after more than 4 s. Failed connects count as checks after 3.
    private func bench(isObserved: Bool = false) -> RegistryBench {
        var server = Bench.server("s", rise: 2, fall: 1)
        if isObserved {
            server.observation = ConnectObservation()
            server.observation?.errorsMax = 3
        }
        var backend = Bench.backend("t", [server, Bench.server("other")])
        backend.closesSessionsOfUnreachable = true
        var bench = RegistryBench([backend])
        _ = bench.effects(.checkFinished(Bench.pass))
        return bench
    }

    /// True when this result, `milliseconds` later, closes the sessions.
    private func closes(_ result: CheckResult, after milliseconds: Int, _ bench: inout RegistryBench) -> Bool {
        bench.now = bench.now.advanced(by: .milliseconds(milliseconds))
        return bench.effects(.checkFinished(result)).contains(.shutdownSessions(Self.place, because: .serverUnreachable))
    }

    @Test("is one with a silent host: no answer to a connect, or no route to it")
    func unreachable() {
        #expect(Self.silence().isUnreachable && Self.silence(.layer4ConnectionProblem).isUnreachable)
        #expect(!Self.silence(.layer7Timeout).isUnreachable && !Bench.refused.isUnreachable && !Bench.pass.isUnreachable)
        #expect(!CheckResult(status: .layer4Timeout, duration: .zero, fault: .node).isUnreachable)
    }

    @Test("is given up after more than rise times inter, from the start of the first silent check")
    func limit() {
        var bench = bench()
        #expect(!closes(Self.silence(for: .milliseconds(700)), after: 0, &bench))
        var exact = bench
        #expect(!closes(Self.silence(), after: 3_300, &exact))
        #expect(closes(Self.silence(), after: 3_301, &bench))
        bench.now = bench.now.advanced(by: .seconds(60))
        #expect(!closes(Self.silence(), after: 0, &bench), "once")
    }

    @Test("is reported once, with the seconds")
    func line() {
        var bench = bench()
        _ = bench.lines(Self.silence())
        bench.now = bench.now.advanced(by: .milliseconds(9_900))
        #expect(bench.lines(Self.silence()).filter { $0.contains("unreachable") } == ["<132>Server t/s has been unreachable for 9s: its sessions are closed."])
    }

    @Test("stays silent when connects fail, or when this node cannot check")
    func notAnAnswer() {
        for event in [ServerRegistry.Event.connectsFailed(consecutive: 3), .checkFinished(CheckResult(status: .socketError, duration: .zero, fault: .node))] {
            var bench = bench(isObserved: true)
            #expect(!closes(Self.silence(), after: 0, &bench))
            _ = bench.effects(event)
            #expect(closes(Self.silence(), after: 4_001, &bench), "\(event)")
        }
    }

    @Test("is not silent when a check passes or is refused: its silence starts again")
    func answers() {
        for result in [Bench.pass, Bench.refused, Bench.denied, Self.silence(.layer7Timeout)] {
            var bench = bench()
            #expect(!closes(Self.silence(), after: 0, &bench) && !closes(result, after: 1_000, &bench))
            #expect(!closes(Self.silence(), after: 3_001, &bench), "\(result)")
            #expect(!closes(Self.silence(), after: 4_000, &bench) && closes(Self.silence(), after: 1, &bench), "\(result)")
        }
    }

    @Test("has failed connects counted, reset and followed by a check only when there are enough")
    func failedConnects() {
        var bench = bench(isObserved: true)
        #expect(bench.effects(.connectsFailed(consecutive: 2)).isEmpty && bench.status().observedFailures == 0)
        #expect(bench.effects(.connectsFailed(consecutive: 3)).first == .forgetFailedConnects(Self.place))
        #expect(bench.status().observedFailures == 1 && bench.status().failedChecks == 1)
        #expect(bench.effects(.connectsFailed(consecutive: 4)).first == .forgetFailedConnects(Self.place) && bench.status().observedFailures == 2)
        var unchecked = Bench.server("s", isChecked: false)
        unchecked.observation = ConnectObservation()
        var other = RegistryBench([Bench.backend("t", [unchecked])])
        #expect(other.effects(.connectsFailed(consecutive: 1_000)).isEmpty)
    }
}
