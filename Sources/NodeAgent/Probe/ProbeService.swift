import LinuxIO
import Proxy
import Wire

/// Everything of the `probe` sections: the decisions on the control thread, and the thread that answers load balancers.
final class ProbeService {
    private let settings: [ProbeSettings]
    private let backends: [Backend]
    private let reactor: Reactor
    private let fitness: ProbeFitness
    /// What an earlier process has answered, by section.
    private let inherited: [String: ProbeMemory]
    /// Not yet served.
    private var ports: [ProbePort]
    private var control: ProbeControl?
    private var responder: ProbeResponder?

    /// Sections of `backends`, which do not answer before `start`.
    ///
    /// - Parameters:
    ///   - ports: bound sockets.
    ///   - memories: what an earlier process has answered, by section.
    init(
        _ settings: [ProbeSettings], backends: [Backend], ports: [ProbePort], memories: [String: ProbeMemory], reactor: Reactor
    ) throws(SystemError) {
        (self.settings, self.backends, self.ports, inherited, self.reactor) = (settings, backends, ports, memories, reactor)
        let requirements = settings.map { probe in
            probe.requirements.map { ProbeRequirementName(proxy: backends[$0.backend].name, serversMin: $0.serversMin) }
        }
        fitness = try ProbeFitness(requirements: requirements, now: reactor.now)
    }

    /// Begins to answer. The answers are there before the ports: a port that is shared with the process before must not close for a moment.
    func start(_ sources: ProbeControl.Sources, connectionsMax: Int) throws(SystemError) {
        let control = ProbeControl(settings, backends: backends, memories: inherited, fitness: fitness, reactor: reactor, sources: sources)
        self.control = control
        control.look()
        guard !ports.isEmpty else { return }
        var limits = ProbeLimits()
        limits.connectionsMax = connectionsMax
        responder = try ProbeResponder(ports: ports, fitness: fitness, limits: limits) { Terminal.tell(.alert, $0, patience: .none) }
        ports = []
    }

    // MARK: Events

    /// A server's usability has changed.
    func serversChanged() { control?.lookSoon() }

    /// A second has passed.
    func secondPassed() { control?.comeRound() }

    /// Tells the probe's thread how many forwarding threads are stuck. Any thread may call it.
    var setStuckThreads: @Sendable (Int) -> Void { { [fitness] in fitness.setStuck(threads: $0) } }

    /// The node drains: from here on every section fails. Returns how long the ports keep forwarding: the longest `drain`.
    func drain() -> Duration {
        control?.drain()
        return control?.drainTime ?? .zero
    }

    /// The process ends: no section passes from here on.
    func setStopping() { fitness.setStopping() }

    /// Another process answers on the same sockets.
    func handOver() {
        control = nil
        responder?.handOver()
    }

    /// Nothing answers any more.
    func end() {
        control = nil
        responder.take()?.end()
    }

    // MARK: What is known

    /// Whether a load balancer waits for an answer.
    var isAsked: Bool { fitness.connectionsOpen > 0 }

    /// What a successor should know, by section.
    var memories: [String: ProbeMemory] { control?.memories ?? [:] }

    /// `show probe`; `nil` without a section.
    var report: ProbeReport? { settings.isEmpty ? nil : control?.report }

    /// The servers of the backends that the sections require, each once.
    var requiredServers: [ServerReference] {
        Set(settings.flatMap(\.requirements).map(\.backend)).sorted().flatMap { backend in
            backends[backend].servers.indices.map { ServerReference(backend: backend, server: $0) }
        }
    }
}
