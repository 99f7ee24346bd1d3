/// An error that a database has told: of a replication thread, or as the answer to a question. Or why this node could not ask.
package struct DatabaseComplaint: Equatable, Sendable {
    /// Longer texts are cut here, in bytes: replication's errors carry whole statements.
    package static let textBytesMax = 160

    /// MySQL's number; 0 where it was not the database that said it.
    package let code: Int
    /// What it says, without control characters.
    package let text: String

    /// An error from its parts.
    package init(code: Int, text: String) {
        self.code = code
        self.text = Self.printable(text, bytesMax: Self.textBytesMax)
    }

    /// "error 1062 Duplicate entry '1' for key 'PRIMARY'", "TLS is required, and the server does not offer it".
    package var description: String {
        guard code > 0 else { return text }
        return text.isEmpty ? "error \(code)" : "error \(code) \(text)"
    }

    /// What a server said, fit for a log line: printable ASCII, quotes and brackets included, everything else as a space.
    package static func printable(_ text: String, bytesMax: Int) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8.prefix(bytesMax) { bytes.append((0x20..<0x7f).contains(byte) ? byte : 0x20) }
        return String(decoding: bytes, as: UTF8.self)
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

    /// What `source` says.
    package func lag(by source: LagSource) -> Duration? {
        switch source {
        case .replicaStatus: replicationLag
        case .heartbeat: heartbeatAge
        }
    }
}

/// How one look at a database ended, beside what the check says of its being reachable.
package enum DatabaseLook: Equatable, Sendable {
    /// Every question was answered.
    case seen(DatabaseView)
    /// This node was not let in, or not told: its password, its rights, its questions. The server is not to blame.
    case refused(DatabaseComplaint)
    /// It was not reached, or not in time.
    case failed
}
