/// Decisions of operators and the resolver about a server: HAProxy's srv_admin_state.
package struct AdministrativeFlags: OptionSet, Hashable, Sendable {
    /// HAProxy's bits.
    package let rawValue: Int
    /// Creates flags from HAProxy's bits.
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// Maintenance by `disabled`, the runtime socket or an agent.
    package static let forcedMaintenance = AdministrativeFlags(rawValue: 0x01)
    /// Maintenance of the server that it tracks.
    package static let inheritedMaintenance = AdministrativeFlags(rawValue: 0x02)
    /// The maintenance began with `disabled` in the configuration. The flag stays set when the maintenance ends.
    package static let configuredMaintenance = AdministrativeFlags(rawValue: 0x04)
    /// Drain, requested at the runtime socket or by an agent.
    package static let forcedDrain = AdministrativeFlags(rawValue: 0x08)
    /// Drain of the server that it tracks.
    package static let inheritedDrain = AdministrativeFlags(rawValue: 0x10)
    /// Maintenance because the server has no address.
    package static let resolutionMaintenance = AdministrativeFlags(rawValue: 0x20)

    /// True for maintenance of any kind.
    package var isMaintenance: Bool { !isDisjoint(with: [.forcedMaintenance, .inheritedMaintenance, .resolutionMaintenance]) }
    /// True while an operator's maintenance or drain keeps new sessions away.
    package var isSetByOperator: Bool { !isDisjoint(with: [.forcedMaintenance, .forcedDrain]) }
    /// True while the server keeps its sessions and gets no new ones.
    package var isDrain: Bool { !isDisjoint(with: [.forcedDrain, .inheritedDrain]) }
}

/// The states that an operator can set, by HAProxy's keywords: `set server P/S state`.
package enum AdministrativeState: String, Sendable {
    /// Neither drain nor maintenance; also set by `enable server`. The server takes sessions when its checks pass.
    case ready
    /// No new sessions. Checks continue.
    case drain
    /// No sessions and no checks; also set by `disable server`.
    case maint
}
