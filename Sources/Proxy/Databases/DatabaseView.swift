import Wire

/// An error that a database has told: of a replication thread, or as the answer to a question. Or why this node could not ask.
package struct DatabaseComplaint: Equatable, Sendable {
    /// Cuts longer texts off here, in bytes.
    package static let textBytesMax = 160

    /// MySQL's number; 0 where it was not the database that said it.
    package let code: Int
    /// The text, safe to show.
    package let text: String

    /// A text of this node, or the server's answer to a login.
    package init(code: Int, text: String) { (self.code, self.text) = (code, Self.shown(text, bytesMax: Self.textBytesMax)) }

    /// An error of a statement, of this node's or of a replication thread.
    ///
    /// - Parameter text: only its first clause is kept, since the rest may contain whole statements with customers' values.
    package init(code: Int, statement text: String) { self.init(code: code, text: Self.firstClause(of: text)) }

    /// A server's text of at most this many bytes, safe to show.
    package static func shown(_ text: String, bytesMax: Int) -> String {
        var (cut, bytes) = (String.UnicodeScalarView(), 0)
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            guard bytes <= bytesMax else { break }
            cut.append(scalar)
        }
        return String(cut).shown
    }

    /// The text before the first quote, semicolon, colon, end of a sentence or of a line. A quote within a word ("doesn't") does not count.
    ///
    ///     Could not execute Write_rows_v1 event on table shop.orders; Duplicate entry ...   its first clause
    ///     Duplicate entry 'taro@example.jp' for key 'email'                                 Duplicate entry ...
    ///     Error 'Duplicate entry ...' on query. Default database: 'shop'. Query: ...        nothing: its number is more useful
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

    /// True when this node's user lacks a right: the server is not at fault.
    package var isMissingRight: Bool { Self.rightsErrors.contains(code) }

    /// ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR,
    /// ER_PROCACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR.
    private static let rightsErrors = [1044, 1045, 1142, 1143, 1227, 1370, 1698]

    /// "error 1062 Duplicate entry ...", "TLS is required, and the server does not offer it".
    package var description: String {
        guard code > 0 else { return text }
        return text.isEmpty ? "error \(code)" : "error \(code) \(text)"
    }
}

/// One source that a replica follows.
package struct ReplicationChannel: Equatable, Sendable {
    /// How one of its threads is.
    package enum ThreadState: Equatable, Sendable {
        case running
        /// The receiver has no connection to its source, and tries.
        case connecting
        case stopped
    }

    /// Its name; empty for the only one.
    package var name: String
    /// The thread that fetches ("IO thread").
    package var receiver: ThreadState
    /// The thread that applies ("SQL thread").
    package var applier: ThreadState
    /// Why the receiver has stopped, or does not connect.
    package var receiverError: DatabaseComplaint?
    /// Why the applier has stopped.
    package var applierError: DatabaseComplaint?
    /// As the server says; `nil` while it cannot.
    package var lag: Duration?

    /// A channel from its parts.
    package init(
        name: String = "", receiver: ThreadState = .running, applier: ThreadState = .running, receiverError: DatabaseComplaint? = nil,
        applierError: DatabaseComplaint? = nil, lag: Duration? = nil
    ) {
        (self.name, self.receiver, self.applier) = (name, receiver, applier)
        (self.receiverError, self.applierError, self.lag) = (receiverError, applierError, lag)
    }
}

/// What one look at a database has shown.
package struct DatabaseView: Equatable, Sendable {
    /// As it names itself: "10.11.6-MariaDB".
    package var version: String
    /// `read_only` or `super_read_only` is on.
    package var isReadOnly: Bool
    /// Its storage is somebody else's to write: it needs no replication of its own.
    package var isStorageReadOnly = false
    /// Whom it replicates from; empty for nobody.
    package var channels: [ReplicationChannel] = []
    /// The age of the heartbeat table's newest row; `nil` where it is not asked for, or empty.
    package var heartbeatAge: Duration?
    /// What the configured query gave: `.some(nil)` for NULL or no row, `nil` where there is none.
    package var answer: String??
    /// Who replicates from it; `nil` where that is not asked.
    package var replicas: ReplicaList?
    /// The questions that this look got no answer to. Their values are those of an earlier look, or missing.
    package var unanswered: [UnansweredQuestion] = []
    /// False until some look has had an answer to the question about replication.
    package private(set) var areChannelsKnown = true

    /// A view of a server that replicates from nobody.
    package init(version: String, isReadOnly: Bool) { (self.version, self.isReadOnly) = (version, isReadOnly) }

    /// The worst channel's lag; `nil` when one of them does not know.
    package var replicationLag: Duration? {
        var worst: Duration?
        for channel in channels {
            guard let lag = channel.lag else { return nil }
            worst = max(worst ?? .zero, lag)
        }
        return worst
    }

    /// The value of `source`; `nil` also when that question got no answer in this look.
    package func lag(by source: LagSource) -> Duration? {
        switch source {
        case .replicaStatus: isAnswered(.replicaStatus) ? replicationLag : nil
        case .heartbeat: isAnswered(.heartbeat) ? heartbeatAge : nil
        }
    }

    /// True when this look got an answer to `question`, or did not have to ask it.
    package func isAnswered(_ question: DatabaseQuestion) -> Bool { !unanswered.contains { $0.question == question } }

    /// It takes writes and replicates from no other server: lag means nothing for it.
    package var isPrimary: Bool { !isReadOnly && areChannelsKnown && channels.isEmpty }

    /// The view, with the values of `earlier` for questions without an answer in this look; `nil` when even the role is unknown.
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

/// A question that a look asks a database, in this order.
package enum DatabaseQuestion: CaseIterable, Sendable {
    /// Whether it takes writes.
    case variables
    /// Its replication threads, and how far they lag.
    case replicaStatus
    /// The age of the heartbeat table's newest row.
    case heartbeat
    /// The configured query.
    case query
    /// Which servers replicate from it.
    case replicas
}

/// A question without an answer.
package struct UnansweredQuestion: Equatable, Sendable {
    /// The question.
    package let question: DatabaseQuestion
    /// Its name for people: "SHOW REPLICA STATUS", "heartbeat ops.heartbeat", "query".
    package let name: String
    /// Why there is no answer: an error, or a timeout.
    package let complaint: DatabaseComplaint

    /// A question from its parts.
    package init(_ question: DatabaseQuestion, name: String, _ complaint: DatabaseComplaint) {
        (self.question, self.name, self.complaint) = (question, name, complaint)
    }

    /// "the question 'SHOW REPLICA STATUS' fails: no answer within 1s".
    package var description: String { "the question '\(name)' fails: \(complaint.description)" }
}

/// How one look at a database ended, beside what the check says of its being reachable.
package enum DatabaseLook: Equatable, Sendable {
    /// The login succeeded; `unanswered` of the view lists the questions without an answer.
    case seen(DatabaseView)
    /// The login failed because of the user, its password or TLS. The server is not at fault.
    case refused(DatabaseComplaint)
    /// It was not reached, or not in time.
    case failed
}
