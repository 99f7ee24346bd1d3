import LinuxIO
import Proxy
import Wire

/// The `probe` sections: their decisions on the control thread, and the thread that answers load balancers.
final class ProbeService {
    private let settings: [ProbeSettings]
    private let backends: [Backend]
    private let reactor: Reactor
    private let sharedState: ProbeSharedState
    /// The answers of the predecessor, by section.
    private let inherited: [String: ProbeMemory]
    /// Ports that `start` has not used yet.
    private var ports: [ProbePort]
    private var control: ProbeControl?
    private var responder: ProbeResponder?

    /// The sections that require servers of `backends`. They do not answer before `start`.
    ///
    /// - Parameters:
    ///   - ports: bound sockets.
    ///   - memories: the answers of the predecessor, by section.
    init(
        _ settings: [ProbeSettings], backends: [Backend], ports: [ProbePort], memories: [String: ProbeMemory], reactor: Reactor
    ) throws(SystemError) {
        (self.settings, self.backends, self.ports, inherited, self.reactor) = (settings, backends, ports, memories, reactor)
        let requirements = settings.map { probe in
            probe.requirements.map { ProbeRequirementName(proxy: backends[$0.backend].name, serversMin: $0.serversMin) }
        }
        sharedState = try ProbeSharedState(requirements: requirements, now: reactor.now)
    }

    /// Begins to answer. Answers are decided before the ports are served: a port shared with the predecessor must not close even for a moment.
    func start(_ sources: ProbeControl.Sources, connectionsMax: Int) throws(SystemError) {
        let control = ProbeControl(settings, backends: backends, memories: inherited, sharedState: sharedState, reactor: reactor, sources: sources)
        self.control = control
        control.update()
        guard !ports.isEmpty else { return }
        var limits = ProbeLimits()
        limits.connectionsMax = connectionsMax
        responder = try ProbeResponder(ports: ports, sharedState: sharedState, limits: limits) { Terminal.report(.alert, $0, timeout: .none) }
        ports = []
    }

    // MARK: Events

    /// Updates the answers after a change of a server's usability.
    func serversChanged() { control?.updateSoon() }

    /// Records that the control thread runs. Call it each second.
    func secondPassed() { control?.tick() }

    /// Publishes the number of stuck forwarding threads. Any thread may call it.
    var setStuckThreads: @Sendable (Int) -> Void { { [sharedState] in sharedState.setStuck(threads: $0) } }

    /// Begins to drain: every section fails from here on. Returns how long the ports stay open: the longest `drain`.
    func drain() -> Duration {
        control?.drain()
        return control?.drainTime ?? .zero
    }

    /// Makes every section fail, because the process ends.
    func setStopping() { sharedState.setStopping() }

    /// Leaves the sockets to another process.
    func handOver() {
        control = nil
        responder?.handOver()
    }

    /// Stops answering and closes the ports.
    func end() {
        control = nil
        responder.take()?.end()
    }

    // MARK: Reports

    /// Whether a load balancer's connection is open.
    var hasOpenConnections: Bool { sharedState.connectionsOpen > 0 }

    /// The answers, for a successor, by section.
    var memories: [String: ProbeMemory] { control?.memories ?? [:] }

    /// The report for `show probe`; `nil` without a section.
    var report: ProbeReport? { settings.isEmpty ? nil : control?.report }

    /// The servers of the backends that the sections require, each once.
    var requiredServers: [ServerReference] {
        Set(settings.flatMap(\.requirements).map(\.backend)).sorted().flatMap { backend in
            backends[backend].servers.indices.map { ServerReference(backend: backend, server: $0) }
        }
    }
}
