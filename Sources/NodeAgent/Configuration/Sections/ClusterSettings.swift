import Gossip
import Proxy
import Wire

/// The `gossip` section: the peers of this node, and the influence of their views.
struct ClusterSettings: Equatable, Sendable {
    /// `node NAME ADDRESS:PORT`, one line for each node of the cluster, this one included.
    struct Node: Equatable, Sendable {
        /// The node's name, under which it must be started.
        var name: String
        /// `.ip` or `.name`, with a port of at least 1.
        var endpoint: Endpoint
        /// The line in the configuration.
        var location: ConfigurationLocation
    }

    /// The standard reach of operators' commands.
    enum AdminScope: Equatable, Sendable {
        /// This node.
        case node
        /// All nodes.
        case cluster
    }

    /// The cluster's name.
    var name: String
    /// Two to `GossipLimits.nodesMax` nodes, in the order of the file, with unique names and addresses.
    var nodes: [Node] = []
    /// `bind`: the address at which this node receives, `.ip` or `.name`; `nil` for the address of its `node` line.
    var bind: Endpoint?
    /// `key-file`: an absolute path; `nil` only when every address of the section is a loopback address.
    var keyFile: String?
    /// `state-dir`: an absolute path; `nil` to store nothing.
    var stateDirectory: String?
    /// `policy`.
    var policy = VerdictPolicy.fastDown
    /// `min-up`: peers' views alone never leave fewer servers of a proxy usable; at least 1 with `any-down`.
    var minUp = 1
    /// `probe-interval`: the time between heartbeats.
    var probeInterval = Duration.milliseconds(180)
    /// `dead-after`: the silence after which a peer is dead; at least three times `probeInterval`.
    var deadAfter = Duration.seconds(1)
    /// `admin-scope`.
    var adminScope = AdminScope.node
    /// The line where the section begins.
    var location: ConfigurationLocation

    /// Finds this node's line by its name, which comes from `-L`, `global`'s `node` or the host.
    ///
    /// - Throws: a sentence with all names, if no line has this name.
    func node(named own: String) throws(StartError) -> Node {
        if let node = nodes.first(where: { $0.name == own }) { return node }
        let names = nodes.map(\.name)
        let advice = Spelling.nearest(to: own, among: names).map { "did you mean '\($0)'? S" } ?? "s"
        throw StartError(
            "\(location): no line 'node \(own)' for this node in section 'gossip \(name)'; \(advice)tart with '-L NAME', or write 'node NAME' in 'global', "
                + "with one of \(names.joined(separator: ", "))")
    }
}
