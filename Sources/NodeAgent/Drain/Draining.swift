import Wire

/// How a node stops without a failed connect.
struct DrainPlan: Equatable, Sendable {
    /// The longest `drain` of the probe sections: how long the ports keep forwarding while the probe fails already.
    var announcement = Duration.zero
    /// `hard-stop-after`, from when the listeners are closed; `nil` for never.
    var hardStopAfter: Duration?
    /// `close-spread-time`: how long before the hard stop sessions begin to be closed; zero for none.
    var closeSpread = Duration.zero
}

/// A drain under way, without I/O: look at it at `nextDeadline`, do what it says.
///
///     announced ------------> waiting ---------> spreading ----------> over
///       the probe fails,        sessions end       a few are closed      none is left,
///       the ports forward       by themselves      at each step          or hard stop
///
/// Over is reached from `waiting` as soon as no session is left and every listener has given away what it had accepted.
struct Draining {
    /// What is to be done.
    enum Output: Equatable, Sendable {
        /// Close the listeners: nobody new comes in.
        case closeListeners
        /// Tell people how far it has come.
        case report
        /// Close so many sessions.
        case close(sessions: Int)
        /// The time is over: tell it; the sessions left close with the process.
        case hardStop
        /// End the process.
        case end
    }

    /// Where it stands.
    enum State: Equatable, Sendable {
        case announced(until: Instant)
        case waiting(hardStop: Instant?)
        case over
    }

    /// How often the sessions are counted.
    static let look = Duration.milliseconds(50)
    /// The shortest time between two shares of the spread.
    static let spreadStep = Duration.milliseconds(100)
    /// The time between two lines about how far it has come.
    static let reportInterval = Duration.seconds(10)

    private let plan: DrainPlan
    /// Where it stands.
    private(set) var state: State
    /// The listeners are closed, or are to be closed now.
    var hasClosedListeners: Bool { if case .announced = state { false } else { true } }
    /// When it began.
    let start: Instant
    private var reportAt: Instant
    private var nextShareAt: Instant?

    /// A drain that begins now. The first look follows at once.
    init(_ plan: DrainPlan, now: Instant) {
        self.plan = plan
        start = now
        state = .announced(until: now.advanced(by: plan.announcement))
        reportAt = now.advanced(by: Self.reportInterval)
    }

    /// When to look again.
    func nextDeadline(now: Instant) -> Instant {
        switch state {
        case .announced(let until): min(until, reportAt)
        case .waiting, .over: now.advanced(by: Self.look)
        }
    }

    /// Looks at how many sessions there are, and whether the listeners are closed.
    mutating func look(sessions: Int, listenersAreClosed: Bool, now: Instant) -> [Output] {
        var outputs: [Output] = []
        if case .announced(let until) = state, until <= now {
            let hardStop = plan.hardStopAfter.map { until.advanced(by: $0) }
            state = .waiting(hardStop: hardStop)
            if let hardStop, plan.closeSpread > .zero { nextShareAt = max(until, hardStop.advanced(by: .zero - plan.closeSpread)) }
            outputs.append(.closeListeners)
            // They are closed at the next look.
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
        guard let share = nextShareAt, share <= now else { return [] }
        guard sessions > 0 else { return [] }
        let rest = now.duration(to: hardStop)
        let step = max(Self.spreadStep, rest / sessions)
        nextShareAt = now.advanced(by: step)
        return [.close(sessions: min(sessions, max(1, Int((Double(sessions) * (step / rest)).rounded()))))]
    }

    private mutating func report(_ now: Instant) -> [Output] {
        guard state != .over, reportAt <= now else { return [] }
        reportAt = now.advanced(by: Self.reportInterval)
        return [.report]
    }
}
