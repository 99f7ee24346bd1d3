import Wire

/// A server's state in an earlier process: a line of `show servers state`, and the additional values that a process passes to its successor.
package struct ServerMemory: Equatable, Sendable {
    /// The host name that its address was resolved from; `nil` for a numeric address.
    package var hostName: String?
    /// Its address; `nil` while its name had none.
    package var address: IPAddress?
    /// Its port; 0 when unknown.
    package var port: UInt16 = 0
    /// Its last address, when its name had none; `nil` from a state file.
    package var formerAddress: SocketAddress?
    /// Its administrative state.
    package var flags: AdministrativeFlags
    /// The weight that was last set.
    package var weight: Int
    /// The weight in that process's configuration.
    package var initialWeight: Int
    /// Whether it was running.
    package var isRunning: Bool
    /// Whether it was warming: `slowstart`.
    package var isWarming = false
    /// Whether its checks had asked for no new sessions.
    package var isStopping = false
    /// `ServerHealth.value`.
    package var health: Int
    /// The result of its last check.
    package var lastCheck: CheckResult?
    /// What its agent had reported; `nil` without an agent, and from a state file.
    package var agent: AgentStatus?
    /// The limit on its sessions, if that was not the configured one; `nil` from a state file.
    package var connectionsMax: Int?
    /// The configured limit, if `connectionsMax` is not `nil`.
    package var initialConnectionsMax = 0
    /// Whether a check had a result. Always false from a state file, whose results are too old.
    package var hasVerdict = false
    /// The time since `isRunning` last changed.
    package var sinceChange: Duration
    /// The priority of its service record; 0 without one, and from a state file.
    package var priority = 0
    /// Its fitness in its `database` section; `nil` without one, and from a state file.
    package var fitness: ServerFitness?
    /// Its condition; `nil` from a state file.
    package var condition: ServerCondition?
    /// The time in that condition.
    package var sinceCondition = Duration.zero
    /// Failed checks that changed its health.
    package var failedChecks = 0
    /// The number of times that it stopped running.
    package var downTransitions = 0
    /// The total time not running, without the current period.
    package var completedDowntime = Duration.zero

    /// Creates the memory that a line of `show servers state` contains.
    package init(
        hostName: String?, address: IPAddress?, flags: AdministrativeFlags, weight: Int, initialWeight: Int, isRunning: Bool, health: Int,
        lastCheck: CheckResult?, sinceChange: Duration
    ) {
        self.hostName = hostName
        self.address = address
        self.flags = flags
        self.weight = weight
        self.initialWeight = initialWeight
        self.isRunning = isRunning
        self.health = health
        self.lastCheck = lastCheck
        self.sinceChange = sinceChange
    }

    /// The address of `server`, if it still has the same name. The port comes from the configuration, or for a service's server from this memory.
    package func address(of server: Server) -> SocketAddress? {
        guard case .name(let name, let port) = server.endpoint, name == hostName, let address else { return nil }
        guard server.isOfService else { return .ip(address, port: port) }
        return self.port > 0 ? .ip(address, port: self.port) : nil
    }
}

extension ServerStatus {
    /// Restores a server's state, as far as the configuration allows.
    ///
    /// An operator's maintenance and drain persist; maintenance by `disabled` ends with its line. The weight persists while the configured one is the same. The
    /// fitness persists while there is a `database` section. Up or down persists, with the count of checks limited by the current `rise` and `fall`.
    mutating func restore(_ memory: ServerMemory, in backend: Backend, slowStart: SlowStart?, now: Instant) {
        if memory.flags.contains(.forcedMaintenance), !memory.flags.contains(.configuredMaintenance) { flags.insert(.forcedMaintenance) }
        if memory.flags.contains(.forcedDrain) { flags.insert(.forcedDrain) }
        if memory.initialWeight == initialWeight, (0...256).contains(memory.weight) { weight = memory.weight }
        // The memory does not state which part of the weight was the agent's.
        if agent == nil { sharedWeight = weight }
        if let limit = memory.connectionsMax, memory.initialConnectionsMax == connectionsMax { connectionsMax = max(0, limit) }
        if agent != nil, let known = memory.agent { agent = known }
        if let health {
            // A server that only its agent kept down has passed its checks.
            let isUp = memory.isRunning || agent?.isUp == false && memory.health >= health.rise
            if flags.isMaintenance { self.health?.takeDown() } else { self.health?.restore(memory.health, isUp: isUp) }
        }
        isStopping = memory.isStopping
        settle()
        if isRunning == memory.isRunning { lastChange = now.advanced(by: .zero - max(.zero, memory.sinceChange)) }
        if isRunning, memory.isRunning, memory.isWarming, let slowStart {
            var warming = Warming(slowStart, since: lastChange)
            warming.advance(to: now)
            self.warming = warming.isOver ? nil : warming
        }
        if backend.database != nil, let known = memory.fitness { fitness = known }
        if address == nil { formerAddress = memory.formerAddress }
        if memory.condition == condition { conditionSince = now.advanced(by: .zero - max(.zero, memory.sinceCondition)) }
        lastCheck = memory.lastCheck
        hasVerdict = hasVerdict || memory.hasVerdict
        (failedChecks, downTransitions) = (max(0, memory.failedChecks), max(0, memory.downTransitions))
        completedDowntime = max(.zero, memory.completedDowntime)
    }
}

extension ServerRegistry {
    /// The state of a server for a later process.
    package func memory(of reference: ServerReference, now: Instant) -> ServerMemory {
        let status = status(of: reference)
        let server = backends[reference.backend].servers[reference.server]
        var memory = ServerMemory(
            hostName: server.endpoint.host, address: status.address?.address, flags: status.flags, weight: status.weight,
            initialWeight: status.initialWeight, isRunning: status.isRunning, health: status.health?.value ?? 0, lastCheck: status.lastCheck,
            sinceChange: status.lastChange.duration(to: now))
        memory.port = status.address?.port ?? 0
        memory.formerAddress = status.formerAddress
        memory.hasVerdict = status.hasVerdict
        (memory.failedChecks, memory.downTransitions) = (status.failedChecks, status.downTransitions)
        memory.completedDowntime = status.completedDowntime
        (memory.isWarming, memory.isStopping, memory.agent) = (status.warming != nil, status.isStopping, status.agent)
        if status.connectionsMax != server.connectionsMax {
            (memory.connectionsMax, memory.initialConnectionsMax) = (status.connectionsMax, server.connectionsMax)
        }
        memory.priority = status.priority
        (memory.condition, memory.sinceCondition) = (status.condition, status.conditionSince.duration(to: now))
        if backends[reference.backend].database != nil { memory.fitness = status.fitness }
        return memory
    }
}
