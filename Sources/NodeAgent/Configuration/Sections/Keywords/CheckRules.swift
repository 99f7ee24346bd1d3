import Proxy

/// A `tcp-check` or `http-check` line.
struct CheckRule: Equatable, Sendable {
    /// What the line asks for.
    enum Content: Equatable, Sendable {
        /// A comment for the rules that follow.
        case comment(String)
        case step(CheckStep)
    }

    var content: Content
    let location: ConfigurationLocation

    /// The step that connects, sends or expects; `nil` for other rules.
    var exchange: CheckStep? {
        guard case .step(let step) = content, !step.action.isAssignment else { return nil }
        return step
    }
}

/// A mistake in the order of rules.
struct CheckRuleError: Error, Equatable {
    let problem: ConfigurationProblem
    let location: ConfigurationLocation
}

/// The rules of one family in a section, in the order of the file.
///
/// As in HAProxy, a section inherits the rules of its `defaults` section only if that section uses them, and loses all of them with its first own rule.
struct CheckRuleSet: Equatable, Sendable {
    private(set) var rules: [CheckRule] = []
    /// The request of `option httpchk`, until an `http-check send` line completes it.
    private(set) var request: HTTPCheckRequest?
    /// True for the rules of a `defaults` section.
    private(set) var isInherited = false
    /// True when the family's option has been used, here or in `defaults`.
    var isUsed = false

    /// The copy for a section that inherits from this one.
    func inherited(isUsed: Bool) -> CheckRuleSet {
        var copy = isUsed ? self : CheckRuleSet()
        (copy.isInherited, copy.isUsed) = (true, isUsed)
        return copy
    }

    /// Removes the rules of a `defaults` section.
    mutating func dropInherited() {
        guard isInherited else { return }
        (rules, request, isInherited) = ([], nil, false)
    }

    /// Adds the rule of a line.
    mutating func append(_ content: CheckRule.Content, at location: ConfigurationLocation, of keyword: String) throws(ConfigurationProblem) {
        dropInherited()
        // An implied connect and an implied expectation may be added.
        guard rules.count < CheckScript.stepsMax - 2 else {
            throw .tooMany(what: "'\(keyword.prefix { $0 != " " })' lines in a section", limit: CheckScript.stepsMax - 2)
        }
        var rule = CheckRule(content: content, location: location)
        if case .step(let step) = content {
            switch step.action {
            case .connect:
                let exchanges = rules.compactMap(\.exchange)
                if let first = exchanges.first, !first.isConnect {
                    throw .custom("'\(keyword)' after other rules", advice: "write a '\(keyword)' before the first rule that sends or expects")
                }
            case .send(.request(let own)):
                guard let base = request else { break }
                rule.content = .step(CheckStep(number: step.number, .send(.request(base.replaced(by: own))), comment: step.comment))
                request = nil
            default: break
            }
        }
        rules.append(rule)
    }

    /// Sets the request of `option httpchk`. A request that precedes the option in the file is completed by it.
    mutating func setRequest(_ request: HTTPCheckRequest) {
        var candidates = rules.indices.filter { rules[$0].exchange != nil }[...]
        if let first = candidates.first, rules[first].exchange?.isConnect == true { candidates.removeFirst() }
        guard let index = candidates.first, let step = rules[index].exchange, case .send(.request(let own)) = step.action else {
            self.request = request
            return
        }
        rules[index].content = .step(CheckStep(number: step.number, .send(.request(own.replaced(by: request))), comment: step.comment))
    }

    /// The place of the next line among the rules, from 1.
    var nextNumber: Int { isInherited ? 1 : rules.count + 1 }

    /// The steps, with the comments of their lines.
    var steps: [CheckStep] {
        var steps: [CheckStep] = []
        var comment: String?
        var previous: CheckRule.Content?
        for rule in rules {
            if let last = previous, !last.isComment, !last.isAlike(rule.content) { comment = nil }
            switch rule.content {
            case .comment(let text): comment = text
            case .step(var step):
                if !step.action.isAssignment { step.comment = step.comment ?? comment }
                if step.isConnect || step.action.isAssignment { comment = nil }
                steps.append(step)
            }
            previous = rule.content
        }
        return steps
    }
}

extension CheckStep {
    var isConnect: Bool { if case .connect = action { true } else { false } }
    var isSend: Bool { if case .send = action { true } else { false } }
    var isExpect: Bool { if case .expect = action { true } else { false } }
}

extension CheckRule.Content {
    fileprivate var isComment: Bool { if case .comment = self { true } else { false } }

    /// True for two rules of the same kind, which share a comment.
    fileprivate func isAlike(_ other: CheckRule.Content) -> Bool {
        switch (self, other) {
        case (.comment, .comment): true
        case (.step(let one), .step(let two)):
            one.isConnect == two.isConnect && one.isSend == two.isSend && one.isExpect == two.isExpect
        default: false
        }
    }
}

/// The rules of both families, and the settings of `http-check`.
struct CheckRules: Equatable, Sendable {
    var tcp = CheckRuleSet()
    var http = CheckRuleSet()
    /// `http-check disable-on-404`.
    var passesOn404 = false
    /// `http-check send-state`.
    var sendsState = false

    /// The copy for a section that inherits from one with this check.
    func inherited(from check: CheckKind) -> CheckRules {
        var copy = self
        copy.tcp = tcp.inherited(isUsed: check.family == .tcp)
        copy.http = http.inherited(isUsed: check.family == .http)
        return copy
    }

    /// The script of `option tcp-check`.
    var tcpScript: CheckScript { CheckScript(.tcp, tcp.steps) }

    /// The script of `option httpchk`: with its request after the first connect, and the expectation of 2xx or 3xx if the last rule sends.
    func httpScript() throws(CheckRuleError) -> CheckScript {
        var steps = http.steps
        if let request = http.request {
            let first = steps.firstIndex { !$0.action.isAssignment }
            let place = first.flatMap { steps[$0].isConnect ? $0 + 1 : nil } ?? 0
            steps.insert(CheckStep(number: place == 0 ? 1 : steps[place - 1].number, .send(.request(request))), at: place)
        }
        try checkOrder(steps.filter { !$0.action.isAssignment })
        if let last = steps.last(where: { !$0.action.isAssignment }), last.isSend {
            steps.append(CheckStep(number: last.number, .expect(CheckExpectation(.status([200...399])))))
        }
        return CheckScript(.http, steps, passesOn404: passesOn404, sendsState: sendsState)
    }

    /// A connection carries one request, and every connection but the last one ends with an expectation.
    private func checkOrder(_ steps: [CheckStep]) throws(CheckRuleError) {
        for (previous, step) in zip(steps, steps.dropFirst()) {
            let missing: String? =
                if step.isSend { previous.isConnect ? nil : "connect" } else if step.isExpect { previous.isConnect ? "send" : nil } else {
                    previous.isExpect ? nil : "expect"
                }
            guard let missing, let rule = http.rules.first(where: { $0.exchange?.number == step.number }) else { continue }
            let name = step.isSend ? "send" : step.isExpect ? "expect" : "connect"
            let problem = ConfigurationProblem.custom("'http-check \(name)' without a rule before it", advice: "write 'http-check \(missing)' before it")
            throw CheckRuleError(problem: problem, location: rule.location)
        }
    }

    /// True when the HTTP rules ask nothing, because they replaced the request of `defaults`.
    var hasNoRequest: Bool { http.request == nil && !http.rules.contains { $0.exchange?.isSend == true } }
}

extension CheckKind {
    /// The family of rules that the check uses; `nil` for a check without rules.
    var family: CheckScript.Kind? {
        guard case .script(let script) = self, script.kind != .other else { return nil }
        return script.kind
    }
}
