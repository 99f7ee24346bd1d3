import Wire

/// A server's load when a log line is written.
package struct ServerLoad: Equatable, Sendable {
    /// Connected sessions.
    package var sessions: Int
    /// Sessions that left its queue for another server.
    package var requeued: Int
    /// Sessions in its queue.
    package var queued: Int

    /// Creates a load.
    package init(sessions: Int = 0, requeued: Int = 0, queued: Int = 0) {
        self.sessions = sessions
        self.requeued = requeued
        self.queued = queued
    }
}

/// A server's condition in one word, for operators.
package enum ServerCondition: String, Sendable {
    /// It takes sessions.
    case up = "UP"
    /// It fails its checks.
    case down = "DOWN"
    /// An operator has put it into maintenance, or it has no address.
    case maintenance = "MAINT"
    /// It keeps its sessions and gets no new ones, as an operator, an agent or its checks have requested.
    case drain = "DRAIN"
    /// It passes its checks, but is not fit for its role.
    case out = "OUT"
}

/// The state of a server without its administration: HAProxy's srv_state, in which a warming server runs.
package enum ServerOperation: Equatable, Sendable {
    /// Down, or in maintenance.
    case stopped
    /// It keeps its sessions and gets no new ones, because its checks ask for that.
    case stopping
    /// Neither of these.
    case running
}

/// The current state of a server.
package struct ServerStatus: Equatable, Sendable {
    /// The decisions of operators and the resolver.
    package internal(set) var flags: AdministrativeFlags
    /// The verdict of its checks; `nil` without checks.
    package internal(set) var health: ServerHealth?
    /// True unless it is down or in maintenance. Draining and stopping servers run.
    package internal(set) var isRunning = true
    /// True while it runs and its last passed check has asked for no new sessions, or the server that it tracks is stopping.
    package internal(set) var isStopping = false
    /// What its agent has reported; `nil` without an agent.
    package internal(set) var agent: AgentStatus?
    /// The state of the server that it tracks; `nil` without one.
    var tracked: TrackedState?
    /// The address; `nil` while its name has none. The port is 0 when sessions use the client's port.
    package internal(set) var address: SocketAddress?
    /// The last address, while its name has none.
    package internal(set) var formerAddress: SocketAddress?
    /// 0 to 256; with 0 it takes no new sessions.
    package internal(set) var weight: Int
    /// The weight without what its agent has set: an agent's word stays on its node.
    package internal(set) var sharedWeight: Int
    /// The configured weight.
    package let initialWeight: Int
    /// The most sessions at a time, 0 for no limit: its `maxconn`, or the limit that its agent has set.
    package internal(set) var connectionsMax: Int
    /// The priority of its service record. Among usable servers, those with the lowest value take the sessions.
    package internal(set) var priority = 0
    /// When `operation` last changed; initially the start.
    package internal(set) var lastChange: Instant
    /// When `condition` last changed; initially the start.
    package internal(set) var conditionSince: Instant
    /// Failed checks that changed its health.
    package internal(set) var failedChecks = 0
    /// The number of times that it stopped running.
    package internal(set) var downTransitions = 0
    /// The number of times that sessions' failed connects triggered `on-error`.
    package internal(set) var observedFailures = 0
    /// The result of the last check; `nil` before the first.
    package internal(set) var lastCheck: CheckResult?
    /// True when a check has had a result since the start, the last maintenance and the last change of address. Always true without checks.
    package internal(set) var hasVerdict: Bool

    /// The progress of its warming; `nil` when it has its full load.
    package internal(set) var warming: Warming?
    /// When the checks began to get no response from its host; `nil` while it responds.
    var unreachableSince: Instant?
    /// True when its sessions have been closed because its host is unreachable.
    var areSessionsClosed = false
    /// The fitness for its role in the `database` section; `fullWeight` without one.
    package internal(set) var fitness = ServerFitness.fullWeight
    /// True while a check reports that the server has no free connection. It stays up but takes no new sessions.
    package internal(set) var isFull = false
    /// Why new sessions skip the server while there are others; `nil` when they do not.
    package internal(set) var skip: ServerSkip?
    /// True while the peers' verdict keeps it down, regardless of its own checks.
    var isHeldDown = false

    /// The total time not running, without the current period.
    var completedDowntime = Duration.zero

    /// Creates the status of a server at the start.
    init(_ server: Server, address: SocketAddress?, now: Instant) {
        flags = server.isDisabled ? [.forcedMaintenance, .configuredMaintenance] : []
        if address == nil { flags.insert(.resolutionMaintenance) }
        health = server.check.map { ServerHealth(rise: $0.rise, fall: $0.fall, initially: server.initialState) }
        agent = server.agent == nil ? nil : AgentStatus()
        hasVerdict = server.check == nil
        if flags.isMaintenance { health?.takeDown() }
        self.address = address
        (weight, sharedWeight, initialWeight) = (server.weight, server.weight, server.weight)
        connectionsMax = server.connectionsMax
        (lastChange, conditionSince) = (now, now)
        settle()
    }

    /// Derives `isRunning` and `isStopping` from everything that can keep it down.
    mutating func settle() {
        let isHealthy = health?.isUp != false && !isHeldDown
        isRunning = !flags.isMaintenance && isHealthy && !isDownByOthers
        isStopping = isRunning && (tracked?.isStopping ?? isStopping)
    }

    /// The level of the line when it stops running. A server without sessions is no loss for clients.
    var lossLevel: LogLevel { flags.isDrain || isStopping ? .notice : fitness.isFit ? .alert : .warning }

    /// The state without the administration.
    package var operation: ServerOperation { !isRunning ? .stopped : isStopping ? .stopping : .running }

    /// True while its agent, or the server that it tracks, keeps it down, regardless of its own checks.
    package var isDownByOthers: Bool { agent?.isUp == false || tracked?.isRunning == false }

    /// The condition in one word.
    package var condition: ServerCondition {
        if flags.isMaintenance { return .maintenance }
        if !isRunning { return .down }
        if flags.isDrain || isStopping { return .drain }
        return fitness.isFit ? .up : .out
    }

    /// True when it takes new sessions.
    package var isUsable: Bool { isAvailable && fitness.isFit }

    /// True when it takes new sessions, or would take them if it were fit for its role.
    package var isAvailable: Bool { isRunning && !isStopping && !isFull && !flags.isDrain && weight > 0 && address != nil }

    /// The weight times the quarters that its fitness allows.
    package var fitWeight: Int { if case .fit(let quarters) = fitness { weight * quarters } else { 0 } }

    /// True when the server is checked.
    package var isChecked: Bool { health != nil && !flags.isMaintenance }

    /// The total time not running.
    package func downtime(now: Instant) -> Duration { completedDowntime + (isRunning ? .zero : lastChange.duration(to: now)) }

    /// The last check's status, `initializing` before the first.
    package var checkStatus: CheckStatus { lastCheck?.status ?? .initializing }
}
