import Glibc
import LinuxIO
import Proxy
import Synchronization
import Wire

/// The rates of everything that is counted. The workers only count: the control thread reads their totals ten times a second, and whenever a rate is read.
struct RateSamples {
    static let interval = Duration.milliseconds(100)

    var connections = EventRate()
    var bytes = EventRate()
    var frontends: [EventRate]
    var backends: [EventRate]
    /// By flat index.
    var servers: [EventRate]

    /// Nothing counted, for so many of each.
    init(frontends: Int, backends: Int, servers: Int) {
        self.frontends = Array(repeating: EventRate(), count: frontends)
        self.backends = Array(repeating: EventRate(), count: backends)
        self.servers = Array(repeating: EventRate(), count: servers)
    }
}

/// Reads each row alone, so that one read is short.
extension Agent: StatisticsSource {
    /// Hands each rate its total.
    func sampleRates(_ take: (inout EventRate, Int) -> Void) {
        for index in rates.frontends.indices { take(&rates.frontends[index], sum { Int($0.frontends[index].pointee.connections.value) }) }
        for index in rates.servers.indices { take(&rates.servers[index], sum { Int($0.servers[index].pointee.sessions.value) }) }
        for index in rates.backends.indices { take(&rates.backends[index], backendSessions(index)) }
        take(&rates.connections, connectionsTotal)
        take(&rates.bytes, bytesForwarded)
    }

    /// One number of every worker, added up.
    private func sum(_ number: (WorkerCounters) -> Int) -> Int { state.allCounters.reduce(0) { $0 + number($1) } }

    private var connectionsTotal: Int { sumOfFrontends { Int($0.pointee.connections.value) } }

    private var bytesForwarded: Int { sumOfFrontends { Int($0.pointee.bytesIn.value + $0.pointee.bytesOut.value) } }

    private func sumOfFrontends(_ number: (UnsafePointer<FrontendCounters>) -> Int) -> Int {
        sum { counters in configuration.frontends.indices.reduce(0) { $0 + number(counters.frontends[$1]) } }
    }

    private func flatRange(_ backend: Int) -> Range<Int> {
        let first = state.firstServers[backend]
        return first..<first + configuration.backends[backend].servers.count
    }

    private func backendSessions(_ backend: Int) -> Int { sum { Int($0.backends[backend].pointee.sessions.value) } }

    func processStatistics() -> ProcessStatistics {
        var process = ProcessStatistics()
        process.threads = state.counters.count
        process.processIdentifier = Int(getpid())
        process.uptime = startedAt.duration(to: MonotonicClock.now())
        process.startSeconds = Int(startedWall.seconds)
        process.descriptorsMax = limits.descriptors
        process.connectionsMax = state.sessionsMax
        process.connectionsCurrent = state.process[0].pointee.sessions.value
        process.connectionsTotal = connectionsTotal
        process.pipesMax = state.counters.count * state.pipesPerWorker
        process.pipesUsed = sum { Int($0.pipesNow.value) }
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
        process.bytesTotal = bytesForwarded
        process.bytesSpliced = sum { Int($0.splicedBytes.value) }
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
        row.sessions.total = sum { Int($0.frontends[index].pointee.connections.value) }
        row.sessions.bytesIn = sum { Int($0.frontends[index].pointee.bytesIn.value) }
        row.sessions.bytesOut = sum { Int($0.frontends[index].pointee.bytesOut.value) }
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
        row.sessions.total = sum { Int($0.servers[flat].pointee.sessions.value) }
        row.sessions.bytesIn = sum { Int($0.servers[flat].pointee.bytesIn.value) }
        row.sessions.bytesOut = sum { Int($0.servers[flat].pointee.bytesOut.value) }
        row.sessions.measure(&rates.servers[flat], now: reactor.now)
        row.serving = serving { [$0.servers[flat]] }
        row.serving.downs = status.health == nil ? nil : status.downTransitions
        row.serving.sinceChange = status.lastChange.duration(to: MonotonicClock.now())
        row.serving.downtime = status.health == nil ? nil : status.downtime(now: MonotonicClock.now())
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
        let backend = configuration.backends[index]
        let status = registry.status(ofBackend: index)
        let cell = state.backendCells[index]
        var row = BackendStatistics()
        row.status = status.isUp ? .up : .down
        row.sessions.current = cell.pointee.sessions.value
        row.sessions.peak = cell.pointee.sessions.max
        row.sessions.limit = configuration.fullConnections(of: index, sessionsMax: state.sessionsMax)
        row.sessions.total = backendSessions(index)
        row.sessions.bytesIn = sum { counters in flatRange(index).reduce(0) { $0 + Int(counters.servers[$1].pointee.bytesIn.value) } }
        row.sessions.bytesOut = sum { counters in flatRange(index).reduce(0) { $0 + Int(counters.servers[$1].pointee.bytesOut.value) } }
        row.sessions.measure(&rates.backends[index], now: reactor.now)
        row.serving = serving { counters in flatRange(index).map { counters.servers[$0] } + [counters.backends[index]] }
        row.serving.queued = cell.pointee.waiting.value
        row.serving.queuedPeak = cell.pointee.waiting.max
        row.serving.downs = status.downTransitions
        row.serving.sinceChange = status.lastChange.duration(to: MonotonicClock.now())
        row.serving.downtime = backend.servers.isEmpty ? nil : status.downtime(now: MonotonicClock.now())
        row.activeServers = status.activeServers
        row.backupServers = status.backupServers
        row.serversRunning = backend.servers.indices.count { registry.status(of: ServerReference(backend: index, server: $0)).isRunning }
        row.serversCount = backend.servers.count
        let usable = registry.servingServers(ofBackend: index)
        row.weight = usable.reduce(0) { $0 + registry.status(of: $1).weight }
        row.effectiveWeight = StatisticsTable.weight(sixteenths: usable.reduce(0) { $0 + registry.status(of: $1).weight * registry.share(of: $1) })
        row.algorithm = backend.balance.keyword
        return row
    }

    /// What the cells that `cells` picks of each worker have counted, added up.
    private func serving(_ cells: (WorkerCounters) -> [UnsafePointer<ServerCounters>]) -> ServingStatistics {
        var row = ServingStatistics()
        var sums = (queue: 0, connect: 0, total: 0, measured: 0)
        var last = 0
        for cell in state.allCounters.flatMap(cells) {
            row.connectErrors += Int(cell.pointee.connectErrors.value)
            row.retries += Int(cell.pointee.retries.value)
            row.redispatches += Int(cell.pointee.redispatches.value)
            row.selections += Int(cell.pointee.chosen.value)
            row.connects += Int(cell.pointee.connects.value)
            row.clientAborts += Int(cell.pointee.clientAborts.value)
            row.serverAborts += Int(cell.pointee.serverAborts.value)
            sums.queue += Int(cell.pointee.queueTime.value)
            sums.connect += Int(cell.pointee.connectTime.value)
            sums.total += Int(cell.pointee.totalTime.value)
            sums.measured += Int(cell.pointee.measured.value)
            row.queueTime.peak = max(row.queueTime.peak, .milliseconds(Int(cell.pointee.queueTimeMax.value)))
            row.connectTime.peak = max(row.connectTime.peak, .milliseconds(Int(cell.pointee.connectTimeMax.value)))
            row.totalTime.peak = max(row.totalTime.peak, .milliseconds(Int(cell.pointee.totalTimeMax.value)))
            last = max(last, Int(cell.pointee.lastSession.value))
        }
        let measured = max(1, sums.measured)
        row.queueTime.mean = .milliseconds(sums.queue / measured)
        row.connectTime.mean = .milliseconds(sums.connect / measured)
        row.totalTime.mean = .milliseconds(sums.total / measured)
        row.sinceLastSession = last == 0 ? nil : .seconds(max(0, Int(WallTime.now().seconds) - last))
        return row
    }
}
