import Wire

/// What an earlier process knew of a server: a line of `show servers state`, and what a process that hands over says besides.
package struct ServerMemory: Equatable, Sendable {
    /// The name that its address came from; `nil` for a numeric address.
    package var hostName: String?
    /// Where it was; `nil` while its name had no address.
    package var address: IPAddress?
    /// The port there; 0 for an unknown one.
    package var port: UInt16 = 0
    /// Its last address, when its name had none; `nil` in a state file.
    package var formerAddress: SocketAddress?
    /// Why it may not have taken sessions.
    package var flags: AdministrativeFlags
    /// The weight as it was last set.
    package var weight: Int
    /// The weight in the configuration of then.
    package var initialWeight: Int
    /// Whether it ran.
    package var isRunning: Bool
    /// Whether it was being warmed: `slowstart`.
    package var isWarming = false
    /// `ServerHealth.value`.
    package var health: Int
    /// How its last check ended.
    package var lastCheck: CheckResult?
    /// Whether a check had found a result. Not in a state file, which is too old for that.
    package var hasVerdict = false
    /// Since `isRunning` last changed.
    package var sinceChange: Duration
    /// Its service record's priority; 0 without one, and in a state file.
    package var priority = 0
    /// What its `database` section made of it; `nil` without one, and in a state file.
    package var fitness: ServerFitness?
    /// Its condition; `nil` in a state file.
    package var condition: ServerCondition?
    /// The time in that condition.
    package var sinceCondition = Duration.zero
    /// Failed checks while it was not steadily down.
    package var failedChecks = 0
    /// How often it stopped running.
    package var downTransitions = 0
    /// Time not running, before the present such time.
    package var completedDowntime = Duration.zero

    /// What a line of `show servers state` tells.
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

    /// The address of `server` if it goes by the same name as then; the port is the configuration's, but for a service's.
    package func address(of server: Server) -> SocketAddress? {
        guard case .name(let name, let port) = server.endpoint, name == hostName, let address else { return nil }
        guard server.isOfService else { return .ip(address, port: port) }
        return self.port > 0 ? .ip(address, port: self.port) : nil
    }
}

extension ServerStatus {
    /// Takes over what was known, as far as the configuration still says the same.
    ///
    /// An operator's maintenance and drain stay; one that was written down goes with its line. A weight stays while the written one is the same.
    /// Fit or not stays while there is a `database` section. Up or down stays, with a place in the count of checks that `rise` and `fall` allow now.
    mutating func recall(_ memory: ServerMemory, in backend: Backend, slowStart: SlowStart?, now: Instant) {
        if memory.flags.contains(.forcedMaintenance), !memory.flags.contains(.configuredMaintenance) { flags.insert(.forcedMaintenance) }
        if memory.flags.contains(.forcedDrain) { flags.insert(.forcedDrain) }
        if memory.initialWeight == initialWeight, (0...256).contains(memory.weight) { weight = memory.weight }
        if health != nil {
            if flags.isMaintenance { health?.takeDown() } else { health?.recall(memory.health, isUp: memory.isRunning) }
        }
        isRunning = !flags.isMaintenance && (health?.isUp ?? true)
        if isRunning == memory.isRunning { lastChange = now.advanced(by: .zero - max(.zero, memory.sinceChange)) }
        if isRunning, memory.isRunning, memory.isWarming, let slowStart {
            var warming = Warming(slowStart, since: lastChange)
            warming.goOn(to: now)
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
    /// What a later process should know of a server.
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
        memory.isWarming = status.warming != nil
        memory.priority = status.priority
        (memory.condition, memory.sinceCondition) = (status.condition, status.conditionSince.duration(to: now))
        if backends[reference.backend].database != nil { memory.fitness = status.fitness }
        return memory
    }
}
