import LinuxIO
import Proxy
import Synchronization
import Wire

/// What sessions find out about servers: those are left out where that is sensible, checked at once, and their names asked for.
final class EvidenceControl {
    /// What the owner does about it. All are called on the reactor's thread.
    struct Handlers {
        /// This server is to be checked soon.
        var checkSoon: (ServerReference) -> Void = { _ in }
        /// This server is to be checked now.
        var checkNow: (ServerReference) -> Void = { _ in }
        /// This server's name is to be asked for.
        var resolveSoon: (ServerReference) -> Void = { _ in }
    }

    /// At most one check in this time because of handshakes that came to nothing.
    private static let handshakeCheckInterval = Duration.seconds(1)

    private let backends: [Backend]
    private let state: ForwardingState
    private let servers: ServerControl
    private let reactor: Reactor
    private let log: any EventLog
    /// To be set before the first event.
    var handlers = Handlers()
    /// By backend and server.
    private var evidence: [[SessionEvidence]]
    /// Servers that sessions have left since the last lines about that, and how often, by reason, as of those.
    private var unsaid: Set<ServerReference> = []
    private var said: [ServerReference: [UInt64]] = [:]
    /// When a handshake that came to nothing last caused a check.
    private var checkedAt: [ServerReference: Instant] = [:]

    /// Nothing is known yet of the servers of `state`.
    init(_ state: ForwardingState, servers: ServerControl, reactor: Reactor, log: any EventLog) {
        (self.state, self.servers, self.reactor, self.log) = (state, servers, reactor, log)
        backends = state.backends
        evidence = backends.map { backend in
            backend.servers.map { server in
                SessionEvidence(isProvenByChecks: server.check != nil && backend.mayRefuse(server) && backend.checksTraffic(of: server))
            }
        }
    }

    /// Takes what forwarding threads have reported since the last time.
    func takeReports() {
        for server in state.takeLeftServers() {
            let cell = state.serverCells[state.flatIndex(server)]
            let reasons = LeaveReasons(rawValue: cell.pointee.leaveReasons.exchange(0, ordering: .acquiring))
            sessionsLeft(server, reasons, inRow: Int(cell.pointee.longestRow.exchange(0, ordering: .relaxed)))
        }
    }

    /// Sessions have left a server, for these reasons.
    ///
    /// - Parameter failures: the longest row of failed connects.
    func sessionsLeft(_ server: ServerReference, _ reasons: LeaveReasons, inRow failures: Int) {
        if let failure = reasons.failure { servers.connectFailed(failure, inRow: failures, of: server) }
        unsaid.insert(server)
        for skip in LeaveReason.all.filter({ reasons.contains($0) }).compactMap(\.skip) { leaveOut(server, skip) }
        guard reasons.isAgainstServer else { return }
        handlers.checkSoon(server)
        handlers.resolveSoon(server)
    }

    private func leaveOut(_ server: ServerReference, _ skip: ServerSkip) {
        let (backend, place) = (server.backend, server.server)
        guard evidence[backend][place].found(skip, now: reactor.now) else { return }
        let deadline = evidence[backend][place].deadline
        servers.change(.setSkipped(skip, for: deadline.map { _ in evidence[backend][place].pause }), of: server)
        guard let deadline else { return }
        reactor.setTimer(at: deadline) { [unowned self] in
            if evidence[backend][place].timePassed(now: reactor.now) { servers.change(.setSkipped(nil, for: nil), of: server) }
        }
    }

    /// A check of this server has ended: with a pass what sessions had found is over. Where sessions may leave it, a check that finds it full is as good as one.
    func checkFinished(_ server: ServerReference, _ result: CheckResult) {
        let backend = backends[server.backend]
        if servers.bridge == nil, result.refusal == .full, backend.mayRefuse(backend.servers[server.server]) {
            return leaveOut(server, .full(UInt16(clamping: result.code)))
        }
        guard result.status.isPass else { return }
        let isInTime = result.greetedAfter.map { $0 <= backend.greetingTimeout } ?? true
        if evidence[server.backend][server.server].checkPassed(isInTime: isInTime) { servers.change(.setSkipped(nil, for: nil), of: server) }
    }

    /// A handshake of this server has not become a login, and counts against this host: a check's login ends the count.
    func handshakeFailed(_ server: ServerReference) {
        if let last = checkedAt[server], last.duration(to: reactor.now) < Self.handshakeCheckInterval { return }
        checkedAt[server] = reactor.now
        handlers.checkNow(server)
    }

    /// Logs one line for each server and reason since the last time; called each second. What HAProxy has no line for either is left to the session's own line.
    func tellLeaves() {
        for server in unsaid.sorted() {
            let counts = LeaveReason.all.map { state.left(server, for: $0) }
            let before = said.updateValue(counts, forKey: server) ?? Array(repeating: 0, count: counts.count)
            let backend = backends[server.backend]
            for (reason, (now, then)) in zip(LeaveReason.all, zip(counts, before)) where now > then {
                guard let sentence = LeaveText.sentence(reason, count: now - then, backend) else { continue }
                log.write(.warning, "Server \(backend.name)/\(backend.servers[server.server].name): \(sentence).", backend: server.backend)
            }
        }
        unsaid = []
    }

    /// `show retries`: a row for each server.
    func retriesReport(_ outlines: [ProxyOutline]) -> AnswerText {
        AnswerText(head: LeaveText.tableHead, outlines) { [state, backends] _, part in
            guard case .server(let server) = part else { return "" }
            let backend = backends[server.backend]
            return LeaveText.tableRow("\(backend.name)/\(backend.servers[server.server].name)") { state.left(server, for: $0) }
        }
    }
}
