import LinuxIO

/// A capability by the name that `setcap` has for it.
enum CapabilityName: String, CaseIterable, Sendable {
    case administerNetwork = "cap_net_admin"
    case bindLowPorts = "cap_net_bind_service"
    case useForeignAddresses = "cap_net_raw"
    case administerSystem = "cap_sys_admin"

    /// The capability.
    var capability: Capabilities {
        switch self {
        case .administerNetwork: .administerNetwork
        case .bindLowPorts: .bindLowPorts
        case .useForeignAddresses: .useForeignAddresses
        case .administerSystem: .administerSystem
        }
    }

    /// The names of `capabilities`, separated by commas, as setcap(8) takes them.
    static func text(of capabilities: Capabilities) -> String {
        allCases.filter { capabilities.contains($0.capability) }.map(\.rawValue).joined(separator: ",")
    }
}
