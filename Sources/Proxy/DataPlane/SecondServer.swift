// A second server that is asked while the first one's greeting is late: because it is silent (`greeting-timeout`, within `retry-budget`), or because it is later than
// nearly all are (`option hedge-greetings`). The first greeting wins, and the other connection is finished on the control thread. The first server is kept
// until it has failed: the session is served no later than it would have been by waiting. Only sessions whose server is slow come here.

import CLinux
import Glibc
import LinuxIO
import Wire

extension ForwardingThread {
    /// How soon a session looks again for another server when there was none to ask.
    private static let lookMilliseconds: Int64 = 1000
    /// Nobody is asked sooner than this, however quick servers are: the clock of a thread counts milliseconds.
    private static let hedgeMillisecondsMin: Int64 = 5

    /// When another server is to be asked for a session whose server has just accepted.
    func firstAskTime(_ session: UnsafeMutablePointer<Session>) -> Int64 {
        let backend = Int(session.pointee.backend)
        guard state.backendRules[backend].pointee.hedges, let late = greetingTimes[backend].percentile99 else { return patienceEnd(session) }
        return min(patienceEnd(session), session.pointee.connectStartedAt + max(late, Self.hedgeMillisecondsMin))
    }

    /// The greeting is late: another server is asked, in place of a second one that is silent, too.
    mutating func askAnother(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let patienceEnd = patienceEnd(session)
        let isEarly = now < patienceEnd
        session.pointee.askAt = isEarly ? patienceEnd : now + Self.lookMilliseconds
        // Those that have failed may be well again after a moment; `retries` bounds how often.
        let retriesMax = state.backendRules[Int(session.pointee.backend)].pointee.retriesMax
        if !session.pointee.second.isThere, !hasOther(session), Int32(session.pointee.retries) < retriesMax {
            sessions[extrasOf: session].tried = TriedServers()
        }
        guard hasOther(session), let other = takeOther(session, isEarly: isEarly) else { return }
        if isEarly { state.report(.hedged, of: session.pointee.serverIndex) } else { tellSilence(session) }
        if session.pointee.second.isThere { giveUpSecond(session) }
        ask(other, index, session)
    }

    /// Tells of the servers that have not greeted in time, of the first one once.
    func tellSilence(_ session: UnsafeMutablePointer<Session>) {
        let second = session.pointee.second
        if second.isThere { state.report(second.isConnected ? .silent : .unreachable, of: second.server) }
        if !second.isThere || second.askedAt < patienceEnd(session) { state.report(.silent, of: session.pointee.serverIndex) }
    }

    /// Asks `server`, at which a place is held.
    private mutating func ask(_ server: UInt32, _ index: Int, _ session: UnsafeMutablePointer<Session>) {
        sessions[extrasOf: session].tried.insert(server)
        session.pointee.second = SecondServer(server: server, askedAt: now)
        session.pointee.askAt = now + state.backendRules[Int(session.pointee.backend)].pointee.greetingTimeout
        session.pointee.stateDeadline = greetingDeadline(session)
        guard let address = address(of: server), let descriptor = openSocket(server, for: address) else { return dropSecond(session) }
        session.pointee.second.side.descriptor = descriptor
        let result = connectCall(descriptor, server, address, session)
        guard result == 0 || errno == EINPROGRESS else { return secondFailed(index, session, connectCode: errno) }
        if !register(descriptor, as: SessionToken(session.pointee.secondKind, index: index, generation: session.pointee.generation)) { dropSecond(session) }
    }

    /// epoll has something to say of the second server's side.
    mutating func secondReady(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ events: UInt32) {
        // Late words of one that is not asked any more mean nothing.
        guard session.pointee.second.isThere else { return }
        let (server, descriptor) = (session.pointee.second.server, session.pointee.second.side.descriptor)
        if !session.pointee.second.isConnected {
            if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0, let error = Sockets.pendingError(descriptor) {
                return secondFailed(index, session, connectCode: error.code)
            }
            guard events & (EPOLLOUT.rawValue | EPOLLHUP.rawValue) != 0 else { return }
            guard state.serverRules[Int(server)].pointee.proxyHeader.map({ sendHeader($0, session, to: descriptor) }) ?? true else {
                return secondFailed(index, session, connectCode: ECONNRESET)
            }
            noteConnected(server)
        }
        note(events, on: &session.pointee.second.side)
        switch opening(of: session.pointee.second) {
        case .refusing(let refusal): secondFailed(index, session, LeaveReason(refusal))
        case .ready:
            leaveHandshake(session)
            takeSecond(index, session)
            if state.serverRules[Int(server)].pointee.opening == .none { bind(index, session) } else { readGreeting(index, session) }
        case .garbage: secondFailed(index, session, .garbage)
        case .incomplete where session.pointee.second.side.flags.contains(.hungUp): secondFailed(index, session, .closed)
        case .incomplete: return
        }
    }

    /// What the second server has said so far, looked at where it lies.
    private func opening(of second: SecondServer) -> FirstPacket {
        let form = state.serverRules[Int(second.server)].pointee.opening
        guard form != .none else { return .ready }
        let bytes = [UInt8](unsafeUninitializedCapacity: ServerFirst.firstPacketBytesMax) { buffer, count in
            count = max(0, recv(second.side.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)))
        }
        return bytes.withUnsafeBytes { form.firstPacket(in: $0) }
    }

    /// The second server takes the place of the first one, to which there is no connection any more.
    mutating func takeSecond(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let second = session.pointee.second
        session.pointee.second = .none
        session.pointee.isSwapped.toggle()
        giveUpServer(session)
        assign(second.server, to: session)
        session.pointee.server = second.side
        session.pointee.connectStartedAt = second.askedAt
        guard !second.isConnected else { return noteEstablished(session) }
        session.pointee.state = .connecting
        armConnect(index, session)
    }

    /// A connect to the second server has failed.
    private mutating func secondFailed(_ index: Int, _ session: UnsafeMutablePointer<Session>, connectCode code: Int32) {
        noteFailed(session.pointee.second.server)
        secondFailed(index, session, LeaveReason(connectCode: code))
    }

    /// The second server is of no use: another one is asked in its place at once.
    private mutating func secondFailed(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ reason: LeaveReason) {
        state.report(reason, of: session.pointee.second.server)
        close(session.pointee.second.side.descriptor)
        session.pointee.second.side.descriptor = -1
        giveUpSecond(session)
        session.pointee.askAt = now + Self.lookMilliseconds
        if mayRedispatch(session), case .server(let other) = choose(session) { ask(other, index, session) }
    }

    /// The second server has failed, or has been silent for too long.
    private mutating func giveUpSecond(_ session: UnsafeMutablePointer<Session>) {
        counters.servers[Int(session.pointee.second.server)].pointee.redispatches.add()
        session.pointee.retries += 1
        dropSecond(session)
    }

    /// The second server, if there is one, is not asked any more: its place is given back, its handshake finished.
    mutating func dropSecond(_ session: UnsafeMutablePointer<Session>) {
        let second = session.pointee.second
        guard second.isThere else { return }
        session.pointee.second = .none
        returnPlace(of: second.server)
        if second.side.descriptor >= 0, !handOverHandshake(second.side, of: second.server, session, isConnected: second.isConnected) {
            resetAtClose(second.side.descriptor)
            close(second.side.descriptor)
        }
    }
}
