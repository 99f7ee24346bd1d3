import Wire

/// An action that a decision on servers requires.
enum JudgeOutput: Equatable, Sendable {
    case requestCheck(ServerID)
    case verdictChanged(ServerID, ServerVerdict)
    /// This node's own view of the server has changed and its row must follow.
    case publish(ServerID)
    /// A peer's verdict has been the opposite for `differenceAfter`.
    case viewsDiffer(ServerID, observer: NodeID)
}

/// Decides on servers from this node's checks, the peers' rows and each proxy's policy.
///
/// The caller passes the peers' rows as witnesses: only rows of live peers in their proven session. Gossip only accelerates decisions: without rows, `rise` and
/// `fall` alone decide.
///
/// The cost of an observation does not depend on the number of servers: `census` counts the views, `deadlines` orders the due times.
struct Judge: Sendable {
    private let rules: SafetyRules
    /// Sorted by server id. Only `update` and `configure` change views.
    private(set) var views: [ServerView] = []
    private(set) var census = Census()
    /// Keyed by the view's index in `views`.
    private var deadlines = DeadlineQueue()
    private(set) var isIsolated = false

    init(rules: SafetyRules) { self.rules = rules }

    /// Sets the servers of a configuration. Servers that were configured before keep their state.
    mutating func configure(_ servers: [GossipServer]) {
        views = servers.prefix(GossipLimits.serversMax).sorted { $0.id < $1.id }.map { server in
            guard let index = index(server.id) else { return ServerView(server) }
            var kept = views[index]
            kept.server = server
            return kept
        }
        census = Census(views)
        deadlines = DeadlineQueue()
        for place in views.indices { deadlines.set(place, to: views[place].deadline) }
    }

    /// Changes a view together with its counts and its deadline.
    private mutating func update(_ index: Int, _ change: (inout ServerView) -> Void) {
        let before = views[index].censusEntry
        change(&views[index])
        census.update(index, of: views[index].server.proxy, from: before, to: views[index].censusEntry)
        deadlines.set(index, to: views[index].deadline)
    }

    func index(_ id: ServerID) -> Int? {
        var (low, high) = (0, views.count)
        while low < high {
            let middle = (low + high) / 2
            if views[middle].server.id < id { low = middle + 1 } else { high = middle }
        }
        return low < views.count && views[low].server.id == id ? low : nil
    }

    func view(of id: ServerID) -> ServerView? { index(id).map { views[$0] } }

    func usableCount(ofProxy proxy: Int) -> Int { census.usableCount(ofProxy: proxy) }

    /// The earliest time at which `tick` has work.
    var nextDeadline: Instant? { deadlines.first?.deadline }

    /// Takes in an observation of this node. `witnesses` are the live peers' rows for that server.
    mutating func observe(_ id: ServerID, _ observation: Observation, witnesses: [HealthRow], now: Instant, into outputs: inout [JudgeOutput]) {
        guard let index = index(id) else { return }
        let forbidsUp = views[index].server.policy == .anyDown && witnesses.contains { $0.verdict == .down && $0.address == observation.address }
        let requiresSpacing = rules.contains(.spacing)
        update(index) { $0.observe(observation, forbidsUp: forbidsUp, requiresSpacing: requiresSpacing, now: now) }
        let isolatedBefore = isIsolated
        isIsolated = census.suggestsIsolation
        // While the fault may be this node's own, the rows of all servers say "unknown".
        if isolatedBefore != isIsolated {
            for view in views { outputs.append(.publish(view.server.id)) }
        } else {
            outputs.append(.publish(id))
        }
        reconsider(id, witnesses: witnesses, now: now, into: &outputs)
        reconsiderHeldUp(now: now, into: &outputs)
    }

    /// Decides on a server again: after an observation, after a peer's row, or when a peer's state has changed.
    mutating func reconsider(_ id: ServerID, witnesses: [HealthRow], now: Instant, into outputs: inout [JudgeOutput]) {
        guard let index = index(id) else { return }
        let matching = rows(of: witnesses, matching: views[index])
        let reason = views[index].isDown == nil ? gossipDown(views[index], matching, now: now) : nil
        let isFloor = reason != nil && rules.contains(.minUp) && isAtFloor(views[index])
        update(index) { view in
            if let reason, !isFloor { view.takeDown(reason) }
            view.isHeldUp = isFloor
        }
        let checkAt = plannedCheck(views[index], matching, now: now)
        let isDifferent = isOpposed(views[index], matching)
        update(index) { view in
            view.checkAt = checkAt
            view.differsSince = isDifferent ? view.differsSince ?? now : nil
            if !isDifferent { view.isDifferenceReported = false }
        }
        reportVerdict(index, into: &outputs)
    }

    /// Another server has become usable, so `min-up` may no longer protect these. They go down only with their next row or check. Because the judge does not
    /// keep the rows, it requests a check.
    private mutating func reconsiderHeldUp(now: Instant, into outputs: inout [JudgeOutput]) {
        for index in census.drainStale() where !isAtFloor(views[index]) {
            let checkAt = earliestRequest(views[index], now: now)
            update(index) { ($0.isHeldUp, $0.checkAt) = (false, checkAt) }
        }
    }

    /// The rows of peers that reach the server at this node's address.
    private func rows(of witnesses: [HealthRow], matching view: ServerView) -> [HealthRow] {
        witnesses.filter { $0.address == view.address && $0.address != nil }
    }

    /// True when the loss of this server would leave fewer than `minUp`. A server that is only FULL counts as well, because it returns unless it is taken down.
    private func isAtFloor(_ view: ServerView) -> Bool {
        guard view.isUsable || view.isOnlyFull else { return false }
        return usableCount(ofProxy: view.server.proxy) - (view.isUsable ? 1 : 0) < view.server.minUp
    }

    private func gossipDown(_ view: ServerView, _ witnesses: [HealthRow], now: Instant) -> DownReason? {
        switch view.server.policy {
        case .own:
            return nil
        case .anyDown:
            return witnesses.contains { $0.verdict == .down } ? .peers : byOwnAndPeers(view, witnesses, now: now)
        case .fastDown:
            return byOwnAndPeers(view, witnesses, now: now)
        }
    }

    /// Returns the reason for DOWN when there is evidence for `fast-down`: at least two spaced failures of this node and one recent failure of a peer.
    private func byOwnAndPeers(_ view: ServerView, _ witnesses: [HealthRow], now: Instant) -> DownReason? {
        let own = view.freshEvidence(now: now)
        let peers = witnesses.reduce(0) { $0 + (isFailing($1, now: now) ? Int($1.failures) : 0) }
        let needed = rules.contains(.ownEvidence) ? 2 : 0
        return own >= needed && peers >= 1 && own + peers >= 3 ? .ownAndPeers : nil
    }

    private func isFailing(_ row: HealthRow, now: Instant) -> Bool {
        guard row.verdict == .up || row.verdict == .down, row.failures > 0 else { return false }
        return row.observed.advanced(by: ServerView.evidenceLifetime) >= now
    }

    /// A check is planned when a peer reports failures later than this node's last pass.
    private func plannedCheck(_ view: ServerView, _ witnesses: [HealthRow], now: Instant) -> Instant? {
        guard view.server.policy != .own, view.isDown == nil, view.effectiveState != .maint else { return nil }
        let hasNewFailures = witnesses.contains { row in isFailing(row, now: now) && (view.passedAt.map { $0 < row.observed } ?? true) }
        return hasNewFailures && view.freshEvidence(now: now) < 2 ? earliestRequest(view, now: now) : nil
    }

    private func earliestRequest(_ view: ServerView, now: Instant) -> Instant {
        var earliest = max(now, view.nextSpacedAt ?? now)
        if let requested = view.requestedAt {
            let pause = view.isAwaitingCheck ? ServerView.requestTimeout : ServerView.requestInterval
            earliest = max(earliest, requested.advanced(by: pause))
        }
        return earliest
    }

    /// True when a peer's verdict is the opposite of this node's.
    private func isOpposed(_ view: ServerView, _ witnesses: [HealthRow]) -> Bool {
        guard view.lastAt != nil, !isIsolated, !view.isBlocked else { return false }
        return witnesses.contains { $0.verdict == view.opposite }
    }

    private mutating func reportVerdict(_ index: Int, into outputs: inout [JudgeOutput]) {
        let verdict = views[index].verdict
        if verdict != views[index].reportedVerdict {
            update(index) { $0.reportedVerdict = verdict }
            outputs.append(.verdictChanged(views[index].server.id, verdict))
        }
    }
}

extension Judge {
    /// Does the work that is due. `witnesses` returns the live peers' rows for a server.
    mutating func tick(now: Instant, witnesses: (GossipServer) -> [HealthRow], into outputs: inout [JudgeOutput]) {
        var due: [Int] = []
        while let index = deadlines.takeFirst(dueBy: now) { due.append(index) }
        for index in due.sorted() {
            if let time = views[index].checkAt, time <= now { request(index, now: now, into: &outputs) }
            if let until = views[index].fullUntil, until <= now {
                update(index) { $0.endFull(now: now) }
                reportVerdict(index, into: &outputs)
            }
            if let time = views[index].differenceDeadline, time <= now {
                update(index) { $0.isDifferenceReported = true }
                let view = views[index]
                let opposed = rows(of: witnesses(view.server), matching: view).first { $0.verdict == view.opposite }
                if let opposed { outputs.append(.viewsDiffer(view.server.id, observer: opposed.observer)) }
            }
        }
    }

    /// A peer or an operator requests a check.
    mutating func planRequestedCheck(_ id: ServerID, now: Instant) {
        guard let index = index(id), views[index].server.policy != .own else { return }
        let checkAt = earliestRequest(views[index], now: now)
        update(index) { $0.checkAt = checkAt }
    }

    private mutating func request(_ index: Int, now: Instant, into outputs: inout [JudgeOutput]) {
        update(index) { view in
            (view.checkAt, view.requestedAt) = (nil, now)
            view.isAwaitingCheck = true
        }
        outputs.append(.requestCheck(views[index].server.id))
    }

    mutating func setAddress(_ id: ServerID, _ address: SocketAddress?) {
        guard let index = index(id) else { return }
        update(index) { $0.setAddress(address) }
    }

    /// `isClusterCommand` is true for a cluster-wide command, false for this node's own state.
    mutating func setAdministrative(_ id: ServerID, _ state: AdministrativeState, isClusterCommand: Bool) {
        guard let index = index(id), isClusterCommand || views[index].administrative != state else { return }
        update(index) { ($0.administrative, $0.isSetByClusterCommand) = (state, isClusterCommand) }
    }

    mutating func setLocalState(_ id: ServerID, _ state: AdministrativeState) {
        guard let index = index(id) else { return }
        update(index) { $0.localState = state }
    }

    mutating func forgetChecks(_ id: ServerID) {
        guard let index = index(id) else { return }
        update(index) { $0.forgetChecks() }
    }
}
