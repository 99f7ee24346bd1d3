import Wire

/// The state of every server, and the rules by which events change it. The rules and the log lines are HAProxy's.
///
/// The control thread owns the only registry. It passes in the events of checks, resolvers and operators, and carries out the effects in order.
package struct ServerRegistry: Sendable {
    /// An event that concerns a server.
    package enum Event: Equatable, Sendable {
        /// A check has ended. It is ignored in maintenance, because it began earlier.
        case checkFinished(CheckResult)
        /// A check has ended without a verdict: the server was full, or this node failed. It counts neither as a pass nor as a failure.
        case checkInconclusive(CheckResult)
        /// The agent requests these changes.
        case agentOrdered(AgentOrders)
        /// The agent has answered or could not be reached. The result's status is `checked` for an answer without a word about the server's state, and
        /// `initializing` for an incomplete answer, which keeps a status that is known.
        case agentFinished(CheckResult)
        /// The server that this one tracks has changed: `Effect.trackerChanged`.
        case trackedChanged(reason: String?)
        /// `consecutive` connects of sessions have failed without a success between them: `observe layer4`.
        case connectsFailed(consecutive: Int)
        /// The fitness for its role has changed. Sessions and checks continue.
        case setFitness(ServerFitness)
        /// Checks report that the server has no free connection, or has one again.
        case setFull(Bool)
        /// Sessions have found a reason to skip the server while there are others, for this time (`nil`: until a check passes); or no reason remains.
        case setSkipped(ServerSkip?, for: Duration?)
        /// The server is down although its own checks have not failed often enough. Passed checks bring it up again.
        case takenDown(DownEvidence)
        /// A hold by the peers' verdict begins or ends. During a hold the server's own checks do not bring it up.
        case setHeldDown(Bool)
        /// `set server P/S state`, `disable server` (maint), `enable server` (ready). `by` is the operator, unless it is this node's.
        case setAdministrative(AdministrativeState, by: String? = nil)
        /// `set weight P/S N`, 0 to 256, and the author for the log line.
        case setWeight(Int, by: String = "the operator")
        /// The priority of its service record. Servers with the lowest value are used first.
        case setPriority(Int)
        /// Its name has resolved to this address. `by` is "section/nameserver" or "DNS cache".
        case addressResolved(SocketAddress, by: String)
        /// Its name no longer has an address. The reason for the log line: "DNS NX status", "No IP for server ".
        case addressLost(reason: String)
    }

    /// The evidence, other than its own checks' count, that a server is down.
    package enum DownEvidence: Equatable, Sendable {
        /// Its own last checks together with these peers.
        case ownChecksAndPeers([String])
        /// These peers alone.
        case peers([String])
        /// The server itself, which refuses this host.
        case server
    }

    /// An action that the caller must carry out.
    package enum Effect: Equatable, Sendable {
        /// Write this line to the log targets of this backend.
        case log(LogLevel, String, backend: Int)
        /// This server's usability, weight, limit or address has changed. Call `updateBackend` afterwards. The effects that follow do not change its route.
        case routeChanged(ServerReference)
        /// Apply `trackedChanged` to this server, which tracks the changed one.
        case trackerChanged(ServerReference, reason: String?)
        /// Close this server's sessions.
        case shutdownSessions(ServerReference, because: SessionShutdown = .serverDown)
        /// Stop checking this server, and abort a running check.
        case pauseChecks(ServerReference)
        /// Check this server within this time.
        case checkWithin(ServerReference, Duration)
        /// Reset this server's count of failed connects.
        case forgetFailedConnects(ServerReference)
        /// Start checking this server again.
        case resumeChecks(ServerReference)
    }

    /// The configured backends.
    package let backends: [Backend]
    var servers: [[ServerStatus]]
    private var backendStatuses: [BackendStatus]
    /// The servers that track each server.
    let trackers: [ServerReference: [ServerReference]]

    /// Creates the initial state: servers are up unless they are `disabled`, have no address, or begin down by `init-state`. This logs nothing.
    ///
    /// - Parameters:
    ///   - initialAddress: a server's address; `nil` puts it in maintenance until an address is found.
    ///   - memory: a server's state in an earlier process; `nil` without one.
    package init(
        backends: [Backend], now: Instant, initialAddress: (ServerReference) -> SocketAddress?, memory: (ServerReference) -> ServerMemory? = { _ in nil }
    ) {
        self.backends = backends
        servers = backends.enumerated().map { index, backend in
            backend.servers.enumerated().map { place, server in
                let reference = ServerReference(backend: index, server: place)
                var status = ServerStatus(server, address: initialAddress(reference), now: now)
                // No server takes writes before the writer is known.
                if backend.database?.role == .primary { status.fitness = .unfit(reason: "not checked yet") }
                if backend.isDisabled { status.hasVerdict = true }
                if let memory = memory(reference) {
                    status.restore(memory, in: backend, slowStart: backend.slowStart(of: server), now: now)
                    if server.isOfService { status.priority = max(0, memory.priority) }
                }
                return status
            }
        }
        backendStatuses = backends.map { BackendStatus(isEmpty: $0.servers.isEmpty, now: now) }
        trackers = Self.trackers(in: backends)
        beginTracking()
        for index in backends.indices {
            for place in servers[index].indices { count(ServerReference(backend: index, server: place), 1) }
            backendStatuses[index].wasUp = backendStatuses[index].isUp
        }
    }

    /// The numeric address or path of a server; `nil` when it has a host name.
    package static func numericAddress(of server: Server) -> SocketAddress? {
        switch server.endpoint {
        case .ip(let address, let port): .ip(address, port: port)
        case .unix(let path): .unix(path)
        case .name, .inherited: nil
        }
    }

    /// The current state of a server.
    package func status(of server: ServerReference) -> ServerStatus { servers[server.backend][server.server] }

    /// The current state of a backend.
    package func status(ofBackend backend: Int) -> BackendStatus { backendStatuses[backend] }

    /// The result as it counts for a server. As in HAProxy, a conditional pass brings no server up: while the server is down it is a failure.
    package func counted(_ result: CheckResult, of server: ServerReference) -> CheckResult {
        guard result.status == .layer7ConditionalPass, !status(of: server).isRunning else { return result }
        return CheckResult(
            status: .layer7WrongStatus, code: result.code, info: result.info, duration: result.duration, greetedAfter: result.greetedAfter)
    }

    /// The interval class for the next check of a server.
    package func checkPace(of server: ServerReference) -> CheckPace { status(of: server).health?.pace ?? .steadyUp }

    /// Applies an event.
    ///
    /// - Parameter load: returns a server's load for a log line.
    /// - Returns: the actions to carry out, in this order.
    package mutating func apply(_ event: Event, to server: ServerReference, now: Instant, load: @escaping (ServerReference) -> ServerLoad) -> [Effect] {
        let before = status(of: server)
        var change = Change(server: server, now: now, load: load)
        switch event {
        case .checkFinished(let result):
            applyCheck(result, &change)
        case .checkInconclusive(let result):
            applyInconclusive(result, &change)
        case .agentOrdered(let orders):
            applyOrders(orders, &change)
        case .agentFinished(let result):
            applyAgent(result, &change)
        case .trackedChanged(let reason):
            change.reason = reason
            copyTracked(&change)
        case .connectsFailed(let errors):
            applyFailedConnects(consecutive: errors, &change)
        case .setFitness(let fitness):
            setFitness(fitness, &change)
        case .setFull(let isFull):
            setFull(isFull, &change)
        case .setSkipped(let skip, let pause):
            setSkipped(skip, pause, &change)
        case .takenDown(let evidence):
            takeDown(evidence, &change)
        case .setHeldDown(let isHeld):
            setHeldDown(isHeld, &change)
        case .setAdministrative(let state, let author):
            change.author = author
            applyAdministrativeState(state, &change)
        case .setWeight(let weight, let author):
            setWeight(weight, by: author, &change)
        case .setPriority(let priority):
            var next = before
            next.priority = priority
            store(next, &change)
        case .addressResolved(let address, let source):
            resolve(to: address, by: source, &change)
        case .addressLost(let reason):
            change.reason = reason
            set(.resolutionMaintenance, &change)
        }
        return finish(&change, from: before)
    }

    /// The effects of a change in their order. The servers that track this one change after its route, before the log's last remark about it.
    private mutating func finish(_ change: inout Change, from before: ServerStatus) -> [Effect] {
        let (server, reason) = (change.server, change.reason)
        let after = status(of: server)
        let sameTurns =
            before.weight == after.weight && before.priority == after.priority && before.warming == after.warming
            && before.fitWeight == after.fitWeight && before.connectionsMax == after.connectionsMax
        let sameUse = before.isUsable == after.isUsable && (before.skip == nil) == (after.skip == nil)
        if !sameUse || !sameTurns || before.address != after.address {
            change.effects.append(.routeChanged(server))
        }
        if let trackers = trackers[server], TrackedState(before) != TrackedState(after) {
            change.effects += trackers.map { .trackerChanged($0, reason: reason) }
        }
        if before.operation != .running, after.operation == .running { closeBackupSessions(&change) }
        return change.effects + change.closings + change.remarks
    }

    // MARK: One change

    /// The accumulated results of one event.
    struct Change {
        let server: ServerReference
        let now: Instant
        let load: (ServerReference) -> ServerLoad
        var effects: [Effect] = []
        /// The operator's name, where a line shows it.
        var author: String?
        /// Why the server loses its address, for the log lines about it and its trackers.
        var reason: String?
        /// Shutdowns of sessions. They come after the new routes, so that no new session reaches the servers.
        var closings: [Effect] = []
        /// Log lines that come last.
        var remarks: [Effect] = []

        /// Logs a line about the server. HAProxy's text comes first, then the operator's name.
        mutating func log(_ level: LogLevel, _ text: String) {
            effects.append(.log(level, author.map { "\(text) By \($0)." } ?? text, backend: server.backend))
        }
    }

    /// Stores the server's new state and updates the counts. A line with counts must be logged afterwards.
    mutating func store(_ next: ServerStatus, _ change: inout Change) {
        let (server, now) = (change.server, change.now)
        let before = status(of: server)
        var next = next
        if before.operation != next.operation {
            if before.operation == .stopped { next.completedDowntime += before.lastChange.duration(to: now) }
            if next.operation == .stopped {
                next.downTransitions += 1
                if configuration(of: server).onMarkedDown == .shutdownSessions { change.closings.append(.shutdownSessions(server)) }
            }
            next.lastChange = now
            next.warming = next.operation == .running ? backends[server.backend].slowStart(of: configuration(of: server)).map { Warming($0, since: now) } : nil
        }
        if before.condition != next.condition { next.conditionSince = now }
        if next.isChecked != before.isChecked { change.effects.append(next.isChecked ? .resumeChecks(server) : .pauseChecks(server)) }
        replace(server, with: next)
    }

    /// Replaces the server's state and its part of the counts.
    mutating func replace(_ server: ServerReference, with next: ServerStatus) {
        count(server, -1)
        servers[server.backend][server.server] = next
        count(server, 1)
    }

    /// Adds a server to its backend's counts (`number` 1), or removes it (-1).
    private mutating func count(_ server: ServerReference, _ number: Int) {
        backendStatuses[server.backend].count(status(of: server), share: share(of: server), isBackup: configuration(of: server).isBackup, number)
    }

    /// Records that a backend has lost its last usable server or has one again. Call it after all related changes: when two servers swap their states, their
    /// order does not matter, and one of them was usable all the time.
    ///
    /// - Returns: the line to log, if there is one.
    package mutating func updateBackend(_ backend: Int, now: Instant) -> [Effect] {
        let status = backendStatuses[backend]
        guard status.isUp != status.wasUp else { return [] }
        (backendStatuses[backend].wasUp, backendStatuses[backend].lastChange) = (status.isUp, now)
        if status.isUp {
            backendStatuses[backend].completedDowntime += status.lastChange.duration(to: now)
            return []
        }
        backendStatuses[backend].downTransitions += 1
        let kind = backends[backend].isListen ? "proxy" : "backend"
        return [.log(.emergency, "\(kind) \(backends[backend].name) has no server available!", backend: backend)]
    }

    func configuration(of server: ServerReference) -> Server { backends[server.backend].servers[server.server] }

    /// "mysql-read/db1".
    func name(of server: ServerReference) -> String { "\(backends[server.backend].name)/\(configuration(of: server).name)" }

    /// "Server mysql-read/db1", "Backup Server mysql-read/db3".
    func title(of server: ServerReference) -> String { "\(configuration(of: server).isBackup ? "Backup " : "")Server \(name(of: server))" }

    /// A server that comes up unfit for its role is not counted as active in the line.
    func upText(_ status: ServerStatus) -> String { if case .unfit(let reason) = status.fitness { "UP but OUT (\(reason))" } else { "UP" } }

    /// The counts at the end of a line about the server: `left` after a server has stopped, otherwise `online`.
    func counts(_ change: Change) -> String {
        let (server, load) = (change.server, change.load(change.server))
        let (active, backup) = (backendStatuses[server.backend].activeServers, backendStatuses[server.backend].backupServers)
        let onBackup = backup > 0 && active == 0 ? " Running on backup." : ""
        let servers = ". \(active) active and \(backup) backup servers"
        if status(of: server).isRunning, status(of: server).fitness.isFit {
            return "\(servers) online.\(onBackup) \(load.requeued) sessions requeued, \(load.queued) total in queue."
        }
        return "\(servers) left.\(onBackup) \(load.sessions) sessions active, \(load.requeued) requeued, \(load.queued) remaining in queue."
    }
}

// MARK: - Checks

extension ServerRegistry {
    /// Applies a check's result, then closes the sessions of an unreachable server if configured.
    private mutating func applyCheck(_ result: CheckResult, _ change: inout Change) {
        apply(result, { $0.isPass ? $1.pass() : $1.fail() }, &change)
        closeSessionsOfUnreachable(result, &change)
    }

    /// Applies a result of a check or of an observation. Logs a line if it is new, and another line when the server goes down or comes up.
    ///
    /// - Parameter count: updates the health. Returns true when it has changed.
    mutating func apply(_ result: CheckResult, _ count: (CheckStatus, inout ServerHealth) -> Bool, _ change: inout Change) {
        let server = change.server
        let before = status(of: server)
        guard before.isChecked, var health = before.health else { return }
        let isMoved = count(result.status, &health)
        if isMoved || result.status != before.checkStatus, backends[server.backend].logsHealthChecks {
            change.log(.notice, checkLine("Health", result, "\(health.fraction) \(word(isUp: health.isUp, before))", change))
        }
        var next = before
        next.health = health
        (next.lastCheck, next.hasVerdict) = (result, true)
        next.recordReachability(result, now: change.now)
        if result.status.isPass, health.isUp { next.isStopping = result.status == .layer7ConditionalPass }
        if isMoved && !result.status.isPass { next.failedChecks += 1 }
        next.settle()
        store(next, &change)
        logOperation(from: before, because: result, &change)
    }

    /// A line about a check's result; `kind` is "Health" or "Agent", and `state` the count and the word after it.
    func checkLine(_ kind: String, _ result: CheckResult, _ state: String, _ change: Change) -> String {
        let server = configuration(of: change.server).isBackup ? "backup server" : "server"
        return "\(kind) check for \(server) \(name(of: change.server)) \(result.status.outcome)\(result.explanation), status: \(state)."
    }

    /// The word after the count in a line about a check's result.
    func word(isUp: Bool, _ status: ServerStatus) -> String { isUp ? (status.weight > 0 ? "UP" : "DRAIN") : "DOWN" }

    /// Logs that a server has gone down, come up, or begun to stop; `result` is `nil` if the server that it tracks has caused that.
    func logOperation(from before: ServerStatus, because result: CheckResult?, _ change: inout Change) {
        let (server, now) = (change.server, status(of: change.server))
        guard now.operation != before.operation else { return }
        var (reason, end) = ("", "")
        if let result, configuration(of: server).tracked == nil {
            // Where checks are logged HAProxy gives no reason here. Our reason follows its text.
            let logsChecks = backends[server.backend].logsHealthChecks
            if !logsChecks { reason = result.explanation } else if !now.isRunning { end = " Reason: \(result.cause)." }
        }
        let rest = "\(reason)\(via(server))\(counts(change))\(end)"
        switch now.operation {
        case .stopped: change.log(before.lossLevel, "\(title(of: server)) is DOWN\(rest)")
        case .stopping: change.log(.notice, "\(title(of: server)) is stopping\(rest)")
        case .running: change.log(.notice, "\(title(of: server)) is \(upText(now))\(rest)")
        }
    }
}

// MARK: - Administration

extension ServerRegistry {
    /// Sets the flags of an operator's or an agent's state.
    mutating func applyAdministrativeState(_ state: AdministrativeState, _ change: inout Change) {
        switch state {
        case .ready:
            clear(.forcedDrain, &change)
            clear(.forcedMaintenance, &change)
        case .drain:
            set(.forcedDrain, &change)
            clear(.forcedMaintenance, &change)
        case .maint:
            set(.forcedMaintenance, &change)
            clear(.forcedDrain, &change)
        }
    }

    private mutating func setWeight(_ weight: Int, by author: String, _ change: inout Change) {
        precondition((0...256).contains(weight), "a weight is 0 to 256, got \(weight)")
        var next = status(of: change.server)
        let before = next.weight
        next.sharedWeight = weight
        guard weight != before else { return store(next, &change) }
        next.weight = weight
        store(next, &change)
        change.log(.notice, "\(title(of: change.server)): weight changed from \(before) to \(weight) by \(author).")
    }

    /// Sets a flag that is not set.
    mutating func set(_ flag: AdministrativeFlags, _ change: inout Change) {
        var flags = status(of: change.server).flags
        guard flags.insert(flag).inserted else { return }
        changeFlags(to: flags, &change)
    }

    /// Clears a flag that is set.
    mutating func clear(_ flag: AdministrativeFlags, _ change: inout Change) {
        var flags = status(of: change.server).flags
        guard flags.remove(flag) != nil else { return }
        changeFlags(to: flags, &change)
    }

    private mutating func changeFlags(to flags: AdministrativeFlags, _ change: inout Change) {
        let before = status(of: change.server)
        var next = before
        next.flags = flags
        if flags.contains(.resolutionMaintenance) { (next.address, next.formerAddress) = (nil, before.address ?? before.formerAddress) }
        switch (before.flags.isMaintenance, flags.isMaintenance) {
        case (false, true):
            next.health?.takeDown()
            next.settle()
        case (true, false):
            next.health?.leaveMaintenance()
            next.hasVerdict = next.tracked?.hasVerdict ?? isUnchecked(change.server, next)
            next.settle()
        case (true, true), (false, false):
            break
        }
        store(next, &change)
        logMaintenance(from: before, &change)
        if !flags.isMaintenance { logDrain(from: before.flags, &change) }
    }

    /// Logs that maintenance begins, ends, or continues for fewer reasons.
    private func logMaintenance(from before: ServerStatus, _ change: inout Change) {
        let (title, now, via) = (title(of: change.server), status(of: change.server), via(change.server))
        let gone = before.flags.subtracting(now.flags)
        switch (before.flags.isMaintenance, now.flags.isMaintenance) {
        case (false, true):
            let cause = (change.reason.map { " (\($0))" } ?? "") + (now.flags.contains(.forcedMaintenance) ? "" : via)
            if before.isRunning {
                change.log(before.lossLevel, "\(title) is going DOWN for maintenance\(cause)\(counts(change))")
            } else {
                change.log(.notice, "\(title) was DOWN and now enters maintenance\(cause).")
            }
        case (true, false):
            let state = "\(now.isRunning ? "UP" : "DOWN")/\(now.flags.isDrain ? "DRAIN" : "READY")"
            if gone.contains(.forcedMaintenance) {
                change.log(.notice, "\(title) is \(state) (leaving forced maintenance).")
            } else if gone.contains(.inheritedMaintenance) {
                change.log(.notice, "\(title) is \(state) (leaving maintenance).")
            } else {
                change.log(.notice, "\(title) ('\(configuration(of: change.server).endpoint.host)') is \(state) (resolves again).")
            }
        case (true, true) where gone.contains(.forcedMaintenance):
            change.log(.notice, "\(title) is leaving forced maintenance but remains in maintenance\(via).")
        case (true, true) where gone.contains(.inheritedMaintenance):
            change.log(.notice, "\(title) remains in forced maintenance.")
        case (true, true) where gone.contains(.resolutionMaintenance):
            change.log(.notice, "\(title) ('\(configuration(of: change.server).endpoint.host)') resolves again but remains in maintenance\(via).")
        case (true, true), (false, false):
            break
        }
    }

    /// Logs that a drain begins, ends, or outlasts a maintenance.
    private func logDrain(from before: AdministrativeFlags, _ change: inout Change) {
        let (title, now, via) = (title(of: change.server), status(of: change.server), via(change.server))
        let isForced = now.flags.contains(.forcedDrain)
        switch (before.isDrain, now.flags.isDrain) {
        case (false, true): change.log(.notice, "\(title) enters drain state\(isForced ? "" : via)\(counts(change))")
        case (true, false):
            let end = before.contains(.forcedDrain) ? "(leaving forced drain)" : "(leaving drain)\(via)"
            change.log(.notice, "\(title) is \(now.isRunning ? "UP" : "DOWN") \(end).")
        case (true, true): change.log(.notice, "\(title) remains in \(isForced ? "forced drain mode" : "drain mode\(via)").")
        case (false, false): break
        }
    }

    /// True when the server never gets a verdict: it has no check, or its proxy is disabled.
    private func isUnchecked(_ server: ServerReference, _ status: ServerStatus) -> Bool {
        status.health == nil || backends[server.backend].isDisabled
    }

    private mutating func resolve(to address: SocketAddress, by source: String, _ change: inout Change) {
        moveAddress(to: address, by: source, &change)
        guard status(of: change.server).flags.contains(.resolutionMaintenance) else { return }
        clear(.resolutionMaintenance, &change)
        let cause = configuration(of: change.server).isDiscovered ? "the writer's list" : "valid DNS answer"
        let line = "Server \(name(of: change.server)) administratively READY thanks to \(cause)."
        change.remarks.append(.log(.notice, line, backend: change.server.backend))
    }

    private mutating func moveAddress(to address: SocketAddress, by source: String, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.address != address else { return }
        var next = before
        (next.address, next.formerAddress, next.hasVerdict) = (address, nil, isUnchecked(change.server, next))
        (next.unreachableSince, next.areSessionsClosed) = (nil, false)
        store(next, &change)
        var parts: [String] = []
        let (from, to) = (before.address.map(Self.host) ?? "(none)", Self.host(address))
        if from != to { parts.append("IP changed from '\(from)' to '\(to)'") }
        if let old = before.address?.port, let new = address.port, old != new { parts.append("port changed from '\(old)' to '\(new)'") }
        change.log(.notice, "\(name(of: change.server)): \(parts.joined(separator: ", ")) by '\(source)'.")
    }

    /// The address without the port.
    private static func host(_ address: SocketAddress) -> String { address.address?.description ?? address.description }
}
