import Glibc
import Proxy
import Wire

/// Output for the person who starts the agent: stdout and stderr.
enum Terminal {
    /// How long to wait for a slow reader, in milliseconds. Output that the reader has not accepted by then is lost.
    enum Timeout: Int32 {
        /// Do not wait: while the agent serves, the writing thread also checks servers.
        case none = 0
        /// Wait a little: at start-up the reader may be a pager.
        case some = 100
    }

    /// Writes a message to stderr, as HAProxy does: `[ALERT]    (123) : text`. `shown` makes the text one line.
    ///
    /// - Parameters:
    ///   - details: the lines below it, without control characters.
    ///   - level: the log level, finer than `severity`.
    static func report(_ severity: DiagnosticSeverity, _ text: String, details: [String] = [], level: LogLevel? = nil, timeout: Timeout = .some) {
        let label = "[\(severity.rawValue)]"
        let padding = String(repeating: " ", count: max(1, 11 - label.utf8.count))
        let lines = ["\(label)\(padding)(\(getpid())) : \(text.shown)"] + details
        writeError(lines.joined(separator: "\n") + "\n", level, timeout)
    }

    /// The text of the first alert in lines that `report` has written; the first line if there is no alert.
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
    static func warn(_ text: String) { writeError(text, nil, .some) }

    private static func writeError(_ text: String, _ level: LogLevel?, _ timeout: Timeout) {
        write(writesToJournal ? withPriorities(text, level) : text, to: STDERR_FILENO, timeout)
    }

    /// Whether stderr is the journal's stream.
    static var writesToJournal: Bool { getenv("JOURNAL_STREAM").map { isJournal(STDERR_FILENO, String(cString: $0)) } ?? false }

    /// Whether `descriptor` is the stream that systemd's JOURNAL_STREAM identifies by device and inode. A starting worker's stderr is not, because the master
    /// relays its lines.
    static func isJournal(_ descriptor: Int32, _ stream: String) -> Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    /// `text` with `<N>` before each line: the priority that the journal uses. Without `level` it comes from the line's label.
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

    private static func write(_ text: String, to descriptor: Int32, _ timeout: Timeout) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard Glibc.poll(&poll, 1, timeout.rawValue) == 1 else { return }
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, min($0.count, 4096)) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
