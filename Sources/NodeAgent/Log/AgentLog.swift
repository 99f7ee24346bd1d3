import LinuxIO
import Proxy
import Wire

/// The control thread's log.
final class AgentLog: EventLog {
    private struct Entry {
        let level: LogLevel
        let text: String
        let log: ProxyLog
    }

    private let plan: LogPlan
    private var sender: LogSender
    private let reactor: Reactor
    private var limiter = LogLimiter<Entry>()
    /// Whether lines about servers also go to stderr, for an operator who has started the agent in a terminal.
    private let logsToTerminal: Bool

    /// A log with the destinations of `plan`; lost lines are counted in `process`.
    ///
    /// - Parameter sendBytes: the send buffer of each socket; 0 for the default.
    init(_ plan: LogPlan, process: SharedCells<ProcessCell>, sendBytes: Int32 = 0, logsToTerminal: Bool, reactor: Reactor) throws(SystemError) {
        (self.plan, self.reactor) = (plan, reactor)
        self.logsToTerminal = logsToTerminal
        sender = try LogSender(destinations: plan.destinations, process: process, sendBytes: sendBytes)
    }

    /// Writes a line about a frontend.
    func write(_ level: LogLevel, _ text: String, frontend: Int) { write(level, text, to: plan.frontends[frontend]) }

    func write(_ level: LogLevel, _ text: String, about subject: LogSubject?, backend: Int?) {
        let log = backend.map { plan.backends[$0] } ?? plan.process
        guard let subject else { return write(level, text, to: log) }
        if let line = limiter.admit(Entry(level: level, text: text, log: log), subject, now: reactor.now) { write(line) }
    }

    /// Writes the kept lines that are due. Call it each second.
    func writeDueLines() { for line in limiter.due(now: reactor.now) { write(line) } }

    private func write(_ line: LogLimiter<Entry>.Line) {
        let entry = line.content
        write(entry.level, line.omittedCount > 0 ? "\(entry.text) (\(line.omittedCount) similar lines left out)" : entry.text, to: entry.log)
    }

    /// Writes one line: `shown` escapes line ends and control characters in `text`.
    private func write(_ level: LogLevel, _ text: String, to log: ProxyLog) {
        let bytes = Array(text.shown.utf8)
        bytes.withUnsafeBytes { sender.add(level, tag: log.tag, text: $0, to: log.targets, now: .now()) }
        sender.flush()
        guard logsToTerminal else { return }
        Terminal.report(level <= .critical ? .alert : level <= .warning ? .warning : .notice, text, level: level, timeout: .none)
    }
}
