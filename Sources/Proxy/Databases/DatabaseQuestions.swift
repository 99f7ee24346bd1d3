import Wire

/// Which SQL a database understands, by the version that it greets with.
package struct DatabaseDialect: Equatable, Sendable {
    /// "MariaDB" stands in its version.
    package let isMariaDB: Bool
    /// The version's first three numbers; 0 for those that are not there.
    package let numbers: [Int]

    /// The dialect of `version`: "8.4.2", "5.7.44-log", "5.5.5-10.11.6-MariaDB".
    ///
    /// MariaDB before 11 greets with a "5.5.5-" that is not its version, for old replicas' sake.
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

    /// Tells of all channels. MySQL has REPLICA since 8.0.22, and SLAVE no more since 8.4; MariaDB's ALL form is as old as its channels.
    package var replicaStatus: String {
        if isMariaDB { return "SHOW ALL SLAVES STATUS" }
        return numbers.lexicographicallyPrecedes([8, 0, 22]) ? "SHOW SLAVE STATUS" : "SHOW REPLICA STATUS"
    }
}

/// What the servers of a proxy are asked, and what their answers mean.
package struct DatabaseQuestions: Equatable, Sendable {
    /// What every server answers.
    package static let variables =
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'read_only', 'super_read_only', 'innodb_read_only')"
    /// A longer lag is taken for this one.
    private static let lagMax: Int64 = 1 << 40

    private let settings: DatabaseSettings

    /// The questions of a section.
    package init(_ settings: DatabaseSettings) { self.settings = settings }

    /// SQL, in the order of the answers that `view` takes.
    package func statements(for dialect: DatabaseDialect) -> [String] {
        var statements = [Self.variables, dialect.replicaStatus]
        if case .heartbeat(let table) = settings.lagSource {
            let name = table.split(separator: ".").map { "`\($0)`" }.joined(separator: ".")
            statements.append("SELECT TIMESTAMPDIFF(MICROSECOND, MAX(ts), NOW(6)) FROM \(name)")
        }
        if let query = settings.query { statements.append(query.text) }
        return settings.discovery == nil ? statements : statements + ReplicaList.statements
    }

    /// How many of them have to be answered for a server to be known. The others may be refused.
    package var neededCount: Int { 2 + (settings.lagSource == .replicaStatus ? 0 : 1) + (settings.query == nil ? 0 : 1) }

    /// What the answers to `statements` show; `nil` when a list is missing, or does not tell what was asked.
    ///
    /// - Parameter refusal: why one that is not needed was refused.
    package func view(_ answers: [MySQLResultSet], refusal: DatabaseComplaint? = nil) -> DatabaseView? {
        var left = answers[...]
        guard let variables = left.popFirst(), let channels = left.popFirst() else { return nil }
        var values: [String: String] = [:]
        for row in variables.rows {
            if row.count >= 2, let name = row[0], let value = row[1] { values[name.lowercased()] = value }
        }
        guard let readOnly = values["read_only"] else { return nil }
        let isOn = { (value: String?) in value.map { !["off", "0"].contains($0.lowercased()) } ?? false }
        var view = DatabaseView(version: DatabaseComplaint.printable(values["version"] ?? "", bytesMax: 64), isReadOnly: isOn(readOnly))
        view.isStorageReadOnly = isOn(values["innodb_read_only"])
        if isOn(values["super_read_only"]) || view.isStorageReadOnly { view.isReadOnly = true }
        view.channels = channels.rows.indices.map { Self.channel(channels, $0) }
        if case .heartbeat = settings.lagSource {
            guard let answer = left.popFirst() else { return nil }
            view.heartbeatAge = Self.first(answer).flatMap { Int64($0) }.map { .microseconds(min(max(0, $0), Self.lagMax)) }
        }
        if settings.query != nil {
            guard let answer = left.popFirst() else { return nil }
            view.answer = .some(Self.first(answer))
        }
        if settings.discovery != nil {
            guard let list = left.popFirst() else { return nil }
            view.replicas = ReplicaList(list.rows.map { $0.first ?? nil }, refusal: refusal)
        }
        return view
    }

    /// The first column of the first row; `nil` for NULL, or no row.
    private static func first(_ answer: MySQLResultSet) -> String? { answer.rows.first?.first ?? nil }

    /// A row of SHOW REPLICA STATUS, whatever its columns are called.
    private static func channel(_ status: MySQLResultSet, _ row: Int) -> ReplicationChannel {
        let state = { (value: String?) -> ReplicationChannel.ThreadState in
            switch value?.lowercased() {
            case "yes": .running
            // "Preparing" is MariaDB's on its way from one to the other.
            case "connecting", "preparing": .connecting
            default: .stopped
            }
        }
        let error = { (code: String?, text: String?) -> DatabaseComplaint? in
            guard let code = code.flatMap({ Int($0) }), code > 0 else { return nil }
            return DatabaseComplaint(code: code, text: text ?? "")
        }
        let seconds = status.value("Seconds_Behind_Source", "Seconds_Behind_Master", row: row).flatMap { Int64($0) }
        return ReplicationChannel(
            name: DatabaseComplaint.printable(status.value("Channel_Name", "Connection_name", row: row) ?? "", bytesMax: 64),
            receiver: state(status.value("Replica_IO_Running", "Slave_IO_Running", row: row)),
            applier: state(status.value("Replica_SQL_Running", "Slave_SQL_Running", row: row)),
            receiverError: error(status.value("Last_IO_Errno", row: row), status.value("Last_IO_Error", row: row)),
            applierError: error(status.value("Last_SQL_Errno", row: row), status.value("Last_SQL_Error", row: row)),
            lag: seconds.map { .seconds(min(max(0, $0), lagMax / 1_000_000)) })
    }
}
