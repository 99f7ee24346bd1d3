/// A node's vote in one matter ("subject"): the choice that the node follows. Gossip carries subject and choice as numbers; only the caller gives them a
/// meaning. Only the node itself writes the row; merging keeps the higher (session, version).
package struct BallotRow: Hashable, Sendable {
    /// The voter.
    package var node: NodeID
    /// The voter's gossip session.
    package var session: UInt64
    /// Starts at 1 and rises by one with each change.
    package var version: UInt32
    /// The first 8 bytes of SHA-256 of the subject's name.
    package var subject: UInt64
    /// The cluster-wide number of this choice: starts at 1 and rises by one with each change of the choice.
    package var epoch: UInt64
    /// The identifier of the chosen candidate, as the caller defines it.
    package var choice: UInt64
    /// True when the node has found the choice good by its own checks.
    package var isConfirmed: Bool

    /// A row from its parts.
    package init(node: NodeID, session: UInt64, version: UInt32, subject: UInt64, epoch: UInt64, choice: UInt64, isConfirmed: Bool) {
        (self.node, self.session, self.version, self.subject) = (node, session, version, subject)
        (self.epoch, self.choice, self.isConfirmed) = (epoch, choice, isConfirmed)
    }

    /// True when merging replaces `other` by this row. Both rows have the same node and subject.
    package func isNewer(than other: BallotRow) -> Bool { (session, version) > (other.session, other.version) }
}
