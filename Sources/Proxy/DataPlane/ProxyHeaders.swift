// The PROXY protocol: headers received from clients and headers sent to servers. This runs once per connection, and only where it is configured.

import CLinux
import Glibc
import LinuxIO
import Wire

/// Why a connection was refused, in HAProxy's words.
enum ProxyHeaderRefusal: String {
    case closed = "Connection closed while waiting for PROXY protocol header"
    case failed = "Connection error while waiting for PROXY protocol header"
    case timeout = "Timeout while waiting for PROXY protocol header"
    case truncated = "Truncated PROXY protocol header received"
    case absent = "Received something which does not look like a PROXY protocol header"
    case malformed = "Received an invalid PROXY protocol header"
    case otherProtocol = "Received an unhandled protocol in the PROXY protocol header"

    /// True when the client left without sending a byte, as port scans do.
    var isDisconnect: Bool { self == .closed || self == .failed }
}

extension ForwardingThread {
    /// How long a session waits for a header before the server may greet. A load balancer sends the header immediately, and retransmits a lost segment after
    /// 200 ms. A load balancer that delays the header until the client's first bytes, as AWS's does by default, waits for the client, which waits for the
    /// server.
    static let headerMilliseconds: Int64 = 300
    /// The minimum time between two lines about late headers.
    private static let lateHeaderReportMilliseconds: Int64 = 600_000

    /// True when a header must or may come first. Until it has arrived or is overdue, the connection is not a session.
    mutating func awaitsHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        let number = Int(session.pointee.listener)
        guard listeners[number].mayHaveHeader else { return false }
        session.pointee.header = .required
        if case .optional(let networks) = proxyHeaders[number] {
            let client = session.pointee.clientAddress.address
            session.pointee.header = networks.contains { network in client.map { network.contains($0) } ?? false } ? .optional : .none
        }
        guard session.pointee.header != .none else { return false }
        session.pointee.state = .inspecting
        if mayBeginWithoutHeader(session) {
            session.pointee.stateDeadline = now + Self.headerMilliseconds
            wheel.arm(index, deadline: session.pointee.stateDeadline)
        } else {
            waitForHeader(index, session)
        }
        return true
    }

    /// True when the session may begin before its header: the server's greeting then makes the client send. The client's bytes are held until the header has
    /// arrived.
    private mutating func mayBeginWithoutHeader(_ session: UnsafeMutablePointer<Session>) -> Bool {
        session.pointee.header != .required || state.frontendRules[Int(session.pointee.frontend)].pointee.greetsBeforeHeader
    }

    /// Waits up to `timeout client-hs` for a header that is required first or that has begun to arrive.
    private mutating func waitForHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let limit = state.frontendRules[Int(session.pointee.frontend)].pointee.handshakeTimeout
        session.pointee.stateDeadline = limit < 0 ? .max : session.pointee.acceptedAt + limit
        if limit < 0 { wheel.cancel(index) } else { wheel.arm(index, deadline: session.pointee.stateDeadline) }
    }

    /// Reads the client's first bytes, which may be a header, and handles their end or timeout. The bytes after the header are held for the server.
    ///
    /// Afterwards the client is readable only for its own bytes or its end.
    ///
    /// - Returns: false when the session has ended.
    @discardableResult
    mutating func readHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>, isOverdue: Bool = false) -> Bool {
        switch relay.inspect(&session.pointee.up, from: &session.pointee.client) {
        case .bytes(let bytes): readHeader(in: bytes, index, session, isOverdue: isOverdue)
        case .nothing: isOverdue ? headerOverdue(index, session) : true
        case .ended: continueWithoutHeader(index, session, .closed)
        case .failed: continueWithoutHeader(index, session, .failed)
        }
    }

    private mutating func readHeader(
        in bytes: UnsafeRawBufferPointer, _ index: Int, _ session: UnsafeMutablePointer<Session>, isOverdue: Bool
    ) -> Bool {
        let hasEnded = session.pointee.client.flags.contains(.hungUp)
        switch ProxyHeader.read(ArraySlice(bytes.prefix(ProxyHeader.bytesMax))) {
        case .whole(let header, let count):
            guard relay.drop(count, of: bytes.count, &session.pointee.up, from: &session.pointee.client) else { return refuse(index, session, .failed) }
            return acceptHeader(header, index, session)
        case .incomplete where hasEnded: return refuse(index, session, .truncated)
        case .incomplete where isOverdue: return refuse(index, session, .timeout)
        case .incomplete:
            session.pointee.client.flags.remove(.readable)
            if session.pointee.state == .inspecting { waitForHeader(index, session) }
            return true
        case .absent: return continueWithoutHeader(index, session, .absent)
        case .malformed(.unknownProtocol): return refuse(index, session, .otherProtocol)
        case .malformed: return refuse(index, session, .malformed)
        }
    }

    private mutating func acceptHeader(_ header: ProxyHeader, _ index: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        if let addresses = header.addresses {
            session.pointee.clientAddress = KernelAddress(addresses.source, port: addresses.sourcePort)
            sessions[extrasOf: session].target = KernelAddress(addresses.destination, port: addresses.destinationPort)
        }
        if let authority = header.authority, state.forwardsAuthority {
            authorities[index] = authority
            session.pointee.hasAuthority = true
        }
        if session.pointee.state != .inspecting { reportLateHeader(session) }
        return finishHeader(index, session)
    }

    /// Begins a session whose header is overdue, if it may begin without one. Its client is silent because it waits for the server, and the header then comes
    /// with the client's first bytes.
    private mutating func headerOverdue(_ index: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        guard session.pointee.state == .inspecting, mayBeginWithoutHeader(session) else { return continueWithoutHeader(index, session, .timeout) }
        begin(index, session)
        return true
    }

    /// Continues without a header if none is required: the bytes are the client's. Otherwise refuses the connection.
    private mutating func continueWithoutHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ reason: ProxyHeaderRefusal) -> Bool {
        // It is normal for a client to leave after its server has.
        let isOver = reason.isDisconnect && session.pointee.down.flags.contains(.ended)
        return session.pointee.header == .optional || isOver ? finishHeader(index, session) : refuse(index, session, reason)
    }

    /// Ends the wait for a header. All further bytes are the client's.
    private mutating func finishHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        session.pointee.header = .none
        if session.pointee.state == .inspecting {
            begin(index, session)
        } else if state.frontendLogs[Int(session.pointee.frontend)].pointee.sessions == .connect {
            logConnect(session)
        } else if session.pointee.state == .established, state.frontendLogs[Int(session.pointee.frontend)].pointee.options.contains(.early) {
            logEarly(session)
        }
        return true
    }

    private mutating func begin(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        wheel.cancel(index)
        session.pointee.state = .waiting
        startSession(index, session)
    }

    private mutating func refuse(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ reason: ProxyHeaderRefusal) -> Bool {
        session.pointee.header = .refused
        logRefusal(session, reason)
        end(index, session)
        return false
    }

    /// Warns the operator about late headers, because they delay every session.
    private mutating func reportLateHeader(_ session: UnsafeMutablePointer<Session>) {
        let frontend = Int(session.pointee.frontend)
        guard isTimeToReport(state.frontendCells[frontend].pointee.lateHeaderReportedAt, every: Self.lateHeaderReportMilliseconds) else { return }
        line.clear()
        line.append("Proxy ")
        line.append(state.frontendNames[frontend].pointee.bytes)
        line.append(": late PROXY header, ")
        line.append(now - session.pointee.acceptedAt)
        line.append("ms after the connect; such sessions start up to ")
        line.append(Self.headerMilliseconds)
        line.append("ms late; make the load balancer send the header with the connect (docs/AWS.md).")
        send(.warning, frontend)
    }

    /// Sends the client's addresses to `server` in a PROXY header, if it expects one. Returns false when the send was incomplete: the connection is then useless.
    func sendHeader(_ session: UnsafeMutablePointer<Session>, to server: Int, over descriptor: Int32) -> Bool {
        guard let form = state.serverRules[server].pointee.proxyHeader else { return true }
        var header = ProxyHeader(nil)
        if case .ip(let target, let port)? = clientTarget(session).socketAddress, let client = session.pointee.clientAddress.address, client.isV6 == target.isV6
        {
            let sourcePort = session.pointee.clientAddress.port
            header.addresses = ProxyHeader.Addresses(source: client, sourcePort: sourcePort, destination: target, destinationPort: port)
        }
        if session.pointee.hasAuthority { header.authority = authorities[sessions.index(of: session)] }
        let bytes = form.bytes(header, values: Array(state.proxyHeaderValues[server].pointee.bytes))
        return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }
}
