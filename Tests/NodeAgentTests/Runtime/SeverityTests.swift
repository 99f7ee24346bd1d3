import LinuxIO
import Testing
import Wire

@testable import NodeAgent

@Suite("Severities of answers")
struct SeverityTests {
    private let target = StubTarget()

    private func run(_ line: String, _ output: StatsSocketSettings.SeverityOutput, level: StatsSocketSettings.Level = .admin) -> String {
        var session = RuntimeSession(level: level, timeout: .seconds(10))
        session.severityOutput = output
        guard case .pieces(let next) = RuntimeInterpreter(target: target).answer(to: Array(line.utf8)[...], session: &session) else { return "" }
        var text = ""
        while case .bytes(let piece)? = next(&session) { text += String(decoding: piece, as: UTF8.self) }
        return text
    }

    @Test(
        "are HAProxy 2.6's, measured",
        arguments: [
            ("disable server mysql/zz", "[3]: No such server.\n\n"), ("disable server zz/s", "[3]: No such backend.\n\n"),
            ("disable server mysql", "[3]: Require 'backend/server'.\n\n"), ("disable server mysql/db1", "\n"), ("set weight mysql/db1 3", "\n"),
            ("set weight mysql/db1 500", "[3]: Absolute weight can only be between 0 and 256 inclusive.\n\n"), ("get weight mysql/db1", "10 (initial 10)\n\n"),
            ("get weight mysql/zz", "[3]: No such server.\n\n"), ("set timeout cli 5", "\n"), ("set timeout cli", "[3]: Expects an integer value.\n\n"),
            ("set timeout x", "[3]: 'set timeout' only supports 'cli'.\n\n"), ("show servers state zz", "[3]: Can't find backend.\n\n"),
            ("show stat zz 1 1", "[3]: No such proxy.\n\n"), ("show cli level", "[6]: admin\n\n"), ("operator", "\n"), ("show backend", "# name\nmysql\n\n"),
        ])
    func numbers(line: String, answer: String) { #expect(run(line, .number) == answer) }

    @Test("are words with severity-output string, and come in front of a refusal")
    func words() {
        #expect(run("disable server mysql/db1", .string, level: .user).hasPrefix("[err]: Permission denied\n"))
        #expect(run("show cli level", .string, level: .user) == "[info]: user\n\n")
        #expect(run("help", .string).hasPrefix("[info]: The following commands are valid at this level:\n"))
        #expect(run("nonsense", .string).hasPrefix("[info]: Unknown command: 'nonsense'"))
        #expect(run("show version", .string).hasPrefix("[info]: 3.5-"))
        #expect(run("show info", .string).hasPrefix("Name: "))
        #expect(run("show stat", .string).hasPrefix("# pxname,"))
        #expect(run("get weight mysql/zz;show cli level", .string) == "[err]: No such server.\n\n[info]: admin\n\n")
    }

    @Test("do not appear without 'severity-output'")
    func none() { #expect(run("get weight mysql/zz;show cli level", .none) == "No such server.\n\nadmin\n\n") }

    @Test("'maxconn' of a stats socket limits the connections of this socket alone; urgent commands are answered nevertheless")
    func connectionsMax() throws {
        let reactor = try Reactor()
        let server = RuntimeServer(reactor: reactor, interpreter: RuntimeInterpreter(target: target), connectionsMax: 10, timeout: .seconds(10))
        var rights = RuntimeRights()
        (rights.level, rights.severityOutput) = (.admin, .number)
        let (limited, other) = (try listenOnLoopback(), try listenOnLoopback())
        try server.serve(limited, rights: rights, connectionsMax: 1)
        try server.serve(other, rights: rights)
        let (address, elsewhere) = (try #require(Sockets.localAddress(limited.raw)), try #require(Sockets.localAddress(other.raw)))
        func turn() { reactor.runOnce(waitingAtMost: .milliseconds(10)) }
        let first = try Client(to: address)
        try first.send("prompt\n")
        for _ in 0..<200 where server.connectionsCurrent == 0 { turn() }
        let second = try Client(to: address)
        try second.send("show cli level\n")
        let urgent = try Client(to: address)
        try urgent.send("drain\n")
        #expect(urgent.readAll(turn).hasPrefix("[3]: tsukada02 is draining"))
        let third = try Client(to: elsewhere)
        try third.send("show cli level\n")
        #expect(third.readAll(turn) == "[6]: admin\n\n")
        #expect(server.connectionsCurrent == 2, "the second one waits")
        try first.send("quit\n")
        _ = first.readAll(turn)
        #expect(second.readAll(turn) == "[6]: admin\n\n")
        #expect(server.connectionsCurrent == 0)
        server.close()
    }
}
