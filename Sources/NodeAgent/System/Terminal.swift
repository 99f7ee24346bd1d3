import Glibc
import Proxy
import Wire

/// What the person who starts the agent is told: stdout and stderr.
enum Terminal {
    /// How long a reader who sleeps is waited for, in milliseconds. What is not taken by then is lost.
    enum Patience: Int32 {
        /// While the agent serves, not at all: the thread that tells also checks servers.
        case none = 0
        /// At start somebody may be turning pages.
        case some = 100
    }

    /// Writes a message to stderr, as HAProxy does: `[ALERT]    (123) : text`. Makes the text one line, whatever it contains.
    ///
    /// - Parameter level: the log level, finer than `severity`.
    static func tell(_ severity: DiagnosticSeverity, _ text: String, level: LogLevel? = nil, patience: Patience = .some) {
        let label = "[\(severity.rawValue)]"
        let padding = String(repeating: " ", count: max(1, 11 - label.utf8.count))
        complain("\(label)\(padding)(\(getpid())) : \(text.shown)\n", level, patience)
    }

    /// The text of the first alert among lines that `tell` has written; without one, the first line.
    static func firstAlert(in text: String) -> String {
        let lines = text.split(separator: "\n").map(String.init)
        guard let alert = lines.first(where: { $0.hasPrefix("[\(DiagnosticSeverity.alert.rawValue)]") }) else { return lines.first ?? "" }
        var rest = alert[...]
        while !rest.isEmpty, !rest.hasPrefix(" : ") { rest.removeFirst() }
        return String(rest.dropFirst(3))
    }

    /// Writes text to stdout.
    static func print(_ text: String) { write(text, to: 1, .some) }

    /// Writes text to stderr.
    static func warn(_ text: String) { complain(text, nil, .some) }

    private static func complain(_ text: String, _ level: LogLevel?, _ patience: Patience) {
        let isJournal = getenv("JOURNAL_STREAM").map { Self.isJournal(STDERR_FILENO, String(cString: $0)) } ?? false
        write(isJournal ? withPriorities(text, level) : text, to: STDERR_FILENO, patience)
    }

    /// Whether `descriptor` is the stream that systemd's JOURNAL_STREAM names by device and inode. A starting worker's stderr is not: the master
    /// passes its lines on.
    static func isJournal(_ descriptor: Int32, _ stream: String) -> Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    /// `text` with `<N>` at the front of each line: the priority by which the journal sorts it. Without `level` it comes from the line's label.
    ///
    /// - SeeAlso: sd-daemon(3).
    static func withPriorities(_ text: String, _ level: LogLevel?) -> String {
        let levels: [(DiagnosticSeverity, LogLevel)] = [(.alert, .alert), (.warning, .warning), (.notice, .notice)]
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let labelled = levels.first { line.hasPrefix("[\($0.0.rawValue)]") }?.1
            guard let level = level ?? labelled, !line.isEmpty else { return String(line) }
            return "<\(level.rawValue)>\(line)"
        }.joined(separator: "\n")
    }

    private static func write(_ text: String, to descriptor: Int32, _ patience: Patience) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard Glibc.poll(&poll, 1, patience.rawValue) == 1 else { return }
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, min($0.count, 4096)) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
