import Glibc
import LinuxIO
import Proxy
import Synchronization
import Wire

/// Events of servers, and signals.
extension Agent {
    /// The pause between two first checks. Without it, the first result would arrive only after the checks of thousands of servers have started.
    private static let firstCheckSpacing = Duration.milliseconds(1)

    // MARK: Servers

    /// Performs a decision of `ServerControl`.
    func carryOut(_ output: ServerControl.Output) {
        switch output {
        case .effect(let effect, let subject): perform(effect, about: subject)
        case .changed(let server, let before, let after):
            if after.flags.isSetByOperator != before.flags.isSetByOperator { resolvers.reserve(server, after.flags.isSetByOperator) }
            if after.hasVerdict != before.hasVerdict { probe.serversChanged() }
        case .gossipEvent(let event): gossip.feed(event)
        case .changesEnded: probe.serversChanged()
        }
    }

    private func perform(_ effect: ServerRegistry.Effect, about subject: String) {
        switch effect {
        case .log(let level, let text, let backend):
            log.write(level, text, about: servers.isLimitingLogs ? LogSubject(kind: "server", about: subject) : nil, backend: backend)
        case .routeChanged(let server):
            // Before the route changes: a server that substitutes for unfit ones gets its route before the last fit one loses its own.
            databases.decide(server.backend)
            state.setRoute(servers.registry.route(of: server), of: server)
            if !databases.isDeciding(server.backend) { servers.endChanges(server.backend) }
        case .shutdownSessions(let server, let reason): forwarder.shutdownSessions(of: server, because: reason)
        case .trackerChanged: break  // `ServerControl` has applied it
        case .pauseChecks(let server): checks?.pause(server)
        case .resumeChecks(let server): checks?.resume(server)
        case .checkWithin(let server, let limit): checks?.check(server, within: limit)
        case .forgetFailedConnects(let server): state.serverCells[state.flatIndex(server)].pointee.consecutiveFailures.store(0, ordering: .relaxed)
        }
    }

    // MARK: Checks

    /// Starts the checks. A server that starts in maintenance is checked once it leaves maintenance. Servers that a probe requires are checked first, without
    /// the pauses that spread the first checks of all servers.
    func start(_ checks: CheckRunner) {
        for backend in configuration.backends.indices {
            for place in configuration.backends[backend].servers.indices {
                let server = ServerReference(backend: backend, server: place)
                if !servers.status(of: server).isChecked { checks.pause(server) }
            }
        }
        checks.start()
        let unchecked = probe.requiredServers.filter { !servers.status(of: $0).hasVerdict }.map { servers.registry.source(of: $0) }
        for (place, server) in unchecked.enumerated() { checks.check(server, within: Agent.firstCheckSpacing * place) }
    }

    /// Processes the result of a check. Returns how soon the server is checked again.
    func checkFinished(_ server: ServerReference, _ result: CheckResult) -> CheckPace {
        let result = servers.checkFinished(result, of: server, lag: databases.lag(of: server))
        evidence.checkFinished(server, result)
        resolvers.checkFinished(server, isPassing: result.status.isPass)
        return servers.registry.checkPace(of: server)
    }

    /// Opens the connection of a check that a program makes.
    func openProgram(_ server: ServerReference, _ address: SocketAddress) throws(SystemError) -> OpenFile {
        guard let externalPrograms else { throw SystemError("fork", code: EAGAIN) }
        let sessions = state.serverCells[state.flatIndex(server)].pointee.sessions.value
        return try externalPrograms.open(
            ExternalCheckRequest(
                backend: UInt32(server.backend), server: UInt32(server.server), sessions: UInt32(clamping: sessions), address: address))
    }

    /// Logs the end of the helper process, if it has died.
    func logDeathOfExternalPrograms() {
        guard let exit = externalPrograms?.collectDeath() else { return }
        log.write(
            .alert,
            "The helper process of external checks \(exit.predicate): servers with 'option external-check' keep their state, and are not checked until the "
                + "next reload or restart.")
    }

    // MARK: Threads

    /// Logs the forwarding threads whose event loop has been stuck for a second.
    func logSlowThreads() {
        var slow = state.process[0].pointee.slowThreads.exchange(0, ordering: .relaxed)
        while slow != 0 {
            let thread = slow.trailingZeroBitCount
            slow &= slow - 1
            log.write(.alert, "forwarding thread \(thread + 1) stuck for 1s (phase: \(state.activity(ofThread: thread))); its sessions are stalled.")
        }
    }

    // MARK: Signals

    /// Handles a signal.
    func receive(_ request: SignalRequest) {
        switch request {
        case .stop: reactor.stop()
        case .terminate:
            if configuration.global.drainsOnTerm, !drain.isWanted { drain.softStop() } else { reactor.stop() }
        case .softStop: drain.softStop()
        case .report:
            for backend in configuration.backends.indices { report(backend) }
        case .reload:
            log.write(.warning, "SIGUSR2 ignored: only a master reloads; start with '-W', or start another process with '-x' and '-sf'.")
        case .childEnded: logDeathOfExternalPrograms()
        }
    }

    /// Logs a line for every backend, as SIGHUP requests.
    private func report(_ backend: Int) {
        let status = servers.registry.status(ofBackend: backend)
        let name = configuration.backends[backend].name
        let available = "\(status.activeServers) active and \(status.backupServers) backup servers available"
        log.write(.notice, "Proxy \(name) is \(status.text): \(available).", backend: backend)
    }
}
