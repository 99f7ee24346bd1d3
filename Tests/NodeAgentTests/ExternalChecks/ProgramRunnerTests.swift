import Glibc
import LinuxIO
import Support
import Testing
import Wire

@testable import NodeAgent

/// A runner of programs in this process; the test is its node.
private final class RunnerBench {
    /// A check of the node.
    final class Check {
        let file: OpenFile
        private var reader = ExternalCheckReader()
        private(set) var answers: [ExternalCheckAnswer?] = []
        private(set) var isClosed = false

        init(_ file: OpenFile) { self.file = file }

        func read() {
            while !isClosed, let bytes = try? Sockets.receive(file.raw, upTo: 100) {
                isClosed = bytes.isEmpty
                reader.append(bytes)
                while let message = reader.next() { answers.append(ExternalCheckAnswer(message)) }
            }
        }
    }

    static let names = ["pass", "fail", "killed", "report", "family", "stubborn", "leaves"]

    let reactor: Reactor
    /// The file of `report` and other programs.
    let output = "/tmp/tsukada-program-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    private(set) var isNodeGone = false
    private var channel: OpenFile?
    private var runner: ProgramRunner?
    private var checks: [Check] = []

    init(programsMax: Int = ProgramRunner.programsMax, command: String = Configuration.folder + "/Fixtures/Programs/check") throws {
        reactor = try Reactor()
        var table = ExternalCheckTable()
        table.keepsEnvironment = true
        let servers = Self.names.map { ExternalCheckTable.Server(name: $0, identifier: 1, connectionsMax: 0) }
        table.programs = [
            ExternalCheckTable.Program(
                backend: 0, command: command, path: "/usr/bin:/bin", proxyName: "p", proxyIdentifier: 2, listener: nil, servers: servers)
        ]
        let (own, other) = try DescriptorPassing.pair()
        channel = own
        runner = try ProgramRunner(table, environment: ["OUTPUT": output], channel: other, programsMax: programsMax, reactor: reactor) { [unowned self] in
            isNodeGone = true
        }
    }

    deinit { unlink(output) }

    var processes: [Int32] { runner?.processes ?? [] }

    /// The numbers that the program has written: its own process and that of its child.
    var reported: [Int32] { (readWholeFile(output) ?? "").split { " \n".contains($0) }.compactMap { Int32($0) } }

    /// Sends files as if they were connections.
    func pass(_ files: [OpenFile]) throws { try DescriptorPassing.send(ProgramRunner.connectionByte, files, over: try #require(channel).raw) }

    /// Opens a connection and sends `bytes`.
    func open(_ bytes: [UInt8]) throws -> Check {
        let (own, other) = try DescriptorPassing.pair()
        _ = try Sockets.send(own.raw, bytes[...])
        try pass([other])
        let check = Check(own)
        checks.append(check)
        return check
    }

    /// Requests the program for the server `name`.
    func start(_ name: String) throws -> Check {
        let server = try #require(Self.names.firstIndex(of: name))
        return try open(ExternalCheckRequest(backend: 0, server: UInt32(server), sessions: 0, address: .ip(.v4(0x7f00_0001), port: 1)).frame)
    }

    /// Closes a check's connection.
    func close(_ check: Check) {
        checks.removeAll { $0 === check }
        shutdown(check.file.raw, Int32(SHUT_RDWR))
    }

    /// Ends the node.
    func end() { channel = nil }

    func run(until condition: () -> Bool) {
        let holds = reactor.run {
            for process in processes where ChildExit.firstEnded(of: process) != nil { runner?.collect(process) }
            for check in checks { check.read() }
            return condition()
        }
        #expect(holds, "the condition was not reached")
    }

    /// Whether a process exists and is not a zombie.
    static func isAlive(_ process: Int32) -> Bool {
        guard let status = readWholeFile("/proc/\(process)/stat"), let end = status.lastIndex(of: ")") else { return false }
        return !status[end...].hasPrefix(") Z")
    }
}

@Suite("The runner of programs", .serialized)
struct ProgramRunnerTests {
    @Test(
        "reports the start and the end of a program",
        arguments: [("pass", .exited(code: 0)), ("fail", .exited(code: 3)), ("killed", .killed(signal: 9))] as [(String, ExternalCheckAnswer)])
    func ends(name: String, end: ExternalCheckAnswer) throws {
        let bench = try RunnerBench()
        let check = try bench.start(name)
        bench.run { check.answers.count == 2 }
        #expect(check.answers == [.started, end] && bench.processes.isEmpty)
    }

    @Test("reports a program that does not exist with exit code 255")
    func missing() throws {
        let bench = try RunnerBench(command: "/nonexistent/check")
        let check = try bench.start("pass")
        bench.run { check.answers.count == 2 }
        #expect(check.answers == [.started, .exited(code: 255)])
    }

    @Test("gives a program its arguments and variables, only the standard streams, and no blocked or ignored signal")
    func surroundings() throws {
        let bench = try RunnerBench()
        let check = try bench.start("report")
        bench.run { check.answers.count == 2 }
        let lines = (readWholeFile(bench.output) ?? "").split(separator: "\n").map(String.init)
        #expect(lines.first == "arguments NOT_USED NOT_USED 127.0.0.1 1")
        #expect(lines.contains("HAPROXY_PROXY_NAME=p") && lines.contains("HAPROXY_SERVER_NAME=report") && lines.contains("PATH=/usr/bin:/bin"))
        // Further descriptors are the directories that `find` reads, and what this test process has open without close-on-exec.
        #expect(lines.contains { $0.hasPrefix("descriptors 0 1 2 ") })
        for name in ["SigBlk", "SigIgn"] {
            let line = try #require(lines.first { $0.hasPrefix("\(name):\t") })
            let signals = try #require(UInt64(line.dropFirst(name.utf8.count + 2), radix: 16))
            // Signals 32 and 33 belong to the C library, which does not let a program change them.
            #expect(signals & ~0x1_8000_0000 == 0, "\(line)")
        }
    }

    @Test("stops a program and its children when the node closes the check's connection", arguments: ["family", "stubborn"])
    func stops(name: String) throws {
        let bench = try RunnerBench()
        let check = try bench.start(name)
        bench.run { bench.reported.count == 2 }
        #expect(bench.processes == bench.reported.prefix(1).map { $0 } && bench.reported.allSatisfy(RunnerBench.isAlive))
        bench.close(check)
        bench.run { bench.processes.isEmpty && !bench.reported.contains(where: RunnerBench.isAlive) }
        #expect(check.answers == [.started])
    }

    @Test("kills the children that a program leaves behind")
    func leftChildren() throws {
        let bench = try RunnerBench()
        let check = try bench.start("leaves")
        bench.run { check.answers.count == 2 && bench.reported.count == 2 }
        #expect(check.answers == [.started, .exited(code: 0)])
        bench.run { !bench.reported.contains(where: RunnerBench.isAlive) }
    }

    @Test("runs a limited number of programs: others wait in their order, and start when a connection is closed")
    func limit() throws {
        let bench = try RunnerBench(programsMax: 2)
        let long = try bench.start("family")
        let second = try bench.start("pass")
        let third = try bench.start("pass")
        let fourth = try bench.start("fail")
        bench.run { second.answers.count == 2 && bench.reported.count == 2 }
        // An ended program keeps its place until the node has closed its connection.
        for _ in 0..<20 { bench.reactor.runOnce(waitingAtMost: .milliseconds(1)) }
        #expect(bench.processes.count == 1 && third.answers.isEmpty && fourth.answers.isEmpty)
        bench.close(second)
        bench.run { third.answers.count == 2 }
        #expect(fourth.answers.isEmpty)
        bench.close(long)
        bench.run { fourth.answers.count == 2 }
        #expect(fourth.answers == [.started, .exited(code: 3)])
    }

    @Test("does not start a program whose connection the node has closed while it waited")
    func closedWhileWaiting() throws {
        let bench = try RunnerBench(programsMax: 1)
        let long = try bench.start("family")
        let waiting = try bench.open([])
        let last = try bench.start("pass")
        bench.run { bench.reported.count == 2 }
        bench.close(waiting)
        bench.close(long)
        bench.run { last.answers.count == 2 }
        #expect(waiting.answers.isEmpty)
    }

    @Test("kills everything when the node ends, even while connections wait", arguments: [1, 8])
    func nodeEnds(programsMax: Int) throws {
        let bench = try RunnerBench(programsMax: programsMax)
        for name in ["stubborn", "pass"] { _ = try bench.start(name) }
        bench.run { bench.reported.count == 2 }
        bench.end()
        bench.run { bench.isNodeGone && !bench.reported.contains(where: RunnerBench.isAlive) }
    }

    @Test("closes connections with an unknown server, an invalid request, or more than one request")
    func refusals() throws {
        let bench = try RunnerBench()
        let address = SocketAddress.ip(.v4(1), port: 1)
        let valid = ExternalCheckRequest(backend: 0, server: 0, sessions: 0, address: address).frame
        let refused = [
            ExternalCheckRequest(backend: 1, server: 0, sessions: 0, address: address).frame,
            ExternalCheckRequest(backend: 0, server: 99, sessions: 0, address: address).frame, [1, 0], [0], valid + valid, valid + [0],
        ]
        let checks = try refused.map { try bench.open($0) }
        bench.run { checks.allSatisfy(\.isClosed) }
        #expect(checks.allSatisfy(\.answers.isEmpty) && bench.processes.isEmpty)
    }

    @Test("ignores messages without a socket")
    func otherFiles() throws {
        let bench = try RunnerBench()
        for path in ["/dev/null", "/etc/passwd"] { try bench.pass([OpenFile(try Files.open(path))]) }
        try bench.pass([])
        let check = try bench.start("pass")
        bench.run { check.answers.count == 2 }
    }
}
