import Proxy
import Seals
import Support
import Testing
import Wire

@testable import NodeAgent

/// Follows the bytes of a hostile database to every text that people read.
@Suite("A hostile database's text")
struct HostileDatabaseTests {
    private static let evil = "\u{1b}[2J\u{9b}31m\r\n[ALERT] forged, \"quoted\""
    private static let query = "SELECT @@wsrep_ready"
    private static let now = Instant(nanoseconds: 1_000_000_000)

    /// All output about a server with these answers.
    private func shown(_ change: (inout MySQLPeerSettings) -> Void) throws -> [String] {
        var peerSettings = MySQLPeerSettings()
        (peerSettings.plugin, peerSettings.userPlugin, peerSettings.serverVersion) = ("mysql_native_password", "mysql_native_password", "8.4.3" + Self.evil)
        change(&peerSettings)
        let location = ConfigurationLocation(file: "haproxy.cfg", line: 1)
        var settings = DatabaseSettings(user: "monitor", location: location)
        (settings.role, settings.minUp, settings.query) = (.replica, 0, .init(text: Self.query, expected: "1"))
        let login = DatabaseLogin(user: "monitor", password: try #require(DatabasePassword(Array("secret".utf8))), tls: .off)
        let access = DatabaseAccess(questions: DatabaseQuestions(settings), login: login, cryptography: try OpenSSLDatabaseCryptography())

        var backend = Backend(name: "mysql", identifier: 2)
        backend.logsHealthChecks = true
        var server = Server(name: "db1", identifier: 1, endpoint: .ip(.v4(0x7f00_0001), port: 3306), port: .fixed(3306), location: location)
        server.check = CheckSettings()
        (backend.servers, backend.database) = ([server], settings)
        var registry = ServerRegistry(backends: [backend], now: Self.now) { _ in ServerRegistry.numericAddress(of: server) }
        var watch = DatabaseWatch(settings, names: ["db1"], choices: [1], memory: { _ in nil }, writer: nil, now: Self.now)
        var lines: [String] = []
        for _ in 0..<3 {
            let (result, look) = Self.check(access, MySQLPeer(peerSettings))
            watch.apply(look, of: 0, now: Self.now)
            let outcome = watch.decide([.init(isRunning: true, isAvailable: true)], peers: .reachable([]), now: Self.now)
            lines += outcome.logEntries.map(\.text)
            for event in [.setFitness(outcome.fitness[0]), .checkFinished(result)] as [ServerRegistry.Event] {
                for case .log(_, let text, _) in registry.apply(event, to: ServerReference(backend: 0, server: 0), now: Self.now, load: { _ in ServerLoad() }) {
                    lines.append(text)
                }
            }
            lines.append(StatisticsTable.quoted(result.info))
        }
        let overview = DatabaseOverview(sections: [.init(proxy: backend, watch: watch, registry: registry, backend: 0)], now: Self.now)
        return lines + (overview.text(of: "")?.whole() ?? "").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func check(_ access: DatabaseAccess, _ peer: MySQLPeer) -> (CheckResult, DatabaseFindings) {
        var check = DatabaseCheck(access, limits: CheckLimits(whole: .seconds(1)), now: now)
        _ = check.connected(now: now)
        var incoming = peer.greet()
        var result: CheckResult?
        for _ in 0..<20 where result == nil {
            var answer: [UInt8] = []
            for output in check.received(incoming, now: now) {
                switch output {
                case .send(let bytes): answer += peer.receive(bytes)
                case .connect: Issue.record("a second connection")
                case .finished(let verdict): result = verdict
                }
            }
            incoming = answer
        }
        if result == nil, case .finished(let verdict)? = check.timedOut(now: now).last { result = verdict }
        return (result ?? CheckResult(status: .initializing, duration: .zero), check.findings)
    }

    private static func rows(_ columns: [String], _ row: [String?]) -> MySQLAnswer { .rows(MySQLResultSet(columns: columns, rows: [row])) }

    /// A replica with hostile bytes in every text.
    private static func replica(_ query: String) -> MySQLAnswer {
        switch query {
        case DatabaseQuestions.variables:
            .rows(MySQLResultSet(columns: ["Variable_name", "Value"], rows: [["read_only", "ON"], ["version", "8.4.3" + evil]]))
        case Self.query: rows(["x"], [evil])
        default:
            rows(
                ["Replica_IO_Running", "Replica_SQL_Running", "Channel_Name", "Last_SQL_Errno", "Last_SQL_Error"], ["Yes", "No", "east" + evil, "1062", evil])
        }
    }

    @Test("is shown on one line, without bytes that could control a terminal")
    func escaped() throws {
        let refusal = MySQLErrorPacket(code: 1205, sqlState: "HY000", message: "Lock wait" + Self.evil)
        let peers: [(inout MySQLPeerSettings) -> Void] = [
            { $0.answer = Self.replica },
            { $0.answer = { $0 == Self.query ? Self.rows(["x"], ["1"]) : Self.replica($0) } },
            { $0.answer = { $0 == Self.query ? .refused(refusal) : Self.replica($0) } },
            { $0.answer = { _ in .refused(refusal) } },
            { $0.userPlugin = "dialog" + Self.evil },
        ]
        for change in peers {
            let shown = try shown(change)
            for line in shown {
                let isClean = line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
                #expect(isClean && !line.hasPrefix("[ALERT]"), "\(line)")
            }
            #expect(shown.contains { $0.contains("<1B>") } && shown.contains { $0.hasPrefix("db1 ") }, "\(shown)")
        }
    }

    @Test(
        "is cut so that no SQL and no customer's value appears: only a statement error's number and first clause remain",
        arguments: [
            ("Error 'Duplicate entry 'taro@example.jp' for key 'email'' on query. Default database: 'shop'. Query: 'insert into c values ('4111-1111')'", ""),
            (
                "Could not execute Write_rows_v1 event on table shop.c; Duplicate entry '4111-1111' for key 'card', Error_code: 1062; handler error",
                "Could not execute Write_rows_v1 event on table shop.c"
            ),
            ("Duplicate entry 'O'Brien; 4111-1111' for key 'email'", "Duplicate entry ..."),
            (
                "Query caused different errors on master and slave. Error on master: message (format)='4111-1111'",
                "Query caused different errors on master and slave"
            ),
            (
                "You have an error in your SQL syntax; check the manual for the right syntax to use near '4111-1111' at line 1",
                "You have an error in your SQL syntax"
            ),
            ("Incorrect string value: '\\xE3\\x81' for column 'taro@example.jp' at row 1", "Incorrect string value"),
            ("Column count doesn't match value count at row 1", "Column count doesn't match value count at row 1"),
            ("Worker 1 failed executing transaction '8a94-1' at source log b.5; Error 'taro@example.jp'", "Worker 1 failed executing transaction ..."),
            (
                "Coordinator stopped because there were error(s) in the worker(s). See 'taro@example.jp'",
                "Coordinator stopped because there were error(s) in the worker(s)"
            ),
        ])
    func firstClause(text: String, clause: String) throws {
        let complaint = DatabaseProblem(code: 1062, statement: text)
        #expect(complaint.description == (clause.isEmpty ? "error 1062" : "error 1062 \(clause)"))
        let answers: [(String) -> MySQLAnswer] = [
            { query in
                guard query.hasPrefix("SHOW REPLICA") else { return query == Self.query ? Self.rows(["x"], ["1"]) : Self.replica(query) }
                let columns = ["Replica_IO_Running", "Replica_SQL_Running", "Last_SQL_Errno", "Last_SQL_Error", "Last_IO_Errno", "Last_IO_Error"]
                return Self.rows(columns, ["No", "No", "1062", text, "1062", text])
            },
            { query in query == DatabaseQuestions.variables ? Self.replica(query) : .refused(MySQLErrorPacket(code: 1062, message: text)) },
            { _ in .refused(MySQLErrorPacket(code: 1053, message: text)) },
        ]
        for answer in answers {
            let shown = try shown { $0.answer = answer }
            #expect(!shown.contains { $0.contains("4111-1111") || $0.contains("taro@example.jp") || $0.contains("insert into") }, "\(shown)")
        }
    }
}
