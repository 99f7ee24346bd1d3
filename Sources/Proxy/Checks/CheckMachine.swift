import Wire

/// How long a check may take.
package struct CheckLimits: Equatable, Sendable {
    /// For the connect.
    package var connect: Duration
    /// For the answer, from the connection on; `nil`: `whole` holds for connect and answer together.
    package var answer: Duration?
    /// For all of it, where `answer` is `nil`.
    package var whole: Duration

    /// Everything together may take `whole`.
    package init(whole: Duration) { (self.connect, self.whole) = (whole, whole) }

    /// HAProxy's rule: with `timeout check` the connect may take min(`timeout connect`, `inter`) and the answer
    /// `timeout check` more; without it everything together may take `inter`.
    package init(_ settings: CheckSettings, of backend: Backend) {
        whole = settings.interval
        answer = backend.checkTimeout
        connect = settings.interval
        if backend.checkTimeout != nil, let connectTimeout = backend.connectTimeout { connect = min(connectTimeout, settings.interval) }
    }
}

/// How a check's connection is to be closed.
package enum CheckClosing: Equatable, Sendable {
    /// With a RST, as HAProxy does: no TIME_WAIT is left behind.
    case reset
    /// With a FIN: a database would count a RST as an error of this host.
    case orderly
}

/// One attempt to find out whether a server is usable. Feeds on what its connection does, does no I/O.
///
///     connecting --connected--> awaitingGreeting --greeting--> awaitingLogin --any reply but ERR--> finished
///         |                          |  (with a user)              |
///         +----- error, timeout -----+----- error, ERR, timeout ---+--> finished
///
/// A plain connect check, and one without user after the greeting, goes to `finished` directly.
/// Drain the outputs after each input; `deadline` may have moved then.
package struct CheckMachine: Sendable {
    /// What is to be done.
    package enum Output: Equatable, Sendable {
        /// Send these bytes.
        case send([UInt8])
        /// Close, after sending: this is the verdict. Nothing comes after it.
        case finished(CheckResult)
    }

    private enum State: Equatable, Sendable {
        case connecting
        case awaitingGreeting
        case awaitingLogin(serverVersion: String)
        case finished
    }

    /// Greetings and replies are far smaller; what announces more is not MySQL.
    package static let payloadBytesMax = 8192
    /// What HAProxy says of a server that closes without a word.
    static let closedInfo = "ECONNRESET returned by OS (Connection reset by peer)"

    /// How the connection is to be closed in the end.
    package private(set) var closing: CheckClosing
    /// It ended because the server had accepted, and said nothing.
    package private(set) var isUnanswered = false
    /// When `timedOut` is due.
    package private(set) var deadline: Instant

    private let kind: CheckKind
    private let limits: CheckLimits
    private let start: Instant
    private var greetedAfter: Duration?
    /// What the answer to the login may take; `nil` for what is left of the whole.
    private let loginLimit: Duration?
    private var state = State.connecting
    private var packets = MySQLPacketReader(payloadBytesMax: payloadBytesMax)

    /// An attempt whose connect begins now.
    package init(_ kind: CheckKind, limits: CheckLimits, now: Instant) {
        self.kind = kind
        self.limits = limits
        start = now
        loginLimit = nil
        deadline = now.advanced(by: limits.connect)
        closing = kind == .connect ? .reset : .orderly
    }

    /// The rest of a handshake that has begun: an attempt on a connection that is there.
    ///
    /// - Parameters:
    ///   - limit: for the greeting.
    ///   - loginLimit: for the answer to the login.
    package init(finishing settings: MySQLCheckSettings, within limit: Duration, loginWithin loginLimit: Duration, now: Instant) {
        kind = .mysql(settings)
        limits = CheckLimits(whole: limit)
        start = now
        self.loginLimit = loginLimit
        deadline = now.advanced(by: limit)
        closing = .orderly
        state = .awaitingGreeting
    }

    /// True while the server has not spoken.
    package var isAwaitingGreeting: Bool { state == .awaitingGreeting }

    /// True once the verdict is out.
    package var isFinished: Bool { state == .finished }

    /// The connection is there.
    package mutating func connected(now: Instant) -> [Output] {
        guard state == .connecting else { return [] }
        switch kind {
        case .connect:
            return finish(.layer4OK, now: now)
        case .mysql:
            state = .awaitingGreeting
            deadline = limits.answer.map { now.advanced(by: $0) } ?? start.advanced(by: limits.whole)
            return []
        }
    }

    /// Bytes came.
    package mutating func receive(_ bytes: [UInt8], now: Instant) -> [Output] {
        packets.append(bytes)
        var outputs: [Output] = []
        do throws(MySQLFramingError) {
            while !isFinished, let packet = try packets.next() { outputs += take(packet, now: now) }
        } catch {
            return outputs + finish(.layer7InvalidResponse, now: now)
        }
        // A greeting begins with 10, an error with 255: garbage need not be waited for.
        if state == .awaitingGreeting, let first = packets.firstPayloadByte, first != 10, first != 0xff {
            outputs += finish(.layer7InvalidResponse, now: now)
        }
        return outputs
    }

    /// The server has closed its side in order.
    package mutating func endOfStream(now: Instant) -> [Output] {
        switch state {
        case .connecting, .finished: []
        case .awaitingGreeting where packets.isEmpty, .awaitingLogin where packets.isEmpty: finish(.socketError, info: Self.closedInfo, now: now)
        case .awaitingGreeting, .awaitingLogin: finish(.layer7InvalidResponse, now: now)
        }
    }

    /// The connect, or the connection, has failed; `reason`: "ECONNREFUSED returned by OS (Connection refused)".
    package mutating func failed(_ reason: String, fault: CheckFault = .server, now: Instant) -> [Output] {
        finish(state == .connecting ? .layer4ConnectionProblem : .socketError, info: reason, fault: fault, now: now)
    }

    /// There is no socket, port or memory for the attempt: nothing is known of the server.
    package mutating func couldNotStart(_ reason: String, now: Instant) -> [Output] { finish(.socketError, info: reason, fault: .node, now: now) }

    /// `deadline` has passed.
    package mutating func timedOut(now: Instant) -> [Output] {
        if state == .awaitingGreeting {
            // Whoever is reset before the server has looked is not counted as an error of this host; who ends in order is.
            closing = .reset
            isUnanswered = packets.isEmpty
        }
        return finish(state == .connecting ? .layer4Timeout : .layer7Timeout, fault: .silence, now: now)
    }

    private mutating func take(_ packet: MySQLPacket, now: Instant) -> [Output] {
        if let error = MySQLErrorPacket(payload: packet.payload) { return finish(.layer7WrongStatus, code: Int(error.code), info: error.text, now: now) }
        switch state {
        case .awaitingGreeting:
            guard case .mysql(let settings) = kind, let greeting = try? MySQLGreeting(payload: packet.payload) else {
                return finish(.layer7InvalidResponse, now: now)
            }
            greetedAfter = start.duration(to: now)
            return logIn(settings, serverVersion: greeting.serverVersion, now: now)
        case .awaitingLogin(let serverVersion):
            return [.send(MySQLPacket.quit.bytes)] + finish(.layer7OK, info: serverVersion, now: now)
        case .connecting, .finished:
            return []
        }
    }

    /// The greeting has come, and somebody else has read it.
    package mutating func greeted(now: Instant) -> [Output] {
        guard state == .awaitingGreeting, case .mysql(let settings) = kind else { return [] }
        return logIn(settings, serverVersion: "", now: now)
    }

    private mutating func logIn(_ settings: MySQLCheckSettings, serverVersion: String, now: Instant) -> [Output] {
        guard let user = settings.user else { return finish(.layer7OK, info: serverVersion, now: now) }
        state = .awaitingLogin(serverVersion: serverVersion)
        if let loginLimit { deadline = now.advanced(by: loginLimit) }
        return [.send((settings.isPre41 ? MySQLLogin.before41(user: user) : MySQLLogin.since41(user: user)).bytes)]
    }

    private mutating func finish(_ status: CheckStatus, code: Int = 0, info: String = "", fault: CheckFault = .server, now: Instant) -> [Output] {
        guard state != .finished else { return [] }
        state = .finished
        let duration = start.duration(to: now)
        return [.finished(CheckResult(status: status, code: code, info: info, duration: duration, fault: fault, greetedAfter: greetedAfter))]
    }
}
