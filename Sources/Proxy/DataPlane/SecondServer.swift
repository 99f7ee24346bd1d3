// Second servers. A session asks one while the first server's greeting is late: because the first server is silent (`greeting-timeout`, limited by
// `retry-budget`), or because it is slower than nearly all greetings (`option hedge-greetings`). The first greeting wins, and the control thread finishes the
// handshake of the other connection. The first server is kept until it fails, so that asking never makes a session slower than waiting would. Only sessions
// with a slow server run this code.

import CLinux
import Glibc
import LinuxIO
import Wire

extension ForwardingThread {
    /// The retry interval when no other server can be asked.
    private static let askRetryMilliseconds: Int64 = 1000
    /// The earliest hedge, however fast the servers are. The thread's clock has a resolution of one millisecond.
    private static let hedgeMillisecondsMin: Int64 = 5

    /// When a session whose server has just accepted asks another server.
    func firstAskTime(_ session: UnsafeMutablePointer<Session>) -> Int64 {
        let backend = Int(session.pointee.backend)
        guard state.backendRules[backend].pointee.hedges, let late = greetingTimes[backend].percentile99 else { return silenceDeadline(session) }
        return min(silenceDeadline(session), session.pointee.connectStartedAt + max(late, Self.hedgeMillisecondsMin))
    }

    /// Asks another server because the greeting is late. It replaces a second server that is silent as well.
    mutating func askAnother(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let silenceDeadline = silenceDeadline(session)
        let isEarly = now < silenceDeadline
        session.pointee.askAt = isEarly ? silenceDeadline : now + Self.askRetryMilliseconds
        // Servers that failed earlier may have recovered. `retries` limits how often they are tried again.
        let retriesMax = state.backendRules[Int(session.pointee.backend)].pointee.retriesMax
        if !session.pointee.second.isPresent, !hasOther(session), Int32(session.pointee.retries) < retriesMax {
            sessions[extrasOf: session].tried = TriedServers()
        }
        guard hasOther(session), let other = takePlaceElsewhere(session, isEarly: isEarly) else { return }
        if isEarly { state.report(.hedged, of: session.pointee.serverIndex) } else { reportSilence(session) }
        if session.pointee.second.isPresent { giveUpSecond(session) }
        ask(other, index, session)
    }

    /// Reports the servers that have not greeted in time. The first server is reported once.
    func reportSilence(_ session: UnsafeMutablePointer<Session>) {
        let second = session.pointee.second
        if second.isPresent { state.report(second.isConnected ? .silent : .unreachable, of: second.server) }
        if !second.isPresent || second.askedAt < silenceDeadline(session) { state.report(.silent, of: session.pointee.serverIndex) }
    }

    /// Connects to `server`, at which a place is held.
    private mutating func ask(_ server: UInt32, _ index: Int, _ session: UnsafeMutablePointer<Session>) {
        sessions[extrasOf: session].tried.insert(server)
        session.pointee.second = SecondServer(server: server, askedAt: now)
        session.pointee.askAt = now + state.backendRules[Int(session.pointee.backend)].pointee.greetingTimeout
        session.pointee.stateDeadline = greetingDeadline(session)
        guard let address = destination(of: server, session), let descriptor = openSocket(server, for: address) else { return dropSecond(session) }
        session.pointee.second.side.descriptor = descriptor
        let code = connectSocket(descriptor, server, address, session)
        guard code == 0 else { return code == EADDRNOTAVAIL ? dropSecond(session) : secondFailed(index, session, connectCode: code) }
        if !register(descriptor, as: SessionToken(session.pointee.secondKind, index: index, generation: session.pointee.generation)) { dropSecond(session) }
    }

    /// Handles events on the second server's descriptor.
    mutating func secondReady(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ events: UInt32) {
        // A late event of a second server that has been dropped.
        guard session.pointee.second.isPresent else { return }
        let (server, descriptor) = (session.pointee.second.server, session.pointee.second.side.descriptor)
        if !session.pointee.second.isConnected {
            if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0, let error = Sockets.pendingError(descriptor) {
                return secondFailed(index, session, connectCode: error.code)
            }
            guard events & (EPOLLOUT.rawValue | EPOLLHUP.rawValue) != 0 else { return }
            guard sendHeader(session, to: Int(server), over: descriptor) else {
                return secondFailed(index, session, connectCode: ECONNRESET)
            }
            recordConnectSuccess(server)
        }
        setFlags(events, on: &session.pointee.second.side)
        switch opening(of: session.pointee.second) {
        case .refusing(let refusal): secondFailed(index, session, RetryReason(refusal))
        case .ready:
            abandonHandshake(session)
            promoteSecond(index, session)
            if state.serverRules[Int(server)].pointee.opening == .none { bind(index, session) } else { readGreeting(index, session) }
        case .garbage: secondFailed(index, session, .garbage)
        case .incomplete where session.pointee.second.side.flags.contains(.hungUp): secondFailed(index, session, .closed)
        case .incomplete: return
        }
    }

    /// Classifies the second server's bytes so far without reading them from the socket.
    private func opening(of second: SecondServer) -> FirstPacket {
        let form = state.serverRules[Int(second.server)].pointee.opening
        guard form != .none else { return .ready }
        let bytes = [UInt8](unsafeUninitializedCapacity: ServerFirst.firstPacketBytesMax) { buffer, count in
            count = max(0, recv(second.side.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)))
        }
        return bytes.withUnsafeBytes { form.firstPacket(in: $0) }
    }

    /// Makes the second server the session's server. The connection to the first server is closed or handed over already.
    mutating func promoteSecond(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let second = session.pointee.second
        session.pointee.second = .none
        session.pointee.isSwapped.toggle()
        abandonServer(session)
        assign(second.server, to: session)
        session.pointee.server = second.side
        session.pointee.connectStartedAt = second.askedAt
        guard !second.isConnected else { return markEstablished(session) }
        session.pointee.state = .connecting
        armConnect(index, session)
    }

    /// Handles a failed connect to the second server.
    private mutating func secondFailed(_ index: Int, _ session: UnsafeMutablePointer<Session>, connectCode code: Int32) {
        recordConnectFailure(session.pointee.second.server)
        secondFailed(index, session, RetryReason(connectCode: code))
    }

    /// Replaces a second server that has failed.
    private mutating func secondFailed(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ reason: RetryReason) {
        state.report(reason, of: session.pointee.second.server)
        closeSocket(session.pointee.second.side.descriptor, of: session.pointee.second.server)
        session.pointee.second.side.descriptor = -1
        giveUpSecond(session)
        session.pointee.askAt = now + Self.askRetryMilliseconds
        if mayRedispatch(session), case .server(let other) = choose(session) { ask(other, index, session) }
    }

    /// Drops a second server that has failed or stayed silent, and counts a redispatch.
    private mutating func giveUpSecond(_ session: UnsafeMutablePointer<Session>) {
        counters.servers[Int(session.pointee.second.server)].pointee.redispatches.add()
        session.pointee.retries += 1
        dropSecond(session)
    }

    /// Drops the second server, if there is one. Its place is returned, and its handshake is handed over.
    mutating func dropSecond(_ session: UnsafeMutablePointer<Session>) {
        let second = session.pointee.second
        guard second.isPresent else { return }
        session.pointee.second = .none
        returnPlace(of: second.server)
        if second.side.descriptor >= 0, !handOverHandshake(second.side, of: second.server, session, isConnected: second.isConnected) {
            resetAtClose(second.side.descriptor)
            closeSocket(second.side.descriptor, of: second.server)
        }
    }
}
