import Glibc
import LinuxIO
import Proxy

/// The demands that connects to servers make on the process: those of `source` and `namespace` lines.
struct StartConnects {
    /// True when any server has a `source`: connects then call bind(2).
    private(set) var bindsSockets = false
    /// True when any server has a `namespace`: connects then call setns(2).
    private(set) var entersNamespaces = false
    /// The capabilities that connects need while the process serves.
    private(set) var capabilities: Capabilities = []
    /// A warning for each interface that does not exist: connects through it fail until it does.
    private(set) var warnings: [String] = []

    /// Collects the demands of `configuration`. `hasInterface` returns whether a network interface of the process's own network namespace exists.
    init(_ configuration: AgentConfiguration, hasInterface: (String) -> Bool = { if_nametoindex($0) > 0 }) {
        var seen: Set<String> = []
        for backend in configuration.backends where !backend.isDisabled {
            for server in backend.servers {
                if server.namespace != nil {
                    entersNamespaces = true
                    capabilities.insert(.administerSystem)
                }
                guard let source = backend.source(of: server) else { continue }
                bindsSockets = true
                if source.needsForeignAddresses { capabilities.insert(.useForeignAddresses) }
                if source.needsLowPorts { capabilities.insert(.bindLowPorts) }
                guard server.namespace == nil, let interface = source.interface, seen.insert(interface).inserted, !hasInterface(interface) else { continue }
                warnings.append("\(server.location): 'source ... interface \(interface)': no such interface; connects fail until it exists")
            }
        }
    }
}
