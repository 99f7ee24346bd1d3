// The hot path: plain values in preallocated memory. This file never allocates, retains or releases.

/// A second server that a session has asked. The session holds a place at it.
struct SecondServer: BitwiseCopyable {
    /// No second server.
    static let none = SecondServer(server: Session.noServer, askedAt: -1)

    /// Index into the flat table of all servers.
    let server: UInt32
    /// The side of a connection that may still be pending. Its bytes stay in the kernel.
    var side = Side(descriptor: -1, flags: [])
    /// When the second server was asked, in milliseconds of the thread's clock.
    let askedAt: Int64

    var isPresent: Bool { server != Session.noServer }
    var isConnected: Bool { side.flags.contains(.writable) }
}

/// The state of a session.
///
///     accepted -> connecting -> greeting -> established -> closed
///      |    |       |  ^           |   (the server speaks first, and the client has received nothing yet; a second server may be asked)
///      |    v       v  |           v
///      |  queued  waiting <--------+  (another server immediately; a pause of up to 1 s before the same one is tried again)
///      v
///     inspecting (a PROXY header may come first; the session begins when it has arrived, or when the server may greet before it)
///
/// Client bytes that are read before the session is established are held in `up`. They go to the server that the session finally stays with, so no byte is sent
/// twice.
enum SessionState: UInt8, BitwiseCopyable {
    case free, inspecting, queued, connecting, greeting, waiting, established
    /// Closed, but still linked in the ready list. Its turn there frees the slot.
    case ended
}

/// Whether a PROXY header may still come before the client's bytes.
enum HeaderExpectation: UInt8, BitwiseCopyable {
    /// All further bytes are the client's.
    case none
    /// The first bytes may be a header.
    case optional
    /// The first bytes must be a header. No byte is sent to a server before it arrives.
    case required
    /// The first bytes were not a valid header. The session ends with a log line that gives the reason.
    case refused
}

/// Which side ended a session, and in which phase: the two letters in HAProxy's log.
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

/// State that only rare sessions need. It is in a separate table whose memory stays untouched until a session uses it.
struct SessionExtras: BitwiseCopyable {
    /// The servers that have failed this session, and the second server that it is asking.
    var tried = TriedServers()
    /// The address that the client connected to, from the load balancer's header; none without a header.
    var target = KernelAddress()
}

/// One client's session, a slot of the thread's session table.
struct Session: BitwiseCopyable {
    static let noServer = UInt32.max
    static let noBackend = UInt16.max
    static let noBind = UInt32.max

    /// Changes at every accept and close, so that a late event does not match a later session.
    var generation: UInt32
    var state: SessionState
    var header: HeaderExpectation
    /// Whether the session is in the thread's ready list. Its successor there is `nextReady`.
    var isReady: Bool
    /// True after connects to more than one server.
    var isRedispatched: Bool
    /// True while the session holds a place at its server.
    var holdsPlace: Bool
    /// True when events of kind `second` belong to `server` and those of kind `server` to `second`: the second server has replaced the first.
    var isSwapped: Bool
    /// The session has written its entry in the table of `SessionExtras`.
    var hasExtras: Bool
    /// True when the queue that the session entered last is that of its server, and not its backend's.
    var isQueuedAtServer: Bool
    var nextReady: UInt32
    var client: Side
    var server: Side
    /// A server that is asked in addition because the first one is slow to greet; only in state `greeting`.
    var second: SecondServer
    /// The kind of the events of each server's side.
    var serverKind: SessionToken.Kind { isSwapped ? .second : .server }
    var secondKind: SessionToken.Kind { isSwapped ? .server : .second }
    /// From the client to the server, and back.
    var up: Direction
    var down: Direction
    var frontend: UInt16
    /// Index into the backends; `noBackend` until one is chosen. The backend counts the session until it ends.
    var backend: UInt16
    /// Index into the flat table of all servers: the session's server, or the only server for which it waits; `noServer` for none.
    var serverIndex: UInt32
    /// The listener's index in its thread.
    var listener: UInt32
    /// Index into the flat table of all binds; `noBind` unless the bind has its own limit or statistics.
    var bind: UInt32
    var retries: UInt16
    /// Whether keepalive toward the server has been set up, which happens once, when the session is old enough.
    var isKeepAliveDone: Bool
    var termination: Termination
    /// The session's line has been written already, at its connect: `option logasap`.
    var isLogged: Bool
    /// The thread holds an authority from the client's PROXY header, for headers to servers.
    var hasAuthority: Bool
    /// Times in milliseconds of the thread's clock; -1 for never.
    var acceptedAt: Int64
    var connectStartedAt: Int64
    var connectedAt: Int64
    /// When a server was last assigned after a pause. Connects that follow immediately belong to the same attempt.
    var assignedAt: Int64
    var lastActivity: Int64
    /// When the first of its directions was shut; 0 before.
    var halfClosedAt: Int64
    /// When a connect, a greeting, a pause or the queue times out.
    var stateDeadline: Int64
    /// When another server is asked; only in state `greeting`.
    var askAt: Int64
    /// The wall clock at accept, in milliseconds since 1970.
    var acceptedWall: Int64
    /// The client's address: the connection's peer, or the source address in the load balancer's header.
    var clientAddress: KernelAddress
    /// The session's position in the queue when it entered it, from 1; 0 if it never did.
    var queuePosition: UInt32

    /// When bytes were last read from the source of `direction`, in milliseconds of the thread's clock. It is at most 49 days before `lastActivity`, which is
    /// longer than any timeout.
    func lastRead(_ direction: Direction) -> Int64 { lastActivity - Int64(UInt32(truncatingIfNeeded: lastActivity) &- direction.readAt) }
    /// Records an activity of both sides.
    mutating func recordActivity(_ now: Int64) {
        lastActivity = now
        up.readAt = UInt32(truncatingIfNeeded: now)
        down.readAt = up.readAt
    }
    var hasBackend: Bool { backend != Self.noBackend }
    /// The server in whose queue the session is; `nil` for its backend's queue. Only in state `queued`.
    var queueServer: UInt32? { isQueuedAtServer ? serverIndex : nil }
    /// True when the client has sent its own bytes, not only a PROXY header, or has ended its stream.
    var hasClientInput: Bool { client.flags.contains(.readable) || header == .none && up.flags.contains(.held) }
    /// True when a direction is a stream. The session then moves its bytes in turns of the ready list.
    var isStreaming: Bool { up.flags.contains(.spliced) || down.flags.contains(.spliced) }
}
