import Glibc
import LinuxIO
import Testing
import Wire

@testable import NodeAgent

@Suite("A worker's protocol with its master")
struct WorkerProtocolTests {
    private typealias Message = WorkerProtocol.Message
    private typealias Answer = WorkerProtocol.Answer

    private static let messages: [WorkerProtocol.Message] = [
        .configuration, .sockets(3), .sockets(0), .state, .lastState, .ready, .draining, .alive, .foreign,
    ]
    private static let starting = WorkerRoster.Stage.starting(.first)

    /// A worker that has sent all messages that workers send before they serve.
    private static func ready() -> WorkerProtocol {
        var workerProtocol = WorkerProtocol()
        for message in [.sockets(250), .sockets(7), .configuration, .state, .ready] as [Message] { _ = workerProtocol.judge(message, stage: starting) }
        return workerProtocol
    }

    private static func isBreach(_ answer: WorkerProtocol.Answer) -> Bool { if case .breach = answer { true } else { false } }

    @Test("allows an honest worker's messages, from its start to its end")
    func honest() {
        var workerProtocol = WorkerProtocol()
        #expect(workerProtocol.judge(.sockets(250), stage: Self.starting) == .keep)
        #expect(workerProtocol.judge(.sockets(7), stage: Self.starting) == .keep)
        #expect(workerProtocol.judge(.configuration, stage: Self.starting) == .keep)
        #expect(workerProtocol.judge(.state, stage: Self.starting) == .keep)
        #expect(workerProtocol.judge(.ready, stage: Self.starting) == .serve)
        for _ in 1...3 {
            #expect(workerProtocol.judge(.alive, stage: .serving) == .ignore)
            #expect(workerProtocol.judge(.state, stage: .serving) == .remember)
        }
        var draining = workerProtocol
        #expect(draining.judge(.draining, stage: .serving) == .recordDrain)
        #expect(draining.judge(.state, stage: .serving) == .remember)
        #expect(workerProtocol.judge(.state, stage: .leaving) == .ignore, "it was in transit when the next worker began to serve")
        #expect(workerProtocol.judge(.lastState, stage: .leaving) == .passOn)
        #expect(workerProtocol.judge(.alive, stage: .leaving) == .ignore)
    }

    @Test(
        "refuses sockets, a configuration and readiness from a serving worker, after any other messages",
        arguments: 0..<64 as Range<UInt64>)
    func hostile(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for start in Self.messages {
            for stage in [Self.starting, .serving, .leaving] {
                var workerProtocol = Self.ready()
                var lastStates = 0
                for step in 0..<40 {
                    let message = step == 0 ? start : try #require(Self.messages.randomElement(using: &random))
                    let answer = workerProtocol.judge(message, stage: stage)
                    #expect(answer != .keep && answer != .serve, "seed \(seed), step \(step): \(message) of \(stage)")
                    #expect(answer != .remember || message == .state && stage == .serving)
                    #expect(answer != .recordDrain || message == .draining && stage == .serving)
                    if answer == .passOn { lastStates += 1 }
                    #expect(Self.isBreach(answer) == ![.state, .draining, .alive].contains(message) || answer == .passOn)
                }
                #expect(lastStates <= (stage == .leaving ? 1 : 0))
            }
        }
    }

    @Test("has one configuration, after the sockets, and one readiness, after the state", arguments: 0..<64 as Range<UInt64>)
    func starting(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var workerProtocol = WorkerProtocol()
        var kept: [WorkerProtocol.Message] = []
        for _ in 0..<200 {
            let message = try #require(Self.messages.randomElement(using: &random))
            switch workerProtocol.judge(message, stage: Self.starting) {
            case .keep: kept.append(message)
            case .serve: kept.append(.ready)
            case .remember, .passOn, .recordDrain: Issue.record("seed \(seed): \(message) from a worker that does not serve")
            case .ignore, .breach: break
            }
        }
        let order = kept.filter { if case .sockets = $0 { false } else { true } }
        #expect(order == Array([.configuration, .state, .ready].prefix(order.count)), "seed \(seed): \(kept)")
        let last = kept.lastIndex { if case .sockets = $0 { true } else { false } } ?? -1
        #expect(last < kept.firstIndex(of: .configuration) ?? kept.count, "seed \(seed): sockets after the configuration: \(kept)")
    }

    @Test("is limited: the sockets of a start, and the messages of a second")
    func floods() {
        var workerProtocol = WorkerProtocol()
        var sockets = 0
        while workerProtocol.judge(.sockets(250), stage: Self.starting) == .keep { sockets += 250 }
        #expect(sockets <= InheritedSockets.socketsMax && sockets > InheritedSockets.socketsMax - 250)
        var serving = Self.ready()
        for _ in 1...10 {
            serving.resetCount()
            for _ in 1...WorkerProtocol.messagesMax { #expect(serving.judge(.alive, stage: .serving) == .ignore) }
        }
        #expect(Self.isBreach(serving.judge(.alive, stage: .serving)))
    }

    @Test("ends at a breach: the master kills the worker once")
    func breach() {
        let now = Instant(nanoseconds: 1_000_000_000_000)
        var roster = WorkerRoster()
        roster.started(100, for: .first, now: now)
        _ = roster.ready(100)
        let effects = roster.breached(100, "it sent more than 1000 messages within a second")
        guard case .report(.alert, let text)? = effects.first else { return #expect(Bool(false), "\(effects)") }
        #expect(text == "killing worker 100: it sent more than 1000 messages within a second; it may be compromised")
        #expect(effects.last == .signal(SIGKILL, to: 100))
        #expect(roster.breached(100, "again").isEmpty && roster.breached(7, "unknown").isEmpty)
        let death = ChildExit(process: 100, code: nil, signal: SIGKILL)
        guard case .start(.restart(let exit))? = roster.ended(death, now: now).last else { return #expect(Bool(false), "no other worker") }
        #expect(exit.cause == "it sent more than 1000 messages within a second")
    }
}

@Suite("A channel between processes")
struct ProcessChannelTests {
    @Test("leaves time for other work in a flood, and its reader's patience ends")
    func flood() throws {
        let (one, other) = try DescriptorPassing.pair()
        let (sender, receiver) = (ProcessChannel(one), ProcessChannel(other))
        var sent = 0
        while (try? sender.send(.alive)) != nil { sent += 1 }
        try #require(sent > 128)
        #expect(receiver.next(until: MonotonicClock.now()) == nil, "the deadline has passed")
        let reactor = try Reactor()
        var came = 0
        try receiver.watch(on: reactor) { _ in came += 1 }
        reactor.runOnce(waitingAtMost: .seconds(1))
        #expect(came > 0 && came <= 64)
        for _ in 0..<sent { reactor.runOnce(waitingAtMost: .zero) }
        #expect(came == sent)
        receiver.stopWatching()
    }

    @Test("passes memory that cannot be changed; another kind of file is not read, since it may be endless")
    func files() throws {
        let file = try MemoryFile.containing([1, 2, 3], name: "test")
        #expect(pwrite(file.raw, [9], 1, 0) == -1 && ftruncate(file.raw, 0) == -1)
        #expect(try MemoryFile.bytes(of: file, bytesMax: 9) == [1, 2, 3])
        for path in ["/dev/zero", "/proc/self/stat"] {
            let other = OpenFile(try Files.open(path))
            #expect(throws: SystemError.self) { try MemoryFile.bytes(of: other, bytesMax: 9) }
        }
        #expect(throws: SystemError.self) { try MemoryFile.bytes(of: try DescriptorPassing.pair().0, bytesMax: 9) }
    }

    @Test("carries the predecessor's state, which is not read until privileges are dropped")
    func unreadState() throws {
        let (one, other) = try DescriptorPassing.pair()
        let text = "tsukada-state 1\nname v4 tsukada01 10.0.0.9\nwriter mysql-write 3 db2\n"
        let snapshot = ConfigurationSnapshot(files: [("a.cfg", [10])], names: [NameQuestion(family: .v4, name: "tsukada01"): .v4(0x0a00_0001)])
        let messages: [ProcessMessage] = [
            .configuration(try MemoryFile.containing(snapshot.bytes, name: "test")), .state(try MemoryFile.containing(Array(text.utf8), name: "test")),
        ]
        try ProcessChannel(one).send(messages, timeout: .seconds(1))
        var inheritance = try Inheritance(from: ProcessChannel(other))
        #expect(inheritance.state == AgentState())
        #expect(inheritance.configuration?.names.values.first == .v4(0x0a00_0001) && inheritance.configuration?.files.first?.name == "a.cfg")
        inheritance.readState()
        #expect(inheritance.state.names.values.first == .v4(0x0a00_0009) && inheritance.state.writers["mysql-write"]?.epoch == 3)
    }
}
