import LinuxIO
import Proxy
import Synchronization
import Wire

/// What sessions have found out about the servers, and what was told of it.
struct EvidenceBook {
    /// By backend and server.
    var servers: [[SessionEvidence]]
    /// Servers that sessions have left since the last lines about that, and how often, by reason, as of those.
    var unsaid: Set<ServerReference> = []
    var said: [ServerReference: [UInt64]] = [:]
    /// When a handshake that came to nothing last caused a check.
    var checkedAt: [ServerReference: Instant] = [:]

    /// Nothing is known yet.
    init(_ backends: [Backend]) {
        servers = backends.map { backend in
            backend.servers.map { server in
                SessionEvidence(isProvenByChecks: server.check != nil && backend.opening(of: server) == .mysql && backend.checksTraffic(of: server))
            }
        }
    }
}

/// What sessions have found out: those servers are left out where that is sensible, checked at once, and their names asked for.
extension Agent {
    /// At most one check in this time because of handshakes that came to nothing.
    private static let handshakeCheckInterval = Duration.seconds(1)
    /// What a backend of plain TCP has no word for.
    private static let unnamed: [LeaveReason] = [.refused, .unreachable, .hedged]

    /// Takes what forwarding threads have reported since the last time.
    func takeLeaveReasons() {
        for server in state.takeLeftServers() {
            let cell = state.serverCells[state.flatIndex(server)]
            let reasons = LeaveReasons(rawValue: cell.pointee.leaveReasons.exchange(0, ordering: .acquiring))
            take(reasons, inRow: Int(cell.pointee.longestRow.exchange(0, ordering: .relaxed)), of: server)
        }
    }

    private func take(_ reasons: LeaveReasons, inRow failures: Int, of server: ServerReference) {
        if let failure = reasons.failure { servers.connectFailed(failure, inRow: failures, of: server) }
        evidence.unsaid.insert(server)
        for skip in LeaveReason.all.filter({ reasons.contains($0) }).compactMap(\.skip) { leaveOut(server, skip) }
        guard reasons.isAgainstServer else { return }
        checks?.checkSoon(server)
        resolver(of: server)?.askSoon(server)
    }

    private func leaveOut(_ server: ServerReference, _ skip: ServerSkip) {
        let (backend, place) = (server.backend, server.server)
        guard evidence.servers[backend][place].found(skip, now: reactor.now) else { return }
        let deadline = evidence.servers[backend][place].deadline
        servers.change(.setSkipped(skip, for: deadline.map { _ in evidence.servers[backend][place].pause }), of: server)
        guard let deadline else { return }
        reactor.setTimer(at: deadline) { [unowned self] in
            if evidence.servers[backend][place].timePassed(now: reactor.now) { servers.change(.setSkipped(nil, for: nil), of: server) }
        }
    }

    /// A check of this server has ended: with a pass what sessions had found is over. Where sessions may leave it, a check that finds it full is as good as one.
    func checkTold(_ server: ServerReference, _ result: CheckResult) {
        let backend = configuration.backends[server.backend]
        let speaksFirst = backend.opening(of: backend.servers[server.server]) == .mysql
        if gossip == nil, speaksFirst, result.refusal == .full { return leaveOut(server, .full(UInt16(clamping: result.code))) }
        guard result.status.isPass else { return }
        let isInTime = result.greetedAfter.map { $0 <= backend.greetingTimeout } ?? true
        if evidence.servers[server.backend][server.server].checkPassed(isInTime: isInTime) { servers.change(.setSkipped(nil, for: nil), of: server) }
    }

    /// A handshake of this server has not become a login, and counts against this host: a check's login ends the count.
    func handshakeFailed(_ server: ServerReference) {
        if let last = evidence.checkedAt[server], last.duration(to: reactor.now) < Self.handshakeCheckInterval { return }
        evidence.checkedAt[server] = reactor.now
        checks?.checkNow(server)
    }

    /// One line for each server and reason since the last time; called each second. What HAProxy has no line for either is left to the session's own line.
    func tellWhoWasLeft() {
        for server in evidence.unsaid.sorted() {
            let counts = LeaveReason.all.map { state.left(server, for: $0) }
            let before = evidence.said.updateValue(counts, forKey: server) ?? Array(repeating: 0, count: counts.count)
            let backend = configuration.backends[server.backend]
            for (reason, (now, then)) in zip(LeaveReason.all, zip(counts, before)) where now > then && !Self.unnamed.contains(reason) {
                let count = now - then
                let who = count == 1 ? "1 session" : "\(count) sessions"
                let did = reason == .overBudget ? "stayed with it" : reason == .silent ? "asked another one, too" : "left it"
                let text = "Server \(backend.name)/\(backend.servers[server.server].name): \(who) \(did): \(Self.text(reason, backend))."
                log.write(.warning, text, backend: server.backend)
            }
        }
        evidence.unsaid = []
    }

    private static func text(_ reason: LeaveReason, _ backend: Backend) -> String {
        if let error = reason.error { return "error \(error)" }
        switch reason {
        case .silent: return "no greeting within \(backend.greetingTimeout.wholeMilliseconds)ms"
        case .closed: return "it closed before it greeted"
        case .garbage: return "it speaks no MySQL"
        case .overBudget: return "retry-budget \(backend.retryBudgetPercent)% is used up"
        default: return "it could not be reached"
        }
    }

    /// `show retries`: a row for each server.
    func retriesReport() -> AnswerText {
        AnswerText(head: "# server refused unreachable silent closed garbage over_budget hedged errors\n", outlines) { [unowned self] _, part in
            if case .server(let server) = part { retriesRow(server) } else { "" }
        }
    }

    private func retriesRow(_ reference: ServerReference) -> String {
        let backend = configuration.backends[reference.backend]
        let counts = [LeaveReason.refused, .unreachable, .silent, .closed, .garbage, .overBudget, .hedged].map { "\(state.left(reference, for: $0))" }
        let errors = LeaveReason.all.compactMap { reason in
            reason.error.flatMap { number in
                let count = state.left(reference, for: reason)
                return count > 0 ? "\(number):\(count)" : nil
            }
        }
        let name = "\(backend.name)/\(backend.servers[reference.server].name)"
        return "\(name) \(counts.joined(separator: " ")) \(errors.isEmpty ? "-" : errors.joined(separator: ","))\n"
    }
}
