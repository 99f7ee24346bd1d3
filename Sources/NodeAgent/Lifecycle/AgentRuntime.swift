import Proxy
import Wire

/// What the runtime socket's commands change.
extension Agent: RuntimeTarget {
    func setState(_ state: AdministrativeState, of server: RuntimeServerName, _ reach: RuntimeReach) throws(RuntimeTargetError) -> AnswerText {
        let server = try reference(server)
        guard let spread = spread(reach) else {
            apply(.setAdministrative(state), to: server)
            return AnswerText("")
        }
        guard state != .ready || spread.duration == nil else { throw .refused("'for' is for 'drain' and 'maint': a server that is ready stays so.") }
        try administer(server, state, spread)
        return receipt(reach)
    }

    func setWeight(_ weight: Int, of server: RuntimeServerName, _ reach: RuntimeReach) throws(RuntimeTargetError) -> AnswerText {
        let server = try reference(server)
        guard let spread = spread(reach) else {
            apply(.setWeight(weight), to: server)
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

    func weight(of server: RuntimeServerName) throws(RuntimeTargetError) -> RuntimeWeight {
        let status = registry.status(of: try reference(server))
        return RuntimeWeight(current: status.weight, initial: status.initialWeight)
    }

    private func reference(_ server: RuntimeServerName) throws(RuntimeTargetError) -> ServerReference {
        guard let backend = configuration.backends.firstIndex(where: { $0.name == server.backend }) else { throw .noSuchBackend }
        guard let place = configuration.backends[backend].servers.firstIndex(where: { $0.name == server.server }) else { throw .noSuchServer }
        return ServerReference(backend: backend, server: place)
    }
}
