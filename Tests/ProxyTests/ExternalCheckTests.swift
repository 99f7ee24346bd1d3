import Proxy
import Testing
import Wire

@Suite("A check that a program makes")
struct ExternalCheckTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func after(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    private func check(inter: Duration = .seconds(2), checkTimeout: Duration? = nil, connectTimeout: Duration? = .milliseconds(500)) -> ExternalCheck {
        var backend = Backend(name: "b", identifier: 2)
        (backend.checkTimeout, backend.connectTimeout) = (checkTimeout, connectTimeout)
        var settings = CheckSettings()
        settings.interval = inter
        return ExternalCheck(CheckLimits(settings, of: backend), now: start)
    }

    /// A check whose program has started after 10 ms.
    private func running() -> ExternalCheck {
        var check = check()
        #expect(check.connected(now: start).isEmpty)
        #expect(check.received(ExternalCheckAnswer.started.frame, now: after(10)).isEmpty)
        return check
    }

    private func verdict(_ status: CheckStatus, code: Int = 0, _ info: String = "", milliseconds: Int, fault: CheckFault = .server) -> [CheckOutput] {
        [.finished(CheckResult(status: status, code: code, info: info, duration: .milliseconds(milliseconds), fault: fault))]
    }

    @Test("passes with exit code 0, and fails with any other code or a signal")
    func verdicts() {
        let endings: [(ExternalCheckAnswer, CheckStatus, Int)] = [
            (.exited(code: 0), .processOK, 0), (.exited(code: 1), .processError, 1), (.exited(code: 255), .processError, 255),
            (.killed(signal: 9), .processError, -1), (.killed(signal: 15), .processError, -1),
        ]
        for (answer, status, code) in endings {
            var check = running()
            #expect(check.received(answer.frame, now: after(14)) == verdict(status, code: code, milliseconds: 14))
            #expect(check.received(answer.frame, now: after(15)).isEmpty && check.timedOut(now: after(16)).isEmpty)
        }
    }

    @Test("reads answers in any pieces")
    func pieces() {
        var check = check()
        let bytes = ExternalCheckAnswer.started.frame + ExternalCheckAnswer.exited(code: 3).frame
        for byte in bytes.dropLast() { #expect(check.received([byte], now: after(1)).isEmpty) }
        #expect(check.received([3], now: after(2)) == verdict(.processError, code: 3, milliseconds: 2))
        var other = self.check()
        #expect(other.received(bytes, now: after(2)) == verdict(.processError, code: 3, milliseconds: 2))
    }

    @Test("has HAProxy's log text")
    func text() {
        func explanation(_ outputs: [CheckOutput]) -> String {
            guard case .finished(let result)? = outputs.last else { return "" }
            return result.explanation
        }
        var (passed, failed, killed, late) = (running(), running(), running(), running())
        #expect(
            explanation(passed.received(ExternalCheckAnswer.exited(code: 0).frame, now: after(11)))
                == ", reason: External check passed, code: 0, check duration: 11ms")
        #expect(
            explanation(failed.received(ExternalCheckAnswer.exited(code: 7).frame, now: after(12)))
                == ", reason: External check error, code: 7, check duration: 12ms")
        #expect(
            explanation(killed.received(ExternalCheckAnswer.killed(signal: 9).frame, now: after(12)))
                == ", reason: External check error, code: -1, check duration: 12ms")
        #expect(explanation(late.timedOut(now: after(2010))) == ", reason: External check timeout, code: 0, check duration: 2010ms")
    }

    @Test("may take 'inter' from the program's start, or 'timeout connect' if that is shorter and there is a 'timeout check'")
    func deadlines() {
        let limits: [(inter: Duration, check: Duration?, connect: Duration?, expected: Int)] = [
            (.seconds(2), nil, .milliseconds(500), 2000), (.seconds(2), nil, nil, 2000), (.seconds(2), .milliseconds(300), .milliseconds(500), 500),
            (.seconds(2), .milliseconds(300), nil, 2000), (.milliseconds(400), .milliseconds(300), .milliseconds(500), 400),
        ]
        for limit in limits {
            var check = check(inter: limit.inter, checkTimeout: limit.check, connectTimeout: limit.connect)
            #expect(check.deadline == after(limit.expected))
            _ = check.received(ExternalCheckAnswer.started.frame, now: after(250))
            #expect(check.deadline == after(250 + limit.expected))
        }
    }

    @Test("that was not made is a fault of this node: no program started in time, the helper is gone, full, or answers wrongly")
    func unmade() {
        var waiting = check()
        #expect(waiting.timedOut(now: after(2000)) == verdict(.socketError, ExternalCheck.waitedInfo, milliseconds: 2000, fault: .node))
        var unable = check()
        let reason = "Resource temporarily unavailable"
        let outputs = unable.received(ExternalCheckAnswer.failed(reason: reason).frame, now: after(1))
        #expect(outputs == verdict(.socketError, reason, milliseconds: 1, fault: .node))
        var full = check()
        #expect(full.failed(reason, fault: .node, now: start) == verdict(.socketError, reason, milliseconds: 0, fault: .node))
        let lost = verdict(.socketError, ExternalCheck.lostInfo, milliseconds: 20, fault: .node)
        for first in [check(), running()] {
            var (ended, reset, garbled) = (first, first, first)
            #expect(ended.ended(now: after(20)) == lost)
            #expect(reset.failed("ECONNRESET returned by OS", fault: .server, now: after(20)) == lost)
            #expect(garbled.received([1, 99], now: after(20)) == lost)
        }
        var twice = running()
        #expect(twice.received(ExternalCheckAnswer.started.frame, now: after(20)) == lost)
        var early = check()
        #expect(early.received(ExternalCheckAnswer.exited(code: 0).frame, now: after(20)) == lost, "a program cannot end before it has started")
    }

    @Test("is no evidence about the port of sessions, and does not make servers speak first")
    func otherPorts() {
        var backend = Backend(name: "b", identifier: 2)
        backend.check = .external
        let location = ConfigurationLocation(file: "t", line: 1)
        var server = Server(name: "s", identifier: 1, endpoint: .ip(.v4(1), port: 1), port: .fixed(1), location: location)
        server.check = CheckSettings()
        #expect(!backend.checksTraffic(of: server))
        backend.check = .connect
        #expect(backend.checksTraffic(of: server))
    }

    @Test("looks its program up in the folders of PATH, unless the command has a slash")
    func candidates() {
        let location = ConfigurationLocation(file: "t", line: 1)
        #expect(ExternalProgram(command: "/bin/a", path: "/x", location: location).candidates == ["/bin/a"])
        #expect(ExternalProgram(command: "a", path: "/x:/y/z", location: location).candidates == ["/x/a", "/y/z/a"])
        #expect(ExternalProgram(command: "a", path: ":/y", location: location).candidates == ["a", "/y/a"])
        #expect(ExternalProgram(command: "b/a", path: "/y", location: location).candidates == ["b/a"])
    }
}
