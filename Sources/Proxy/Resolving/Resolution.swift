import Wire

extension AddressFamily {
    /// The type of the records with its addresses.
    var recordType: DNSRecordType { self == .v4 ? .a : .aaaa }
}

extension DNSRecordType {
    /// The family of the addresses in its records; `nil` for none.
    var family: AddressFamily? {
        switch self {
        case .a: .v4
        case .aaaa: .v6
        case .srv: nil
        }
    }
}

extension IPAddress {
    /// The family of this address.
    var family: AddressFamily { isV6 ? .v6 : .v4 }
}

/// A round of questions for one name, to all nameservers and for all record types, with repetitions until each type has settled.
package struct Resolution {
    /// The time left to other nameservers after one has denied the name, if `retryTimeout` is longer.
    package static let denialTimeout = Duration.seconds(1)

    /// The name asked for.
    package let name: DNSName
    /// The deadline for answers. Questions are then repeated or given up. `nil` when everything is settled.
    package private(set) var nextDeadline: Instant?
    private var questions: [RecordResolution]
    private var attempts = 1
    /// The types that `nextSettled` has returned.
    private var reported: [DNSRecordType] = []

    /// Starts questions for the addresses of `name`. Drain `group` afterwards.
    package init(_ name: DNSName, _ group: inout NameserverGroup, now: Instant) { self.init(name, [.a, .aaaa], &group, now: now) }

    /// Starts questions for the records of `types`.
    init(_ name: DNSName, _ types: [DNSRecordType], _ group: inout NameserverGroup, now: Instant) {
        self.name = name
        questions = types.map { RecordResolution($0, nameservers: group.settings.transports.count) }
        for index in questions.indices { questions[index].ask(for: name, &group) }
        nextDeadline = now.advanced(by: group.settings.retryTimeout)
    }

    /// True when all types have settled.
    package var isSettled: Bool { questions.allSatisfy { $0.outcome != nil } }

    /// The number of open questions. If it is 0 before the round has settled, no answer can arrive until the questions are repeated.
    package var openQuestions: Int { questions.reduce(0) { $0 + $1.openQuestions } }

    /// The outcome for `family`; `nil` while it is open.
    package func outcome(_ family: AddressFamily) -> RecordOutcome? { outcome(family.recordType) }

    /// The outcome for `type`; `nil` while it is open, and for a type that is not asked for.
    func outcome(_ type: DNSRecordType) -> RecordOutcome? { questions.first { $0.type == type }?.outcome }

    /// True while question `number` is open.
    package func expects(_ number: UInt64) -> Bool { questions.contains { $0.expects(number) } }

    /// Handles a message for question `number`.
    package mutating func receive(_ message: [UInt8], for number: UInt64, _ group: inout NameserverGroup, now: Instant) {
        for index in questions.indices where questions[index].expects(number) {
            let needsTime = questions[index].receive(message, for: number, of: name, &group)
            if needsTime {
                nextDeadline = max(nextDeadline ?? now, now.advanced(by: group.settings.retryTimeout))
            } else if questions[index].outcome == nil, questions[index].isDenied {
                nextDeadline = min(nextDeadline ?? now, now.advanced(by: Resolution.denialTimeout))
            }
        }
        closeWhenSettled(&group)
    }

    /// Handles question `number`, which could not be sent or whose connection ended without an answer.
    package mutating func questionFailed(_ number: UInt64, _ group: inout NameserverGroup) {
        for index in questions.indices { questions[index].questionFailed(number, &group) }
        closeWhenSettled(&group)
    }

    /// Repeats unanswered questions, or gives up after the last repetition.
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

    /// Settles all types with the answers so far.
    package mutating func giveUp(_ group: inout NameserverGroup) {
        for index in questions.indices { questions[index].attemptEnded(isLast: true, &group) }
        closeWhenSettled(&group)
    }

    /// Closes all questions without settling them.
    package mutating func cancel(_ group: inout NameserverGroup) {
        for index in questions.indices { questions[index].forgetAll(&group) }
        nextDeadline = nil
    }

    /// Returns each type that has settled, once.
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
