import Wire

/// How the checks of one server are made, one after the other. A new kind of check is a file of its own and one line in `init(_:limits:)`.
package struct CheckPlan {
    /// Makes a check whose connect begins now.
    package let begin: (_ now: Instant) -> any Check
    /// Takes a check that has ended, for what it found beside its result and for what the next check needs of it.
    package let ended: (any Check) -> Void

    /// Checks that leave nothing but their results.
    package init(begin: @escaping (_ now: Instant) -> any Check) { (self.begin, ended) = (begin, { _ in }) }

    /// Checks of one type, and what becomes of those that have ended.
    package init<Kind: Check>(begin: @escaping (_ now: Instant) -> Kind, ended: @escaping (Kind) -> Void) {
        self.begin = { begin($0) }
        self.ended = { if let check = $0 as? Kind { ended(check) } }
    }

    /// The checks of a backend's `option`.
    package init(_ kind: CheckKind, limits: CheckLimits) {
        switch kind {
        case .connect: self.init { ConnectCheck(limits, now: $0) }
        case .mysql(let settings): self.init { MySQLCheck(settings, limits: limits, now: $0) }
        }
    }
}
