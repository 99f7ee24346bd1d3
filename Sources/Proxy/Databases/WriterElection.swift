/// Which server takes a proxy's writes, as a node says it. The higher one counts: no node ever goes back.
package struct WriterBallot: Equatable, Comparable, Sendable {
    /// One more with each change of the writer; from 1.
    package var epoch: UInt64
    /// The server, by a number that all nodes have for it.
    package var choice: UInt64

    /// A ballot from its parts.
    package init(epoch: UInt64, choice: UInt64) { (self.epoch, self.choice) = (epoch, choice) }

    /// By epoch, then by choice, so that of two that are cast at once all nodes take the same.
    package static func < (left: WriterBallot, right: WriterBallot) -> Bool { (left.epoch, left.choice) < (right.epoch, right.choice) }
}

/// What one node tells the others about a proxy's writer.
package struct WriterWord: Equatable, Sendable {
    /// Whom it follows: it sends new sessions to nobody else.
    package var ballot: WriterBallot
    /// Its own last look has found that server writable.
    package var isConfirmed: Bool

    /// A word from its parts.
    package init(ballot: WriterBallot, isConfirmed: Bool) { (self.ballot, self.isConfirmed) = (ballot, isConfirmed) }
}

/// The other nodes, as far as they count.
package enum WriterPeers: Equatable, Sendable {
    /// A node that is heard.
    package struct Peer: Equatable, Sendable {
        /// Its name.
        package var name: String
        /// What it has said in this run; `nil` for nothing: it follows nobody.
        package var word: WriterWord?
        /// The last ballot of this node's that it is known to have; `nil` for none.
        package var known: WriterBallot?

        /// A peer from its parts.
        package init(name: String, word: WriterWord?, known: WriterBallot?) { (self.name, self.word, self.known) = (name, word, known) }
    }

    /// It is not known yet who is there: nothing is changed.
    case awaited
    /// These are heard; none for a node by itself.
    case heard([Peer])
}

/// What this node's last looks say of a server that may be the writer.
package enum WriterSight: Equatable, Sendable {
    /// Never looked at, or not let in.
    case unknown
    /// Its checks fail.
    case unreachable
    /// The login succeeds, but it does not answer whether it takes writes: another server that does take writes is better.
    case unanswered
    /// `read_only` is on, or the configured query says no.
    case readOnly
    /// It takes writes; `isReplicating` when it also follows another server.
    case writable(isReplicating: Bool)

    var isWritable: Bool { if case .writable = self { true } else { false } }
    /// It cannot be the writer, as far as this node can tell.
    var isOut: Bool { self == .unreachable || self == .readOnly }
    /// Whether it is writable is not known.
    var isOpen: Bool { self == .unknown || self == .unanswered }
}

/// What an operator has to know. Servers are indices.
package enum WriterTrouble: Equatable, Sendable {
    /// More than one takes writes; the present writer stays, and without one there is none.
    case severalWritable([Int])
    /// None takes writes.
    case noneWritable
    /// A peer still sees the present writer take writes.
    case peerObjects(String)
    /// A peer does not follow yet.
    case peerBehind(String)
    /// The peers follow a server that is not configured here.
    case unknownChoice
    /// It is not known yet who else is there, or what the servers are.
    case starting
}

/// Decides where one proxy's writes go, together with the other nodes. Pure: looks and words come in, a decision comes out.
///
/// A node sends new sessions to a writer only while each peer that it hears knows its ballot and says no other, and drops the old writer before it says a higher one. So of two
/// nodes that hear each other none sends anywhere else than the other, whatever is delayed; a ballot is cast only when the present writer cannot be it by
/// this node's own look, when exactly one other server is writable, and when no peer still sees the present one take writes.
package struct WriterElection: Equatable, Sendable {
    /// What is to be done now.
    package struct Decision: Equatable, Sendable {
        /// New sessions go to this server; `nil` for nowhere.
        package var writer: Int?
        /// What the peers are to be told; `nil` for nothing yet.
        package var word: WriterWord?
        /// Another server has taken over: the sessions of these are closed. Only in the decision in which that happens.
        package var closing: [Int] = []
        /// Why there is no writer, or what is wrong all the same; `nil` for nothing.
        package var trouble: WriterTrouble?

        /// Nothing is known.
        package init() {}
    }

    /// Beyond this nobody counts: a peer cannot push a node to the end of the range.
    package static let epochMax: UInt64 = 1 << 62

    /// The servers' numbers.
    package let choices: [UInt64]
    /// Whom this node follows; `nil` before the first.
    package private(set) var ballot: WriterBallot?

    /// An election among `choices`; `memory` is what an earlier process followed.
    package init(choices: [UInt64], memory: WriterBallot? = nil) {
        self.choices = choices
        ballot = memory
    }

    /// The server that is followed; `nil` for none, or for one that is not configured here.
    package var choice: Int? { ballot.flatMap { choices.firstIndex(of: $0.choice) } }

    /// Takes everything that is known now, and says what follows.
    ///
    /// - Parameter sights: by server.
    package mutating func decide(_ sights: [WriterSight], peers: WriterPeers) -> Decision {
        precondition(sights.count == choices.count, "\(sights.count) looks at \(choices.count) servers")
        var decision = Decision()
        let before = ballot
        let candidate = candidate(sights)
        if case .heard(let heard) = peers {
            for peer in heard { if let word = peer.word { adopt(word.ballot) } }
            // Nobody here can be sent to a server that is not configured here.
            let isVacant = choice.map { sights[$0].isOut || sights[$0] == .unanswered } ?? true
            if isVacant, let candidate, candidate != choice {
                if let objector = objector(heard) {
                    decision.trouble = .peerObjects(objector)
                } else if (ballot?.epoch ?? 0) + 1 < Self.epochMax {
                    ballot = WriterBallot(epoch: (ballot?.epoch ?? 0) + 1, choice: choices[candidate])
                }
            }
        }
        if let before, let ballot, before.choice != ballot.choice { decision.closing = choices.indices.filter { choices[$0] != ballot.choice } }
        decision.word = ballot.map { ballot in WriterWord(ballot: ballot, isConfirmed: choice.map { sights[$0].isWritable } ?? false) }
        settle(&decision, sights, peers)
        return decision
    }

    private mutating func adopt(_ other: WriterBallot) {
        guard other.epoch < Self.epochMax, ballot.map({ $0 < other }) ?? true else { return }
        ballot = other
    }

    /// The one server that may take over; of several that are writable the one that follows nobody.
    private func candidate(_ sights: [WriterSight]) -> Int? {
        let writable = sights.indices.filter { sights[$0].isWritable }
        guard writable.count > 1 else { return writable.first }
        let heads = writable.filter { sights[$0] == .writable(isReplicating: false) }
        return heads.count == 1 ? heads.first : nil
    }

    /// Who sees the present writer take writes.
    private func objector(_ peers: [WriterPeers.Peer]) -> String? {
        guard let ballot else { return nil }
        return peers.first { $0.word == WriterWord(ballot: ballot, isConfirmed: true) }?.name
    }

    /// It follows another ballot, or does not know this one yet, and may follow another before it does.
    private func isBehind(_ peer: WriterPeers.Peer) -> Bool { peer.known != ballot || peer.word.map { $0.ballot != ballot } ?? false }

    /// Who is served now, and what is wrong.
    private func settle(_ decision: inout Decision, _ sights: [WriterSight], _ peers: WriterPeers) {
        let writable = sights.indices.filter { sights[$0].isWritable }
        if let choice, !sights[choice].isOut {
            switch peers {
            case .awaited: decision.writer = choice
            case .heard(let heard):
                if let behind = heard.first(where: { isBehind($0) }) {
                    decision.trouble = .peerBehind(behind.name)
                    return
                }
                decision.writer = choice
            }
            if writable.count > 1 { decision.trouble = .severalWritable(writable) }
            return
        }
        guard decision.trouble == nil else { return }
        if ballot != nil, choice == nil {
            decision.trouble = .unknownChoice
        } else if writable.count > 1 {
            decision.trouble = .severalWritable(writable)
        } else if peers == .awaited || (ballot == nil && sights.contains { $0.isOpen }) {
            decision.trouble = .starting
        } else if writable.isEmpty {
            decision.trouble = .noneWritable
        }
    }
}

/// What a later process should know of a proxy's writer.
package struct WriterMemory: Equatable, Sendable {
    /// The ballot's epoch.
    package var epoch: UInt64
    /// The server's name in the proxy.
    package var server: String

    /// A memory from its parts.
    package init(epoch: UInt64, server: String) { (self.epoch, self.server) = (epoch, server) }
}
