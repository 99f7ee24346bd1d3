/// What happens when sessions' connects to a server keep failing: `on-error`.
package enum OnError: Equatable, Sendable {
    /// The next check comes within `fastinter`. The others do that, too.
    case fastInterval
    /// It counts as a failed check.
    case failCheck
    /// It counts as the last but one failed check that it takes.
    case suddenDeath
    /// The server is down.
    case markDown
}

/// `observe layer4`: what sessions' connects tell of a server's health.
package struct ConnectObservation: Equatable, Sendable {
    /// `error-limit`: failed connects in a row that something is done about, from 1.
    package var errorsMax = 10
    /// `on-error`.
    package var reaction = OnError.failCheck

    /// HAProxy's defaults.
    package init() {}

    /// What is to be done after so many failed connects in a row, all threads' together; `nil` for nothing yet.
    package func reaction(toErrorsInRow errors: Int) -> OnError? { errors >= errorsMax ? reaction : nil }

    /// What stands in the log and in `show stat`, HAProxy's words.
    package static func info(errors: Int) -> String { "Detected \(errors) consecutive errors, last one was: L4 unsuccessful connection" }
}

extension ServerHealth {
    /// Counts what `reaction` makes of too many failed connects. Returns whether the value changed.
    package mutating func observe(_ reaction: OnError) -> Bool {
        switch reaction {
        case .fastInterval: return false
        case .failCheck: return fail()
        case .suddenDeath:
            if value > rise { value = rise + 1 }
            return fail()
        case .markDown:
            value = rise
            return fail()
        }
    }
}
