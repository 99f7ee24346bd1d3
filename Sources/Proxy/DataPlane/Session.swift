// The hot path: plain values in preallocated memory, nothing here allocates, retains or releases.

/// A second server that a session asks. A place of it is held.
struct SecondServer: BitwiseCopyable {
    /// None.
    static let none = SecondServer(server: Session.noServer, askedAt: -1)

    /// Index into the flat table of all servers.
    let server: UInt32
    /// Its connect may be under way. What it says is not taken.
    var side = Side(descriptor: -1, flags: [])
    /// Milliseconds of the thread's clock.
    let askedAt: Int64

    var isThere: Bool { server != Session.noServer }
    var isConnected: Bool { side.flags.contains(.writable) }
}

/// Where a session stands.
///
///     accepted -> connecting -> greeting -> established -> closed
///      |    |       |  ^           |   (the server speaks first, and its client has got nothing yet; a second server may be asked, too)
///      |    v       v  |           v
///      |  queued  waiting <--------+  (another server at once; 1 s before the same one is tried again)
///      v
///     inspecting: the client's first bytes decide. It becomes a session when the load balancer's header has come, or when the server is to greet first
///
/// Client's bytes that were read before there is a server are held in `up`, in every state: they go to the server that the session stays with, which it does from
/// `established` on. So they may follow the session from one server to another, and no byte is sent twice.
enum SessionState: UInt8, BitwiseCopyable {
    case free, inspecting, queued, connecting, greeting, waiting, established
    /// Closed, but still linked in the ready list: its turn there frees the slot.
    case ended
}

/// Whether a PROXY header may still come at the front of the client's bytes.
enum HeaderExpectation: UInt8, BitwiseCopyable {
    /// All bytes are the client's own.
    case none
    /// The first bytes may be a header.
    case optional
    /// The first bytes must be a header: no byte goes to a server before it.
    case required
    /// The first bytes were no valid header: the session ends with a log line that gives the reason.
    case refused
}

/// Who ended a session, and while what: the two letters of HAProxy's log.
struct Termination: BitwiseCopyable, Equatable {
    var cause: UInt8
    var phase: UInt8

    init(_ cause: Unicode.Scalar, _ phase: Unicode.Scalar) {
        self.cause = UInt8(ascii: cause)
        self.phase = UInt8(ascii: phase)
    }

    static let normal = Termination("-", "-")
    var isNormal: Bool { self == .normal }
}

/// State that only some sessions need. It is in a table beside the sessions, whose memory stays untouched until a session uses it.
struct SessionExtras: BitwiseCopyable {
    /// Servers that have failed the session, or that it is asking beside the present one.
    var tried = TriedServers()
    /// The address that the client connected to, from the load balancer's header; none without one.
    var target = KernelAddress()
}

/// One client's session: its two sockets and what is kept of them. A slot of the thread's session table.
struct Session: BitwiseCopyable {
    static let noServer = UInt32.max
    static let noBackend = UInt16.max

    /// Moves on at every accept and close, so that a late event finds no session.
    var generation: UInt32
    var state: SessionState
    var header: HeaderExpectation
    /// Whether it stands in the thread's ready list, and the one after it there.
    var isReady: Bool
    /// A connect to one server has been followed by one to another.
    var isRedispatched: Bool
    /// Whether a place of the server is held.
    var holdsServer: Bool
    /// epoll's events of kind `second` belong to `server`, and those of kind `server` to `second`: the second server has replaced the first.
    var isSwapped: Bool
    /// The session has written its entry in the table of `SessionExtras`.
    var hasExtras: Bool
    var nextReady: UInt32
    var client: Side
    var server: Side
    /// Asked beside the server because that is slow to greet: only in state `greeting`.
    var second: SecondServer
    /// What epoll's words of each server's side are marked with.
    var serverKind: SessionToken.Kind { isSwapped ? .second : .server }
    var secondKind: SessionToken.Kind { isSwapped ? .server : .second }
    /// From the client to the server, and back.
    var up: Direction
    var down: Direction
    var frontend: UInt16
    /// Index into the backends; `noBackend` until one is chosen, which counts the session until it ends.
    var backend: UInt16
    /// Index into the flat table of all servers; `noServer` for none.
    var serverIndex: UInt32
    /// The listener's index in the thread.
    var listener: UInt32
    var retries: UInt16
    /// Whether keepalive toward the server has been seen to: once, when the session is old enough.
    var isKeepAliveDone: Bool
    var termination: Termination
    /// Milliseconds of the thread's clock.
    var acceptedAt: Int64
    var connectStartedAt: Int64
    var connectedAt: Int64
    /// When it was last given a server after waiting for one: connects that follow at once belong to the same attempt.
    var assignedAt: Int64
    var lastActivity: Int64
    /// When the first of its directions was shut; 0 before.
    var halfClosedAt: Int64
    /// When a connect, a greeting, a wait or the queue gives up.
    var stateDeadline: Int64
    /// When another server is asked, in state `greeting`.
    var askAt: Int64
    /// Wall clock, milliseconds since 1970.
    var acceptedWall: Int64
    /// Who connected: the peer of the connection, or the client that the load balancer names.
    var clientAddress: KernelAddress
    /// Its place in the backend's queue when it came there, from 1; 0 when it never did.
    var queuePosition: UInt32

    var hasBackend: Bool { backend != Self.noBackend }
    /// True when the client has sent bytes of its own, or has ended its stream.
    var hasSpoken: Bool { client.flags.contains(.readable) || header == .none && up.flags.contains(.held) }
    /// True when a direction is a stream: its transfers take turns in the ready list.
    var isStreaming: Bool { up.flags.contains(.spliced) || down.flags.contains(.spliced) }
}
