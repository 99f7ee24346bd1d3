import Wire

/// One round of questions for one name: both families, all nameservers, with repetitions, until each family has settled.
package struct Resolution {
    /// How long other nameservers are waited for once one has denied the name, when `retryTimeout` is longer.
    package static let denialPatience = Duration.seconds(1)

    /// The name asked for.
    package let name: DNSName
    /// When silence becomes a repetition or an end; `nil` once all is settled.
    package private(set) var nextDeadline: Instant?
    private var families: [FamilyResolution]
    private var attempts = 1
    /// Families whose outcome has been handed out.
    private var reported: [AddressFamily] = []

    /// Asks for the addresses of `name`. Drain `group` afterwards.
    package init(_ name: DNSName, _ group: inout NameserverGroup, now: Instant) {
        self.name = name
        families = [AddressFamily.v4, .v6].map { FamilyResolution($0, nameservers: group.settings.nameservers) }
        for index in families.indices { families[index].ask(for: name, &group) }
        nextDeadline = now.advanced(by: group.settings.retryTimeout)
    }

    /// True once both families have settled.
    package var isSettled: Bool { families.allSatisfy { $0.outcome != nil } }

    /// How many questions are open.
    var openQuestions: Int { families.reduce(0) { $0 + $1.openQuestions } }

    /// How `family` ended, `nil` while it is open.
    package func outcome(_ family: AddressFamily) -> FamilyOutcome? { families.first { $0.family == family }?.outcome }

    /// True when the answer to question `number` is waited for.
    func expects(_ number: UInt64) -> Bool { families.contains { $0.expects(number) } }

    /// Takes a message that came to the socket of question `number`.
    package mutating func receive(_ message: [UInt8], for number: UInt64, _ group: inout NameserverGroup, now: Instant) {
        for index in families.indices where families[index].expects(number) {
            let needsTime = families[index].receive(message, for: number, of: name, &group)
            if needsTime {
                nextDeadline = max(nextDeadline ?? now, now.advanced(by: group.settings.retryTimeout))
            } else if families[index].outcome == nil, families[index].isDenied {
                nextDeadline = min(nextDeadline ?? now, now.advanced(by: Resolution.denialPatience))
            }
        }
        closeWhenSettled(&group)
    }

    /// Question `number` could not be sent, or its connection ended without an answer.
    package mutating func questionFailed(_ number: UInt64, _ group: inout NameserverGroup) {
        for index in families.indices { families[index].questionFailed(number, &group) }
        closeWhenSettled(&group)
    }

    /// Repeats what is unanswered, or gives up after the last repetition.
    package mutating func deadlinePassed(_ group: inout NameserverGroup, now: Instant) {
        guard let deadline = nextDeadline, deadline <= now else { return }
        let isLast = attempts > group.settings.retriesMax
        for index in families.indices {
            families[index].attemptEnded(isLast: isLast, &group)
            if families[index].outcome == nil { families[index].ask(for: name, &group) }
        }
        attempts += 1
        nextDeadline = now.advanced(by: group.settings.retryTimeout)
        closeWhenSettled(&group)
    }

    /// Gives up at once.
    package mutating func cancel(_ group: inout NameserverGroup) {
        for index in families.indices { families[index].forgetAll(&group) }
        nextDeadline = nil
    }

    /// A family that has settled since the last call, once.
    package mutating func nextSettled() -> (family: AddressFamily, outcome: FamilyOutcome)? {
        for family in families where !reported.contains(family.family) {
            guard let outcome = family.outcome else { continue }
            reported.append(family.family)
            return (family.family, outcome)
        }
        return nil
    }

    private mutating func closeWhenSettled(_ group: inout NameserverGroup) {
        if isSettled { cancel(&group) }
    }
}
