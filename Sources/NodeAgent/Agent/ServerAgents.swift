import LinuxIO
import Proxy
import Wire

/// The questions to the servers' agents: `agent-check`. They are separate checks, which continue during maintenance.
extension Agent {
    /// Creates the runner that asks all agents.
    func makeServerAgents() -> CheckRunner {
        let backends = configuration.backends
        return CheckRunner(
            reactor: reactor, backends: backends, settings: { $0.agent?.check }, spread: configuration.global.checkSpread,
            random: SystemRandomNumberGenerator(),
            plan: { [servers] reference, limits in
                let backend = backends[reference.backend]
                let plan = CheckPlan(agentOf: backend.servers[reference.server], in: backend, limits: limits) { orders in
                    if orders != AgentOrders() { servers.apply(.agentOrdered(orders), to: reference) }
                }
                guard let plan else { preconditionFailure("only servers with an agent have settings for it") }
                return plan
            },
            initialAddress: { reference in
                let agent = backends[reference.backend].servers[reference.server].agent
                guard agent?.check.isAtOtherHost == true else { return servers.status(of: reference).address }
                return agent?.check.address.map { .ip($0, port: 0) }
            },
            openSocket: { [state] address, server throws(SystemError) in try state.openSocket(for: address, ofCheckOf: server) }, source: checkSource,
            finished: { [servers] reference, result in
                servers.apply(.agentFinished(result), to: reference)
                // Its interval is the same in every state.
                return .steadyUp
            })
    }

    /// The local addresses of these sockets.
    var checkSource: CheckSource {
        var source = CheckSource()
        source.bind = { [state] raw, server throws(SystemError) in try state.bindSource(raw, ofCheckOf: server) }
        source.release = { [state] in state.releaseSource($0, ofCheckOf: $1) }
        return source
    }

    /// Whether the server's agent is not at the server's own address.
    func hasAgentElsewhere(_ server: ServerReference) -> Bool {
        configuration.backends[server.backend].servers[server.server].agent?.check.isAtOtherHost ?? false
    }
}
