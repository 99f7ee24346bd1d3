import Gossip
import LinuxIO
import Proxy
import Seals
import Wire

extension InitialHealth {
    /// The core's form of `init-state`.
    fileprivate init(_ state: InitialState) {
        switch state {
        case .up: self = .up
        case .fullyUp: self = .fullyUp
        case .down: self = .down
        case .fullyDown: self = .fullyDown
        }
    }
}

/// The `gossip` section in the core's form: this node, its peers, and the servers' identifiers.
struct GossipPlan {
    /// A peer that the configuration names by a host name, which is resolved repeatedly.
    struct NamedPeer {
        /// The peer's identifier.
        let peer: NodeID
        /// Its host name.
        let hostName: DNSName
        /// The port of its `node` line.
        let port: UInt16
    }

    /// The section.
    let section: ClusterSettings
    /// This node's name.
    let node: String
    /// The core's settings.
    private(set) var settings: Gossip.GossipSettings
    /// Every server of a proxy that is not `disabled`, in the order of the configuration.
    private(set) var servers: [GossipServer] = []
    /// The configuration's reference of each of `servers`, in the same order.
    private(set) var references: [ServerReference] = []
    /// The inverse of `references`.
    private(set) var identifiers: [ServerReference: ServerID] = [:]
    private var places: [ServerID: Int] = [:]
    /// The subject of the ballots on each proxy's writer, by backend.
    private(set) var writerSubjects: [UInt64] = []
    /// The name of the lease that a node holds while it drains.
    let drainLease: UInt64

    /// Builds the plan of a section.
    ///
    /// - Parameter addresses: the addresses of the section's nodes, in order; `nil` for a name that does not resolve.
    /// - Throws: the error of the digest library.
    init(_ section: ClusterSettings, node: String, backends: [Backend], addresses: [SocketAddress?], seal: any Seal) throws(SealError) {
        self.section = section
        self.node = node
        drainLease = try seal.digest(Array("drain".utf8)).first
        var peers: [GossipPeer] = []
        for (line, address) in zip(section.nodes, addresses) where line.name != node {
            peers.append(GossipPeer(id: try Self.identifier(of: line.name, seal), name: line.name, address: address))
        }
        settings = Gossip.GossipSettings(
            cluster: try Self.number(of: [section.name], seal), node: try Self.identifier(of: node, seal), peers: peers, configuration: 0)
        settings.detector.heartbeatInterval = section.probeInterval
        settings.detector.suspectAfter = section.deadAfter / 2
        settings.detector.deadAfter = section.deadAfter
        for backend in backends { writerSubjects.append(try Self.number(of: ["writer", backend.name], seal)) }
        for (index, backend) in backends.enumerated() where !backend.isDisabled {
            for place in backend.servers.indices { try add(ServerReference(backend: index, server: place), backend, seal) }
        }
        settings.configuration = try configurationHash(seal)
        settings.parts = try parts(seal)
    }

    /// A node's identifier, derived from its name.
    static func identifier(of node: String, _ seal: any Seal) throws(SealError) -> NodeID { NodeID(try number(of: [node], seal)) }

    /// The configuration's reference of a server; `nil` for a server that only other nodes have.
    func reference(of server: ServerID) -> ServerReference? { places[server].map { references[$0] } }

    /// A server's name for people, such as "mysql/read02"; for a server that only other nodes have, its identifier in hexadecimal.
    func name(of server: ServerID) -> String { places[server].map { servers[$0].name } ?? Hexadecimal.text(server.number, digits: 16) }

    /// A node's name for people; for a node outside the section, its identifier.
    func name(of node: NodeID) -> String { node == settings.node ? self.node : settings.peers.first { $0.id == node }?.name ?? node.description }

    private mutating func add(_ reference: ServerReference, _ backend: Backend, _ seal: any Seal) throws(SealError) {
        let server = backend.servers[reference.server]
        let id = ServerID(try Self.number(of: [backend.name, server.name, server.endpoint.host, "\(server.endpoint.port)"], seal))
        guard places[id] == nil else { return }
        places[id] = servers.count
        identifiers[reference] = id
        references.append(reference)
        var check: UInt32 = 0
        if let words = backend.checkIdentity(of: server) { check = max(1, UInt32(truncatingIfNeeded: try Self.number(of: words, seal) >> 32)) }
        servers.append(
            GossipServer(
                id: id, name: "\(backend.name)/\(server.name)", proxy: reference.backend, rise: server.check?.rise ?? 1, fall: server.check?.fall ?? 1,
                policy: Self.isComparable(server) ? section.policy : .own, minUp: section.minUp, check: check,
                initially: server.check == nil ? .up : InitialHealth(server.initialState)))
    }

    /// Whether nodes that check this server check the same host: a check at `*` is one of the node's own host.
    private static func isComparable(_ server: Server) -> Bool {
        guard let check = server.check else { return false }
        return check.isAtOtherHost || !server.hasClientAddress
    }

    /// The first 8 bytes of SHA-256 over the words, each followed by a zero byte.
    private static func number(of words: [String], _ seal: any Seal) throws(SealError) -> UInt64 {
        var bytes: [UInt8] = []
        for word in words { bytes += Array(word.utf8) + [0] }
        return try seal.digest(bytes).first
    }

    /// The hash of everything that must be the same on all nodes: the nodes, the servers, and how servers are judged. The order of lines does not matter.
    private func configurationHash(_ seal: any Seal) throws(SealError) -> UInt64 {
        var words = section.nodes.map { "node \($0.name)" }
        words += servers.map { "server \($0.id.number) \($0.rise) \($0.fall) \($0.check)" }
        words.sort()
        words.append("policy \(section.policy) \(section.minUp) \(section.deadAfter.wholeMilliseconds)")
        return try Self.number(of: words, seal)
    }

    /// The same information in named parts, so that a report can name the difference.
    private func parts(_ seal: any Seal) throws(SealError) -> [ConfigurationPart] {
        func part(_ name: String, _ words: [String]) throws(SealError) -> ConfigurationPart {
            let (id, hash) = (try Self.number(of: [name], seal), try Self.number(of: words, seal))
            return ConfigurationPart(name: name, id: UInt32(truncatingIfNeeded: id >> 32), hash: UInt32(truncatingIfNeeded: hash >> 32))
        }
        var parts = [try part("the node lines", section.nodes.map(\.name).sorted())]
        parts.append(try part("policy, min-up or dead-after", ["\(section.policy)", "\(section.minUp)", "\(section.deadAfter.wholeMilliseconds)"]))
        for server in servers {
            let content = ["\(server.id.number)", "\(server.rise)", "\(server.fall)", "\(server.check)"]
            parts.append(try part("server \(server.name)", content))
        }
        return parts
    }
}
