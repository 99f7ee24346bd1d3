import Wire

/// Why new sessions leave a server out while there are others. It stays up: only checks take it down.
package enum ServerSkip: Equatable, Sendable {
    /// It did not answer a session in time.
    case suspect
    /// It said that it has no room, by this error number.
    case full(UInt16)
    /// It refuses this host, by this error number.
    case hostRefused(UInt16)

    /// What tells more, and holds for longer, counts.
    fileprivate var rank: Int {
        switch self {
        case .suspect: 0
        case .full: 1
        case .hostRefused: 2
        }
    }
}

/// What sessions have found out about one server, and what follows for new ones.
///
///            a session found it silent, full, refusing us
///       taken ------------------------------------------> skipped
///             <------------------------------------------
///              a check has passed, or the time is over
///
/// A check proves a server when it reads its greeting in time; else, and for a full server, time has to do: 1 s, doubling to 8 s while it passes no check, or none that proves it, meanwhile.
package struct SessionEvidence: Equatable, Sendable {
    /// The doubling ends here, in seconds.
    package static let secondsMax: Int64 = 8

    /// Why it is skipped; `nil` while it is not.
    package private(set) var skip: ServerSkip?
    /// When that ends by itself; `nil` for by a check only.
    package private(set) var deadline: Instant?
    /// How long it is skipped for this time, or was last time; zero before.
    package var pause: Duration { .seconds(seconds) }

    private let isProvenByChecks: Bool
    private var seconds: Int64 = 0
    /// When the last time that ended by itself did.
    private var lastDeadline: Instant?

    /// Nothing is known yet.
    ///
    /// - Parameter isProvenByChecks: its checks do what sessions do.
    package init(isProvenByChecks: Bool) { self.isProvenByChecks = isProvenByChecks }

    /// A session has left it. Returns whether the reason is news.
    package mutating func found(_ reason: ServerSkip, now: Instant) -> Bool {
        // Sessions that were on their way when the first one found out add nothing.
        guard skip.map({ $0.rank < reason.rank }) ?? true else { return false }
        skip = reason
        if case .full = reason {
        } else if isProvenByChecks {
            deadline = nil
            return true
        }
        if let lastDeadline, lastDeadline.duration(to: now) > .seconds(2 * Self.secondsMax) { seconds = 0 }
        seconds = min(max(1, seconds * 2), Self.secondsMax)
        (deadline, lastDeadline) = (now.advanced(by: pause), now.advanced(by: pause))
        return true
    }

    /// A check has passed. Returns whether that ends the skipping.
    ///
    /// - Parameter isInTime: it was greeted as soon as a session must be. One that was greeted late knows what sessions know.
    package mutating func checkPassed(isInTime: Bool) -> Bool {
        guard isProvenByChecks, isInTime || skip != .suspect else { return false }
        seconds = 0
        guard skip != nil else { return false }
        (skip, deadline) = (nil, nil)
        return true
    }

    /// Time has passed. Returns whether that ends the skipping.
    package mutating func timePassed(now: Instant) -> Bool {
        guard let deadline, deadline <= now else { return false }
        (skip, self.deadline) = (nil, nil)
        return true
    }
}
