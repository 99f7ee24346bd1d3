/// Limits how many sessions may leave servers that do not respond, so that an overload does not become a storm of connects. The limit is a share of the new
/// sessions of the last ten seconds. Beyond it sessions stay with their server.
///
/// Time is counted in whole seconds. Each second's slot has the number of sessions when the second began.
package struct RetryBudget: Equatable, Sendable {
    /// The window, in seconds.
    static let seconds = 10
    /// The number of retries per window that are always allowed, because a share of few sessions is less than one.
    package static let freeMax: UInt64 = 10

    private struct Slot: Equatable, Sendable {
        var second: Int64
        var sessionsBefore: UInt64
        var retries: UInt64
    }

    private let percent: UInt64
    private let freeMax: UInt64
    /// By second modulo `seconds`.
    private var slots: [Slot?] = Array(repeating: nil, count: seconds)

    /// Creates a budget of `percent` of the new sessions, or `freeMax` if that is more; 0 % allows no retries. `now` is in milliseconds.
    package init(percent: Int, freeMax: UInt64 = freeMax, now: Int64) {
        self.percent = UInt64(max(0, percent))
        self.freeMax = freeMax
        update(sessions: 0, now: now)
    }

    /// Updates the total number of sessions. Call it every second, so that the window starts with the right number.
    package mutating func update(sessions: UInt64, now: Int64) {
        let second = now / 1000
        let place = Int(second % Int64(Self.seconds))
        if slots[place]?.second != second { slots[place] = Slot(second: second, sessionsBefore: sessions, retries: 0) }
    }

    /// Counts a retry if the budget allows it. Returns false otherwise.
    ///
    /// - Parameter sessions: the total number of sessions since the start.
    package mutating func take(sessions: UInt64, now: Int64) -> Bool {
        update(sessions: sessions, now: now)
        let second = now / 1000
        var (before, retries) = (sessions, UInt64(0))
        for case .some(let slot) in slots where slot.second > second - Int64(Self.seconds) && slot.second <= second {
            before = min(before, slot.sessionsBefore)
            retries += slot.retries
        }
        guard percent > 0, retries < freeMax || (retries + 1) * 100 <= (sessions - before) * percent else { return false }
        slots[Int(second % Int64(Self.seconds))]?.retries += 1
        return true
    }
}
