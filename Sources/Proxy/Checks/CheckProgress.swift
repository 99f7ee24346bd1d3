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

/// What all checks have in common: how far a check is, its time limits, and its one verdict.
package struct CheckProgress: Equatable, Sendable {
    /// How far a check is.
    package enum Stage: Equatable, Sendable {
        /// It waits for its connection.
        case connecting
        /// It talks with the server.
        case connected
        /// Its verdict is out.
        case finished
    }

    /// What HAProxy says of a server that closes before its first byte.
    private static let closedInfo = "ECONNRESET returned by OS (Connection reset by peer)"

    /// How long the check may take.
    package let limits: CheckLimits
    /// How far it is.
    package private(set) var stage = Stage.connecting
    /// The end of the present step. A check with steps of its own moves it.
    package var deadline: Instant

    private let start: Instant
    private var greetedAfter: Duration?

    /// A check whose connect begins now.
    package init(_ limits: CheckLimits, now: Instant) {
        (self.limits, start) = (limits, now)
        deadline = now.advanced(by: limits.connect)
    }

    /// The connection is there. Returns false if it was there before, or the verdict is out.
    @discardableResult
    package mutating func connected(now: Instant) -> Bool {
        guard stage == .connecting else { return false }
        stage = .connected
        deadline = limits.answer.map { now.advanced(by: $0) } ?? start.advanced(by: limits.whole)
        return true
    }

    /// The server has greeted. Only the first time counts.
    package mutating func greeted(now: Instant) { if greetedAfter == nil { greetedAfter = start.duration(to: now) } }

    /// The verdict; nothing if it is out.
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

    /// The verdict on a connect or a connection that has failed; `reason`: "ECONNREFUSED returned by OS (Connection refused)".
    package mutating func failed(_ reason: String, fault: CheckFault, now: Instant) -> [CheckOutput] {
        let isUnconnected = stage == .connecting && fault != .node
        return finish(isUnconnected ? .layer4ConnectionProblem : .socketError, info: reason, fault: fault, now: now)
    }

    /// The verdict on a server that has closed before its first byte.
    package mutating func closedSilently(now: Instant) -> [CheckOutput] { finish(.socketError, info: Self.closedInfo, now: now) }

    /// The verdict at the deadline.
    package mutating func timedOut(now: Instant) -> [CheckOutput] {
        finish(stage == .connecting ? .layer4Timeout : .layer7Timeout, fault: .silence, now: now)
    }
}
