import Wire

/// What a decision on servers asks of the node.
enum JudgeOutput: Equatable, Sendable {
    case requestCheck(ServerID)
    case verdictChanged(ServerID, ServerVerdict)
    /// The row that tells what this node sees has changed.
    case publish(ServerID)
    /// A peer's view has been the opposite for long.
    case viewsDiffer(ServerID, observer: NodeID)
}

/// Decides on servers: own looks, peers' rows, the policy of each proxy.
///
/// Peers' rows are passed in by the caller as witnesses: only those of live peers in their proven session. Gossip is an accelerator:
/// without rows everything here is `rise` and `fall`.
struct Judge: Sendable {
    /// Views that differ for this long are told.
    static let differenceAfter = Duration.seconds(30)

    private let rules: SafetyRules
    private(set) var views: [ServerView] = []
    private(set) var isIsolated = false

    init(rules: SafetyRules) { self.rules = rules }

    /// Takes the servers of a configuration; those that stay keep what is known of them.
    mutating func configure(_ servers: [GossipServer]) {
        let old = views
        views = servers.prefix(GossipLimits.serversMax).sorted { $0.id < $1.id }.map { server in
            guard var kept = old.first(where: { $0.server.id == server.id }) else { return ServerView(server) }
            kept.server = server
            return kept
        }
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

    func usableCount(ofProxy proxy: Int) -> Int { views.reduce(0) { $0 + ($1.server.proxy == proxy && $1.isUsable ? 1 : 0) } }

    /// The earliest thing to do without an input.
    func nextDeadline() -> Instant? {
        var earliest: Instant?
        for view in views {
            for candidate in [view.checkAt, view.fullUntil, differenceDeadline(view)] {
                guard let candidate else { continue }
                earliest = earliest.map { min($0, candidate) } ?? candidate
            }
        }
        return earliest
    }

    private func differenceDeadline(_ view: ServerView) -> Instant? {
        view.isDifferenceTold ? nil : view.differsSince?.advanced(by: Judge.differenceAfter)
    }

    /// An own look. `witnesses` are the live peers' rows on that server.
    mutating func observe(_ id: ServerID, _ observation: Observation, witnesses: [HealthRow], now: Instant, into outputs: inout [JudgeOutput]) {
        guard let index = index(id) else { return }
        let holdsDown = views[index].server.policy == .anyDown && witnesses.contains { $0.verdict == .down && $0.address == observation.address }
        views[index].observe(observation, holdsDown: holdsDown, isSpacing: rules.contains(.spacing), now: now)
        let isolatedBefore = isIsolated
        isIsolated = seesNothing()
        // The row of every server says "unknown" while the fault may be this node's own.
        if isolatedBefore != isIsolated {
            for view in views { outputs.append(.publish(view.server.id)) }
        } else {
            outputs.append(.publish(id))
        }
        reconsider(id, witnesses: witnesses, now: now, into: &outputs)
        reconsiderHeldUp(now: now, into: &outputs)
    }

    /// Everything unreachable at once, or the check's user refused everywhere: rather this node's fault than all the servers'.
    private func seesNothing() -> Bool {
        let findings = views.compactMap { $0.last?.finding }
        guard findings.count >= 2 else { return false }
        return findings.allSatisfy { $0 == .failedSilently } || findings.allSatisfy { $0 == .accessDenied }
    }

    /// Decides anew on a server: after an own look, a peer's row, a change of who is alive.
    mutating func reconsider(_ id: ServerID, witnesses: [HealthRow], now: Instant, into outputs: inout [JudgeOutput]) {
        guard let index = index(id) else { return }
        let matching = witnesses.filter { $0.address == views[index].address && $0.address != nil }
        if views[index].isDown == nil, let reason = gossipDown(views[index], matching, now: now) {
            let isFloor = rules.contains(.minUp) && isAtFloor(views[index])
            if !isFloor { views[index].takeDown(reason) }
            views[index].isHeldUp = isFloor
        } else {
            views[index].isHeldUp = false
        }
        planCheck(index, matching, now: now)
        compareViews(index, matching, now: now)
        tell(index, into: &outputs)
    }

    /// A server is usable again somewhere: what `min-up` held back may go down now, at the next row or look of its own. Nothing is
    /// remembered of the rows, so the look is asked for.
    private mutating func reconsiderHeldUp(now: Instant, into outputs: inout [JudgeOutput]) {
        for index in views.indices where views[index].isHeldUp && !isAtFloor(views[index]) {
            views[index].isHeldUp = false
            views[index].checkAt = earliestRequest(views[index], now: now)
        }
    }

    /// True when taking this server away would leave too few. One that is FULL comes back by itself, unless it is taken away.
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

    /// Two failures of this node's own that are apart, and a peer's, fresh.
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

    /// A peer sees failures that this node has not looked at yet: look.
    private mutating func planCheck(_ index: Int, _ witnesses: [HealthRow], now: Instant) {
        let view = views[index]
        guard view.server.policy != .own, view.isDown == nil, view.wish != .maint else {
            views[index].checkAt = nil
            return
        }
        let isNews = witnesses.contains { row in isFailing(row, now: now) && (view.passedAt.map { $0 < row.observed } ?? true) }
        guard isNews, view.freshEvidence(now: now) < 2 else {
            views[index].checkAt = nil
            return
        }
        views[index].checkAt = earliestRequest(view, now: now)
    }

    private func earliestRequest(_ view: ServerView, now: Instant) -> Instant {
        var earliest = max(now, view.spacedFrom ?? now)
        if let requested = view.requestedAt {
            let pause = view.isAwaitingCheck ? ServerView.requestPatience : ServerView.requestInterval
            earliest = max(earliest, requested.advanced(by: pause))
        }
        return earliest
    }

    private mutating func compareViews(_ index: Int, _ witnesses: [HealthRow], now: Instant) {
        let view = views[index]
        let opposite: HealthVerdict = view.isOwnDown ? .up : .down
        guard view.lastAt != nil, !isIsolated, !view.isBlocked, witnesses.contains(where: { $0.verdict == opposite }) else {
            views[index].differsSince = nil
            views[index].isDifferenceTold = false
            return
        }
        views[index].differsSince = view.differsSince ?? now
    }

    private mutating func tell(_ index: Int, into outputs: inout [JudgeOutput]) {
        let verdict = views[index].verdict
        if verdict != views[index].told {
            views[index].told = verdict
            outputs.append(.verdictChanged(views[index].server.id, verdict))
        }
    }
}

extension Judge {
    /// Does what has fallen due. `witnesses` gives the live peers' rows on a server.
    mutating func tick(now: Instant, witnesses: (ServerID) -> [HealthRow], into outputs: inout [JudgeOutput]) {
        for index in views.indices {
            let id = views[index].server.id
            if let due = views[index].checkAt, due <= now { request(index, now: now, into: &outputs) }
            if let until = views[index].fullUntil, until <= now {
                views[index].endFull(now: now)
                tell(index, into: &outputs)
            }
            if let due = differenceDeadline(views[index]), due <= now {
                views[index].isDifferenceTold = true
                let opposite: HealthVerdict = views[index].isOwnDown ? .up : .down
                if let row = witnesses(id).first(where: { $0.verdict == opposite }) { outputs.append(.viewsDiffer(id, observer: row.observer)) }
            }
        }
    }

    /// A peer or an operator asks for a check.
    mutating func askForCheck(_ id: ServerID, now: Instant) {
        guard let index = index(id), views[index].server.policy != .own else { return }
        views[index].checkAt = earliestRequest(views[index], now: now)
    }

    private mutating func request(_ index: Int, now: Instant, into outputs: inout [JudgeOutput]) {
        views[index].checkAt = nil
        views[index].requestedAt = now
        views[index].isAwaitingCheck = true
        outputs.append(.requestCheck(views[index].server.id))
    }

    mutating func setAddress(_ id: ServerID, _ address: SocketAddress?) {
        guard let index = index(id) else { return }
        views[index].setAddress(address)
    }

    /// `isWord`: an operator has said it for the whole cluster; else it is so on this node.
    mutating func setAdministrative(_ id: ServerID, _ state: AdministrativeState, isWord: Bool) {
        guard let index = index(id), isWord || views[index].administrative != state else { return }
        views[index].administrative = state
        views[index].isAdministeredByWord = isWord
    }

    mutating func setCircumstances(_ id: ServerID, _ state: AdministrativeState) {
        guard let index = index(id) else { return }
        views[index].circumstances = state
    }

    mutating func forgetLooks(_ id: ServerID) {
        guard let index = index(id) else { return }
        views[index].forgetLooks()
    }
}
