// The PROXY protocol: the header before a client's first byte, and the one before ours to a server. Once a connection, and only where it is configured.

import CLinux
import Glibc
import LinuxIO
import Wire

/// Why a connection became no session, in HAProxy's words.
enum ProxyHeaderRefusal: String {
    case closed = "Connection closed while waiting for PROXY protocol header"
    case failed = "Connection error while waiting for PROXY protocol header"
    case timeout = "Timeout while waiting for PROXY protocol header"
    case truncated = "Truncated PROXY protocol header received"
    case absent = "Received something which does not look like a PROXY protocol header"
    case malformed = "Received an invalid PROXY protocol header"
    case otherProtocol = "Received an unhandled protocol in the PROXY protocol header"

    /// True where nothing was received that is worth a line: `option dontlognull` hides these, as in HAProxy.
    var isEmpty: Bool { self == .closed || self == .failed || self == .timeout }
}

extension Worker {
    /// How long a header that need not come is waited for: a load balancer sends it at once, and once more after 200 ms when that segment is lost; a
    /// client of a server that speaks first would wait for ever.
    private static let optionalMilliseconds: Int64 = 300

    /// True when a header is to come, or may: the connection waits for it, and is no session before.
    mutating func awaitsHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>) -> Bool {
        let number = Int(session.pointee.listener)
        guard listeners[number].mayHaveHeader else { return false }
        session.pointee.state = .awaitingHeader
        guard case .optional(let networks) = listeners[number].proxyHeader else {
            waitForHeader(index, session)
            return true
        }
        guard let client = session.pointee.clientAddress.address, networks.contains(where: { $0.contains(client) }) else {
            session.pointee.state = .waiting
            return false
        }
        session.pointee.stateDeadline = now + Self.optionalMilliseconds
        wheel.arm(index, deadline: session.pointee.stateDeadline)
        return true
    }

    /// A header that must come, or has begun, may take `timeout client`.
    private mutating func waitForHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        let limit = state.frontendRules[Int(session.pointee.frontend)].pointee.clientTimeout
        session.pointee.stateDeadline = limit < 0 ? .max : session.pointee.acceptedAt + limit
        if limit < 0 { wheel.cancel(index) } else { wheel.arm(index, deadline: session.pointee.stateDeadline) }
    }

    /// Bytes of a connection that waits for a header have come, or its end, or its time is over. They are looked at where they lie, and taken only as far
    /// as the header goes.
    mutating func readHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>, isLate: Bool = false) {
        let descriptor = session.pointee.client.descriptor
        var failure: Int32 = 0
        var bytes = [UInt8](unsafeUninitializedCapacity: ProxyHeader.bytesMax) { buffer, count in
            let received = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
            failure = received < 0 ? errno : 0
            count = max(0, received)
        }
        if failure == EAGAIN || failure == EINTR { return isLate ? withoutHeader(index, session, .timeout) : () }
        guard failure == 0 else { return refuse(index, session, .failed) }
        guard !bytes.isEmpty else { return withoutHeader(index, session, .closed) }
        switch ProxyHeader.read(bytes[...]) {
        case .whole(let header, let count):
            guard recv(descriptor, &bytes, count, Int32(MSG_DONTWAIT)) == count else { return refuse(index, session, .failed) }
            if let addresses = header.addresses {
                session.pointee.clientAddress = KernelAddress(addresses.source, port: addresses.sourcePort)
                session.pointee.clientTarget = KernelAddress(addresses.destination, port: addresses.destinationPort)
            }
            admit(index, session)
        case .incomplete where session.pointee.client.flags.contains(.hungUp): refuse(index, session, .truncated)
        case .incomplete: if isLate { refuse(index, session, .timeout) } else { waitForHeader(index, session) }
        case .absent: withoutHeader(index, session, .absent)
        case .malformed(.unknownProtocol): refuse(index, session, .otherProtocol)
        case .malformed: refuse(index, session, .malformed)
        }
    }

    /// There is no header: where one need not come the connection speaks for itself.
    private mutating func withoutHeader(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ reason: ProxyHeaderRefusal) {
        if listeners[Int(session.pointee.listener)].proxyHeader == .required { refuse(index, session, reason) } else { admit(index, session) }
    }

    private mutating func admit(_ index: Int, _ session: UnsafeMutablePointer<Session>) {
        wheel.cancel(index)
        session.pointee.state = .waiting
        startSession(index, session)
    }

    private mutating func refuse(_ index: Int, _ session: UnsafeMutablePointer<Session>, _ reason: ProxyHeaderRefusal) {
        logRefusal(session, reason)
        end(index, session)
    }

    /// Tells the server who its client is, before anything else. False when the connection did not take it: it is as good as not there.
    func sendHeader(_ form: ProxyHeaderForm, _ session: UnsafeMutablePointer<Session>, to descriptor: Int32) -> Bool {
        var header = ProxyHeader(nil)
        if case .ip(let target, let port)? = clientTarget(session), let client = session.pointee.clientAddress.address, client.isV6 == target.isV6 {
            let sourcePort = session.pointee.clientAddress.port
            header.addresses = ProxyHeader.Addresses(source: client, sourcePort: sourcePort, destination: target, destinationPort: port)
        }
        let bytes = form.bytes(header)
        return Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }
}
