import Wire

/// An error from a database: of a replication thread, or the answer to a question. Or the reason why this node could not ask.
package struct DatabaseProblem: Equatable, Sendable {
    /// The maximum length of the text in bytes. Longer texts are cut.
    package static let textBytesMax = 160

    /// MySQL's error number; 0 for an error that does not come from the database.
    package let code: Int
    /// The text, escaped for output.
    package let text: String

    /// Creates a problem from this node's text, or from the server's answer to a login.
    package init(code: Int, text: String) { (self.code, self.text) = (code, Self.shown(text, bytesMax: Self.textBytesMax)) }

    /// Creates a problem from the error of a statement, of this node or of a replication thread.
    ///
    /// - Parameter text: only the first clause is kept, because the rest may contain complete statements with customers' values.
    package init(code: Int, statement text: String) { self.init(code: code, text: Self.firstClause(of: text)) }

    /// A server's text, cut to at most `bytesMax` bytes and escaped for output.
    package static func shown(_ text: String, bytesMax: Int) -> String {
        var (cut, bytes) = (String.UnicodeScalarView(), 0)
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            guard bytes <= bytesMax else { break }
            cut.append(scalar)
        }
        return String(cut).shown
    }

    /// The text before the first quotation mark, semicolon, colon, end of a sentence or end of a line. An apostrophe within a word ("doesn't") does not count.
    ///
    ///     Could not execute Write_rows_v1 event on table shop.orders; Duplicate entry ...   its first clause
    ///     Duplicate entry 'taro@example.jp' for key 'email'                                 Duplicate entry ...
    ///     Error 'Duplicate entry ...' on query. Default database: 'shop'. Query: ...        empty: the number is more useful
    private static func firstClause(of text: String) -> String {
        var clause: [UInt8] = []
        var end: UInt8?
        for byte in text.utf8 {
            let isInWord = clause.last.map { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a } ?? false
            switch byte {
            case UInt8(ascii: "'") where isInWord, UInt8(ascii: "."): clause.append(byte)
            case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"), UInt8(ascii: ";"), UInt8(ascii: ":"), 0..<0x20: end = byte
            case UInt8(ascii: " ") where clause.last == UInt8(ascii: "."): end = byte
            default: clause.append(byte)
            }
            if end != nil { break }
        }
        while let last = clause.last, last == UInt8(ascii: " ") || last == UInt8(ascii: ".") { clause.removeLast() }
        guard !clause.isEmpty, !clause.elementsEqual("Error".utf8) else { return "" }
        let isQuoting = end == UInt8(ascii: "'") || end == UInt8(ascii: "\"") || end == UInt8(ascii: "`")
        return String(decoding: clause, as: UTF8.self) + (isQuoting ? " ..." : "")
    }

    /// True when this node's user lacks a right. The server is not at fault.
    package var isPermissionError: Bool { Self.permissionErrors.contains(code) }

    /// ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR,
    /// ER_PROCACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR.
    private static let permissionErrors = [1044, 1045, 1142, 1143, 1227, 1370, 1698]

    /// "error 1062 Duplicate entry ...", "TLS is required, but the server does not offer it".
    package var description: String {
        guard code > 0 else { return text }
        return text.isEmpty ? "error \(code)" : "error \(code) \(text)"
    }
}

/// A channel: a source that a replica replicates from.
package struct ReplicationChannel: Equatable, Sendable {
    /// The state of a replication thread.
    package enum ThreadState: Equatable, Sendable {
        case running
        /// The receiver has no connection to its source and keeps trying.
        case connecting
        case stopped
    }

    /// The name; empty for the default channel.
    package var name: String
    /// The thread that fetches events ("IO thread").
    package var receiver: ThreadState
    /// The thread that applies events ("SQL thread").
    package var applier: ThreadState
    /// Why the receiver has stopped or cannot connect.
    package var receiverError: DatabaseProblem?
    /// Why the applier has stopped.
    package var applierError: DatabaseProblem?
    /// The lag that the server reports; `nil` when it reports none.
    package var lag: Duration?

    /// Creates a channel.
    package init(
        name: String = "", receiver: ThreadState = .running, applier: ThreadState = .running, receiverError: DatabaseProblem? = nil,
        applierError: DatabaseProblem? = nil, lag: Duration? = nil
    ) {
        (self.name, self.receiver, self.applier) = (name, receiver, applier)
        (self.receiverError, self.applierError, self.lag) = (receiverError, applierError, lag)
    }
}

/// The state of a database, as one check has found it.
package struct DatabaseView: Equatable, Sendable {
    /// The reported version: "10.11.6-MariaDB".
    package var version: String
    /// True when `read_only`, `super_read_only` or `innodb_read_only` is on.
    package var isReadOnly: Bool
    /// True when another server writes its storage, so that it needs no replication.
    package var isStorageReadOnly = false
    /// The channels that it replicates from; empty without replication.
    package var channels: [ReplicationChannel] = []
    /// The age of the newest row of the heartbeat table; `nil` if the table is empty or not queried.
    package var heartbeatAge: Duration?
    /// The answer to the configured query: `.some(nil)` for NULL or no row, `nil` without a query.
    package var answer: String??
    /// The replicas that it lists; `nil` if they are not queried.
    package var replicas: ReplicaList?
    /// The questions without an answer in this check. Their values come from an earlier check or are missing.
    package var unanswered: [UnansweredQuestion] = []
    /// False until a check has had an answer to the question about replication.
    package private(set) var areChannelsKnown = true

    /// Creates the view of a server without replication.
    package init(version: String, isReadOnly: Bool) { (self.version, self.isReadOnly) = (version, isReadOnly) }

    /// The largest lag of all channels; `nil` when any of them is unknown.
    package var replicationLag: Duration? {
        var worst: Duration?
        for channel in channels {
            guard let lag = channel.lag else { return nil }
            worst = max(worst ?? .zero, lag)
        }
        return worst
    }

    /// The lag according to `source`; `nil` also when that question had no answer in this check.
    package func lag(by source: LagSource) -> Duration? {
        switch source {
        case .replicaStatus: isAnswered(.replicaStatus) ? replicationLag : nil
        case .heartbeat: isAnswered(.heartbeat) ? heartbeatAge : nil
        }
    }

    /// True when this check has an answer to `question`, or did not need to ask it.
    package func isAnswered(_ question: DatabaseQuestion) -> Bool { !unanswered.contains { $0.question == question } }

    /// True when the server takes writes and does not replicate from another one. Lag does not apply to it.
    package var isPrimary: Bool { !isReadOnly && areChannelsKnown && channels.isEmpty }

    /// The view with missing values filled in from `earlier`; `nil` when even the role is unknown.
    func completed(by earlier: DatabaseView?) -> DatabaseView? {
        guard isAnswered(.variables) || earlier != nil else { return nil }
        var view = self
        if !isAnswered(.variables), let earlier {
            (view.version, view.isReadOnly, view.isStorageReadOnly) = (earlier.version, earlier.isReadOnly, earlier.isStorageReadOnly)
        }
        if !isAnswered(.replicaStatus) { (view.channels, view.areChannelsKnown) = (earlier?.channels ?? [], earlier?.areChannelsKnown ?? false) }
        if !isAnswered(.heartbeat) { view.heartbeatAge = earlier?.heartbeatAge }
        if !isAnswered(.query) { view.answer = earlier?.answer }
        return view
    }
}

/// A question to a database, in the order of asking.
package enum DatabaseQuestion: CaseIterable, Sendable {
    /// Whether the server takes writes.
    case variables
    /// The state and lag of its replication threads.
    case replicaStatus
    /// The age of the heartbeat table's newest row.
    case heartbeat
    /// The configured query.
    case query
    /// The servers that replicate from it.
    case replicas
}

/// A question without an answer.
package struct UnansweredQuestion: Equatable, Sendable {
    /// The question.
    package let question: DatabaseQuestion
    /// The name in messages: "SHOW REPLICA STATUS", "heartbeat ops.heartbeat", "query".
    package let name: String
    /// The reason: an error or a timeout.
    package let problem: DatabaseProblem

    /// Creates an unanswered question.
    package init(_ question: DatabaseQuestion, name: String, _ problem: DatabaseProblem) {
        (self.question, self.name, self.problem) = (question, name, problem)
    }

    /// "'SHOW REPLICA STATUS' fails: no answer within 1s".
    package var description: String { "'\(name)' fails: \(problem.description)" }
}

/// The findings of one check of a database, in addition to the check's result.
package enum DatabaseFindings: Equatable, Sendable {
    /// The login succeeded. The view's `unanswered` contains the questions without an answer.
    case seen(DatabaseView)
    /// The login failed because of the user, its password or TLS. The server is not at fault.
    case refused(DatabaseProblem)
    /// The server was not reached, or did not answer in time.
    case failed
}
