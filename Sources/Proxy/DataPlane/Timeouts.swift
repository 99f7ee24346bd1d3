// The hot path: inactivity timeouts of established sessions.

extension ForwardingThread {
    /// The age at which a session turns on keepalive toward its server. Short sessions are spared the system calls.
    private static let keepAliveMilliseconds: Int64 = 5000

    /// Handles a session's timer. Activity moves the deadline but not the timer: the deadline is recomputed when the timer fires.
    mutating func timeOut(_ index: Int) {
        let session = sessions[index]
        guard session.pointee.state == .established else {
            connectTimedOut(index, session)
            return
        }
        if session.pointee.isReady {
            // Bytes that arrived in time count, even if the session is still waiting for its turn to move them.
            transfer(index, session)
            guard session.pointee.state == .established else { return }
        }
        if !session.pointee.isKeepAliveDone, now - session.pointee.connectedAt >= Self.keepAliveMilliseconds { keepAlive(session) }
        let (client, server) = deadlines(session)
        if now >= min(client, server) { expire(index, session, isClient: client <= server) } else { arm(index, session) }
    }

    /// When the silence of each side reaches its timeout; `Int64.max` for never.
    private func deadlines(_ session: UnsafeMutablePointer<Session>) -> (client: Int64, server: Int64) {
        let frontend = state.frontendRules[Int(session.pointee.frontend)]
        let backend = state.backendRules[Int(session.pointee.backend)]
        let isTunnel = backend.pointee.tunnelTimeout >= 0 && session.pointee.up.bytes > 0 && session.pointee.down.bytes > 0
        let tunnel = backend.pointee.tunnelTimeout
        let client = deadline(
            session, reads: session.pointee.up, writes: session.pointee.down, idle: isTunnel ? tunnel : frontend.pointee.clientTimeout,
            halfClosed: frontend.pointee.clientFinTimeout,
            lastActivity: frontend.pointee.hasIndependentTimeout ? session.pointee.lastRead(session.pointee.up) : session.pointee.lastActivity)
        let server = deadline(
            session, reads: session.pointee.down, writes: session.pointee.up, idle: isTunnel ? tunnel : backend.pointee.serverTimeout,
            halfClosed: backend.pointee.serverFinTimeout,
            lastActivity: backend.pointee.hasIndependentTimeout ? session.pointee.lastRead(session.pointee.down) : session.pointee.lastActivity)
        return (client, server)
    }

    /// A side can time out while it may still send, or has yet to take pending bytes.
    ///
    /// - Parameter lastActivity: the side's last activity while it may still send.
    private func deadline(
        _ session: UnsafeMutablePointer<Session>, reads: Direction, writes: Direction, idle: Int64, halfClosed: Int64, lastActivity: Int64
    ) -> Int64 {
        let hasEnded = reads.flags.contains(.ended)
        guard !hasEnded || writes.hasPending else { return .max }
        let lastActivity = hasEnded ? session.pointee.lastActivity : lastActivity
        guard halfClosed >= 0, writes.flags.contains(.shut) || hasEnded else { return idle < 0 ? .max : lastActivity + idle }
        return max(lastActivity, session.pointee.halfClosedAt) + halfClosed
    }

    mutating func arm(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let (client, server) = deadlines(session)
        let keepAlive = !session.pointee.isKeepAliveDone ? session.pointee.connectedAt + Self.keepAliveMilliseconds : .max
        let deadline = min(client, server, keepAlive)
        if deadline != .max { wheel.arm(index, deadline: deadline) } else { wheel.cancel(index) }
    }

    /// Treats a side that has timed out as if it had ended its stream. If it has not taken its pending bytes, the session ends.
    private mutating func expire(_ index: Int, _ session: UnsafeMutablePointer<Session>, isClient: Bool) {
        if isClient, session.pointee.header != .none, !readHeader(index, session, isOverdue: true) { return }
        if isClient { recordAbort("c", session) } else { recordAbort("s", session) }
        let isStuck = isClient ? session.pointee.down.hasPending : session.pointee.up.hasPending
        let mayStillSend = isClient ? !session.pointee.up.flags.contains(.ended) : !session.pointee.down.flags.contains(.ended)
        guard !isStuck, mayStillSend else { return end(index, session) }
        if isClient {
            session.pointee.up.flags.insert(.ended)
            session.pointee.client.flags.remove(.readable)
        } else {
            session.pointee.down.flags.insert(.ended)
            session.pointee.server.flags.remove(.readable)
        }
        transfer(index, session)
        if session.pointee.state == .established { arm(index, session) }
    }

    /// Turns on keepalive toward the server. Errors are ignored because a UNIX socket refuses TCP options.
    private func keepAlive(_ session: UnsafeMutablePointer<Session>) {
        session.pointee.isKeepAliveDone = true
        let keepAlive = state.backendRules[Int(session.pointee.backend)].pointee.keepAlive
        guard keepAlive.isOn else { return }
        try? keepAlive.set(on: session.pointee.server.descriptor)
    }
}
