// The hot path of servers that speak first, from the connection to the first packet: until that has come the client has got nothing, and another server may be
// taken in its place. A healthy session comes through here with the system calls that it would have made anyway: its greeting is read and sent on.

import CLinux
import Glibc
import LinuxIO
import Wire

extension ForwardingThread {
    /// The connection is there: the server speaks first.
    mutating func awaitGreeting(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        session.pointee.state = .greeting
        session.pointee.stateDeadline = greetingDeadline(session)
        session.pointee.askAt = firstAskTime(session)
        wheel.arm(index, deadline: min(session.pointee.askAt, session.pointee.stateDeadline))
        readGreeting(index, session)
    }

    /// How long silence is borne that begins now.
    func greetingDeadline(_ session: UnsafeMutablePointer<Session>) -> Int64 {
        let serverTimeout = state.backendRules[Int(session.pointee.backend)].pointee.serverTimeout
        let clientTimeout = state.frontendRules[Int(session.pointee.frontend)].pointee.clientTimeout
        let limit = min(serverTimeout < 0 ? .max : serverTimeout, clientTimeout < 0 ? .max : clientTimeout)
        return limit == .max ? .max : now + limit
    }

    /// Takes what the server has said, and decides when it is enough.
    mutating func readGreeting(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let opening = state.serverRules[Int(session.pointee.serverIndex)].pointee.opening
        while session.pointee.server.flags.contains(.readable) {
            switch relay.takeOpening(&session.pointee.down, from: &session.pointee.server, to: &session.pointee.client, as: opening) {
            case .waiting: continue
            case .passed:
                noteGreeting(session)
                return bind(index, session)
            case .refused(let refusal): return refused(index, session, refusal)
            case .garbage: return connectFailed(index, session, code: EPROTO, reason: .garbage)
            case .ended: return connectFailed(index, session, code: ECONNRESET, reason: .closed)
            }
        }
    }

    private mutating func noteGreeting(_ session: UnsafeMutablePointer<Session>) {
        let backend = Int(session.pointee.backend)
        if state.backendRules[backend].pointee.hedges { greetingTimes[backend].add(now - session.pointee.connectStartedAt) }
    }

    /// The session stays with its server from here on: that has greeted, or the client has spoken first, or ended its stream.
    mutating func bind(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        dropSecond(session)
        session.pointee.state = .established
        session.pointee.lastActivity = now
        // Held bytes go on from here: the client's request, and, to a client that speaks first, what the server has said of its greeting so far.
        count(session, up: 0, down: session.pointee.down.bytes)
        transfer(index, session)
        if session.pointee.state == .established { arm(index, session) }
    }

    /// The server has refused with an error that another one would not say. When there is no other the client gets it.
    private mutating func refused(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ refusal: ServerRefusal) {
        state.report(LeaveReason(refusal), of: session.pointee.serverIndex)
        sessions[extrasOf: session].tried.insert(session.pointee.serverIndex)
        if !leaveFailed(index, session) { bind(index, session) }
    }

    /// The server has not greeted in time: another one is asked, too, as long as there is one. They are waited for as long as any silent server is.
    mutating func greetingTimedOut(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        guard now >= session.pointee.stateDeadline else {
            if now >= session.pointee.askAt { askAnother(index, session) }
            return wheel.arm(index, deadline: min(session.pointee.askAt, session.pointee.stateDeadline))
        }
        tellSilence(session)
        let clientTimeout = state.frontendRules[Int(session.pointee.frontend)].pointee.clientTimeout
        let serverTimeout = state.backendRules[Int(session.pointee.backend)].pointee.serverTimeout
        blame(serverTimeout < 0 || clientTimeout >= 0 && clientTimeout <= serverTimeout ? "c" : "s", session)
        endUnserved(index, session, session.pointee.termination, .noGreeting)
    }

    /// Ends a session that no server has taken. A client that waits for a first packet is told why there is none.
    mutating func endUnserved(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ termination: Termination, _ reason: UnservedReason) {
        session.pointee.termination = termination
        let backend = Int(session.pointee.backend)
        let bytes = state.backendRules[backend].pointee.clientsAwait.refusal(
            of: String(decoding: state.backendNames[backend].pointee.bytes, as: UTF8.self), because: reason)
        if !bytes.isEmpty { _ = Glibc.send(session.pointee.client.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
        end(index, session)
    }
}
