/// The rules that keep gossip from doing harm. All are on; a test that switches one off must see an invariant broken, which shows that
/// the rule is needed and the test is not blind.
package struct SafetyRules: OptionSet, Sendable {
    /// One bit a rule.
    package let rawValue: UInt16
    /// Rules from their bits.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A node is dead only for whom it is silent.
    package static let ownEars = SafetyRules(rawValue: 1 << 0)
    /// A starved node's own silence convicts nobody.
    package static let gapCredit = SafetyRules(rawValue: 1 << 1)
    /// Session and address change only after a datagram under the pairwise key.
    package static let proofBeforeAddress = SafetyRules(rawValue: 1 << 2)
    /// The replay window moves only after the tag has verified.
    package static let windowCommitOrder = SafetyRules(rawValue: 1 << 3)
    /// A node contradicts its death.
    package static let refutation = SafetyRules(rawValue: 1 << 4)
    /// `fast-down` needs own failures.
    package static let ownEvidence = SafetyRules(rawValue: 1 << 5)
    /// Own failures count only when they are apart.
    package static let spacing = SafetyRules(rawValue: 1 << 6)
    /// Gossip alone never goes below `min-up`.
    package static let minUp = SafetyRules(rawValue: 1 << 7)

    /// Sessions and epochs far ahead of the clock are refused.
    package static let sessionHorizon = SafetyRules(rawValue: 1 << 8)
    /// Stamps far ahead of the clock are refused.
    package static let stampHorizon = SafetyRules(rawValue: 1 << 9)

    /// All of them.
    package static let all: SafetyRules = [
        .ownEars, .gapCredit, .proofBeforeAddress, .windowCommitOrder, .refutation, .ownEvidence, .spacing, .minUp, .sessionHorizon, .stampHorizon,
    ]
}
