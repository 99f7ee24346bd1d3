import Proxy
import Wire

/// The log of the control thread's parts.
protocol EventLog: AnyObject {
    /// Writes a line.
    ///
    /// - Parameters:
    ///   - subject: the subject of a line that peers or other outside parties can cause: the lines of each subject are limited. `nil` for no limit.
    ///   - backend: the backend that the line is about; `nil` for the process.
    func write(_ level: LogLevel, _ text: String, about subject: LogSubject?, backend: Int?)
}

extension EventLog {
    /// Writes a line about the process.
    func write(_ level: LogLevel, _ text: String) { write(level, text, about: nil, backend: nil) }

    /// Writes a line about a backend.
    func write(_ level: LogLevel, _ text: String, backend: Int) { write(level, text, about: nil, backend: backend) }

    /// Writes a line about the process that peers or other outside parties can cause.
    func write(_ level: LogLevel, _ text: String, about subject: LogSubject) { write(level, text, about: subject, backend: nil) }

    /// Writes a line about the cluster of this name.
    ///
    /// - Parameter subject: the subject of a line that outside parties can cause.
    func write(_ level: LogLevel, gossip name: String, _ sentence: String, about subject: LogSubject? = nil) {
        write(level, "Gossip \(name): \(sentence).", about: subject, backend: nil)
    }
}

extension LogSubject {
    /// The subject of a line about a name of a `resolvers` section.
    init(resolver: String, about name: DNSName) { self.init(kind: "resolver \(resolver)", about: name.description) }
}
