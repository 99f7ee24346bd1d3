import Wire

/// A server as this node's own checks see it, and how the node uses it.
///
///         fall failures of this node's checks, or a policy's rule
///       up -------------------------------------------> down
///          <-------------------------------------------
///                   rise passes of this node's checks
struct ServerView: Sendable {
    /// How long evidence counts.
    static let evidenceLifetime = Duration.seconds(2)
    /// Failures with a response that are closer together than this count as one.
    static let failureSpacing = Duration.milliseconds(50)
    /// The same for failures without a response.
    static let silentFailureSpacing = Duration.milliseconds(500)
    /// The minimum time between two checks that peers cause.
    static let requestInterval = Duration.milliseconds(100)
    /// A requested check that has not ended after this time is requested again.
    static let requestTimeout = Duration.seconds(1)
    /// A peer's opposite verdict is reported after this time.
    static let differenceAfter = Duration.seconds(30)
    /// The longest time of FULL, in seconds; it doubles up to this.
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
    /// The result of this node's checks alone, which the row publishes. A server that was never checked goes down with its first failure, unless
    /// `forgetChecks` has given it another initial state.
    private(set) var own: Health
    /// The reason why the server is out of use, by this node's checks or by peers.
    private(set) var isDown: DownReason?
    private(set) var passesWhileDown = 0
    /// This node's latest spaced failures, at most two.
    private(set) var evidence: [Evidence] = []
    private(set) var last: Observation?
    private(set) var lastAt: Instant?
    private(set) var passedAt: Instant?
    private(set) var isBlocked = false
    private(set) var fullUntil: Instant?
    private var fullSeconds: Int64 = 0
    /// The verdict that was last output.
    var reportedVerdict = ServerVerdict.up
    /// When to request a check because of a peer.
    var checkAt: Instant?
    var requestedAt: Instant?
    var isAwaitingCheck = false
    /// The time since which a peer's verdict is the opposite.
    var differsSince: Instant?
    var isDifferenceReported = false
    /// The operators' state for the server. The latest command counts, on this node or cluster-wide.
    var administrative = AdministrativeState.ready
    /// True when the state comes from a cluster-wide command, which ends with its expiry.
    var isSetByClusterCommand = false
    /// The server's state on this node for reasons other than a command.
    var localState = AdministrativeState.ready
    /// True when `min-up` has prevented a DOWN that gossip caused.
    var isHeldUp = false

    init(_ server: GossipServer) {
        self.server = server
        own = .up(failures: server.fall - 1)
    }

    private mutating func beginUnchecked() {
        (own, isDown, passesWhileDown) =
            switch server.initialHealth {
            case .up: (.up(failures: server.fall - 1), nil, 0)
            case .fullyUp: (.up(failures: 0), nil, 0)
            case .down: (.down(passes: server.rise - 1), .ownChecks, server.rise - 1)
            case .fullyDown: (.down(passes: 0), .ownChecks, 0)
            }
    }

    /// Earlier checks no longer count: resets their results to the configured initial state. The time of FULL stays.
    mutating func forgetChecks() {
        beginUnchecked()
        isBlocked = false
        evidence.removeAll(keepingCapacity: true)
        (last, lastAt, passedAt) = (nil, nil, nil)
    }

    /// The stricter of the operators' state and the server's state on this node.
    var effectiveState: AdministrativeState { administrative.rawValue > localState.rawValue ? administrative : localState }

    /// True when the server can take traffic; `min-up` counts these.
    var isUsable: Bool { isDown == nil && !isBlocked && fullUntil == nil && effectiveState == .ready }

    /// True when the server becomes usable as soon as the time of FULL is over.
    var isOnlyFull: Bool { isDown == nil && !isBlocked && fullUntil != nil && effectiveState == .ready }

    var isOwnDown: Bool { if case .down = own { true } else { false } }

    var ownFailures: Int { if case .up(let failures) = own { failures } else { server.fall } }

    var verdict: ServerVerdict {
        if isBlocked { return .blocked }
        if let isDown { return .down(isDown) }
        if let fullUntil { return .full(until: fullUntil) }
        return .up
    }

    /// The peer's verdict that contradicts this node's.
    var opposite: HealthVerdict { isOwnDown ? .up : .down }

    var censusEntry: CensusEntry { CensusEntry(isUsable: isUsable, isOnlyFull: isOnlyFull, isHeldUp: isHeldUp, finding: last?.finding) }

    /// When to report that a peer's verdict differs.
    var differenceDeadline: Instant? { isDifferenceReported ? nil : differsSince?.advanced(by: ServerView.differenceAfter) }

    /// The earliest time at which the judge has work for this server.
    var deadline: Instant? {
        var earliest = checkAt
        for candidate in [fullUntil, differenceDeadline] {
            if let candidate, earliest.map({ candidate < $0 }) ?? true { earliest = candidate }
        }
        return earliest
    }

    /// Takes in an observation. `forbidsUp` is true when a peer's DOWN forbids UP (`any-down`).
    mutating func observe(_ observation: Observation, forbidsUp: Bool, requiresSpacing: Bool, now: Instant) {
        setAddress(observation.address)
        guard observation.source == .check else {
            if observation.finding.isFailure {
                addEvidence(isSilent: observation.finding == .failedWithoutResponse, requiresSpacing: requiresSpacing, now: now)
            }
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
            pass(forbidsUp: forbidsUp)
        case .failedWithResponse, .failedWithoutResponse, .accessDenied:
            fail(isSilent: observation.finding == .failedWithoutResponse, requiresSpacing: requiresSpacing, now: now)
        }
    }

    private mutating func pass(forbidsUp: Bool) {
        switch own {
        case .up: own = .up(failures: 0)
        case .down(let passes): own = passes + 1 >= server.rise ? .up(failures: 0) : .down(passes: passes + 1)
        }
        guard isDown != nil || isBlocked else { return }
        passesWhileDown += 1
        guard passesWhileDown >= server.rise, !forbidsUp else { return }
        isDown = nil
        isBlocked = false
        passesWhileDown = 0
    }

    private mutating func addEvidence(isSilent: Bool, requiresSpacing: Bool, now: Instant) {
        if let previous = evidence.last, requiresSpacing {
            let needed = previous.isSilent || isSilent ? ServerView.silentFailureSpacing : ServerView.failureSpacing
            if previous.at.advanced(by: needed) <= now { evidence.append(Evidence(at: now, isSilent: isSilent)) }
        } else {
            evidence.append(Evidence(at: now, isSilent: isSilent))
        }
        if evidence.count > 2 { evidence.removeFirst() }
    }

    private mutating func fail(isSilent: Bool, requiresSpacing: Bool, now: Instant) {
        passesWhileDown = 0
        addEvidence(isSilent: isSilent, requiresSpacing: requiresSpacing, now: now)
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

    /// A different address is a different server: evidence about the old one does not apply.
    mutating func setAddress(_ new: SocketAddress?) {
        guard new != address else { return }
        address = new
        evidence.removeAll(keepingCapacity: true)
        passedAt = nil
        differsSince = nil
        fullUntil = nil
    }

    /// The number of failures that still count as evidence.
    func freshEvidence(now: Instant) -> Int { evidence.reduce(0) { $0 + ($1.at.advanced(by: ServerView.evidenceLifetime) >= now ? 1 : 0) } }

    /// The earliest time at which another failure counts separately; `nil` when any does.
    var nextSpacedAt: Instant? { evidence.last.map { $0.at.advanced(by: $0.isSilent ? ServerView.silentFailureSpacing : ServerView.failureSpacing) } }

    /// Takes the server down because of peers' rows.
    mutating func takeDown(_ reason: DownReason) {
        isDown = reason
        passesWhileDown = 0
    }

    /// Ends FULL when its time is over.
    mutating func endFull(now: Instant) {
        if let fullUntil, fullUntil <= now { self.fullUntil = nil }
    }
}
