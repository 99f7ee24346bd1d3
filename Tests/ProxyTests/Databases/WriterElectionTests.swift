import Proxy
import Support
import Testing
import Wire

@Suite("The election of the writer")
struct WriterElectionTests {
    private static let writable = Writability.writable(isReplicating: false)

    @Test("follows the only writable server, without peers")
    func alone() {
        var election = WriterElection(choices: [10, 20])
        let none = election.decide([.unknown, .unknown], peers: .reachable([]))
        #expect(none.writer == nil && none.problem == .starting && none.message == nil)
        let first = election.decide([Self.writable, .readOnly], peers: .reachable([]))
        #expect(first.writer == 0 && first.message?.ballot == WriterBallot(epoch: 1, choice: 10) && first.closing.isEmpty)
        let demoted = election.decide([.readOnly, .readOnly], peers: .reachable([]))
        #expect(demoted.writer == nil && demoted.problem == .noneWritable && demoted.closing.isEmpty)
        let promoted = election.decide([.readOnly, Self.writable], peers: .reachable([]))
        #expect(promoted.writer == 1 && promoted.message?.ballot == WriterBallot(epoch: 2, choice: 20) && promoted.closing == [0])
        #expect(election.decide([.readOnly, Self.writable], peers: .reachable([])).closing.isEmpty)
    }

    @Test("keeps the writer with two writable servers; at the start it chooses between two only if exactly one does not replicate")
    func severalWritable() {
        var election = WriterElection(choices: [10, 20])
        #expect(election.decide([Self.writable, Self.writable], peers: .reachable([])).writer == nil)
        #expect(election.decide([Self.writable, Self.writable], peers: .reachable([])).problem == .severalWritable([0, 1]))
        #expect(election.decide([.writable(isReplicating: true), Self.writable], peers: .reachable([])).writer == 1)
        let both = election.decide([Self.writable, Self.writable], peers: .reachable([]))
        #expect(both.writer == 1 && both.problem == .severalWritable([0, 1]))
        #expect(election.decide([Self.writable, .unreachable], peers: .reachable([])).writer == 0)
    }

    @Test("keeps the writer when it refuses this node")
    func unknown() {
        var election = WriterElection(choices: [10, 20])
        _ = election.decide([Self.writable, .readOnly], peers: .reachable([]))
        #expect(election.decide([.unknown, .unknown], peers: .reachable([])).writer == 0)
        #expect(election.decide([.unknown, Self.writable], peers: .reachable([])).writer == 0)
    }

    @Test("leaves a silent writer only for a server that accepts writes")
    func unanswered() {
        var election = WriterElection(choices: [10, 20])
        #expect(election.decide([.unanswered, .unanswered], peers: .reachable([])).problem == .starting)
        _ = election.decide([Self.writable, .readOnly], peers: .reachable([]))
        for other in [Writability.readOnly, .unreachable, .unknown, .unanswered] {
            #expect(election.decide([.unanswered, other], peers: .reachable([])).writer == 0)
        }
        let moved = election.decide([.unanswered, Self.writable], peers: .reachable([]))
        #expect(moved.writer == 1 && moved.closing == [0])
    }

    @Test("has no writer while a peer follows another ballot, and replaces its own by a higher one")
    func peers() {
        var election = WriterElection(choices: [10, 20])
        let peer = { (epoch: UInt64, choice: UInt64, isConfirmed: Bool) in
            let ballot = WriterBallot(epoch: epoch, choice: choice)
            return WriterPeers.reachable([.init(name: "b", message: WriterMessage(ballot: ballot, isConfirmed: isConfirmed), known: ballot)])
        }
        #expect(election.decide([Self.writable, .readOnly], peers: .awaited).writer == nil)
        let first = election.decide([Self.writable, .readOnly], peers: .reachable([.init(name: "b", message: nil, known: nil)]))
        #expect(first.writer == nil && first.problem == .peerBehind("b") && first.message?.ballot == WriterBallot(epoch: 1, choice: 10))
        let known = WriterBallot(epoch: 1, choice: 10)
        #expect(election.decide([Self.writable, .readOnly], peers: .reachable([.init(name: "b", message: nil, known: known)])).writer == 0)
        let objected = election.decide([.unreachable, Self.writable], peers: peer(1, 10, true))
        #expect(objected.writer == nil && objected.problem == .peerObjects("b") && objected.message?.ballot.epoch == 1)
        let cast = election.decide([.unreachable, Self.writable], peers: peer(1, 10, false))
        #expect(cast.writer == nil && cast.problem == .peerBehind("b") && cast.message?.ballot == WriterBallot(epoch: 2, choice: 20) && cast.closing == [0])
        #expect(election.decide([.unreachable, Self.writable], peers: peer(2, 20, false)).writer == 1)
        let taken = election.decide([Self.writable, Self.writable], peers: peer(7, 10, true))
        #expect(taken.writer == 0 && taken.message?.ballot.epoch == 7 && taken.closing == [1])
        #expect(election.decide([Self.writable, .readOnly], peers: peer(8, 99, true)).problem == .peerObjects("b"))
        #expect(election.decide([Self.writable, .readOnly], peers: .reachable([])).writer == 0)
        #expect(election.decide([Self.writable, .readOnly], peers: peer(.max, 20, true)).message?.ballot.epoch == 9)
    }

    @Test("continues after a reload with the previous process's ballot")
    func memory() {
        var election = WriterElection(choices: [10, 20], memory: WriterBallot(epoch: 4, choice: 20))
        let decision = election.decide([.unknown, .unknown], peers: .awaited)
        #expect(decision.writer == 1 && decision.closing.isEmpty && decision.message?.ballot.epoch == 4)
    }

    @Test("never has two writers among nodes that hear each other, and always settles on one", arguments: seeds(96))
    func neverTwo(seed: UInt64) {
        var world = ElectionWorld(seed: seed)
        for step in 0..<3_000 {
            world.step()
            guard world.isSafe else {
                Issue.record("seed \(seed), step \(step): \(world.nodes.map(\.decision)) by \(world.nodes.map(\.writability))")
                return
            }
        }
        world.calm()
        #expect(world.nodes.allSatisfy { $0.decision.writer == 1 }, "seed \(seed): \(world.nodes.map(\.decision))")
        let epoch = world.nodes[0].election.ballot?.epoch
        // A second writable server changes nothing.
        world.truth[2] = .writable(isReplicating: false)
        for _ in 0..<400 { world.step(isTroubled: false) }
        #expect(world.nodes.allSatisfy { $0.decision.writer == 1 && $0.election.ballot?.epoch == epoch }, "seed \(seed)")
    }
}

/// Nodes whose checks and ballots arrive late, and servers that change at random. Nodes always hear each other; they restart now and then.
struct ElectionWorld {
    struct Member {
        var election = WriterElection(choices: [10, 20, 30])
        var writability = Array(repeating: Writability.unknown, count: 3)
        var decision = WriterElection.Decision()
        /// The latest ballot received from each node, by node.
        var heard: [WriterMessage?]
        /// This node's last ballot that each node has acknowledged, by node.
        var known: [WriterBallot?]
        /// A node that has just started has not received the others' ballots.
        var isStarting = true
    }

    struct Message {
        var from: Int
        var to: Int
        var at: Int
        var run: Int
        var content: WriterMessage?
        /// The acknowledged ballot, in an acknowledgement.
        var known: WriterBallot?
    }

    var nodes: [Member]
    var truth: [Writability] = [.writable(isReplicating: false), .readOnly, .readOnly]
    private var random: SplitMix64
    private var messages: [Message] = []
    private var now = 0
    private var runs: [Int]

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        let count = seed % 3 == 0 ? 3 : 2
        nodes = Array(repeating: Member(heard: Array(repeating: nil, count: count), known: Array(repeating: nil, count: count)), count: count)
        runs = Array(repeating: 0, count: count)
    }

    /// All nodes with a writer have the same one, and each has seen it writable or does not know its state.
    var isSafe: Bool {
        var common: Int?
        for node in nodes {
            guard let writer = node.decision.writer else { continue }
            guard common ?? writer == writer, node.writability[writer] != .readOnly, node.writability[writer] != .unreachable else { return false }
            common = writer
        }
        return true
    }

    private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    mutating func step(isTroubled: Bool = true) {
        now += 1
        if isTroubled, chance(40) {
            truth[Int.random(in: 0..<3, using: &random)] =
                [.readOnly, .readOnly, .unreachable, .unanswered, .writable(isReplicating: false)][
                    Int.random(in: 0..<5, using: &random)]
        }
        if isTroubled, chance(400) { restart(Int.random(in: 0..<nodes.count, using: &random)) }
        // A node's ballots arrive late but in order; a ballot that a later one replaces may be lost.
        let due = messages.filter { $0.at <= now && $0.run == runs[$0.from] }
        messages.removeAll { $0.at <= now }
        for message in due { deliver(message) }
        for index in nodes.indices {
            if nodes[index].isStarting { nodes[index].isStarting = !nodes.indices.allSatisfy { $0 == index || hasHeard(index, of: $0) } }
            if chance(6) {
                let server = Int.random(in: 0..<3, using: &random)
                nodes[index].writability[server] = isTroubled && chance(20) ? .unreachable : truth[server]
            }
            decide(index)
        }
    }

    /// Delivers a ballot, which is acknowledged, or an acknowledgement.
    private mutating func deliver(_ message: Message) {
        if let known = message.known {
            // Of two acknowledgements the higher one is the later: epochs never fall.
            nodes[message.to].known[message.from] = nodes[message.to].known[message.from].map { max($0, known) } ?? known
            return
        }
        nodes[message.to].heard[message.from] = message.content
        decide(message.to)
        guard let ballot = message.content?.ballot else { return }
        let delay = Int.random(in: 1...12, using: &random)
        messages.append(Message(from: message.to, to: message.from, at: now + delay, run: runs[message.to], content: nil, known: ballot))
    }

    /// A node that starts waits for the others' present ballots before it takes part.
    private func hasHeard(_ index: Int, of other: Int) -> Bool { nodes[other].isStarting || nodes[index].heard[other] == nodes[other].decision.message }

    private mutating func restart(_ index: Int) {
        nodes[index] = Member(heard: Array(repeating: nil, count: nodes.count), known: Array(repeating: nil, count: nodes.count))
        runs[index] += 1
        messages.removeAll { $0.from == index || $0.to == index }
        for other in nodes.indices where other != index {
            (nodes[other].heard[index], nodes[other].known[index]) = (nil, nil)
            say(from: other, to: index)
        }
    }

    private mutating func decide(_ index: Int) {
        let peers = nodes.indices.filter { $0 != index }.map {
            WriterPeers.Peer(name: "node\($0)", message: nodes[index].heard[$0], known: nodes[index].known[$0])
        }
        let before = nodes[index].decision.message
        nodes[index].decision = nodes[index].election.decide(nodes[index].writability, peers: nodes[index].isStarting ? .awaited : .reachable(peers))
        guard nodes[index].decision.message != before else { return }
        for other in nodes.indices where other != index { say(from: index, to: other) }
    }

    /// A node's ballots arrive late but in order.
    private mutating func say(from: Int, to: Int) {
        let delay = Int.random(in: 1...12, using: &random)
        let last = messages.filter { $0.from == from && $0.to == to && $0.known == nil }.map(\.at).max() ?? 0
        messages.append(Message(from: from, to: to, at: max(now + delay, last), run: runs[from], content: nodes[from].decision.message, known: nil))
    }

    /// Ends all faults, with the second server as the writer.
    mutating func calm() {
        truth = [.readOnly, .writable(isReplicating: false), .readOnly]
        for _ in 0..<400 { step(isTroubled: false) }
    }
}
