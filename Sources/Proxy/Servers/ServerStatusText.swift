extension ServerStatus {
    /// `show stat`'s status of a server that tracks no other: "UP", "DOWN", "UP 1/3", "DOWN 1/2", "DOWN (agent)", "MAINT", "MAINT (resolution)", "DRAIN",
    /// "DRAIN 1/3", "DRAIN (agent)", "NOLB", "NOLB 1/3", "no check".
    package var text: String { text(checkedAs: self, via: nil) }

    /// `show stat`'s status.
    ///
    /// - Parameters:
    ///   - source: the server whose checks and agent decide about this one: itself, or the end of its chain of tracked servers.
    ///   - tracked: the name of the server that it tracks, for its maintenance.
    fileprivate func text(checkedAs source: ServerStatus, via tracked: String?) -> String {
        if flags.contains(.inheritedMaintenance), let tracked { return "MAINT (via \(tracked))" }
        if flags.contains(.resolutionMaintenance) { return "MAINT (resolution)" }
        if flags.isMaintenance { return "MAINT" }
        guard isRunning else { return source.agent?.isUp == false ? "DOWN (agent)" : source.counted("DOWN") }
        // HAProxy's order: a stopping server that is drained as well shows NOLB, and a lack of fitness shows only without a drain.
        if isStopping { return source.counted("NOLB") }
        if flags.isDrain { return source.agent == nil ? source.counted("DRAIN") : "DRAIN (agent)" }
        if !fitness.isFit { return source.counted("NOLB") }
        return source.health == nil ? "no check" : source.counted("UP")
    }

    /// `word` with the count of checks, while that is changing.
    private func counted(_ word: String) -> String {
        guard let health, health.pace == .changing else { return word }
        return "\(word) \(health.fraction)"
    }
}

extension ServerRegistry {
    /// `show stat`'s status of a server, as `ServerStatus.text`; "MAINT (via mysql/db1)" for a server that has inherited its maintenance.
    package func statusText(of server: ServerReference) -> String {
        status(of: server).text(checkedAs: status(of: source(of: server)), via: configuration(of: server).tracked.map { name(of: $0) })
    }
}
