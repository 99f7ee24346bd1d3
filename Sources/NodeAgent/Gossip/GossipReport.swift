import Gossip
import LinuxIO
import Proxy
import Wire

/// A snapshot of a node's gossip as text: `show gossip` and its forms.
///
/// `show gossip` has one `name: value` per line. The other forms are tables with aligned columns: a head line that begins with `# `, then one row per line,
/// with `-` for unknown values.
struct GossipReport {
    private let plan: GossipPlan
    private let core: GossipNode
    private let now: Instant
    private let sendFailures: Int
    private let kernelDrops: UInt32?
    private let address: SocketAddress?

    /// A report of `runner` at `now`.
    init(_ runner: GossipRunner, now: Instant) {
        (plan, core, self.now) = (runner.plan, runner.core, now)
        (sendFailures, kernelDrops, address) = (runner.sendFailures, runner.socket.droppedCount, runner.socket.localAddress)
    }

    /// `show gossip`.
    var summary: String {
        let counters = core.counters
        let peers = core.peerReports(now: now)
        let lines: [(String, String)] = [
            ("Cluster", plan.section.name), ("Node", plan.node), ("Address", Self.text(address)), ("Session", "\(core.session)"),
            ("Policy", "\(Self.text(plan.section.policy)), min-up \(plan.section.minUp)"), ("Peers", "\(peers.count)"),
            ("Peers_alive", "\(peers.count { $0.state == .alive })"),
            ("Draining", core.holder(ofLease: plan.drainLease, now: now).map { plan.name(of: $0) } ?? "-"),
            ("Key", Hexadecimal.text(core.ring.current.id, digits: 8)),
            ("Tables_hash", Hexadecimal.text(core.tables.hash, digits: 16)), ("Received", "\(counters.received)"), ("Sent", "\(counters.sent)"),
            ("Send_failures", "\(sendFailures)"), ("Dropped_by_kernel", kernelDrops.map { "\($0)" } ?? "-"), ("Malformed", "\(counters.malformed)"),
            ("Unknown_version", "\(counters.unknownVersion)"), ("Foreign", "\(counters.foreign)"), ("Unknown_key", "\(counters.unknownKey)"),
            ("Replayed", "\(counters.replayed)"), ("Not_authentic", "\(counters.notAuthentic)"), ("Limited", "\(counters.limited)"),
            ("Outdated", "\(counters.outdated)"), ("Unknown_records", "\(counters.unknownRecords)"),
            ("Malformed_records", "\(counters.malformedRecords)"), ("Refused_rows", "\(counters.refusedRows)"), ("Far_ahead", "\(counters.farAhead)"),
            ("Starved", "\(counters.gaps)"),
        ]
        return lines.map { "\($0.0): \($0.1)\n" }.joined()
    }

    /// `show gossip members`: this node, then its peers.
    var members: AnswerText {
        var rows = [[plan.node, "alive", Self.text(address), "\(core.session)", "-", "-", "-"]]
        for peer in core.peerReports(now: now) {
            let silence = peer.silence.map { "\($0.wholeMilliseconds)" } ?? "-"
            let session = peer.session == 0 ? "-" : "\(peer.session)"
            let losses = peer.state.isReachable ? ["\(peer.lossFrom)", "\(peer.lossTo)"] : ["-", "-"]
            rows.append([peer.name, "\(peer.state)", Self.text(peer.address), session, silence] + losses)
        }
        return AnswerText(columns: "name state address session silence_ms loss_in loss_out", rows: rows)
    }

    /// `show gossip health`: all views of each server in the order of the configuration, then those of servers that only other nodes have. The view of a silent
    /// node is `stale` and has no values.
    var health: AnswerText {
        // Rows are sorted by server and observer. `starts` has the index of each server's first row.
        let rows = core.tables.healthRows
        let starts = rows.indices.filter { $0 == 0 || rows[$0 - 1].server != rows[$0].server }
        let servers = starts.map { (order: order(rows[$0].server), start: $0) }.sorted { $0.order < $1.order }
        let silent = core.peerReports(now: now).filter { !$0.state.isReachable }.map(\.id)
        let lines = servers.lazy.flatMap { server in
            rows[server.start...].prefix { $0.server == rows[server.start].server }.lazy.map { healthFields($0, isStale: silent.contains($0.observer)) }
        }
        return AnswerText(columns: "server observer verdict failures check latency_us lag_ms weight age_ms address", rows: lines)
    }

    private func healthFields(_ row: HealthRow, isStale: Bool) -> [String] {
        let check = CheckStatus(rawValue: Int(row.code))?.name ?? "-"
        let values = ["\(row.verdict)", "\(row.failures)", check, "\(row.latency)", row.lag == .max ? "-" : "\(row.lag)", "\(row.weight)"]
        return [plan.name(of: row.server), plan.name(of: row.observer)] + (isStale ? ["stale", "-", "-", "-", "-", "-"] : values)
            + ["\(max(0, row.observed.duration(to: now).wholeMilliseconds))", Self.text(row.address)]
    }

    /// `show gossip admin`: operators' commands for the whole cluster.
    var administrative: AnswerText {
        let rows = core.tables.administrativeRows.map { (order: order($0.server), row: $0) }.sorted { $0.order < $1.order }
        let wall = WallTime.now().unixMilliseconds
        return AnswerText(columns: "server state weight origin expires_s", rows: rows.lazy.map { administrativeFields($0.row, wall: wall) })
    }

    private func administrativeFields(_ row: AdministrativeRow, wall: UInt64) -> [String] {
        let state = core.administrativeState(of: row.server, now: now)
        let expiry = row.expiry.map { $0 > wall ? "\(($0 - wall + 999) / 1_000)" : "0" } ?? "-"
        return [plan.name(of: row.server), "\(state)", row.weight.map { "\($0)" } ?? "-", plan.name(of: row.origin), expiry]
    }

    /// `show gossip keys`: identifiers only, never a key.
    var keys: AnswerText {
        let peers = core.peerReports(now: now)
        return AnswerText(
            columns: "key in_use nodes",
            rows: core.ring.ids.lazy.map { id in
                let holders = [plan.node] + peers.filter { $0.keys.contains(id) }.map(\.name)
                return [Hexadecimal.text(id, digits: 8), id == core.ring.current.id ? "yes" : "no", holders.joined(separator: ",")]
            })
    }

    /// The sort order of a server: the order of the configuration; servers that exist only on other nodes sort last.
    private func order(_ server: ServerID) -> UInt64 {
        plan.reference(of: server).map { UInt64($0.backend) << 32 | UInt64($0.server) } ?? 1 << 63 | server.number >> 1
    }

    private static func text(_ address: SocketAddress?) -> String { address?.description ?? "-" }

    private static func text(_ policy: VerdictPolicy) -> String {
        switch policy {
        case .own: "own"
        case .fastDown: "fast-down"
        case .anyDown: "any-down"
        }
    }
}

extension PeerState {
    /// Whether the peer's views are current.
    fileprivate var isReachable: Bool { self == .alive || self == .suspect }
}
