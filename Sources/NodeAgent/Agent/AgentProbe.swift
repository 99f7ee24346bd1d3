import Gossip
import LinuxIO
import Proxy
import Wire

/// What the `probe` sections are told of, and what is told of them.
extension Agent {
    /// The least time between the beginnings of two first checks: otherwise each of thousands of servers would wait for all.
    private static let firstChecksApart = Duration.milliseconds(1)

    /// What the probe's thread reads, for the sections of `configuration`.
    static func fitness(_ configuration: AgentConfiguration, now: Instant) throws(SystemError) -> ProbeFitness {
        let requirements = configuration.probes.map { probe in
            probe.requirements.map { ProbeRequirementName(proxy: configuration.backends[$0.backend].name, serversMin: $0.serversMin) }
        }
        return try ProbeFitness(requirements: requirements, now: now)
    }

    /// The decisions on the sections, fed by the registry and the gossip.
    func probeControl(_ fitness: ProbeFitness, memories: [String: ProbeMemory]) -> ProbeControl {
        let sources = ProbeControl.Sources(
            count: { [unowned self] backend in
                let status = registry.status(ofBackend: backend)
                return ProbeCount(usable: status.activeServers + status.backupServers - status.uncheckedServers, unchecked: status.uncheckedServers)
            },
            peers: { [unowned self] in peersSights(of: $0) },
            log: { [log] in log.write($0, $1, about: LogSubject(kind: "probe", about: $2)) })
        return ProbeControl(
            configuration.probes, backends: configuration.backends, memories: memories, fitness: fitness, reactor: reactor, sources: sources)
    }

    /// Checks the servers that a probe requires first, without the pauses that spread the first checks of all servers.
    func checkRequiredServers(_ checks: CheckRunner) {
        let backends = Set(configuration.probes.flatMap(\.requirements).map(\.backend)).sorted()
        let servers = backends.flatMap { backend in configuration.backends[backend].servers.indices.map { ServerReference(backend: backend, server: $0) } }
        let unchecked = servers.filter { !registry.status(of: $0).hasVerdict }
        for (place, server) in unchecked.enumerated() { checks.check(server, within: Agent.firstChecksApart * place) }
    }

    private func peersSights(of backend: Int) -> [(usable: Int, failing: Int)] {
        guard let gossip else { return [] }
        let servers = configuration.backends[backend].servers.indices.compactMap {
            gossip.plan.identifiers[ServerReference(backend: backend, server: $0)]
        }
        return gossip.core.sights(of: servers, now: reactor.now).map { ($0.usable, $0.failing) }
    }

    /// `show probe`; `nil` without a section.
    func probeReport() -> ProbeReport? { configuration.probes.isEmpty ? nil : probing?.report }
}
