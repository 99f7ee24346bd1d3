import Wire

/// A peer as configured.
package struct GossipPeer: Equatable, Sendable {
    /// Which node.
    package var id: NodeID
    /// Its name, for people.
    package var name: String
    /// Where it is looked for until it has proven an address; `nil` while its name does not resolve.
    package var address: SocketAddress?

    /// A peer from its parts.
    package init(id: NodeID, name: String, address: SocketAddress?) { (self.id, self.name, self.address) = (id, name, address) }
}

/// What a node's gossip is configured with.
package struct GossipSettings: Sendable {
    /// The first 8 bytes of SHA-256(cluster name).
    package var cluster: UInt64
    /// This node.
    package var node: NodeID
    /// All others; at most `GossipLimits.nodesMax - 1`.
    package var peers: [GossipPeer]
    /// A hash of what should be alike on all nodes.
    package var configuration: UInt64
    /// The parts that should be equal on all nodes, for peers whose configuration differs. Parts beyond `configurationPartsMax` are not sent.
    package var parts: [ConfigurationPart] = []
    /// How long a peer may be silent.
    package var detector = DetectorSettings()
    /// Rows that change within this time ride together.
    package var flushInterval = Duration.milliseconds(2)
    /// A channel is replaced after so many datagrams.
    package var rekeyDatagrams: UInt64 = 1 << 32
    /// Or after this time.
    package var rekeyInterval = Duration.seconds(86_400)
    /// The drain lease falls by itself after this time.
    package var leaseDuration = Duration.seconds(600)
    /// Tests only: rules to switch off.
    package var rules = SafetyRules.all

    /// Settings of a node among `peers`.
    package init(cluster: UInt64, node: NodeID, peers: [GossipPeer], configuration: UInt64) {
        (self.cluster, self.node, self.peers, self.configuration) = (cluster, node, peers, configuration)
    }
}

/// What a node remembers over a restart. Losing it costs nothing but the operators' words that no peer has.
package struct GossipMemory: Equatable, Sendable {
    /// The last session; 0 for none.
    package var session: UInt64
    /// The operators' rows.
    package var administrative: [AdministrativeRow]

    /// What was persisted last.
    package init(session: UInt64 = 0, administrative: [AdministrativeRow] = []) {
        (self.session, self.administrative) = (session, administrative)
    }

    /// Leaves out values too far ahead of a clock that shows `wall`: a node that took them over could not go above them.
    ///
    /// - Returns: whether the session, and how many commands, were left out.
    package mutating func forgetFarAhead(wall: UInt64, rules: SafetyRules = .all) -> (isSession: Bool, words: Int) {
        let (horizon, before) = (HybridTime.horizon(wall: wall), administrative.count)
        let isSession = session > horizon.bits && rules.contains(.sessionHorizon)
        if isSession { session = 0 }
        if rules.contains(.stampHorizon) { administrative.removeAll { $0.stamp > horizon } }
        return (isSession, before - administrative.count)
    }
}
