import Wire

extension AddressFamily {
    /// The records that hold its addresses.
    var recordType: DNSRecordType { self == .v4 ? .a : .aaaa }
}

extension DNSRecordType {
    /// The addresses that its records hold; `nil` for those that hold none.
    var family: AddressFamily? {
        switch self {
        case .a: .v4
        case .aaaa: .v6
        case .srv: nil
        }
    }
}

extension IPAddress {
    /// Which one it is of.
    var family: AddressFamily { isV6 ? .v6 : .v4 }
}

/// One round of questions for one name: all record types, all nameservers, with repetitions, until each type has settled.
package struct Resolution {
    /// How long other nameservers are waited for once one has denied the name, when `retryTimeout` is longer.
    package static let denialPatience = Duration.seconds(1)

    /// The name asked for.
    package let name: DNSName
    /// When silence becomes a repetition or an end; `nil` once all is settled.
    package private(set) var nextDeadline: Instant?
    private var questions: [RecordResolution]
    private var attempts = 1
    /// Types whose outcome has been handed out.
    private var reported: [DNSRecordType] = []

    /// Asks for the addresses of `name`. Drain `group` afterwards.
    package init(_ name: DNSName, _ group: inout NameserverGroup, now: Instant) { self.init(name, [.a, .aaaa], &group, now: now) }

    /// Asks for the records of `types` that `name` has.
    init(_ name: DNSName, _ types: [DNSRecordType], _ group: inout NameserverGroup, now: Instant) {
        self.name = name
        questions = types.map { RecordResolution($0, nameservers: group.settings.nameservers) }
        for index in questions.indices { questions[index].ask(for: name, &group) }
        nextDeadline = now.advanced(by: group.settings.retryTimeout)
    }

    /// True once all types have settled.
    package var isSettled: Bool { questions.allSatisfy { $0.outcome != nil } }

    /// The number of open questions. When none is open before it is settled, no answer can come until questions are repeated.
    package var openQuestions: Int { questions.reduce(0) { $0 + $1.openQuestions } }

    /// How `family` ended, `nil` while it is open.
    package func outcome(_ family: AddressFamily) -> RecordOutcome? { outcome(family.recordType) }

    /// How the question for `type` ended, `nil` while it is open and for a type that is not asked for.
    func outcome(_ type: DNSRecordType) -> RecordOutcome? { questions.first { $0.type == type }?.outcome }

    /// True when the answer to question `number` is waited for.
    package func expects(_ number: UInt64) -> Bool { questions.contains { $0.expects(number) } }

    /// Takes a message that came to the socket of question `number`.
    package mutating func receive(_ message: [UInt8], for number: UInt64, _ group: inout NameserverGroup, now: Instant) {
        for index in questions.indices where questions[index].expects(number) {
            let needsTime = questions[index].receive(message, for: number, of: name, &group)
            if needsTime {
                nextDeadline = max(nextDeadline ?? now, now.advanced(by: group.settings.retryTimeout))
            } else if questions[index].outcome == nil, questions[index].isDenied {
                nextDeadline = min(nextDeadline ?? now, now.advanced(by: Resolution.denialPatience))
            }
        }
        closeWhenSettled(&group)
    }

    /// Question `number` could not be sent, or its connection ended without an answer.
    package mutating func questionFailed(_ number: UInt64, _ group: inout NameserverGroup) {
        for index in questions.indices { questions[index].questionFailed(number, &group) }
        closeWhenSettled(&group)
    }

    /// Repeats what is unanswered, or gives up after the last repetition.
    package mutating func deadlinePassed(_ group: inout NameserverGroup, now: Instant) {
        guard let deadline = nextDeadline, deadline <= now else { return }
        let isLast = attempts > group.settings.retriesMax
        for index in questions.indices {
            questions[index].attemptEnded(isLast: isLast, &group)
            if questions[index].outcome == nil { questions[index].ask(for: name, &group) }
        }
        attempts += 1
        nextDeadline = now.advanced(by: group.settings.retryTimeout)
        closeWhenSettled(&group)
    }

    /// Settles everything with the answers so far.
    package mutating func giveUp(_ group: inout NameserverGroup) {
        for index in questions.indices { questions[index].attemptEnded(isLast: true, &group) }
        closeWhenSettled(&group)
    }

    /// Closes everything, and settles nothing.
    package mutating func cancel(_ group: inout NameserverGroup) {
        for index in questions.indices { questions[index].forgetAll(&group) }
        nextDeadline = nil
    }

    /// A type that has settled since the last call, once.
    package mutating func nextSettled() -> (type: DNSRecordType, outcome: RecordOutcome)? {
        for question in questions where !reported.contains(question.type) {
            guard let outcome = question.outcome else { continue }
            reported.append(question.type)
            return (question.type, outcome)
        }
        return nil
    }

    private mutating func closeWhenSettled(_ group: inout NameserverGroup) {
        if isSettled { cancel(&group) }
    }
}
