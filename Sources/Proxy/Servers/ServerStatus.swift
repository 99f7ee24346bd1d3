import Wire

/// A server's load at one moment, for log lines.
package struct ServerLoad: Equatable, Sendable {
    /// Sessions connected to it.
    package var sessions: Int
    /// Sessions that left its queue for another server.
    package var requeued: Int
    /// Sessions still in its queue.
    package var queued: Int

    /// A load from its parts.
    package init(sessions: Int = 0, requeued: Int = 0, queued: Int = 0) {
        self.sessions = sessions
        self.requeued = requeued
        self.queued = queued
    }
}

/// A server's condition for operators, in one word.
package enum ServerCondition: String, Sendable {
    /// It takes sessions.
    case up = "UP"
    /// It fails its checks.
    case down = "DOWN"
    /// An operator has taken it out, or it has no address.
    case maintenance = "MAINT"
    /// It keeps its sessions and gets no new ones.
    case drain = "DRAIN"
    /// It passes its checks, but is not fit for its role.
    case out = "OUT"
}

/// One server's present state.
package struct ServerStatus: Equatable, Sendable {
    /// What operators and the resolver have decided.
    package internal(set) var flags: AdministrativeFlags
    /// The verdict of its checks; `nil` without checks.
    package internal(set) var health: ServerHealth?
    /// True unless it is down or in maintenance. Draining servers run.
    package internal(set) var isRunning: Bool
    /// Where it is; `nil` while its name has no address. The port is 0 where sessions take the client's.
    package internal(set) var address: SocketAddress?
    /// Its last address, while its name has none.
    package internal(set) var formerAddress: SocketAddress?
    /// 0 to 256; 0 for no new sessions.
    package internal(set) var weight: Int
    /// The weight in the configuration.
    package let initialWeight: Int
    /// Its service record's: of the usable servers those of the lowest priority take the sessions.
    package internal(set) var priority = 0
    /// When `isRunning` last changed, or the start.
    package internal(set) var lastChange: Instant
    /// When `condition` last changed, or the start.
    package internal(set) var conditionSince: Instant
    /// Failed checks while it was not steadily down.
    package internal(set) var failedChecks = 0
    /// How often it stopped running.
    package internal(set) var downTransitions = 0
    /// How often its sessions' failed connects had consequences: `on-error`.
    package internal(set) var observedFailures = 0
    /// What the last check found; `nil` before the first.
    package internal(set) var lastCheck: CheckResult?
    /// A check has found a result since the start, since maintenance and since the last move; always true without checks.
    package internal(set) var hasVerdict: Bool

    /// How far it has been warmed since it came back; `nil` for a server that has its whole load.
    package internal(set) var warming: Warming?
    /// Since when its checks have got no answer from its host at all.
    var unreachableSince: Instant?
    /// Its sessions have been closed since.
    var isGone = false
    /// What the `database` section of its proxy makes of it; whole without one.
    package internal(set) var fitness = ServerFitness.whole
    /// True while it says that it has no room: it is up, and skipped.
    package internal(set) var isFull = false
    /// Why new sessions leave it out while there are others; `nil` for not.
    package internal(set) var skip: ServerSkip?
    /// True while the peers' word keeps it down, whatever its own checks find.
    var isHeldDown = false

    /// Time not running, without the present such time.
    var completedDowntime = Duration.zero

    /// A server as it is at the start.
    init(_ server: Server, address: SocketAddress?, now: Instant) {
        flags = server.isDisabled ? [.forcedMaintenance, .configuredMaintenance] : []
        if address == nil { flags.insert(.resolutionMaintenance) }
        health = server.check.map { ServerHealth(rise: $0.rise, fall: $0.fall) }
        hasVerdict = server.check == nil
        isRunning = !flags.isMaintenance
        if flags.isMaintenance { health?.takeDown() }
        self.address = address
        weight = server.weight
        initialWeight = server.weight
        (lastChange, conditionSince) = (now, now)
    }

    /// The severity of its going down: a server without sessions is no loss for clients.
    var lossLevel: LogLevel { flags.isDrain ? .notice : fitness.isFit ? .alert : .warning }

    /// Its condition, in one word.
    package var condition: ServerCondition {
        if flags.isMaintenance { return .maintenance }
        if !isRunning { return .down }
        if flags.isDrain { return .drain }
        return fitness.isFit ? .up : .out
    }

    /// True when it takes new sessions.
    package var isUsable: Bool { isAvailable && fitness.isFit }

    /// True when it would take new sessions, were it fit for its role.
    package var isAvailable: Bool { isRunning && !isFull && !flags.isDrain && weight > 0 && address != nil }

    /// Its weight in quarters, as its fitness leaves it: what turns are made of.
    package var fitWeight: Int { if case .fit(let quarters) = fitness { weight * quarters } else { 0 } }

    /// True when it is to be checked.
    package var isChecked: Bool { health != nil && !flags.isMaintenance }

    /// All the time it has not been running.
    package func downtime(now: Instant) -> Duration { completedDowntime + (isRunning ? .zero : lastChange.duration(to: now)) }

    /// `show stat`'s status: "UP", "DOWN", "UP 1/3", "DOWN 1/2", "MAINT", "MAINT (resolution)", "DRAIN", "DRAIN 1/3", "NOLB", "NOLB 1/3", "no check".
    package var text: String {
        if flags.contains(.resolutionMaintenance) { return "MAINT (resolution)" }
        if flags.isMaintenance { return "MAINT" }
        guard let health else { return isRunning ? (flags.isDrain ? "DRAIN" : "no check") : "DOWN" }
        let word = isRunning ? (flags.isDrain ? "DRAIN" : fitness.isFit ? "UP" : "NOLB") : "DOWN"
        return health.pace == .changing ? "\(word) \(health.fraction)" : word
    }

    /// The last check's status, `initializing` before the first.
    package var checkStatus: CheckStatus { lastCheck?.status ?? .initializing }
}
