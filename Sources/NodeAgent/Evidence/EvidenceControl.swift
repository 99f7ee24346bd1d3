import LinuxIO
import Proxy
import Synchronization
import Wire

/// Acts on what sessions find out about servers: skips a server where that helps, has it checked early, and has its name resolved.
final class EvidenceControl {
    /// Requests to the owner. All are called on the reactor's thread.
    struct Handlers {
        /// Requests an early check of this server.
        var checkSoon: (ServerReference) -> Void = { _ in }
        /// Requests an immediate check of this server.
        var checkNow: (ServerReference) -> Void = { _ in }
        /// Requests a lookup of this server's name.
        var resolveSoon: (ServerReference) -> Void = { _ in }
    }

    /// The minimum time between two checks of a server that are caused by failed handshakes.
    private static let handshakeCheckInterval = Duration.seconds(1)

    private let backends: [Backend]
    private let state: ForwardingState
    private let servers: ServerControl
    private let reactor: Reactor
    private let log: any EventLog
    /// Set before the first event.
    var handlers = Handlers()
    /// By backend and server index.
    private var evidence: [[SessionEvidence]]
    /// `unlogged`: servers that sessions have left since the last log lines. `loggedCounts`: the number of sessions by reason that earlier lines have covered.
    private var unlogged: Set<ServerReference> = []
    private var loggedCounts: [ServerReference: [UInt64]] = [:]
    /// When a failed handshake last caused a check.
    private var checkedAt: [ServerReference: Instant] = [:]

    /// Evidence about the servers of `state`, empty so far.
    init(_ state: ForwardingState, servers: ServerControl, reactor: Reactor, log: any EventLog) {
        (self.state, self.servers, self.reactor, self.log) = (state, servers, reactor, log)
        backends = state.backends
        evidence = backends.map { backend in
            backend.servers.map { server in
                SessionEvidence(isClearedByChecks: server.check != nil && backend.mayRefuse(server) && backend.checksTraffic(of: server))
            }
        }
    }

    /// Collects the reports of the forwarding threads since the last call.
    func collectReports() {
        for server in state.takeReportedServers() {
            let cell = state.serverCells[state.flatIndex(server)]
            let reasons = RetryReasons(rawValue: cell.pointee.retryReasons.exchange(0, ordering: .acquiring))
            applyReasons(server, reasons, consecutive: Int(cell.pointee.consecutiveFailuresMax.exchange(0, ordering: .relaxed)))
        }
    }

    /// Acts on sessions that have left a server for `reasons`.
    ///
    /// - Parameter failures: the longest run of consecutive failed connects.
    func applyReasons(_ server: ServerReference, _ reasons: RetryReasons, consecutive failures: Int) {
        if let failure = reasons.failure { servers.connectFailed(failure, consecutive: failures, of: server) }
        unlogged.insert(server)
        for skip in RetryReason.all.filter({ reasons.contains($0) }).compactMap(\.skip) { skipServer(server, skip) }
        guard reasons.isEvidenceAgainstServer else { return }
        handlers.checkSoon(server)
        handlers.resolveSoon(server)
    }

    private func skipServer(_ server: ServerReference, _ skip: ServerSkip) {
        let (backend, place) = (server.backend, server.server)
        guard evidence[backend][place].record(skip, now: reactor.now) else { return }
        let deadline = evidence[backend][place].deadline
        servers.change(.setSkipped(skip, for: deadline.map { _ in evidence[backend][place].pause }), of: server)
        guard let deadline else { return }
        reactor.setTimer(at: deadline) { [unowned self] in
            if evidence[backend][place].timePassed(now: reactor.now) { servers.change(.setSkipped(nil, for: nil), of: server) }
        }
    }

    /// Uses the result of a check. A pass ends the skipping that sessions have caused. Without gossip, a check that finds the server full makes new sessions
    /// skip it, as a refused session does, if sessions may leave the server.
    func checkFinished(_ server: ServerReference, _ result: CheckResult) {
        let backend = backends[server.backend]
        if servers.bridge == nil, result.refusal == .full, backend.mayRefuse(backend.servers[server.server]) {
            return skipServer(server, .full(UInt16(clamping: result.code)))
        }
        guard result.status.isPass else { return }
        let isInTime = result.greetedAfter.map { $0 <= backend.greetingTimeout } ?? true
        if evidence[server.backend][server.server].checkPassed(isInTime: isInTime) { servers.change(.setSkipped(nil, for: nil), of: server) }
    }

    /// Requests a check after a handshake without a login. The server counts such handshakes against this host; the login of a check resets the count.
    func handshakeFailed(_ server: ServerReference) {
        if let last = checkedAt[server], last.duration(to: reactor.now) < Self.handshakeCheckInterval { return }
        checkedAt[server] = reactor.now
        handlers.checkNow(server)
    }

    /// Logs a line for each server and reason since the last call. Call it each second. Reasons without a HAProxy line appear only in the session's own line.
    func logRetries() {
        for server in unlogged.sorted() {
            let counts = RetryReason.all.map { state.retryCount(server, for: $0) }
            let before = loggedCounts.updateValue(counts, forKey: server) ?? Array(repeating: 0, count: counts.count)
            let backend = backends[server.backend]
            for (reason, (now, then)) in zip(RetryReason.all, zip(counts, before)) where now > then {
                guard let sentence = RetryText.sentence(reason, count: now - then, backend) else { continue }
                log.write(.warning, "Server \(backend.name)/\(backend.servers[server.server].name): \(sentence).", backend: server.backend)
            }
        }
        unlogged = []
    }

    /// The answer to `show retries`: a row for each server.
    func retriesReport(_ outlines: [ProxyOutline]) -> AnswerText {
        let rows = outlines.lazy.flatMap { [state, backends] proxy in
            (0..<proxy.partsCount).lazy.compactMap { part -> [String]? in
                guard case .server(let server) = proxy.part(at: part) else { return nil }
                let backend = backends[server.backend]
                return RetryText.tableRow("\(backend.name)/\(backend.servers[server.server].name)") { state.retryCount(server, for: $0) }
            }
        }
        return AnswerText(columns: RetryText.columnNames, rows: rows)
    }
}
