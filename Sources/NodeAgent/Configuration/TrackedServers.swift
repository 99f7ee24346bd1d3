import Proxy

/// `track`: the servers whose states other servers copy.
extension ConfigurationChecks {
    /// Resolves the references of all `track` options. Call it once all backends are combined.
    mutating func resolveTracking() {
        var lines: [(server: ServerReference, reference: TrackReference, section: String)] = []
        for (index, proxy) in servingProxies.enumerated() {
            lines += proxy.tracking.map { (ServerReference(backend: index, server: $0.place), $0.reference, proxy.title) }
        }
        for line in lines {
            guard let tracked = trackedServer(line.reference, of: line.server, in: line.section) else { continue }
            requireSameStates(of: tracked, and: line.server, line.reference, in: line.section)
            configuration.backends[line.server.backend].servers[line.server.server].tracked = tracked
        }
        var looping: Set<ServerReference> = []
        for line in lines {
            let chain = circle(through: line.server)
            if !chain.isEmpty {
                guard looping.isDisjoint(with: chain) else { continue }
                looping.formUnion(chain)
                let advice = "its chain leads back to it, so no server of the chain is checked: write 'check' at one of them instead"
                report(.alert, .custom("'track' in a circle", advice: advice), at: line.reference.server.location, in: line.section)
            } else if let tracked = self[line.server].tracked, self[tracked].check == nil, self[tracked].agent == nil, self[tracked].tracked == nil {
                // A tracked server with a wrong 'track' of its own has its own error.
                guard isReadable, !lines.contains(where: { $0.server == tracked }) else { continue }
                let name = "\(configuration.backends[tracked.backend].name)/\(self[tracked].name)"
                let problem = ConfigurationProblem.custom("'track' of a server without 'check'", advice: "'\(name)' would never go down: add 'check' to it")
                report(.alert, problem, at: line.reference.server.location, in: line.section)
            }
        }
        // The alert prevents the start. Without the circle, later steps that follow a chain come to its end.
        for server in looping { configuration.backends[server.backend].servers[server.server].tracked = nil }
    }

    /// Reports a server whose proxy differs from that of the tracked server in 'http-check disable-on-404': with it, checks have one more result. As in HAProxy,
    /// the states of these servers cannot be copied.
    private mutating func requireSameStates(of tracked: ServerReference, and server: ServerReference, _ reference: TrackReference, in section: String) {
        let (owner, own) = (servingProxies[tracked.backend], servingProxies[server.backend])
        guard owner.checkRules.passesOn404 != own.checkRules.passesOn404 else { return }
        let lacking = (owner.checkRules.passesOn404 ? own : owner).title
        let problem = ConfigurationProblem.custom(
            "'track' across proxies of which only one has 'http-check disable-on-404'", advice: "add 'http-check disable-on-404' to section '\(lacking)'")
        report(.alert, problem, at: reference.server.location, in: section)
    }

    private subscript(_ server: ServerReference) -> Server { configuration.backends[server.backend].servers[server.server] }

    /// The server that a reference names; `nil`, with a report, if there is none.
    private mutating func trackedServer(_ reference: TrackReference, of server: ServerReference, in section: String) -> ServerReference? {
        let (name, location) = (reference.server.name, reference.server.location)
        var index = server.backend
        if let proxy = reference.proxy {
            guard let named = backendIndex(of: proxy, in: section) else { return nil }
            index = named
        }
        let names = configuration.backends[index].servers.map(\.name)
        guard let place = names.firstIndex(of: name) else {
            let suggestion = Spelling.nearest(to: name, among: names)
            report(.alert, .unknownName(name, kind: "server", of: "track", suggestion: suggestion), at: location, in: section)
            return nil
        }
        return ServerReference(backend: index, server: place)
    }

    /// The servers of the chain that leads from `server` back to `server`; empty if its chain does not.
    private func circle(through server: ServerReference) -> Set<ServerReference> {
        var chain: Set<ServerReference> = [server]
        var next = self[server].tracked
        while let tracked = next {
            if tracked == server { return chain }
            guard chain.insert(tracked).inserted else { return [] }
            next = self[tracked].tracked
        }
        return []
    }
}
