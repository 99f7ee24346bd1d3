import Glibc
import LinuxIO
import Testing

@testable import Proxy

@Suite("Idle threads", .timeLimit(.minutes(5)))
struct IdleThreadsTests {
    /// True while a wake-up of the control thread is pending.
    private static func isControlWoken(_ state: ForwardingState) -> Bool {
        var request = pollfd(fd: state.controlWakeUp.raw, events: Int16(POLLIN), revents: 0)
        return poll(&request, 1, 0) == 1
    }

    private static func rounds(_ harness: ForwardingHarness) -> [UInt64] { harness.state.counters.map { $0.own.rounds.value } }

    @Test("are recognized by the watchdog, which does not wake them")
    func recognized() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address]) { $0.threads = 4 }
        #expect(eventually { Watchdog.rounds(harness.state, harness.forwarder.pollers) == [nil, nil, nil, nil] })
        // A thread may still be about to enter the wait.
        #expect(
            eventually {
                let before = Self.rounds(harness)
                let areIdle = (0..<100).allSatisfy { _ in Watchdog.rounds(harness.state, harness.forwarder.pollers) == [nil, nil, nil, nil] }
                return areIdle && Self.rounds(harness) == before
            })
    }

    @Test("are no longer idle once an event is ready for them, even if they never handle it")
    func eventReady() throws {
        let state = try ForwardingState(
            frontends: [], backends: [], routes: [], sessionsMax: 1, threads: 1, destinations: [], frontendLogs: [])
        // The thread does not run, so it handles no event.
        let thread = try ForwardingThread(index: 0, state: state, listeners: [])
        let poller = try thread.poller.duplicate()
        #expect(Watchdog.rounds(state, [poller]) == [nil])
        state.mailboxes[0].pointee.post(.findOldest)
        #expect(Watchdog.rounds(state, [poller]) == [0])
        withExtendedLifetime(thread) {}
    }

    @Test("wake the control thread once when they get work, if it asked for that")
    func signalAwaitedWork() throws {
        let server = TestServer.echo("A")
        defer { server.stop() }
        let harness = try ForwardingHarness([server.address])
        let first = try harness.connect()
        #expect(first.text(1) == "A")
        #expect(!Self.isControlWoken(harness.state))
        #expect(eventually { Watchdog.rounds(harness.state, harness.forwarder.pollers) == [nil, nil] })
        harness.state.awaitWork()
        #expect(!Self.isControlWoken(harness.state))
        first.send("word")
        #expect(first.text(4) == "word" && eventually { Self.isControlWoken(harness.state) })
        harness.state.controlWakeUp.clear()
        first.send("word")
        #expect(first.text(4) == "word" && !Self.isControlWoken(harness.state))
    }
}
