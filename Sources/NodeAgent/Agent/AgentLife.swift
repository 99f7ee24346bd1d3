import Proxy
import Wire

/// The log lines of a process that begins to serve or ends.
extension Agent {
    /// How a process has come to serve.
    enum Beginning: String {
        /// No process served before.
        case start = "started"
        /// It has taken over from a process that no longer serves: the configuration was read again.
        case reload = "reloaded"
        /// It has replaced a worker that died, with the same configuration.
        case restart = "restarted"
    }

    /// The most addresses in the line about a start. The line also gives the number of further ones.
    private static let addressesMax = 16

    /// Logs that this process serves: its version, node, listeners and files.
    func tellBeginning(_ beginning: Beginning) {
        let files = configurationFiles.map(\.name).joined(separator: " ")
        let binds = configuration.frontends.filter { !$0.isDisabled }.flatMap { frontend in frontend.binds.map { "\($0.endpoint) (\(frontend.name))" } }
        let rest = binds.count > Self.addressesMax ? " and \(binds.count - Self.addressesMax) more" : ""
        let listeners = binds.prefix(Self.addressesMax).joined(separator: ", ") + rest
        log.write(.notice, "tsukada \(Release.version) \(beginning.rawValue): node \(node), files \(files), listeners \(listeners).")
    }

    /// The line about the end.
    var endText: String {
        let left = state.process[0].pointee.sessions.value
        let closed = left == 0 ? "" : ", \(left) \(left == 1 ? "session is" : "sessions are") closed"
        return "tsukada \(Release.version) \(isSuperseded ? "ended, another process serves" : "ended"): node \(node)\(closed)."
    }
}
