// The hot path: from a session without a server to a connected one.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

extension ForwardingThread {
    /// The pause before the same server is tried again after a failed connect, and the timeout for a silent server while others remain.
    private static let sameServerMilliseconds: Int64 = 1000

    /// Chooses a server and starts to connect to it.
    mutating func connect(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        switch choose(session) {
        case .server(let server):
            assign(server, to: session)
            startConnect(index, session)
        case .full(let only): queue(index, session, for: only)
        case .refused(let server): refuse(index, session, by: server)
        case .allTried: wait(index, session)
        case .none: endUnserved(index, session, Termination("S", "C"), .noneUsable)
        }
    }

    /// Assigns `server`, at which the session now holds a place.
    func assign(_ server: UInt32, to session: UnsafeMutablePointer<Session>) {
        select(server, for: session)
        session.pointee.holdsPlace = true
        if session.pointee.assignedAt < 0 { session.pointee.assignedAt = now }
        state.serverCells[Int(server)].pointee.sessions.updateMaximum()
    }

    /// Records that `server` has been chosen for the session.
    func select(_ server: UInt32, for session: UnsafeMutablePointer<Session>) {
        guard session.pointee.serverIndex != server else { return }
        if session.pointee.serverIndex != Session.noServer { session.pointee.isRedispatched = true }
        counters.servers[Int(server)].pointee.chosen.add()
        session.pointee.serverIndex = server
    }

    mutating func startConnect(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        session.pointee.connectStartedAt = now
        guard let address = destination(of: session.pointee.serverIndex, session) else { return connectFailed(index, session, code: EADDRNOTAVAIL) }
        guard let descriptor = openSocket(session.pointee.serverIndex, for: address) else {
            return waitForDescriptor(index, session, SystemError("socket", code: errno))
        }
        session.pointee.server = Side(descriptor: descriptor, flags: [])
        session.pointee.state = .connecting
        let code = connectSocket(descriptor, session.pointee.serverIndex, address, session)
        guard code == 0 else { return connectFailed(index, session, code: code) }
        guard register(descriptor, as: SessionToken(session.pointee.serverKind, index: index, generation: session.pointee.generation)) else {
            session.pointee.termination = Termination("R", "C")
            return end(index, session)
        }
        armConnect(index, session)
    }

    /// Arms the timer of a pending connect.
    mutating func armConnect(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let limit = state.backendRules[Int(session.pointee.backend)].pointee.connectTimeout
        session.pointee.stateDeadline = limit < 0 ? .max : session.pointee.connectStartedAt + limit
        wheel.arm(index, deadline: min(session.pointee.stateDeadline, silenceDeadline(session)))
    }

    /// The time until which a silent server is waited for while there are others, in milliseconds.
    func silenceDeadline(_ session: UnsafeMutablePointer<Session>) -> Int64 {
        guard state.serverRules[Int(session.pointee.serverIndex)].pointee.opening != .none else {
            return session.pointee.connectStartedAt + Self.sameServerMilliseconds
        }
        return session.pointee.connectStartedAt + state.backendRules[Int(session.pointee.backend)].pointee.greetingTimeout
    }

    /// Handles events on the server's descriptor.
    mutating func serverReady(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ events: UInt32) {
        switch session.pointee.state {
        case .connecting:
            let isFailure = events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
            // A hang-up without an error: the server has accepted, sent its data and closed already.
            if isFailure, let error = Sockets.pendingError(session.pointee.server.descriptor) {
                return connectFailed(index, session, code: error.code)
            }
            guard isFailure || events & EPOLLOUT.rawValue != 0 else { return }
            setFlags(events, on: &session.pointee.server)
            connectSucceeded(index, session)
        case .greeting:
            setFlags(events, on: &session.pointee.server)
            readGreeting(index, session)
        case .established:
            setFlags(events, on: &session.pointee.server)
            transferInTurn(index, session)
        case .free, .inspecting, .queued, .waiting, .ended: return
        }
    }

    /// Handles a failed connect: another server immediately, the same one after a pause, or the end of the session.
    ///
    /// - Parameter reason: the failure to report about the server; `nil` to derive it from `code`.
    mutating func connectFailed(_ index: Int, _ session: UnsafeMutablePointer<Session>, code: Int32, reason: RetryReason? = nil) {
        let server = session.pointee.serverIndex
        sessions[extrasOf: session].tried.insert(server)
        if code != EADDRNOTAVAIL, code != ECONNABORTED {
            if reason == nil { recordConnectFailure(server) }
            state.report(reason ?? RetryReason(connectCode: code), of: server)
        }
        guard !replaceFailedServer(index, session) else { return }
        closeServer(session)
        // `retries` limits how often failed servers are tried again. Servers that have not been tried yet do not count.
        guard Int32(session.pointee.retries) < state.backendRules[Int(session.pointee.backend)].pointee.retriesMax else {
            counters.servers[Int(server)].pointee.connectErrors.add()
            return endUnserved(index, session, Termination(code == ETIMEDOUT ? "s" : "S", "C"), .noneReached)
        }
        session.pointee.retries += 1
        counters.servers[Int(server)].pointee.retries.add()
        wait(index, session)
    }

    /// Pauses until `sameServerMilliseconds`, or the connect timeout if that is shorter, after the last connect began. Then it tries again.
    private mutating func wait(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let limit = state.backendRules[Int(session.pointee.backend)].pointee.connectTimeout
        let moment = limit < 0 ? Self.sameServerMilliseconds : min(limit, Self.sameServerMilliseconds)
        session.pointee.state = .waiting
        session.pointee.stateDeadline = session.pointee.connectStartedAt + moment
        guard !hasClientLeft(session) else { return abandon(index, session) }
        guard now < session.pointee.stateDeadline else { return connectAgain(index, session, keepsServer: keepsServer(session)) }
        wheel.arm(index, deadline: session.pointee.stateDeadline)
    }

    /// Waits for a descriptor after socket(2) ran out of them. A session that is older than the connect timeout ends instead.
    private mutating func waitForDescriptor(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ error: SystemError) {
        let limit = state.backendRules[Int(session.pointee.backend)].pointee.connectTimeout
        guard error.isShortage, now - session.pointee.acceptedAt < max(limit, Self.sameServerMilliseconds) else {
            session.pointee.termination = Termination("R", "C")
            return end(index, session)
        }
        pauseForResources(Int(session.pointee.listener), error)
        session.pointee.state = .waiting
        session.pointee.stateDeadline = noDescriptorsUntil
        wheel.arm(index, deadline: session.pointee.stateDeadline)
    }

    /// Tries again after the pause, with all servers as candidates, or with the same server.
    private mutating func connectAgain(_ index: Int, _ session: UnsafeMutablePointer<Session>, keepsServer: Bool) {
        sessions[extrasOf: session].tried = TriedServers()
        guard !keepsServer else { return startConnect(index, session) }
        releasePlace(session)
        connect(index, session)
    }

    /// True when a session that pauses after a failed connect tries the same server again.
    private func keepsServer(_ session: UnsafeMutablePointer<Session>) -> Bool {
        session.pointee.holdsPlace && !leavesServer(session, after: Int32(session.pointee.retries))
    }

    /// Gives up the session's place at its server. The session that has waited longest for a place gets it.
    func releasePlace(_ session: UnsafeMutablePointer<Session>) {
        if markPlaceReleased(session) { state.freePlace(of: session.pointee.serverIndex) }
    }

    /// Marks the session's place as given up without freeing it. Returns true when the session held a place, which the caller must then free.
    func markPlaceReleased(_ session: UnsafeMutablePointer<Session>) -> Bool {
        guard session.pointee.holdsPlace else { return false }
        session.pointee.holdsPlace = false
        state.decrementSessions(of: session.pointee.serverIndex)
        return true
    }

    /// Handles a timer of a session that is not established.
    mutating func connectTimedOut(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        switch session.pointee.state {
        case .inspecting where now >= session.pointee.stateDeadline: readHeader(index, session, isOverdue: true)
        case .queued where now >= session.pointee.stateDeadline:
            queueTimedOut(index, session)
        case .connecting where now >= session.pointee.stateDeadline:
            connectFailed(index, session, code: ETIMEDOUT)
        case .connecting where hasOther(session): redispatchFromSilent(index, session)
        case .greeting: greetingTimedOut(index, session)
        case .waiting where now >= session.pointee.stateDeadline:
            // A session that keeps its server keeps its time of assignment as well.
            let keepsServer = keepsServer(session)
            if !keepsServer { session.pointee.assignedAt = -1 }
            connectAgain(index, session, keepsServer: keepsServer)
        default:
            if session.pointee.stateDeadline != .max { wheel.arm(index, deadline: session.pointee.stateDeadline) }
        }
    }

    /// Moves a session from a silent server to another server with a free place. Without one the session keeps waiting for this server.
    private mutating func redispatchFromSilent(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        guard !hasClientLeft(session) else { return abandon(index, session) }
        guard let other = takePlaceElsewhere(session, isEarly: false) else {
            return wheel.arm(index, deadline: min(session.pointee.stateDeadline, now + Self.sameServerMilliseconds))
        }
        state.report(.unreachable, of: session.pointee.serverIndex)
        redispatch(index, session, to: other)
    }

    /// Takes a place at another server for a session whose server is silent or slow. Returns `nil` when no place is free or the budget is used up.
    ///
    /// - Parameter isEarly: true when the server may still answer in time. The budget is then that of `option hedge-greetings`, otherwise `retry-budget`.
    mutating func takePlaceElsewhere(_ session: UnsafeMutablePointer<Session>, isEarly: Bool) -> UInt32? {
        let backend = Int(session.pointee.backend)
        sessions[extrasOf: session].tried.insert(session.pointee.serverIndex)
        // The budget is charged only when a place has been found.
        guard case .server(let other) = choose(session) else { return nil }
        let cell = state.backendCells[backend]
        let (sessions, now) = (state.sessionsBegun(of: backend), self.now)
        let isWithinBudget =
            isEarly
            ? cell.pointee.hedgeBudget.withLock { $0.take(sessions: sessions, now: now) }
            : cell.pointee.retryBudget.withLock { $0.take(sessions: sessions, now: now) }
        guard isWithinBudget else {
            if !isEarly { state.report(.overBudget, of: session.pointee.serverIndex) }
            returnPlace(of: other)
            return nil
        }
        return other
    }

    /// Resets the session's state of its server connection, which the caller has closed or handed over.
    mutating func forgetServer(_ session: UnsafeMutablePointer<Session>) {
        relay.discard(&session.pointee.down)
        session.pointee.server = Side(descriptor: -1, flags: [])
        session.pointee.up.flags.remove([.finishesHandshake, .resetsSink])
        session.pointee.connectedAt = -1
    }

    /// Closes the connection to the server, if there is one.
    private mutating func closeServer(_ session: UnsafeMutablePointer<Session>) {
        if session.pointee.server.descriptor >= 0 { closeSocket(session.pointee.server.descriptor, of: session.pointee.serverIndex) }
        forgetServer(session)
    }

    /// Replaces a failed server by the second server, or by another server with a free place. Returns false when there is neither.
    mutating func replaceFailedServer(_ index: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        guard !session.pointee.second.isPresent else {
            closeServer(session)
            promoteSecond(index, session)
            return true
        }
        guard mayRedispatch(session), case .server(let other) = choose(session) else { return false }
        redispatch(index, session, to: other)
        return true
    }

    /// Replaces the session's server by `other`, at which a place is held.
    private mutating func redispatch(_ index: Int, _ session: UnsafeMutablePointer<Session>, to other: UInt32) {
        closeServer(session)
        abandonServer(session)
        assign(other, to: session)
        startConnect(index, session)
    }

    /// Gives up the session's place at its server and counts a redispatch.
    func abandonServer(_ session: UnsafeMutablePointer<Session>) {
        counters.servers[Int(session.pointee.serverIndex)].pointee.redispatches.add()
        session.pointee.retries += 1
        releasePlace(session)
    }
}
