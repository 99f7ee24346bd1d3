import Wire

/// The changes that an agent requests besides its word about the server's state.
package struct AgentOrders: Equatable, Sendable {
    /// The administrative state; `nil` to keep the present one.
    package var administration: AgentAnswer.Administration?
    /// The weight, 0 to 256; `nil` to keep the present one.
    package var weight: Int?
    /// The most sessions at a time, 0 for no limit; `nil` to keep the present limit.
    package var connectionsMax: Int?

    /// Creates orders that change nothing.
    package init() {}
}

/// A check that asks a server's agent: it sends the configured text, and reads one line.
///
///     connecting --connected--> text sent --line--> finished
///         |                         |
///         +--- failed, timed out, --+-------------> finished
///              end
///
/// A failure to reach the agent says nothing about the server. An answer that ends before its line does changes nothing: its result, `initializing`, stands for
/// the status that the agent has had so far, and for a timeout if there is none.
package struct AgentCheck: Check {
    /// HAProxy's texts.
    private static let emptyInfo = "TCPCHK got an empty response at step 2"
    private static let incompleteInfo = "Ignoring incomplete line from agent"
    private static let fixedWeightsWarning = "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n"

    /// The stage, the time limits and the verdict.
    package var progress: CheckProgress
    /// A reset, as in HAProxy: the agent has nothing more to say.
    package var closing: CheckClosing { .reset }
    /// The changes that the agent requests; none before its line is complete.
    package private(set) var orders = AgentOrders()

    private let request: [UInt8]
    private let initialWeight: Int
    private let hasFixedWeights: Bool
    private var line: [UInt8] = []

    /// Starts a check whose connect begins now.
    ///
    /// - Parameters:
    ///   - request: the bytes that the agent gets first; empty for none.
    ///   - initialWeight: the weight that the agent's percentages refer to.
    ///   - hasFixedWeights: true to refuse all percentages but 0 and 100.
    package init(request: [UInt8], initialWeight: Int, hasFixedWeights: Bool, limits: CheckLimits, now: Instant) {
        (self.request, self.initialWeight, self.hasFixedWeights) = (request, initialWeight, hasFixedWeights)
        progress = CheckProgress(limits, now: now)
    }

    /// Sends the configured text.
    package mutating func connected(now: Instant) -> [CheckOutput] {
        guard progress.connected(now: now), !request.isEmpty else { return [] }
        return [.send(request)]
    }

    /// Handles received bytes.
    package mutating func received(_ bytes: [UInt8], now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        let room = bytes.prefix(AgentAnswer.bytesMax - line.count)
        guard let length = AgentAnswer.lineLength(in: room) else {
            line += room
            return line.count < AgentAnswer.bytesMax ? [] : progress.finish(.initializing, info: Self.incompleteInfo, now: now)
        }
        line += room.prefix(length)
        return conclude(AgentAnswer(line: line[...]), now: now)
    }

    /// Ends the check because the agent has closed its side before the end of a line.
    package mutating func ended(now: Instant) -> [CheckOutput] {
        guard progress.stage == .connected else { return [] }
        return line.isEmpty
            ? progress.finish(.layer7InvalidResponse, info: Self.emptyInfo, now: now)
            : progress.finish(.initializing, info: Self.incompleteInfo, now: now)
    }

    private mutating func conclude(_ answer: AgentAnswer, now: Instant) -> [CheckOutput] {
        orders.administration = answer.administration
        var warnings: [String] = []
        if let text = takeWeight(answer.percent) { warnings.append(text) }
        switch answer.connectionsMax {
        case .value(let limit): orders.connectionsMax = limit
        case .malformed(let text): warnings.append(text)
        case nil: break
        }
        guard let health = answer.health else {
            let info = answer.unknownWord.map { "agent reports an error : \($0)" } ?? warnings.first.map { "agent warns : \($0)" } ?? ""
            return progress.finish(.checked, info: info, now: now)
        }
        // A description explains `down`. Otherwise an error matters more.
        var text = answer.description
        if text.isEmpty || health.isUp { text = answer.unknownWord ?? warnings.first ?? text }
        let info = "via agent : \(health.word)" + (text.isEmpty ? "" : " (\(text))")
        return progress.finish(health.isUp ? .layer7OK : .layer7WrongStatus, info: info, now: now)
    }

    /// Takes the weight. Returns HAProxy's text about a refused one.
    private mutating func takeWeight(_ percent: AgentAnswer.Number?) -> String? {
        switch percent {
        case nil: return nil
        case .malformed(let text): return text
        case .value(let percent):
            let weight = Server.weight(percent: percent, of: initialWeight)
            guard !hasFixedWeights || weight == 0 || weight == initialWeight else { return Self.fixedWeightsWarning }
            orders.weight = weight
            return nil
        }
    }
}

extension CheckPlan {
    /// Creates the plan for the agent of `server`; `nil` without an agent.
    ///
    /// - Parameter order: receives the changes that the agent requests, before the check's result.
    package init?(agentOf server: Server, in backend: Backend, limits: CheckLimits, order: @escaping (AgentOrders) -> Void) {
        guard let agent = server.agent else { return nil }
        self.init { now in
            AgentCheck(
                request: agent.request, initialWeight: server.weight, hasFixedWeights: backend.hasFixedWeights, limits: limits, now: now)
        } ended: { (check: AgentCheck) in
            order(check.orders)
        }
    }
}
