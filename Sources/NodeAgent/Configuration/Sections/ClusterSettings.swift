import Gossip
import Proxy
import Wire

/// The `gossip` section: with whom this node exchanges what it sees, and how much a peer's word counts.
struct ClusterSettings: Equatable, Sendable {
    /// `node NAME ADDRESS:PORT`, one line for each node of the cluster, this one included.
    struct Node: Equatable, Sendable {
        /// The name that the node is started under.
        var name: String
        /// `.ip` or `.name`, with a port of at least 1.
        var endpoint: Endpoint
        /// Where the line stands.
        var location: ConfigurationLocation
    }

    /// How far an operator's command reaches that does not say it.
    enum AdminScope: Equatable, Sendable {
        /// This node.
        case node
        /// All nodes.
        case cluster
    }

    /// The cluster's name.
    var name: String
    /// Two to `GossipLimits.nodesMax` nodes, in the order of the file; no name and no address stands twice.
    var nodes: [Node] = []
    /// `bind`: where this node receives, `.ip` or `.name`; `nil` for the address of its own `node` line.
    var bind: Endpoint?
    /// `key-file`: an absolute path; `nil` only when every address of the section is a loopback address.
    var keyFile: String?
    /// `state-dir`: an absolute path; `nil` to remember nothing over a restart.
    var stateDirectory: String?
    /// `policy`.
    var policy = VerdictPolicy.fastDown
    /// `min-up`: peers' words never leave fewer servers of a proxy usable; at least 1 with `any-down`.
    var minUp = 1
    /// `probe-interval`: between heartbeats.
    var probeInterval = Duration.milliseconds(180)
    /// `dead-after`: the silence after which a peer is dead; at least three times `probeInterval`.
    var deadAfter = Duration.seconds(1)
    /// `admin-scope`.
    var adminScope = AdminScope.node
    /// Where the section begins.
    var location: ConfigurationLocation

    /// This node's line: of the name of `-L`, else of `global`'s `node`, else the host's.
    ///
    /// - Throws: when no line has this name; the sentence names those there are.
    func node(named own: String) throws(StartError) -> Node {
        if let node = nodes.first(where: { $0.name == own }) { return node }
        let names = nodes.map(\.name)
        let advice = Spelling.nearest(to: own, among: names).map { "did you mean '\($0)'? S" } ?? "s"
        throw StartError(
            "\(location): no 'node' of section 'gossip \(name)' is this node, '\(own)'; \(advice)tart with '-L NAME' or write 'node NAME' in 'global': "
                + "one of \(names.joined(separator: ", "))")
    }
}
