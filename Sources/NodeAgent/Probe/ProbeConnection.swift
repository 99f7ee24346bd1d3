import Glibc
import LinuxIO
import Wire

/// What a probe's connection may take.
struct ProbeLimits: Equatable, Sendable {
    /// Connections at once; the one that has been idle longest makes room for another.
    var connectionsMax = connectionsStandard
    /// `connectionsMax` where descriptors are not short.
    static let connectionsStandard = 256
    /// Several load balancers' nodes ask at once.
    static let connectionsMin = 16
    /// How long a connection may be idle between requests.
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

/// What a GET is answered; a HEAD without the body.
struct ProbeReply: Equatable, Sendable {
    /// 200, or 503.
    let isPassing: Bool
    /// JSON and a newline.
    let body: String
    /// True when the connection is to end with it: the next request is another process's.
    var isLast = false
}

/// One connection of a load balancer.
///
///     HTTP   awaiting a head -> answered -> awaiting the next one … -> draining -> closed
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

    /// Bytes that are thrown away while draining; a peer that sends more is cut off.
    private static let drainBytesMax = 64 * 1024

    /// The socket.
    let file: OpenFile
    /// When it is closed if nothing happens.
    private(set) var deadline: Instant
    private let limits: ProbeLimits
    private var input: [UInt8] = []
    private var isBeforeFirstRequest = true
    private var drained: Int?

    /// A connection that waits for its first request.
    init(http file: OpenFile, limits: ProbeLimits, now: Instant) {
        self.file = file
        self.limits = limits
        deadline = now.advanced(by: limits.idleTimeout)
    }

    /// A connection that has had its answer by being accepted.
    init(tcp file: OpenFile, limits: ProbeLimits, now: Instant) {
        self.init(http: file, limits: limits, now: now)
        startDraining(now: now)
    }

    /// Reads what has come and answers it.
    mutating func advance(now: Instant, reply: () -> ProbeReply) -> Step {
        do throws(SystemError) {
            guard let bytes = try Sockets.receive(file.raw, upTo: HTTPRequestHead.headBytesMax) else { return .wait }
            if bytes.isEmpty, drained != nil || input.isEmpty { return .close }
            if let count = drained {
                drained = count + bytes.count
                return count + bytes.count > Self.drainBytesMax ? .close : .wait
            }
            // A half-close with an unfinished head cannot be answered.
            guard !bytes.isEmpty else { return .close }
            if input.isEmpty { deadline = now.advanced(by: limits.headTimeout) }
            input += bytes
            return try answerAll(now: now, reply: reply)
        } catch {
            return .close
        }
    }

    private mutating func answerAll(now: Instant, reply: () -> ProbeReply) throws(SystemError) -> Step {
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
        while drained == nil, !input.isEmpty {
            switch HTTPRequestHead.parse(input[...]) {
            case .incomplete: return .wait
            case .malformed: return try refuse(now: now)
            case .request(let request, let bytes):
                input.removeFirst(bytes)
                deadline = now.advanced(by: input.isEmpty ? limits.idleTimeout : limits.headTimeout)
                let reply = reply()
                let keepsAlive = request.keepsAlive && !reply.isLast
                try answer(request, reply, keepsAlive: keepsAlive)
                if !keepsAlive { startDraining(now: now) }
            }
        }
        return .wait
    }

    private mutating func refuse(now: Instant) throws(SystemError) -> Step {
        try send("400 Bad Request", body: "{\"error\":\"not an HTTP/1 request\"}\n", keepsAlive: false)
        startDraining(now: now)
        return .wait
    }

    private func answer(_ request: HTTPRequestHead, _ reply: ProbeReply, keepsAlive: Bool) throws(SystemError) {
        switch request.method {
        case .other:
            let body = "{\"error\":\"only GET and HEAD are answered\"}\n"
            try send("405 Method Not Allowed", headers: "Allow: GET, HEAD\r\n", body: body, keepsAlive: keepsAlive)
        case .get, .head:
            let status = reply.isPassing ? "200 OK" : "503 Service Unavailable"
            try send(status, body: reply.body, keepsAlive: keepsAlive, isHead: request.method == .head)
        }
    }

    /// Sends an answer whole: a peer that asks on and never reads has filled its socket, and is cut off.
    private func send(_ status: String, headers: String = "", body: String, keepsAlive: Bool, isHead: Bool = false) throws(SystemError) {
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: \(body.utf8.count)\r\n"
            + headers + "Connection: \(keepsAlive ? "keep-alive" : "close")\r\n\r\n"
        let bytes = Array((isHead ? head : head + body).utf8)
        guard try Sockets.send(file.raw, bytes[...]) == bytes.count else { throw SystemError("send", code: EAGAIN) }
    }

    private mutating func startDraining(now: Instant) {
        shutdown(file.raw, Int32(SHUT_WR))
        drained = 0
        input = []
        deadline = now.advanced(by: limits.drainTimeout)
    }
}
