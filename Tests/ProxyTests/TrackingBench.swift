import Proxy

extension RegistryBench {
    /// The lines of an event and of everything that follows from it, in the order of the agent's log: a server's own lines, its backend's, then its trackers'.
    mutating func chain(_ event: ServerRegistry.Event, _ server: ServerReference) -> [String] {
        var lines: [String] = []
        let load = load
        for effect in registry.apply(event, to: server, now: now, load: { _ in load }) {
            switch effect {
            case .log(let level, let text, _): lines.append("<\(128 + level.rawValue)>\(text)")
            case .routeChanged(let changed):
                for case .log(let level, let text, _) in registry.updateBackend(changed.backend, now: now) { lines.append("<\(128 + level.rawValue)>\(text)") }
            case .trackerChanged(let tracker, let reason): lines += chain(.trackedChanged(reason: reason), tracker)
            default: break
            }
        }
        return lines
    }

    mutating func chain(_ event: ServerRegistry.Event, _ server: Int = 0, backend: Int = 0) -> [String] {
        chain(event, ServerReference(backend: backend, server: server))
    }

    func text(_ server: Int = 0, backend: Int = 0) -> String { registry.statusText(of: ServerReference(backend: backend, server: server)) }
}

extension Server {
    /// This server with an agent.
    var withAgent: Server {
        var server = self
        server.agent = AgentCheckSettings()
        return server
    }

    /// This server, which copies the state of another one.
    func tracking(_ tracked: ServerReference) -> Server {
        var server = self
        (server.check, server.tracked) = (nil, tracked)
        return server
    }

    /// This server as a backup.
    var asBackup: Server {
        var server = self
        server.isBackup = true
        return server
    }
}

extension CheckResult {
    /// An agent's answer with a word about the server's state.
    static func agent(isUp: Bool, _ words: String) -> CheckResult {
        CheckResult(status: isUp ? .layer7OK : .layer7WrongStatus, info: "via agent : \(words)", duration: .milliseconds(1))
    }

    /// An agent's answer without a word about the server's state.
    static let wordless = CheckResult(status: .checked, duration: .milliseconds(1))
}
