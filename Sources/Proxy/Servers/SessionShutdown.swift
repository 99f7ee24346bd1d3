import Wire

/// Why all sessions of a server are closed.
package enum SessionShutdown: Equatable, Sendable {
    /// The server is down: `on-marked-down shutdown-sessions`.
    case serverDown
    /// The server's host has not responded for long: `option shutdown-sessions-when-gone`.
    case serverUnreachable
    /// The server is a backup, and an active server has come up: `on-marked-up shutdown-backup-sessions`.
    case serverUp
}

extension CheckResult {
    /// True when not even the server's host has responded. A server that refuses, or accepts and stays silent, has a live host.
    package var isUnreachable: Bool { fault == .noResponse && (status == .layer4Timeout || status == .layer4ConnectionProblem) }
}

extension ServerStatus {
    /// Records since when the server's host has been silent, or that it has responded.
    mutating func recordReachability(_ result: CheckResult, now: Instant) {
        guard result.status != .healthAnalysis, result.status.isPass || result.fault != .node else { return }
        if result.isUnreachable {
            if unreachableSince == nil { unreachableSince = now.advanced(by: .zero - result.duration) }
        } else {
            (unreachableSince, areSessionsClosed) = (nil, false)
        }
    }
}

extension ServerRegistry {
    /// Closes the sessions of a server that is down once its host has been silent for longer than the server needs to come up. Done once per outage.
    mutating func closeSessionsOfUnreachable(_ result: CheckResult, _ change: inout Change) {
        guard result.isUnreachable else { return }
        var next = status(of: change.server)
        guard backends[change.server.backend].closesSessionsOfUnreachable, !next.isRunning, !next.areSessionsClosed, let since = next.unreachableSince else {
            return
        }
        guard let check = configuration(of: change.server).check, since.duration(to: change.now) > check.interval * check.rise else { return }
        next.areSessionsClosed = true
        store(next, &change)
        change.log(
            .warning, "\(title(of: change.server)) has been unreachable for \(since.duration(to: change.now).components.seconds)s: its sessions are closed.")
        change.closings.append(.shutdownSessions(change.server, because: .serverUnreachable))
    }

    /// Closes the backups' sessions after an active server has come up, or again takes sessions, where `on-marked-up` requires it.
    mutating func closeBackupSessions(_ change: inout Change) {
        let server = change.server
        let configured = configuration(of: server)
        guard configured.onMarkedUp == .shutdownBackupSessions, !configured.isBackup, status(of: server).isUsable else { return }
        for place in backends[server.backend].servers.indices where backends[server.backend].servers[place].isBackup {
            change.closings.append(.shutdownSessions(ServerReference(backend: server.backend, server: place), because: .serverUp))
        }
    }
}
