import Wire

/// One backend's present state.
package struct BackendStatus: Equatable, Sendable {
    /// Usable servers that are not `backup`.
    package internal(set) var activeServers = 0
    /// Usable `backup` servers.
    package internal(set) var backupServers = 0
    /// Usable servers without a check result yet.
    package internal(set) var uncheckedServers = 0
    /// When `wasUp` last changed, or the start.
    package internal(set) var lastChange: Instant
    /// How often the last usable server went.
    package internal(set) var downTransitions = 0

    /// Time down, without the present such time.
    var completedDowntime = Duration.zero
    /// `isUp` when it was last settled.
    var wasUp: Bool
    /// True for a backend without servers, which HAProxy shows as UP.
    let isEmpty: Bool

    init(isEmpty: Bool, now: Instant) {
        self.isEmpty = isEmpty
        wasUp = isEmpty
        lastChange = now
    }

    /// Adds a server with this status to the counts (`number` is 1), or removes it (-1).
    mutating func count(_ server: ServerStatus, isBackup: Bool, _ number: Int) {
        guard server.isUsable else { return }
        if isBackup { backupServers += number } else { activeServers += number }
        if !server.hasVerdict { uncheckedServers += number }
    }

    /// True while it has a usable server.
    package var isUp: Bool { isEmpty || activeServers + backupServers > 0 }

    /// All the time it has been down.
    package func downtime(now: Instant) -> Duration { completedDowntime + (isUp ? .zero : lastChange.duration(to: now)) }

    /// "UP" or "DOWN".
    package var text: String { isUp ? "UP" : "DOWN" }
}
