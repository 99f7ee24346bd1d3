import Proxy

extension ClusterSettings {
    /// The node whose gossip address `-c` resolves: this one. If the file does not name this machine, it is the first node if the section has `bind`, and `nil`
    /// otherwise.
    func checkedNode(named node: String) -> Node? { (try? self.node(named: node)) ?? (bind == nil ? nil : nodes.first) }
}

extension NameResolution {
    /// Resolves the names of listeners, log targets and this node's gossip address. `failures` then contains those that prevent the start.
    mutating func resolvePlaces(of configuration: AgentConfiguration, own: ClusterSettings.Node?) {
        for (bind, owner) in StartSockets.binds(of: configuration) { _ = try? address(of: bind, owner: owner) }
        // Each proxy with 'log global' has the same targets.
        var seen: Set<ConfigurationLocation> = []
        for target in configuration.logTargets where seen.insert(target.location).inserted {
            if case .name = target.endpoint { _ = try? place(of: target) }
        }
        if let section = configuration.gossip, let own { _ = try? place(ofGossip: section, own: own) }
    }

    /// Resolves the names of servers, of the addresses at which they are checked, and of their agents. `failures` then contains those that prevent the start.
    mutating func resolveServers(of configuration: AgentConfiguration) {
        for backend in configuration.backends {
            for server in backend.servers {
                _ = try? address(of: server, owner: backend.name)
                _ = try? checkAddress(of: server, owner: backend.name)
                _ = try? agentAddress(of: server, owner: backend.name)
            }
        }
    }
}
