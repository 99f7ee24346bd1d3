import LinuxIO
import Proxy

/// The log lines of a process that begins to serve, stops listening or ends.
struct LifecycleLog {
    /// Why a process serves.
    enum Beginning: String {
        /// It is the first process.
        case start = "started"
        /// It has replaced a predecessor, with a newly read configuration.
        case reload = "reloaded"
        /// It has replaced a worker that died, with the same configuration.
        case restart = "restarted"
    }

    /// The most addresses in the line about a start. The line also gives the number of further ones.
    private static let addressesMax = 16

    private let configuration: AgentConfiguration
    private let outlines: [ProxyOutline]
    private let node: String
    private let files: [String]
    private let state: ForwardingState
    private let log: AgentLog

    /// The lines of a process on `node`, whose configuration comes from `files` and has the proxies in `outlines`.
    init(_ configuration: AgentConfiguration, _ outlines: [ProxyOutline], node: String, files: [String], state: ForwardingState, log: AgentLog) {
        (self.configuration, self.outlines, self.node, self.files, self.state, self.log) = (configuration, outlines, node, files, state, log)
    }

    /// Logs the start of service: version, node, listeners and files.
    func logBegin(_ beginning: Beginning) {
        let files = files.joined(separator: " ")
        let binds = configuration.frontends.filter { !$0.isDisabled }.flatMap { frontend in frontend.binds.map { "\($0.endpoint) (\(frontend.name))" } }
        let rest = binds.count > Self.addressesMax ? " and \(binds.count - Self.addressesMax) more" : ""
        let listeners = binds.prefix(Self.addressesMax).joined(separator: ", ") + rest
        log.write(.notice, "tsukada \(Release.version) \(beginning.rawValue): node \(node), files \(files), listeners \(listeners).")
    }

    /// Logs HAProxy's line for each proxy that takes no new sessions. HAProxy's log readers parse this line, and those of `logHardStop`.
    func logListenersStopped() {
        for proxy in outlines.stoppingOrder {
            let frontendTotal = proxy.frontend.map { Int(clamping: state.totals(ofFrontend: $0).connections) } ?? 0
            let backendTotal = proxy.backend.map { Int(clamping: state.totals(ofBackend: $0).sessions) } ?? 0
            let text = "Proxy \(proxy.name) stopped (cumulated conns: FE: \(frontendTotal), BE: \(backendTotal))."
            if let frontend = proxy.frontend {
                log.write(.warning, text, frontend: frontend)
            } else if let backend = proxy.backend {
                log.write(.warning, text, backend: backend)
            }
        }
    }

    /// Logs HAProxy's lines about remaining sessions that the process closes.
    func logHardStop() {
        log.write(.warning, "soft-stop running for too long, performing a hard-stop.")
        for proxy in outlines.stoppingOrder {
            guard let frontend = proxy.frontend else { continue }
            let left = state.frontendCells[frontend].pointee.sessions.value
            guard left > 0 else { continue }
            log.write(.warning, "Proxy \(proxy.name) hard-stopped (\(left) remaining conns will be closed).", frontend: frontend)
        }
    }

    /// Logs the end of the process.
    func logEnd(isSuperseded: Bool) {
        let left = state.process[0].pointee.sessions.value
        let closed = left == 0 ? "" : ", \(left) \(left == 1 ? "session is" : "sessions are") closed"
        log.write(.notice, "tsukada \(Release.version) \(isSuperseded ? "ended, another process serves" : "ended"): node \(node)\(closed).")
    }
}
