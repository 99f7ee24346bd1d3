import Wire

/// The state of the databases behind one proxy, and the decisions about them: the judge decides about replicas, the election about a primary, and changes are
/// reported. It does no I/O: views, the registry's states and the peers' messages come in, and an outcome is returned.
package struct DatabaseWatch: Sendable {
    /// The registry's state of a server.
    package struct ServerInput: Equatable, Sendable {
        /// True when its checks pass and it is not in maintenance.
        package var isRunning: Bool
        /// True when it would take new sessions if it were fit.
        package var isAvailable: Bool
        /// The address to show in log lines; `nil` for none.
        package var address: SocketAddress?

        /// Creates an input.
        package init(isRunning: Bool, isAvailable: Bool, address: SocketAddress? = nil) {
            (self.isRunning, self.isAvailable, self.address) = (isRunning, isAvailable, address)
        }
    }

    /// The actions that the caller must carry out.
    package struct Outcome: Equatable, Sendable {
        /// The fitness by server.
        package var fitness: [ServerFitness] = []
        /// Servers whose sessions must be closed, because another server has taken over the writes.
        package var closing: [Int] = []
        /// A server that has become the choice and must be checked immediately.
        package var checking: Int?
        /// The message to send to the peers; `nil` for none.
        package var message: WriterMessage?
        /// The lines to log.
        package var logEntries: [LogEntry] = []
    }

    /// A line for the log.
    package struct LogEntry: Equatable, Sendable {
        /// The severity.
        package var level: LogLevel
        /// A sentence without a full stop.
        package var text: String

        /// Creates a line.
        package init(level: LogLevel, text: String) { (self.level, self.text) = (level, text) }
    }

    /// The time before a problem is reported, because a promotion takes a moment.
    private static let problemReportDelay = Duration.seconds(2)
    /// How long the writer may be unknown after the start before this is reported. The node first waits for its peers. After that the state may last, for
    /// example when databases refuse the user.
    private static let startingReportDelay = Duration.seconds(10)

    /// The section.
    package let settings: DatabaseSettings
    /// The state of each server.
    package private(set) var judge: DatabaseJudge
    /// The election; `nil` unless the role is `primary`.
    package private(set) var election: WriterElection?
    /// The last decision about the writer.
    package private(set) var decision = WriterElection.Decision()
    /// The replicas that the writer lists; `nil` without `discover`.
    package private(set) var discovery: ReplicaDiscovery?
    /// When the current problem began.
    package private(set) var problemSince: Instant?
    /// The servers that refuse this node or some of its questions.
    package var refused: [Int] { names.indices.filter { judge.states[$0].refusal != nil } }

    private let names: [String]
    private var misses: [Int]
    private var isProblemReported = false
    private var isRefusalReported = false
    private var isUnansweredReported = false

    /// Creates the watch of the servers with these names.
    ///
    /// - Parameters:
    ///   - choices: the servers' numbers, equal on all nodes.
    ///   - memory: returns the state of a server in an earlier process.
    ///   - writer: the writer in an earlier process.
    package init(
        _ settings: DatabaseSettings, names: [String], choices: [UInt64], memory: (Int) -> (fitness: ServerFitness, since: Instant)?, writer: WriterMemory?,
        now: Instant
    ) {
        (self.settings, self.names) = (settings, names)
        judge = DatabaseJudge(settings, servers: names.count)
        misses = Array(repeating: 0, count: names.count)
        if settings.discovery != nil { discovery = ReplicaDiscovery() }
        if settings.role == .primary {
            let place = writer.flatMap { writer in names.firstIndex(of: writer.server) }
            election = WriterElection(choices: choices, memory: place.flatMap { place in writer.map { WriterBallot(epoch: $0.epoch, choice: choices[place]) } })
        } else {
            for server in names.indices {
                guard let known = memory(server) else { continue }
                // A fit server has served current values until now, however long it has been up.
                judge.restore(server, known.fitness, since: known.fitness.isFit ? now : known.since)
            }
        }
    }

    /// The writer, for a later process.
    package var writerMemory: WriterMemory? {
        guard let election, let ballot = election.ballot, let choice = election.choice else { return nil }
        return WriterMemory(epoch: ballot.epoch, server: names[choice])
    }

    /// Applies the findings of a check. Call `decide` afterwards.
    package mutating func apply(_ findings: DatabaseFindings, of server: Int, now: Instant) {
        misses[server] = findings == .failed ? misses[server] + 1 : 0
        judge.apply(findings, of: server, now: now)
    }

    /// Resets a server whose host has changed or whose address is lost, because earlier findings concern the old host. Call `decide` afterwards.
    package mutating func forget(_ server: Int) {
        misses[server] = 0
        judge.forget(server)
    }

    /// The replicas in the findings of a check, and a line to log. Call it after `apply` and `decide`. `nil` without a list and for any server but the current
    /// writer.
    package mutating func replicas(in findings: DatabaseFindings, of server: Int, now: Instant) -> (list: ReplicaList, logEntry: LogEntry?)? {
        guard decision.writer == server, case .seen(let view) = findings, let list = view.replicas, discovery != nil else { return nil }
        return (list, discovery?.apply(list, of: names[server], user: settings.user, now: now))
    }

    /// Decides with the current state. Call it after each check, after each change in the registry or from a peer, and once a second.
    package mutating func decide(_ servers: [ServerInput], peers: WriterPeers, now: Instant) -> Outcome {
        var outcome = Outcome()
        let keptBefore = judge.states.map(\.isKept)
        judge.decide(isAvailable: servers.map(\.isAvailable), now: now)
        if election != nil {
            decideWriter(servers, peers, now: now, &outcome)
        } else {
            outcome.fitness = judge.states.map(\.fitness)
            for server in names.indices where judge.states[server].isKept && !keptBefore[server] {
                let fault = judge.states[server].fault
                // The alarm about the question is sufficient.
                if case .unanswered = fault { continue }
                let reason = fault?.reason(lagMax: settings.lagMax) ?? "its state is not known yet"
                outcome.logEntries.append(
                    LogEntry(level: .warning, text: "\(names[server]) stays in despite a fault: \(reason); too few better servers (min-up \(settings.minUp))"))
            }
        }
        reportRefusal(&outcome)
        reportUnansweredQuestion(&outcome)
        return outcome
    }

    /// The servers with an unanswered question that counts against them.
    package var serversWithUnansweredQuestions: [Int] { names.indices.filter { unansweredQuestion(of: $0) != nil } }

    /// The unanswered question of a server, if it counts against the server.
    package func unansweredQuestion(of server: Int) -> UnansweredQuestion? {
        if case .unanswered(let question) = judge.states[server].fault { question } else { nil }
    }

    /// Reports that a server takes sessions despite an unanswered question: once, until this is over.
    private mutating func reportUnansweredQuestion(_ outcome: inout Outcome) {
        let serving = serversWithUnansweredQuestions.filter { outcome.fitness[$0].isFit }
        if let first = serving.first, let question = unansweredQuestion(of: first), !isUnansweredReported {
            isUnansweredReported = true
            let others = serving.count == 1 ? "" : " (and \(serving.count - 1) more)"
            let reason = election == nil ? "too few better servers (min-up \(settings.minUp))" : "no other server is known to accept writes"
            let effect = "it still takes sessions: \(reason)"
            outcome.logEntries.append(LogEntry(level: .alert, text: "\(names[first])\(others): \(question.description); \(effect)"))
        } else if serving.isEmpty, isUnansweredReported {
            isUnansweredReported = false
            outcome.logEntries.append(LogEntry(level: .notice, text: "all queries succeed again on every server that takes sessions"))
        }
    }

    /// Reports that a server refuses this node: once, until no server does.
    private mutating func reportRefusal(_ outcome: inout Outcome) {
        let refused = refused
        if let first = refused.first, let refusal = judge.states[first].refusal, !isRefusalReported {
            isRefusalReported = true
            let event = refusal.code > 0 ? "\(names[first]) refuses user '\(settings.user)'" : "\(names[first]) cannot be queried as user '\(settings.user)'"
            let effect = "roles and lag are unknown until this is fixed, servers keep their last state"
            let remedy = "grant the user its rights or correct the section"
            outcome.logEntries.append(LogEntry(level: .alert, text: "\(event): \(refusal.description); \(effect); \(remedy)"))
        } else if refused.isEmpty, isRefusalReported {
            isRefusalReported = false
            outcome.logEntries.append(LogEntry(level: .notice, text: "all servers accept user '\(settings.user)' again"))
        }
    }
}

// MARK: - The writer

extension DatabaseWatch {
    /// The server as the last checks show it.
    private func assessWritability(of server: Int, _ input: ServerInput) -> Writability {
        let state = judge.states[server]
        if !input.isRunning || misses[server] >= DatabaseJudge.missesMax { return .unreachable }
        if state.isLoginRefused { return .unknown }
        // Each answer counts even if others are missing.
        if case .answered = state.fault { return .readOnly }
        if let view = state.view, view.isReadOnly { return .readOnly }
        if case .unanswered = state.fault { return .unanswered }
        guard let view = state.view, state.refusal == nil || state.isCurrent && view.isAnswered(.variables) && view.isAnswered(.query)
        else { return .unknown }
        return .writable(isReplicating: !view.channels.isEmpty)
    }

    private mutating func decideWriter(_ servers: [ServerInput], _ peers: WriterPeers, now: Instant, _ outcome: inout Outcome) {
        let writability = names.indices.map { assessWritability(of: $0, servers[$0]) }
        let before = (ballot: election?.ballot, choice: election?.choice, problem: decision.problem)
        guard let next = election?.decide(writability, peers: peers), let election else { return }
        decision = next
        (outcome.closing, outcome.message) = (next.closing, next.message)
        if election.ballot != before.ballot, let choice = election.choice, let ballot = election.ballot {
            outcome.checking = choice
            if choice != before.choice {
                let event = next.writer == choice ? "writes go to" : "writes will go to"
                let address = servers[choice].address.map { " (\($0))" } ?? ""
                let old = before.choice.map { "; sessions to the previous writer '\(names[$0])' are closed" } ?? ""
                let level: LogLevel = before.choice == nil ? .notice : .warning
                outcome.logEntries.append(LogEntry(level: level, text: "\(event) server '\(names[choice])'\(address), epoch \(ballot.epoch)\(old)"))
            }
        }
        outcome.fitness = names.indices.map { $0 == next.writer ? .fullWeight : .unfit(reason: reason(against: $0, writability[$0])) }
        reportProblem(from: before.problem, now: now, &outcome)
    }

    /// Why a server gets no writes.
    private func reason(against server: Int, _ writability: Writability) -> String {
        if server == election?.choice, let problem = decision.problem, !writability.isRuledOut { return text(of: problem) }
        switch writability {
        case .unknown: return judge.states[server].refusal == nil ? "not checked yet" : "unknown whether it accepts writes"
        case .unreachable: return "cannot be reached"
        case .unanswered: return unansweredQuestion(of: server)?.description ?? "unknown whether it accepts writes"
        case .readOnly:
            if let fault = judge.states[server].fault, case .answered = fault { return fault.reason(lagMax: nil) }
            return "read_only is ON"
        case .writable:
            guard let choice = election?.choice else { return decision.problem.map(text(of:)) ?? "not the writer" }
            return "accepts writes, but the writer is '\(names[choice])'"
        }
    }

    private mutating func reportProblem(from before: WriterProblem?, now: Instant, _ outcome: inout Outcome) {
        guard let problem = decision.problem else {
            if isProblemReported {
                let writer = decision.writer.map { "writes go to server '\(names[$0])'" } ?? "no writer yet"
                outcome.logEntries.append(LogEntry(level: .notice, text: "writer trouble is over: \(writer)"))
            }
            (problemSince, isProblemReported) = (nil, false)
            return
        }
        if problem != before || problemSince == nil {
            problemSince = now
            isProblemReported = false
        }
        let delay = problem == .starting ? Self.startingReportDelay : Self.problemReportDelay
        guard !isProblemReported, let since = problemSince, since.duration(to: now) >= delay else { return }
        isProblemReported = true
        let rest = decision.writer.map { "; writes continue to server '\(names[$0])'" } ?? "; there is no writer, new sessions are refused"
        outcome.logEntries.append(LogEntry(level: .alert, text: text(of: problem) + rest))
    }

    /// The current problem in words; `nil` without one.
    package var problem: String? { decision.problem.map(text(of:)) }

    private func text(of problem: WriterProblem) -> String {
        switch problem {
        case .severalWritable(let servers): "\(servers.map { names[$0] }.joined(separator: " and ")) accept writes, but only one may"
        case .noneWritable: "no server accepts writes"
        case .peerObjects(let peer): "\(peer) still sees \(election?.choice.map { names[$0] } ?? "another server") accept writes"
        case .peerBehind(let peer): "\(peer) does not follow the new writer yet"
        case .unknownChoice: "the other nodes follow a server that is not in this node's configuration"
        case .starting: "the writer is not known yet"
        }
    }
}
