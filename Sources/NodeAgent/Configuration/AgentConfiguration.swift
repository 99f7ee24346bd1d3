import Proxy
import Wire

/// The configuration of a process: all files of the command line, parsed and checked.
struct AgentConfiguration: Equatable, Sendable {
    /// The `global` sections, merged.
    var global = GlobalSettings()
    /// The `resolvers` sections, in the order of the file.
    var resolvers: [ResolverSettings] = []
    /// The `frontend` sections and the listening halves of `listen` sections.
    var frontends: [Frontend] = []
    /// The `backend` sections and the serving halves of `listen` sections.
    var backends: [Backend] = []
    /// The `probe` sections.
    var probes: [ProbeSettings] = []
    /// The `gossip` section; `nil` for a node without peers.
    var gossip: ClusterSettings?

    /// The `fullconn` of each backend. As in HAProxy, the default is a tenth (rounded up) of the sum of `maxconn` over all frontends that name the backend,
    /// at least 1. A frontend without `maxconn` counts with `sessionsMax`.
    func fullConnections(sessionsMax: Int) -> [Int] {
        var sums = Array(repeating: 0, count: backends.count)
        for frontend in frontends where !frontend.isDisabled {
            for backend in frontend.namedBackends { sums[backend] += frontend.connectionsMax ?? sessionsMax }
        }
        return zip(backends, sums).map { $0.fullConnections ?? max(1, ($1 + 9) / 10) }
    }
}
