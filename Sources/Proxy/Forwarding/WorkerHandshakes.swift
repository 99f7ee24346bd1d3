// Clients that leave before they log in. MySQL counts each such connection against this host (max_connect_errors), until it refuses everybody: it is logged
// in on instead of being closed. Once for such a client; other sessions never come here.

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
}

extension AbandonedHandshake {
    /// Handshakes of one server at once. Beyond them connections are closed. Each takes a round trip, but they come in bursts.
    static let outstandingMax = 1024
}

extension Worker {
    /// True when the client has ended its stream, not having sent a byte, and has got the server's greeting: nothing more is to come.
    func hasLeftGreeted(_ session: UnsafeMutablePointer<Session>) -> Bool {
        session.pointee.up.flags.contains(.finishesHandshake) && session.pointee.up.bytes == 0 && session.pointee.down.bytes > 0
            && !session.pointee.down.hasPending
    }

    /// Gives the server's side of a session that ends before the client's first byte to the control thread, which logs in and quits. False when it is to be
    /// closed: another protocol, no connection, too many already.
    func handOverHandshake(_ session: UnsafeMutablePointer<Session>) -> Bool {
        let (server, descriptor) = (Int(session.pointee.serverIndex), session.pointee.server.descriptor)
        guard !isStopped, table.servers[server].pointee.finishesHandshakes, session.pointee.server.flags.isDisjoint(with: [.dead, .hungUp]) else {
            return false
        }
        guard session.pointee.state == .established || becomesConnected(session) else { return false }
        let isGreeted = session.pointee.down.bytes > 0
        guard state.serverCells[server].pointee.handshakes.enter(limit: AbandonedHandshake.outstandingMax) else {
            // A connection that is reset before the server has looked at it is not counted; one that ends is.
            var linger = linger(l_onoff: 1, l_linger: 0)
            if !isGreeted { setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size)) }
            return false
        }
        poller.remove(descriptor)
        let file = OpenFile(FileDescriptor(owning: descriptor))
        let handshake = AbandonedHandshake(file: file, backend: Int(session.pointee.backend), server: server, isGreeted: isGreeted)
        state.abandonedHandshakes.withLock { $0.append(handshake) }
        state.controlWakeUp.signal()
        return true
    }

    /// True when a connect that is under way has succeeded meanwhile, and the server knows all that it is to know first. One that has not is unknown to it.
    private func becomesConnected(_ session: UnsafeMutablePointer<Session>) -> Bool {
        var address = RawSocketAddress()
        guard address.withMutablePointer({ getpeername(session.pointee.server.descriptor, $0, $1) }) == 0 else { return false }
        return table.servers[Int(session.pointee.serverIndex)].pointee.proxyHeader.map { sendHeader($0, session) } ?? true
    }
}
