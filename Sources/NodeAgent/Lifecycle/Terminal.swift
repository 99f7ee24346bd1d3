import Glibc

/// What the person who starts the agent is told: stdout and stderr.
enum Terminal {
    /// Writes a message to stderr, as HAProxy does: `[ALERT]    (123) : text`. A reader who sleeps holds nobody up: what stderr does not take is lost.
    static func tell(_ severity: DiagnosticSeverity, _ text: String) {
        let label = "[\(severity.rawValue)]"
        let padding = String(repeating: " ", count: max(1, 11 - label.utf8.count))
        write("\(label)\(padding)(\(getpid())) : \(text)\n", to: 2)
    }

    /// Writes text to stdout.
    static func print(_ text: String) { write(text, to: 1) }

    /// Writes text to stderr.
    static func warn(_ text: String) { write(text, to: 2) }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard Glibc.poll(&poll, 1, 100) == 1 else { return }
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, min($0.count, 4096)) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
