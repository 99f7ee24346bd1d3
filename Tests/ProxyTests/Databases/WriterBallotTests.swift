import Testing

@testable import Proxy

@Suite("The choice of the writer")
struct WriterBallotTests {
    private static let writable = Writability.writable(isReplicating: false)
    private static let replicating = Writability.writable(isReplicating: true)

    private static func ballot(_ epoch: UInt64, _ choice: UInt64) -> WriterBallot { WriterBallot(epoch: epoch, choice: choice) }

    /// An election that follows server 0 of three in epoch 4.
    private static func following() -> WriterElection { WriterElection(choices: [10, 20, 30], memory: ballot(4, 10)) }

    /// A peer with this ballot, which has acknowledged `known`.
    private static func peer(_ name: String, _ word: WriterBallot?, isConfirmed: Bool = false, knows known: WriterBallot?) -> WriterPeers.Peer {
        WriterPeers.Peer(name: name, message: word.map { WriterMessage(ballot: $0, isConfirmed: isConfirmed) }, known: known)
    }

    @Test("is ordered by the epoch, then by the server")
    func order() {
        let ordered = [Self.ballot(1, 9), Self.ballot(2, 3), Self.ballot(2, 4), Self.ballot(3, 0)]
        for (index, one) in ordered.enumerated() { for (other, two) in ordered.enumerated() { #expect((one < two) == (index < other)) } }
    }

    @Test("depends on each server's state: writable, ruled out, or open")
    func writability() {
        let all: [Writability] = [.unknown, .unreachable, .unanswered, .readOnly, Self.writable, Self.replicating]
        #expect(all.map(\.isWritable) == [false, false, false, false, true, true])
        #expect(all.map(\.isRuledOut) == [false, true, false, true, false, false])
        #expect(all.map(\.isUndetermined) == [true, false, true, false, false, false])
    }

    @Test("falls on the server that accepts writes, among several on the one that does not replicate")
    func candidates() {
        let cases: [([Writability], Int?)] = [
            ([.readOnly, .readOnly, Self.writable], 2), ([Self.replicating, .readOnly, .unknown], 0), ([Self.replicating, Self.writable, Self.replicating], 1),
            ([Self.writable, Self.replicating, Self.writable], nil), ([Self.replicating, Self.replicating, .readOnly], nil),
            ([.readOnly, .readOnly, .readOnly], nil),
        ]
        for (writability, writer) in cases {
            var election = WriterElection(choices: [10, 20, 30])
            let decision = election.decide(writability, peers: .reachable([]))
            #expect(decision.writer == writer && election.choice == writer && election.ballot?.epoch == (writer == nil ? nil : 1), "\(writability)")
            #expect(decision.message?.isConfirmed == (writer == nil ? nil : true) && decision.closing.isEmpty)
            let count = writability.count { $0.isWritable }
            if writer == nil { #expect(decision.problem == (count > 1 ? .severalWritable([0, 1, 2].filter { writability[$0].isWritable }) : .noneWritable)) }
        }
    }

    @Test("waits at the start while servers or peers are unknown, and otherwise names the problem")
    func troubles() {
        let cases: [([Writability], WriterPeers, WriterBallot?, WriterProblem?)] = [
            ([.unknown, .readOnly, .readOnly], .reachable([]), nil, .starting), ([.unanswered, .readOnly, .unreachable], .reachable([]), nil, .starting),
            ([.readOnly, .readOnly, .unreachable], .reachable([]), nil, .noneWritable), ([Self.writable, .readOnly, .readOnly], .awaited, nil, .starting),
            ([.unknown, .readOnly, .readOnly], .reachable([]), Self.ballot(4, 20), .noneWritable),
            ([.readOnly, .unknown, .unknown], .awaited, Self.ballot(4, 10), .starting),
            ([.readOnly, .readOnly, .readOnly], .reachable([]), Self.ballot(4, 99), .unknownChoice),
            ([.unknown, .unknown, .unknown], .awaited, Self.ballot(4, 99), .unknownChoice),
            ([.unreachable, Self.writable, Self.writable], .reachable([]), Self.ballot(4, 10), .severalWritable([1, 2])),
            ([.unknown, .readOnly, .readOnly], .reachable([]), Self.ballot(4, 10), nil),
        ]
        for (writability, peers, memory, trouble) in cases {
            var election = WriterElection(choices: [10, 20, 30], memory: memory)
            let decision = election.decide(writability, peers: peers)
            #expect(decision.problem == trouble && (decision.writer == nil) == (trouble != nil) && election.ballot == memory, "\(writability) \(peers)")
        }
    }

    @Test("moves only from a writer that is ruled out or silent, to another one")
    func moves() {
        for (writability, isLeft) in [(Writability.unknown, false), (.unreachable, true), (.unanswered, true), (.readOnly, true), (Self.replicating, false)] {
            var election = Self.following()
            let decision = election.decide([writability, .readOnly, Self.writable], peers: .reachable([]))
            #expect(decision.writer == (isLeft ? 2 : 0) && election.ballot == (isLeft ? Self.ballot(5, 30) : Self.ballot(4, 10)), "\(writability)")
            #expect(
                decision.closing == (isLeft ? [0, 1] : [])
                    && decision.message == WriterMessage(ballot: election.ballot ?? Self.ballot(0, 0), isConfirmed: isLeft || writability == Self.replicating))
            var waiting = Self.following()
            #expect(
                waiting.decide([writability, .readOnly, Self.writable], peers: .awaited).closing.isEmpty && waiting.ballot == Self.ballot(4, 10),
                "peers are awaited")
        }
        var stranger = WriterElection(choices: [10, 20, 30], memory: Self.ballot(4, 99))
        let decision = stranger.decide([.readOnly, Self.writable, .readOnly], peers: .reachable([]))
        #expect(decision.writer == 1 && stranger.ballot == Self.ballot(5, 20) && decision.closing == [0, 2])
        var awaited = Self.following()
        #expect(awaited.decide([.unknown, Self.writable, Self.writable], peers: .awaited).problem == .severalWritable([1, 2]))
    }

    @Test("stays while a peer sees the present writer accept writes, and for no other ballot")
    func objections() {
        let own = Self.ballot(4, 10)
        for (peer, isKept) in [
            (Self.peer("b", own, isConfirmed: true, knows: own), true), (Self.peer("b", own, knows: own), false),
            (Self.peer("b", Self.ballot(3, 10), isConfirmed: true, knows: own), false), (Self.peer("b", nil, knows: own), false),
        ] {
            var election = Self.following()
            let decision = election.decide([.unreachable, Self.writable, .readOnly], peers: .reachable([Self.peer("a", own, knows: own), peer]))
            #expect(election.ballot == (isKept ? own : Self.ballot(5, 20)) && decision.writer == nil)
            #expect(decision.problem == (isKept ? .peerObjects("b") : .peerBehind("a")))
        }
        var quiet = Self.following()
        let confirmed = Self.peer("b", own, isConfirmed: true, knows: own)
        #expect(quiet.decide([Self.writable, .readOnly, .readOnly], peers: .reachable([confirmed])).problem == nil)
        #expect(quiet.decide([.unreachable, .readOnly, .readOnly], peers: .reachable([confirmed])).problem == .noneWritable, "no other server accepts writes")
    }

    @Test("receives writes only while each peer knows the ballot and has no other one")
    func behind() {
        let own = Self.ballot(4, 10)
        for (peer, isBehind) in [
            (Self.peer("b", own, knows: own), false), (Self.peer("b", nil, knows: own), false), (Self.peer("b", own, knows: nil), true),
            (Self.peer("b", own, knows: Self.ballot(3, 10)), true), (Self.peer("b", Self.ballot(3, 20), knows: own), true),
        ] {
            var election = Self.following()
            let decision = election.decide([Self.writable, Self.writable, .readOnly], peers: .reachable([Self.peer("a", own, knows: own), peer]))
            #expect(decision.writer == (isBehind ? nil : 0) && decision.problem == (isBehind ? .peerBehind("b") : .severalWritable([0, 1])), "\(peer)")
        }
    }

    @Test("follows a peer's higher ballot, never a lower one, and none at the end of the range")
    func adopted() {
        let limit = UInt64(1) << 62
        for (word, followed) in [
            (Self.ballot(4, 9), Self.ballot(4, 10)), (Self.ballot(4, 20), Self.ballot(4, 20)), (Self.ballot(3, 30), Self.ballot(4, 10)),
            (Self.ballot(limit - 1, 20), Self.ballot(limit - 1, 20)), (Self.ballot(limit, 20), Self.ballot(4, 10)), (Self.ballot(.max, 20), Self.ballot(4, 10)),
        ] {
            var election = Self.following()
            let decision = election.decide([Self.writable, .unknown, .unknown], peers: .reachable([Self.peer("b", word, knows: followed)]))
            #expect(election.ballot == followed && decision.closing == (followed.choice == 10 ? [] : [0, 2]), "\(word)")
        }
        for (epoch, next) in [(limit - 3, limit - 2), (limit - 2, limit - 1), (limit - 1, limit - 1)] {
            var election = WriterElection(choices: [10, 20], memory: Self.ballot(epoch, 10))
            let decision = election.decide([.readOnly, Self.writable], peers: .reachable([]))
            #expect(election.ballot?.epoch == next && decision.writer == (epoch == next ? nil : 1), "\(epoch)")
        }
        var first = WriterElection(choices: [10, 20, 30])
        let word = first.decide([.unknown, .unknown, .unknown], peers: .reachable([Self.peer("b", Self.ballot(4, 99), knows: nil)])).message
        #expect(word == WriterMessage(ballot: Self.ballot(4, 99), isConfirmed: false), "also as the first ballot, and for a server that is not configured here")
        var same = Self.following()
        #expect(
            same.decide([Self.writable, .readOnly, .readOnly], peers: .reachable([Self.peer("b", Self.ballot(9, 10), knows: nil)])).closing.isEmpty,
            "the same server")
    }
}
