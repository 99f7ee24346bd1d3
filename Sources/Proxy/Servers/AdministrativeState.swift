/// What operators and the resolver have decided about a server: HAProxy's srv_admin_state.
package struct AdministrativeFlags: OptionSet, Hashable, Sendable {
    /// HAProxy's bits.
    package let rawValue: Int
    /// From HAProxy's bits.
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Maintenance by `disabled` or the runtime socket.
    package static let forcedMaintenance = AdministrativeFlags(rawValue: 0x01)
    /// The maintenance began with `disabled` in the configuration; stays when it ends.
    package static let configuredMaintenance = AdministrativeFlags(rawValue: 0x04)
    /// Drain by the runtime socket.
    package static let forcedDrain = AdministrativeFlags(rawValue: 0x08)
    /// Maintenance for want of an address.
    package static let resolutionMaintenance = AdministrativeFlags(rawValue: 0x20)

    /// True for any reason of maintenance.
    package var isMaintenance: Bool { !isDisjoint(with: [.forcedMaintenance, .resolutionMaintenance]) }
    /// True while an operator keeps the server from taking new sessions.
    package var isOperators: Bool { !isDisjoint(with: [.forcedMaintenance, .forcedDrain]) }
    /// True while the server gets no new sessions but keeps its old ones.
    package var isDrain: Bool { contains(.forcedDrain) }
}

/// The states that an operator chooses between, with HAProxy's keywords: `set server P/S state`.
package enum AdministrativeState: String, Sendable {
    /// Neither drain nor maintenance: it takes sessions when its checks pass; also `enable server`.
    case ready
    /// No new sessions; checks go on.
    case drain
    /// No sessions, no checks; also `disable server`.
    case maint
}
