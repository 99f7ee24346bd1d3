import Proxy

/// Finds servers by their names.
struct ServerNames {
    private let backends: Set<String>
    private let servers: [ServerName: ServerReference]

    /// Indexes the servers of `backends`. Of two servers with the same name the first one counts.
    init(_ backends: [Backend]) {
        self.backends = Set(backends.map(\.name))
        var servers: [ServerName: ServerReference] = [:]
        for (index, backend) in backends.enumerated() {
            for (place, server) in backend.servers.enumerated() {
                let name = ServerName(backend: backend.name, server: server.name)
                if servers[name] == nil { servers[name] = ServerReference(backend: index, server: place) }
            }
        }
        self.servers = servers
    }

    /// The server of a name.
    func reference(of name: ServerName) throws(RuntimeTargetError) -> ServerReference {
        if let reference = servers[name] { return reference }
        throw backends.contains(name.backend) ? .noSuchServer : .noSuchBackend
    }
}
