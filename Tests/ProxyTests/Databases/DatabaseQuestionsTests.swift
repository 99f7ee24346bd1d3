import Proxy
import Support
import Testing
import Wire

@Suite("A database's queries")
struct DatabaseQuestionsTests {
    private static let location = ConfigurationLocation(file: "haproxy.cfg", line: 1)

    @Test(
        "use the statement of their version",
        arguments: [
            ("5.7.44-log", "SHOW SLAVE STATUS"), ("8.0.21", "SHOW SLAVE STATUS"), ("8.0.22", "SHOW REPLICA STATUS"), ("8.4.3", "SHOW REPLICA STATUS"),
            ("9.1.0", "SHOW REPLICA STATUS"), ("5.5.5-10.11.6-MariaDB-0+deb12u1", "SHOW ALL SLAVES STATUS"), ("11.8.2-MariaDB", "SHOW ALL SLAVES STATUS"),
            ("8.0.mysql_aurora.3.05", "SHOW SLAVE STATUS"), ("", "SHOW SLAVE STATUS"), ("99999999999999999999", "SHOW SLAVE STATUS"),
        ])
    func dialect(version: String, statement: String) {
        #expect(DatabaseDialect(version: version).replicaStatus == statement)
    }

    @Test("are one statement each for variables, channels, heartbeat and the configured query")
    func statements() {
        var settings = DatabaseSettings(user: "check", location: Self.location)
        #expect(DatabaseQuestions(settings).statements(for: DatabaseDialect(version: "8.4.3")) == [DatabaseQuestions.variables, "SHOW REPLICA STATUS"])
        settings.lagSource = .heartbeat(table: "ops.heartbeat")
        settings.query = .init(text: "SELECT @@wsrep_ready", expected: "1")
        #expect(
            DatabaseQuestions(settings).statements(for: DatabaseDialect(version: "8.4.3")).suffix(2) == [
                "SELECT TIMESTAMPDIFF(MICROSECOND, MAX(ts), NOW(6)) FROM `ops`.`heartbeat`", "SELECT @@wsrep_ready",
            ])
    }

    @Test("begin with those that decide about a primary, so that a hanging query hides nothing")
    func primary() {
        var settings = DatabaseSettings(user: "check", location: Self.location)
        settings.role = .primary
        settings.query = .init(text: "SELECT 1", expected: "1")
        let statements = DatabaseQuestions(settings).statements(for: DatabaseDialect(version: "8.4.3"))
        #expect(statements == [DatabaseQuestions.variables, "SELECT 1", "SHOW REPLICA STATUS"])
    }

    @Test("end with the list of replicas if it is wanted; only the list may be refused")
    func list() {
        var settings = DatabaseSettings(user: "check", location: Self.location)
        for source in [LagSource.replicaStatus, .heartbeat(table: "ops.heartbeat")] {
            for query in [nil, DatabaseSettings.Query(text: "SELECT 1", expected: "1")] {
                (settings.lagSource, settings.query, settings.discovery) = (source, query, nil)
                let without = DatabaseQuestions(settings).statements(for: DatabaseDialect(version: "8.4.3"))
                settings.discovery = .init(proxy: "read")
                let questions = DatabaseQuestions(settings)
                #expect(questions.statements(for: DatabaseDialect(version: "8.4.3")) == without + ReplicaList.statements)
                let view = Self.view(questions, [Self.variables(["read_only": "OFF"])] + Array(repeating: Self.none, count: without.count - 1))
                #expect(view.unanswered.isEmpty && view.replicas == ReplicaList([], refusal: DatabaseProblem(code: 0, text: "no answer")))
            }
        }
    }

    private static func variables(_ pairs: KeyValuePairs<String, String>) -> MySQLResultSet {
        MySQLResultSet(columns: ["Variable_name", "Value"], rows: pairs.map { [$0.key, $0.value] })
    }

    private static func view(_ questions: DatabaseQuestions, _ answers: [MySQLResultSet]) -> DatabaseView {
        questions.view(answers.map { .rows($0) }, for: DatabaseDialect(version: "8.4.3"))
    }

    private static let none = MySQLResultSet(columns: [], rows: [])

    @Test("are understood with answers of MySQL 8 and of MariaDB")
    func channels() {
        let questions = DatabaseQuestions(DatabaseSettings(user: "check", location: Self.location))
        let mysql = MySQLResultSet(
            columns: [
                "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source", "Last_IO_Errno", "Last_IO_Error", "Last_SQL_Errno", "Last_SQL_Error",
                "Channel_Name",
            ], rows: [["Yes", "No", nil, "0", "", "1062", "Duplicate\nentry", "east"]])
        let view = Self.view(questions, [Self.variables(["read_only": "OFF", "super_read_only": "ON", "version": "8.4.3"]), mysql])
        #expect(view.isReadOnly)
        #expect(view.channels == [ReplicationChannel(name: "east", applier: .stopped, applierError: DatabaseProblem(code: 1062, text: "Duplicate"))])
        let mariadb = { (lag: String?) in
            MySQLResultSet(
                columns: ["Connection_name", "Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master", "Last_IO_Errno", "Last_SQL_Errno"],
                rows: [["", "Yes", "Yes", "3", "0", "0"], ["west", lag == nil ? "Connecting" : "Yes", "Yes", lag, "0", "0"]])
        }
        let worst = Self.view(questions, [Self.variables(["read_only": "ON"]), mariadb("7")])
        #expect(worst.replicationLag == .seconds(7))
        let unknown = Self.view(questions, [Self.variables(["read_only": "ON"]), mariadb(nil)])
        #expect(unknown.replicationLag == nil)
        #expect(unknown.channels[1].receiver == .connecting && unknown.channels[1].name == "west")
    }

    @Test("cost time in proportion to the answer's bytes, with any number of columns and rows")
    func wide() {
        let questions = DatabaseQuestions(DatabaseSettings(user: "check", location: Self.location))
        let columns = (0..<MySQLResultReader.columnsMax).map { "column\($0)" }
        let wide = MySQLResultSet(columns: columns, rows: Array(repeating: Array(repeating: nil, count: columns.count), count: MySQLResultReader.rowsMax))
        let time = ThreadTime.of {
            let view = Self.view(questions, [Self.variables(["read_only": "ON"]), wide])
            #expect(view.channels.count == MySQLResultReader.rowsMax)
        }
        #expect(time < .seconds(2))
    }

    @Test("may have any answer")
    func hostile() {
        var settings = DatabaseSettings(user: "check", location: Self.location)
        settings.lagSource = .heartbeat(table: "ops.heartbeat")
        settings.query = .init(text: "SELECT 1", expected: "1")
        let questions = DatabaseQuestions(settings)
        let variables = Self.variables(["read_only": "OFF"])
        let missing = { (answers: [MySQLResultSet]) in Self.view(questions, answers).unanswered.map(\.question) }
        #expect(missing([]) == [.variables, .replicaStatus, .heartbeat, .query])
        #expect(missing(Array(repeating: Self.none, count: 4)) == [.variables])
        #expect(missing([variables, Self.none]) == [.heartbeat, .query])
        #expect(missing([variables, Self.none, Self.none]) == [.query])
        let strange = MySQLResultSet(columns: ["x", "y"], rows: [["18446744073709551616", nil]])
        let view = Self.view(questions, [variables, strange, strange, strange])
        #expect(view.heartbeatAge == nil)
        #expect(view.channels.first?.applier == .stopped)
        let late = MySQLResultSet(columns: ["age"], rows: [["9223372036854775807"]])
        #expect(Self.view(questions, [variables, Self.none, late, Self.none]).heartbeatAge == .microseconds(1 << 40))
        let early = MySQLResultSet(columns: ["age"], rows: [["-3"]])
        #expect(Self.view(questions, [variables, Self.none, early, Self.none]).heartbeatAge == .zero)
    }
}
