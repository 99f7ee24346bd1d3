import Proxy

@testable import NodeAgent

/// Keeps the lines that are written to it.
final class RecordedLog: EventLog {
    /// "warning: Server mysql/db1: ...", in order; a limited line is preceded by its subject's kind: "probe|notice: ...".
    private(set) var lines: [String] = []

    func write(_ level: LogLevel, _ text: String, about subject: LogSubject?, backend: Int?) {
        lines.append("\(subject.map { "\($0.kind)|" } ?? "")\(level.keyword): \(text)")
    }
}
