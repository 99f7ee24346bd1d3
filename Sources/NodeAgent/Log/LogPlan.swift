import Glibc
import LinuxIO
import Proxy
import Wire

/// The log destinations of every proxy: the `log` lines of the configuration with their names resolved, each destination once.
struct LogPlan: Sendable {
    /// The destinations; the other properties refer to them by index.
    private(set) var destinations: [LogDestination] = []
    /// By index of the frontend or backend in the configuration.
    private(set) var frontends: [ProxyLog] = []
    private(set) var backends: [ProxyLog] = []
    /// For lines that belong to no proxy.
    private(set) var process = ProxyLog(targets: [], tag: [], sessions: .connect, hidesEmptySessions: false)

    /// Builds the plan of a configuration. `resolve` returns the address of a target that names a host; a target without an address is left out.
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
    /// - Returns: the paths that cannot be connected, with the reason.
    func connect(root: String?) -> [(path: String, error: SystemError)] {
        var failures: [(path: String, error: SystemError)] = []
        var seen: Set<LocalLogSocket> = []
        for case .local(let socket) in destinations.map(\.place) where seen.insert(socket).inserted {
            do throws(SystemError) { try socket.connect(Self.places(of: socket.path, root: root)) } catch { failures.append((socket.path, error)) }
        }
        return failures
    }

    /// The paths of UNIX sockets that exist neither inside the new root nor outside.
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
            // Equal paths share the first one's socket.
            let destination = LogDestination(target, place: shared(place))
            targets.append(destinations.firstIndex(of: destination) ?? destinations.count)
            if targets.last == destinations.count { destinations.append(destination) }
        }
        return ProxyLog(
            targets: targets, tag: Array((settings.tag ?? defaultTag).utf8), sessions: settings.sessions,
            hidesEmptySessions: settings.hidesEmptySessions, options: settings.options)
    }
}

extension LogPlan {
    /// The socket that another destination has for the same path, or `place` itself.
    private func shared(_ place: LogDestination.Place) -> LogDestination.Place { destinations.first { $0.place == place }?.place ?? place }
}
