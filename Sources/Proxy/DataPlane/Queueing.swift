// The hot path: sessions that wait for a place at a server.

import Synchronization

extension ForwardingThread {
    /// Puts the session in the queue of its backend, or of the only server that it can use.
    mutating func queue(_ index: Int, _ session: UnsafeMutablePointer<Session>, for only: UInt32?) {
        let backend = Int(session.pointee.backend)
        let limit = state.backendRules[backend].pointee.queueTimeout
        let token = SessionToken(.client, index: index, generation: session.pointee.generation)
        guard !hasClientLeft(session) else { return abandon(index, session) }
        if let only { select(only, for: session) }
        session.pointee.isQueuedAtServer = only != nil
        session.pointee.state = .queued
        session.pointee.stateDeadline = limit < 0 ? .max : now + limit
        if limit >= 0 { wheel.arm(index, deadline: session.pointee.stateDeadline) }
        session.pointee.queuePosition = UInt32(clamping: state.enterQueue(of: backend, for: only))
        // A place may have become free since `choose` found none.
        guard let server = state.wait(Waiter(thread: self.index, session: token.raw, server: only), in: backend) else { return }
        granted(index, session, server)
    }

    /// Ends a session whose only server has a full queue.
    mutating func refuse(_ index: Int, _ session: UnsafeMutablePointer<Session>, by server: UInt32) {
        select(server, for: session)
        counters.servers[Int(server)].pointee.connectErrors.add()
        endUnserved(index, session, Termination("S", "Q"), .allFull)
    }

    /// Ends a session that has waited for `timeout queue`.
    mutating func queueTimedOut(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        if let server = session.pointee.queueServer { counters.servers[Int(server)].pointee.connectErrors.add() }
        endUnserved(index, session, Termination("s", "Q"), .allFull)
    }

    /// Connects a queued session, for which a place at `server` is held.
    mutating func granted(_ token: SessionToken, server: UInt32) {
        guard let session = sessions.session(at: token.index, generation: token.generation), session.pointee.state == .queued else {
            return returnPlace(of: server)
        }
        granted(token.index, session, server)
    }

    private mutating func granted(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ server: UInt32) {
        wheel.cancel(index)
        session.pointee.state = .waiting
        guard state.backendCells[Int(session.pointee.backend)].pointee.balancer.withLock({ $0.isServing(server) }) else {
            // The server has gone down since the place was granted.
            returnPlace(of: server)
            return connect(index, session)
        }
        if session.pointee.isQueuedAtServer, session.pointee.serverIndex != server {
            counters.servers[Int(session.pointee.serverIndex)].pointee.redispatches.add()
        }
        assign(server, to: session)
        startConnect(index, session)
    }

    /// Takes the session out of its queue. If a place was granted to it in the meantime, `granted` finds no session and returns the place.
    func leaveQueue(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let backend = Int(session.pointee.backend)
        let token = SessionToken(.client, index: index, generation: session.pointee.generation)
        let thread = self.index
        let wasQueued = state.backendCells[backend].pointee.balancer.withLock { $0.removeWaiter(thread: thread, session: token.raw) }
        if wasQueued { state.leaveQueue(of: backend, for: session.pointee.queueServer) }
    }
}
