import Wire

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

extension BallotRow {
    func write(to bytes: inout [UInt8]) {
        bytes.write(node.number)
        bytes.write(session)
        bytes.write(version)
        bytes.write(subject)
        bytes.write(epoch)
        bytes.write(choice)
        bytes.append(isConfirmed ? 1 : 0)
    }

    init?(_ reader: inout ByteReader) {
        guard let node: UInt64 = reader.readBigEndian(), let session: UInt64 = reader.readBigEndian(),
            let version: UInt32 = reader.readBigEndian(), let subject: UInt64 = reader.readBigEndian(), let epoch: UInt64 = reader.readBigEndian(),
            let choice: UInt64 = reader.readBigEndian(), let confirmed = reader.readByte(),
            (1..<GossipLimits.sessionMax).contains(session), version > 0, (1..<GossipLimits.sessionMax).contains(epoch), confirmed <= 1
        else { return nil }
        self.init(
            node: NodeID(node), session: session, version: version, subject: subject, epoch: epoch, choice: choice, isConfirmed: confirmed == 1)
    }
}
