import Wire

/// Decides the answer of one `probe` section, without I/O, from the views of this node and of its live peers.
///
/// A required proxy that has too few usable servers here leads to these answers:
///
///     peers' view          the answer
///     unknown              fail: the fault may be this node's, and there is no way to know
///     enough               fail after `gracePeriod`: the fault is this node's
///     tooFew               unchanged until the hold is over, then as `when-none` says: if all nodes failed, the load balancer would cut
///                          working flows and then send new ones to every node
///     uncertain            unchanged until the hold is over, then fail
///
/// A proxy that has enough servers only if unchecked ones count leaves the answer unchanged, which is fail at the start. The first checks that decide
/// make it pass immediately, because a load balancer may wait for only one probe of a new node.
///
/// `gracePeriod` exists because a peer's last check may be older than this node's: gossip makes the peer check at once, so a moment later it either
/// agrees or really sees more. The hold (three times the slowest check interval) gives the checks of all nodes time to agree.
///
///             any proxy fails: at once
///     pass ---------------------------------------> fail
///          <---------------------------------------
///             none has failed for `recovery`
///
/// Failing is immediate, since each second costs connections. Passing takes a second: `rise` already delays every server's return, so only changes of
/// the peers' views, and several servers around a requirement, can still flap.
struct ProbeDecision {
    /// What a section requires of one proxy.
    struct Requirement: Equatable, Sendable {
        /// The minimum number of usable servers.
        var serversMin: Int
        /// The longest `inter` of the proxy's checks.
        var checkInterval: Duration

        /// How long all nodes must lack servers before it counts.
        var hold: Duration { checkInterval * 3 }
        /// How long a peer that sees more servers may be out of date.
        var gracePeriod: Duration { min(checkInterval, .milliseconds(500)) }
    }

    /// The views of one required proxy.
    struct View: Equatable, Sendable {
        /// The numbers of servers, as this node sees them.
        var count: ProbeCount
        /// The views of the peers.
        var peers: ProbeAnswer.PeersEstimate
    }

    /// How long every requirement must be met before the answer is pass again.
    static let recovery = Duration.seconds(1)

    /// How long a successor keeps its predecessor's answer until it hears its peers.
    static let peersGrace = Duration.seconds(2)

    private enum Judgement {
        case satisfied
        case passing(ProbeAnswer.Cause)
        case undecided(ProbeAnswer.Cause, until: Instant?)
        case failing(ProbeAnswer.Cause)
    }

    /// The present answer.
    private(set) var answer = ProbeAnswer(isPassing: false, .starting)
    /// When the answer last turned to pass or fail.
    private(set) var since: Instant
    /// When to call `decide` again if nothing happens; `nil` if time does not matter.
    private(set) var nextDeadline: Instant?

    private let requirements: [Requirement]
    private let whenNone: ProbeSettings.WhenNone
    private var lackingSince: [Instant?]
    private var rightSince: Instant?
    /// Whether no decision has been made yet.
    private var isStarting = true
    /// Until this time, a lack of peers' views does not change the predecessor's answer.
    private var peersKnownAt: Instant

    /// A section that fails until the first `decide`, or answers as its predecessor did.
    init(_ requirements: [Requirement], whenNone: ProbeSettings.WhenNone, memory: ProbeMemory? = nil, now: Instant) {
        (self.requirements, self.whenNone) = (requirements, whenNone)
        lackingSince = Array(repeating: nil, count: requirements.count)
        (since, peersKnownAt) = (memory?.since ?? now, now)
        guard let memory else { return }
        answer = ProbeAnswer(isPassing: memory.isPassing, memory.isPassing ? .fit : .recovering)
        isStarting = false
        peersKnownAt = now.advanced(by: Self.peersGrace)
    }

    /// Whether a required proxy has too few servers here.
    var isLacking: Bool { lackingSince.contains { $0 != nil } }

    /// Decides from the present views, one for each requirement. `leaving` is why the node stops taking traffic, which cannot be undone.
    ///
    /// - Returns: whether the answer has turned from pass to fail or back.
    mutating func decide(_ views: [View], leaving: ProbeAnswer.Cause? = nil, now: Instant) -> Bool {
        precondition(views.count == requirements.count, "\(views.count) views of \(requirements.count) requirements")
        nextDeadline = nil
        let judgements = requirements.indices.map { judge($0, views[$0], now: now) }
        if let leaving { return setAnswer(false, leaving, now: now) }
        for case .failing(let cause) in judgements {
            rightSince = nil
            isStarting = false
            return setAnswer(false, cause, now: now)
        }
        var isUndecided: ProbeAnswer.Cause?
        var passCause = ProbeAnswer.Cause.fit
        for judgement in judgements {
            switch judgement {
            case .undecided(let cause, let until):
                isUndecided = isUndecided ?? cause
                if let until { scheduleDecision(until) }
            case .passing(let cause): if passCause == .fit { passCause = cause }
            case .satisfied, .failing: break
            }
        }
        if let cause = isUndecided {
            rightSince = nil
            return setAnswer(answer.isPassing, cause, now: now)
        }
        return pass(passCause, now: now)
    }

    private mutating func pass(_ cause: ProbeAnswer.Cause, now: Instant) -> Bool {
        let from = rightSince ?? now
        rightSince = from
        defer { isStarting = false }
        guard !answer.isPassing, !isStarting, now < from.advanced(by: Self.recovery) else { return setAnswer(true, cause, now: now) }
        scheduleDecision(from.advanced(by: Self.recovery))
        return setAnswer(false, .recovering, now: now)
    }

    private mutating func judge(_ index: Int, _ view: View, now: Instant) -> Judgement {
        let requirement = requirements[index]
        let usable = view.count.usable
        guard usable + view.count.unchecked < requirement.serversMin else {
            lackingSince[index] = nil
            return usable < requirement.serversMin ? .undecided(.unchecked(requirement: index, usable: usable), until: nil) : .satisfied
        }
        let from = lackingSince[index] ?? now
        lackingSince[index] = from
        let cause = ProbeAnswer.Cause.lacking(requirement: index, usable: usable, view.peers)
        let (gracePeriod, hold) = (from.advanced(by: requirement.gracePeriod), from.advanced(by: requirement.hold))
        switch view.peers {
        case .unknown: return now < peersKnownAt ? .undecided(cause, until: peersKnownAt) : .failing(cause)
        case .enough: return now < gracePeriod ? .undecided(cause, until: gracePeriod) : .failing(cause)
        case .uncertain: return now < hold ? .undecided(cause, until: hold) : .failing(cause)
        case .tooFew:
            guard now >= hold else { return .undecided(cause, until: hold) }
            return whenNone == .pass ? .passing(cause) : .failing(cause)
        }
    }

    private mutating func scheduleDecision(_ deadline: Instant) { nextDeadline = nextDeadline.map { min($0, deadline) } ?? deadline }

    private mutating func setAnswer(_ isPassing: Bool, _ cause: ProbeAnswer.Cause, now: Instant) -> Bool {
        let hasTurned = answer.isPassing != isPassing
        answer = ProbeAnswer(isPassing: isPassing, cause)
        if hasTurned { since = now }
        return hasTurned
    }
}

extension ProbeAnswer.PeersEstimate {
    /// Summarizes the views of peers: for each, the numbers of usable servers and of servers that fail its checks.
    init(_ peers: [(usable: Int, failing: Int)], serversMin: Int) {
        if peers.isEmpty {
            self = .unknown
        } else if peers.contains(where: { $0.usable >= serversMin }) {
            self = .enough
        } else if peers.contains(where: { $0.usable + $0.failing >= serversMin }) {
            self = .uncertain
        } else {
            self = .tooFew
        }
    }
}
