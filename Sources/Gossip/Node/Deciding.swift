import Wire

/// Feeds the judge, which decides on servers, and carries out its decisions.
extension GossipNode {
    /// The rows that count: those of live peers in their proven session whose checks ask the same as this node's; none for a server that is not configured.
    func witnesses(of server: ServerID) -> [HealthRow] { judge.view(of: server).map { witnesses(of: $0.server) } ?? [] }

    /// The same for a server of the configuration. It does not read the judge, which `tickJudge` moves out of `self`.
    private func witnesses(of server: GossipServer) -> [HealthRow] {
        var rows: [HealthRow] = []
        tables.forEachView(of: server.id) { row in
            guard row.check == server.check, row.observer != settings.node, let index = peerIndex(row.observer), peers[index].isWitness,
                row.session == peers[index].session
            else { return }
            rows.append(row)
        }
        return rows
    }

    mutating func observe(_ server: ServerID, _ observation: Observation, now: Instant, into outputs: inout GossipOutputs) {
        decisions.removeAll(keepingCapacity: true)
        judge.observe(server, observation, witnesses: witnesses(of: server), now: now, into: &decisions)
        carryOut(now: now, into: &outputs)
    }

    mutating func reconsider(_ server: ServerID, now: Instant, into outputs: inout GossipOutputs) {
        guard judge.index(server) != nil else { return }
        decisions.removeAll(keepingCapacity: true)
        judge.reconsider(server, witnesses: witnesses(of: server), now: now, into: &decisions)
        carryOut(now: now, into: &outputs)
    }

    mutating func tickJudge(now: Instant, into outputs: inout GossipOutputs) {
        guard let due = judgeDeadline, due <= now else { return }
        decisions.removeAll(keepingCapacity: true)
        // The judge is moved out of `self` while it works, so that the closure can read the rest of the node. `swap` makes no copy.
        var working = Judge(rules: settings.rules)
        var decided: [JudgeOutput] = []
        swap(&working, &judge)
        swap(&decided, &decisions)
        working.tick(now: now, witnesses: { witnesses(of: $0) }, into: &decided)
        swap(&working, &judge)
        swap(&decided, &decisions)
        carryOut(now: now, into: &outputs)
    }

    private mutating func carryOut(now: Instant, into outputs: inout GossipOutputs) {
        for decision in decisions {
            switch decision {
            case .requestCheck(let server):
                outputs.append(.requestCheck(server))
            case .verdictChanged(let server, let verdict):
                outputs.append(.verdictChanged(server, verdict))
            case .publish(let server):
                publish(server, now: now)
            case .viewsDiffer(let server, let observer):
                guard let view = judge.view(of: server), let peer = peerIndex(observer) else { continue }
                outputs.append(.alert(.viewsDiffer(server: view.server.name, peer: peers[peer].name, isDownHere: view.isOwnDown)))
            }
        }
        judgeDeadline = judge.nextDeadline
    }

    /// Publishes this node's view of a server when it differs from the published one. The view contains this node's own checks only, so that a peer's report
    /// never returns as a second witness.
    private mutating func publish(_ server: ServerID, now: Instant) {
        guard let view = judge.view(of: server), let last = view.last else { return }
        let verdict = published(view, last)
        let failures = verdict == .up || verdict == .down ? UInt16(clamping: view.ownFailures) : 0
        let key = HealthKey(server: server, observer: settings.node)
        let old = tables.health[key].flatMap { $0.session == session ? $0 : nil }
        var row = HealthRow(
            observer: settings.node, session: session, version: (old?.version ?? 0) + 1, server: server, verdict: verdict, code: last.code,
            latency: UInt32(clamping: last.latency.wholeNanoseconds / 1_000), lag: last.lag.map { UInt32(clamping: $0.wholeMilliseconds) } ?? .max,
            weight: min(last.weight, 256), failures: failures, observed: view.lastAt ?? now, address: view.address, check: view.server.check)
        guard let old else {
            _ = tables.merge(row)
            return
        }
        guard isWorthPublishing(row, after: old) else { return }
        row.version = old.version + 1
        _ = tables.merge(row)
    }

    private func published(_ view: ServerView, _ last: Observation) -> HealthVerdict {
        if view.isBlocked { return .blocked }
        if last.finding == .full { return .full }
        if judge.isIsolated || last.finding == .ownFault { return .unknown }
        return view.isOwnDown ? .down : .up
    }

    /// Latency and lag change with every check. They are published only after a large change, so that idle servers cost no datagrams.
    private func isWorthPublishing(_ row: HealthRow, after old: HealthRow) -> Bool {
        if (row.verdict, row.failures, row.code, row.weight) != (old.verdict, old.failures, old.code, old.weight) { return true }
        if row.address != old.address || row.check != old.check { return true }
        return hasMoved(row.lag, old.lag, least: 1_000) || hasMoved(row.latency, old.latency, least: 20_000)
    }

    private func hasMoved(_ new: UInt32, _ old: UInt32, least: UInt32) -> Bool {
        let (low, high) = (min(new, old), max(new, old))
        return high - low >= least && high / 2 >= low
    }
}
