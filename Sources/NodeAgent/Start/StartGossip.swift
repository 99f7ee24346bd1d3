import Glibc
import Gossip
import LinuxIO
import Proxy
import Seals
import Wire

/// Opens and reads everything that the `gossip` section needs, before threads start and before privileges are dropped.
struct StartGossip {
    /// The socket's receive buffer in bytes: enough for a burst of all peers while the control thread is busy.
    private static let receiveBuffer = 1 << 20

    private let section: ClusterSettings
    private let lookup: NameLookup
    private let seal: OpenSSLSeal

    /// Prepares `section`; `lookup` resolves the peers' names.
    init(_ section: ClusterSettings, lookup: NameLookup) throws(StartError) {
        (self.section, self.lookup) = (section, lookup)
        seal = try StartError.wrapping("\(section.location): gossip: OpenSSL: ") { () throws(SealError) in try OpenSSLSeal() }
    }

    /// Opens all resources. Does not read the store, which an unprivileged process has written: that waits until this process has dropped its privileges as
    /// well.
    ///
    /// - Parameters:
    ///   - node: this node's name.
    ///   - names: resolves the address at which this node receives.
    ///   - owner: the later user of the process.
    ///   - inherited: sockets that may include the predecessor's gossip socket.
    func open(
        node: String, backends: [Backend], names: inout NameResolution, owner: FileOwner, inherited: InheritedSockets
    ) throws(StartError) -> GossipRunner.Resources {
        let own = try section.node(named: node)
        let address = try names.place(ofGossip: section, own: own)
        let ring = try ring()
        let plan = try plan(node: node, backends: backends)
        let socket = try socket(at: address, of: own, cluster: plan.settings.cluster, inherited)
        let store: StateStore<GossipMemory>? = if let path = section.stateDirectory { try StateStore(path: path, node: node, owner: owner) } else { nil }
        var resources = GossipRunner.Resources(plan: plan, seal: seal, socket: socket, ring: ring, memory: GossipMemory(), store: store)
        resources.named = named(plan)
        if !resources.named.isEmpty { resources.resolver = lookup.resolverSettings(name: section.name) }
        return resources
    }

    /// Checks the keys and the folder, for `-c`. Returns a warning if the section does not name this node: the file may be for another machine.
    func check(node: String, owner: FileOwner) throws(StartError) -> String? {
        _ = try ring()
        if let path = section.stateDirectory { _ = try StateFolder(path, owner: owner) }
        do throws(StartError) { _ = try section.node(named: node) } catch { return error.description }
        return nil
    }

    private func ring() throws(StartError) -> KeyRing {
        guard let path = section.keyFile else {
            return try StartError.wrapping("\(section.location): gossip: OpenSSL: ") { () throws(SealError) in
                KeyRing([try KeyRing.key(.loopbackKey, seal)])
            }
        }
        return try StartError.wrapping { () throws(KeyFileError) in KeyRing(try KeyFile(path: path).read(seal).keys) }
    }

    private func plan(node: String, backends: [Backend]) throws(StartError) -> GossipPlan {
        let addresses = section.nodes.map { $0.name == node ? nil : address(ofPeer: $0) }
        let plan = try StartError.wrapping("\(section.location): gossip: OpenSSL: ") { () throws(SealError) in
            try GossipPlan(section, node: node, backends: backends, addresses: addresses, seal: seal)
        }
        guard plan.servers.count <= GossipLimits.serversMax else {
            throw StartError("\(section.location): gossip covers at most \(GossipLimits.serversMax) servers, the proxies have \(plan.servers.count)")
        }
        return plan
    }

    /// The address of a peer; `nil` for a name that needs nameservers, which are asked once the node runs, so that it starts without them.
    private func address(ofPeer node: ClusterSettings.Node) -> SocketAddress? {
        switch node.endpoint {
        case .ip(let address, let port): .ip(address, port: port)
        case .name(let name, let port):
            lookup.nameToResolve(name) == nil
                ? (try? lookup.addresses(of: name, preferring: .v4, random: SystemRandomNumberGenerator()))?.first.map { .ip($0, port: port) } : nil
        case .unix, .inherited: nil
        }
    }

    private func socket(
        at address: SocketAddress, of own: ClusterSettings.Node, cluster: UInt64, _ inherited: InheritedSockets
    ) throws(StartError) -> DatagramSocket {
        do throws(SystemError) {
            let socket =
                if let earlier = inherited.take(.datagram, at: address).first { DatagramSocket(adopting: earlier) } else {
                    try DatagramSocket(bind: address, receiveBuffer: Self.receiveBuffer)
                }
            // The kernel discards datagrams of other clusters, so that they cost neither the control thread's time nor room in the buffer.
            try socket.accept(only: Header.expectedBytes(cluster: cluster).map { .init(offset: $0.offset, value: $0.value) })
            return socket
        } catch {
            let advice =
                switch error.code {
                case EADDRNOTAVAIL: "; this machine does not have the address: write 'bind ADDRESS:PORT', or start with another '-L NAME'"
                case EADDRINUSE: "; another process uses this port: stop it ('ss -lunp' shows it), or give this node another port in the files of all nodes"
                default: ""
                }
            throw StartError("\(own.location): gossip \(section.name): cannot receive at \(address): \(error)\(advice)")
        }
    }

    /// The peers of `plan` whose names are resolved repeatedly.
    private func named(_ plan: GossipPlan) -> [GossipPlan.NamedPeer] {
        section.nodes.compactMap { line in
            guard case .name(let name, let port) = line.endpoint, let hostName = lookup.nameToResolve(name),
                let peer = plan.settings.peers.first(where: { $0.name == line.name })
            else { return nil }
            return GossipPlan.NamedPeer(peer: peer.id, hostName: hostName, port: port)
        }
    }
}
