import Wire

/// A configured peer.
package struct GossipPeer: Equatable, Sendable {
    /// The peer's identifier.
    package var id: NodeID
    /// The peer's name in logs and reports.
    package var name: String
    /// The address to which HELLOs are sent; `nil` while the peer's name does not resolve.
    package var address: SocketAddress?

    /// A peer from its parts.
    package init(id: NodeID, name: String, address: SocketAddress?) { (self.id, self.name, self.address) = (id, name, address) }
}

/// The gossip settings of a node.
package struct GossipSettings: Sendable {
    /// The first 8 bytes of SHA-256 of the cluster's name.
    package var cluster: UInt64
    /// This node's identifier.
    package var node: NodeID
    /// All other nodes; at most `GossipLimits.nodesMax - 1`.
    package var peers: [GossipPeer]
    /// A hash of the settings that should be equal on all nodes.
    package var configuration: UInt64
    /// The parts that should be equal on all nodes, sent to peers whose configuration differs. Parts beyond `configurationPartsMax` are not sent.
    package var parts: [ConfigurationPart] = []
    /// Timeouts and intervals of the failure detector.
    package var detector = DetectorSettings()
    /// Rows that change within this time share a datagram.
    package var flushInterval = Duration.milliseconds(2)
    /// A channel is replaced after this number of datagrams.
    package var rekeyDatagrams: UInt64 = 1 << 32
    /// A channel is replaced after this time.
    package var rekeyInterval = Duration.seconds(86_400)
    /// A lease that is not renewed ends after this time.
    package var leaseDuration = Duration.seconds(600)
    /// Safety rules; tests switch some off.
    package var rules = SafetyRules.all

    /// Creates the settings of a node among `peers`.
    package init(cluster: UInt64, node: NodeID, peers: [GossipPeer], configuration: UInt64) {
        (self.cluster, self.node, self.peers, self.configuration) = (cluster, node, peers, configuration)
    }
}

/// State that a node keeps across restarts. Losing it costs only the operators' commands that no peer has.
package struct GossipMemory: Equatable, Sendable {
    /// The latest session; 0 for none.
    package var session: UInt64
    /// The operators' commands.
    package var administrative: [AdministrativeRow]

    /// Creates a memory from persisted values.
    package init(session: UInt64 = 0, administrative: [AdministrativeRow] = []) {
        (self.session, self.administrative) = (session, administrative)
    }

    /// Drops values too far ahead of a clock that shows `wall`: a node that kept them could not issue higher ones.
    ///
    /// - Returns: whether the session was dropped, and how many commands were.
    package mutating func forgetFarAhead(wall: UInt64, rules: SafetyRules = .all) -> (isSession: Bool, commands: Int) {
        let (horizon, before) = (HybridTime.horizon(wall: wall), administrative.count)
        let isSession = session > horizon.bits && rules.contains(.sessionHorizon)
        if isSession { session = 0 }
        if rules.contains(.stampHorizon) { administrative.removeAll { $0.stamp > horizon } }
        return (isSession, before - administrative.count)
    }
}
