import Proxy
import Wire

/// What `show database` tells: each section in a few lines of `name: value`, then a table of its servers, a space between columns and `-` for what is not
/// known. No password is anywhere near it.
struct DatabaseOverview {
    /// One section.
    struct Section {
        /// Its proxy.
        let proxy: Backend
        /// What is known.
        let watch: DatabaseWatch
        /// The servers' states.
        let registry: ServerRegistry
        /// The proxy's place in it.
        let backend: Int
    }

    /// The sections, in the order of the proxies.
    let sections: [Section]
    /// When.
    let now: Instant

    /// The answer.
    ///
    /// - Parameter proxy: of this proxy's section only; empty for all. `nil` when there is none.
    func text(of proxy: String) -> AnswerText? {
        let chosen = sections.filter { proxy.isEmpty || $0.proxy.name == proxy }
        guard !chosen.isEmpty else { return nil }
        let rows = chosen.indices.lazy.flatMap { index in
            let section = chosen[index]
            // The first row is the section's head; an empty line keeps two sections apart.
            let places: [Int?] = [nil] + section.proxy.servers.indices.map { $0 }
            return places.lazy.map { place in
                guard let place else { return (index > 0 ? "\n" : "") + heading(section) }
                return row(section, place).joined(separator: " ") + "\n"
            }
        }
        return AnswerText(head: "", rows: rows)
    }

    private func heading(_ section: Section) -> String {
        let settings = section.watch.settings
        var lines: [(String, String)] = [
            ("Database", section.proxy.name), ("User", settings.user), ("TLS", tls(settings)), ("Role", settings.role.rawValue),
            ("Max_lag", settings.lagMax.map(DatabaseFault.text) ?? "-"),
        ]
        let refused = section.watch.refused
        if let first = refused.first, let refusal = section.watch.judge.standings[first].refusal {
            lines.append(("Alarm", "\(refused.count) of \(section.proxy.servers.count) servers do not answer user '\(settings.user)': \(refusal.description)"))
        } else {
            lines.append(("Alarm", "-"))
        }
        if let election = section.watch.election {
            lines.append(("Writer", section.watch.decision.writer.map { section.proxy.servers[$0].name } ?? "-"))
            lines.append(("Epoch", election.ballot.map { "\($0.epoch)" } ?? "-"))
            lines.append(("Trouble", section.watch.trouble ?? "-"))
        }
        if let discovery = section.watch.discovery, let proxy = settings.discovery?.proxy {
            lines.append(("Discover", proxy))
            lines.append(("Replicas", discovery.hosts.isEmpty ? "-" : discovery.hosts.map(\.description).joined(separator: " ")))
            lines.append(("Discover_trouble", discovery.trouble ?? "-"))
        }
        return lines.map { "\($0.0): \($0.1)\n" }.joined() + "# server role read_only lag_s threads version seen_s fit since_s error reason\n"
    }

    private func tls(_ settings: DatabaseSettings) -> String { settings.tls.rawValue + (settings.authorityFile == nil ? "" : ", certificates verified") }

    /// The reason stands last: it is the only one with spaces.
    private func row(_ section: Section, _ place: Int) -> [String] {
        let standing = section.watch.judge.standings[place]
        let status = section.registry.status(of: ServerReference(backend: section.backend, server: place))
        guard status.address != nil else { return [section.proxy.servers[place].name] + Array(repeating: "-", count: 9) + ["no address"] }
        let view = standing.refusal == nil ? standing.view : nil
        let lag = view?.lag(by: section.watch.settings.lagSource).map(DatabaseFault.text) ?? "-"
        let error = view?.channels.compactMap { $0.applierError ?? $0.receiverError }.first.map { "\($0.code)" } ?? "-"
        let (fit, reason) =
            switch status.fitness {
            case .fit(let quarters):
                (standing.isKept ? "kept" : quarters == 4 ? "yes" : "\(quarters)/4", standing.fault?.reason(lagMax: section.watch.settings.lagMax))
            case .unfit(let reason): ("no", reason)
            }
        return [
            section.proxy.servers[place].name, role(view), view.map { $0.isReadOnly ? "ON" : "OFF" } ?? "-", lag.hasSuffix("s") ? String(lag.dropLast()) : lag,
            threads(view), view.map { $0.version.isEmpty ? "-" : String($0.version.split(separator: " ").joined(separator: "_")) } ?? "-",
            seconds(since: standing.seenAt), fit, seconds(since: standing.since), error, standing.refusal?.description ?? reason ?? "-",
        ]
    }

    private func role(_ view: DatabaseView?) -> String {
        guard let view else { return "unknown" }
        return view.isReadOnly ? (view.channels.isEmpty ? "read-only" : "replica") : view.channels.isEmpty ? "primary" : "writable-replica"
    }

    /// "io:running,sql:stopped", of the worst channel.
    private func threads(_ view: DatabaseView?) -> String {
        guard let view, !view.channels.isEmpty else { return "-" }
        let receiver = view.channels.first { $0.receiver == .stopped } ?? view.channels.first { $0.receiver == .connecting } ?? view.channels[0]
        let applier = view.channels.first { $0.applier != .running } ?? view.channels[0]
        return "io:\(receiver.receiver),sql:\(applier.applier)"
    }

    private func seconds(since instant: Instant?) -> String { instant.map { "\(max(0, $0.duration(to: now).wholeMilliseconds) / 1_000)" } ?? "-" }
}
