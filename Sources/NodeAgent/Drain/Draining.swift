import Wire

/// The timing of a drain.
struct DrainPlan: Equatable, Sendable {
    /// The longest `drain` of the probe sections: how long the ports keep accepting after the probe has begun to fail.
    var announcement = Duration.zero
    /// `hard-stop-after`, counted from the close of the listeners; `nil` for no limit.
    var hardStopAfter: Duration?
    /// `close-spread-time`: how long before the hard stop the process begins to close sessions; zero for not at all.
    var closeSpread = Duration.zero
}

/// A drain under way, without I/O: call `advance` at `nextDeadline` and perform its outputs.
///
///     announced --------------------> waiting --------------------> over
///       the probe fails,                the ports are closed,         the process ends, and
///       the ports still accept          sessions end by themselves    closes remaining sessions
///
/// `waiting` ends when the last session has ended and the listeners are closed, or at the hard stop. During the last `closeSpread` before the hard
/// stop, each step closes an even share of the sessions.
struct Draining {
    /// An action for the caller to perform.
    enum Output: Equatable, Sendable {
        /// Close the listeners: accept no new sessions.
        case closeListeners
        /// Log the progress.
        case report
        /// Close this many sessions.
        case close(sessions: Int)
        /// Log the hard stop: the time is over, and the remaining sessions close with the process.
        case hardStop
        /// End the process.
        case end
    }

    /// The phase of the drain.
    enum State: Equatable, Sendable {
        case announced(until: Instant)
        case waiting(hardStop: Instant?)
        case over
    }

    /// The interval at which sessions are counted.
    static let pollInterval = Duration.milliseconds(50)
    /// The shortest time between two steps that close sessions.
    static let closeStepMin = Duration.milliseconds(100)
    /// The time between two progress lines.
    static let reportInterval = Duration.seconds(10)

    private let plan: DrainPlan
    /// The current phase.
    private(set) var state: State
    /// Whether the listeners are closed, or must be closed now.
    var hasClosedListeners: Bool { if case .announced = state { false } else { true } }
    /// When the drain began.
    let start: Instant
    private var reportAt: Instant
    private var nextCloseAt: Instant?

    /// A drain that begins at `now`. Call `advance` at once.
    init(_ plan: DrainPlan, now: Instant) {
        self.plan = plan
        start = now
        state = .announced(until: now.advanced(by: plan.announcement))
        reportAt = now.advanced(by: Self.reportInterval)
    }

    /// When to call `advance` again.
    func nextDeadline(now: Instant) -> Instant {
        switch state {
        case .announced(let until): min(until, reportAt)
        case .waiting, .over: now.advanced(by: Self.pollInterval)
        }
    }

    /// Advances the drain, given the number of open sessions and whether the listeners are closed.
    mutating func advance(sessions: Int, listenersAreClosed: Bool, now: Instant) -> [Output] {
        var outputs: [Output] = []
        if case .announced(let until) = state, until <= now {
            let hardStop = plan.hardStopAfter.map { until.advanced(by: $0) }
            state = .waiting(hardStop: hardStop)
            if let hardStop, plan.closeSpread > .zero { nextCloseAt = max(until, hardStop.advanced(by: .zero - plan.closeSpread)) }
            outputs.append(.closeListeners)
            // The caller closes them after this call, so the next call sees them closed.
            return outputs + report(now)
        }
        if case .waiting(let hardStop) = state { outputs += wait(hardStop, sessions, listenersAreClosed, now) }
        return outputs + report(now)
    }

    private mutating func wait(_ hardStop: Instant?, _ sessions: Int, _ listenersAreClosed: Bool, _ now: Instant) -> [Output] {
        if sessions == 0, listenersAreClosed {
            state = .over
            return [.end]
        }
        guard let hardStop else { return [] }
        if hardStop <= now {
            state = .over
            return [.hardStop, .end]
        }
        guard let share = nextCloseAt, share <= now else { return [] }
        guard sessions > 0 else { return [] }
        let rest = now.duration(to: hardStop)
        let step = max(Self.closeStepMin, rest / sessions)
        nextCloseAt = now.advanced(by: step)
        return [.close(sessions: min(sessions, max(1, Int((Double(sessions) * (step / rest)).rounded()))))]
    }

    private mutating func report(_ now: Instant) -> [Output] {
        guard state != .over, reportAt <= now else { return [] }
        reportAt = now.advanced(by: Self.reportInterval)
        return [.report]
    }
}
