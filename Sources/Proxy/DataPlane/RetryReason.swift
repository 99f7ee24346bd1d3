import Glibc

/// Why a session left a server, asked a second one, or paused for a retry before its client received a byte. Two further values count related events.
package struct RetryReason: Hashable, Sendable, BitwiseCopyable {
    /// Its index among all reasons.
    package let index: Int

    /// The connect was refused or reset: the server's host responded.
    package static let refused = RetryReason(index: 0)
    /// The connect timed out, or the network reported the server as unreachable.
    package static let unreachable = RetryReason(index: 1)
    /// Connected, but the server sent no greeting in time.
    package static let silent = RetryReason(index: 2)
    /// The server closed or reset the connection before its greeting.
    package static let closed = RetryReason(index: 3)
    /// The server's first bytes do not follow its protocol.
    package static let garbage = RetryReason(index: 4)
    /// Not a reason: a session would have left the server but stayed because of `retry-budget`.
    package static let overBudget = RetryReason(index: 5)
    /// Not a reason: a second server was asked because this one was slow.
    package static let hedged = RetryReason(index: 6)

    private static let firstRefusal = 7
    /// The number of reasons.
    package static let count = firstRefusal + ServerRefusal.count
    /// All reasons, by index.
    package static let all = (0..<count).map { RetryReason(index: $0) }

    private init(index: Int) { self.index = index }

    /// The server refused with an error.
    package init(_ refusal: ServerRefusal) { index = Self.firstRefusal + refusal.index }

    /// The reason for a connect that failed with errno `code`.
    init(connectCode code: Int32) { self = [ETIMEDOUT, EHOSTUNREACH, ENETUNREACH].contains(code) ? .unreachable : .refused }

    /// The server's error; `nil` for other reasons.
    package var refusal: ServerRefusal? { index < Self.firstRefusal ? nil : ServerRefusal(index: index - Self.firstRefusal) }

    /// The error's number; `nil` for other reasons.
    package var error: UInt16? { refusal?.number }

    /// Why new sessions skip the server after this; `nil` when they do not.
    package var skip: ServerSkip? {
        guard let refusal else { return self == .unreachable || self == .silent ? .suspect : nil }
        return refusal.skip
    }
}

/// A set of reasons: one bit per index.
package struct RetryReasons: OptionSet, Sendable {
    /// The bits.
    package let rawValue: UInt32
    /// Creates a set from its bits.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Creates a set of one reason.
    package init(_ reason: RetryReason) { rawValue = 1 << UInt32(reason.index) }

    /// True when the set contains `reason`.
    package func contains(_ reason: RetryReason) -> Bool { contains(RetryReasons(reason)) }

    /// True when a reason is evidence against the server.
    package var isEvidenceAgainstServer: Bool { !subtracting([RetryReasons(.overBudget), RetryReasons(.hedged)]).isEmpty }

    /// The failure that they amount to; `nil` when they are no evidence against the server.
    package var failure: ConnectFailure? {
        if contains(.silent) || contains(.unreachable) { return .noResponse }
        let hasResponded = RetryReason.all.contains { reason in
            contains(reason) && ([.refused, .closed, .garbage].contains(reason) || reason.refusal != nil && reason.skip == nil)
        }
        return hasResponded ? .responded : nil
    }
}

/// How a session's attempt at a server failed.
package enum ConnectFailure: Sendable {
    /// Refused, reset or answered wrongly: the server's host responded.
    case responded
    /// No response.
    case noResponse
}
