import Glibc
import LinuxIO
import Proxy
import Synchronization
import Wire

/// The statistics of the running process. It reads each row separately, so that each read is short.
final class StatisticsReader: StatisticsSource {
    /// Values that stay the same during the life of the process.
    struct Process {
        /// The node's name.
        let node: String
        /// The descriptor limit.
        let descriptorsMax: Int
        /// When the process started.
        let startedAt: Instant
        let startedWall = WallTime.now()
        /// `listenersCount`: all listening sockets; `statsSocketsCount`: those of the runtime sockets alone.
        let listenersCount: Int
        let statsSocketsCount: Int
    }

    /// Values from other parts. All are called on the reactor's thread.
    struct Sources {
        /// Whether a stop has been requested and no frontend is open.
        var isStopping: () -> Bool = { false }
        /// Whether a check of this server is running.
        var isChecking: (ServerReference) -> Bool = { _ in false }
        /// Whether a question to this server's agent is running.
        var isAskingAgent: (ServerReference) -> Bool = { _ in false }
        /// The number of failed resolutions.
        var resolutionsFailed: () -> Int = { 0 }
    }

    let outlines: [ProxyOutline]
    private let configuration: AgentConfiguration
    private let process: Process
    private let state: ForwardingState
    private let servers: ServerControl
    private let rates: RateSampler
    private let reactor: Reactor
    /// Set before the first row is read.
    var sources = Sources()
    /// By backend: `fullconn`, which `show stat` shows as the session limit.
    private let fullConnections: [Int]
    /// By frontend: the `sid` of each of its binds in `show stat`.
    private let bindNumbers: [[Int]]

    /// Reads from `state` and `servers` at each call.
    init(
        _ configuration: AgentConfiguration, _ process: Process, state: ForwardingState, servers: ServerControl, rates: RateSampler, reactor: Reactor
    ) {
        (self.configuration, self.process, self.state, self.servers) = (configuration, process, state, servers)
        (self.rates, self.reactor) = (rates, reactor)
        outlines = [ProxyOutline](configuration)
        fullConnections = configuration.fullConnections(sessionsMax: state.sessionsMax)
        bindNumbers = configuration.frontends.map(\.bindNumbers)
    }

    func processStatistics() -> ProcessStatistics {
        var row = ProcessStatistics()
        row.threads = state.counters.count
        row.processIdentifier = Int(getpid())
        row.uptime = process.startedAt.duration(to: MonotonicClock.now())
        row.startSeconds = Int(process.startedWall.seconds)
        row.descriptorsMax = process.descriptorsMax
        row.connectionsMax = state.sessionsMax
        row.connectionsCurrent = state.process[0].pointee.sessions.value
        let forwarded = rates.forwardedTotals()
        row.connectionsTotal = forwarded.connections
        row.pipesMax = state.counters.count * state.pipesPerThread
        row.pipesUsed = Int(clamping: state.counters.reduce(0) { $0 &+ $1.own.pipesNow.value })
        rates.connections.count(row.connectionsTotal, now: reactor.now)
        row.connectionRate.current = rates.connections.perSecond(now: reactor.now)
        row.connectionRate.peak = rates.connections.peak
        (row.connectionRateLimit, row.sessionRateLimit) = (state.tuning.connectionsPerSecond, state.tuning.sessionsPerSecond)
        row.node = process.node
        row.description = configuration.global.description
        row.isStopping = sources.isStopping()
        row.listeners = row.isStopping ? process.statsSocketsCount : process.listenersCount
        row.jobs = row.listeners + row.connectionsCurrent
        row.logLinesDropped = Int(state.process[0].pointee.droppedLogs.load(ordering: .relaxed))
        row.resolutionsFailed = sources.resolutionsFailed()
        row.bytesTotal = forwarded.bytes
        row.bytesSpliced = Int(clamping: state.counters.reduce(0) { $0 &+ $1.own.splicedBytes.value })
        rates.bytes.count(row.bytesTotal, now: reactor.now)
        row.bytesRate = rates.bytes.perSecond(now: reactor.now)
        row.connectionsMaxReached = Int(state.process[0].pointee.pauses.load(ordering: .relaxed))
        return row
    }

    func frontendStatistics(_ index: Int) -> FrontendStatistics {
        var row = FrontendStatistics()
        let cell = state.frontendCells[index]
        row.status = sources.isStopping() ? .stopped : .open
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = configuration.frontends[index].connectionsMax ?? state.sessionsMax
        let totals = state.totals(ofFrontend: index)
        row.sessions.total = Int(clamping: totals.connections)
        (row.sessions.bytesIn, row.sessions.bytesOut) = (Int(clamping: totals.bytesIn), Int(clamping: totals.bytesOut))
        row.sessions.measure(&rates.frontends[index], now: reactor.now)
        return row
    }

    func socketStatistics(_ bind: Int, of frontend: Int) -> SocketStatistics {
        let settings = configuration.frontends[frontend]
        let number = bindNumbers[frontend][bind]
        let index = state.firstBinds[frontend] + bind
        let cell = state.bindCells[index]
        var row = SocketStatistics(name: settings.binds[bind].name ?? "sock-\(number)", identifier: number)
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = settings.binds[bind].connectionsMax
        let totals = state.totals(ofBind: index)
        row.sessions.total = Int(clamping: totals.connections)
        (row.sessions.bytesIn, row.sessions.bytesOut) = (Int(clamping: totals.bytesIn), Int(clamping: totals.bytesOut))
        row.status = sources.isStopping() ? .waiting : row.sessions.limit.map { row.sessions.current >= $0 } ?? false ? .full : .open
        row.address = if case .unix = settings.binds[bind].endpoint { "unix" } else { settings.binds[bind].endpoint.description }
        return row
    }

    func serverStatistics(_ reference: ServerReference) -> ServerStatistics {
        let server = configuration.backends[reference.backend].servers[reference.server]
        let status = servers.status(of: reference)
        let flat = state.flatIndex(reference)
        let cell = state.serverCells[flat]
        var row = ServerStatistics(name: server.name, identifier: server.identifier)
        (row.hasFixedIdentifier, row.cookie) = (server.hasFixedIdentifier, server.cookie)
        row.status = servers.registry.statusText(of: reference)
        row.isRunning = status.isRunning
        row.isFit = status.fitness.isFit && !status.isStopping
        row.administration = status.flags
        row.check = checkStatistics(reference, status)
        row.agent = agentStatistics(reference, status)
        row.tracked = server.tracked.map { "\(configuration.backends[$0.backend].name)/\(configuration.backends[$0.backend].servers[$0.server].name)" }
        (row.weight, row.initialWeight) = (status.weight, status.initialWeight)
        (row.isWarming, row.share) = (status.warming != nil, servers.registry.share(of: reference))
        row.address = status.address
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = status.connectionsMax > 0 ? status.connectionsMax : nil
        let totals = state.totals(ofServers: flat..<flat + 1)
        row.sessions.total = Int(clamping: totals.sessions)
        (row.sessions.bytesIn, row.sessions.bytesOut) = (Int(clamping: totals.bytesIn), Int(clamping: totals.bytesOut))
        row.sessions.measure(&rates.servers[flat], now: reactor.now)
        row.serving = ServingStatistics(totals)
        (row.serving.queued, row.serving.queuedPeak) = (cell.pointee.waiting.value, cell.pointee.waiting.max)
        row.queueMax = server.queueMax > 0 ? server.queueMax : nil
        row.serving.downs = status.health == nil ? nil : status.downTransitions
        row.serving.sinceChange = status.lastChange.duration(to: reactor.now)
        row.serving.downtime = status.health == nil ? nil : status.downtime(now: reactor.now)
        row.isBackup = server.isBackup
        row.observedFailures = server.observation == nil ? nil : status.observedFailures
        row.hostName = if case .name(let name, _) = server.endpoint { name } else { nil }
        (row.port, row.portOffset) =
            switch server.port {
            case .fixed(let port): (port, nil)
            case .client(let offset): (0, offset)
            }
        return row
    }

    /// `nil` for a server without checks.
    private func checkStatistics(_ reference: ServerReference, _ status: ServerStatus) -> CheckStatistics? {
        guard let settings = configuration.backends[reference.backend].servers[reference.server].check, let health = status.health else { return nil }
        var row = CheckStatistics()
        row.status = status.checkStatus
        row.isRunning = sources.isChecking(reference)
        if let last = status.lastCheck {
            // As in HAProxy, -1 is shown as an unsigned number of 32 bits.
            row.code = last.status.hasCode ? Int(UInt32(truncatingIfNeeded: last.code)) : nil
            row.duration = last.duration
            row.text = last.info.isEmpty || last.status.isPass && !showsPasses(reference.backend) ? nil : last.info
        }
        row.failures = status.failedChecks
        (row.rise, row.fall, row.health) = (settings.rise, settings.fall, health.value)
        (row.port, row.address) = (settings.port ?? 0, settings.address)
        return row
    }

    /// `nil` for a server without an agent.
    private func agentStatistics(_ reference: ServerReference, _ status: ServerStatus) -> CheckStatistics? {
        guard let agent = status.agent else { return nil }
        var row = CheckStatistics()
        row.status = agent.checkStatus
        row.isRunning = sources.isAskingAgent(reference)
        row.code = agent.checkStatus.hasCode ? agent.lastCheck?.code ?? 0 : nil
        row.duration = agent.lastCheck?.duration ?? .zero
        // As in HAProxy, the text is gone while the next question runs.
        row.text = row.isRunning ? nil : agent.lastCheck?.info
        (row.rise, row.fall, row.health) = (1, 1, agent.isUp ? 1 : 0)
        let settings = configuration.backends[reference.backend].servers[reference.server].agent?.check
        (row.port, row.address) = (settings?.port ?? 0, settings?.address)
        return row
    }

    /// True when `last_chk` shows the information of a passed check. As in HAProxy, that of MySQL is only in the log.
    private func showsPasses(_ backend: Int) -> Bool { if case .script = configuration.backends[backend].check { true } else { false } }

    /// What the scripts of a server's checks may ask.
    func checkSubject(of server: ServerReference) -> CheckSubject {
        var subject = CheckSubject()
        subject.backendName = configuration.backends[server.backend].name
        subject.serverName = configuration.backends[server.backend].servers[server.server].name
        subject.bytesMax = min(configuration.global.tuning.bufferBytes, CheckScript.bytesMax)
        subject.unixSeconds = { WallTime.now().seconds }
        subject.stateText = { [unowned self] in
            let cell = state.backendCells[server.backend]
            let backend = CheckStateText.Backend(
                name: configuration.backends[server.backend].name, sessions: max(0, cell.pointee.sessions.value - cell.pointee.waiting.value),
                weight: effectiveWeight(ofBackend: server.backend))
            return CheckStateText.text(serverStatistics(server), of: backend, node: process.node)
        }
        subject.isDown = { [unowned self] in !servers.status(of: server).isRunning }
        return subject
    }

    func backendStatistics(_ index: Int) -> BackendStatistics {
        let status = servers.registry.status(ofBackend: index)
        let (cell, serversCount) = (state.backendCells[index], configuration.backends[index].servers.count)
        let serving = state.totals(ofServers: state.firstServers[index]..<state.firstServers[index] + serversCount)
        var all = state.totals(ofBackend: index)
        var row = BackendStatistics()
        row.status = status.isUp ? .up : .down
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = fullConnections[index]
        row.sessions.total = Int(clamping: all.sessions)
        (row.sessions.bytesIn, row.sessions.bytesOut) = (Int(clamping: serving.bytesIn), Int(clamping: serving.bytesOut))
        row.sessions.measure(&rates.backends[index], now: reactor.now)
        all.add(serving)
        row.serving = ServingStatistics(all)
        row.serving.queued = cell.pointee.waiting.value
        row.serving.queuedPeak = cell.pointee.waiting.max
        row.serving.downs = status.downTransitions
        row.serving.sinceChange = status.lastChange.duration(to: reactor.now)
        row.serving.downtime = serversCount == 0 ? nil : status.downtime(now: reactor.now)
        row.activeServers = status.activeServers
        row.backupServers = status.backupServers
        row.serversRunning = (0..<serversCount).count { servers.status(of: ServerReference(backend: index, server: $0)).isRunning }
        row.serversCount = serversCount
        row.weight = servers.registry.servingServers(ofBackend: index).reduce(0) { $0 + servers.status(of: $1).weight }
        row.effectiveWeight = effectiveWeight(ofBackend: index)
        row.algorithm = configuration.backends[index].balance.statisticsWord
        return row
    }

    /// The weight in effect, as `show stat` shows it.
    private func effectiveWeight(ofBackend index: Int) -> Int { StatisticsTable.weight(sixteenths: servers.registry.weightInEffect(ofBackend: index)) }
}

extension ServingStatistics {
    /// Sets the fields that come from counters; the others keep their defaults.
    fileprivate init(_ totals: ServingTotals) {
        self.init()
        connectErrors = Int(clamping: totals.connectErrors)
        retries = Int(clamping: totals.retries)
        redispatches = Int(clamping: totals.redispatches)
        selections = Int(clamping: totals.chosen)
        connects = Int(clamping: totals.connects)
        clientAborts = Int(clamping: totals.clientAborts)
        serverAborts = Int(clamping: totals.serverAborts)
        func time(_ sum: UInt64, _ longest: UInt64) -> TimeStatistics {
            var time = TimeStatistics()
            (time.mean, time.peak) = (.milliseconds(Int64(clamping: sum / max(1, totals.measured))), .milliseconds(Int64(clamping: longest)))
            return time
        }
        queueTime = time(totals.queueTime, totals.queueTimeMax)
        connectTime = time(totals.connectTime, totals.connectTimeMax)
        totalTime = time(totals.totalTime, totals.totalTimeMax)
        if totals.lastSession > 0 { sinceLastSession = .seconds(max(0, WallTime.now().seconds - Int64(clamping: totals.lastSession))) }
    }
}
