// The hot path of servers that speak first, from the connect to the server's first packet. Until then the client has received nothing, and another server may
// replace this one. A healthy session makes no additional system calls here: its greeting is read and sent on.

import CLinux
import Glibc
import LinuxIO
import Wire

extension ForwardingThread {
    /// Waits for the server's greeting.
    mutating func awaitGreeting(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        session.pointee.state = .greeting
        session.pointee.stateDeadline = greetingDeadline(session)
        session.pointee.askAt = firstAskTime(session)
        wheel.arm(index, deadline: min(session.pointee.askAt, session.pointee.stateDeadline))
        readGreeting(index, session)
    }

    /// The deadline of a server whose silence begins now.
    func greetingDeadline(_ session: UnsafeMutablePointer<Session>) -> Int64 {
        let serverTimeout = state.backendRules[Int(session.pointee.backend)].pointee.serverTimeout
        let clientTimeout = state.frontendRules[Int(session.pointee.frontend)].pointee.clientTimeout
        let limit = min(serverTimeout < 0 ? .max : serverTimeout, clientTimeout < 0 ? .max : clientTimeout)
        return limit == .max ? .max : now + limit
    }

    /// Reads the server's first bytes and acts on them once they are complete.
    mutating func readGreeting(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let opening = state.serverRules[Int(session.pointee.serverIndex)].pointee.opening
        while session.pointee.server.flags.contains(.readable) {
            switch relay.readOpening(&session.pointee.down, from: &session.pointee.server, to: &session.pointee.client, as: opening) {
            case .waiting: continue
            case .passed:
                recordGreetingTime(session)
                return bind(index, session)
            case .refused(let refusal): return refused(index, session, refusal)
            case .garbage: return connectFailed(index, session, code: EPROTO, reason: .garbage)
            case .ended: return connectFailed(index, session, code: ECONNRESET, reason: .closed)
            }
        }
    }

    private mutating func recordGreetingTime(_ session: UnsafeMutablePointer<Session>) {
        let backend = Int(session.pointee.backend)
        if state.backendRules[backend].pointee.hedges { greetingTimes[backend].add(now - session.pointee.connectStartedAt) }
    }

    /// Binds the session to its server, because the server has greeted, or because the client has spoken first or ended its stream.
    mutating func bind(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        dropSecond(session)
        session.pointee.state = .established
        session.pointee.recordActivity(now)
        if state.frontendLogs[Int(session.pointee.frontend)].pointee.options.contains(.early) { logEarly(session) }
        // Held bytes are released from here on: the client's request, and the part of a greeting that arrived before the client spoke.
        count(session, up: 0, down: session.pointee.down.bytes)
        transfer(index, session)
        if session.pointee.state == .established { arm(index, session) }
    }

    /// Handles a refusal that another server would not send. If no other server is available, the client receives it.
    private mutating func refused(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ refusal: ServerRefusal) {
        state.report(RetryReason(refusal), of: session.pointee.serverIndex)
        sessions[extrasOf: session].tried.insert(session.pointee.serverIndex)
        if !replaceFailedServer(index, session) { bind(index, session) }
    }

    /// Handles a session's timer in state `greeting`: asks another server, or ends the session when its servers have been silent for too long.
    mutating func greetingTimedOut(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        guard now >= session.pointee.stateDeadline else {
            if now >= session.pointee.askAt { askAnother(index, session) }
            return wheel.arm(index, deadline: min(session.pointee.askAt, session.pointee.stateDeadline))
        }
        reportSilence(session)
        let clientTimeout = state.frontendRules[Int(session.pointee.frontend)].pointee.clientTimeout
        let serverTimeout = state.backendRules[Int(session.pointee.backend)].pointee.serverTimeout
        recordAbort(serverTimeout < 0 || clientTimeout >= 0 && clientTimeout <= serverTimeout ? "c" : "s", session)
        endUnserved(index, session, session.pointee.termination, .noGreeting)
    }

    /// Ends a session that no server has taken. Where the protocol has an error packet, the client receives the reason.
    mutating func endUnserved(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ termination: Termination, _ reason: UnservedReason) {
        session.pointee.termination = termination
        let backend = Int(session.pointee.backend)
        let bytes = state.backendRules[backend].pointee.refusalProtocol.refusal(
            of: String(decoding: state.backendNames[backend].pointee.bytes, as: UTF8.self), because: reason)
        if !bytes.isEmpty { _ = Glibc.send(session.pointee.client.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
        end(index, session)
    }
}
