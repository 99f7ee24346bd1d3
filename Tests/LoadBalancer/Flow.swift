// A client's connection and the connection to its target: bytes, ends of stream and resets pass from each to the other.

import CLinux
import Glibc
import LinuxIO
import Wire

/// How a flow ended.
enum FlowEnd: Equatable {
    /// Both sides have ended their streams.
    case finished
    /// The target refused the connect, or it failed in another way.
    case connectFailed
    /// The client reset before the target had accepted; the target is not at fault.
    case clientHasGone
    /// One side reset, so the other one was reset as well.
    case resetByPeer
    /// The load balancer reset both sides.
    case resetByBalancer
}

/// Two sockets and the bytes between them.
final class Flow {
    /// The maximum number of bytes of one direction that wait here.
    private static let bytesMax = 64 << 10

    /// One direction.
    private struct Way {
        var pending: ArraySlice<UInt8> = []
        /// The source has sent its end of stream.
        var hasEnded = false
        /// The end has been passed on.
        var isShut = false
    }

    let target: Int
    private let client: OpenFile
    private let server: OpenFile
    private let reactor: Reactor
    private var toServer = Way()
    private var toClient = Way()
    private(set) var isConnected = false
    private(set) var lastActivity: Instant
    /// Called once, after both sockets are closed.
    private var onEnd: ((FlowEnd) -> Void)?

    /// - Parameters:
    ///   - server: a socket whose connect has started.
    ///   - header: bytes for the target before the client's.
    init(
        client: OpenFile, server: OpenFile, target: Int, header: [UInt8], reactor: Reactor, onEnd: @escaping (FlowEnd) -> Void
    ) throws(SystemError) {
        (self.client, self.server, self.target, self.reactor, self.onEnd) = (client, server, target, reactor, onEnd)
        lastActivity = reactor.now
        toServer.pending = header[...]
        try reactor.watch(server.raw, for: .write) { [weak self] _ in self?.serverIsReady() }
        do throws(SystemError) {
            try reactor.watch(client.raw, for: []) { [weak self] _ in self?.pump() }
        } catch {
            reactor.unwatch(server.raw)
            throw error
        }
    }

    private func serverIsReady() {
        if !isConnected {
            if Sockets.pendingError(server.raw) != nil { return end(.connectFailed) }
            isConnected = true
        }
        pump()
    }

    /// Ends both sides with a RST.
    func reset() { end(.resetByBalancer) }

    /// Moves all possible bytes, passes ends of stream on, and updates the watched events.
    private func pump() {
        if Sockets.pendingError(client.raw) != nil { return end(isConnected ? .resetByPeer : .clientHasGone) }
        if Sockets.pendingError(server.raw) != nil { return end(isConnected ? .resetByPeer : .connectFailed) }
        guard isConnected else { return }
        do throws(SystemError) {
            try move(from: client, to: server, &toServer)
            try move(from: server, to: client, &toClient)
            if toServer.isShut, toClient.isShut { return end(.finished) }
            try reactor.rewatch(client.raw, for: interest(reading: toServer, writing: toClient))
            try reactor.rewatch(server.raw, for: interest(reading: toClient, writing: toServer))
        } catch {
            end(.resetByPeer)
        }
    }

    private func move(from source: OpenFile, to sink: OpenFile, _ way: inout Way) throws(SystemError) {
        if way.pending.isEmpty, !way.hasEnded, let bytes = try Sockets.receive(source.raw, upTo: Self.bytesMax) {
            lastActivity = reactor.now
            if bytes.isEmpty { way.hasEnded = true } else { way.pending = bytes[...] }
        }
        if !way.pending.isEmpty { way.pending = way.pending.dropFirst(try Sockets.send(sink.raw, way.pending)) }
        if way.pending.isEmpty, way.hasEnded, !way.isShut {
            way.isShut = true
            shutdown(sink.raw, Int32(SHUT_WR))
        }
    }

    private func interest(reading: Way, writing: Way) -> Interest {
        var interest: Interest = []
        if !reading.hasEnded, reading.pending.isEmpty { interest.insert(.read) }
        if !writing.pending.isEmpty { interest.insert(.write) }
        return interest
    }

    private func end(_ how: FlowEnd) {
        guard let onEnd else { return }
        self.onEnd = nil
        for side in [client, server] {
            reactor.unwatch(side.raw)
            if how != .finished { Flow.closeWithReset(side.raw) }
        }
        onEnd(how)
    }

    /// Makes the next close send a RST.
    static func closeWithReset(_ raw: Int32) {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        setsockopt(raw, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    }
}
