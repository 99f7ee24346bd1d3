import Wire

/// Which side speaks first at a server, and in which protocol. Sessions and handshakes ask only here. On the session path every answer is a `switch`, which
/// allocates nothing.
///
/// A further protocol needs a case here, and its own file with the same functions as `MySQLServerFirst`.
package enum ServerFirst: Equatable, Sendable, BitwiseCopyable {
    /// The client, or unknown.
    case none
    /// The server, with any bytes.
    case anything
    /// The server, with MySQL's greeting.
    case mysql

    /// The most bytes needed to classify a first packet.
    static let firstPacketBytesMax = MySQLOpening.bytesMax

    /// True when the first packet may be a refusal, after which a session tries another server.
    var mayRefuse: Bool {
        switch self {
        case .none, .anything: false
        case .mysql: true
        }
    }

    /// Classifies the server's first bytes.
    func firstPacket(in bytes: UnsafeRawBufferPointer) -> FirstPacket {
        switch self {
        case .none: .ready
        case .anything: bytes.isEmpty ? .incomplete : .ready
        case .mysql: MySQLServerFirst.firstPacket(in: bytes)
        }
    }

    /// The packet for a client that no server of `proxy` has taken; empty if the protocol has none.
    func refusal(of proxy: String, because reason: UnservedReason) -> [UInt8] {
        switch self {
        case .none, .anything: []
        case .mysql: MySQLServerFirst.refusal(of: proxy, because: reason)
        }
    }
}

extension Backend {
    /// Whether `server` speaks first, and in which protocol. Until a session has received a byte from it, the session may still move to another server.
    package func opening(of server: Server) -> ServerFirst {
        guard case .mysql = check else { return isServerFirst == true ? .anything : .none }
        return isServerFirst ?? checksTraffic(of: server) ? .mysql : .none
    }

    /// True when `server` is known to speak first, with or without checks.
    package func speaksFirst(_ server: Server) -> Bool {
        guard server.check == nil, isServerFirst == nil, case .mysql = check else { return opening(of: server) != .none }
        return true
    }

    /// True when the first packet of `server` may be a refusal, after which a session tries another server.
    package func mayRefuse(_ server: Server) -> Bool { opening(of: server).mayRefuse }

    /// The protocol in which its clients wait for a first packet, and in which a refusal can be sent.
    var refusalProtocol: ServerFirst { servers.lazy.map(opening).first(where: \.mayRefuse) ?? .none }

    /// True when the clients of `server` log in where its checks do. The handshakes of clients that leave before the login are then finished for them.
    package func finishesHandshakes(of server: Server) -> Bool { canFinishHandshakes && checksTraffic(of: server) }

    /// True when checks have a user, so that a handshake can be finished by logging in.
    var canFinishHandshakes: Bool { if case .mysql(let settings) = check { settings.user != nil } else { false } }

    /// The rest of a handshake at one of its servers; `nil` if it cannot be finished.
    ///
    /// - Parameters:
    ///   - limit: the limit for the first packet.
    ///   - loginLimit: the limit for the answer to the login.
    func handshakeEnding(within limit: Duration, loginWithin loginLimit: Duration, now: Instant) -> (any HandshakeEnding)? {
        guard canFinishHandshakes, case .mysql(let settings) = check else { return nil }
        return MySQLHandshakeEnding(settings, within: limit, loginWithin: loginLimit, now: now)
    }
}
