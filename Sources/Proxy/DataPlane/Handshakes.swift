// Clients that leave before they log in. A server that speaks first may count each such connection against this host, until it refuses everybody: its handshake is
// finished instead of being closed. Once for such a client; other sessions never come here.

import Glibc
import LinuxIO
import Synchronization
import Wire

/// A connection to a server whose client has left before it logged in.
struct AbandonedHandshake: Sendable {
    /// Connected, non-blocking.
    let file: OpenFile
    /// Index into the backends.
    let backend: Int
    /// Index into the flat table of all servers.
    let server: Int
    /// The greeting has come, and the client has got it.
    let isGreeted: Bool
    /// What has come of a greeting that is not whole.
    var opening: [UInt8] = []
}

extension ForwardingThread {
    /// True when the client has ended its stream, not having sent a byte, and has got the server's greeting: nothing more is to come.
    func hasLeftGreeted(_ session: UnsafeMutablePointer<Session>) -> Bool {
        session.pointee.up.flags.contains(.finishesHandshake) && session.pointee.up.bytes == 0 && session.pointee.down.bytes > 0
            && !session.pointee.down.hasPending
    }

    /// Gives the server's side of a session that ends before the client's first byte to the control thread, which finishes the handshake. False when it is to be
    /// closed: another protocol, no connection, too many already.
    func handOverHandshake(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let isConnected = session.pointee.state == .established || session.pointee.state == .greeting
        let isGreeted = session.pointee.down.bytes > 0
        let opening = session.pointee.state == .greeting ? session.pointee.down : nil
        return handOverHandshake(
            session.pointee.server, of: session.pointee.serverIndex, session, isConnected: isConnected, isGreeted: isGreeted, opening: opening)
    }

    /// The same of either server's side.
    ///
    /// - Parameter opening: it holds what was read of a greeting that is not whole.
    func handOverHandshake(
        _ side: Side, of server: UInt32, _ session: UnsafeMutablePointer<Session>, isConnected: Bool, isGreeted: Bool = false, opening: Direction? = nil
    ) -> Bool {
        let (server, descriptor) = (Int(server), side.descriptor)
        guard !isStopped, state.serverRules[server].pointee.finishesHandshakes, side.flags.isDisjoint(with: [.dead, .hungUp]) else { return false }
        guard isConnected || becomesConnected(descriptor, server, session) else { return false }
        guard state.serverCells[server].pointee.handshakes.enter(limit: state.handshakesPerServer) else {
            if !isGreeted { resetAtClose(descriptor) }
            return false
        }
        poller.remove(descriptor)
        let file = OpenFile(FileDescriptor(owning: descriptor))
        let bytes = opening.map { relay.heldBytes($0) } ?? []
        let handshake = AbandonedHandshake(file: file, backend: Int(session.pointee.backend), server: server, isGreeted: isGreeted, opening: bytes)
        state.process[0].pointee.abandonedHandshakes.withLock { $0.append(handshake) }
        state.controlWakeUp[0].pointee.signal()
        return true
    }

    /// Leaves a server that has not greeted: its handshake is finished when it does at last.
    mutating func leaveHandshake(_ session: UnsafeMutablePointer<Session>) {
        if !handOverHandshake(session) {
            resetAtClose(session.pointee.server.descriptor)
            close(session.pointee.server.descriptor)
        }
        forgetServer(session)
    }

    /// A connection that is reset before the server has looked at it is not counted; one that ends is.
    func resetAtClose(_ descriptor: Int32) { Sockets.resetAtClose(descriptor) }

    /// True when a connect that is under way has succeeded meanwhile, and the server knows all that it is to know first. One that has not is unknown to it.
    private func becomesConnected(_ descriptor: Int32, _ server: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        var address = RawSocketAddress()
        guard address.withMutablePointer({ getpeername(descriptor, $0, $1) }) == 0 else { return false }
        return state.serverRules[server].pointee.proxyHeader.map { sendHeader($0, session, to: descriptor) } ?? true
    }
}
