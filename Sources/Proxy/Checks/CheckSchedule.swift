import Wire

extension CheckSettings {
    /// The time from the end of a check to the start of the next.
    package func interval(for pace: CheckPace) -> Duration {
        switch pace {
        case .steadyUp: interval
        case .changing: fastInterval ?? interval
        case .steadyDown: downInterval ?? interval
        }
    }
}

/// When one server is checked.
///
///     waiting --start--> running --finished--> waiting
///        |  checkSoon: now, once per `inter`
///        +--pause--> paused --resume--> waiting
package struct CheckSchedule: Equatable, Sendable {
    private enum State: Equatable, Sendable {
        case waiting(until: Instant)
        case running
        case paused
    }

    /// The server's `inter`, `fastinter` and `downinter`.
    package let settings: CheckSettings

    private var state: State
    private var lastPull: Instant?

    /// A server's first check: `position` of `count` checked servers, which are spread evenly over their intervals.
    package init(_ settings: CheckSettings, position: Int, of count: Int, now: Instant) {
        precondition(position >= 0 && position < count, "position \(position) is not one of \(count)")
        self.settings = settings
        state = .waiting(until: now.advanced(by: settings.interval(for: .changing) * position / count))
    }

    /// When the next check is to start; `nil` while one runs or none is wanted.
    package var nextStart: Instant? { if case .waiting(let instant) = state { instant } else { nil } }

    /// True between `pause` and `resume`.
    package var isPaused: Bool { state == .paused }

    /// The check has started.
    package mutating func start() {
        precondition(nextStart != nil, "a check starts only while one is waited for")
        state = .running
    }

    /// The check has ended.
    package mutating func finished(pace: CheckPace, now: Instant) {
        guard state == .running else { return }
        state = .waiting(until: now.advanced(by: settings.interval(for: pace)))
    }

    /// Something hints that the server is in trouble: brings the next check forward, at most once per `inter`, so that
    /// a storm of failing sessions is no storm of checks. Returns whether `nextStart` moved.
    package mutating func checkSoon(now: Instant) -> Bool {
        if let lastPull, lastPull.duration(to: now) < settings.interval { return false }
        guard check(by: now) else { return false }
        lastPull = now
        return true
    }

    /// Brings the next check forward to `latest` if it would come later. Returns whether `nextStart` moved.
    package mutating func check(by latest: Instant) -> Bool {
        guard case .waiting(let instant) = state, instant > latest else { return false }
        state = .waiting(until: latest)
        return true
    }

    /// No more checks, until `resume`; a running one is to be dropped.
    package mutating func pause() { state = .paused }

    /// Checks again, the first one now.
    package mutating func resume(now: Instant) {
        guard state == .paused else { return }
        state = .waiting(until: now)
    }
}
