import Glibc
import LinuxIO
import Proxy
import Wire

/// Where every proxy's lines go: the `log` lines of the configuration with their names resolved, each destination once.
struct LogPlan: Sendable {
    /// The destinations; everything else has indexes into them.
    private(set) var destinations: [LogDestination] = []
    /// By frontend and by backend of the configuration.
    private(set) var frontends: [ProxyLog] = []
    private(set) var backends: [ProxyLog] = []
    /// For lines that belong to no proxy.
    private(set) var process = ProxyLog(targets: [], tag: [], sessions: .connect, hidesEmptySessions: false)

    /// The plan of a configuration. `resolve` finds the address of a target that names a host; a target without one is left out.
    init<Failure: Error>(_ configuration: AgentConfiguration, resolve: (LogTarget) throws(Failure) -> LogDestination.Place?) throws(Failure) {
        let tag = configuration.global.logTag ?? "tsukada"
        var process = LogSettings()
        process.targets = configuration.global.logTargets
        self.process = try plan(process, defaultTag: tag, resolve)
        for frontend in configuration.frontends { frontends.append(try plan(frontend.log, defaultTag: tag, resolve)) }
        for backend in configuration.backends { backends.append(try plan(backend.log, defaultTag: tag, resolve)) }
    }

    /// Connects to the UNIX sockets before chroot: to the path inside the new root, as HAProxy does, or else to the path outside.
    ///
    /// - Returns: the paths where that fails, with the reason.
    func connect(root: String?) -> [(path: String, error: SystemError)] {
        var failures: [(path: String, error: SystemError)] = []
        var seen: Set<LocalLogSocket> = []
        for case .local(let socket) in destinations.map(\.place) where seen.insert(socket).inserted {
            do throws(SystemError) { try socket.connect(Self.places(of: socket.path, root: root)) } catch { failures.append((socket.path, error)) }
        }
        return failures
    }

    /// The UNIX sockets that are missing inside the new root and outside: the configuration's paths.
    func missingPaths(root: String?) -> [String] {
        var missing: [String] = []
        for case .local(let socket) in destinations.map(\.place) where !missing.contains(socket.path) {
            var status = stat()
            if Self.places(of: socket.path, root: root).allSatisfy({ stat($0, &status) != 0 }) { missing.append(socket.path) }
        }
        return missing
    }

    private static func places(of path: String, root: String?) -> [String] { (root.map { [$0 + (path.hasPrefix("/") ? "" : "/") + path] } ?? []) + [path] }

    private mutating func plan<Failure: Error>(
        _ settings: LogSettings, defaultTag: String, _ resolve: (LogTarget) throws(Failure) -> LogDestination.Place?
    ) throws(Failure) -> ProxyLog {
        var targets: [Int] = []
        for target in settings.targets {
            guard let place = try resolve(target) else { continue }
            // Two equal paths share one socket: the first.
            let destination = LogDestination(target, place: shared(place))
            targets.append(destinations.firstIndex(of: destination) ?? destinations.count)
            if targets.last == destinations.count { destinations.append(destination) }
        }
        return ProxyLog(
            targets: targets, tag: Array((settings.tag ?? defaultTag).utf8), sessions: settings.sessions,
            hidesEmptySessions: settings.hidesEmptySessions)
    }
}

extension LogPlan {
    /// The socket that another destination has for the same path, or `place` itself.
    private func shared(_ place: LogDestination.Place) -> LogDestination.Place { destinations.first { $0.place == place }?.place ?? place }
}

/// The control thread's log.
final class AgentLog {
    private struct Entry {
        let level: LogLevel
        let text: String
        let log: ProxyLog
    }

    private let plan: LogPlan
    private var sender: LogSender
    private let reactor: Reactor
    private var limiter = LogLimiter<Entry>()
    /// Lines about servers also go to stderr: nobody else tells who started the agent in a terminal.
    private let tellsTerminal: Bool

    /// A log of `plan`, whose lost lines are counted in `process`.
    init(_ plan: LogPlan, process: SharedCells<ProcessCell>, tellsTerminal: Bool, reactor: Reactor) throws(SystemError) {
        (self.plan, self.reactor) = (plan, reactor)
        self.tellsTerminal = tellsTerminal
        sender = try LogSender(destinations: plan.destinations, process: process)
    }

    /// Writes a line about a backend.
    func write(_ level: LogLevel, _ text: String, backend: Int) { write(level, text, to: plan.backends[backend]) }

    /// Writes a line about a frontend.
    func write(_ level: LogLevel, _ text: String, frontend: Int) { write(level, text, to: plan.frontends[frontend]) }

    /// Writes a line about the process.
    func write(_ level: LogLevel, _ text: String) { write(level, text, to: plan.process) }

    /// Writes a line that peers, or others outside, can cause, within the limit of its subject.
    ///
    /// - Parameter backend: the backend of the line; `nil` for the process's.
    func write(_ level: LogLevel, _ text: String, about subject: LogSubject, backend: Int? = nil) {
        let log = backend.map { plan.backends[$0] } ?? plan.process
        if let line = limiter.take(Entry(level: level, text: text, log: log), subject, now: reactor.now) { write(line) }
    }

    /// Writes the kept lines that are due. Call it every second.
    func writeKept() { for line in limiter.due(now: reactor.now) { write(line) } }

    private func write(_ line: LogLimiter<Entry>.Line) {
        let entry = line.content
        write(entry.level, line.leftOut > 0 ? "\(entry.text) (\(line.leftOut) like it were left out)" : entry.text, to: entry.log)
    }

    /// Makes the text one line, whatever it contains.
    private func write(_ level: LogLevel, _ text: String, to log: ProxyLog) {
        let bytes = Array(text.shown.utf8)
        bytes.withUnsafeBytes { sender.add(level, tag: log.tag, text: $0, to: log.targets, now: .now()) }
        sender.flush()
        guard tellsTerminal else { return }
        Terminal.tell(level <= .critical ? .alert : level <= .warning ? .warning : .notice, text, level: level, patience: .none)
    }
}
