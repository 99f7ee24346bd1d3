import Wire

/// The current state of a backend.
package struct BackendStatus: Equatable, Sendable {
    /// Usable servers that are not `backup`.
    package internal(set) var activeServers = 0
    /// Usable `backup` servers.
    package internal(set) var backupServers = 0
    /// The weights in effect of the usable servers that are not `backup`, in sixteenths.
    package internal(set) var activeWeight = 0
    /// Usable servers without a check result yet.
    package internal(set) var uncheckedServers = 0
    /// When `wasUp` last changed; initially the start.
    package internal(set) var lastChange: Instant
    /// How often the backend lost its last usable server.
    package internal(set) var downTransitions = 0

    /// The total time down, without the current period.
    var completedDowntime = Duration.zero
    /// The value of `isUp` at the last `updateBackend`.
    var wasUp: Bool
    /// True for a backend without servers. HAProxy shows it as UP.
    let isEmpty: Bool

    init(isEmpty: Bool, now: Instant) {
        self.isEmpty = isEmpty
        wasUp = isEmpty
        lastChange = now
    }

    /// Adds a server with this status and these sixteenths of its weight to the counts (`number` 1), or removes it (-1).
    mutating func count(_ server: ServerStatus, share: Int, isBackup: Bool, _ number: Int) {
        guard server.isUsable else { return }
        if isBackup {
            backupServers += number
        } else {
            activeServers += number
            activeWeight += number * server.weight * share
        }
        if !server.hasVerdict { uncheckedServers += number }
    }

    /// True while a server is usable.
    package var isUp: Bool { isEmpty || activeServers + backupServers > 0 }

    /// The total time down.
    package func downtime(now: Instant) -> Duration { completedDowntime + (isUp ? .zero : lastChange.duration(to: now)) }

    /// "UP" or "DOWN".
    package var text: String { isUp ? "UP" : "DOWN" }
}
