import Glibc
import LinuxIO
import Wire

/// What a probe's connection may take.
struct ProbeLimits: Equatable, Sendable {
    /// The most connections at once; a new one replaces the connection that has been silent longest.
    var connectionsMax = connectionsStandard
    /// `connectionsMax` where descriptors are not short.
    static let connectionsStandard = 256
    /// Several load balancers' nodes ask at once.
    static let connectionsMin = 16
    /// The most requests that have begun and are incomplete; a new one replaces the oldest. Fewer than `connectionsMax`, so that there is always a silent
    /// connection to close for a new one.
    var openRequestsMax: Int { connectionsMax - connectionsMax / 4 }
    /// How long a connection may be silent before a request.
    var idleTimeout = Duration.seconds(60)
    /// How long a request's head may take from its first byte.
    var headTimeout = Duration.seconds(5)
    /// How long a connection that has got its answer may take to close.
    var drainTimeout = Duration.seconds(1)
    /// How long the control thread may not come round.
    var starvedAfter = ProbeFitness.starvedAfter

    /// The limits in production.
    init() {}
}

/// The answer to a request; for HEAD without the body.
struct ProbeReply: Equatable, Sendable {
    /// "200 OK".
    let status: String
    /// JSON and a newline.
    let body: String
    /// Header lines beside the usual ones, each with its CRLF.
    var headers = ""
    /// True when the connection is to end with it: the next request is another process's.
    var isLast = false

    /// The answer to a load balancer.
    init(_ answer: ProbeAnswer, body: String) { (status, self.body) = (answer.isPassing ? "200 OK" : "503 Service Unavailable", body) }

    /// A refusal.
    init(_ status: String, error: String) { (self.status, body) = (status, "{\"error\":\"\(error)\"}\n") }

    /// The refusal of a request that does not come from a load balancer; `nil` for one that may.
    ///
    /// A probe answers every path except those at which programs read HAProxy's numbers: such a program must not take the probe's 200 for an empty
    /// table.
    static func refusal(of request: HTTPRequestHead) -> ProbeReply? {
        if request.method == .other {
            var reply = ProbeReply("405 Method Not Allowed", error: "only GET and HEAD are answered")
            reply.headers = "Allow: GET, HEAD\r\n"
            return reply
        }
        guard request.path == "/metrics" || request.target.contains(";csv") else { return nil }
        return ProbeReply("404 Not Found", error: "there are no metrics here: 'show stat' on the stats socket has them")
    }
}

/// One connection of a load balancer.
///
///     HTTP   silent -> reading -> answered, silent … -> draining -> closed
///     TCP    draining -> closed
///
/// Draining: our side is shut down, and what still comes is thrown away until the peer closes too, because a close over unread bytes
/// would be a reset, which a load balancer may count as a failure.
struct ProbeConnection {
    /// What the owner is to do next.
    enum Step: Equatable {
        /// Wait for readiness or `deadline`.
        case wait
        /// Close.
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

    /// Bytes that are thrown away while draining; a peer that sends more is cut off.
    private static let drainBytesMax = 64 * 1024

    /// The socket.
    let file: OpenFile
    /// When it is closed if nothing happens.
    private(set) var deadline: Instant
    /// What the connection waits for.
    private(set) var phase = Phase.silent
    /// Since when it waits.
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

    /// True while a request has begun and is incomplete.
    var isReading: Bool { phase == .reading }

    private mutating func enter(_ next: Phase, for patience: Duration, now: Instant) {
        (phase, since) = (next, now)
        deadline = now.advanced(by: patience)
    }

    /// A connection that has had its answer by being accepted.
    init(tcp file: OpenFile, limits: ProbeLimits, now: Instant) {
        self.init(http: file, limits: limits, now: now)
        startDraining(now: now)
    }

    /// Reads what has come and answers it.
    mutating func advance(now: Instant, reply: (HTTPRequestHead) -> ProbeReply) -> Step {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(file.raw, upTo: HTTPRequestHead.headBytesMax) else { return .wait }
            // Also a half-close with an unfinished head, which cannot be answered.
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
            // Nobody is judged by the header that a load balancer may send first.
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

    /// Sends an answer whole: a peer that asks on and never reads has filled its socket, and is cut off.
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
