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

/// The schedule of a server's checks.
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

    /// The settings with `inter`, `fastinter` and `downinter`.
    package let settings: CheckSettings

    private let spread: CheckSpread
    private var state: State
    private var lastBroughtForward: Instant?

    /// Schedules a server's first check. The first checks of all `count` checked servers are spread evenly over an interval, in the order of `position`.
    package init(_ settings: CheckSettings, _ spread: CheckSpread = CheckSpread(), position: Int, of count: Int, now: Instant) {
        precondition(position >= 0 && position < count, "position \(position) is not one of \(count)")
        (self.settings, self.spread) = (settings, spread)
        let interval = settings.interval(for: .changing)
        state = .waiting(until: now.advanced(by: min(interval, spread.startMax ?? interval) * position / count))
    }

    /// When the next check starts; `nil` while a check runs or while paused.
    package var nextStart: Instant? { if case .waiting(let instant) = state { instant } else { nil } }

    /// True between `pause` and `resume`.
    package var isPaused: Bool { state == .paused }

    /// Records that the check has started.
    package mutating func start() {
        precondition(nextStart != nil, "a check starts only while one is waited for")
        state = .running
    }

    /// Records that the check has ended, and schedules the next one.
    ///
    /// - Parameter random: chooses the deviation from the interval: evenly between the two limits of `spread-checks`, as in HAProxy.
    package mutating func finished(pace: CheckPace, now: Instant, random: UInt32 = 0) {
        guard state == .running else { return }
        let interval = settings.interval(for: pace)
        let (range, place) = (interval.wholeMilliseconds * Int64(spread.percent) / 100, Int64(random))
        let deviation = range - 2 * range * place / Int64(UInt32.max)
        state = .waiting(until: now.advanced(by: interval + .milliseconds(deviation)))
    }

    /// Brings the next check forward because of a sign of trouble. It does so at most once per `inter`, so that a storm of failing sessions does not become a
    /// storm of checks. Returns whether `nextStart` changed.
    package mutating func checkSoon(now: Instant) -> Bool {
        if let lastBroughtForward, lastBroughtForward.duration(to: now) < settings.interval { return false }
        guard check(by: now) else { return false }
        lastBroughtForward = now
        return true
    }

    /// Brings the next check forward to `latest` if it is later. Returns whether `nextStart` changed.
    package mutating func check(by latest: Instant) -> Bool {
        guard case .waiting(let instant) = state, instant > latest else { return false }
        state = .waiting(until: latest)
        return true
    }

    /// Stops checks until `resume`. The caller must drop a running check.
    package mutating func pause() { state = .paused }

    /// Resumes checks. The first one is due immediately.
    package mutating func resume(now: Instant) {
        guard state == .paused else { return }
        state = .waiting(until: now)
    }
}
