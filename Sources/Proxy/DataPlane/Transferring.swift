// The hot path: an established session's bytes, timeouts and end.

import CLinux
import Glibc
import LinuxIO
import Synchronization
import Wire

extension ForwardingThread {
    /// Keepalive toward servers is set when a session is this old: short ones are spared the system calls.
    private static let keepAliveMilliseconds: Int64 = 5000

    /// epoll has something to say of the client's side.
    mutating func clientReady(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ events: UInt32) {
        note(events, on: &session.pointee.client)
        guard session.pointee.state != .established else { return transferInTurn(index, session) }
        if session.pointee.header != .none {
            let isSession = session.pointee.state != .inspecting
            guard session.pointee.client.flags.contains(.readable), readHeader(index, session), isSession else { return }
        }
        guard session.pointee.state != .greeting else { return session.pointee.hasSpoken ? bind(index, session) : () }
        // A connect that is under way is waited for: it is likely to be there in a moment.
        let isWaiting = session.pointee.state != .connecting
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 || isWaiting && hasLeft(session) { abandon(index, session) }
    }

    /// True when the client has ended its stream without a word: as in HAProxy nobody is looked for to hear it.
    func hasLeft(_ session: UnsafeMutablePointer<Session>) -> Bool {
        guard session.pointee.client.flags.contains(.hungUp), !session.pointee.up.flags.contains(.held) else { return false }
        var byte: UInt8 = 0
        return recv(session.pointee.client.descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
    }

    /// Ends a session without a connection whose client has gone.
    mutating func abandon(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        session.pointee.termination = Termination("C", session.pointee.state == .queued ? "Q" : "C")
        end(index, session)
    }

    /// The server has accepted.
    mutating func established(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        if let form = state.serverRules[Int(session.pointee.serverIndex)].pointee.proxyHeader, !sendHeader(form, session, to: session.pointee.server.descriptor)
        {
            return connectFailed(index, session, code: ECONNRESET)
        }
        noteEstablished(session)
        noteConnected(session.pointee.serverIndex)
        let speaksFirst = state.serverRules[Int(session.pointee.serverIndex)].pointee.opening != .none
        if speaksFirst, !session.pointee.hasSpoken { awaitGreeting(index, session) } else { bind(index, session) }
    }

    /// The session has a connection to its server from here on.
    func noteEstablished(_ session: UnsafeMutablePointer<Session>) {
        if state.serverRules[Int(session.pointee.serverIndex)].pointee.finishesHandshakes { session.pointee.up.flags.insert(.finishesHandshake) }
        (session.pointee.connectedAt, session.pointee.lastActivity) = (now, now)
    }

    /// Moves what can be moved: at once, or, for a session that streams, when its turn comes in the ready list.
    mutating func transferInTurn(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        if session.pointee.isStreaming { enqueue(index, session) } else { transfer(index, session) }
    }

    /// Moves what can be moved, both ways, and ends the session when nothing is left to come.
    mutating func transfer(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.state == .established else { return }
        let before = (session.pointee.up.bytes, session.pointee.down.bytes)
        let flushed = relay.flushedBytes
        var hasMore = false
        // A side that dies in one round is drained in the next one: what it had sent still counts. Each side dies once.
        for _ in 0..<3 {
            if session.pointee.header != .none, session.pointee.client.flags.contains(.readable), !readHeader(index, session) { return }
            let dead = (session.pointee.client.flags.contains(.dead), session.pointee.server.flags.contains(.dead))
            let isHeld = session.pointee.header != .none
            let up = isHeld ? .waiting : relay.pump(&session.pointee.up, from: &session.pointee.client, to: &session.pointee.server)
            hasMore = note(up, session, source: "C", sink: "S", from: &session.pointee.client, to: &session.pointee.server)
            let down = relay.pump(&session.pointee.down, from: &session.pointee.server, to: &session.pointee.client)
            hasMore = note(down, session, source: "S", sink: "C", from: &session.pointee.server, to: &session.pointee.client) || hasMore
            bury(session)
            if dead == (session.pointee.client.flags.contains(.dead), session.pointee.server.flags.contains(.dead)) { break }
        }
        count(session, up: session.pointee.up.bytes &- before.0, down: session.pointee.down.bytes &- before.1)
        if relay.flushedBytes != flushed { session.pointee.lastActivity = now }
        if isOver(session) { return end(index, session) }
        if hasMore { enqueue(index, session) }
        rearm(index, session, before)
    }

    /// Sets the deadline anew where it may have come nearer; otherwise the timer itself does when it fires.
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

    /// Takes note of how a direction stands. True when it has more to move.
    private func note(
        _ result: PumpResult, _ session: UnsafeMutablePointer<Session>, source: Character, sink: Character, from: inout Side, to: inout Side
    ) -> Bool {
        switch result {
        case .waiting, .finished: return false
        case .more: return true
        case .sourceFailed:
            blame(source, session)
            from.flags.insert(.dead)
        case .sinkFailed:
            blame(sink, session)
            to.flags.insert([.dead, .readable, .hungUp])
        }
        return false
    }

    /// A side that has an error and is not read any more is dead: nobody else would notice.
    private func bury(_ session: UnsafeMutablePointer<Session>) {
        if session.pointee.client.flags.isDisjoint(with: .dead), session.pointee.client.flags.contains(.failed), session.pointee.up.flags.contains(.ended) {
            blame("C", session)
            session.pointee.client.flags.insert(.dead)
        }
        if session.pointee.server.flags.isDisjoint(with: .dead), session.pointee.server.flags.contains(.failed), session.pointee.down.flags.contains(.ended) {
            blame("S", session)
            session.pointee.server.flags.insert(.dead)
        }
    }

    func blame(_ cause: Character, _ session: UnsafeMutablePointer<Session>) {
        guard session.pointee.termination.isNormal else { return }
        session.pointee.termination = Termination(cause, "D")
        let server = counters.servers[Int(session.pointee.serverIndex)]
        if cause == "C" || cause == "c" { server.pointee.clientAborts.add() } else { server.pointee.serverAborts.add() }
    }

    /// Counts bytes while the session lives, and remembers that something has moved.
    func count(_ session: UnsafeMutablePointer<Session>, up: UInt64, down: UInt64) {
        guard up | down != 0 else { return }
        session.pointee.lastActivity = now
        let frontend = counters.frontends[Int(session.pointee.frontend)]
        let server = counters.servers[Int(session.pointee.serverIndex)]
        if up > 0 {
            frontend.pointee.bytesIn.add(up)
            server.pointee.bytesIn.add(up)
        }
        if down > 0 {
            frontend.pointee.bytesOut.add(down)
            server.pointee.bytesOut.add(down)
        }
    }

    /// Both directions have ended, or one side is gone and all that it had sent has been delivered.
    private func isOver(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let upIsDone = session.pointee.up.flags.contains(.ended) && !session.pointee.up.hasPending
        let downIsDone = session.pointee.down.flags.contains(.ended) && !session.pointee.down.hasPending
        return upIsDone && downIsDone || upIsDone && session.pointee.client.flags.contains(.dead)
            || downIsDone && session.pointee.server.flags.contains(.dead) || upIsDone && hasLeftGreeted(session)
    }

    // MARK: Timeouts

    /// A session's deadline has come, perhaps: it is set anew only here, however often it has moved.
    mutating func timeOut(_ index: Int) {
        let session = sessions[index]
        guard session.pointee.state == .established else {
            connectTimedOut(index, session)
            return
        }
        if session.pointee.isReady {
            // It waits for its turn: what has come in time counts.
            transfer(index, session)
            guard session.pointee.state == .established else { return }
        }
        if !session.pointee.isKeepAliveDone, now - session.pointee.connectedAt >= Self.keepAliveMilliseconds { keepAlive(session) }
        let (client, server) = deadlines(session)
        if now >= min(client, server) { expire(index, session, isClient: client <= server) } else { arm(index, session) }
    }

    /// When each side's silence has lasted too long; `Int64.max` for never.
    private func deadlines(_ session: UnsafeMutablePointer<Session>) -> (client: Int64, server: Int64) {
        let frontend = state.frontendRules[Int(session.pointee.frontend)]
        let backend = state.backendRules[Int(session.pointee.backend)]
        let isTunnel = backend.pointee.tunnelTimeout >= 0 && session.pointee.up.bytes > 0 && session.pointee.down.bytes > 0
        let tunnel = backend.pointee.tunnelTimeout
        let client = deadline(
            session, reads: session.pointee.up, writes: session.pointee.down, idle: isTunnel ? tunnel : frontend.pointee.clientTimeout,
            halfClosed: frontend.pointee.clientFinTimeout)
        let server = deadline(
            session, reads: session.pointee.down, writes: session.pointee.up, idle: isTunnel ? tunnel : backend.pointee.serverTimeout,
            halfClosed: backend.pointee.serverFinTimeout)
        return (client, server)
    }

    /// A side is waited for while it may still send, or still has to take what is pending for it.
    private func deadline(_ session: UnsafeMutablePointer<Session>, reads: Direction, writes: Direction, idle: Int64, halfClosed: Int64) -> Int64 {
        guard !reads.flags.contains(.ended) || writes.hasPending else { return .max }
        guard halfClosed >= 0, writes.flags.contains(.shut) || reads.flags.contains(.ended) else {
            return idle < 0 ? .max : session.pointee.lastActivity + idle
        }
        return max(session.pointee.lastActivity, session.pointee.halfClosedAt) + halfClosed
    }

    mutating func arm(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let (client, server) = deadlines(session)
        let keepAlive = !session.pointee.isKeepAliveDone ? session.pointee.connectedAt + Self.keepAliveMilliseconds : .max
        let deadline = min(client, server, keepAlive)
        if deadline != .max { wheel.arm(index, deadline: deadline) } else { wheel.cancel(index) }
    }

    /// A side has been silent for too long: as if it had ended its stream. One that does not take what is pending for it is gone.
    private mutating func expire(_ index: Int, _ session: UnsafeMutablePointer<Session>, isClient: Bool) {
        if isClient, session.pointee.header != .none, !readHeader(index, session, isOverdue: true) { return }
        if isClient { blame("c", session) } else { blame("s", session) }
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

    /// Keepalive toward the server. A UNIX socket refuses TCP options.
    private func keepAlive(_ session: UnsafeMutablePointer<Session>) {
        session.pointee.isKeepAliveDone = true
        let keepAlive = state.backendRules[Int(session.pointee.backend)].pointee.keepAlive
        guard keepAlive.isOn else { return }
        try? keepAlive.set(on: session.pointee.server.descriptor)
    }

    // MARK: The end

    /// Closes every session of a server; one that has no connection yet goes to another, with or without `option redispatch`.
    mutating func shutdownSessions(of server: UInt32, because reason: SessionShutdown) {
        for index in 0..<sessions.used {
            let session = sessions[index]
            if session.pointee.second.server == server { dropSecond(session) }
            guard session.pointee.serverIndex == server, session.pointee.holdsServer else { continue }
            switch session.pointee.state {
            case .established:
                if session.pointee.termination.isNormal { session.pointee.termination = Termination(reason == .serverUp ? "U" : "D", "C") }
                end(index, session)
            case .greeting:
                leaveHandshake(session)
                leaveServer(session)
                connectFailed(index, session, code: ECONNABORTED)
            case .connecting:
                leaveServer(session)
                connectFailed(index, session, code: ECONNABORTED)
            case .waiting: leaveServer(session)
            case .free, .inspecting, .queued, .ended: continue
            }
        }
    }

    /// Ends so many sessions, in the order of the table.
    mutating func endSome(_ count: Int) {
        var left = count
        for index in 0..<sessions.used where left > 0 {
            let session = sessions[index]
            guard session.pointee.state != .free, session.pointee.state != .ended else { continue }
            if session.pointee.termination.isNormal { session.pointee.termination = Termination("K", "C") }
            end(index, session)
            left -= 1
        }
    }

    /// Tells since when the oldest session has been here.
    mutating func findOldest() {
        var oldest = Int64.max
        for index in 0..<sessions.used where sessions[index].pointee.state != .free && sessions[index].pointee.state != .ended {
            oldest = min(oldest, sessions[index].pointee.acceptedAt)
        }
        counters.oldestSession.set(oldest == .max ? 0 : UInt64(max(0, oldest)))
    }

    /// Ends a session: closes what is open, counts, logs, and gives everything back.
    mutating func end(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let wasQueued = session.pointee.state == .queued
        let wasSession = session.pointee.state != .inspecting
        let opening = session.pointee.state == .greeting ? relay.heldBytes(session.pointee.down) : []
        if wasQueued { leaveQueue(index, session) }
        dropSecond(session)
        wheel.cancel(index)
        relay.discard(&session.pointee.up)
        relay.discard(&session.pointee.down)
        close(session.pointee.client.descriptor)
        if session.pointee.server.descriptor >= 0, session.pointee.up.bytes > 0 || !handOverHandshake(session, opening: opening) {
            close(session.pointee.server.descriptor)
        }
        let heldServer = releaseServer(session)
        if session.pointee.hasBackend { state.backendCells[Int(session.pointee.backend)].pointee.sessions.leave() }
        countEnd(session)
        if wasSession, session.pointee.header != .refused { logSession(session) }
        // After the line: it counts the sessions that are left, not the one that takes the place.
        if heldServer { state.freePlace(of: session.pointee.serverIndex) }
        leave(Int(session.pointee.frontend))
        if session.pointee.isReady {
            session.pointee.state = .ended
            session.pointee.generation = (session.pointee.generation &+ 1) & SessionToken.generationMask
        } else {
            sessions.release(index)
        }
    }

    private mutating func countEnd(_ session: UnsafeMutablePointer<Session>) {
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
