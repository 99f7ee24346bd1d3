import Wire

/// The time limits of a check.
package struct CheckLimits: Equatable, Sendable {
    /// The limit for the connect.
    package var connect: Duration
    /// The limit for the answer, from the connection on; `nil` when `whole` covers connect and answer.
    package var answer: Duration?
    /// The limit for everything, when `answer` is `nil`.
    package var whole: Duration

    /// Creates a single limit, `whole`, for connect and answer together.
    package init(whole: Duration) { (self.connect, self.whole) = (whole, whole) }

    /// Creates limits by HAProxy's rule: with `timeout check`, the connect may take min(`timeout connect`, `inter`), and the answer may take `timeout check` in
    /// addition. Without it everything together may take `inter`.
    package init(_ settings: CheckSettings, of backend: Backend) {
        whole = settings.interval
        answer = backend.checkTimeout
        connect = settings.interval
        if backend.checkTimeout != nil, let connectTimeout = backend.connectTimeout { connect = min(connectTimeout, settings.interval) }
    }
}

/// The common part of all checks: the stage, the time limits, and the one verdict.
package struct CheckProgress: Equatable, Sendable {
    /// The stage of a check.
    package enum Stage: Equatable, Sendable {
        /// Waits for the connection.
        case connecting
        /// Exchanges bytes with the server.
        case connected
        /// Has returned its verdict.
        case finished
    }

    /// HAProxy's text for a server that closes before its first byte.
    private static let closedInfo = "ECONNRESET returned by OS (Connection reset by peer)"

    /// The time limits.
    package let limits: CheckLimits
    /// The stage.
    package private(set) var stage = Stage.connecting
    /// The end of the current step. A check with several steps moves it.
    package var deadline: Instant

    private let start: Instant
    /// The start of the present connect, from which the overall limit counts.
    private var connectStart: Instant
    private var greetedAfter: Duration?

    /// Starts a check whose connect begins now.
    package init(_ limits: CheckLimits, now: Instant) {
        (self.limits, start, connectStart) = (limits, now, now)
        deadline = now.advanced(by: limits.connect)
    }

    /// Records the start of another connect, with the limits of the first one. Returns false if the check has finished.
    @discardableResult
    package mutating func reconnect(now: Instant) -> Bool {
        guard stage == .connected else { return false }
        (stage, connectStart) = (.connecting, now)
        deadline = now.advanced(by: limits.connect)
        return true
    }

    /// Records the connection. Returns false if the check was connected already or has finished.
    @discardableResult
    package mutating func connected(now: Instant) -> Bool {
        guard stage == .connecting else { return false }
        stage = .connected
        deadline = limits.answer.map { now.advanced(by: $0) } ?? connectStart.advanced(by: limits.whole)
        return true
    }

    /// Records the server's greeting. Only the first call counts.
    package mutating func greeted(now: Instant) { if greetedAfter == nil { greetedAfter = start.duration(to: now) } }

    /// Ends the check with a verdict. Returns nothing if it has ended already.
    package mutating func finish(
        _ status: CheckStatus, code: Int = 0, info: String = "", refusal: CheckRefusal? = nil, fault: CheckFault = .server, now: Instant
    ) -> [CheckOutput] {
        guard stage != .finished else { return [] }
        stage = .finished
        let duration = start.duration(to: now)
        return [
            .finished(
                CheckResult(status: status, code: code, info: info, refusal: refusal, duration: duration, fault: fault, greetedAfter: greetedAfter))
        ]
    }

    /// Ends the check because the connect or the connection failed. `reason`: "ECONNREFUSED returned by OS (Connection refused)".
    package mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckOutput] {
        let isUnconnected = stage == .connecting && fault != .node
        return finish(isUnconnected ? .layer4ConnectionProblem : .socketError, info: reason, fault: fault, now: now)
    }

    /// Ends the check because the server closed before its first byte.
    package mutating func closedBeforeFirstByte(now: Instant) -> [CheckOutput] { finish(.socketError, info: Self.closedInfo, now: now) }

    /// Ends the check at its deadline.
    package mutating func timedOut(now: Instant) -> [CheckOutput] {
        finish(stage == .connecting ? .layer4Timeout : .layer7Timeout, fault: .noResponse, now: now)
    }
}
