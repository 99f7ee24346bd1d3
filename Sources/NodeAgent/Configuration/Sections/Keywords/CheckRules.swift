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

    /// The kind of step; `nil` for a comment.
    var kind: CheckStep.Kind? { if case .step(let step) = content { step.action.kind } else { nil } }

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
    /// The words of the lines, without comments, in the order of the file.
    private(set) var words: [String] = []
    /// The request of `option httpchk`, until an `http-check send` line completes it.
    private(set) var request: HTTPCheckRequest?
    /// True for the rules of a `defaults` section.
    private(set) var isInherited = false
    /// True once a line beyond the limit has been reported: further ones are not.
    private var isOverfull = false
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
        (rules, words, request, isInherited, isOverfull) = ([], [], nil, false, false)
    }

    /// Adds the rule of a line.
    mutating func append(_ content: CheckRule.Content, _ line: ConfigurationLine) throws(ConfigurationProblem) {
        dropInherited()
        // An implied connect and an implied expectation may be added.
        guard rules.count < CheckScript.stepsMax - 2 else {
            if isOverfull { return }
            isOverfull = true
            throw .tooMany(what: "'\(line.keyword.prefix { $0 != " " })' lines", limit: CheckScript.stepsMax - 2)
        }
        var rule = CheckRule(content: content, location: line.location)
        if case .step(let step) = content {
            switch step.action {
            case .connect:
                if let first = rules.first(where: { $0.exchange != nil }), first.kind != .connect {
                    throw .custom("'\(line.keyword)' after other rules", advice: "write a '\(line.keyword)' before the first rule that sends or expects")
                }
            case .send(.request(let own)):
                guard let base = request else { break }
                rule.content = .step(CheckStep(number: step.number, .send(.request(base.replaced(by: own))), comment: step.comment))
                request = nil
            default: break
            }
        }
        rules.append(rule)
        if rule.kind != nil { words += line.wordsWithEffect }
    }

    /// Sets the request of `option httpchk`. A request that precedes the option in the file is completed by it.
    mutating func setRequest(_ request: HTTPCheckRequest, _ line: ConfigurationLine) {
        words += line.words
        var candidates = rules.indices.filter { rules[$0].exchange != nil }[...]
        if let first = candidates.first, rules[first].kind == .connect { candidates.removeFirst() }
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
        var previous: CheckStep.Kind?
        for rule in rules {
            // Steps of the same kind in a row share a comment.
            if let previous, previous != rule.kind { comment = nil }
            switch rule.content {
            case .comment(let text): comment = text
            case .step(var step):
                if rule.kind != .assignment { step.comment = step.comment ?? comment }
                if rule.kind == .connect || rule.kind == .assignment { comment = nil }
                steps.append(step)
            }
            previous = rule.kind
        }
        return steps
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

    /// The rules of one family.
    subscript(kind: CheckScript.Kind) -> CheckRuleSet {
        get { kind == .http ? http : tcp }
        set { if kind == .http { http = newValue } else { tcp = newValue } }
    }

    /// The copy for a section that inherits from one with this check.
    func inherited(from check: CheckKind) -> CheckRules {
        var copy = self
        copy.tcp = tcp.inherited(isUsed: check.family == .tcp)
        copy.http = http.inherited(isUsed: check.family == .http)
        return copy
    }

    /// The script of `option tcp-check`.
    var tcpScript: CheckScript { CheckScript(.tcp, tcp.steps, words: tcp.words) }

    /// The script of `option httpchk`: with its request after the first connect, and the expectation of 2xx or 3xx if the last rule sends.
    func httpScript() throws(CheckRuleError) -> CheckScript {
        var steps = http.steps
        if let request = http.request {
            let first = steps.firstIndex { !$0.action.isAssignment }
            let place = first.flatMap { steps[$0].action.kind == .connect ? $0 + 1 : nil } ?? 0
            steps.insert(CheckStep(number: place == 0 ? 1 : steps[place - 1].number, .send(.request(request))), at: place)
        }
        try checkOrder(steps.filter { !$0.action.isAssignment })
        if let last = steps.last(where: { !$0.action.isAssignment }), last.action.kind == .send {
            steps.append(CheckStep(number: last.number, .expect(CheckExpectation(.status([200...399])))))
        }
        return CheckScript(.http, steps, passesOn404: passesOn404, sendsState: sendsState, words: http.words)
    }

    /// A connection carries one request, and every connection but the last one ends with an expectation.
    private func checkOrder(_ steps: [CheckStep]) throws(CheckRuleError) {
        for (previous, step) in zip(steps, steps.dropFirst()) {
            let kind = step.action.kind
            let missing: CheckStep.Kind? =
                switch (previous.action.kind, kind) {
                case (.connect, .expect): .send
                case (.connect, .send), (.expect, .connect), (_, .expect), (_, .assignment): nil
                case (_, .send): .connect
                case (_, .connect): .expect
                }
            guard let missing, let rule = http.rules.first(where: { $0.exchange?.number == step.number }) else { continue }
            let (what, advice) = ("'http-check \(kind.rawValue)' without a rule before it", "write 'http-check \(missing.rawValue)' before it")
            throw CheckRuleError(problem: .custom(what, advice: advice), location: rule.location)
        }
    }

    /// True when the HTTP rules ask nothing, because they replaced the request of `defaults`.
    var hasNoRequest: Bool { http.request == nil && !http.rules.contains { $0.kind == .send } }
}

extension CheckKind {
    /// The family of rules that the check uses; `nil` for a check without rules.
    var family: CheckScript.Kind? {
        guard case .script(let script) = self, script.kind != .other else { return nil }
        return script.kind
    }
}
