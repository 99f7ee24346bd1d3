import Wire

/// A live peer's ballot on a subject.
package struct PeerBallot: Equatable, Sendable {
    /// The peer's identifier.
    package let peer: NodeID
    /// The peer's name.
    package let name: String
    /// The peer's row; `nil` when it has none.
    package let row: BallotRow?
    /// This node's latest row that the peer is known to have; `nil` for none.
    package let known: BallotRow?
    /// True when all earlier rows of the peer have arrived, so that a missing row means that the peer has no ballot.
    package let isComplete: Bool
}

/// Ballots: each node publishes its choice and receives those of its peers. The caller decides what follows.
extension GossipNode {
    /// After this time a peer without a ballot counts as having none, even if the tables still differ.
    private static let completeAfter = Duration.seconds(2)

    /// Returns the ballot of each live peer on `subject`, in the order of the settings.
    package func ballots(on subject: UInt64, now: Instant) -> [PeerBallot] {
        settings.peers.compactMap { configured in
            guard let index = peerIndex(configured.id), peers[index].isWitness else { return nil }
            let row = tables.ballots[BallotKey(subject: subject, node: configured.id)].flatMap { $0.session == peers[index].session ? $0 : nil }
            let isOld = peers[index].provenAt.map { $0.advanced(by: Self.completeAfter) <= now } ?? false
            let known = peers[index].acknowledgedBallots.first { $0.subject == subject && $0.session == session }
            return PeerBallot(peer: configured.id, name: configured.name, row: row, known: known, isComplete: peers[index].wereTablesEqual || isOld)
        }
    }

    /// True while nothing has been received from a configured peer.
    package var hasUnknownPeer: Bool { peers.contains { $0.state == .unknown } }

    mutating func publishBallot(_ subject: UInt64, epoch: UInt64, choice: UInt64, isConfirmed: Bool) {
        let old = tables.ballots[BallotKey(subject: subject, node: settings.node)].flatMap { $0.session == session ? $0 : nil }
        guard old.map({ ($0.epoch, $0.choice, $0.isConfirmed) != (epoch, choice, isConfirmed) }) ?? true, (old?.version ?? 0) < .max else { return }
        guard (1..<GossipLimits.sessionMax).contains(epoch) else { return }
        let version = (old?.version ?? 0) + 1
        _ = tables.merge(
            BallotRow(
                node: settings.node, session: session, version: version, subject: subject, epoch: epoch, choice: choice, isConfirmed: isConfirmed))
    }

    /// Records this node's ballots that the peer has acknowledged, and outputs each of them for the callers that wait for it.
    mutating func recordAcknowledgedBallots(_ index: Int, into outputs: inout GossipOutputs) {
        for entry in tables.ballots.entries where entry.key.node == settings.node && entry.revision <= peers[index].delivery.acknowledged {
            let place = peers[index].acknowledgedBallots.firstIndex { $0.subject == entry.row.subject }
            if let place, peers[index].acknowledgedBallots[place] == entry.row { continue }
            if let place { peers[index].acknowledgedBallots[place] = entry.row } else { peers[index].acknowledgedBallots.append(entry.row) }
            outputs.append(.ballotChanged(entry.row.subject))
        }
    }

    mutating func mergeBallot(_ row: BallotRow, from sender: NodeID, now: Instant, into outputs: inout GossipOutputs) {
        guard isAcceptableSession(row.session, of: row.node, now), row.epoch <= sessionHorizon(now) else {
            return rejectFarAhead(from: peerIndex(sender), into: &outputs)
        }
        guard row.node != settings.node else {
            if !isOvertaken(row.session, isFull: row.version == .max, from: sender, now: now, into: &outputs) { mergeOwnBallot(row) }
            return
        }
        guard outcome(tables.merge(row, from: sender), from: sender, into: &outputs) == .stored else { return }
        outputs.append(.ballotChanged(row.subject))
    }

    /// Handles a newer row in this node's name: the node publishes its own ballot again with a higher version.
    private mutating func mergeOwnBallot(_ row: BallotRow) {
        guard row.session == session, let own = tables.ballots[BallotKey(subject: row.subject, node: settings.node)] else {
            if row.session == session { counters.refusedRows += 1 }
            return
        }
        guard row.isNewer(than: own) else { return }
        var again = own
        again.version = row.version + 1
        _ = tables.merge(again)
    }
}
