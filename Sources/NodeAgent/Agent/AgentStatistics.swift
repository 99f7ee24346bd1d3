import Glibc
import LinuxIO
import Proxy
import Synchronization
import Wire

/// Reads each row alone, so that one read is short.
extension Agent: StatisticsSource {
    func processStatistics() -> ProcessStatistics {
        var process = ProcessStatistics()
        process.threads = state.counters.count
        process.processIdentifier = Int(getpid())
        process.uptime = startedAt.duration(to: MonotonicClock.now())
        process.startSeconds = Int(startedWall.seconds)
        process.descriptorsMax = limits.descriptors
        process.connectionsMax = state.sessionsMax
        process.connectionsCurrent = state.process[0].pointee.sessions.value
        let forwarded = forwardedTotals()
        process.connectionsTotal = forwarded.connections
        process.pipesMax = state.counters.count * state.pipesPerThread
        process.pipesUsed = Int(clamping: state.counters.reduce(0) { $0 &+ $1.pipesNow.value })
        rates.connections.count(process.connectionsTotal, now: reactor.now)
        process.connectionRate.current = rates.connections.perSecond(now: reactor.now)
        process.connectionRate.peak = rates.connections.peak
        process.node = node
        process.description = configuration.global.description
        process.isStopping = isStopping
        process.listeners = isStopping ? statsSocketCount : listenerCount
        process.jobs = process.listeners + process.connectionsCurrent
        process.logLinesDropped = Int(state.process[0].pointee.droppedLogs.load(ordering: .relaxed))
        process.resolutionsFailed = resolvers.reduce(0) { $0 + failures($1) }
        process.bytesTotal = forwarded.bytes
        process.bytesSpliced = Int(clamping: state.counters.reduce(0) { $0 &+ $1.splicedBytes.value })
        rates.bytes.count(process.bytesTotal, now: reactor.now)
        process.bytesRate = rates.bytes.perSecond(now: reactor.now)
        process.connectionsMaxReached = Int(state.process[0].pointee.pauses.load(ordering: .relaxed))
        return process
    }

    private func failures(_ resolver: ResolverRunner) -> Int {
        resolver.counters.reduce(0) { total, counters in
            let refusals = counters.noSuchName + counters.refused
            return total + counters.timeouts + counters.other + refusals
        }
    }

    func frontendStatistics(_ index: Int) -> FrontendStatistics {
        var row = FrontendStatistics()
        let cell = state.frontendCells[index]
        row.status = isStopping ? .stopped : .open
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = configuration.frontends[index].connectionsMax ?? state.sessionsMax
        let totals = state.totals(ofFrontend: index)
        row.sessions.total = Int(clamping: totals.connections)
        (row.sessions.bytesIn, row.sessions.bytesOut) = (Int(clamping: totals.bytesIn), Int(clamping: totals.bytesOut))
        row.sessions.measure(&rates.frontends[index], now: reactor.now)
        return row
    }

    func serverStatistics(_ reference: ServerReference) -> ServerStatistics {
        let server = configuration.backends[reference.backend].servers[reference.server]
        let status = registry.status(of: reference)
        let flat = state.flatIndex(reference)
        let cell = state.serverCells[flat]
        var row = ServerStatistics(name: server.name, identifier: server.identifier)
        row.status = status.text
        row.isRunning = status.isRunning
        row.isFit = status.fitness.isFit
        row.administration = status.flags
        row.check = checkStatistics(reference, status)
        (row.weight, row.initialWeight) = (status.weight, status.initialWeight)
        (row.isWarming, row.share) = (status.warming != nil, registry.share(of: reference))
        row.address = status.address
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = server.connectionsMax > 0 ? server.connectionsMax : nil
        let totals = state.totals(ofServers: flat..<flat + 1)
        row.sessions.total = Int(clamping: totals.sessions)
        (row.sessions.bytesIn, row.sessions.bytesOut) = (Int(clamping: totals.bytesIn), Int(clamping: totals.bytesOut))
        row.sessions.measure(&rates.servers[flat], now: reactor.now)
        row.serving = ServingStatistics(totals)
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
        row.isRunning = checks?.isUnderWay(reference) ?? false
        if let last = status.lastCheck {
            row.code = last.status.hasCode ? last.code : nil
            row.duration = last.duration
            row.text = last.info.isEmpty || last.status.isPass ? nil : last.info
        }
        row.failures = status.failedChecks
        (row.rise, row.fall, row.health) = (settings.rise, settings.fall, health.value)
        (row.port, row.address) = (settings.port ?? 0, settings.address)
        return row
    }

    func backendStatistics(_ index: Int) -> BackendStatistics {
        let status = registry.status(ofBackend: index)
        let (cell, serversCount) = (state.backendCells[index], configuration.backends[index].servers.count)
        let servers = state.totals(ofServers: state.firstServers[index]..<state.firstServers[index] + serversCount)
        var all = state.totals(ofBackend: index)
        var row = BackendStatistics()
        row.status = status.isUp ? .up : .down
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = fullConnections[index]
        row.sessions.total = Int(clamping: all.sessions)
        (row.sessions.bytesIn, row.sessions.bytesOut) = (Int(clamping: servers.bytesIn), Int(clamping: servers.bytesOut))
        row.sessions.measure(&rates.backends[index], now: reactor.now)
        all.add(servers)
        row.serving = ServingStatistics(all)
        row.serving.queued = cell.pointee.waiting.value
        row.serving.queuedPeak = cell.pointee.waiting.max
        row.serving.downs = status.downTransitions
        row.serving.sinceChange = status.lastChange.duration(to: reactor.now)
        row.serving.downtime = serversCount == 0 ? nil : status.downtime(now: reactor.now)
        row.activeServers = status.activeServers
        row.backupServers = status.backupServers
        row.serversRunning = (0..<serversCount).count { registry.status(of: ServerReference(backend: index, server: $0)).isRunning }
        row.serversCount = serversCount
        let usable = registry.servingServers(ofBackend: index)
        row.weight = usable.reduce(0) { $0 + registry.status(of: $1).weight }
        row.effectiveWeight = StatisticsTable.weight(sixteenths: usable.reduce(0) { $0 + registry.status(of: $1).weight * registry.share(of: $1) })
        row.algorithm = configuration.backends[index].balance.keyword
        return row
    }
}

extension ServingStatistics {
    /// The fields that come from counters; the others are left at their defaults.
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
