// The hot path: an established session's bytes.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

extension ForwardingThread {
    /// Handles events on the client's descriptor.
    mutating func clientReady(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ events: UInt32) {
        setFlags(events, on: &session.pointee.client)
        guard session.pointee.state != .established else { return transferInTurn(index, session) }
        if session.pointee.header != .none {
            let isSession = session.pointee.state != .inspecting
            guard session.pointee.client.flags.contains(.readable), readHeader(index, session), isSession else { return }
        }
        guard session.pointee.state != .greeting else { return session.pointee.hasClientInput ? bind(index, session) : () }
        // A pending connect is not interrupted, because it usually succeeds within a moment.
        let isWaiting = session.pointee.state != .connecting || abortsOnClose(session)
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 || isWaiting && hasClientLeft(session) { abandon(index, session) }
    }

    /// True with `option abortonclose`: the end of the client's stream ends a session without a server, even if the client has sent bytes.
    private func abortsOnClose(_ session: UnsafeMutablePointer<Session>) -> Bool {
        session.pointee.hasBackend && state.backendRules[Int(session.pointee.backend)].pointee.abortsOnClose
    }

    /// True when the client has ended its stream without sending a byte. As in HAProxy, the session then ends without a server.
    func hasClientLeft(_ session: UnsafeMutablePointer<Session>) -> Bool {
        guard session.pointee.client.flags.contains(.hungUp) else { return false }
        if abortsOnClose(session) { return true }
        guard !session.pointee.up.flags.contains(.held) else { return false }
        var byte: UInt8 = 0
        return recv(session.pointee.client.descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
    }

    /// Ends a session that has no connection to a server and whose client has left.
    mutating func abandon(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        session.pointee.termination = Termination("C", session.pointee.state == .queued ? "Q" : "C")
        end(index, session)
    }

    /// Handles a successful connect.
    mutating func connectSucceeded(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        guard sendHeader(session, to: Int(session.pointee.serverIndex), over: session.pointee.server.descriptor) else {
            return connectFailed(index, session, code: ECONNRESET)
        }
        markEstablished(session)
        recordConnectSuccess(session.pointee.serverIndex)
        let speaksFirst = state.serverRules[Int(session.pointee.serverIndex)].pointee.opening != .none
        if speaksFirst, !session.pointee.hasClientInput { awaitGreeting(index, session) } else { bind(index, session) }
    }

    /// Records that the session is connected to its server.
    func markEstablished(_ session: UnsafeMutablePointer<Session>) {
        if state.serverRules[Int(session.pointee.serverIndex)].pointee.finishesHandshakes { session.pointee.up.flags.insert(.finishesHandshake) }
        if state.serverRules[Int(session.pointee.serverIndex)].pointee.proxyHeader == nil { session.pointee.up.flags.insert(.delays) }
        if state.backendRules[Int(session.pointee.backend)].pointee.resetsServers { session.pointee.up.flags.insert(.resetsSink) }
        (session.pointee.connectedAt, session.pointee.lastActivity) = (now, now)
    }

    /// Moves bytes: immediately, or in the turns of the ready list when the session streams.
    mutating func transferInTurn(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        if session.pointee.isStreaming { enqueue(index, session) } else { transfer(index, session) }
    }

    /// Moves bytes in both directions, and ends the session when nothing more can arrive.
    mutating func transfer(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.state == .established else { return }
        let before = (session.pointee.up.bytes, session.pointee.down.bytes)
        let flushed = relay.flushedBytes
        var hasMore = false
        // After a side dies, another round delivers the bytes that it had sent. Each side dies at most once.
        for _ in 0..<3 {
            if session.pointee.header != .none, session.pointee.client.flags.contains(.readable), !readHeader(index, session) { return }
            let dead = (session.pointee.client.flags.contains(.dead), session.pointee.server.flags.contains(.dead))
            let isHeld = session.pointee.header != .none
            let up =
                isHeld
                ? .waiting
                : relay.pump(
                    &session.pointee.up, from: &session.pointee.client, to: &session.pointee.server, isLast: session.pointee.down.isDone)
            hasMore = recordResult(up, session, source: "C", sink: "S", from: &session.pointee.client, to: &session.pointee.server)
            let down = relay.pump(
                &session.pointee.down, from: &session.pointee.server, to: &session.pointee.client, isLast: session.pointee.up.isDone)
            hasMore = recordResult(down, session, source: "S", sink: "C", from: &session.pointee.server, to: &session.pointee.client) || hasMore
            markFailedSidesDead(session)
            if dead == (session.pointee.client.flags.contains(.dead), session.pointee.server.flags.contains(.dead)) { break }
        }
        count(session, up: session.pointee.up.bytes &- before.0, down: session.pointee.down.bytes &- before.1)
        if relay.flushedBytes != flushed { session.pointee.lastActivity = now }
        if isOver(session) { return end(index, session) }
        if hasMore { enqueue(index, session) }
        rearm(index, session, before)
    }

    /// Sets the deadline again where it may have moved closer. In all other cases the timer recomputes it when it fires.
    private mutating func rearm(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ before: (up: UInt64, down: UInt64)) {
        let isHalfClosed = session.pointee.up.flags.contains(.shut) || session.pointee.down.flags.contains(.shut)
        if isHalfClosed, session.pointee.halfClosedAt == 0 {
            session.pointee.halfClosedAt = now
            return arm(index, session)
        }
        let becameTunnel = (before.up == 0 || before.down == 0) && session.pointee.up.bytes > 0 && session.pointee.down.bytes > 0
        let isPending = session.pointee.up.hasPending || session.pointee.down.hasPending
        if becameTunnel || isPending && !wheel.isArmed(index) { arm(index, session) }
    }

    /// Records the result of pumping a direction. Returns true when the direction has more to move.
    private func recordResult(
        _ result: PumpResult, _ session: UnsafeMutablePointer<Session>, source: Unicode.Scalar, sink: Unicode.Scalar, from: inout Side, to: inout Side
    ) -> Bool {
        switch result {
        case .waiting, .finished: return false
        case .more: return true
        case .sourceFailed:
            recordAbort(source, session)
            from.flags.insert(.dead)
        case .sinkFailed:
            recordAbort(sink, session)
            to.flags.insert([.dead, .readable, .hungUp])
        }
        return false
    }

    /// Marks a side dead that has an error and is no longer read, because no read would report the error.
    private func markFailedSidesDead(_ session: UnsafeMutablePointer<Session>) {
        if session.pointee.client.flags.isDisjoint(with: .dead), session.pointee.client.flags.contains(.failed), session.pointee.up.flags.contains(.ended) {
            recordAbort("C", session)
            session.pointee.client.flags.insert(.dead)
        }
        if session.pointee.server.flags.isDisjoint(with: .dead), session.pointee.server.flags.contains(.failed), session.pointee.down.flags.contains(.ended) {
            recordAbort("S", session)
            session.pointee.server.flags.insert(.dead)
        }
    }

    func recordAbort(_ cause: Unicode.Scalar, _ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.termination.isNormal else { return }
        session.pointee.termination = Termination(cause, "D")
        let server = counters.servers[Int(session.pointee.serverIndex)]
        if cause == "C" || cause == "c" { server.pointee.clientAborts.add() } else { server.pointee.serverAborts.add() }
    }

    /// Counts moved bytes in the statistics and records the activity.
    func count(_ session: UnsafeMutablePointer<Session>, up: UInt64, down: UInt64) {
        guard up | down != 0 else { return }
        session.pointee.lastActivity = now
        let frontend = counters.frontends[Int(session.pointee.frontend)]
        let server = counters.servers[Int(session.pointee.serverIndex)]
        if up > 0 {
            session.pointee.up.readAt = UInt32(truncatingIfNeeded: now)
            frontend.pointee.bytesIn.add(up)
            server.pointee.bytesIn.add(up)
        }
        if down > 0 {
            session.pointee.down.readAt = UInt32(truncatingIfNeeded: now)
            frontend.pointee.bytesOut.add(down)
            server.pointee.bytesOut.add(down)
        }
        guard session.pointee.bind != Session.noBind else { return }
        counters.binds[Int(session.pointee.bind)].pointee.bytesIn.add(up)
        counters.binds[Int(session.pointee.bind)].pointee.bytesOut.add(down)
    }

    /// True when both directions are done, or one side is dead and its bytes have been delivered.
    private func isOver(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let (upIsDone, downIsDone) = (session.pointee.up.isDone, session.pointee.down.isDone)
        return upIsDone && (downIsDone || session.pointee.up.flags.contains(.resetsSink)) || upIsDone && session.pointee.client.flags.contains(.dead)
            || downIsDone && session.pointee.server.flags.contains(.dead) || upIsDone && hasClientLeftAfterGreeting(session)
    }
}
