import Wire

/// The SQL dialect of a database, derived from the version in its greeting.
package struct DatabaseDialect: Equatable, Sendable {
    /// True when the version contains "MariaDB".
    package let isMariaDB: Bool
    /// The first three numbers of the version; missing ones are 0.
    package let numbers: [Int]

    /// Parses `version`: "8.4.2", "5.7.44-log", "5.5.5-10.11.6-MariaDB".
    ///
    /// MariaDB before 11 adds a prefix "5.5.5-" to its version, for the sake of old replicas.
    package init(version: String) {
        isMariaDB = version.lowercased().contains("mariadb")
        let prefix = "5.5.5-"
        let own = isMariaDB && version.hasPrefix(prefix) ? version.dropFirst(prefix.count) : version[...]
        var numbers = own.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false).prefix(3).map { part in
            Int(part.prefix { $0.isASCII && $0.isNumber }) ?? 0
        }
        while numbers.count < 3 { numbers.append(0) }
        self.numbers = numbers
    }

    /// The statement for the status of all channels. MySQL accepts REPLICA since 8.0.22 and rejects SLAVE since 8.4. Every MariaDB version with channels has
    /// the ALL form.
    package var replicaStatus: String {
        if isMariaDB { return "SHOW ALL SLAVES STATUS" }
        return numbers.lexicographicallyPrecedes([8, 0, 22]) ? "SHOW SLAVE STATUS" : "SHOW REPLICA STATUS"
    }
}

/// The questions for the servers of a proxy, and the interpretation of the answers.
package struct DatabaseQuestions: Equatable, Sendable {
    /// The question that every server can answer.
    package static let variables =
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'read_only', 'super_read_only', 'innodb_read_only')"
    /// The maximum lag in microseconds. Longer ones are cut.
    private static let lagMax: Int64 = 1 << 40

    private let settings: DatabaseSettings

    /// Creates the questions of a section.
    package init(_ settings: DatabaseSettings) { self.settings = settings }

    /// The statements, in the order of the answers that `view` takes.
    ///
    /// - Parameter end: the first question to leave out, together with all later ones; `nil` for none.
    package func statements(for dialect: DatabaseDialect, before end: DatabaseQuestion? = nil) -> [String] {
        orderedQuestions.prefix { $0 != end }.flatMap { statements(of: $0, for: dialect) }
    }

    /// The question that the statement with this index belongs to.
    func question(at statement: Int, for dialect: DatabaseDialect) -> DatabaseQuestion? {
        let places = orderedQuestions.flatMap { question in statements(of: question, for: dialect).map { _ in question } }
        return places.indices.contains(statement) ? places[statement] : nil
    }

    /// The questions of this section, in order.
    private var orderedQuestions: [DatabaseQuestion] {
        // The state of a primary depends only on the first two, so they come before questions that may hang.
        let order: [DatabaseQuestion] = settings.role == .primary ? [.variables, .query, .replicaStatus, .heartbeat, .replicas] : DatabaseQuestion.allCases
        return order.filter { question in
            switch question {
            case .variables, .replicaStatus: true
            case .heartbeat: settings.lagSource != .replicaStatus
            case .query: settings.query != nil
            case .replicas: settings.discovery != nil
            }
        }
    }

    private func statements(of question: DatabaseQuestion, for dialect: DatabaseDialect) -> [String] {
        switch question {
        case .variables: return [Self.variables]
        case .replicaStatus: return [dialect.replicaStatus]
        case .heartbeat:
            let name = heartbeatTable.split(separator: ".").map { "`\($0)`" }.joined(separator: ".")
            return ["SELECT TIMESTAMPDIFF(MICROSECOND, MAX(ts), NOW(6)) FROM \(name)"]
        case .query: return settings.query.map { [$0.text] } ?? []
        case .replicas: return ReplicaList.statements
        }
    }

    private var heartbeatTable: String { if case .heartbeat(let table) = settings.lagSource { table } else { "" } }

    /// The question's name in messages. The custom query is named by its keyword, because its SQL may contain any text.
    private func name(of question: DatabaseQuestion, for dialect: DatabaseDialect) -> String {
        switch question {
        case .variables: "SHOW GLOBAL VARIABLES"
        case .replicaStatus: dialect.replicaStatus
        case .heartbeat: "heartbeat \(heartbeatTable)"
        case .query: "query"
        case .replicas: "discover"
        }
    }

    /// Combines the answers to `statements` into a view. Each answer counts even if others are missing.
    ///
    /// - Parameters:
    ///   - answers: in the order of the statements. The answer to an interrupted statement and all later ones are missing.
    ///   - failure: why answers are missing.
    package func view(_ answers: [MySQLAnswer], for dialect: DatabaseDialect, missing failure: DatabaseProblem? = nil) -> DatabaseView {
        var left = answers[...]
        var view = DatabaseView(version: "", isReadOnly: true)
        for question in orderedQuestions {
            let count = statements(of: question, for: dialect).count
            let problems = left.prefix(count).compactMap { answer -> DatabaseProblem? in
                if case .refused(let error) = answer { DatabaseProblem(code: Int(error.code), statement: error.message) } else { nil }
            }
            let results = left.prefix(count).map { answer in
                if case .rows(let rows) = answer { rows } else { MySQLResultSet(columns: [], rows: []) }
            }
            left = left.dropFirst(count)
            let absence = results.count < count ? failure ?? DatabaseProblem(code: 0, text: "no answer") : nil
            if question == .replicas {
                view.replicas = ReplicaList(results.first?.rows.map { $0.first ?? nil } ?? [], refusal: problems.first ?? absence)
            } else if let problem = problems.first ?? absence {
                view.unanswered.append(UnansweredQuestion(question, name: name(of: question, for: dialect), problem))
            } else if let result = results.first, !take(result, of: question, into: &view) {
                let problem = DatabaseProblem(code: 0, text: "the answer lacks read_only")
                view.unanswered.append(UnansweredQuestion(question, name: name(of: question, for: dialect), problem))
            }
        }
        return view
    }

    /// Adds an answer to the view. Returns false when the answer does not contain the needed value.
    private func take(_ answer: MySQLResultSet, of question: DatabaseQuestion, into view: inout DatabaseView) -> Bool {
        switch question {
        case .variables:
            var values: [String: String] = [:]
            for row in answer.rows {
                if row.count >= 2, let name = row[0], let value = row[1] { values[name.lowercased()] = value }
            }
            guard let readOnly = values["read_only"] else { return false }
            let isOn = { (value: String?) in value.map { !["off", "0"].contains($0.lowercased()) } ?? false }
            view.version = DatabaseProblem.shown(values["version"] ?? "", bytesMax: 64)
            view.isStorageReadOnly = isOn(values["innodb_read_only"])
            view.isReadOnly = isOn(readOnly) || isOn(values["super_read_only"]) || view.isStorageReadOnly
        case .replicaStatus: view.channels = answer.rows.indices.map { Self.channel(answer, $0) }
        case .heartbeat: view.heartbeatAge = Self.first(answer).flatMap { Int64($0) }.map { .microseconds(min(max(0, $0), Self.lagMax)) }
        case .query: view.answer = .some(Self.first(answer))
        case .replicas: break
        }
        return true
    }

    /// The first column of the first row; `nil` for NULL or without rows.
    private static func first(_ answer: MySQLResultSet) -> String? { answer.rows.first?.first ?? nil }

    /// The channel in a row of SHOW REPLICA STATUS. Column names differ between versions.
    private static func channel(_ status: MySQLResultSet, _ row: Int) -> ReplicationChannel {
        let state = { (value: String?) -> ReplicationChannel.ThreadState in
            switch value?.lowercased() {
            case "yes": .running
            // MariaDB reports "Preparing" while a thread starts.
            case "connecting", "preparing": .connecting
            default: .stopped
            }
        }
        let error = { (code: String?, text: String?) -> DatabaseProblem? in
            guard let code = code.flatMap({ Int($0) }), code > 0 else { return nil }
            return DatabaseProblem(code: code, statement: text ?? "")
        }
        let seconds = status.value("Seconds_Behind_Source", "Seconds_Behind_Master", row: row).flatMap { Int64($0) }
        return ReplicationChannel(
            name: DatabaseProblem.shown(status.value("Channel_Name", "Connection_name", row: row) ?? "", bytesMax: 64),
            receiver: state(status.value("Replica_IO_Running", "Slave_IO_Running", row: row)),
            applier: state(status.value("Replica_SQL_Running", "Slave_SQL_Running", row: row)),
            receiverError: error(status.value("Last_IO_Errno", row: row), status.value("Last_IO_Error", row: row)),
            applierError: error(status.value("Last_SQL_Errno", row: row), status.value("Last_SQL_Error", row: row)),
            lag: seconds.map { .seconds(min(max(0, $0), lagMax / 1_000_000)) })
    }
}
