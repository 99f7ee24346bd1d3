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
        case .lagUnknown: 2
        case .writable: 3
        case .notReplicating, .receiverStopped: 4
        case .applierStopped: 5
        case .answered: 6
        }
    }

    /// How old what it serves may be; zero where that does not matter.
    var age: Duration {
        switch self {
        case .lagging(let lag), .disconnected(let lag, _, _): lag
        case .lagUnknown, .writable, .notReplicating, .receiverStopped, .applierStopped, .answered: .zero
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
        case .writable: return "read_only is OFF on a replica"
        case .notReplicating: return "not a replica: no replication is set up"
        case .receiverStopped(let complaint, let channel): return "replica IO thread\(of(channel)) stopped\(cause(complaint))"
        case .applierStopped(let complaint, let channel): return "replica SQL thread\(of(channel)) stopped\(cause(complaint))"
        case .answered(let answer, let expected):
            return "query returned \(answer.map { DatabaseComplaint.printable($0, bytesMax: 64) } ?? "nothing"), expected \(expected)"
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
/// While fewer than `min-up` of the servers that are up are fit, the best of the others are kept in: by fault, then by lag. With the last one kept all
/// stay that lag hardly more, so that a burst of writes that makes all lag alike does not put everything on one of them.
/// What is not known changes nothing: a server that never was seen is fit, one that cannot be seen any more is what it was.
package struct DatabaseJudge: Equatable, Sendable {
    /// What is known of one server.
    package struct Standing: Equatable, Sendable {
        /// The last view; `nil` before the first.
        package internal(set) var view: DatabaseView?
        /// When that was.
        package internal(set) var seenAt: Instant?
        /// Why its state is not known now; `nil` while it is.
        package internal(set) var refusal: DatabaseComplaint?
        /// What is wrong with it; `nil` for nothing known.
        package internal(set) var fault: DatabaseFault?
        /// It takes sessions although it has a fault: too few others are better.
        package internal(set) var isKept = false
        /// What follows.
        package internal(set) var fitness = ServerFitness.whole
        /// When it became fit or unfit.
        package internal(set) var since: Instant
        /// The last lag that a connected replica told, and when.
        var knownLag: (lag: Duration, at: Instant)?
        /// It was above the limit, and has not been below half of it.
        var isHeldByLag = false

        /// All of it alike; tuples do not compare by themselves.
        package static func == (left: Standing, right: Standing) -> Bool {
            (left.view, left.seenAt, left.refusal, left.fault, left.isKept) == (right.view, right.seenAt, right.refusal, right.fault, right.isKept)
                && (left.fitness, left.since, left.isHeldByLag) == (right.fitness, right.since, right.isHeldByLag)
                && left.knownLag?.lag == right.knownLag?.lag && left.knownLag?.at == right.knownLag?.at
        }

        init(now: Instant) { since = now }
    }

    /// The section.
    package let settings: DatabaseSettings
    /// By server.
    package private(set) var standings: [Standing]

    /// A judge that has seen nothing of `count` servers.
    package init(_ settings: DatabaseSettings, servers count: Int, now: Instant) {
        self.settings = settings
        standings = Array(repeating: Standing(now: now), count: count)
    }

    /// Takes over what an earlier process had decided.
    package mutating func recall(_ server: Int, unfit reason: String, since: Instant) {
        guard standings.indices.contains(server) else { return }
        standings[server].fitness = .unfit(reason: reason)
        standings[server].since = since
        standings[server].isHeldByLag = true
    }

    /// Another host has taken the server's place: nothing is known of it.
    mutating func forget(_ server: Int, now: Instant) { standings[server] = Standing(now: now) }

    /// A look at a server has ended; then `decide`.
    package mutating func take(_ look: DatabaseLook, of server: Int, now: Instant) {
        precondition(standings.indices.contains(server), "no server \(server)")
        switch look {
        case .failed: break
        case .refused(let complaint): standings[server].refusal = complaint
        case .seen(let view):
            var standing = standings[server]
            (standing.refusal, standing.view, standing.seenAt) = (nil, view, now)
            standing.fault = fault(in: view, &standing, now: now)
            standings[server] = standing
        }
    }

    /// Who takes sessions now.
    ///
    /// - Parameter isAvailable: by server: it would, were it fit.
    package mutating func decide(isAvailable: [Bool], now: Instant) {
        precondition(isAvailable.count == standings.count, "\(isAvailable.count) for \(standings.count) servers")
        let kept = kept(isAvailable)
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
            if next.isFit != standing.fitness.isFit { standings[server].since = now }
            standings[server].fitness = next
        }
    }
}

// MARK: - One server

extension DatabaseJudge {
    /// What is wrong in a view; `nil` for nothing.
    private func fault(in view: DatabaseView, _ standing: inout Standing, now: Instant) -> DatabaseFault? {
        let lag = view.lag(by: settings.lagSource)
        if let lag { standing.knownLag = (lag, now) }
        if let limit = settings.lagMax, let lag {
            if lag > limit { standing.isHeldByLag = true } else if lag < limit / 2 || lag == .zero { standing.isHeldByLag = false }
        } else if settings.lagMax == nil {
            standing.isHeldByLag = false
        }
        if let query = settings.query, let answer = view.answer, answer != query.expected { return .answered(answer, expected: query.expected) }
        if let channel = view.channels.first(where: { $0.applier != .running }) { return .applierStopped(channel.applierError, channel: channel.name) }
        if let channel = view.channels.first(where: { $0.receiver == .stopped }) { return .receiverStopped(channel.receiverError, channel: channel.name) }
        if settings.role == .replica {
            if !view.isReadOnly { return .writable }
            if view.channels.isEmpty, settings.lagSource == .replicaStatus, !view.isStorageReadOnly { return .notReplicating }
        }
        return lagFault(in: view, lag, &standing, now: now)
    }

    private func lagFault(in view: DatabaseView, _ lag: Duration?, _ standing: inout Standing, now: Instant) -> DatabaseFault? {
        guard let limit = settings.lagMax else { return nil }
        if let lag { return standing.isHeldByLag ? .lagging(lag) : nil }
        if settings.lagSource != .replicaStatus { return settings.role == .replica || !view.channels.isEmpty ? .lagUnknown : nil }
        // A source that cannot be reached may have nothing new: what was last known grows older, that is all that can be said.
        guard let channel = view.channels.first(where: { $0.receiver == .connecting }) else { return nil }
        let known = standing.knownLag ?? (.zero, now)
        standing.knownLag = known
        let age = known.lag + known.at.duration(to: now)
        if age > limit { standing.isHeldByLag = true }
        return standing.isHeldByLag ? .disconnected(age, channel.receiverError, channel: channel.name) : nil
    }

    /// The share of its weight: all of it up to a quarter of `max-lag`, a quarter from three quarters on.
    private func quarters(_ standing: Standing) -> Int {
        guard settings.isWeightByLag, let limit = settings.lagMax, limit > .zero, let view = standing.view,
            let lag = view.lag(by: settings.lagSource)
        else { return 4 }
        return (1...3).first { lag * 4 > limit * (4 - $0) } ?? 4
    }
}

// MARK: - All together

extension DatabaseJudge {
    /// Those that stay in for want of better ones, by server.
    private func kept(_ isAvailable: [Bool]) -> [Bool] {
        var kept = Array(repeating: false, count: standings.count)
        var fitCount = 0
        var faulty: [Int] = []
        for server in standings.indices where isAvailable[server] {
            if isFaulty(server) { faulty.append(server) } else { fitCount += 1 }
        }
        let missing = settings.minUp - fitCount
        guard missing > 0, !faulty.isEmpty else { return kept }
        faulty.sort { standing(of: $0) < standing(of: $1) }
        let chosen = faulty.prefix(missing)
        for server in chosen { kept[server] = true }
        guard let last = chosen.last, rank(of: last) == 1, let limit = settings.lagMax else { return kept }
        for server in faulty.dropFirst(missing) where rank(of: server) == 1 {
            let more = age(of: server) - age(of: last)
            if more < (standings[server].isKept ? limit : limit / 2) { kept[server] = true }
        }
        return kept
    }

    /// An earlier process's word counts as a fault, too.
    private func isFaulty(_ server: Int) -> Bool {
        standings[server].fault != nil || (standings[server].view == nil && !standings[server].fitness.isFit)
    }

    private func rank(of server: Int) -> Int { standings[server].fault?.rank ?? 2 }
    private func age(of server: Int) -> Duration { standings[server].fault?.age ?? .zero }

    /// What faulty servers are ordered by. One that is in has half of `max-lag` in its favour: two that lag alike do not take turns.
    private func standing(of server: Int) -> (Int, Duration, Int) {
        let favour = standings[server].isKept ? (settings.lagMax ?? .zero) / 2 : .zero
        return (rank(of: server), age(of: server) - favour, server)
    }
}
