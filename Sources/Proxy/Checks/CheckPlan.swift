import Wire

/// Creates the consecutive checks of a server. A new kind of check needs its own file and one line in `init(_:limits:)`.
package struct CheckPlan {
    /// Creates a check whose connect begins at `now`.
    package let begin: (_ now: Instant) -> any Check
    /// Receives a check that has ended: for findings other than its result, and for state that the next check needs.
    package let ended: (any Check) -> Void

    /// Creates a plan for checks that have only a result.
    package init(begin: @escaping (_ now: Instant) -> any Check) { (self.begin, ended) = (begin, { _ in }) }

    /// Creates a plan for checks of one type, with a handler for those that have ended.
    package init<Kind: Check>(begin: @escaping (_ now: Instant) -> Kind, ended: @escaping (Kind) -> Void) {
        self.begin = { begin($0) }
        self.ended = { if let check = $0 as? Kind { ended(check) } }
    }

    /// Creates the plan for a backend's check `option`.
    ///
    /// - Parameter subject: what scripts may ask about the server.
    package init(_ kind: CheckKind, _ subject: CheckSubject = CheckSubject(), limits: CheckLimits) {
        switch kind {
        case .connect: self.init { ConnectCheck(limits, now: $0) }
        case .mysql(let settings): self.init { MySQLCheck(settings, limits: limits, now: $0) }
        case .external: self.init { ExternalCheck(limits, now: $0) }
        case .script(let script): self.init { ScriptCheck(script, subject, limits: limits, now: $0) }
        }
    }
}
