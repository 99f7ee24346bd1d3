// The hot path: plain values in preallocated memory, nothing here allocates, retains or releases.

import Glibc
import LinuxIO
import Wire

/// What is known of one descriptor's readiness.
struct SideFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// Bytes may wait: the last read did not drain the socket.
    static let readable = SideFlags(rawValue: 1)
    /// The last send was taken whole.
    static let writable = SideFlags(rawValue: 2)
    /// A FIN or an error has been announced: only a read that returns 0 or fails ends this side. Sticky, because edges are not repeated.
    static let hungUp = SideFlags(rawValue: 4)
    /// Sends fail: what waits for this side is dropped.
    static let dead = SideFlags(rawValue: 8)
    /// The kernel has reported an error. A read that finds a FIN before it never sees it.
    static let failed = SideFlags(rawValue: 16)
}

/// One end of a session.
struct Side: BitwiseCopyable {
    /// -1 while there is none.
    var descriptor: Int32
    var flags: SideFlags
}

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

/// How far one direction's end has come.
struct DirectionFlags: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    /// The source will send no more.
    static let ended = DirectionFlags(rawValue: 1)
    /// The sink has been told so, or is not to be told.
    static let shut = DirectionFlags(rawValue: 2)
    /// The direction moves bulk: bytes go through a pipe.
    static let spliced = DirectionFlags(rawValue: 4)
    /// splice(2) does not work between these two: never try again.
    static let unspliceable = DirectionFlags(rawValue: 8)
    /// The sink does not hear of an end that comes before the first byte: its handshake is finished by the control thread.
    static let finishesHandshake = DirectionFlags(rawValue: 16)
    /// What is in the buffer does not go to the sink yet: it is being looked at, or there is no sink.
    static let held = DirectionFlags(rawValue: 32)
}

/// The bytes on their way from one side to the other.
struct Direction: BitwiseCopyable {
    /// A buffer lent from the thread's pool while the sink does not take what was read, or bytes are held; `nil` otherwise.
    var buffer: UnsafeMutableRawPointer?
    /// The pending or held bytes in `buffer`: `start..<end`.
    var start: UInt32
    var end: UInt32
    /// The lent pipe's index, -1 for none, and the bytes in it.
    var pipe: Int32
    var pipeBytes: UInt32
    var flags: DirectionFlags
    /// Reads in a row that filled the whole scratch buffer.
    var fullReads: UInt8
    /// Bytes taken from the source since the session began, without those that are held.
    var bytes: UInt64

    /// True when bytes wait for the sink only.
    var hasPending: Bool { end > start && !flags.contains(.held) || pipeBytes > 0 }
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

    init(_ cause: Character, _ phase: Character) {
        self.cause = cause.asciiValue ?? 0
        self.phase = phase.asciiValue ?? 0
    }

    static let normal = Termination("-", "-")
    var isNormal: Bool { self == .normal }
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
    var nextReady: UInt32
    var client: Side
    var server: Side
    /// Asked beside the server because that is slow to greet: only in state `greeting`.
    var second: SecondServer
    /// epoll's words of the kind `second` are the server's, and the other way round: a second one has taken its place.
    var isSwapped: Bool
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
    /// Servers that have failed this session, or that it is asking beside the present one.
    var tried: TriedServers
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
    /// Its place in the backend's queue when it came there, from 1; 0 when it never did.
    var queuePosition: UInt32
    /// Who connected: the peer of the connection, or whom the load balancer names.
    var clientAddress: KernelAddress
    /// What the load balancer says the client connected to; none where it says nothing.
    var clientTarget: KernelAddress

    var hasBackend: Bool { backend != Self.noBackend }
    /// True when the client has sent bytes of its own, or has ended its stream.
    var hasSpoken: Bool { client.flags.contains(.readable) || header == .none && up.flags.contains(.held) }
    /// True when a direction is a stream: its transfers take turns in the ready list.
    var isStreaming: Bool { up.flags.contains(.spliced) || down.flags.contains(.spliced) }
}

/// An IP address and a port as the kernel has them, in as many bytes as they need. A path is no more than its family.
struct KernelAddress: BitwiseCopyable {
    /// Family, port and bytes: the beginning of a `sockaddr_in` or `sockaddr_in6`.
    private var words: (UInt64, UInt64, UInt64, UInt32) = (0, 0, 0, 0)

    /// None.
    init() {}

    init(_ address: RawSocketAddress) {
        withUnsafeBytes(of: address.storage) { source in
            withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<$0.count])) }
        }
    }

    init(_ address: IPAddress, port: UInt16) { self.init(RawSocketAddress(.ip(address, port: port))) }

    /// The port; 0 where there is none.
    var port: UInt16 { address == nil ? 0 : withUnsafeBytes(of: words) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) } }

    /// The IP address; `nil` for a UNIX socket, and for none.
    var address: IPAddress? {
        withUnsafeBytes(of: words) { raw in
            switch Int32(raw.loadUnaligned(as: UInt16.self)) {
            case AF_INET: return .v4(UInt32(bigEndian: raw.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            case AF_INET6:
                let high = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                return .v6(high: high, low: UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
            default: return nil
            }
        }
    }

    /// Both, `nil` as `address`.
    var socketAddress: SocketAddress? { address.map { .ip($0, port: port) } }

    /// Calls `body` with the kernel's family and the address's bytes: four, or sixteen.
    func withAddress<Result>(_ body: (UInt16, UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: words) { raw in
            let family = raw.loadUnaligned(as: UInt16.self)
            return body(family, UnsafeRawBufferPointer(rebasing: Int32(family) == AF_INET6 ? raw[8..<24] : raw[4..<8]))
        }
    }
}
