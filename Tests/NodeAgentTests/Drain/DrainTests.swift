import LinuxIO
import Support
import Testing
import Wire

@testable import NodeAgent

@Suite("A drain")
struct DrainTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    /// A drain in virtual time, with sessions that end on their own or are closed.
    private struct World {
        var drain: Draining
        var now = DrainTests.start
        var sessions: Int
        var isClosed = false
        var events: [(at: Duration, output: Draining.Output)] = []

        init(_ plan: DrainPlan, sessions: Int) {
            drain = Draining(plan, now: DrainTests.start)
            self.sessions = sessions
        }

        mutating func run(until end: Duration) {
            while drain.state != .over, DrainTests.start.duration(to: now) <= end {
                let outputs = drain.advance(sessions: sessions, listenersAreClosed: isClosed, now: now)
                for output in outputs {
                    events.append((DrainTests.start.duration(to: now), output))
                    switch output {
                    case .closeListeners: isClosed = true
                    case .close(let count): sessions -= count
                    case .report, .hardStop, .end: break
                    }
                }
                let next = drain.nextDeadline(now: now)
                #expect(drain.state == .over || next > now)
                now = next
            }
        }

        func times(_ output: Draining.Output) -> [Duration] { events.filter { $0.output == output }.map(\.at) }
    }

    @Test("closes the listeners at once without 'drain', and ends with the last session")
    func plain() {
        var world = World(DrainPlan(), sessions: 3)
        world.run(until: .seconds(1))
        #expect(world.events.map(\.output) == [.closeListeners])
        world.sessions = 0
        world.run(until: .seconds(2))
        #expect(world.events.map(\.output) == [.closeListeners, .end] && world.drain.state == .over)
    }

    @Test("keeps the ports forwarding for the time 'drain', with any number of sessions")
    func announcement() {
        var world = World(DrainPlan(announcement: .seconds(25)), sessions: 0)
        world.run(until: .seconds(60))
        #expect(world.times(.closeListeners) == [.seconds(25)])
        #expect(world.times(.report) == [.seconds(10), .seconds(20)])
        #expect(world.times(.end) == [.seconds(25) + Draining.pollInterval])
    }

    @Test("ends sessions at 'hard-stop-after', counted from the listeners' end, and reports its progress every 10 s")
    func hardStop() {
        var world = World(DrainPlan(announcement: .seconds(5), hardStopAfter: .seconds(30)), sessions: 7)
        world.run(until: .seconds(100))
        #expect(world.times(.closeListeners) == [.seconds(5)])
        #expect(world.times(.hardStop) == [.seconds(35)] && world.times(.end) == [.seconds(35)])
        #expect(world.times(.report).count == 3 && world.sessions == 7)
    }

    @Test("spreads the end of sessions over 'close-spread-time', so that the hard stop finds none")
    func spread() {
        var world = World(DrainPlan(hardStopAfter: .seconds(10), closeSpread: .seconds(4)), sessions: 400)
        world.run(until: .seconds(5))
        #expect(world.sessions == 400)
        world.run(until: .seconds(8))
        #expect((190...210).contains(world.sessions), "\(world.sessions) half-way")
        world.run(until: .seconds(20))
        #expect(world.sessions == 0 && world.times(.hardStop).isEmpty && world.times(.end).count == 1)
    }

    @Test("spreads even a few sessions, and closes them one by one")
    func fewSessions() {
        var world = World(DrainPlan(hardStopAfter: .seconds(10), closeSpread: .seconds(4)), sessions: 4)
        world.run(until: .seconds(20))
        let closes = world.times(.close(sessions: 1))
        #expect(closes.map { Int(($0 / .milliseconds(500)).rounded()) } == [12, 14, 16, 18], "\(closes)")
    }

    @Test("begins to spread at once when the spread is longer than the time left")
    func longSpread() {
        var world = World(DrainPlan(hardStopAfter: .seconds(2), closeSpread: .seconds(60)), sessions: 20)
        world.run(until: .seconds(1))
        #expect((8...12).contains(world.sessions), "\(world.sessions)")
        world.run(until: .seconds(3))
        #expect(world.sessions == 0)
    }

    @Test("waits for listeners that still hand over accepted connections")
    func listeners() {
        var world = World(DrainPlan(), sessions: 0)
        _ = world.drain.advance(sessions: 0, listenersAreClosed: false, now: world.now)
        for _ in 0..<5 { #expect(world.drain.advance(sessions: 0, listenersAreClosed: false, now: world.now).isEmpty) }
        #expect(world.drain.advance(sessions: 0, listenersAreClosed: true, now: world.now) == [.end])
    }

    @Test("shows its progress")
    func text() {
        let now = Self.start
        var drain = Draining(DrainPlan(announcement: .seconds(20), hardStopAfter: .seconds(30)), now: now)
        #expect(DrainText.progress(drain, sessions: 1, now: now) == "Draining: the probe fails, the ports close in 20s, 1 session.")
        let later = now.advanced(by: .seconds(20))
        _ = drain.advance(sessions: 2, listenersAreClosed: false, now: later)
        let old = now.advanced(by: .seconds(-100))
        #expect(
            DrainText.progress(drain, sessions: 2, oldest: old, now: later)
                == "Draining: the ports are closed, 2 sessions left, the oldest 120s old, hard stop in 30s.")
        #expect(DrainText.progress(drain, sessions: 0, oldest: nil, now: later) == "Draining: the ports are closed, 0 sessions left.")
    }
}

@Suite("tsukada drain")
struct DrainProgramTests {
    private func outcome(_ answers: [RuntimeAnswer], _ force: DrainForce = .careful) -> (outcome: DrainProgram.Outcome, asked: [String]) {
        var (rest, asked) = (answers[...], [String]())
        let outcome = DrainProgram.run(
            force,
            ask: { command in
                asked.append(command)
                return rest.popFirst() ?? .text("")
            }, until: Instant(nanoseconds: 0)
        ) { _ in rest.isEmpty }
        return (outcome, asked)
    }

    private let asking = RuntimeAnswer.text("Asking the other nodes: run 'drain' again for the outcome.")

    @Test("repeats its question until the peers have answered")
    func asks() {
        let (outcome, asked) = outcome([asking, asking, .text("Draining: x")])
        #expect(outcome == .draining("Draining: x") && asked == ["drain", "drain", "drain"])
        #expect(self.outcome([.text("Draining: x")], .forced).asked == ["drain force"])
    }

    @Test("prints the reason of a refusal")
    func refusals() {
        #expect(outcome([.text("tsukada02 is draining: wait")]).outcome == .failed("tsukada02 is draining: wait"))
        #expect(outcome([asking, .text("no")]).outcome == .failed("no"))
        #expect(outcome([.text("")]).outcome == .failed("the node does not answer"))
        let missing = SystemError("connect", code: 2)
        #expect(outcome([.notRunning(missing)]).outcome == .failed("no node listens on the runtime socket: \(missing)"))
    }

    @Test("ensures that a node does not drain once the command has reported a failure", arguments: [true, false])
    func cancels(isSilent: Bool) {
        let failure = isSilent ? RuntimeAnswer.failed(SystemError("poll", code: 110)) : asking
        let complaint =
            isSilent
            ? "cannot reach the node: \(SystemError("poll", code: 110))"
            : "the other nodes have not answered; 'tsukada drain --force' does not ask them"
        func end(_ answer: RuntimeAnswer) -> (outcome: DrainProgram.Outcome, asked: [String]) {
            var answers = [asking, failure, answer]
            var asked: [String] = []
            let outcome = DrainProgram.run(
                .careful,
                ask: { command in
                    asked.append(command)
                    return answers.isEmpty ? .text("") : answers.removeFirst()
                }, until: Instant(nanoseconds: 0)
            ) { _ in asked.count == 2 }
            return (outcome, asked)
        }
        #expect(end(.text("Not draining.")) == (.failed(complaint), ["drain", "drain", "drain cancel"]))
        #expect(end(.text("Draining: x")) == (.draining("Draining: x"), ["drain", "drain", "drain cancel"]))
        let unsure = "\(complaint); the node may still drain once the other nodes answer: check with 'show probe'"
        #expect(end(.failed(SystemError("poll", code: 110))).outcome == .failed(unsure))
        #expect(end(.text("Unknown command")).outcome == .failed(unsure))
    }

    @Test("reports that it waits, and why")
    func waits() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/s"
        let listener = try Sockets.open(.stream, for: .unix(path))
        try Sockets.bind(listener.raw, to: .unix(path))
        try Sockets.listen(listener.raw, backlog: 4)
        var said: [String] = []
        var client = RuntimeClient(path: path, timeout: .milliseconds(60), quietMax: .milliseconds(20))
        client.report = { said.append($0) }
        #expect(client.ask("drain") == .failed(SystemError("poll", code: 110)))
        #expect(said.count == 1 && said.first?.hasPrefix("the node at \(path) has not answered yet: all its runtime connections are in use") == true)
    }

    @Test("names the level that it needs, and the level of the socket")
    func level() throws {
        let text = "global\n stats socket 127.0.0.1:9000 level admin\n stats socket /run/s\n stats socket /run/t level user\n"
        let configuration = Configuration.read(text).configuration
        let expected = "t.cfg:3: this command needs level admin, but 'stats socket /run/s' has level operator: "
        #expect { try RuntimeClient.administrator(of: configuration) } throws: { "\($0)".hasPrefix(expected) }
        let none = Configuration.read("global\n nbthread 1\n").configuration
        #expect { try RuntimeClient.administrator(of: none) } throws: { "\($0)".hasPrefix("no runtime socket to reach the node: add 'stats socket ") }
    }

    @Test("works with the snippets of docs/RUNNING.md and with the examples", arguments: ["docs/RUNNING.md", "tsukada01", "tsukada02"])
    func snippets(source: String) throws {
        let fixture = try Configuration.bytes(of: "tsukada01.cfg")
        let own: String
        if source.hasPrefix("docs/") {
            let lines = try Configuration.lines(ofPackageFile: source)
            let starts = lines.indices.filter { lines[$0].hasPrefix("    # ") && lines[$0].hasSuffix("tsukada.cfg") }
            own = starts.flatMap { start in lines[start...].prefix { $0.hasPrefix("    ") || $0.isEmpty } }.joined(separator: "\n")
        } else {
            own = try Configuration.lines(ofPackageFile: "deploy/examples/\(source)/tsukada.cfg").joined(separator: "\n")
        }
        let files = [(name: "haproxy.cfg", bytes: fixture), (name: "tsukada.cfg", bytes: Array((own + "\n").utf8))]
        let (configuration, diagnostics) = ConfigurationReader(environment: [:]).read(files: files)
        #expect(Configuration.alerts(diagnostics).isEmpty && configuration.probes.count == 1)
        #expect(try RuntimeClient.administrator(of: configuration).path.hasPrefix("/"))
    }

    @Test("reads its own command line")
    func commandLine() throws {
        let options = try CommandLineOptions.parse(["drain", "-f", "a", "--force", "-f", "b"])
        #expect(options.action == .drain(.forced) && options.configurations == ["a", "b"])
        #expect(try CommandLineOptions.parse(["drain", "-f", "a"]).action == .drain(.careful))
        #expect(try CommandLineOptions.parse(["drain", "-h"]).action == .help)
        #expect(throws: CommandLineError.noConfiguration) { try CommandLineOptions.parse(["drain"]) }
        #expect(throws: CommandLineError.unknownOption("-x")) { try CommandLineOptions.parse(["drain", "-x"]) }
        #expect(throws: CommandLineError.unexpected("now")) { try CommandLineOptions.parse(["drain", "-f", "a", "now"]) }
    }

    @Test("asks the node of the configuration, and exits with 0 when it drains")
    func program() throws {
        let folder = try TemporaryFolder()
        let socket = "\(folder.path)/s"
        let file = try folder.write("t.cfg", "global\n stats socket \(socket) level admin\n")
        #expect(Startup.run(arguments: ["drain", "-f", file], environment: [:]) == 1)
        let node = try StubNode(path: socket) { $0 == "drain" ? "tsukada02 is draining: wait\n\n" : "Draining: x\n\n" }
        #expect(Startup.run(arguments: ["drain", "-f", file], environment: [:]) == 1)
        #expect(Startup.run(arguments: ["drain", "--force", "-f", file], environment: [:]) == 0)
        #expect(node.lines == ["drain", "drain force"])
    }
}
