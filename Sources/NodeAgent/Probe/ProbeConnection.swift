import Glibc
import LinuxIO
import Wire

/// Limits of a probe's connections.
struct ProbeLimits: Equatable, Sendable {
    /// The most connections at once; a new one replaces the connection that has been silent longest.
    var connectionsMax = connectionsStandard
    /// The standard `connectionsMax`, if descriptors suffice.
    static let connectionsStandard = 256
    /// The minimum of `connectionsMax`: several nodes of load balancers connect at once.
    static let connectionsMin = 16
    /// The most incomplete requests; a new one replaces the oldest. The number is below `connectionsMax`, so that a silent connection can always be closed
    /// for a new one.
    var openRequestsMax: Int { connectionsMax - connectionsMax / 4 }
    /// How long a connection may be silent before a request.
    var idleTimeout = Duration.seconds(60)
    /// How long a request's head may take, from its first byte.
    var headTimeout = Duration.seconds(5)
    /// How long a peer may take to close after its answer.
    var drainTimeout = Duration.seconds(1)
    /// How long the control thread may be stalled before the probe fails.
    var stalledAfter = ProbeSharedState.stalledAfter

    /// The standard limits.
    init() {}
}

/// The answer to a request; for HEAD without the body.
struct ProbeReply: Equatable, Sendable {
    /// "200 OK".
    let status: String
    /// JSON and a newline.
    let body: String
    /// Additional header lines, each with its CRLF.
    var headers = ""
    /// Whether the connection ends with this reply, because the next request is for another process.
    var isLast = false

    /// The reply with the section's answer.
    init(_ answer: ProbeAnswer, body: String) { (status, self.body) = (answer.isPassing ? "200 OK" : "503 Service Unavailable", body) }

    /// A reply that refuses the request.
    init(_ status: String, error: String) { (self.status, body) = (status, "{\"error\":\"\(error)\"}\n") }

    /// The refusal of a request that does not come from a load balancer; `nil` for an acceptable one.
    ///
    /// A probe answers every path except those at which programs read HAProxy's metrics: these programs must not mistake the probe's 200 for an empty table.
    static func refusal(of request: HTTPRequestHead) -> ProbeReply? {
        if request.method == .other {
            var reply = ProbeReply("405 Method Not Allowed", error: "only GET and HEAD are supported")
            reply.headers = "Allow: GET, HEAD\r\n"
            return reply
        }
        guard request.path == "/metrics" || request.target.contains(";csv") else { return nil }
        return ProbeReply("404 Not Found", error: "no metrics here: use 'show stat' on the stats socket")
    }
}

/// One connection of a load balancer.
///
///     HTTP   silent -> reading -> answered, silent … -> draining -> closed
///     TCP    draining -> closed
///
/// Draining: this side is shut down, and incoming bytes are discarded until the peer closes, because closing with unread bytes would cause a reset,
/// which a load balancer may count as a failure.
struct ProbeConnection {
    /// The next action of the owner.
    enum Step: Equatable {
        /// Wait for readiness or `deadline`.
        case wait
        /// Close the connection.
        case close
    }

    /// What the connection waits for.
    enum Phase: Equatable {
        /// The first byte of a request, or of a PROXY header before it.
        case silent
        /// The rest of a request.
        case reading
        /// The peer's close, after this many discarded bytes.
        case draining(bytes: Int)
    }

    /// The most bytes discarded while draining; a peer that sends more is disconnected.
    private static let drainBytesMax = 64 * 1024

    /// The socket.
    let file: OpenFile
    /// When the connection is closed if nothing happens.
    private(set) var deadline: Instant
    /// What the connection waits for.
    private(set) var phase = Phase.silent
    /// When the present phase began.
    private(set) var since: Instant
    private let limits: ProbeLimits
    private var input: [UInt8] = []
    private var isBeforeFirstRequest = true

    /// A connection that waits for its first request.
    init(http file: OpenFile, limits: ProbeLimits, now: Instant) {
        self.file = file
        self.limits = limits
        since = now
        deadline = now.advanced(by: limits.idleTimeout)
    }

    /// Whether a request has begun and is incomplete.
    var isReading: Bool { phase == .reading }

    private mutating func enter(_ next: Phase, for timeout: Duration, now: Instant) {
        (phase, since) = (next, now)
        deadline = now.advanced(by: timeout)
    }

    /// A connection to a TCP probe: accepting it was the answer.
    init(tcp file: OpenFile, limits: ProbeLimits, now: Instant) {
        self.init(http: file, limits: limits, now: now)
        startDraining(now: now)
    }

    /// Reads available bytes and answers complete requests.
    mutating func advance(now: Instant, reply: (HTTPRequestHead) -> ProbeReply) -> Step {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(file.raw, upTo: HTTPRequestHead.headBytesMax) else { return .wait }
            // A half-close with an unfinished head also ends here, because the request cannot be answered.
            guard !bytes.isEmpty else { return .close }
            switch phase {
            case .draining(let count):
                phase = .draining(bytes: count + bytes.count)
                return count + bytes.count > Self.drainBytesMax ? .close : .wait
            case .silent: enter(.reading, for: limits.headTimeout, now: now)
            case .reading: break
            }
            input += bytes
            return try answerAll(now: now, reply: reply)
        } catch {
            return .close
        }
    }

    private mutating func answerAll(now: Instant, reply: (HTTPRequestHead) -> ProbeReply) throws(SystemError) -> Step {
        if isBeforeFirstRequest {
            // The client address in a PROXY header has no effect on the answer.
            switch ProxyHeader.read(input[...]) {
            case .absent: break
            case .incomplete: return .wait
            case .whole(_, let bytes): input.removeFirst(bytes)
            case .malformed: return try refuse(now: now)
            }
            isBeforeFirstRequest = false
        }
        while isReading, !input.isEmpty {
            switch HTTPRequestHead.parse(input[...]) {
            case .incomplete: return .wait
            case .malformed: return try refuse(now: now)
            case .request(let request, let bytes):
                input.removeFirst(bytes)
                let reply = reply(request)
                let keepsAlive = request.keepsAlive && !reply.isLast
                try send(reply, keepsAlive: keepsAlive, isHead: request.method == .head)
                guard keepsAlive else {
                    startDraining(now: now)
                    break
                }
                if input.isEmpty { enter(.silent, for: limits.idleTimeout, now: now) } else { enter(.reading, for: limits.headTimeout, now: now) }
            }
        }
        return .wait
    }

    private mutating func refuse(now: Instant) throws(SystemError) -> Step {
        try send(ProbeReply("400 Bad Request", error: "not an HTTP/1 request"), keepsAlive: false, isHead: false)
        startDraining(now: now)
        return .wait
    }

    /// Sends a whole answer. If the socket is full, the peer sends requests without reading answers, and is disconnected.
    private func send(_ reply: ProbeReply, keepsAlive: Bool, isHead: Bool) throws(SystemError) {
        let head =
            "HTTP/1.1 \(reply.status)\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: \(reply.body.utf8.count)\r\n"
            + reply.headers + "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        let bytes = Array((isHead ? head : head + reply.body).utf8)
        guard try Sockets.send(file.raw, bytes[...]) == bytes.count else { throw SystemError("send", code: EAGAIN) }
    }

    private mutating func startDraining(now: Instant) {
        shutdown(file.raw, Int32(SHUT_WR))
        input = []
        enter(.draining(bytes: 0), for: limits.drainTimeout, now: now)
    }
}
