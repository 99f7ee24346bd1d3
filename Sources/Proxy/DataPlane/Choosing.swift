// The hot path: the choice of a session's backend and server.

extension ForwardingThread {
    /// Assigns the frontend's backend to the session and counts the session there.
    mutating func chooseBackend(_ session: UnsafeMutablePointer<Session>) {
        session.pointee.backend = state.frontendRules[Int(session.pointee.frontend)].pointee.defaultBackend
        guard session.pointee.hasBackend else { return }
        let backend = Int(session.pointee.backend)
        let cell = state.backendCells[backend]
        _ = cell.pointee.sessions.tryEnter(limit: 0)
        cell.pointee.sessions.updateMaximum()
        counters.backends[backend].pointee.sessions.add()
    }

    /// Chooses a usable server that this session has not tried, by the backend's algorithm, and takes a place at it.
    mutating func choose(_ session: UnsafeMutablePointer<Session>) -> Choice {
        state.takePlace(of: Int(session.pointee.backend), sessions[extrasOf: session].tried, hash: hash(of: session))
    }

    /// The hash of the session's key; `nil` if the session has no key, or if its backend's algorithm uses none. A session without a key takes turns.
    private mutating func hash(of session: UnsafeMutablePointer<Session>) -> UInt32? {
        let rules = state.backendRules[Int(session.pointee.backend)]
        switch rules.pointee.balance {
        // As in HAProxy, clients that connect through a UNIX socket have no address.
        case .source: return session.pointee.clientAddress.address.map { rules.pointee.hashing.hash(of: $0) }
        case .hash, .roundRobin, .staticRoundRobin, .leastConnections, .first, .random: return nil
        }
    }

    /// True when the session may leave its server for another one at its next failure. A session that cannot remember more tried servers pauses first, or it
    /// would cycle through them.
    func mayRedispatch(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let (rules, failures) = (state.backendRules[Int(session.pointee.backend)], Int32(session.pointee.retries) + 1)
        // Where every failure moves the session, `retries` does not limit how many servers it tries for the first time.
        let isWithinRetries = rules.pointee.redispatchInterval == 1 ? rules.pointee.retriesMax > 0 : failures <= rules.pointee.retriesMax
        return isWithinRetries && !sessions[extrasOf: session].tried.isFull && leavesServer(session, after: failures)
    }

    /// True when the session leaves its server after its `failures`-th failed connect. With `option redispatch`, it does so at each multiple of the interval, and
    /// at any failure of a server that gets no new sessions. Without the option it stays.
    func leavesServer(_ session: UnsafeMutablePointer<Session>, after failures: Int32) -> Bool {
        let backend = Int(session.pointee.backend)
        let interval = state.backendRules[backend].pointee.redispatchInterval
        guard interval > 0 else { return false }
        if failures % interval == 0 { return true }
        let server = session.pointee.serverIndex
        return state.backendCells[backend].pointee.balancer.withLock { !$0.isServing(server) }
    }

    /// True when another server is a better choice than waiting: usable, not skipped, and not tried by this session.
    func hasOther(_ session: UnsafeMutablePointer<Session>) -> Bool {
        guard mayRedispatch(session) else { return false }
        let (current, tried) = (session.pointee.serverIndex, sessions[extrasOf: session].tried)
        return state.backendCells[Int(session.pointee.backend)].pointee.balancer.withLock { $0.hasOther(than: current, tried) }
    }

    /// Returns a place that no session has used.
    func returnPlace(of server: UInt32) {
        state.decrementSessions(of: server)
        state.freePlace(of: server)
    }
}
