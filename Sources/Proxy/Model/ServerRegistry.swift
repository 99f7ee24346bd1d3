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
        /// It is skipped for want of room, or no longer.
        case setFull(Bool)
        /// It is down although its own checks have not come to that; they bring it up again.
        case takenDown(DownWitness)
        /// While the peers' word holds it down its own checks do not bring it up.
        case setHeldDown(Bool)
        /// `set server P/S state`, `disable server` (maint), `enable server` (ready).
        case setAdministrative(AdministrativeState)
        /// `set weight P/S N`, 0 to 256.
        case setWeight(Int)
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
        /// Which servers of this backend are usable, a weight or an address has changed. The last effect, if any.
        case routingChanged(backend: Int)
        /// Close this server's sessions: `on-marked-down shutdown-sessions`.
        case shutdownSessions(ServerReference)
        /// Check this server no more, and drop a running check.
        case pauseChecks(ServerReference)
        /// Check this server again.
        case resumeChecks(ServerReference)
    }

    /// The configuration's backends.
    package let backends: [Backend]
    private var servers: [[ServerStatus]]
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
                if let memory = memory(reference) { status.recall(memory, now: now) }
                return status
            }
        }
        backendStatuses = backends.map { BackendStatus(isEmpty: $0.servers.isEmpty, now: now) }
        for index in backends.indices { recount(index) }
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
        case .setFull(let isFull):
            setFull(isFull, &change)
        case .takenDown(let witness):
            takeDown(witness, &change)
        case .setHeldDown(let isHeld):
            setHeldDown(isHeld, &change)
        case .setAdministrative(.ready):
            clear(.forcedDrain, &change)
            clear(.forcedMaintenance, &change)
        case .setAdministrative(.drain):
            set(.forcedDrain, &change)
            clear(.forcedMaintenance, &change)
        case .setAdministrative(.maint):
            set(.forcedMaintenance, &change)
            clear(.forcedDrain, &change)
        case .setWeight(let weight):
            precondition((0...256).contains(weight), "a weight is 0 to 256, got \(weight)")
            var next = before
            next.weight = weight
            store(next, &change)
            settle(&change)
        case .addressResolved(let address, let source):
            moveAddress(to: address, by: source, &change)
            if before.flags.contains(.resolutionMaintenance) {
                clear(.resolutionMaintenance, &change)
                change.log(.notice, "Server \(name(of: server)) administratively READY thanks to valid DNS answer.")
            }
        case .addressLost(let reason):
            set(.resolutionMaintenance, reason: reason, &change)
        }
        let after = status(of: server)
        if before.isUsable != after.isUsable || before.weight != after.weight || before.address != after.address {
            change.effects.append(.routingChanged(backend: server.backend))
        }
        return change.effects
    }

    // MARK: One change

    /// What one event has brought about so far.
    private struct Change {
        let server: ServerReference
        let now: Instant
        let load: (ServerReference) -> ServerLoad
        var effects: [Effect] = []
        /// The backend before the first `store` since the last `settle`.
        var backendBefore: BackendStatus?

        mutating func log(_ level: LogLevel, _ text: String) { effects.append(.log(level, text, backend: server.backend)) }
    }

    /// Makes `next` the server's state and counts anew. Lines with counts come after it, then `settle`.
    private mutating func store(_ next: ServerStatus, _ change: inout Change) {
        let (server, now) = (change.server, change.now)
        let before = status(of: server)
        var next = next
        if before.isRunning != next.isRunning {
            if next.isRunning {
                next.completedDowntime += before.lastChange.duration(to: now)
            } else {
                next.downTransitions += 1
                if configuration(of: server).onMarkedDown == .shutdownSessions { change.effects.append(.shutdownSessions(server)) }
            }
            next.lastChange = now
        }
        if next.isChecked != before.isChecked { change.effects.append(next.isChecked ? .resumeChecks(server) : .pauseChecks(server)) }
        if change.backendBefore == nil { change.backendBefore = backendStatuses[server.backend] }
        servers[server.backend][server.server] = next
        recount(server.backend)
    }

    /// Logs and counts what a backend's usable servers coming to none, or from none, means.
    private mutating func settle(_ change: inout Change) {
        let index = change.server.backend
        guard let before = change.backendBefore else { return }
        change.backendBefore = nil
        guard before.isUp != backendStatuses[index].isUp else { return }
        backendStatuses[index].lastChange = change.now
        if before.isUp {
            backendStatuses[index].downTransitions += 1
            change.log(.emergency, "\(backends[index].isListen ? "proxy" : "backend") \(backends[index].name) has no server available!")
        } else {
            backendStatuses[index].completedDowntime += before.lastChange.duration(to: change.now)
        }
    }

    private mutating func recount(_ backend: Int) {
        let usable = zip(backends[backend].servers, servers[backend]).filter { $0.1.isUsable }
        backendStatuses[backend].backupServers = usable.count { $0.0.isBackup }
        backendStatuses[backend].activeServers = usable.count - backendStatuses[backend].backupServers
    }

    private func configuration(of server: ServerReference) -> Server { backends[server.backend].servers[server.server] }

    /// "mysql-read/db1".
    private func name(of server: ServerReference) -> String { "\(backends[server.backend].name)/\(configuration(of: server).name)" }

    /// "Server mysql-read/db1", "Backup Server mysql-read/db3".
    private func title(of server: ServerReference) -> String { "\(configuration(of: server).isBackup ? "Backup " : "")Server \(name(of: server))" }

    /// The counts at the end of a line about the server: one that stops has `left`, any other `online`.
    private func counts(_ change: Change) -> String {
        let (server, load) = (change.server, change.load(change.server))
        let (active, backup) = (backendStatuses[server.backend].activeServers, backendStatuses[server.backend].backupServers)
        let onBackup = backup > 0 && active == 0 ? " Running on backup." : ""
        let servers = ". \(active) active and \(backup) backup servers"
        if status(of: server).isRunning { return "\(servers) online.\(onBackup) \(load.requeued) sessions requeued, \(load.queued) total in queue." }
        return "\(servers) left.\(onBackup) \(load.sessions) sessions active, \(load.requeued) requeued, \(load.queued) remaining in queue."
    }
}

// MARK: - Checks

extension ServerRegistry {
    /// A check's result: one line when it tells something new, another when the server goes down or comes up.
    private mutating func takeCheck(_ result: CheckResult, _ change: inout Change) {
        let server = change.server
        let before = status(of: server)
        guard before.isChecked, var health = before.health else { return }
        let isMoved = result.status.isPass ? health.pass() : health.fail()
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
        next.lastCheck = result
        next.isRunning = health.isUp && !before.isHeldDown
        if isMoved && !result.status.isPass { next.failedChecks += 1 }
        store(next, &change)
        if next.isRunning != before.isRunning {
            // The reason stands in the line of the check already where those are logged.
            let reason = logsChecks ? "" : result.explanation
            let level = next.isRunning || next.flags.isDrain ? LogLevel.notice : .alert
            change.log(level, "\(title(of: server)) is \(next.isRunning ? "UP" : "DOWN")\(reason)\(counts(change))")
        }
        settle(&change)
    }
}

// MARK: - What is not the checks' count

extension ServerRegistry {
    private mutating func takeInconclusive(_ result: CheckResult, _ change: inout Change) {
        var next = status(of: change.server)
        guard next.isChecked else { return }
        next.lastCheck = result
        store(next, &change)
        settle(&change)
    }

    private mutating func setFull(_ isFull: Bool, _ change: inout Change) {
        var next = status(of: change.server)
        guard next.isFull != isFull else { return }
        next.isFull = isFull
        store(next, &change)
        if isFull { change.log(.warning, "\(title(of: change.server)) is FULL\(next.lastCheck?.explanation ?? "")\(counts(change))") }
        settle(&change)
    }

    private mutating func takeDown(_ witness: DownWitness, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.isChecked else { return }
        var next = before
        next.health?.takeDown()
        next.isRunning = false
        store(next, &change)
        if before.isRunning {
            change.log(before.flags.isDrain ? .notice : .alert, "\(title(of: change.server)) is DOWN\(reason(witness, before))\(counts(change))")
        }
        settle(&change)
    }

    /// Why a server is down by more than its own checks' count, in the form of a check's reason.
    private func reason(_ witness: DownWitness, _ before: ServerStatus) -> String {
        switch witness {
        case .peers(let peers):
            return ", reason: DOWN for \(peers.joined(separator: ", "))"
        case .alsoPeers(let peers):
            let seen = "(seen by \(peers.joined(separator: ", ")) too)"
            guard let check = before.lastCheck else { return ", reason: \(seen)" }
            let info = check.info.isEmpty ? seen : "\(check.info) \(seen)"
            return CheckResult(status: check.status, code: check.code, info: info, duration: check.duration).explanation
        case .server:
            return before.lastCheck?.explanation ?? ""
        }
    }

    /// Its own checks may have passed all the while that it was held.
    private mutating func setHeldDown(_ isHeld: Bool, _ change: inout Change) {
        let before = status(of: change.server)
        guard let health = before.health, before.isHeldDown != isHeld else { return }
        var next = before
        next.isHeldDown = isHeld
        next.isRunning = !isHeld && !before.flags.isMaintenance && health.isUp
        store(next, &change)
        if next.isRunning != before.isRunning { change.log(.notice, "\(title(of: change.server)) is UP\(next.lastCheck?.explanation ?? "")\(counts(change))") }
        settle(&change)
    }
}

// MARK: - Administration

extension ServerRegistry {
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
        if flags.contains(.resolutionMaintenance) { next.address = nil }
        switch (before.flags.isMaintenance, flags.isMaintenance) {
        case (false, true):
            next.health?.takeDown()
            next.isRunning = false
        case (true, false):
            next.health?.leaveMaintenance()
            next.isRunning = !next.isHeldDown
        case (true, true), (false, false):
            break
        }
        store(next, &change)
        logMaintenance(from: before, reason: reason, &change)
        if !flags.isMaintenance { logDrain(from: before.flags, &change) }
        settle(&change)
    }

    /// The line about a maintenance that begins, ends, or goes on for fewer reasons.
    private func logMaintenance(from before: ServerStatus, reason: String?, _ change: inout Change) {
        let (title, now) = (title(of: change.server), status(of: change.server))
        let gone = before.flags.subtracting(now.flags)
        switch (before.flags.isMaintenance, now.flags.isMaintenance) {
        case (false, true):
            let cause = reason.map { " (\($0))" } ?? ""
            if before.isRunning {
                change.log(before.flags.isDrain ? .notice : .alert, "\(title) is going DOWN for maintenance\(cause)\(counts(change))")
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

    private mutating func moveAddress(to address: SocketAddress, by source: String, _ change: inout Change) {
        let before = status(of: change.server)
        guard before.address != address else { return }
        var next = before
        next.address = address
        store(next, &change)
        var parts: [String] = []
        let (from, to) = (before.address.map(Self.host) ?? "(none)", Self.host(address))
        if from != to { parts.append("IP changed from '\(from)' to '\(to)'") }
        if let old = before.address?.port, let new = address.port, old != new { parts.append("port changed from '\(old)' to '\(new)'") }
        change.log(.notice, "\(name(of: change.server)): \(parts.joined(separator: ", ")) by '\(source)'.")
        settle(&change)
    }

    /// The address without its port.
    private static func host(_ address: SocketAddress) -> String { address.address?.description ?? address.description }
}
