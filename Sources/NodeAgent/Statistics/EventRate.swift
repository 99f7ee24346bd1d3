import Wire

/// The number of events a second by HAProxy's rule (its `freq_ctr`): the count of this period, plus the share of the last period that is within the last
/// second.
///
///     last period          this period
///     |--------------------|---------------> time
///           |<----- one second ----->|
///                                    now
///
/// A period lasts a second. It begins with the first event, or at the end of the last period if that ended less than a second ago.
struct EventRate: Equatable, Sendable {
    private static let period = Duration.seconds(1)

    /// The events so far.
    private(set) var total = 0
    private var periodStart: Instant?
    private var previous = 0
    private var current = 0
    /// The most events in one period.
    private(set) var peak = 0

    /// Updates the total number of events; new events count as of `now`. Returns whether there are new ones.
    @discardableResult
    mutating func count(_ total: Int, now: Instant) -> Bool {
        guard total > self.total else { return false }
        advance(to: now)
        current += total - self.total
        self.total = total
        peak = max(peak, current)
        return true
    }

    /// Ignores the events before this call, because another process has counted them.
    mutating func start(from total: Int) { self.total = total }

    private mutating func advance(to now: Instant) {
        guard let start = periodStart, start.duration(to: now) < Self.period * 2 else {
            (periodStart, previous, current) = (now, 0, 0)
            return
        }
        guard start.duration(to: now) >= Self.period else { return }
        (periodStart, previous, current) = (start.advanced(by: Self.period), current, 0)
    }

    /// The number of events in the last second.
    func perSecond(now: Instant) -> Int {
        guard let start = periodStart else { return 0 }
        let elapsed = max(0, start.duration(to: now).wholeMilliseconds)
        switch elapsed {
        case ..<1_000: return rate(past: previous, recent: current, remaining: 1_000 - elapsed)
        case ..<2_000: return rate(past: current, recent: 0, remaining: 2_000 - elapsed)
        default: return 0
        }
    }

    /// A single event does not fade: it counts until its second ends.
    private func rate(past: Int, recent: Int, remaining: Int64) -> Int {
        if recent == 0, past <= 1 { return past }
        let (faded, overflow) = past.multipliedReportingOverflow(by: Int(remaining))
        return (overflow ? past : faded / 1_000) + recent
    }
}
