/// How soon a server is checked again, by what is known of it.
package enum CheckPace: Equatable, Sendable {
    /// Up without doubt: `inter`.
    case steadyUp
    /// On its way up or down, or not checked yet: `fastinter`.
    case changing
    /// Down without doubt: `downinter`.
    case steadyDown
}

/// The verdict that a server's checks add up to, counted exactly as HAProxy counts.
///
///      0 ... rise - 1        DOWN: so many passes in a row
///      rise ... rise+fall-1  UP: rise+fall-1 minus so many failures in a row
///
///      a pass:     one up; from `rise` on at once to rise+fall-1
///      a failure:  one down; below `rise` at once to 0
package struct ServerHealth: Equatable, Sendable {
    /// Passes in a row that bring the server up, from 1.
    package let rise: Int
    /// Failures in a row that take it down, from 1.
    package let fall: Int
    /// 0 to `max`.
    package internal(set) var value: Int

    /// A server not checked yet: up, but the first failure takes it down.
    package init(rise: Int, fall: Int) {
        precondition(rise >= 1 && fall >= 1, "rise and fall are at least 1, got \(rise) and \(fall)")
        self.rise = rise
        self.fall = fall
        value = rise
    }

    /// The value of a server that is up without doubt.
    package var max: Int { rise + fall - 1 }

    /// True when the server is up.
    package var isUp: Bool { value >= rise }

    /// How soon it is to be checked again.
    package var pace: CheckPace { value == max ? .steadyUp : value == 0 ? .steadyDown : .changing }

    /// Counts and threshold as log lines have them: "3/3" up, "1/2" down.
    package var fraction: String { isUp ? "\(value - rise + 1)/\(fall)" : "\(value)/\(rise)" }

    /// A check passed. Returns whether the value changed.
    package mutating func pass() -> Bool {
        guard value < max else { return false }
        value = value + 1 >= rise ? max : value + 1
        return true
    }

    /// A check failed. Returns whether the value changed.
    package mutating func fail() -> Bool {
        guard value > 0 else { return false }
        value = value - 1 < rise ? 0 : value - 1
        return true
    }

    /// The server enters maintenance, or others have found it down: it comes up by `rise` passes.
    package mutating func takeDown() { value = 0 }

    /// The server leaves maintenance: up, but the first failure takes it down.
    package mutating func leaveMaintenance() { value = rise }

    /// Takes over an earlier count, of other thresholds perhaps: up stays up, down stays down.
    package mutating func recall(_ earlier: Int, isUp: Bool) {
        value = isUp ? Swift.min(Swift.max(earlier, rise), max) : Swift.min(Swift.max(earlier, 0), rise - 1)
    }

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
