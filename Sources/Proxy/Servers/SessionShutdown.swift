import Wire

/// Why all sessions of a server are closed.
package enum SessionShutdown: Equatable, Sendable {
    /// It is down: `on-marked-down shutdown-sessions`.
    case serverDown
    /// Its host has not answered for long: `option shutdown-sessions-when-gone`.
    case serverGone
    /// It is a backup, and a server that is none has come up: `on-marked-up shutdown-backup-sessions`.
    case serverUp
}

extension CheckResult {
    /// True when nobody has answered at all, not even the server's host. A server that refuses, or accepts and is silent, has a host that lives.
    package var isUnreachable: Bool { fault == .silence && (status == .layer4Timeout || status == .layer4ConnectionProblem) }
}

extension ServerStatus {
    /// Remembers since when the server's host has been silent.
    mutating func noteReach(_ result: CheckResult, now: Instant) {
        guard result.status != .healthAnalysis, result.status.isPass || result.fault != .node else { return }
        if result.isUnreachable {
            if unreachableSince == nil { unreachableSince = now.advanced(by: .zero - result.duration) }
        } else {
            (unreachableSince, isGone) = (nil, false)
        }
    }
}

extension ServerRegistry {
    /// After a check: the sessions of a server that is down, and whose host has been silent for longer than it would take to come up, are closed once.
    mutating func shutDownGone(_ result: CheckResult, _ change: inout Change) {
        guard result.isUnreachable else { return }
        var next = status(of: change.server)
        guard backends[change.server.backend].closesSessionsOfGone, !next.isRunning, !next.isGone, let since = next.unreachableSince else { return }
        guard let check = configuration(of: change.server).check, since.duration(to: change.now) > check.interval * check.rise else { return }
        next.isGone = true
        store(next, &change)
        change.log(
            .warning, "\(title(of: change.server)) has been unreachable for \(since.duration(to: change.now).components.seconds)s: its sessions are closed.")
        change.closings.append(.shutdownSessions(change.server, because: .serverGone))
    }

    /// A server has come up: the backups' sessions are closed where it says so, and it takes sessions itself.
    mutating func shutDownBackups(_ change: inout Change) {
        let server = change.server
        let configured = configuration(of: server)
        guard configured.onMarkedUp == .shutdownBackupSessions, !configured.isBackup, status(of: server).isUsable else { return }
        for place in backends[server.backend].servers.indices where backends[server.backend].servers[place].isBackup {
            change.closings.append(.shutdownSessions(ServerReference(backend: server.backend, server: place), because: .serverUp))
        }
    }
}
