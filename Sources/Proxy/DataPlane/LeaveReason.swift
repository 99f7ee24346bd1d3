import Glibc

/// Why a session has left a server for another one, has asked another one beside it, or waits and tries again, before its client has got a byte. Also what is
/// counted beside that.
package struct LeaveReason: Hashable, Sendable, BitwiseCopyable {
    /// Its place among all reasons.
    package let place: Int

    /// Refused or reset: its host spoke.
    package static let refused = LeaveReason(place: 0)
    /// The connect was not answered in time, or nobody could reach it.
    package static let unreachable = LeaveReason(place: 1)
    /// Connected, but no greeting in time.
    package static let silent = LeaveReason(place: 2)
    /// Closed or reset before it greeted.
    package static let closed = LeaveReason(place: 3)
    /// What it said is not of its protocol.
    package static let garbage = LeaveReason(place: 4)
    /// No reason: a session would have left it, and stayed because of `retry-budget`.
    package static let overBudget = LeaveReason(place: 5)
    /// No reason: a second server was asked because this one was slow.
    package static let hedged = LeaveReason(place: 6)

    private static let firstRefusal = 7
    /// How many reasons there are.
    package static let count = firstRefusal + ServerRefusal.count
    /// All of them, in order.
    package static let all = (0..<count).map { LeaveReason(place: $0) }

    private init(place: Int) { self.place = place }

    /// It refused with an error.
    package init(_ refusal: ServerRefusal) { place = Self.firstRefusal + refusal.place }

    /// A connect to it has failed with this errno.
    init(connectCode code: Int32) { self = [ETIMEDOUT, EHOSTUNREACH, ENETUNREACH].contains(code) ? .unreachable : .refused }

    /// The error with which it refused; `nil` for other reasons.
    package var refusal: ServerRefusal? { place < Self.firstRefusal ? nil : ServerRefusal(place: place - Self.firstRefusal) }

    /// The error's number; `nil` for other reasons.
    package var error: UInt16? { refusal?.number }

    /// What it means for new sessions; `nil` for nothing.
    package var skip: ServerSkip? {
        guard let refusal else { return self == .unreachable || self == .silent ? .suspect : nil }
        return refusal.skip
    }
}

/// Several reasons at once: bit by place.
package struct LeaveReasons: OptionSet, Sendable {
    /// The bits.
    package let rawValue: UInt32
    /// From the bits.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// One reason.
    package init(_ reason: LeaveReason) { rawValue = 1 << UInt32(reason.place) }

    /// True when `reason` is one of them.
    package func contains(_ reason: LeaveReason) -> Bool { contains(LeaveReasons(reason)) }

    /// True when one of them tells something against the server.
    package var isAgainstServer: Bool { !subtracting([LeaveReasons(.overBudget), LeaveReasons(.hedged)]).isEmpty }

    /// What they say of the server to others: that its host spoke, that nobody answered; `nil` for nothing against it.
    package var failure: ConnectFailure? {
        if contains(.silent) || contains(.unreachable) { return .silent }
        let isLoud = LeaveReason.all.contains { reason in
            contains(reason) && ([.refused, .closed, .garbage].contains(reason) || reason.refusal != nil && reason.skip == nil)
        }
        return isLoud ? .loud : nil
    }
}

/// How a session's connect to a server has failed.
package enum ConnectFailure: Sendable {
    /// Refused, reset or answered wrongly: its host spoke.
    case loud
    /// Nobody answered.
    case silent
}
