// Clients that leave before they log in. A server that speaks first may count each connection without a login against this host, and finally refuse the host.
// So the handshake is finished before the connection is closed. This code runs once for each such client; other sessions never reach it.

import Glibc
import LinuxIO
import Synchronization
import Wire

/// A connection to a server whose client has left before logging in.
struct AbandonedHandshake: Sendable {
    /// The connected, non-blocking socket.
    let file: OpenFile
    /// Index into the backends.
    let backend: Int
    /// Index into the flat table of all servers.
    let server: Int
    /// True when the client has received the whole greeting.
    let isGreeted: Bool
    /// The bytes of an incomplete greeting.
    var opening: [UInt8] = []
}

extension ForwardingThread {
    /// True when the client has received the server's greeting and ended its stream without sending a byte. Nothing more can follow.
    func hasClientLeftAfterGreeting(_ session: UnsafeMutablePointer<Session>) -> Bool {
        session.pointee.up.flags.contains(.finishesHandshake) && session.pointee.up.bytes == 0 && session.pointee.down.bytes > 0
            && !session.pointee.down.hasPending
    }

    /// Hands the server's connection over to the control thread, which finishes the handshake. Returns false when the caller must close it: the protocol needs
    /// no finishing, the connection is not established, or too many handshakes are in progress.
    func handOverHandshake(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let isConnected = session.pointee.state == .established || session.pointee.state == .greeting
        let isGreeted = session.pointee.down.bytes > 0
        let opening = session.pointee.state == .greeting ? session.pointee.down : nil
        return handOverHandshake(
            session.pointee.server, of: session.pointee.serverIndex, session, isConnected: isConnected, isGreeted: isGreeted, opening: opening)
    }

    /// Hands over the connection to the first or the second server.
    ///
    /// - Parameter opening: the direction that holds the bytes of an incomplete greeting.
    func handOverHandshake(
        _ side: Side, of server: UInt32, _ session: UnsafeMutablePointer<Session>, isConnected: Bool, isGreeted: Bool = false, opening: Direction? = nil
    ) -> Bool {
        let (server, descriptor) = (Int(server), side.descriptor)
        guard !isStopped, state.serverRules[server].pointee.finishesHandshakes, side.flags.isDisjoint(with: [.dead, .hungUp]) else { return false }
        guard isConnected || completeConnect(descriptor, server, session) else { return false }
        guard state.serverCells[server].pointee.handshakes.tryEnter(limit: state.handshakesPerServer) else {
            if !isGreeted { resetAtClose(descriptor) }
            return false
        }
        poller.remove(descriptor)
        // The port is given back although the connection still uses it: sessions get it last.
        releasePort(descriptor, of: UInt32(server))
        let file = OpenFile(FileDescriptor(owning: descriptor))
        let bytes = opening.map { relay.heldBytes($0) } ?? []
        let handshake = AbandonedHandshake(file: file, backend: Int(session.pointee.backend), server: server, isGreeted: isGreeted, opening: bytes)
        state.process[0].pointee.abandonedHandshakes.withLock { $0.append(handshake) }
        state.controlWakeUp[0].pointee.signal()
        return true
    }

    /// Leaves a server that has not greeted. Its handshake is finished once the greeting arrives.
    mutating func abandonHandshake(_ session: UnsafeMutablePointer<Session>) {
        if !handOverHandshake(session) {
            resetAtClose(session.pointee.server.descriptor)
            closeSocket(session.pointee.server.descriptor, of: session.pointee.serverIndex)
        }
        forgetServer(session)
    }

    /// Makes close(2) send a reset. A server counts a connection that ends before its login, but not a connection that is reset before the server handles it.
    func resetAtClose(_ descriptor: Int32) { Sockets.resetAtClose(descriptor) }

    /// True when a pending connect has succeeded in the meantime, and the server has received its PROXY header if it expects one. A connect that is still
    /// pending needs no finishing.
    private func completeConnect(_ descriptor: Int32, _ server: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        var address = RawSocketAddress()
        guard address.withMutablePointer({ getpeername(descriptor, $0, $1) }) == 0 else { return false }
        return sendHeader(session, to: server, over: descriptor)
    }
}
