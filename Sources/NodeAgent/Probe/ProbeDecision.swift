import Wire

/// Decides what one `probe` section answers, without I/O: by what this node sees and what its live peers see.
///
/// A required proxy that has fewer usable servers here than it must have, since so long:
///
///     peers see            the answer
///     nothing              fail: it may be our fault, and we cannot know
///     enough               fail, after `patience`: it is our fault
///     fewer, too           stays what it is until the hold is over, then as `when-none` says: failing on both nodes would make the load
///                          balancer cut what still lives and then send everybody everywhere
///     maybe enough         stays what it is until the hold is over, then fail
///
/// A proxy that has enough servers only with unchecked ones has to wait: the answer stays as it is, and fails at the start.
/// The first checks that decide make it pass immediately: a load balancer's first probe of a node may be the only one that it waits for.
///
/// `patience` is there because a peer's last look may be older than ours: gossip makes it look at once, so a moment later it either sees the
/// same or really sees more. The hold (three times the slowest check) is the time in which every node's checks find the same.
///
///             any proxy fails: at once
///     pass ---------------------------------------> fail
///          <---------------------------------------
///             none has failed for `recovery`
///
/// Down at once, since each second costs connections; up after a second, since `rise` has slowed every server's return down already and only the
/// peers' words and several servers at the edge of a requirement are left to flap.
struct ProbeDecision {
    /// What a section requires of one proxy.
    struct Requirement: Equatable, Sendable {
        /// So many of its servers must be usable.
        var serversMin: Int
        /// The slowest `inter` of its checks.
        var checkInterval: Duration

        /// How long shared fate must last before it counts.
        var hold: Duration { checkInterval * 3 }
        /// How long a peer that sees more may be behind.
        var patience: Duration { min(checkInterval, .milliseconds(500)) }
    }

    /// What is seen of one required proxy.
    struct Sight: Equatable, Sendable {
        /// Servers, as this node sees them.
        var count: ProbeCount
        /// What the peers see.
        var peers: ProbeAnswer.PeersSight
    }

    /// How long nothing must be wrong before the answer is pass again.
    static let recovery = Duration.seconds(1)

    /// How long a successor keeps to the answer of the process before it while it has not heard its peers yet.
    static let peersGrace = Duration.seconds(2)

    private enum Judgement {
        case satisfied
        case passing(ProbeAnswer.Cause)
        case undecided(ProbeAnswer.Cause, until: Instant?)
        case failing(ProbeAnswer.Cause)
    }

    /// The present answer.
    private(set) var answer = ProbeAnswer(isPassing: false, .starting)
    /// Since when it passes or fails.
    private(set) var since: Instant
    /// When to look again though nothing happens; `nil` for never.
    private(set) var nextDeadline: Instant?

    private let requirements: [Requirement]
    private let whenNone: ProbeSettings.WhenNone
    private var lackingSince: [Instant?]
    private var rightSince: Instant?
    /// No decision yet.
    private var isStarting = true
    /// Until then peers that are not heard say nothing against the answer of before.
    private var peersKnownAt: Instant

    /// A section that fails until the first look, or answers as the process before it did.
    init(_ requirements: [Requirement], whenNone: ProbeSettings.WhenNone, memory: ProbeMemory? = nil, now: Instant) {
        (self.requirements, self.whenNone) = (requirements, whenNone)
        lackingSince = Array(repeating: nil, count: requirements.count)
        (since, peersKnownAt) = (memory?.since ?? now, now)
        guard let memory else { return }
        answer = ProbeAnswer(isPassing: memory.isPassing, memory.isPassing ? .fit : .recovering)
        isStarting = false
        peersKnownAt = now.advanced(by: Self.peersGrace)
    }

    /// True while a required proxy has too few servers here.
    var isLacking: Bool { lackingSince.contains { $0 != nil } }

    /// Takes in what is seen now, a sight for each requirement. `leaving` is why the node goes, once it does: that is for good.
    ///
    /// - Returns: true when the answer has turned from pass to fail or back.
    mutating func look(_ sights: [Sight], leaving: ProbeAnswer.Cause? = nil, now: Instant) -> Bool {
        precondition(sights.count == requirements.count, "\(sights.count) sights of \(requirements.count) requirements")
        nextDeadline = nil
        let judgements = requirements.indices.map { judge($0, sights[$0], now: now) }
        if let leaving { return turn(false, leaving, now: now) }
        for case .failing(let cause) in judgements {
            rightSince = nil
            isStarting = false
            return turn(false, cause, now: now)
        }
        var isUndecided: ProbeAnswer.Cause?
        var passCause = ProbeAnswer.Cause.fit
        for judgement in judgements {
            switch judgement {
            case .undecided(let cause, let until):
                isUndecided = isUndecided ?? cause
                if let until { consider(until) }
            case .passing(let cause): if passCause == .fit { passCause = cause }
            case .satisfied, .failing: break
            }
        }
        if let cause = isUndecided {
            rightSince = nil
            return turn(answer.isPassing, cause, now: now)
        }
        return pass(passCause, now: now)
    }

    private mutating func pass(_ cause: ProbeAnswer.Cause, now: Instant) -> Bool {
        let from = rightSince ?? now
        rightSince = from
        defer { isStarting = false }
        guard !answer.isPassing, !isStarting, now < from.advanced(by: Self.recovery) else { return turn(true, cause, now: now) }
        consider(from.advanced(by: Self.recovery))
        return turn(false, .recovering, now: now)
    }

    private mutating func judge(_ index: Int, _ sight: Sight, now: Instant) -> Judgement {
        let requirement = requirements[index]
        let usable = sight.count.usable
        guard usable + sight.count.unchecked < requirement.serversMin else {
            lackingSince[index] = nil
            return usable < requirement.serversMin ? .undecided(.unchecked(requirement: index, usable: usable), until: nil) : .satisfied
        }
        let from = lackingSince[index] ?? now
        lackingSince[index] = from
        let cause = ProbeAnswer.Cause.lacking(requirement: index, usable: usable, sight.peers)
        let (patience, hold) = (from.advanced(by: requirement.patience), from.advanced(by: requirement.hold))
        switch sight.peers {
        case .nothing: return now < peersKnownAt ? .undecided(cause, until: peersKnownAt) : .failing(cause)
        case .enough: return now < patience ? .undecided(cause, until: patience) : .failing(cause)
        case .doubt: return now < hold ? .undecided(cause, until: hold) : .failing(cause)
        case .fewer:
            guard now >= hold else { return .undecided(cause, until: hold) }
            return whenNone == .pass ? .passing(cause) : .failing(cause)
        }
    }

    private mutating func consider(_ deadline: Instant) { nextDeadline = nextDeadline.map { min($0, deadline) } ?? deadline }

    private mutating func turn(_ isPassing: Bool, _ cause: ProbeAnswer.Cause, now: Instant) -> Bool {
        let hasTurned = answer.isPassing != isPassing
        answer = ProbeAnswer(isPassing: isPassing, cause)
        if hasTurned { since = now }
        return hasTurned
    }
}

extension ProbeAnswer.PeersSight {
    /// What peers that have looked see, of `serversMin` servers: the usable ones of each, and those that are failing its checks.
    init(_ peers: [(usable: Int, failing: Int)], serversMin: Int) {
        if peers.isEmpty {
            self = .nothing
        } else if peers.contains(where: { $0.usable >= serversMin }) {
            self = .enough
        } else if peers.contains(where: { $0.usable + $0.failing >= serversMin }) {
            self = .doubt
        } else {
            self = .fewer
        }
    }
}
