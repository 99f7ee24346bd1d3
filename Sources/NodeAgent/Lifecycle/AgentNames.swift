import Glibc
import LinuxIO
import Proxy
import Wire

extension Agent {
    /// The runner that keeps a server's address current; `nil` for a server with a fixed one.
    func resolver(of server: ServerReference) -> ResolverRunner? { resolverOf[server] }

    /// Starts a runner for every `resolvers` section that has servers.
    func startResolvers() {
        for settings in configuration.resolvers {
            let servers = resolvedServers(settings.name)
            guard !servers.isEmpty else { continue }
            let handlers = ResolverRunner.Handlers(
                address: { [unowned self] in addressFound($0, $1, source: $2) }, lost: { [unowned self] in addressLost($0, $1) },
                check: { [unowned self] in tryAddress($0, $1, $2) },
                log: { [log] sentence, isAlarm in log.write(isAlarm ? .warning : .notice, "Resolvers \(settings.name): \(sentence).") })
            let runner = ResolverRunner(
                settings: settings, servers: servers, reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
            for server in servers { resolverOf[server.reference] = runner }
            resolvers.append(runner)
        }
        for resolver in resolvers { resolver.start() }
    }

    private func resolvedServers(_ section: String) -> [ResolvedServer] {
        configuration.backends.enumerated().flatMap { index, backend in
            backend.servers.enumerated().compactMap { place, server in
                guard server.resolvers == section else { return nil }
                let reference = ServerReference(backend: index, server: place)
                return ResolvedServer(reference: reference, server: server, address: registry.status(of: reference).address?.address)
            }
        }
    }

    private func port(of server: ServerReference) -> UInt16 {
        if case .name(_, let port) = configuration.backends[server.backend].servers[server.server].endpoint { port } else { 0 }
    }

    private func addressFound(_ server: ServerReference, _ address: IPAddress, source: String) {
        let found = SocketAddress.ip(address, port: port(of: server))
        guard registry.status(of: server).address != found else { return }
        apply(.addressResolved(found, by: source), to: server)
        checks?.setAddress(of: server, found)
    }

    private func addressLost(_ server: ServerReference, _ loss: AddressLoss) {
        apply(.addressLost(reason: loss.description), to: server)
        checks?.setAddress(of: server, nil)
    }

    /// Tries a new address as the server's checks would, while the present one still serves.
    private func tryAddress(_ server: ServerReference, _ address: IPAddress, _ answer: @escaping (Bool) -> Void) {
        checks?.tryOnce(server, at: .ip(address, port: port(of: server)), answer)
    }
}
