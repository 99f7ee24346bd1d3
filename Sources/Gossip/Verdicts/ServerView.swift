import Wire

/// What this node knows of one server by its own looks, and what it does with it.
///
///         fall failures of its own, or a policy's rule
///       up -------------------------------------------> down
///          <-------------------------------------------
///                   rise passes of its own
struct ServerView: Sendable {
    /// Evidence counts this long.
    static let evidenceLifetime = Duration.seconds(2)
    /// Loud failures closer than this are one.
    static let loudSpacing = Duration.milliseconds(50)
    /// Silent ones.
    static let silentSpacing = Duration.milliseconds(500)
    /// Checks that peers cause: at most one in this time.
    static let requestInterval = Duration.milliseconds(100)
    /// A requested check that has not ended in this time is requested again.
    static let requestPatience = Duration.seconds(1)
    /// A peer's verdict that contradicts this node's for this long is reported.
    static let differenceAfter = Duration.seconds(30)
    /// The doubling of FULL ends here, in seconds.
    static let fullSecondsMax: Int64 = 8

    struct Evidence: Sendable {
        let at: Instant
        let isSilent: Bool
    }

    enum Health: Equatable, Sendable {
        case up(failures: Int)
        case down(passes: Int)
    }

    var server: GossipServer
    private(set) var address: SocketAddress?
    /// By own looks alone: what the row tells. A server that was never looked at falls with its first failure, as in HAProxy.
    private(set) var own: Health
    /// What is done, peers included: passes while down.
    private(set) var isDown: DownReason?
    private(set) var passesWhileDown = 0
    /// The last own failures that are apart, at most two.
    private(set) var evidence: [Evidence] = []
    private(set) var last: Observation?
    private(set) var lastAt: Instant?
    private(set) var passedAt: Instant?
    private(set) var isBlocked = false
    private(set) var fullUntil: Instant?
    private var fullSeconds: Int64 = 0
    /// What was told last.
    var told = ServerVerdict.up
    /// Checks that peers cause.
    var checkAt: Instant?
    var requestedAt: Instant?
    var isAwaitingCheck = false
    /// Since when a peer's verdict is the opposite one.
    var differsSince: Instant?
    var isDifferenceTold = false
    /// What operators want, here or cluster-wide, whoever spoke last.
    var administrative = AdministrativeState.ready
    /// It was said for the whole cluster: such a word ends with its expiry.
    var isAdministeredByWord = false
    /// What it is on this node whatever they want.
    var circumstances = AdministrativeState.ready
    /// A gossip-caused DOWN was held back by `min-up`.
    var isHeldUp = false

    init(_ server: GossipServer) {
        self.server = server
        own = .up(failures: server.fall - 1)
    }

    /// Its maintenance is over: it is as if never looked at, but for what it said of its room.
    mutating func forgetLooks() {
        own = .up(failures: server.fall - 1)
        (isDown, isBlocked, passesWhileDown) = (nil, false, 0)
        evidence.removeAll(keepingCapacity: true)
        (last, lastAt, passedAt) = (nil, nil, nil)
    }

    /// The worse of what operators want and what it is.
    var wish: AdministrativeState { administrative.rawValue > circumstances.rawValue ? administrative : circumstances }

    /// True when it can take traffic: what `min-up` counts.
    var isUsable: Bool { isDown == nil && !isBlocked && fullUntil == nil && wish == .ready }

    /// True when it will be usable once the time of FULL is over.
    var isOnlyFull: Bool { isDown == nil && !isBlocked && fullUntil != nil && wish == .ready }

    var isOwnDown: Bool { if case .down = own { true } else { false } }

    var ownFailures: Int { if case .up(let failures) = own { failures } else { server.fall } }

    var verdict: ServerVerdict {
        if isBlocked { return .blocked }
        if let isDown { return .down(isDown) }
        if let fullUntil { return .full(until: fullUntil) }
        return .up
    }

    /// The verdict of a peer that contradicts this node's own.
    var opposite: HealthVerdict { isOwnDown ? .up : .down }

    var standing: Standing { Standing(isUsable: isUsable, isOnlyFull: isOnlyFull, isHeldUp: isHeldUp, finding: last?.finding) }

    /// When to report that a peer's verdict differs.
    var differenceDeadline: Instant? { isDifferenceTold ? nil : differsSince?.advanced(by: ServerView.differenceAfter) }

    /// The earliest thing to do without an input.
    var deadline: Instant? {
        var earliest = checkAt
        for candidate in [fullUntil, differenceDeadline] {
            if let candidate, earliest.map({ candidate < $0 }) ?? true { earliest = candidate }
        }
        return earliest
    }

    /// Takes an own look in. `holdsDown`: a peer's DOWN forbids UP (`any-down`).
    mutating func observe(_ observation: Observation, holdsDown: Bool, isSpacing: Bool, now: Instant) {
        setAddress(observation.address)
        guard observation.source == .check else {
            if observation.finding.isFailure { addEvidence(isSilent: observation.finding == .failedSilently, isSpacing: isSpacing, now: now) }
            return
        }
        isAwaitingCheck = false
        last = observation
        lastAt = now
        switch observation.finding {
        case .ownFault:
            return
        case .full:
            fullSeconds = min(max(1, fullSeconds * 2), ServerView.fullSecondsMax)
            fullUntil = now.advanced(by: .seconds(fullSeconds))
        case .blocked:
            isBlocked = true
            passesWhileDown = 0
        case .passed:
            evidence.removeAll(keepingCapacity: true)
            fullUntil = nil
            fullSeconds = 0
            passedAt = now
            pass(holdsDown: holdsDown)
        case .failedLoudly, .failedSilently, .accessDenied:
            fail(isSilent: observation.finding == .failedSilently, isSpacing: isSpacing, now: now)
        }
    }

    private mutating func pass(holdsDown: Bool) {
        switch own {
        case .up: own = .up(failures: 0)
        case .down(let passes): own = passes + 1 >= server.rise ? .up(failures: 0) : .down(passes: passes + 1)
        }
        guard isDown != nil || isBlocked else { return }
        passesWhileDown += 1
        guard passesWhileDown >= server.rise, !holdsDown else { return }
        isDown = nil
        isBlocked = false
        passesWhileDown = 0
    }

    private mutating func addEvidence(isSilent: Bool, isSpacing: Bool, now: Instant) {
        if let previous = evidence.last, isSpacing {
            let needed = previous.isSilent || isSilent ? ServerView.silentSpacing : ServerView.loudSpacing
            if previous.at.advanced(by: needed) <= now { evidence.append(Evidence(at: now, isSilent: isSilent)) }
        } else {
            evidence.append(Evidence(at: now, isSilent: isSilent))
        }
        if evidence.count > 2 { evidence.removeFirst() }
    }

    private mutating func fail(isSilent: Bool, isSpacing: Bool, now: Instant) {
        passesWhileDown = 0
        addEvidence(isSilent: isSilent, isSpacing: isSpacing, now: now)
        switch own {
        case .up(let failures) where failures + 1 < server.fall: own = .up(failures: failures + 1)
        case .up:
            own = .down(passes: 0)
            isDown = .ownChecks
        case .down:
            own = .down(passes: 0)
            isDown = .ownChecks
        }
    }

    /// Another address is another server: what was seen of the old one says nothing.
    mutating func setAddress(_ new: SocketAddress?) {
        guard new != address else { return }
        address = new
        evidence.removeAll(keepingCapacity: true)
        passedAt = nil
        differsSince = nil
        fullUntil = nil
    }

    /// Evidence that still counts.
    func freshEvidence(now: Instant) -> Int { evidence.reduce(0) { $0 + ($1.at.advanced(by: ServerView.evidenceLifetime) >= now ? 1 : 0) } }

    /// When the next own failure would count as another one; `nil` when any would.
    var spacedFrom: Instant? { evidence.last.map { $0.at.advanced(by: $0.isSilent ? ServerView.silentSpacing : ServerView.loudSpacing) } }

    /// Peers take it down.
    mutating func takeDown(_ reason: DownReason) {
        isDown = reason
        passesWhileDown = 0
    }

    /// The time of FULL is over.
    mutating func endFull(now: Instant) {
        if let fullUntil, fullUntil <= now { self.fullUntil = nil }
    }
}
