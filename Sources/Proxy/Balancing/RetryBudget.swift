/// How many sessions may leave a server that does not answer, so that an overload does not become a storm of connects: a share of the new sessions of the last ten
/// seconds. Beyond it sessions wait where they are.
///
/// Time is counted in whole seconds; each second remembers how many sessions there had been when it began.
package struct RetryBudget: Equatable, Sendable {
    /// The window, in seconds.
    static let seconds = 10
    /// Retries in a window that are free: of few sessions a share is none.
    package static let freeMax: UInt64 = 10

    private struct Slot: Equatable, Sendable {
        var second: Int64
        var sessionsBefore: UInt64
        var retries: UInt64
    }

    private let percent: UInt64
    private let freeMax: UInt64
    /// By second, modulo `seconds`.
    private var slots: [Slot?] = Array(repeating: nil, count: seconds)

    /// `percent` of the new sessions may leave, and `freeMax` in any case; 0 % for none at all. `now` in milliseconds.
    package init(percent: Int, freeMax: UInt64 = freeMax, now: Int64) {
        self.percent = UInt64(max(0, percent))
        self.freeMax = freeMax
        look(sessions: 0, now: now)
    }

    /// Takes note of how many sessions there have been; to be called each second, lest what is new be known too late.
    package mutating func look(sessions: UInt64, now: Int64) {
        let second = now / 1000
        let place = Int(second % Int64(Self.seconds))
        if slots[place]?.second != second { slots[place] = Slot(second: second, sessionsBefore: sessions, retries: 0) }
    }

    /// True when one more session may leave, and is counted.
    ///
    /// - Parameter sessions: how many there have been in all.
    package mutating func take(sessions: UInt64, now: Int64) -> Bool {
        look(sessions: sessions, now: now)
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
