/// `init-state`: a checked server's state before the first check, at the start and after maintenance.
package enum InitialState: Equatable, Sendable {
    /// Up; one failed check takes it down. Also for `none`, the default.
    case up
    /// Up; `fall` failed checks take it down.
    case fullyUp
    /// Down; one passed check brings it up.
    case down
    /// Down; `rise` passed checks bring it up.
    case fullyDown
}
