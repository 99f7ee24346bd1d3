import Wire

/// What a server is good for, by what was seen in it.
package enum ServerFitness: Equatable, Sendable {
    /// It takes its share: so many quarters of its weight, 1 to 4.
    case fit(quarters: Int)
    /// It takes no new sessions; the reason stands in log lines: "replication lag 37s > 10s".
    case unfit(reason: String)

    /// The whole weight.
    package static let whole = ServerFitness.fit(quarters: 4)

    /// True for `fit`.
    package var isFit: Bool { if case .fit = self { true } else { false } }
}

/// What is wrong with a server, worst last: of those that are not fit `min-up` keeps the first ones in.
package enum DatabaseFault: Equatable, Sendable {
    /// It lags more than it may, or did until it was below half.
    case lagging(Duration)
    /// Its receiver has no connection; for so long nothing has come.
    case disconnected(Duration, DatabaseComplaint?, channel: String)
    /// How far it lags cannot be read: the heartbeat table is empty.
    case lagUnknown
    /// It let this node in, and has not answered this question.
    case unanswered(UnansweredQuestion)
    /// It takes writes, and was to be a replica.
    case writable
    /// It replicates from nobody.
    case notReplicating
    /// Nothing new is fetched.
    case receiverStopped(DatabaseComplaint?, channel: String)
    /// Nothing new is applied.
    case applierStopped(DatabaseComplaint?, channel: String)
    /// The configured query gave this.
    case answered(String?, expected: String)

    /// Where it stands in that order.
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
    /// - Parameter lagMax: the limit.
    package func reason(lagMax: Duration?) -> String {
        let of = { (channel: String) in channel.isEmpty ? "" : " of channel '\(channel)'" }
        let cause = { (complaint: DatabaseComplaint?) in complaint.map { ": \($0.description)" } ?? "" }
        switch self {
        case .lagging(let lag):
            let limit = lagMax ?? .zero
            return lag > limit
                ? "replication lag \(Self.text(lag)) > \(Self.text(limit))" : "replication lag \(Self.text(lag)), in again below \(Self.text(limit / 2))"
        case .disconnected(let silence, let complaint, let channel):
            return "replica IO thread\(of(channel)) without connection for \(Self.text(silence))\(cause(complaint))"
        case .lagUnknown: return "replication lag unknown: the heartbeat table is empty"
        case .unanswered(let question): return question.description
        case .writable: return "read_only is OFF on a replica"
        case .notReplicating: return "not a replica: no replication is set up"
        case .receiverStopped(let complaint, let channel): return "replica IO thread\(of(channel)) stopped\(cause(complaint))"
        case .applierStopped(let complaint, let channel): return "replica SQL thread\(of(channel)) stopped\(cause(complaint))"
        case .answered(let answer, let expected):
            return "query returned \(answer.map { DatabaseComplaint.shown($0, bytesMax: 64) } ?? "nothing"), expected \(expected)"
        }
    }

    /// "37s", below ten seconds with tenths: "9.5s".
    package static func text(_ time: Duration) -> String {
        let milliseconds = max(0, time.wholeMilliseconds)
        let tenths = milliseconds / 100 % 10
        return milliseconds < 10_000 && tenths > 0 ? "\(milliseconds / 1_000).\(tenths)s" : "\(milliseconds / 1_000)s"
    }
}

/// Decides which servers of one proxy are fit for its role `replica` or `any`, by the latest views of them. Pure: time comes in.
///
///     fit --lag > max-lag, a thread stopped, read_only OFF, ...--> unfit
///         <--lag < max-lag / 2, the fault gone------------------
///
/// While fewer than `min-up` of the servers that are up are fit, the best of the others are kept in: by fault, then by the age of their values. Servers with
/// a fault of the same rank as the last one kept, and values hardly older, stay in, too: a burst of writes, or an event that none can apply, affects all alike
/// and must not send all sessions to one of them.
/// Unknown values change nothing: a server that was never seen is fit, and one that cannot be seen any more keeps its state. A question unanswered
/// twice in a row is a fault, unless this node's user lacks a right.
package struct DatabaseJudge: Equatable, Sendable {
    /// What is known of one server.
    package struct Standing: Equatable, Sendable {
        /// The last view; `nil` before the first.
        package internal(set) var view: DatabaseView?
        /// When that was.
        package internal(set) var seenAt: Instant?
        /// Why this node cannot see all of its state; `nil` while it can.
        package internal(set) var refusal: DatabaseComplaint?
        /// The last look could log in: its answers are current.
        package internal(set) var isCurrent = false
        /// The last look that reached it was not let in: earlier answers may be out of date.
        var isShutOut = false
        /// Looks in a row without an answer to a question that counts.
        var unansweredRow = 0
        /// What is wrong with it; `nil` for nothing known.
        package internal(set) var fault: DatabaseFault?
        /// It takes sessions although it has a fault: too few others are better.
        package internal(set) var isKept = false
        /// What follows.
        package internal(set) var fitness = ServerFitness.whole
        /// The last reported lag, and when: the present values are as old as that plus the time since.
        var knownLag: (lag: Duration, at: Instant)?
        /// It was above the limit, and has not been below half of it.
        var isHeldByLag = false

        /// All of it alike; tuples do not compare by themselves.
        package static func == (left: Standing, right: Standing) -> Bool {
            (left.view, left.seenAt, left.refusal, left.fault, left.isKept) == (right.view, right.seenAt, right.refusal, right.fault, right.isKept)
                && (left.fitness, left.isHeldByLag, left.isCurrent, left.isShutOut, left.unansweredRow)
                    == (right.fitness, right.isHeldByLag, right.isCurrent, right.isShutOut, right.unansweredRow)
                && left.knownLag?.lag == right.knownLag?.lag && left.knownLag?.at == right.knownLag?.at
        }
    }

    /// This many looks in a row must miss an earlier answer before that counts.
    static let missesMax = 2

    /// The section.
    package let settings: DatabaseSettings
    /// By server.
    package private(set) var standings: [Standing]

    /// A judge that has seen nothing of `count` servers.
    package init(_ settings: DatabaseSettings, servers count: Int) {
        self.settings = settings
        standings = Array(repeating: Standing(), count: count)
    }

    /// Takes over the decision of an earlier process, and its time: the values are at least as old as that.
    package mutating func recall(_ server: Int, _ fitness: ServerFitness, since: Instant) {
        guard standings.indices.contains(server) else { return }
        standings[server].knownLag = (.zero, since)
        guard !fitness.isFit else { return }
        standings[server].fitness = fitness
        standings[server].isHeldByLag = true
    }

    /// Another host has taken the server's place: nothing is known of it.
    mutating func forget(_ server: Int) { standings[server] = Standing() }

    /// A look at a server has ended; then `decide`.
    package mutating func take(_ look: DatabaseLook, of server: Int, now: Instant) {
        precondition(standings.indices.contains(server), "no server \(server)")
        standings[server].isCurrent = false
        switch look {
        case .failed: break
        case .refused(let complaint): (standings[server].refusal, standings[server].isShutOut) = (complaint, true)
        case .seen(let seen):
            var standing = standings[server]
            take(seen, &standing, now: now)
            standings[server] = standing
        }
    }

    private func take(_ seen: DatabaseView, _ standing: inout Standing, now: Instant) {
        let view = seen.completed(by: standing.view)
        let missing = seen.unanswered.filter { needs($0.question, of: view) }
        let isFirst = standing.seenAt == nil
        (standing.isCurrent, standing.isShutOut, standing.view) = (true, false, view)
        if seen.isAnswered(.variables) { standing.seenAt = now }
        standing.refusal = seen.unanswered.first { $0.complaint.isMissingRight }?.complaint
        standing.unansweredRow = missing.isEmpty ? 0 : standing.unansweredRow + 1
        let found = view.flatMap { fault(in: $0, &standing, now: now) }
        guard let first = missing.first else {
            standing.fault = found
            return
        }
        // A missing answer counts as unchanged until it has been missing for long: a single look may fail by chance.
        let isLasting = standing.refusal == nil && (isFirst || standing.unansweredRow >= Self.missesMax)
        // The questions after one that hangs were not asked: the one that hangs is named.
        let cause = seen.unanswered.first { $0.complaint == first.complaint } ?? first
        standing.fault = Self.worse(found, isLasting ? .unanswered(cause) : standing.fault)
    }

    /// Whether the answer to `question` counts for a server. A primary does not lag, whatever its heartbeat table contains.
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

    /// Who takes sessions now.
    ///
    /// - Parameter isAvailable: by server: it would, were it fit.
    package mutating func decide(isAvailable: [Bool], now: Instant) {
        precondition(isAvailable.count == standings.count, "\(isAvailable.count) for \(standings.count) servers")
        let kept = kept(isAvailable, now: now)
        for server in standings.indices {
            let standing = standings[server]
            let next: ServerFitness
            standings[server].isKept = kept[server]
            if let fault = standing.fault {
                next = kept[server] ? .whole : .unfit(reason: fault.reason(lagMax: settings.lagMax))
            } else if standing.view == nil, !standing.fitness.isFit, !kept[server] {
                next = standing.fitness  // an earlier process's word, until the first look
            } else {
                next = .fit(quarters: quarters(standing))
            }
            standings[server].fitness = next
        }
    }
}

// MARK: - One server

extension DatabaseJudge {
    /// What is wrong in a view; `nil` for nothing.
    private func fault(in view: DatabaseView, _ standing: inout Standing, now: Instant) -> DatabaseFault? {
        let lag = lag(in: view)
        if let lag { standing.knownLag = (lag, now) }
        if let limit = settings.lagMax, let lag {
            if lag > limit { standing.isHeldByLag = true } else if lag < limit / 2 || lag == .zero { standing.isHeldByLag = false }
        } else if settings.lagMax == nil {
            standing.isHeldByLag = false
        }
        if let query = settings.query, let answer = view.answer, answer != query.expected { return .answered(answer, expected: query.expected) }
        // Only its role decides about a writer, and the role of all comes before their lag.
        guard settings.role != .primary else { return nil }
        if let channel = view.channels.first(where: { $0.applier != .running }) { return .applierStopped(channel.applierError, channel: channel.name) }
        if let channel = view.channels.first(where: { $0.receiver == .stopped }) { return .receiverStopped(channel.receiverError, channel: channel.name) }
        if settings.role == .replica {
            if !view.isReadOnly { return .writable }
            if view.channels.isEmpty, view.areChannelsKnown, settings.lagSource == .replicaStatus, !view.isStorageReadOnly { return .notReplicating }
        }
        return lagFault(in: view, lag, &standing, now: now)
    }

    private func lagFault(in view: DatabaseView, _ lag: Duration?, _ standing: inout Standing, now: Instant) -> DatabaseFault? {
        guard let limit = settings.lagMax, !isPrimary(view) else { return nil }
        if let lag { return standing.isHeldByLag ? .lagging(lag) : nil }
        if settings.lagSource != .replicaStatus {
            return view.isAnswered(.heartbeat) && (settings.role == .replica || !view.channels.isEmpty) ? .lagUnknown : nil
        }
        // A source that cannot be reached may have nothing new: what was last known grows older, that is all that can be said.
        guard view.isAnswered(.replicaStatus), let channel = view.channels.first(where: { $0.receiver == .connecting }) else { return nil }
        let known = standing.knownLag ?? (.zero, now)
        standing.knownLag = known
        let age = known.lag + known.at.duration(to: now)
        if age > limit { standing.isHeldByLag = true }
        return standing.isHeldByLag ? .disconnected(age, channel.receiverError, channel: channel.name) : nil
    }

    /// The role comes before the lag: a server without replication is a primary, however old its heartbeat table is.
    private func isPrimary(_ view: DatabaseView) -> Bool { settings.role == .any && view.isPrimary }

    private func lag(in view: DatabaseView) -> Duration? { isPrimary(view) ? nil : view.lag(by: settings.lagSource) }

    /// The share of its weight: all of it up to a quarter of `max-lag`, a quarter from three quarters on.
    private func quarters(_ standing: Standing) -> Int {
        guard settings.isWeightByLag, let limit = settings.lagMax, limit > .zero, let view = standing.view,
            let lag = lag(in: view)
        else { return 4 }
        return (1...3).first { lag * 4 > limit * (4 - $0) } ?? 4
    }
}

// MARK: - All together

extension DatabaseJudge {
    /// Those that stay in for want of better ones, by server.
    private func kept(_ isAvailable: [Bool], now: Instant) -> [Bool] {
        var kept = Array(repeating: false, count: standings.count)
        var fitCount = 0
        var faulty: [Int] = []
        for server in standings.indices where isAvailable[server] {
            if isFaulty(server) { faulty.append(server) } else { fitCount += 1 }
        }
        let missing = settings.minUp - fitCount
        guard missing > 0, !faulty.isEmpty else { return kept }
        faulty.sort { order(of: $0, now: now) < order(of: $1, now: now) }
        let chosen = faulty.prefix(missing)
        for server in chosen { kept[server] = true }
        guard let last = chosen.last else { return kept }
        for server in faulty.dropFirst(missing) where rank(of: server) == rank(of: last) {
            kept[server] = isHardlyOlder(age(of: server, now: now), than: age(of: last, now: now), isIn: standings[server].isKept)
        }
        return kept
    }

    /// For two servers that stopped at the same event, the ages found by looks differ by up to an interval each.
    private func isHardlyOlder(_ age: Duration?, than last: Duration?, isIn: Bool) -> Bool {
        guard let age, let last else { return age == last }
        let limit = settings.lagMax ?? .zero
        return age - last < max(isIn ? limit : limit / 2, settings.interval * 2)
    }

    /// An earlier process's word counts as a fault, too.
    private func isFaulty(_ server: Int) -> Bool {
        standings[server].fault != nil || (standings[server].view == nil && !standings[server].fitness.isFit)
    }

    private func rank(of server: Int) -> Int { standings[server].fault?.rank ?? 2 }

    /// The age of its values; zero where the fault does not depend on age, `nil` for an unknown age, which counts as older than any.
    private func age(of server: Int, now: Instant) -> Duration? {
        switch standings[server].fault {
        case .lagging(let lag), .disconnected(let lag, _, _): lag
        case .notReplicating, .receiverStopped, .applierStopped, nil: standings[server].knownLag.map { $0.lag + $0.at.duration(to: now) }
        case .lagUnknown, .unanswered, .writable, .answered: .zero
        }
    }

    /// What faulty servers are ordered by. One that is in has half of `max-lag` in its favour: two that lag alike do not take turns.
    private func order(of server: Int, now: Instant) -> (Int, Int, Duration, Int) {
        let favour = standings[server].isKept ? (settings.lagMax ?? .zero) / 2 : .zero
        let age = age(of: server, now: now)
        return (rank(of: server), age == nil ? 1 : 0, (age ?? .zero) - favour, server)
    }
}
