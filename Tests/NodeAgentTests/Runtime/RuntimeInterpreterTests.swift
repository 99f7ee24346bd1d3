import Proxy
import Testing
import Wire

@testable import NodeAgent

/// A target with `mysql/db1` and `mysql/db2`.
final class StubTarget: RuntimeTarget, StatisticsSource {
    var statistics: any StatisticsSource { self }
    func retriesReport() -> AnswerText { AnswerText("# server refused\n") }

    var states: [ServerName: AdministrativeState] = [:]
    var weights: [ServerName: RuntimeWeight] = [
        ServerName(backend: "mysql", server: "db1"): RuntimeWeight(current: 10, initial: 10),
        ServerName(backend: "mysql", server: "db2"): RuntimeWeight(current: 10, initial: 10),
    ]
    var current = sampleSnapshot()
    var scopes: [CommandScope] = []
    /// The answer to commands that change state.
    var changeAnswer = AnswerText("")
    var keyChanges: [KeyChange] = []

    var outlines: [ProxyOutline] { current.outlines }
    func processStatistics() -> ProcessStatistics {
        rowsRead += 1
        return current.processStatistics()
    }
    func frontendStatistics(_ frontend: Int) -> FrontendStatistics { current.frontendStatistics(frontend) }
    func backendStatistics(_ backend: Int) -> BackendStatistics { current.backendStatistics(backend) }
    func socketStatistics(_ bind: Int, of frontend: Int) -> SocketStatistics { current.socketStatistics(bind, of: frontend) }

    /// The number of rows of servers and of the process that were read.
    var rowsRead = 0

    func serverStatistics(_ server: ServerReference) -> ServerStatistics {
        rowsRead += 1
        return current.serverStatistics(server)
    }

    /// The servers that commands have named.
    private(set) var named: [ServerName] = []

    func server(_ name: ServerName) throws(RuntimeTargetError) -> ServerReference {
        guard weights.keys.contains(where: { $0.backend == name.backend }) else { throw .noSuchBackend }
        guard weights[name] != nil else { throw .noSuchServer }
        named.append(name)
        return ServerReference(backend: 0, server: named.count - 1)
    }

    func setState(_ state: AdministrativeState, of server: ServerReference, _ scope: CommandScope) throws(RuntimeTargetError) -> AnswerText {
        scopes.append(scope)
        states[named[server.server]] = state
        return changeAnswer
    }

    func setWeight(_ weight: Int, of server: ServerReference, _ scope: CommandScope) throws(RuntimeTargetError) -> AnswerText {
        scopes.append(scope)
        weights[named[server.server]]?.current = weight
        return changeAnswer
    }

    func gossipReport() -> GossipReport? { nil }

    var probes: ProbeReport?
    var databases: DatabaseOverview?
    var drains: [DrainForce] = []

    func probeReport() -> ProbeReport? { probes }
    func databaseReport() -> DatabaseOverview? { databases }

    func drain(_ force: DrainForce) throws(RuntimeTargetError) -> String {
        drains.append(force)
        guard force == .forced else { throw .refused(DrainText.refusal("tsukada02")) }
        return "Draining: 1\n"
    }

    var cancels = 0

    func cancelDrain() -> String {
        cancels += 1
        return DrainText.cancelled
    }

    func changeKeys(_ change: KeyChange) throws(RuntimeTargetError) {
        guard change != .remove(1) else { throw .refused("in use") }
        keyChanges.append(change)
    }

    func weight(of server: ServerReference) -> RuntimeWeight { weights[named[server.server]] ?? RuntimeWeight(current: 0, initial: 0) }
}

@Suite("The runtime interpreter")
struct RuntimeInterpreterTests {
    private let target = StubTarget()

    private func run(_ line: String, _ session: inout RuntimeSession) -> String { pieces(Array(line.utf8), &session).joined() }

    private func pieces(_ line: [UInt8], _ session: inout RuntimeSession) -> [String] {
        guard case .pieces(let next) = RuntimeInterpreter(target: target).answer(to: line[...], session: &session) else { return ["<none>"] }
        var pieces: [String] = []
        while case .bytes(let piece)? = next(&session) { pieces.append(String(decoding: piece, as: UTF8.self)) }
        return pieces
    }

    private func run(_ line: String, level: StatsSocketSettings.Level = .admin) -> String {
        var session = RuntimeSession(level: level, timeout: .seconds(10))
        return run(line, &session)
    }

    @Test(
        "answers HAProxy 3.5's exact sentences",
        arguments: [
            ("get weight mysql/db1", "10 (initial 10)\n\n"), ("get weight mysql/zz", "No such server.\n\n"), ("get weight zz/d1", "No such backend.\n\n"),
            ("get weight", "Require 'backend/server'.\n\n"), ("get weight mysql", "Require 'backend/server'.\n\n"),
            ("get weight mysql/", "Require 'backend/server'.\n\n"), ("set weight mysql/db1 50", "\n"), ("set weight mysql/db1 50%", "\n"),
            ("set weight mysql/db1 999", "Absolute weight can only be between 0 and 256 inclusive.\n\n"),
            ("set weight mysql/db1 -5", "Absolute weight can only be between 0 and 256 inclusive.\n\n"),
            ("set weight mysql/db1 99999999999999999999", "Absolute weight can only be between 0 and 256 inclusive.\n\n"),
            ("set weight mysql/db1 abc", "Empty weight string empty or preceded by garbage\n\n"),
            ("set weight mysql/db1 5x", "Trailing garbage in weight string\n\n"), ("set weight mysql/db1 -5%", "Relative weight must be positive.\n\n"),
            ("set weight mysql/db1", "Require <weight> or <weight%>.\n\n"),
            ("set weight mysql/db1 0", "\n"),
            ("set server mysql/db1 state drain", "\n"),
            ("set server mysql/db1 state foo", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n"),
            (
                "set server mysql/db1",
                "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | name | ssl | state | weight\n\n"
            ), ("set server mysql/nope state ready", "No such server.\n\n"), ("disable server mysql/db2", "\n"), ("enable server zz/d", "No such backend.\n\n"),
            ("set timeout cli 60s", "\n"), ("set timeout cli abc", "Invalid timeout value.\n\n"), ("set timeout cli", "Expects an integer value.\n\n"),
            ("set timeout foo 3", "'set timeout' only supports 'cli'.\n\n"), ("show servers state nope", "Can't find backend.\n\n"),
            ("show cli level", "admin\n\n"), ("show version", "3.5-tsukada-0.1.0\n\n"), ("show backend", "# name\nmysql\n\n"),
            ("show stat domain proxy nope 4 -1", "No such proxy.\n\n"),
            ("show stat domain resolvers", "Only domain 'proxy' is supported; omit 'domain' for the same answer.\n\n"),
            ("show stat nope 4 -1", "No such proxy.\n\n"), ("show stat 99 -1 -1", StatisticsTable.header + "\n\n"), ("", "\n"),
            ("  show   cli\tlevel  \r", "admin\n\n"),
        ])
    func exactAnswers(line: String, answer: String) {
        #expect(run(line) == answer)
    }

    @Test(
        "reads the scope of a command",
        arguments: [
            ("disable server mysql/db1", CommandScope.standard, "\n"), ("disable server mysql/db1 whatever", .standard, "\n"),
            ("disable server mysql/db1 on node", .node, "\n"), ("enable server mysql/db1 on cluster", .cluster(ClusterCommandOptions()), "\n"),
            ("set server mysql/db1 state maint on cluster force", .cluster(ClusterCommandOptions(isForced: true)), "\n"),
            ("set server mysql/db1 state drain on cluster for 10m", .cluster(ClusterCommandOptions(duration: .seconds(600))), "\n"),
            ("set server mysql/db1 weight 5 on cluster", .cluster(ClusterCommandOptions()), "\n"), ("set weight mysql/db1 5 on node", .node, "\n"),
            ("set weight mysql/db1 50% on cluster force for 1h", .cluster(ClusterCommandOptions(duration: .seconds(3_600), isForced: true)), "\n"),
        ])
    func scopes(line: String, scope: CommandScope, answer: String) {
        #expect(run(line) == answer)
        #expect(target.scopes == [scope])
    }

    @Test(
        "refuses an incomplete scope, and names the syntax",
        arguments: [
            ("disable server mysql/db1 on", "Require 'on node' or 'on cluster [for <time>] [force]'.\n\n"),
            ("disable server mysql/db1 cluster", "Require 'on node' or 'on cluster [for <time>] [force]'.\n\n"),
            ("disable server mysql/db1 for 10m", "Require 'on node' or 'on cluster [for <time>] [force]'.\n\n"),
            ("disable server mysql/db1 on mars", "Require 'on node' or 'on cluster [for <time>] [force]'.\n\n"),
            ("disable server mysql/db1 on node force", "Require 'on node' or 'on cluster [for <time>] [force]'.\n\n"),
            ("disable server mysql/db1 on cluster now", "Require 'on node' or 'on cluster [for <time>] [force]'.\n\n"),
            ("set weight mysql/db1 5 on cluster for", "'for' expects a time up to 24d, such as 10m.\n\n"),
            ("set weight mysql/db1 5 on cluster for long", "'for' expects a time up to 24d, such as 10m.\n\n"),
        ])
    func incompleteScopes(line: String, answer: String) {
        #expect(run(line) == answer)
        #expect(target.scopes.isEmpty)
    }

    @Test("changes keys by their ids, and never repeats a key")
    func keys() {
        let key = String(repeating: "0123456789abcdef", count: 4)
        #expect(run("install gossip key \(key);use gossip key 0000beef;remove gossip key 00000002") == "\n\n\n")
        #expect(target.keyChanges.count == 3)
        #expect(target.keyChanges.last == .remove(2))
        #expect(run("remove gossip key 00000001") == "in use\n\n")
        for line in ["install gossip key \(key)0", "install gossip key", "use gossip key \(key)", "remove gossip key xyz", "use gossip key"] {
            #expect(!run(line).contains("0123"))
            #expect(target.keyChanges.count == 3, "\(line)")
        }
        #expect(run("use gossip key 0000beef", level: .operator).hasPrefix("Permission denied\n"))
        #expect(run("show gossip members") == "There is no 'gossip' section in the configuration.\n\n")
    }

    @Test("drains only for administrators, and with a request to the peers unless it is forced")
    func drain() {
        #expect(run("drain", level: .operator).hasPrefix("Permission denied\n"))
        #expect(run("drain now") == "'drain' takes only 'force' or 'cancel'.\n\n")
        #expect(target.drains.isEmpty)
        #expect(run("drain") == "tsukada02 is draining: wait until it is back, or use 'drain force'.\n\n")
        #expect(run("drain force") == "Draining: 1\n\n")
        #expect(target.drains == [.careful, .forced])
        #expect(run("drain cancel") == "Not draining.\n\n" && target.cancels == 1)
    }

    @Test("names the level that a command needs, and the level of the connection", arguments: [StatsSocketSettings.Level.user, .operator])
    func neededLevel(level: StatsSocketSettings.Level) {
        for command in ["set server mysql/db1 state maint", "drain", "drain force", "disable server mysql/db1", "set weight mysql/db1 1"] {
            let words = RuntimeCommand.of(command.split(separator: " ").map(String.init))?.words.joined(separator: " ") ?? ""
            let answer = run(command, level: level).split(separator: "\n")
            #expect(answer.first == "Permission denied")
            #expect(answer.last?.hasPrefix("'\(words)' needs level admin; this connection has \(level): ") == true)
        }
        #expect(target.states.isEmpty && target.drains.isEmpty)
    }

    @Test("composes a long table in short pieces of whole rows")
    func pieces() {
        target.current.proxies[0].servers = (1...2000).map { ServerStatistics(name: "db\($0)", identifier: $0) }
        let expected = ["show stat": target.current.csv().whole(), "show servers state": target.current.serversState(backend: nil)?.whole() ?? ""]
        for command in ["show stat", "show servers state"] {
            var session = RuntimeSession(level: .user, timeout: .seconds(10))
            var rows = 0
            var text = ""
            guard case .pieces(let next) = RuntimeInterpreter(target: target).answer(to: Array("\(command);\(command)".utf8)[...], session: &session) else {
                return
            }
            target.rowsRead = 0
            while case .bytes(let bytes)? = next(&session) {
                let piece = String(decoding: bytes, as: UTF8.self)
                #expect(target.rowsRead - rows <= AnswerText.pieceRowsMax && piece.utf8.count < AnswerText.pieceBytesMax + 4096)
                #expect(piece.hasSuffix("\n"))
                rows = target.rowsRead
                text += piece
            }
            #expect(rows == 4000)
            #expect(text == expected[command].map { "\($0)\n\($0)\n" })
        }
    }

    @Test(
        "looks its server up once",
        arguments: [
            "disable server mysql/db1", "enable server mysql/db1", "get weight mysql/db1", "set weight mysql/db1 50%", "set server mysql/db1 state drain",
            "set server mysql/db1 weight 5", "set server mysql/db1 nonsense",
        ])
    func serverIsFoundOnce(command: String) {
        _ = run(command)
        #expect(target.named == [ServerName(backend: "mysql", server: "db1")])
    }

    @Test("shows the version and the backends' names without reading a row", arguments: ["show version", "show backend"])
    func cheapAnswers(command: String) {
        #expect(!run(command).isEmpty)
        #expect(target.rowsRead == 0)
    }

    @Test("reads few rows a piece even when all rows are left out")
    func hiddenRows() {
        target.current.proxies[0].servers = (1...2000).map { ServerStatistics(name: "db\($0)", identifier: $0) }
        var session = RuntimeSession(level: .user, timeout: .seconds(10))
        target.rowsRead = 0
        let pieces = pieces(Array("show stat mysql 4 5000".utf8), &session)
        #expect(pieces.joined() == StatisticsTable.header + "\n\n")
        #expect(target.rowsRead == 2000 && pieces.count > 2000 / AnswerText.pieceRowsMax)
    }

    @Test("runs one command a piece")
    func commandPieces() {
        var session = RuntimeSession(level: .admin, timeout: .seconds(10))
        let line = String(repeating: "set weight mysql/db1 5;", count: 500)
        #expect(pieces(Array(line.utf8), &session) == Array(repeating: "\n", count: 500))
        #expect(target.scopes.count == 500)
    }

    @Test(
        "treats the commands of 'tsukada drain' and 'tsukada keys', and no others, as urgent",
        arguments: [
            ("drain", true), ("drain force", true), ("drain cancel\r", true), ("show gossip keys", true), ("use gossip key 0000beef", true),
            ("remove gossip key 1", true), ("install gossip key 12", true), ("show stat", false), ("drain;show stat", false), ("", false),
            ("drain;drain", true), ("set server mysql/db1 state maint", false), ("_handover", false),
        ])
    func urgent(line: String, isUrgent: Bool) {
        var session = RuntimeSession(level: .admin, timeout: .seconds(10))
        #expect(RuntimeInterpreter(target: target).isUrgent(Array(line.utf8)[...], session) == isUrgent)
        session.exposesListeners = true
        #expect(RuntimeInterpreter(target: target).isUrgent(Array("_handover".utf8)[...], session))
        session.payloadEnd = ""
        #expect(!RuntimeInterpreter(target: target).isUrgent(Array(line.utf8)[...], session))
    }

    @Test("shows the probe sections at every level")
    func probes() {
        #expect(run("show probe", level: .user) == "There is no 'probe' section in the configuration.\n\n")
        target.probes = ProbeReport(rows: [], now: Instant(nanoseconds: 0))
        #expect(run("show probe", level: .user) == "# name state since_s asked last_by last_ms draining reason\n\n")
    }

    @Test("carries out changes")
    func changes() {
        _ = run("set server mysql/db1 state maint;set weight mysql/db2 50%;disable server mysql/db2")
        #expect(target.states[ServerName(backend: "mysql", server: "db1")] == .maint)
        #expect(target.states[ServerName(backend: "mysql", server: "db2")] == .maint)
        #expect(target.weights[ServerName(backend: "mysql", server: "db2")]?.current == 5)
    }

    @Test("answers Datadog's two commands in two blocks, without an empty line in either")
    func twoBlocks() {
        let blocks = run("show info;show stat\r").split(separator: "\n\n", omittingEmptySubsequences: false)
        #expect(blocks.count == 3 && blocks[2].isEmpty)
        #expect(blocks[0].hasPrefix("Name: HAProxy") && blocks[1].hasPrefix("# pxname"))
    }

    @Test("splits at unescaped semicolons")
    func splitting() {
        #expect(RuntimeLine.commands(in: Array("a b;c\\;d \\\\e;".utf8)[...]) == [["a", "b"], ["c;d", "\\e"]])
        #expect(RuntimeLine.commands(in: Array("a;;b".utf8)[...]) == [["a"], [], ["b"]])
    }

    @Test("refuses commands above the level, and lowers the level permanently")
    func levels() {
        #expect(run("disable server mysql/db1", level: .operator).hasPrefix("Permission denied\n"))
        #expect(run("set timeout cli 3", level: .user) == "\n")
        let lowered = run("operator;show cli level;user;show cli level;operator")
        #expect(lowered.hasPrefix("\noperator\n\n\nuser\n\nPermission denied\n'operator' needs level operator; this connection has user: "))
        #expect(!run("show stat", level: .user).contains("127.0.0.1:13307"))
        #expect(target.states.isEmpty)
    }

    @Test("ends each answer with a prompt after 'prompt'")
    func prompt() {
        var session = RuntimeSession(level: .admin, timeout: .seconds(10))
        #expect(run("prompt", &session) == "\n> ")
        #expect(run("show cli level;show cli level", &session) == "admin\n\n> admin\n\n> ")
        #expect(run("set timeout cli 60", &session) == "\n> ")
        #expect(session.timeout == .seconds(60))
        #expect(run("prompt", &session) == "\n")
        #expect(run("quit;show info", &session).isEmpty)
        #expect(session.isClosing)
    }

    @Test("reads a payload to its end and refuses it")
    func payload() {
        var session = RuntimeSession(level: .admin, timeout: .seconds(10))
        #expect(run("set server mysql/db1 state <<END", &session).isEmpty)
        #expect(run("disable server mysql/db1", &session).isEmpty)
        #expect(run("END", &session).hasPrefix("Payloads ('<<') are not supported"))
        #expect(session.payloadEnd == nil && target.states.isEmpty)
    }

    @Test("suggests what an unknown command may have meant")
    func unknown() {
        let answer = run("show foo")
        #expect(answer.hasPrefix("Unknown command: 'show foo', but maybe one of the following ones is a better match:\n  show backend"))
        #expect(answer.hasSuffix(": close the connection\n\n") && !answer.contains("  set weight"))
        #expect(run("xyzzy").hasPrefix("Unknown command: 'xyzzy'. Please enter one of the following commands only:\n"))
        #expect(run("help show stat").split(separator: "\n").count == 5)
        #expect(!run("help", level: .user).contains("disable server"))
    }

    @Test("survives any bytes", arguments: 0..<64 as Range<UInt64>)
    func anyBytes(seed: UInt64) {
        var state = seed
        var session = RuntimeSession(level: .admin, timeout: .seconds(10))
        let words = ["show", "stat", "set", "server", "weight", "mysql/db1", "-1", "4", ";", "\\", "<<", "%", "\u{0}", "prompt", "99999999999999999999"]
        var line: [UInt8] = []
        for _ in 0..<40 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            line += Array(words[Int(state >> 33) % words.count].utf8)
            line.append(state >> 40 & 3 == 0 ? UInt8(truncatingIfNeeded: state >> 50) : 32)
        }
        #expect(pieces(line, &session).count < 1000)
    }
}
