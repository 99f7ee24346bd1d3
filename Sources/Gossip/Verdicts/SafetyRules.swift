/// Rules that keep gossip from doing harm. All are on in production. A test that switches one off must observe a broken invariant, which proves that the rule
/// is needed and that the test detects its absence.
package struct SafetyRules: OptionSet, Sendable {
    /// One bit per rule.
    package let rawValue: UInt16
    /// Creates rules from their bits.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A node declares a peer dead only by its own observation.
    package static let ownObservation = SafetyRules(rawValue: 1 << 0)
    /// Time in which this node was not scheduled does not count as a peer's silence.
    package static let gapCredit = SafetyRules(rawValue: 1 << 1)
    /// A peer's session and address change only after a datagram under the pairwise key.
    package static let proofBeforeAddress = SafetyRules(rawValue: 1 << 2)
    /// The replay window changes only after the tag has been verified.
    package static let windowCommitOrder = SafetyRules(rawValue: 1 << 3)
    /// A node refutes its own death.
    package static let refutation = SafetyRules(rawValue: 1 << 4)
    /// `fast-down` needs failures of this node.
    package static let ownEvidence = SafetyRules(rawValue: 1 << 5)
    /// Failures of this node count only when they are spaced.
    package static let spacing = SafetyRules(rawValue: 1 << 6)
    /// Gossip alone never takes a proxy below `min-up`.
    package static let minUp = SafetyRules(rawValue: 1 << 7)

    /// The node rejects sessions and epochs far ahead of its clock.
    package static let sessionHorizon = SafetyRules(rawValue: 1 << 8)
    /// The node rejects stamps far ahead of its clock.
    package static let stampHorizon = SafetyRules(rawValue: 1 << 9)

    /// All rules.
    package static let all: SafetyRules = [
        .ownObservation, .gapCredit, .proofBeforeAddress, .windowCommitOrder, .refutation, .ownEvidence, .spacing, .minUp, .sessionHorizon, .stampHorizon,
    ]
}
