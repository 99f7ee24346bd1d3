/// Which of a subject's choices a node follows: for gossip two numbers, whose meaning is the caller's. Only the node writes it; merging takes the higher
/// (session, version).
package struct BallotRow: Hashable, Sendable {
    /// Who follows.
    package var node: NodeID
    /// In which run.
    package var session: UInt64
    /// From 1, one more with each change.
    package var version: UInt32
    /// In which matter: the first 8 bytes of SHA-256 of its name.
    package var subject: UInt64
    /// One more with each change of the choice in the cluster, from 1.
    package var epoch: UInt64
    /// Whom.
    package var choice: UInt64
    /// The node itself finds the choice good.
    package var isConfirmed: Bool

    /// A row from its parts.
    package init(node: NodeID, session: UInt64, version: UInt32, subject: UInt64, epoch: UInt64, choice: UInt64, isConfirmed: Bool) {
        (self.node, self.session, self.version, self.subject) = (node, session, version, subject)
        (self.epoch, self.choice, self.isConfirmed) = (epoch, choice, isConfirmed)
    }

    /// True when this row takes `other`'s place. Both are of one node and subject.
    package func isNewer(than other: BallotRow) -> Bool { (session, version) > (other.session, other.version) }
}
