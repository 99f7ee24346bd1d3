import Wire

/// Every server's present state, and the rules by which events change it: HAProxy's, as are the log lines.
///
/// The control thread owns the one registry, feeds it what checks, resolvers and operators say, and carries out the effects
/// in their order.
package struct ServerRegistry: Sendable {
    /// What happened to a server.
    package enum Event: Equatable, Sendable {
        /// A check has ended. Ignored in maintenance: it was under way when that began.
        case checkFinished(CheckResult)
        /// A check has ended that says nothing of its health: it was full, or this node could not ask. It counts neither as a pass nor as a failure.
        case checkInconclusive(CheckResult)
        /// Sessions' connects to it have failed, the last so many in a row: `observe layer4`.
        case connectsFailed(inRow: Int)
        /// What it is good for, by its role. Its sessions go on, and its checks.
        case setFitness(ServerFitness)
        /// It is skipped for want of room, or no longer.
        case setFull(Bool)
        /// Sessions have found that new ones are to leave it out while there are others, for so long (`nil`: until a check passes), or no longer.
        case setSkipped(ServerSkip?, for: Duration?)
        /// It is down although its own checks have not come to that; they bring it up again.
        case takenDown(DownWitness)
        /// While the peers' word holds it down its own checks do not bring it up.
        case setHeldDown(Bool)
        /// `set server P/S state`, `disable server` (maint), `enable server` (ready). `by` is the operator, when not this node's.
        case setAdministrative(AdministrativeState, by: String? = nil)
        /// `set weight P/S N`, 0 to 256, and who has set it.
        case setWeight(Int, by: String = "the operator")
        /// Its service record's priority: those of the lowest one are used first.
        case setPriority(Int)
        /// A name's address is this; `by` is "section/nameserver" or "DNS cache".
        case addressResolved(SocketAddress, by: String)
        /// The name has no address any more; the reason stands in the log: "DNS NX status", "No IP for server ".
        case addressLost(reason: String)
    }

    /// Who has found a server down, beside its own checks.
    package enum DownWitness: Equatable, Sendable {
        /// Its own last checks and these peers' together.
        case alsoPeers([String])
        /// These peers, by themselves.
        case peers([String])
        /// The server itself: it refuses this host.
        case server
    }

    /// What is to be done about it.
    package enum Effect: Equatable, Sendable {
        /// Write this line to the log targets of this backend.
        case log(LogLevel, String, backend: Int)
        /// This server's route has changed: its usability, weight or address. Call `settle` afterwards. Only `shutdownSessions` follows this effect.
        case routeChanged(ServerReference)
        /// Close this server's sessions.
        case shutdownSessions(ServerReference, because: SessionShutdown = .serverDown)
        /// Check this server no more, and drop a running check.
        case pauseChecks(ServerReference)
        /// Check this server within this time.
        case checkWithin(ServerReference, Duration)
        /// Begin to count this server's failed connects anew.
        case forgetFailedConnects(ServerReference)
        /// Check this server again.
        case resumeChecks(ServerReference)
    }

    /// The configuration's backends.
    package let backends: [Backend]
    var servers: [[ServerStatus]]
    private var backendStatuses: [BackendStatus]

    /// The servers of `backends` as they are at the start: up unless `disabled` or without an address. Nothing is logged.
    ///
    /// - Parameters:
    ///   - initialAddress: where a server is; `nil` puts it in maintenance until an address is found.
    ///   - memory: what an earlier process knew of a server; `nil` for nothing.
    package init(
        backends: [Backend], now: Instant, initialAddress: (ServerReference) -> SocketAddress?, memory: (ServerReference) -> ServerMemory? = { _ in nil }
    ) {
        self.backends = backends
        servers = backends.enumerated().map { index, backend in
            backend.servers.enumerated().map { place, server in
                let reference = ServerReference(backend: index, server: place)
                var status = ServerStatus(server, address: initialAddress(reference), now: now)
                // Nobody writes anywhere before the writer is known.
                if backend.database?.role == .primary { status.fitness = .unfit(reason: "not looked at yet") }
                if backend.isDisabled { status.hasVerdict = true }
                if let memory = memory(reference) {
                    status.recall(memory, in: backend, slowStart: backend.slowStart(of: server), now: now)
                    if server.isOfService { status.priority = max(0, memory.priority) }
                }
                return status
            }
        }
        backendStatuses = backends.map { BackendStatus(isEmpty: $0.servers.isEmpty, now: now) }
        for index in backends.indices {
            for (place, server) in backends[index].servers.enumerated() { backendStatuses[index].count(servers[index][place], isBackup: server.isBackup, 1) }
            backendStatuses[index].wasUp = backendStatuses[index].isUp
        }
    }

    /// The address of a server that needs no resolver; `nil` for a host name.
    package static func numericAddress(of server: Server) -> SocketAddress? {
        switch server.endpoint {
        case .ip(let address, let port): .ip(address, port: port)
        case .unix(let path): .unix(path)
        case .name, .inherited: nil
        }
    }

    /// A server's present state.
    package func status(of server: ServerReference) -> ServerStatus { servers[server.backend][server.server] }

    /// A backend's present state.
    package func status(ofBackend backend: Int) -> BackendStatus { backendStatuses[backend] }

    /// How soon a server is to be checked again.
    package func checkPace(of server: ServerReference) -> CheckPace { status(of: server).health?.pace ?? .steadyUp }

    /// Takes one event in.
    ///
    /// - Parameter load: asked for a server's load where a log line tells it.
    /// - Returns: what is to be done, in this order.
    package mutating func apply(_ event: Event, to server: ServerReference, now: Instant, load: @escaping (ServerReference) -> ServerLoad) -> [Effect] {
        let before = status(of: server)
        var change = Change(server: server, now: now, load: load)
        switch event {
        case .checkFinished(let result):
            takeCheck(result, &change)
        case .checkInconclusive(let result):
            takeInconclusive(result, &change)
        case .connectsFailed(let errors):
            takeFailedConnects(inRow: errors, &change)
        case .setFitness(let fitness):
            setFitness(fitness, &change)
        case .setFull(let isFull):
            setFull(isFull, &change)
        case .setSkipped(let skip, let pause):
            setSkipped(skip, pause, &change)
        case .takenDown(let witness):
            takeDown(witness, &change)
        case .setHeldDown(let isHeld):
            setHeldDown(isHeld, &change)
        case .setAdministrative(let state, let author):
            change.author = author
            administer(state, &change)
        case .setWeight(let weight, let author):
            setWeight(weight, by: author, &change)
        case .setPriority(let priority):
            var next = before
            next.priority = priority
            store(next, &change)
        case .addressResolved(let address, let source):
            moveAddress(to: address, by: source, &change)
            if before.flags.contains(.resolutionMaintenance) {
                clear(.resolutionMaintenance, &change)
                let isDiscovered = backends[server.backend].servers[server.server].isDiscovered
                change.log(.notice, "Server \(name(of: server)) administratively READY thanks to \(isDiscovered ? "the writer's list" : "valid DNS answer").")
            }
        case .addressLost(let reason):
            set(.resolutionMaintenance, reason: reason, &change)
        }
        let after = status(of: server)
        let sameTurns =
            before.weight == after.weight && before.priority == after.priority && before.warming == after.warming
            && before.fitWeight == after.fitWeight
        let sameUse = before.isUsable == after.isUsable && (before.skip == nil) == (after.skip == nil)
        if !sameUse || !sameTurns || before.address != after.address {
            change.effects.append(.routeChanged(server))
        }
        if !before.isRunning, after.isRunning { shutDownBackups(&change) }
        return change.effects + change.closings
    }

    // MARK: One change

    /// What one event has brought about so far.
    struct Change {
        let server: ServerReference
        let now: Instant
        let load: (ServerReference) -> ServerLoad
        var effects: [Effect] = []
        /// The operator's name, where a line shows it.
        var author: String?
        /// Whose sessions are closed, once the new routes lead nobody there any more.
        var closings: [Effect] = []

        /// HAProxy's text comes first.
        mutating func log(_ level: LogLevel, _ text: String) {
            effects.append(.log(level, author.map { "\(text) By \($0)." } ?? text, backend: server.backend))
        }
    }

    /// Makes `next` the server's state and counts anew. Lines with counts come after it.
    mutating func store(_ next: ServerStatus, _ change: inout Change) {
        let (server, now) = (change.server, change.now)
        let before = status(of: server)
        var next = next
        if before.isRunning != next.isRunning {
            if next.isRunning {
                next.completedDowntime += before.lastChange.duration(to: now)
            } else {
                next.downTransitions += 1
                if configuration(of: server).onMarkedDown == .shutdownSessions { change.closings.append(.shutdownSessions(server)) }
            }
            next.lastChange = now
            next.warming = next.isRunning ? backends[server.backend].slowStart(of: configuration(of: server)).map { Warming($0, since: now) } : nil
        }
        if before.condition != next.condition { next.conditionSince = now }
        if next.isChecked != before.isChecked { change.effects.append(next.isChecked ? .resumeChecks(server) : .pauseChecks(server)) }
        let isBackup = configuration(of: server).isBackup
        backendStatuses[server.backend].count(before, isBackup: isBackup, -1)
        backendStatuses[server.backend].count(next, isBackup: isBackup, 1)
        servers[server.backend][server.server] = next
    }

    /// Counts that a backend's usable servers have come to none, or from none. To be called when all is applied that belongs together: of two servers that
    /// change places either may be first, and there was one all the time.
    ///
    /// - Returns: what is to be done: a line.
    package mutating func settle(_ backend: Int, now: Instant) -> [Effect] {
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
    private func name(of server: ServerReference) -> String { "\(backends[server.backend].name)/\(configuration(of: server).name)" }

    /// "Server mysql-read/db1", "Backup Server mysql-read/db3".
    func title(of server: ServerReference) -> String { "\(configuration(of: server).isBackup ? "Backup " : "")Server \(name(of: server))" }

    /// A server that comes up unfit for its role does not count as active in the line.
    func upWord(_ status: ServerStatus) -> String { if case .unfit(let reason) = status.fitness { "UP but OUT (\(reason))" } else { "UP" } }

    /// The counts at the end of a line about the server: one that stops has `left`, any other `online`.
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
    /// A check's result: one line when it tells something new, another when the server goes down or comes up.
    private mutating func takeCheck(_ result: CheckResult, _ change: inout Change) {
        take(result, { $0.isPass ? $1.pass() : $1.fail() }, &change)
        shutDownGone(result, &change)
    }

    /// What is found of a server, by a check or otherwise.
    ///
    /// - Parameter count: moves the health, and tells whether it did.
    mutating func take(_ result: CheckResult, _ count: (CheckStatus, inout ServerHealth) -> Bool, _ change: inout Change) {
        let server = change.server
        let before = status(of: server)
        guard before.isChecked, var health = before.health else { return }
        let isMoved = count(result.status, &health)
        let isNew = isMoved || result.status != before.checkStatus
        let logsChecks = backends[server.backend].logsHealthChecks
        if isNew && logsChecks {
            let kind = configuration(of: server).isBackup ? "backup server" : "server"
            let outcome = result.status.isPass ? "succeeded" : "failed"
            let word = health.isUp ? (before.weight > 0 ? "UP" : "DRAIN") : "DOWN"
            change.log(.notice, "Health check for \(kind) \(name(of: server)) \(outcome)\(result.explanation), status: \(health.fraction) \(word).")
        }
        var next = before
        next.health = health
        (next.lastCheck, next.hasVerdict) = (result, true)
        next.noteReach(result, now: change.now)
        next.isRunning = health.isUp && !before.isHeldDown
        if isMoved && !result.status.isPass { next.failedChecks += 1 }
        store(next, &change)
        if next.isRunning != before.isRunning {
            // Where checks are logged HAProxy gives no reason here: ours follows its text.
            let (reason, end) = logsChecks ? ("", next.isRunning ? "" : " Reason: \(result.cause).") : (result.explanation, "")
            let word = next.isRunning ? upWord(next) : "DOWN"
            change.log(next.isRunning ? .notice : before.lossLevel, "\(title(of: server)) is \(word)\(reason)\(counts(change))\(end)")
        }
    }
}

// MARK: - Administration

extension ServerRegistry {
    private mutating func administer(_ state: AdministrativeState, _ change: inout Change) {
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
        guard weight != before else { return }
        next.weight = weight
        store(next, &change)
        change.log(.notice, "\(title(of: change.server)): weight changed from \(before) to \(weight) by \(author).")
    }

    /// Sets one flag, unless it is set.
    private mutating func set(_ flag: AdministrativeFlags, reason: String? = nil, _ change: inout Change) {
        var flags = status(of: change.server).flags
        guard flags.insert(flag).inserted else { return }
        changeFlags(to: flags, reason: reason, &change)
    }

    /// Clears one flag, if it is set.
    private mutating func clear(_ flag: AdministrativeFlags, _ change: inout Change) {
        var flags = status(of: change.server).flags
        guard flags.remove(flag) != nil else { return }
        changeFlags(to: flags, reason: nil, &change)
    }

    private mutating func changeFlags(to flags: AdministrativeFlags, reason: String?, _ change: inout Change) {
        let before = status(of: change.server)
        var next = before
        next.flags = flags
        if flags.contains(.resolutionMaintenance) { (next.address, next.formerAddress) = (nil, before.address ?? before.formerAddress) }
        switch (before.flags.isMaintenance, flags.isMaintenance) {
        case (false, true):
            next.health?.takeDown()
            next.isRunning = false
        case (true, false):
            next.health?.leaveMaintenance()
            next.hasVerdict = isUnchecked(change.server, next)
            next.isRunning = !next.isHeldDown
        case (true, true), (false, false):
            break
        }
        store(next, &change)
        logMaintenance(from: before, reason: reason, &change)
        if !flags.isMaintenance { logDrain(from: before.flags, &change) }
    }

    /// The line about a maintenance that begins, ends, or goes on for fewer reasons.
    private func logMaintenance(from before: ServerStatus, reason: String?, _ change: inout Change) {
        let (title, now) = (title(of: change.server), status(of: change.server))
        let gone = before.flags.subtracting(now.flags)
        switch (before.flags.isMaintenance, now.flags.isMaintenance) {
        case (false, true):
            let cause = reason.map { " (\($0))" } ?? ""
            if before.isRunning {
                change.log(before.lossLevel, "\(title) is going DOWN for maintenance\(cause)\(counts(change))")
            } else {
                change.log(.notice, "\(title) was DOWN and now enters maintenance\(cause).")
            }
        case (true, false):
            let state = now.flags.isDrain ? "UP/DRAIN" : "UP/READY"
            if gone.contains(.forcedMaintenance) {
                change.log(.notice, "\(title) is \(state) (leaving forced maintenance).")
            } else {
                change.log(.notice, "\(title) ('\(configuration(of: change.server).endpoint.host)') is \(state) (resolves again).")
            }
        case (true, true) where gone.contains(.forcedMaintenance):
            change.log(.notice, "\(title) is leaving forced maintenance but remains in maintenance.")
        case (true, true) where gone.contains(.resolutionMaintenance):
            change.log(.notice, "\(title) ('\(configuration(of: change.server).endpoint.host)') resolves again but remains in maintenance.")
        case (true, true), (false, false):
            break
        }
    }

    /// The line about a drain that begins, ends, or outlasts a maintenance.
    private func logDrain(from before: AdministrativeFlags, _ change: inout Change) {
        let (title, now) = (title(of: change.server), status(of: change.server))
        switch (before.isDrain, now.flags.isDrain) {
        case (false, true): change.log(.notice, "\(title) enters drain state\(counts(change))")
        case (true, false): change.log(.notice, "\(title) is \(now.isRunning ? "UP" : "DOWN") (leaving forced drain).")
        case (true, true): change.log(.notice, "\(title) remains in forced drain mode.")
        case (false, false): break
        }
    }

    /// Whether no check will ever judge the server: there is none, or its proxy is disabled.
    private func isUnchecked(_ server: ServerReference, _ status: ServerStatus) -> Bool {
        status.health == nil || backends[server.backend].isDisabled
    }

    private mutating func moveAddress(to address: SocketAddress, by source: String, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.address != address else { return }
        var next = before
        (next.address, next.formerAddress, next.hasVerdict) = (address, nil, isUnchecked(change.server, next))
        (next.unreachableSince, next.isGone) = (nil, false)
        store(next, &change)
        var parts: [String] = []
        let (from, to) = (before.address.map(Self.host) ?? "(none)", Self.host(address))
        if from != to { parts.append("IP changed from '\(from)' to '\(to)'") }
        if let old = before.address?.port, let new = address.port, old != new { parts.append("port changed from '\(old)' to '\(new)'") }
        change.log(.notice, "\(name(of: change.server)): \(parts.joined(separator: ", ")) by '\(source)'.")
    }

    /// The address without its port.
    private static func host(_ address: SocketAddress) -> String { address.address?.description ?? address.description }
}
