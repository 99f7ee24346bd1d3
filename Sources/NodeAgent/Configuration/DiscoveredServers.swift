import Proxy

/// `discover` of a `database` section: the servers that it fills, and their requirements.
extension ConfigurationChecks {
    private static let templateExample = "server-template read 8 replicas.mysql:3306 check"

    /// Marks the servers that a writer's replica list fills. Call it once all files are read.
    mutating func markDiscoveredServers() {
        var first: [String: NameReference] = [:]
        for draft in databases.map(\.draft) {
            guard let reference = draft.discovered else { continue }
            let name = "database \(draft.proxy.name)"
            guard let index = backendIndex(of: reference, in: name) else { continue }
            markDiscovered(&configuration.backends[index].servers)
            if let earlier = first.updateValue(reference, forKey: reference.name) {
                let advice = "\(earlier.location) already fills it, and a proxy takes the replicas of one primary: remove one of the two"
                report(.alert, .custom("duplicate 'discover' of '\(reference.name)'", advice: advice), at: reference.location, in: name)
            }
            if isReadable, let problem = problem(of: draft, reference, configuration.backends[index]) {
                report(.alert, problem, at: reference.location, in: name)
            }
        }
        // After an error, a 'discover' line may be missing.
        for (backend, proxy) in zip(configuration.backends, servingProxies) where isReadable {
            var reported: Set<ConfigurationLocation> = []
            for server in backend.servers where isFilled(server) && !server.isDiscovered && reported.insert(server.location).inserted {
                let advice = "without 'resolvers' its servers never get new addresses: add 'resolvers NAME'"
                report(.warning, .noEffect("server-template", advice: advice), at: server.location, in: proxy.title)
            }
        }
    }

    private func markDiscovered(_ servers: inout [Server]) {
        for place in servers.indices where isFilled(servers[place]) { servers[place].isDiscovered = true }
    }

    /// Whether the server is a template's slot that nameservers do not fill.
    private func isFilled(_ server: Server) -> Bool { server.isTemplateSlot && server.resolvers == nil }

    private func problem(of draft: DatabaseDraft, _ reference: NameReference, _ backend: Backend) -> ConfigurationProblem? {
        guard draft.settings.role == .primary else {
            return .custom("'discover' without 'role primary'", advice: "only a primary lists replicas: write 'role primary', or remove the line")
        }
        guard reference.name != draft.proxy.name else {
            return .badValue(reference.name, of: "discover", expected: "the proxy for reads: 'discover' cannot fill the proxy of the primary itself")
        }
        guard databases.first(where: { $0.draft.proxy.name == reference.name })?.draft.settings.role != .primary else {
            return .custom("'discover' of a proxy with 'role primary'", advice: "replicas take no writes: name the proxy for reads")
        }
        let slots = backend.servers.filter(isFilled)
        guard let slot = slots.first else {
            if let slot = backend.servers.first(where: \.isTemplateSlot) {
                let advice = "a nameserver fills '\(slot.name)' of '\(backend.name)': remove its 'resolvers', or 'discover'"
                return .custom("'discover' of servers with 'resolvers'", advice: advice)
            }
            let advice = "'\(backend.name)' has no servers to fill: write '\(Self.templateExample)' there, without 'resolvers'"
            return .custom("'discover' of a proxy without 'server-template'", advice: advice)
        }
        if let other = slots.first(where: { $0.endpoint.host != slot.endpoint.host }) {
            let advice = "each replica would appear twice: give '\(other.name)' the same host name as '\(slot.name)'"
            return .custom("'discover' of two names", advice: advice)
        }
        guard slots.allSatisfy({ $0.check != nil }) else {
            return .custom("'discover' of servers without 'check'", advice: "an unchecked address gets no sessions: add 'check' to '\(slot.name)'")
        }
        return nil
    }
}
