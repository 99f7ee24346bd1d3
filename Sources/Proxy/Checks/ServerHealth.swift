/// The state that determines the interval to a server's next check.
package enum CheckPace: Equatable, Sendable {
    /// Definitely up: `inter`.
    case steadyUp
    /// On its way up or down, or not checked yet: `fastinter`.
    case changing
    /// Definitely down: `downinter`.
    case steadyDown
}

/// The verdict of a server's checks, counted as in HAProxy.
///
///      0 ... rise - 1        DOWN: the number of passes in a row
///      rise ... rise+fall-1  UP: rise+fall-1 minus the number of failures in a row
///
///      a pass:     adds one; at `rise` it jumps to rise+fall-1
///      a failure:  subtracts one; below `rise` it drops to 0
package struct ServerHealth: Equatable, Sendable {
    /// The number of passes in a row that bring the server up, at least 1.
    package let rise: Int
    /// The number of failures in a row that take it down, at least 1.
    package let fall: Int
    /// 0 to `max`.
    package internal(set) var value: Int
    /// The value before the first check, at the start and after maintenance.
    private let initialValue: Int

    /// Creates the health of a server that has not been checked. By default it is up, but the first failure takes it down.
    package init(rise: Int, fall: Int, initially state: InitialState = .up) {
        precondition(rise >= 1 && fall >= 1, "rise and fall are at least 1, got \(rise) and \(fall)")
        self.rise = rise
        self.fall = fall
        initialValue =
            switch state {
            case .up: rise
            case .fullyUp: rise + fall - 1
            case .down: rise - 1
            case .fullyDown: 0
            }
        value = initialValue
    }

    /// The value of a server that is definitely up.
    package var max: Int { rise + fall - 1 }

    /// True while no check has counted, and again whenever the count is as if none had.
    package var isInitial: Bool { value == initialValue }

    /// True when the server is up.
    package var isUp: Bool { value >= rise }

    /// The state for the next interval.
    package var pace: CheckPace { value == max ? .steadyUp : value == 0 ? .steadyDown : .changing }

    /// The count and its threshold as in log lines: "3/3" up, "1/2" down.
    package var fraction: String { isUp ? "\(value - rise + 1)/\(fall)" : "\(value)/\(rise)" }

    /// Counts a passed check. Returns whether the value changed.
    package mutating func pass() -> Bool {
        guard value < max else { return false }
        value = value + 1 >= rise ? max : value + 1
        return true
    }

    /// Counts a failed check. Returns whether the value changed.
    package mutating func fail() -> Bool {
        guard value > 0 else { return false }
        value = value - 1 < rise ? 0 : value - 1
        return true
    }

    /// Takes the server down for maintenance, or by others' evidence. It needs `rise` passes to come up.
    package mutating func takeDown() { value = 0 }

    /// Resets the health after maintenance, as at the start.
    package mutating func leaveMaintenance() { value = initialValue }

    /// Restores an earlier count, limited by the current thresholds: up stays up, down stays down.
    package mutating func restore(_ earlier: Int, isUp: Bool) {
        value = isUp ? Swift.min(Swift.max(earlier, rise), max) : Swift.min(Swift.max(earlier, 0), rise - 1)
    }

    /// Applies `on-error` after too many failed connects. Returns whether the value changed.
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
