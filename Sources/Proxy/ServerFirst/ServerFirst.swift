import Wire

/// Who speaks first at a server, and in which protocol: the one place where sessions and handshakes ask about it. On the path of a session every answer is a
/// `switch`, which allocates nothing.
///
/// A further protocol is a case here, and a file of its own that gives the same answers as `MySQLServerFirst`.
package enum ServerFirst: Equatable, Sendable, BitwiseCopyable {
    /// The client does, or nobody knows.
    case none
    /// The server, with any byte.
    case anything
    /// The server, with MySQL's greeting.
    case mysql

    /// More of a server's first bytes than these are never needed.
    static let firstPacketBytesMax = MySQLOpening.bytesMax

    /// True when the first packet may be a refusal, after which a session tries another server.
    var mayRefuse: Bool {
        switch self {
        case .none, .anything: false
        case .mysql: true
        }
    }

    /// What the server's first bytes say, wherever they lie.
    func firstPacket(in bytes: UnsafeRawBufferPointer) -> FirstPacket {
        switch self {
        case .none: .ready
        case .anything: bytes.isEmpty ? .incomplete : .ready
        case .mysql: MySQLServerFirst.firstPacket(in: bytes)
        }
    }

    /// What a client gets in place of the first packet when no server of `proxy` has taken it; empty where nothing can be said.
    func refusal(of proxy: String, because reason: UnservedReason) -> [UInt8] {
        switch self {
        case .none, .anything: []
        case .mysql: MySQLServerFirst.refusal(of: proxy, because: reason)
        }
    }
}

extension Backend {
    /// What `server` says first, before its clients speak: what has got none of it may still go to another server.
    package func opening(of server: Server) -> ServerFirst {
        guard case .mysql = check else { return isServerFirst == true ? .anything : .none }
        return isServerFirst ?? checksTraffic(of: server) ? .mysql : .none
    }

    /// True when `server` is known to speak before its clients, with or without checks.
    package func speaksFirst(_ server: Server) -> Bool {
        guard server.check == nil, isServerFirst == nil, case .mysql = check else { return opening(of: server) != .none }
        return true
    }

    /// True when the first packet of `server` may be a refusal, after which a session tries another server.
    package func mayRefuse(_ server: Server) -> Bool { opening(of: server).mayRefuse }

    /// The protocol in which its clients wait for a first packet, and can be told why there is none.
    var clientsAwait: ServerFirst { servers.lazy.map(opening).first(where: \.mayRefuse) ?? .none }

    /// True when clients of `server` log in where its checks do: for those that leave before that, somebody else logs in.
    package func finishesHandshakes(of server: Server) -> Bool { canFinishHandshakes && checksTraffic(of: server) }

    /// True when a handshake at a server can be finished as its checks do.
    var canFinishHandshakes: Bool { if case .mysql(let settings) = check { settings.user != nil } else { false } }

    /// The rest of a handshake at one of its servers; `nil` where it cannot be finished.
    ///
    /// - Parameters:
    ///   - limit: for the first packet.
    ///   - loginLimit: for the answer to the login.
    func handshakeEnding(within limit: Duration, loginWithin loginLimit: Duration, now: Instant) -> (any HandshakeEnding)? {
        guard canFinishHandshakes, case .mysql(let settings) = check else { return nil }
        return MySQLHandshakeEnding(settings, within: limit, loginWithin: loginLimit, now: now)
    }
}
