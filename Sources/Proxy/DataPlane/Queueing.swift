// The hot path: sessions that wait for a place at a server.

import Synchronization

extension ForwardingThread {
    /// Puts the session in its backend's queue.
    mutating func queue(_ index: Int, _ session: UnsafeMutablePointer<Session>, for only: UInt32?) {
        let backend = Int(session.pointee.backend)
        let cell = state.backendCells[backend]
        let limit = state.backendRules[backend].pointee.queueTimeout
        let token = SessionToken(.client, index: index, generation: session.pointee.generation)
        guard !hasClientLeft(session) else { return abandon(index, session) }
        session.pointee.state = .queued
        session.pointee.stateDeadline = limit < 0 ? .max : now + limit
        if limit >= 0 { wheel.arm(index, deadline: session.pointee.stateDeadline) }
        _ = cell.pointee.waiting.tryEnter(limit: 0)
        cell.pointee.waiting.updateMaximum()
        session.pointee.queuePosition = UInt32(clamping: cell.pointee.waiting.value)
        // A place may have become free since `choose` found none.
        guard let server = state.wait(Waiter(thread: self.index, session: token.raw, server: only), in: backend) else { return }
        cell.pointee.waiting.leave()
        granted(index, session, server)
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
        assign(server, to: session)
        startConnect(index, session)
    }

    /// Takes the session out of its backend's queue. If a place was granted to it in the meantime, `granted` finds no session and returns the place.
    func leaveQueue(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let cell = state.backendCells[Int(session.pointee.backend)]
        let token = SessionToken(.client, index: index, generation: session.pointee.generation)
        let thread = self.index
        if cell.pointee.balancer.withLock({ $0.removeWaiter(thread: thread, session: token.raw) }) { cell.pointee.waiting.leave() }
    }
}
