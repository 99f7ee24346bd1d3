/// A node's choice of the server that takes a proxy's writes. The higher ballot wins, and a node never returns to a lower one.
package struct WriterBallot: Equatable, Comparable, Sendable {
    /// Rises by one with each change of the writer, from 1.
    package var epoch: UInt64
    /// The server, by a number that is equal on all nodes.
    package var choice: UInt64

    /// Creates a ballot.
    package init(epoch: UInt64, choice: UInt64) { (self.epoch, self.choice) = (epoch, choice) }

    /// Orders by epoch, then by choice, so that all nodes select the same one of two concurrent ballots.
    package static func < (left: WriterBallot, right: WriterBallot) -> Bool { (left.epoch, left.choice) < (right.epoch, right.choice) }
}

/// A node's message to the others about a proxy's writer.
package struct WriterMessage: Equatable, Sendable {
    /// The node's ballot. The node sends new sessions to no other server.
    package var ballot: WriterBallot
    /// True when the node's last check has found that server writable.
    package var isConfirmed: Bool

    /// Creates a message.
    package init(ballot: WriterBallot, isConfirmed: Bool) { (self.ballot, self.isConfirmed) = (ballot, isConfirmed) }
}

/// The other nodes that take part.
package enum WriterPeers: Equatable, Sendable {
    /// A node that this node hears.
    package struct Peer: Equatable, Sendable {
        /// Its name.
        package var name: String
        /// The last message in the current gossip session; `nil` for none: it has no ballot.
        package var message: WriterMessage?
        /// This node's last ballot that the peer is known to have; `nil` for none.
        package var known: WriterBallot?

        /// Creates a peer.
        package init(name: String, message: WriterMessage?, known: WriterBallot?) { (self.name, self.message, self.known) = (name, message, known) }
    }

    /// The peers are not known yet, so the ballot does not change.
    case awaited
    /// The peers that this node hears; empty for a single node.
    case reachable([Peer])
}

/// The state of a possible writer, as this node's last checks show it.
package enum Writability: Equatable, Sendable {
    /// Never checked, or refused.
    case unknown
    /// Its checks fail.
    case unreachable
    /// The login succeeds, but the question whether it takes writes has no answer. A server that is known to take writes is preferred.
    case unanswered
    /// `read_only` is on, or the configured query has returned a different answer.
    case readOnly
    /// It takes writes. `isReplicating`: it also replicates from another server.
    case writable(isReplicating: Bool)

    var isWritable: Bool { if case .writable = self { true } else { false } }
    /// True when it cannot be the writer, as far as this node knows.
    var isRuledOut: Bool { self == .unreachable || self == .readOnly }
    /// True when it is unknown whether it takes writes.
    var isUndetermined: Bool { self == .unknown || self == .unanswered }
}

/// A problem with the writer, for the operator. Servers are indexes.
package enum WriterProblem: Equatable, Sendable {
    /// Several servers take writes. The current writer remains; without one no server is chosen.
    case severalWritable([Int])
    /// No server takes writes.
    case noneWritable
    /// A peer still finds the current writer writable.
    case peerObjects(String)
    /// A peer does not have this node's ballot yet.
    case peerBehind(String)
    /// The peers' choice is a server that is not configured here.
    case unknownChoice
    /// The peers or the state of the servers are not known yet.
    case starting
}

/// Decides together with the other nodes where a proxy's writes are sent. It does no I/O: the states of servers and the peers' messages come in, and a decision
/// is returned.
///
/// A node sends new sessions to a writer only while each peer that it hears knows its ballot and has no other one, and it leaves the old writer before it
/// announces a higher ballot. So two nodes that hear each other never send writes to different servers, even when messages are delayed. A node casts a ballot
/// only when its own check rules out the current writer, when exactly one other server qualifies, and when no peer still finds the current writer writable.
package struct WriterElection: Equatable, Sendable {
    /// The decision at this time.
    package struct Decision: Equatable, Sendable {
        /// The server for new sessions; `nil` for none.
        package var writer: Int?
        /// The message to send to the peers; `nil` before the first ballot.
        package var message: WriterMessage?
        /// Servers whose sessions must be closed because another one has taken over. Set only in the decision that changes the choice.
        package var closing: [Int] = []
        /// Why there is no writer, or a problem that exists despite one; `nil` without a problem.
        package var problem: WriterProblem?

        /// Creates an empty decision.
        package init() {}
    }

    /// The limit of accepted epochs, so that a peer cannot push a node to the end of the range.
    package static let epochMax: UInt64 = 1 << 62

    /// The servers' numbers.
    package let choices: [UInt64]
    /// The current ballot; `nil` before the first.
    package private(set) var ballot: WriterBallot?

    /// Creates an election among `choices`. `memory` is the ballot of an earlier process.
    package init(choices: [UInt64], memory: WriterBallot? = nil) {
        self.choices = choices
        ballot = memory
    }

    /// The index of the chosen server; `nil` without a ballot, or when it is not configured here.
    package var choice: Int? { ballot.flatMap { choices.firstIndex(of: $0.choice) } }

    /// Decides with the current state.
    ///
    /// - Parameter writability: by server.
    package mutating func decide(_ writability: [Writability], peers: WriterPeers) -> Decision {
        precondition(writability.count == choices.count, "\(writability.count) views of \(choices.count) servers")
        var decision = Decision()
        let before = ballot
        let candidate = candidate(writability)
        if case .reachable(let reachable) = peers {
            for peer in reachable { if let message = peer.message { adopt(message.ballot) } }
            // A choice that is not configured here cannot be used here, so the place of the writer is vacant.
            let isVacant = choice.map { writability[$0].isRuledOut || writability[$0] == .unanswered } ?? true
            if isVacant, let candidate, candidate != choice {
                if let objectingPeer = objectingPeer(reachable) {
                    decision.problem = .peerObjects(objectingPeer)
                } else if (ballot?.epoch ?? 0) + 1 < Self.epochMax {
                    ballot = WriterBallot(epoch: (ballot?.epoch ?? 0) + 1, choice: choices[candidate])
                }
            }
        }
        if let before, let ballot, before.choice != ballot.choice { decision.closing = choices.indices.filter { choices[$0] != ballot.choice } }
        decision.message = ballot.map { ballot in WriterMessage(ballot: ballot, isConfirmed: choice.map { writability[$0].isWritable } ?? false) }
        setWriter(&decision, writability, peers)
        return decision
    }

    private mutating func adopt(_ other: WriterBallot) {
        guard other.epoch < Self.epochMax, ballot.map({ $0 < other }) ?? true else { return }
        ballot = other
    }

    /// The server that may take over. Of several writable servers it is the only one without replication.
    private func candidate(_ writability: [Writability]) -> Int? {
        let writable = writability.indices.filter { writability[$0].isWritable }
        guard writable.count > 1 else { return writable.first }
        let heads = writable.filter { writability[$0] == .writable(isReplicating: false) }
        return heads.count == 1 ? heads.first : nil
    }

    /// The name of a peer that finds the current writer writable.
    private func objectingPeer(_ peers: [WriterPeers.Peer]) -> String? {
        guard let ballot else { return nil }
        return peers.first { $0.message == WriterMessage(ballot: ballot, isConfirmed: true) }?.name
    }

    /// True when the peer has a different ballot, or may not know this one yet and so may still adopt a different one.
    private func isBehind(_ peer: WriterPeers.Peer) -> Bool { peer.known != ballot || peer.message.map { $0.ballot != ballot } ?? false }

    /// Sets the writer and the problem.
    private func setWriter(_ decision: inout Decision, _ writability: [Writability], _ peers: WriterPeers) {
        let writable = writability.indices.filter { writability[$0].isWritable }
        if let choice, !writability[choice].isRuledOut {
            switch peers {
            case .awaited: decision.writer = choice
            case .reachable(let reachable):
                if let behind = reachable.first(where: { isBehind($0) }) {
                    decision.problem = .peerBehind(behind.name)
                    return
                }
                decision.writer = choice
            }
            if writable.count > 1 { decision.problem = .severalWritable(writable) }
            return
        }
        guard decision.problem == nil else { return }
        if ballot != nil, choice == nil {
            decision.problem = .unknownChoice
        } else if writable.count > 1 {
            decision.problem = .severalWritable(writable)
        } else if peers == .awaited || (ballot == nil && writability.contains { $0.isUndetermined }) {
            decision.problem = .starting
        } else if writable.isEmpty {
            decision.problem = .noneWritable
        }
    }
}

/// The writer of a proxy, for a later process.
package struct WriterMemory: Equatable, Sendable {
    /// The ballot's epoch.
    package var epoch: UInt64
    /// The server's name in the proxy.
    package var server: String

    /// Creates a memory.
    package init(epoch: UInt64, server: String) { (self.epoch, self.server) = (epoch, server) }
}
