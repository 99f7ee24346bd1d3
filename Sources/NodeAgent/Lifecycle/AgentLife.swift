import Proxy
import Wire

/// What a process says when it begins to serve, and when it ends.
extension Agent {
    /// How a process has come to serve.
    enum Beginning: String {
        /// Nobody served before.
        case start = "started"
        /// It has taken over from a process that serves no longer: the configuration was read again.
        case reload = "reloaded"
        /// It has taken the place of a worker that has died, with the configuration of before.
        case restart = "restarted"
    }

    /// Addresses in the line about a start; how many more there are is told with them.
    private static let addressesMax = 16

    /// Tells that this process serves: what, where, and by which files.
    func tellBeginning(_ beginning: Beginning) {
        let files = configurationFiles.map(\.name).joined(separator: " ")
        let binds = configuration.frontends.filter { !$0.isDisabled }.flatMap { frontend in frontend.binds.map { "\($0.endpoint) (\(frontend.name))" } }
        let rest = binds.count > Self.addressesMax ? " and \(binds.count - Self.addressesMax) more" : ""
        let listeners = binds.prefix(Self.addressesMax).joined(separator: ", ") + rest
        log.write(.notice, "tsukada \(CommandLineText.version) \(beginning.rawValue): node \(node), files \(files), listeners \(listeners).")
    }

    /// The line about the end.
    var endText: String {
        let left = state.process[0].pointee.sessions.value
        let closed = left == 0 ? "" : ", \(left) \(left == 1 ? "session is" : "sessions are") closed"
        return "tsukada \(CommandLineText.version) \(isSuperseded ? "ended, another process serves" : "ended"): node \(node)\(closed)."
    }
}
