import LinuxIO
import Proxy
import Wire

/// The control thread's side of the `probe` sections: feeds each section's decision, publishes the answers to the probe's thread, and logs changes.
final class ProbeControl {
    /// Sources of a decision. All are called on the reactor's thread.
    struct Sources {
        /// How many servers of a backend are usable as this node sees them.
        var count: (_ backend: Int) -> ProbeCount
        /// The views of the live peers that have checked a backend's servers; empty without gossip.
        var peers: (_ backend: Int) -> [(usable: Int, failing: Int)]
        /// Logs a line about a section.
        var log: (LogLevel, String, _ section: String) -> Void
    }

    /// The interval at which peers' views are read while a proxy lacks servers.
    private static let peersInterval = Duration.milliseconds(100)

    private struct Section {
        let settings: ProbeSettings
        var decision: ProbeDecision
    }

    private let reactor: Reactor
    private let sharedState: ProbeSharedState
    private let sources: Sources
    private var sections: [Section]
    private var leaving: ProbeAnswer.Cause?
    private var timer: TimerToken?
    private var isUpdateDue = false
    private var lastTickAt: Instant

    /// Sections that fail before the first `update`, except those that `memories` know by name.
    init(
        _ probes: [ProbeSettings], backends: [Backend], memories: [String: ProbeMemory] = [:], sharedState: ProbeSharedState, reactor: Reactor, sources: Sources
    ) {
        (self.reactor, self.sharedState, self.sources) = (reactor, sharedState, sources)
        lastTickAt = reactor.now
        sections = probes.map { probe in
            let requirements = probe.requirements.map {
                ProbeDecision.Requirement(serversMin: $0.serversMin, checkInterval: Self.checkInterval(of: backends[$0.backend]))
            }
            return Section(settings: probe, decision: ProbeDecision(requirements, whenNone: probe.whenNone, memory: memories[probe.name], now: reactor.now))
        }
    }

    /// The longest `inter` of a backend's checks; HAProxy's default if it has none.
    private static func checkInterval(of backend: Backend) -> Duration {
        backend.servers.compactMap { $0.check?.interval }.max() ?? CheckSettings().interval
    }

    /// How long the ports stay open after the answers begin to fail: the longest `drain`.
    var drainTime: Duration { sections.map(\.settings.drain).max() ?? .zero }

    /// The answers, for a successor, by section.
    var memories: [String: ProbeMemory] {
        let pairs = sections.map { ($0.settings.name, ProbeMemory(isPassing: $0.decision.answer.isPassing, since: $0.decision.since)) }
        return Dictionary(pairs) { first, _ in first }
    }

    /// Updates every section. Call it when a server's usability has changed; it schedules the next update itself if time matters.
    func update() {
        if let timer { reactor.cancel(timer) }
        timer = nil
        for index in sections.indices { update(index) }
        arm()
    }

    /// Updates every section in the next round of the reactor: once for all servers that change in this round.
    func updateSoon() {
        guard !isUpdateDue else { return }
        isUpdateDue = true
        reactor.inNextRound { [weak self] in
            guard let self else { return }
            isUpdateDue = false
            update()
        }
    }

    /// Begins to drain: every section fails from here on.
    func drain() {
        leaving = .draining
        update()
    }

    /// Records that the control thread runs; call it each second. Logs answers that failed because the thread was stalled before.
    func tick() {
        let pause = lastTickAt.duration(to: reactor.now).wholeMilliseconds / 1_000
        lastTickAt = reactor.now
        sharedState.recordSignOfLife(at: reactor.now)
        guard sharedState.consumeStalled() else { return }
        sources.log(.warning, "Probe: failed for a while because the control thread was stalled for \(pause)s.", "")
    }

    private func update(_ index: Int) {
        let settings = sections[index].settings
        let views = settings.requirements.map { requirement in
            let count = sources.count(requirement.backend)
            let isLacking = count.usable + count.unchecked < requirement.serversMin
            let peers = isLacking ? ProbeAnswer.PeersEstimate(sources.peers(requirement.backend), serversMin: requirement.serversMin) : .unknown
            return ProbeDecision.View(count: count, peers: peers)
        }
        let hasTurned = sections[index].decision.decide(views, leaving: leaving, now: reactor.now)
        let answer = sections[index].decision.answer
        sharedState.set(views.map(\.count), of: index)
        sharedState.set(answer, of: index)
        guard hasTurned else { return }
        let reason = answer.reason(sharedState.requirements(of: index))
        let verb = answer.isPassing ? "passing" : "failing"
        sources.log(answer.isPassing || leaving != nil ? .notice : .warning, "Probe \(settings.name): begins \(verb): \(reason).", settings.name)
    }

    private func arm() {
        var deadline = sections.compactMap(\.decision.nextDeadline).min()
        if leaving == nil, sections.contains(where: \.decision.isLacking) {
            let again = reactor.now.advanced(by: Self.peersInterval)
            deadline = deadline.map { min($0, again) } ?? again
        }
        guard let deadline else { return }
        timer = reactor.setTimer(at: deadline) { [weak self] in
            self?.timer = nil
            self?.update()
        }
    }

    /// The answer to `show probe`.
    var report: ProbeReport {
        let rows = sections.indices.map { index in
            let decision = sections[index].decision
            // This code runs on the control thread, so the thread is not stalled now.
            let answer = sharedState.answer(of: index, ranSince: reactor.now, now: reactor.now)
            return ProbeReport.Row(
                name: sections[index].settings.name, answer: answer, requirements: sharedState.requirements(of: index), since: decision.since,
                requests: sharedState.requests(of: index), isDraining: leaving != nil)
        }
        return ProbeReport(rows: rows, now: reactor.now)
    }
}

/// The answer to `show probe`: a row for each section; the reason comes last because it contains spaces.
struct ProbeReport {
    /// One section.
    struct Row {
        let name: String
        let answer: ProbeAnswer
        let requirements: [ProbeRequirementName]
        let since: Instant
        var requests: ProbeRequests
        let isDraining: Bool
    }

    /// The rows, in the order of the configuration.
    let rows: [Row]
    /// The time of the report.
    let now: Instant

    /// The table.
    var text: String {
        var table = TextTable("name state since_s asked last_by last_ms draining reason")
        for row in rows { table.add(cells(row)) }
        return table.text
    }

    private func cells(_ row: Row) -> [String] {
        let source = row.requests.source.map { "\($0)" } ?? "-"
        let ago = row.requests.last.map { "\(max(0, $0.duration(to: now).wholeMilliseconds))" } ?? "-"
        let since = max(0, row.since.duration(to: now).wholeMilliseconds / 1_000)
        return [
            row.name, row.answer.isPassing ? "pass" : "fail", "\(since)", "\(row.requests.count)", source, ago, row.isDraining ? "yes" : "no",
            row.answer.reason(row.requirements),
        ]
    }
}
