import Wire

/// Why new sessions skip a server while there are others. The server stays up: only checks take it down.
package enum ServerSkip: Equatable, Sendable {
    /// It did not answer a session in time.
    case suspect
    /// It refused with this error number because it has no free connection.
    case full(UInt16)
    /// It refuses this host, by this error number.
    case hostRefused(UInt16)

    /// The reason with the higher rank replaces the other.
    fileprivate var rank: Int {
        switch self {
        case .suspect: 0
        case .full: 1
        case .hostRefused: 2
        }
    }
}

/// Sessions' evidence against one server, and how long new sessions skip it.
///
///            a session found it silent or full, or was refused
///       in use ---------------------------------------> skipped
///             <---------------------------------------
///              a check passed, or the pause is over
///
/// When checks connect as sessions do, a passed check ends the skipping; for a suspect server its greeting must be in time. In all other cases, and also for a
/// full server, the skipping ends after a pause. The pause is 1 s and doubles up to 8 s while no such check passes. It starts again at 1 s when the last one
/// ended more than 16 s ago.
package struct SessionEvidence: Equatable, Sendable {
    /// The longest pause, in seconds.
    package static let secondsMax: Int64 = 8

    /// Why the server is skipped; `nil` when it is not.
    package private(set) var skip: ServerSkip?
    /// The end of the pause; `nil` when only a check ends the skipping.
    package private(set) var deadline: Instant?
    /// The length of the current or last pause; zero before the first.
    package var pause: Duration { .seconds(seconds) }

    private let isClearedByChecks: Bool
    private var seconds: Int64 = 0
    /// The end of the last pause.
    private var lastDeadline: Instant?

    /// Creates empty evidence.
    ///
    /// - Parameter isClearedByChecks: true when checks connect as sessions do.
    package init(isClearedByChecks: Bool) { self.isClearedByChecks = isClearedByChecks }

    /// Records that a session has left the server. Returns whether the reason is new.
    package mutating func record(_ reason: ServerSkip, now: Instant) -> Bool {
        // Sessions that were already connecting add no new evidence.
        guard skip.map({ $0.rank < reason.rank }) ?? true else { return false }
        skip = reason
        if case .full = reason {
        } else if isClearedByChecks {
            deadline = nil
            return true
        }
        if let lastDeadline, lastDeadline.duration(to: now) > .seconds(2 * Self.secondsMax) { seconds = 0 }
        seconds = min(max(1, seconds * 2), Self.secondsMax)
        (deadline, lastDeadline) = (now.advanced(by: pause), now.advanced(by: pause))
        return true
    }

    /// Records a passed check. Returns whether it ends the skipping.
    ///
    /// - Parameter isInTime: whether the greeting was as fast as a session requires. A late greeting confirms what sessions have found.
    package mutating func checkPassed(isInTime: Bool) -> Bool {
        guard isClearedByChecks, isInTime || skip != .suspect else { return false }
        seconds = 0
        guard skip != nil else { return false }
        (skip, deadline) = (nil, nil)
        return true
    }

    /// Ends the skipping if the pause is over. Returns whether it did.
    package mutating func timePassed(now: Instant) -> Bool {
        guard let deadline, deadline <= now else { return false }
        (skip, self.deadline) = (nil, nil)
        return true
    }
}
