// The hot path: the sockets of connections to servers, from socket(2) and bind(2) to close(2).

import CLinux
import Glibc
import LinuxIO
import Wire

extension ForwardingThread {
    /// The minimum time between two lines of a backend about connects without a local address or port.
    private static let sourceReportMilliseconds: Int64 = 10_000

    /// The address to connect to for a session: the server's, in which the client's destination replaces `*` and a relative port. Returns `nil` while the server
    /// has no address, and when no such port exists.
    func destination(of server: UInt32, _ session: UnsafeMutablePointer<Session>) -> RawSocketAddress? {
        guard let address = state.serverCells[Int(server)].pointee.address.withLock({ $0 }) else { return nil }
        let rules = state.serverRules[Int(server)]
        guard rules.pointee.clientPortOffset != nil || rules.pointee.hasClientAddress else { return address }
        // A UNIX socket has nothing to replace.
        guard Int32(address.storage.ss_family) != AF_UNIX, case .ip(let own, let ownPort)? = address.address else { return address }
        let target = clientTarget(session)
        var port = ownPort
        if let offset = rules.pointee.clientPortOffset {
            guard let relative = UInt16(exactly: Int(target.port) + offset) else { return nil }
            port = relative
        }
        // A client of a UNIX socket has connected to no address. As in HAProxy, `*` then means this host.
        return RawSocketAddress(.ip(rules.pointee.hasClientAddress ? target.address ?? own : own, port: port))
    }

    /// Opens a socket for a connect to `server` at `address`. Returns `nil`, with errno set, when the system has no socket left.
    func openSocket(_ server: UInt32, for address: borrowing RawSocketAddress) -> Int32? {
        let family = Int32(address.storage.ss_family)
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor =
            if let namespace = state.serverRules[Int(server)].pointee.namespace, family != AF_UNIX { namespace.openSocket(family, type) } else {
                socket(family, type, 0)
            }
        guard descriptor >= 0 else { return nil }
        state.serverBuffers.set(on: descriptor)
        counters.servers[Int(server)].pointee.connects.add()
        counters.servers[Int(server)].pointee.sessions.add()
        // With Nagle's algorithm the client's first bytes would wait until the header is acknowledged. Without a header the relay turns it off when necessary.
        if family != AF_UNIX, state.serverRules[Int(server)].pointee.proxyHeader != nil { Sockets.disableNagle(descriptor) }
        var userTimeout = state.serverRules[Int(server)].pointee.userTimeout
        if userTimeout > 0, family != AF_UNIX { setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &userTimeout, 4) }
        return descriptor
    }

    /// Connects a socket to `address` for a session with `server`.
    ///
    /// - Returns: 0 when the connect has begun; otherwise the errno. EADDRNOTAVAIL means that this host has no local address or port for it.
    mutating func connectSocket(
        _ descriptor: Int32, _ server: UInt32, _ address: borrowing RawSocketAddress, _ session: UnsafeMutablePointer<Session>
    ) -> Int32 {
        let isIP = Int32(address.storage.ss_family) != AF_UNIX
        if isIP, let source = state.serverRules[Int(server)].pointee.source, !bindSocket(descriptor, source, session) { return EADDRNOTAVAIL }
        if isIP, state.backendRules[Int(session.pointee.backend)].pointee.delaysAcknowledgements, hasBytes(for: server, session) {
            Sockets.delayAcknowledgement(descriptor)
        }
        guard address.withPointer({ Glibc.connect(descriptor, $0, $1) }) != 0, errno != EINPROGRESS else { return 0 }
        let code = errno
        guard isIP, SystemError("connect", code: code).lacksLocalAddress else { return code }
        reportSource(session, .error, "Connect() failed for backend ", code == EADDRINUSE ? ": local address already in use." : ": no free ports.")
        return EADDRNOTAVAIL
    }

    /// Binds a socket to the local address of `source`, an index into the sources. Returns false, and logs a line, when that is impossible.
    private mutating func bindSocket(_ descriptor: Int32, _ source: UInt32, _ session: UnsafeMutablePointer<Session>) -> Bool {
        let rules = state.sources[Int(source)]
        let presented = rules.pointee.presentedAddress(to: session.pointee.clientAddress)
        if rules.pointee.bind(descriptor, presenting: presented, ports: state.sourcePorts[Int(source)].pointee) { return true }
        reportSource(
            session, .emergency,
            presented == nil
                ? "Cannot bind to source address before connect() for backend " : "Cannot bind to tproxy source address before connect() for backend ", ".")
        return false
    }

    /// True when bytes wait for the server: a PROXY header, or bytes of the client, of which the kernel may not have reported any yet.
    private func hasBytes(for server: UInt32, _ session: UnsafeMutablePointer<Session>) -> Bool {
        if state.serverRules[Int(server)].pointee.proxyHeader != nil || session.pointee.up.flags.contains(.held) { return true }
        var byte: UInt8 = 0
        return recv(session.pointee.client.descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 1
    }

    /// Logs HAProxy's line about a connect that this host cannot make, at most once in `sourceReportMilliseconds` per backend over all threads.
    ///
    /// - Parameters:
    ///   - before: the text before the backend's name.
    ///   - after: the text after it.
    private mutating func reportSource(_ session: UnsafeMutablePointer<Session>, _ level: LogLevel, _ before: StaticString, _ after: StaticString) {
        let backend = Int(session.pointee.backend)
        guard isTimeToReport(state.backendCells[backend].pointee.sourceReportedAt, every: Self.sourceReportMilliseconds) else { return }
        line.clear()
        line.append(before)
        line.append(state.backendNames[backend].pointee.bytes)
        line.append(after)
        send(level, Int(session.pointee.frontend))
    }

    /// Closes the socket of a connection to `server`.
    func closeSocket(_ descriptor: Int32, of server: UInt32) {
        releasePort(descriptor, of: server)
        close(descriptor)
    }

    /// Gives the port of a socket back to the port range of the server's `source`, if it has one. Call it once for each socket.
    func releasePort(_ descriptor: Int32, of server: UInt32) {
        guard let source = state.serverRules[Int(server)].pointee.source, state.sources[Int(source)].pointee.hasPortRange else { return }
        state.sourcePorts[Int(source)].pointee.release(descriptor)
    }

    /// The address that the client connected to; none when it cannot be found out.
    func clientTarget(_ session: UnsafeMutablePointer<Session>) -> KernelAddress {
        let target = sessions[extrasOf: session].target
        if !target.isNone { return target }
        let listener = listeners[Int(session.pointee.listener)].address
        guard listener.isNone else { return listener }
        var address = RawSocketAddress()
        let result = address.withMutablePointer { getsockname(session.pointee.client.descriptor, $0, $1) }
        return result == 0 ? KernelAddress(address) : KernelAddress()
    }
}
