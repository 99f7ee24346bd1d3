// The hot path: how sessions end, alone and in bulk.

import Glibc

extension ForwardingThread {
    /// Ends every established session of a server. Sessions that are still connecting move to another server, with or without `option redispatch`.
    mutating func shutdownSessions(of server: UInt32, because reason: SessionShutdown) {
        for index in 0..<sessions.used {
            let session = sessions[index]
            if session.pointee.second.server == server { dropSecond(session) }
            guard session.pointee.serverIndex == server, session.pointee.holdsPlace else { continue }
            switch session.pointee.state {
            case .established:
                if session.pointee.termination.isNormal { session.pointee.termination = Termination(reason == .serverUp ? "U" : "D", "C") }
                end(index, session)
            case .greeting:
                abandonHandshake(session)
                releasePlace(session)
                connectFailed(index, session, code: ECONNABORTED)
            case .connecting:
                releasePlace(session)
                connectFailed(index, session, code: ECONNABORTED)
            case .waiting: releasePlace(session)
            case .free, .inspecting, .queued, .ended: continue
            }
        }
    }

    /// Ends `count` sessions, in the order of the table.
    mutating func endSessions(_ count: Int) {
        var left = count
        for index in 0..<sessions.used where left > 0 {
            let session = sessions[index]
            guard session.pointee.state != .free, session.pointee.state != .ended else { continue }
            if session.pointee.termination.isNormal { session.pointee.termination = Termination("K", "C") }
            end(index, session)
            left -= 1
        }
    }

    /// Publishes the accept time of the oldest session.
    mutating func findOldest() {
        var oldest = Int64.max
        for index in 0..<sessions.used where sessions[index].pointee.state != .free && sessions[index].pointee.state != .ended {
            oldest = min(oldest, sessions[index].pointee.acceptedAt)
        }
        counters.own[0].pointee.oldestSession.set(oldest == .max ? 0 : UInt64(max(0, oldest)))
    }

    /// Ends a session: closes its sockets, counts and logs it, and returns its resources.
    mutating func end(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let wasQueued = session.pointee.state == .queued
        let wasSession = session.pointee.state != .inspecting
        if wasQueued { leaveQueue(index, session) }
        dropSecond(session)
        wheel.cancel(index)
        if session.pointee.server.descriptor >= 0, session.pointee.up.bytes > 0 || !handOverHandshake(session) {
            if session.pointee.up.flags.contains(.resetsSink) { resetAtClose(session.pointee.server.descriptor) }
            closeSocket(session.pointee.server.descriptor, of: session.pointee.serverIndex)
        }
        if state.frontendRules[Int(session.pointee.frontend)].pointee.resetsClients { resetAtClose(session.pointee.client.descriptor) }
        close(session.pointee.client.descriptor)
        if session.pointee.hasAuthority { authorities[index] = nil }
        relay.discard(&session.pointee.up)
        relay.discard(&session.pointee.down)
        let heldServer = markPlaceReleased(session)
        if session.pointee.hasBackend { state.backendCells[Int(session.pointee.backend)].pointee.sessions.leave() }
        countEndedSession(session)
        if wasSession, session.pointee.header != .refused, !session.pointee.isLogged { logSession(session) }
        // The place is freed after logging: otherwise the line would count the session that takes the place over.
        if heldServer { state.freePlace(of: session.pointee.serverIndex) }
        leave(Int(session.pointee.frontend), session.pointee.bind)
        if session.pointee.isReady {
            session.pointee.state = .ended
            session.pointee.generation = (session.pointee.generation &+ 1) & SessionToken.generationMask
        } else {
            sessions.release(index)
        }
    }

    private mutating func countEndedSession(_ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.hasBackend else { return }
        let backend = counters.backends[Int(session.pointee.backend)]
        backend.pointee.lastSession.set(UInt64(wallNow().seconds))
        guard session.pointee.serverIndex != Session.noServer else {
            return backend.pointee.connectErrors.add()
        }
        let server = counters.servers[Int(session.pointee.serverIndex)]
        server.pointee.lastSession.set(UInt64(wallNow().seconds))
        guard session.pointee.connectedAt >= 0 else { return }
        let queue = UInt64(max(0, session.pointee.assignedAt - session.pointee.acceptedAt))
        let connect = UInt64(max(0, session.pointee.connectedAt - session.pointee.assignedAt))
        let total = UInt64(max(0, now - session.pointee.acceptedAt))
        server.pointee.measured.add()
        server.pointee.queueTime.add(queue)
        server.pointee.connectTime.add(connect)
        server.pointee.totalTime.add(total)
        server.pointee.queueTimeMax.raise(to: queue)
        server.pointee.connectTimeMax.raise(to: connect)
        server.pointee.totalTimeMax.raise(to: total)
    }
}
