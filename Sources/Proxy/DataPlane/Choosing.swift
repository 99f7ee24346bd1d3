// The hot path: which backend and which server take a session.

extension ForwardingThread {
    /// Gives the session to a backend, if there is one for it.
    mutating func chooseBackend(_ session: UnsafeMutablePointer<Session>) {
        session.pointee.backend = state.frontendRules[Int(session.pointee.frontend)].pointee.defaultBackend
        guard session.pointee.hasBackend else { return }
        let backend = Int(session.pointee.backend)
        let cell = state.backendCells[backend]
        _ = cell.pointee.sessions.enter(limit: 0)
        cell.pointee.sessions.settle()
        counters.backends[backend].pointee.sessions.add()
    }

    /// Chooses by the backend's algorithm among the usable servers that this session has not tried, and takes a place.
    func choose(_ session: UnsafeMutablePointer<Session>) -> Choice {
        let backend = Int(session.pointee.backend)
        let usesAddress = state.backendRules[backend].pointee.balance == .source
        // As in HAProxy, clients that come by a UNIX socket have no address and take turns.
        let client = usesAddress ? session.pointee.clientAddress.address.map { SourceMap.value(of: $0) } : nil
        return state.takePlace(of: backend, sessions[extrasOf: session].tried, client: client)
    }

    /// True when the session may leave its server for another one. One that has tried as many as it can remember gives them a moment, lest it go round in circles.
    func mayRedispatch(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let rules = state.backendRules[Int(session.pointee.backend)]
        return rules.pointee.redispatches && rules.pointee.retriesMax > 0 && !sessions[extrasOf: session].tried.isFull
    }

    /// True when there is a server that is better than to wait: usable, nothing speaks against it, and the session has not tried it and is not trying it now.
    func hasOther(_ session: UnsafeMutablePointer<Session>) -> Bool {
        guard mayRedispatch(session) else { return false }
        let (current, tried) = (session.pointee.serverIndex, sessions[extrasOf: session].tried)
        return state.backendCells[Int(session.pointee.backend)].pointee.balancer.withLock { $0.hasOther(than: current, tried) }
    }

    /// Gives back a place that no session has used.
    func returnPlace(of server: UInt32) {
        state.countOut(of: server)
        state.freePlace(of: server)
    }
}
