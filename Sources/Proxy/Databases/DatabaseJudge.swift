import Wire

/// The fitness of a server for its proxy's role.
package enum ServerFitness: Equatable, Sendable {
    /// Fit, with this many quarters of its weight, 1 to 4.
    case fit(quarters: Int)
    /// Unfit: no new sessions. The reason is for log lines: "replication lag 37s > 10s".
    case unfit(reason: String)

    /// Fit with the full weight.
    package static let fullWeight = ServerFitness.fit(quarters: 4)

    /// True for `fit`.
    package var isFit: Bool { if case .fit = self { true } else { false } }
}

/// A fault of a server. If too few servers are fit, `min-up` keeps those with the lowest ranks in.
package enum DatabaseFault: Equatable, Sendable {
    /// The lag exceeds the limit, or has exceeded it and is not yet below half of it.
    case lagging(Duration)
    /// The receiver has no connection to its source. The age of the values, and the error.
    case disconnected(Duration, DatabaseProblem?, channel: String)
    /// The lag is unknown because the heartbeat table is empty.
    case lagUnknown
    /// The login succeeded, but this question has no answer.
    case unanswered(UnansweredQuestion)
    /// A server that must be a replica takes writes.
    case writable
    /// Replication is not configured.
    case notReplicating
    /// The receiver has stopped: no new events are fetched.
    case receiverStopped(DatabaseProblem?, channel: String)
    /// The applier has stopped: no new events are applied.
    case applierStopped(DatabaseProblem?, channel: String)
    /// The configured query returned a different answer.
    case answered(String?, expected: String)

    /// The severity; 1 is the mildest.
    var rank: Int {
        switch self {
        case .lagging, .disconnected: 1
        case .lagUnknown, .unanswered: 2
        case .writable: 3
        case .notReplicating, .receiverStopped: 4
        case .applierStopped: 5
        case .answered: 6
        }
    }

    /// The reason in log lines.
    ///
    /// - Parameter lagMax: the limit of the lag.
    package func reason(lagMax: Duration?) -> String {
        let of = { (channel: String) in channel.isEmpty ? "" : " of channel '\(channel)'" }
        let cause = { (problem: DatabaseProblem?) in problem.map { ": \($0.description)" } ?? "" }
        switch self {
        case .lagging(let lag):
            let limit = lagMax ?? .zero
            return lag > limit
                ? "replication lag \(Self.text(lag)) > \(Self.text(limit))" : "replication lag \(Self.text(lag)), back in below \(Self.text(limit / 2))"
        case .disconnected(let silence, let problem, let channel):
            return "replica IO thread\(of(channel)) disconnected for \(Self.text(silence))\(cause(problem))"
        case .lagUnknown: return "replication lag unknown: the heartbeat table is empty"
        case .unanswered(let question): return question.description
        case .writable: return "read_only is OFF on a replica"
        case .notReplicating: return "not a replica: no replication is set up"
        case .receiverStopped(let problem, let channel): return "replica IO thread\(of(channel)) stopped\(cause(problem))"
        case .applierStopped(let problem, let channel): return "replica SQL thread\(of(channel)) stopped\(cause(problem))"
        case .answered(let answer, let expected):
            return "query returned \(answer.map { DatabaseProblem.shown($0, bytesMax: 64) } ?? "nothing"), expected \(expected)"
        }
    }

    /// The time in seconds, with tenths below ten seconds: "37s", "9.5s".
    package static func text(_ time: Duration) -> String {
        let milliseconds = max(0, time.wholeMilliseconds)
        let tenths = milliseconds / 100 % 10
        return milliseconds < 10_000 && tenths > 0 ? "\(milliseconds / 1_000).\(tenths)s" : "\(milliseconds / 1_000)s"
    }
}

/// Decides which servers of a proxy are fit for the role `replica` or `any`, from their latest views. It does no I/O and reads no clock.
///
///     fit --lag > max-lag, a thread stopped, read_only OFF, ...--> unfit
///         <--lag < max-lag / 2, the fault gone------------------
///
/// If fewer than `min-up` of the servers that are up are fit, the best of the others are kept in, ordered by fault and then by the age of their values. Servers
/// with the same rank of fault as the last kept one, and values that are hardly older, stay in as well: a burst of writes, or an event that cannot be applied,
/// affects all replicas alike, and must not send all sessions to one of them. A fit server without a connection to its source is no better than a
/// server that is unfit for this reason, so it counts as one of the others: replicas of a dead primary exceed `max-lag` one after the other.
/// Unknown values change nothing: a server without a view is fit, and a server that can no longer be checked keeps its state. A question without an answer
/// twice in a row is a fault, unless this node's user lacks a right.
package struct DatabaseJudge: Equatable, Sendable {
    /// The state of one server.
    package struct ServerState: Equatable, Sendable {
        /// The last view; `nil` before the first.
        package internal(set) var view: DatabaseView?
        /// When a check last had an answer about the role.
        package internal(set) var seenAt: Instant?
        /// Why this node cannot read all of its state; `nil` while it can.
        package internal(set) var refusal: DatabaseProblem?
        /// True when the last check could log in, so that its answers are current.
        package internal(set) var isCurrent = false
        /// True when the last check that reached the server was refused, so that earlier answers may be outdated.
        var isLoginRefused = false
        /// The number of checks in a row without an answer to a question that counts.
        var consecutiveUnanswered = 0
        /// The fault; `nil` without a known one.
        package internal(set) var fault: DatabaseFault?
        /// True when it takes sessions despite a fault, because too few servers are better.
        package internal(set) var isKept = false
        /// The fitness that results.
        package internal(set) var fitness = ServerFitness.fullWeight
        /// The last reported lag and its time. The age of the current values is that lag plus the time since then.
        var knownLag: (lag: Duration, at: Instant)?
        /// True when the lag has exceeded the limit and has not been below half of it since then.
        var isHeldByLag = false

        /// Compares all properties. A tuple prevents a synthesized `==`.
        package static func == (left: ServerState, right: ServerState) -> Bool {
            (left.view, left.seenAt, left.refusal, left.fault, left.isKept) == (right.view, right.seenAt, right.refusal, right.fault, right.isKept)
                && (left.fitness, left.isHeldByLag, left.isCurrent, left.isLoginRefused, left.consecutiveUnanswered)
                    == (right.fitness, right.isHeldByLag, right.isCurrent, right.isLoginRefused, right.consecutiveUnanswered)
                && left.knownLag?.lag == right.knownLag?.lag && left.knownLag?.at == right.knownLag?.at
        }
    }

    /// The number of checks in a row without an answer after which its absence counts.
    static let missesMax = 2

    /// The section.
    package let settings: DatabaseSettings
    /// By server.
    package private(set) var states: [ServerState]

    /// Creates a judge without views of `count` servers.
    package init(_ settings: DatabaseSettings, servers count: Int) {
        self.settings = settings
        states = Array(repeating: ServerState(), count: count)
    }

    /// Restores the decision of an earlier process and its time. The values are at least as old as that time.
    package mutating func restore(_ server: Int, _ fitness: ServerFitness, since: Instant) {
        guard states.indices.contains(server) else { return }
        states[server].knownLag = (.zero, since)
        guard !fitness.isFit else { return }
        states[server].fitness = fitness
        states[server].isHeldByLag = true
    }

    /// Resets a server whose host has changed.
    mutating func forget(_ server: Int) { states[server] = ServerState() }

    /// Applies the findings of a check. Call `decide` afterwards.
    package mutating func apply(_ findings: DatabaseFindings, of server: Int, now: Instant) {
        precondition(states.indices.contains(server), "no server \(server)")
        states[server].isCurrent = false
        switch findings {
        case .failed: break
        case .refused(let problem): (states[server].refusal, states[server].isLoginRefused) = (problem, true)
        case .seen(let seen):
            var state = states[server]
            apply(seen, &state, now: now)
            states[server] = state
        }
    }

    private func apply(_ seen: DatabaseView, _ state: inout ServerState, now: Instant) {
        let view = seen.completed(by: state.view)
        let missing = seen.unanswered.filter { needs($0.question, of: view) }
        let isFirst = state.seenAt == nil
        (state.isCurrent, state.isLoginRefused, state.view) = (true, false, view)
        if seen.isAnswered(.variables) { state.seenAt = now }
        state.refusal = seen.unanswered.first { $0.problem.isPermissionError }?.problem
        state.consecutiveUnanswered = missing.isEmpty ? 0 : state.consecutiveUnanswered + 1
        let found = view.flatMap { fault(in: $0, &state, now: now) }
        guard let first = missing.first else {
            state.fault = found
            return
        }
        // A missing answer does not change the fault until it has been missing repeatedly: a single check may fail accidentally.
        let isLasting = state.refusal == nil && (isFirst || state.consecutiveUnanswered >= Self.missesMax)
        // The questions after a hanging one were not asked, so the hanging one is reported.
        let cause = seen.unanswered.first { $0.problem == first.problem } ?? first
        state.fault = Self.worse(found, isLasting ? .unanswered(cause) : state.fault)
    }

    /// Whether the answer to `question` counts for a server. A primary has no lag, regardless of its heartbeat table.
    private func needs(_ question: DatabaseQuestion, of view: DatabaseView?) -> Bool {
        switch question {
        case .variables, .query: true
        case .replicaStatus, .heartbeat: settings.role == .replica || settings.role == .any && view?.isPrimary != true
        case .replicas: false
        }
    }

    private static func worse(_ one: DatabaseFault?, _ other: DatabaseFault?) -> DatabaseFault? {
        guard let one, let other else { return one ?? other }
        return one.rank > other.rank ? one : other
    }

    /// Decides which servers are fit.
    ///
    /// - Parameter isAvailable: by server: true when it would take sessions if it were fit.
    package mutating func decide(isAvailable: [Bool], now: Instant) {
        precondition(isAvailable.count == states.count, "\(isAvailable.count) for \(states.count) servers")
        let kept = kept(isAvailable, now: now)
        for server in states.indices {
            let state = states[server]
            let next: ServerFitness
            states[server].isKept = kept[server]
            if let fault = state.fault {
                next = kept[server] ? .fullWeight : .unfit(reason: fault.reason(lagMax: settings.lagMax))
            } else if state.view == nil, !state.fitness.isFit, !kept[server] {
                next = state.fitness  // from the earlier process, until the first check
            } else {
                next = .fit(quarters: quarters(state))
            }
            states[server].fitness = next
        }
    }
}

// MARK: - One server

extension DatabaseJudge {
    /// The fault in a view; `nil` without one.
    private func fault(in view: DatabaseView, _ state: inout ServerState, now: Instant) -> DatabaseFault? {
        let lag = lag(in: view)
        if let lag { state.knownLag = (lag, now) }
        if let limit = settings.lagMax, let lag {
            if lag > limit { state.isHeldByLag = true } else if lag < limit / 2 || lag == .zero { state.isHeldByLag = false }
        } else if settings.lagMax == nil {
            state.isHeldByLag = false
        }
        if let query = settings.query, let answer = view.answer, answer != query.expected { return .answered(answer, expected: query.expected) }
        // The fitness of a writer depends only on its role. For other servers the role is judged before the lag.
        guard settings.role != .primary else { return nil }
        if let channel = view.channels.first(where: { $0.applier != .running }) { return .applierStopped(channel.applierError, channel: channel.name) }
        if let channel = view.channels.first(where: { $0.receiver == .stopped }) { return .receiverStopped(channel.receiverError, channel: channel.name) }
        if settings.role == .replica {
            if !view.isReadOnly { return .writable }
            if view.channels.isEmpty, view.areChannelsKnown, settings.lagSource == .replicaStatus, !view.isStorageReadOnly { return .notReplicating }
        }
        return lagFault(in: view, lag, &state, now: now)
    }

    private func lagFault(in view: DatabaseView, _ lag: Duration?, _ state: inout ServerState, now: Instant) -> DatabaseFault? {
        guard let limit = settings.lagMax, !isPrimary(view) else { return nil }
        if let lag { return state.isHeldByLag ? .lagging(lag) : nil }
        if settings.lagSource != .replicaStatus {
            return view.isAnswered(.heartbeat) && (settings.role == .replica || !view.channels.isEmpty) ? .lagUnknown : nil
        }
        // A source that cannot be reached may have no new events. The last known lag plus the time since then is the upper limit of the age.
        guard view.isAnswered(.replicaStatus), let channel = disconnectedChannel(in: view) else { return nil }
        let known = state.knownLag ?? (.zero, now)
        state.knownLag = known
        let age = known.lag + known.at.duration(to: now)
        if age > limit { state.isHeldByLag = true }
        return state.isHeldByLag ? .disconnected(age, channel.receiverError, channel: channel.name) : nil
    }

    /// The channel without a connection to its source that makes the lag unknown; `nil` without one, or if the lag in the replication status does not count.
    private func disconnectedChannel(in view: DatabaseView) -> ReplicationChannel? {
        guard settings.lagMax != nil, settings.lagSource == .replicaStatus, !isPrimary(view), view.replicationLag == nil else { return nil }
        return view.channels.first { $0.receiver == .connecting }
    }

    /// A server without replication is a primary, however old its heartbeat row is. Lag does not apply to it.
    private func isPrimary(_ view: DatabaseView) -> Bool { settings.role == .any && view.isPrimary }

    private func lag(in view: DatabaseView) -> Duration? { isPrimary(view) ? nil : view.lag(by: settings.lagSource) }

    /// The quarters of its weight: four up to a quarter of `max-lag`, one above three quarters.
    private func quarters(_ state: ServerState) -> Int {
        guard settings.reducesWeightByLag, let limit = settings.lagMax, limit > .zero, let view = state.view,
            let lag = lag(in: view)
        else { return 4 }
        return (1...3).first { lag * 4 > limit * (4 - $0) } ?? 4
    }
}

// MARK: - All together

extension DatabaseJudge {
    /// The servers that stay in because too few are better, by server.
    private func kept(_ isAvailable: [Bool], now: Instant) -> [Bool] {
        var kept = Array(repeating: false, count: states.count)
        let available = states.indices.filter { isAvailable[$0] }
        var candidates = available.filter { rank(of: $0) > 0 }
        let missing = settings.minUp - (available.count - candidates.count)
        guard missing > 0 else { return kept }
        candidates.sort { order(of: $0, now: now) < order(of: $1, now: now) }
        guard let last = candidates.prefix(missing).last else { return kept }
        for (place, server) in candidates.enumerated() where isFaulty(server) {
            let isLikeLast = rank(of: server) == rank(of: last)
            kept[server] =
                place < missing || isLikeLast && isAboutAsOld(age(of: server, now: now), than: age(of: last, now: now), isIn: states[server].isKept)
        }
        return kept
    }

    /// True when `age` is little more than `last`. Two servers that stopped at the same event have ages that differ by up to one interval each.
    private func isAboutAsOld(_ age: Duration?, than last: Duration?, isIn: Bool) -> Bool {
        guard let age, let last else { return age == last }
        let limit = settings.lagMax ?? .zero
        return age - last < max(isIn ? limit : limit / 2, settings.interval * 2)
    }

    /// True with a fault, or with an unfit state from an earlier process.
    private func isFaulty(_ server: Int) -> Bool {
        states[server].fault != nil || (states[server].view == nil && !states[server].fitness.isFit)
    }

    /// The rank of its fault. A fit server has the rank of a disconnected one if it has no connection to its source, and 0 otherwise.
    private func rank(of server: Int) -> Int {
        let state = states[server]
        if let fault = state.fault { return fault.rank }
        if isFaulty(server) { return DatabaseFault.lagUnknown.rank }
        guard let view = state.view, let channel = disconnectedChannel(in: view) else { return 0 }
        return DatabaseFault.disconnected(.zero, channel.receiverError, channel: channel.name).rank
    }

    /// The age of its values: zero if the fault does not depend on it, `nil` if it is unknown, which counts as the oldest.
    private func age(of server: Int, now: Instant) -> Duration? {
        switch states[server].fault {
        case .lagging(let lag): lag
        case .disconnected, .notReplicating, .receiverStopped, .applierStopped, nil: states[server].knownLag.map { $0.lag + $0.at.duration(to: now) }
        case .lagUnknown, .unanswered, .writable, .answered: .zero
        }
    }

    /// The order of servers with a rank. A server that is kept already has an advantage of half of `max-lag`, so that two servers with similar lags do not
    /// alternate.
    private func order(of server: Int, now: Instant) -> (Int, Int, Duration, Int) {
        let favour = states[server].isKept ? (settings.lagMax ?? .zero) / 2 : .zero
        let age = age(of: server, now: now)
        return (rank(of: server), age == nil ? 1 : 0, (age ?? .zero) - favour, server)
    }
}
