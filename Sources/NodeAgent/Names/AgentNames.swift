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
            addResolver(settings, servers) { [log] sentence, isAlarm in
                let subject = LogSubject(resolver: settings.name, sentence)
                log.write(isAlarm ? .warning : .notice, "Resolvers \(settings.name): \(sentence).", about: subject)
            }
        }
        addDiscoveries()
        for resolver in resolvers { resolver.start() }
        keepAddresses()
    }

    /// Adds a runner that keeps the addresses of `servers` current; it is started later.
    ///
    /// - Parameter tell: takes its sentences, and whether they are bad news.
    @discardableResult
    func addResolver(_ settings: ResolverSettings, _ servers: [ResolvedServer], _ tell: @escaping (String, Bool) -> Void) -> ResolverRunner {
        var handlers = ResolverRunner.Handlers(
            address: { [unowned self] in addressFound($0, $1, source: $2) }, lost: { [unowned self] in addressLost($0, $1) },
            check: { [unowned self] in tryAddress($0, $1, $2) }, log: tell)
        handlers.priority = { [unowned self] in self.servers.apply(.setPriority($1), to: $0) }
        handlers.weight = { [unowned self] server, weight in
            let weight = weight ?? configuration.backends[server.backend].servers[server.server].weight
            self.servers.heedOthers { self.servers.apply(.setWeight(weight, by: "its service record"), to: server) }
        }
        let runner = ResolverRunner(
            settings: settings, servers: servers, remembered: remembered(servers), reactor: reactor, random: SystemRandomNumberGenerator(), handlers: handlers)
        for server in servers { resolverOf[server.reference] = runner }
        resolvers.append(runner)
        return runner
    }

    /// What names had before the start, those of them that have not been answered for since too long.
    private func remembered(_ servers: [ResolvedServer]) -> [DNSName: [KnownName.Entry]] {
        var entries: [DNSName: [KnownName.Entry]] = [:]
        for name in servers.map(\.hostName) { entries[name] = rememberedAddresses.entries(of: name, now: WallTime.now().seconds) }
        return entries.filter { !$0.value.isEmpty }
    }

    private func keepAddresses() {
        guard let addressKeeper else { return }
        addressKeeper.look(resolvers.flatMap(\.knownNames), now: reactor.now, wall: WallTime.now().seconds)
        reactor.setTimer(at: reactor.now.advanced(by: AddressKeeper.lookInterval)) { [unowned self] in keepAddresses() }
    }

    private func resolvedServers(_ section: String) -> [ResolvedServer] { resolvedServers { $1.resolvers == section } }

    /// The servers whose backend and line are wanted, with the addresses that they have.
    func resolvedServers(where isWanted: (Backend, Server) -> Bool) -> [ResolvedServer] {
        configuration.backends.enumerated().flatMap { index, backend in
            backend.servers.enumerated().compactMap { place, server in
                guard isWanted(backend, server) else { return nil }
                let reference = ServerReference(backend: index, server: place)
                return ResolvedServer(reference: reference, server: server, status: registry.status(of: reference))
            }
        }
    }

    private func port(of server: ServerReference) -> UInt16 {
        if case .name(_, let port) = configuration.backends[server.backend].servers[server.server].endpoint { port } else { 0 }
    }

    private func addressFound(_ server: ServerReference, _ address: ResolvedAddress, source: String) {
        let found = address.endpoint(port: port(of: server))
        let before = registry.status(of: server).address
        guard before != found else { return }
        if before != nil { forgetDatabase(server) }
        servers.heedOthers { servers.apply(.addressResolved(found, by: source), to: server) }
        checks?.setAddress(of: server, found)
    }

    private func addressLost(_ server: ServerReference, _ loss: AddressLoss) {
        forgetDatabase(server)
        servers.heedOthers { servers.apply(.addressLost(reason: loss.description), to: server) }
        checks?.setAddress(of: server, nil)
    }

    /// Tries a new address as the server's checks would, while the present one still serves.
    private func tryAddress(_ server: ServerReference, _ address: ResolvedAddress, _ answer: @escaping (Bool) -> Void) {
        checks?.tryOnce(server, at: address.endpoint(port: port(of: server)), answer)
    }
}

extension LogSubject {
    /// The subject of a resolver's sentence: the name at its beginning.
    init(resolver: String, _ sentence: String) {
        self.init(kind: "resolver \(resolver)", about: String(sentence.prefix { $0 != " " }))
    }
}
