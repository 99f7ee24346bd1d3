import Proxy
import Wire

/// The answer to `show database`: for each section a few lines of `name: value`, then a table of its servers. Omits values that the last check of a
/// server has not confirmed, and all passwords.
struct DatabaseOverview {
    /// One section.
    struct Section {
        /// The section's proxy.
        let proxy: Backend
        /// The section's knowledge of its servers.
        let watch: DatabaseWatch
        /// The servers' states.
        let registry: ServerRegistry
        /// The proxy's index in `registry`.
        let backend: Int
    }

    /// The sections, in the order of the proxies.
    let sections: [Section]
    /// The time of the report.
    let now: Instant

    /// The answer.
    ///
    /// - Parameter proxy: limits the answer to this proxy's section; empty for all sections. The result is `nil` if no section matches.
    func text(of proxy: String) -> AnswerText? {
        let chosen = sections.filter { proxy.isEmpty || $0.proxy.name == proxy }
        guard !chosen.isEmpty else { return nil }
        return AnswerText(head: "", rows: chosen.enumerated().lazy.flatMap { index, section in lines(section, gap: index > 0 ? "\n" : "") })
    }

    private func lines(_ section: Section, gap: String) -> some Sequence<String> {
        AlignedLines(
            title: gap + heading(section), columns: "server state role read_only lag_s threads version seen_s fit since_s error reason",
            section.proxy.servers.indices.lazy.map { row(section, $0) })
    }

    private func heading(_ section: Section) -> String {
        let settings = section.watch.settings
        var lines: [(String, String)] = [
            ("Database", section.proxy.name), ("User", settings.user), ("TLS", tls(settings)), ("Role", settings.role.rawValue),
            ("Max_lag", settings.lagMax.map(DatabaseFault.text) ?? "-"), ("Alarm", alarm(section) ?? "-"),
        ]
        if let election = section.watch.election {
            lines.append(("Writer", section.watch.decision.writer.map { section.proxy.servers[$0].name } ?? "-"))
            lines.append(("Epoch", election.ballot.map { "\($0.epoch)" } ?? "-"))
            lines.append(("Trouble", section.watch.problem ?? "-"))
        }
        if let discovery = section.watch.discovery, let proxy = settings.discovery?.proxy {
            lines.append(("Discover", proxy))
            lines.append(("Replicas", discovery.hosts.isEmpty ? "-" : discovery.hosts.map(\.description).joined(separator: " ")))
            lines.append(("Discover_trouble", discovery.problem ?? "-"))
        }
        return lines.map { "\($0.0): \($0.1.shown)\n" }.joined()
    }

    private func tls(_ settings: DatabaseSettings) -> String { settings.tls.rawValue + (settings.authorityFile == nil ? "" : ", certificates verified") }

    /// The reason why this node does not see the state of its servers; `nil` if it does.
    private func alarm(_ section: Section) -> String? {
        let (watch, count) = (section.watch, section.proxy.servers.count)
        if let first = watch.refused.first, let refusal = watch.judge.states[first].refusal {
            return "\(watch.refused.count) of \(count) servers cannot be queried as user '\(watch.settings.user)': \(refusal.description)"
        }
        guard let first = watch.serversWithUnansweredQuestions.first, let question = watch.unansweredQuestion(of: first) else { return nil }
        return "\(watch.serversWithUnansweredQuestions.count) of \(count) servers: \(question.description)"
    }

    private func row(_ section: Section, _ place: Int) -> [String] {
        let state = section.watch.judge.states[place]
        let status = section.registry.status(of: ServerReference(backend: section.backend, server: place))
        let name = section.proxy.servers[place].name
        let since = "\(status.conditionSince.duration(to: now).wholeSeconds)"
        guard status.address != nil else {
            return [name, status.condition.rawValue] + Array(repeating: "-", count: 7) + [since, "-", "no address"]
        }
        let view = state.isCurrent && status.isChecked ? state.view : nil
        let channels = view.flatMap { $0.isAnswered(.replicaStatus) ? $0.channels : nil } ?? []
        let lag = view?.lag(by: section.watch.settings.lagSource).map { String(DatabaseFault.text($0).dropLast()) }
        return [
            name, status.condition.rawValue, role(view), view.map { $0.isAnswered(.variables) ? $0.isReadOnly ? "ON" : "OFF" : "-" } ?? "-", lag ?? "-",
            threads(channels), view?.version ?? "-", state.seenAt.map { "\($0.duration(to: now).wholeSeconds)" } ?? "-", fit(state, status), since,
            channels.compactMap { $0.applierError ?? $0.receiverError }.first.map { "\($0.code)" } ?? "-", reason(section, place, status) ?? "-",
        ]
    }

    private func role(_ view: DatabaseView?) -> String {
        guard let view, view.isAnswered(.variables), view.isAnswered(.replicaStatus) else { return "unknown" }
        return view.isReadOnly ? (view.channels.isEmpty ? "read-only" : "replica") : view.channels.isEmpty ? "primary" : "writable-replica"
    }

    /// "io:running,sql:stopped", for the worst channel.
    private func threads(_ channels: [ReplicationChannel]) -> String {
        guard let first = channels.first else { return "-" }
        let receiver = channels.first { $0.receiver == .stopped } ?? channels.first { $0.receiver == .connecting } ?? first
        let applier = channels.first { $0.applier != .running } ?? first
        return "io:\(receiver.receiver),sql:\(applier.applier)"
    }

    private func fit(_ state: DatabaseJudge.ServerState, _ status: ServerStatus) -> String {
        guard status.isRunning else { return "-" }
        switch status.fitness {
        case .fit(let quarters): return state.isKept ? "kept" : quarters == 4 ? "yes" : "\(quarters)/4"
        case .unfit: return "no"
        }
    }

    /// Why a server takes no sessions, or which fault it has; `nil` for a server without a fault that takes sessions.
    private func reason(_ section: Section, _ place: Int, _ status: ServerStatus) -> String? {
        let state = section.watch.judge.states[place]
        switch status.condition {
        case .maintenance: return nil
        case .down: return status.lastCheck.map { $0.summary }
        case .up, .drain, .out:
            if let refusal = state.refusal { return refusal.description }
            if case .unfit(let reason) = status.fitness { return reason }
            return state.isKept ? state.fault?.reason(lagMax: section.watch.settings.lagMax) : section.watch.unansweredQuestion(of: place)?.description
        }
    }
}
