extension ServerRegistry {
    /// The usable servers for a backend's sessions: all active ones; without them all backups (`option allbackups`), or one, preferably a near one.
    package func servingServers(ofBackend backend: Int) -> [ServerReference] {
        let usable = backends[backend].servers.indices.map { ServerReference(backend: backend, server: $0) }.filter { status(of: $0).isUsable }
        let active = usable.filter { !configuration(of: $0).isBackup }
        guard active.isEmpty else { return active }
        guard !backends[backend].usesAllBackups else { return usable }
        return (usable.first { !configuration(of: $0).isFar } ?? usable.first).map { [$0] } ?? []
    }

    /// The weights in effect of the usable servers for a backend's sessions, in sixteenths.
    package func weightInEffect(ofBackend backend: Int) -> Int {
        guard status(ofBackend: backend).activeServers == 0 else { return status(ofBackend: backend).activeWeight }
        return servingServers(ofBackend: backend).reduce(0) { $0 + status(of: $1).weight * share(of: $1) }
    }
}

extension ServerRegistry {
    /// The routes of all servers, by backend.
    package var routes: [[ServerRoute]] {
        backends.enumerated().map { index, backend in backend.servers.indices.map { route(of: ServerReference(backend: index, server: $0)) } }
    }

    /// The route of a server, from its status.
    package func route(of server: ServerReference) -> ServerRoute {
        let status = status(of: server)
        return ServerRoute(
            address: status.address, isUsable: status.isUsable, isSkipped: status.skip != nil, weight: status.fitWeight, priority: status.priority,
            share: share(of: server), connectionsMax: connectionsMax(of: server))
    }
}
