import Proxy
import Wire

/// What the runtime socket's commands change.
extension Agent: RuntimeTarget {
    func setState(_ state: AdministrativeState, of server: ServerName, _ reach: RuntimeReach) throws(RuntimeTargetError) -> AnswerText {
        let server = try reference(server)
        guard let spread = spread(reach) else {
            servers.apply(.setAdministrative(state), to: server)
            return AnswerText("")
        }
        guard state != .ready || spread.duration == nil else { throw .refused("'for' is for 'drain' and 'maint': a server that is ready stays so.") }
        try administer(server, state, spread)
        return receipt(reach)
    }

    func setWeight(_ weight: Int, of server: ServerName, _ reach: RuntimeReach) throws(RuntimeTargetError) -> AnswerText {
        let server = try reference(server)
        guard let spread = spread(reach) else {
            servers.apply(.setWeight(weight), to: server)
            return AnswerText("")
        }
        guard spread == ClusterSpread() else { throw .refused("A weight stays until another one is set: leave 'for' and 'force' out.") }
        try administer(server, weight: weight)
        return receipt(reach)
    }

    /// The answer to a command that was just spread: which peers have it. It comes once all live peers have acknowledged it, or after a timeout.
    private func receipt(_ reach: RuntimeReach) -> AnswerText {
        guard let gossip else { return AnswerText("") }
        let receipt = ClusterReceipt(revision: gossip.core.revision, isAskedFor: reach != .standard, now: reactor.now)
        return AnswerText(later: { [reactor] answer in
            let wait = ReceiptWait(receipt, reactor: reactor, peers: { gossip.core.receipts(of: receipt.revision) }, answer: answer)
            wait.look()
            return { wait.cancel() }
        })
    }

    func gossipReport() -> GossipReport? { gossip.map { GossipReport($0, now: reactor.now) } }

    /// `nil` for this node alone.
    private func spread(_ reach: RuntimeReach) -> ClusterSpread? {
        switch reach {
        case .node: nil
        case .cluster(let spread): spread
        case .standard: gossip?.plan.section.adminScope == .cluster ? ClusterSpread() : nil
        }
    }

    func weight(of server: ServerName) throws(RuntimeTargetError) -> RuntimeWeight {
        let status = registry.status(of: try reference(server))
        return RuntimeWeight(current: status.weight, initial: status.initialWeight)
    }

    private func reference(_ server: ServerName) throws(RuntimeTargetError) -> ServerReference {
        try serverNames.reference(of: server)
    }
}

/// Finds servers by their names.
struct ServerNames {
    private let backends: Set<String>
    private let servers: [ServerName: ServerReference]

    /// The servers of `backends`. Of two servers with the same name it finds the first.
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

    /// The server that a command names.
    func reference(of name: ServerName) throws(RuntimeTargetError) -> ServerReference {
        if let reference = servers[name] { return reference }
        throw backends.contains(name.backend) ? .noSuchServer : .noSuchBackend
    }
}
