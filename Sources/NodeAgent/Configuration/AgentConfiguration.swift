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

    /// The `fullconn` of each backend, where a frontend without `maxconn` counts with `sessionsMax`.
    func fullConnections(sessionsMax: Int) -> [Int] { Backend.fullConnections(of: backends, frontends: frontends, sessionsMax: sessionsMax) }
}
