extension ServerRegistry {
    /// The usable servers that a backend's sessions go to: all active ones or, while there are none, one backup, preferably a near one.
    package func servingServers(ofBackend backend: Int) -> [ServerReference] {
        let usable = backends[backend].servers.indices.map { ServerReference(backend: backend, server: $0) }.filter { status(of: $0).isUsable }
        let active = usable.filter { !configuration(of: $0).isBackup }
        guard active.isEmpty else { return active }
        return (usable.first { !configuration(of: $0).isFar } ?? usable.first).map { [$0] } ?? []
    }
}
