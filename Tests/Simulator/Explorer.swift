import Gossip
import Simulation
import Support
import Wire

/// Runs two nodes with two servers through every order of events up to a depth, without random choices.
///
/// A node's state follows from its inputs and their times. A hash of both nodes' inputs and of the datagrams in transit therefore identifies a state, and
/// orders that differ only between the nodes are explored once.
struct Explorer {
    static let depth = 6
    private static let flightsMax = 6

    private struct Flight {
        let bytes: [UInt8]
        let receiver: Int
        let hash: UInt64
        var isDoubled = false
    }

    private struct State {
        var nodes: [GossipNode?] = [nil, nil]
        var shadows: [NodeShadow?] = [nil, nil]
        var issued = IssuedRows()
        var flights: [Flight] = []
        var now = GossipWorld.start
        var inputs: [UInt64] = [1, 2]
        var runs = [0, 0]
        var memories = [GossipMemory(), GossipMemory()]
        var checks = 0
        var crashes = 0
        /// The highest sequence number sealed with each key.
        var sealed: [UInt64: UInt64] = [:]
        var violation: Violation?
    }

    private enum Move {
        case deliver(Int)
        case drop(Int)
        case double(Int)
        case advance
        case observe(Int, ServerID, Finding)
        case crash(Int)
        case restart(Int)
    }

    private let seal = NullSeal()
    private let servers = (0..<2).map { GossipServer(id: ServerID(UInt64($0)), name: "s\($0)", proxy: 0, rise: 1, fall: 3, policy: .fastDown) }
    private let key: KeyRing.Key
    private let rules: SafetyRules
    private var seen: [UInt64: Int] = [:]
    private(set) var states = 0
    private(set) var moves = 0
    private var violation: Violation?
    private(set) var path: [String] = []

    init(rules: SafetyRules = .all) throws {
        self.rules = rules
        seal.isRemembering = false
        key = try GossipWorld.key(1, seal)
    }

    /// Explores from the start of both nodes, and again after they have connected. Returns the first broken rule.
    mutating func run(depth: Int) -> Violation? {
        var state = State()
        for index in 0..<2 { start(index, &state) }
        explore(state, depth)
        let end = state.now.advanced(by: .seconds(1))
        while state.now < end, violation == nil {
            if state.flights.isEmpty { advance(&state) } else { deliver(0, &state, keeping: false) }
            violation = state.violation
        }
        for index in 0..<2 { for server in servers { observe(index, server.id, .passed, &state) } }
        while !state.flights.isEmpty { deliver(0, &state, keeping: false) }
        state.checks = 0
        explore(state, depth)
        return violation
    }

    private mutating func explore(_ state: State, _ depth: Int) {
        guard depth > 0, violation == nil else { return }
        let name = name(state)
        if let done = seen[name], done >= depth { return }
        if seen[name] == nil { states += 1 }
        seen[name] = depth
        for move in possible(state) {
            var next = state
            make(move, &next)
            moves += 1
            if let found = next.violation { violation = found }
            explore(next, depth - 1)
            guard violation == nil else {
                path.append("\(move)")
                return
            }
        }
    }

    private func possible(_ state: State) -> [Move] {
        var list: [Move] = []
        for index in state.flights.indices.prefix(Explorer.flightsMax) {
            list += [.deliver(index), .drop(index)]
            if !state.flights[index].isDoubled { list.append(.double(index)) }
        }
        if state.nodes.contains(where: { $0 != nil }) { list.append(.advance) }
        for index in 0..<2 {
            if state.nodes[index] == nil {
                list.append(.restart(index))
            } else {
                if state.checks < 4 {
                    for server in servers { list += [.observe(index, server.id, .failedWithResponse), .observe(index, server.id, .passed)] }
                }
                if state.crashes < 2 { list.append(.crash(index)) }
            }
        }
        return list
    }

    private func make(_ move: Move, _ state: inout State) {
        switch move {
        case .deliver(let index): deliver(index, &state, keeping: false)
        case .double(let index): deliver(index, &state, keeping: true)
        case .drop(let index): state.flights.remove(at: index)
        case .advance: advance(&state)
        case .observe(let index, let server, let finding):
            state.checks += 1
            observe(index, server, finding, &state)
        case .crash(let index):
            state.crashes += 1
            state.nodes[index] = nil
            state.shadows[index] = nil
            state.inputs[index] = mix(state.inputs[index], 77)
        case .restart(let index): start(index, &state)
        }
    }
}

extension Explorer {
    private func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        var generator = SplitMix64(seed: hash &* 0x9e37_79b9_7f4a_7c15 ^ word)
        return generator.next()
    }

    private func hash(_ bytes: [UInt8]) -> UInt64 { bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 } }

    private func name(_ state: State) -> UInt64 {
        var name = mix(state.inputs[0], state.inputs[1])
        name = mix(name, UInt64(bitPattern: state.now.nanoseconds))
        name = mix(name, UInt64(state.checks * 8 + state.crashes))
        return mix(name, state.flights.reduce(0) { $0 &+ mix($1.hash, $1.isDoubled ? 3 : 5) })
    }

    private func start(_ index: Int, _ state: inout State) {
        let other = 1 - index
        let peer = GossipPeer(id: GossipWorld.id(other), name: "node\(other)", address: GossipWorld.address(other))
        var settings = GossipSettings(cluster: 7, node: GossipWorld.id(index), peers: [peer], configuration: 1)
        settings.rules = rules
        state.runs[index] += 1
        state.inputs[index] = mix(state.inputs[index], UInt64(state.runs[index]))
        var outputs = GossipOutputs()
        var node = GossipNode(
            settings, ring: KeyRing([key]), memory: state.memories[index], seal: seal, random: SplitMix64(seed: UInt64(index + 10 * state.runs[index])),
            wallMilliseconds: 1_700_000_000_000, now: state.now, into: &outputs)
        node.local(.configured(servers: servers, configuration: 1), now: state.now, into: &outputs)
        var shadow = NodeShadow(id: settings.node, nodes: [GossipWorld.id(0), GossipWorld.id(1)], servers: servers, twin: nil)
        state.violation = shadow.begin(node, &state.issued)
        (state.nodes[index], state.shadows[index]) = (node, shadow)
        carryOut(outputs, of: index, &state)
    }

    private func deliver(_ number: Int, _ state: inout State, keeping: Bool) {
        let flight = state.flights[number]
        if keeping { state.flights[number].isDoubled = true } else { state.flights.remove(at: number) }
        let datagram = GossipWorld.Datagram(
            bytes: flight.bytes, source: GossipWorld.address(1 - flight.receiver), target: GossipWorld.address(flight.receiver), sender: 1 - flight.receiver)
        take(.datagram(datagram), flight.hash, at: flight.receiver, &state) { core, now, outputs in
            core.receive(datagram.bytes[...], from: datagram.source, now: now, into: &outputs)
        }
    }

    private func observe(_ index: Int, _ server: ServerID, _ finding: Finding, _ state: inout State) {
        let event = GossipEvent.observed(server, Observation(finding, address: .ip(.v4(9), port: 3_306)))
        take(.local(event), server.number * 2 + (finding == .passed ? 1 : 0), at: index, &state) { core, now, outputs in
            core.local(event, now: now, into: &outputs)
        }
    }

    private func advance(_ state: inout State) {
        guard let next = state.nodes.compactMap({ $0?.nextDeadline }).min() else { return }
        state.now = max(state.now, next)
        for index in 0..<2 where state.nodes[index].map({ $0.nextDeadline <= state.now }) == true {
            take(.tick, 99, at: index, &state) { core, now, outputs in core.tick(now: now, into: &outputs) }
        }
    }

    private func take(
        _ input: GossipWorld.Input, _ word: UInt64, at index: Int, _ state: inout State, _ body: (inout GossipNode, Instant, inout GossipOutputs) -> Void
    ) {
        guard var core = state.nodes[index] else { return }
        state.nodes[index] = nil
        var outputs = GossipOutputs()
        state.inputs[index] = mix(mix(state.inputs[index], word), UInt64(bitPattern: state.now.nanoseconds))
        state.shadows[index]?.willHandle(input, core, now: state.now)
        body(&core, state.now, &outputs)
        let running = NodeShadow.RunningTime(now: state.now, pauses: 0)
        let found = state.shadows[index]?.didHandle(input, core, outputs, now: state.now, running: running, seal: seal, &state.issued)
        if let found = found ?? nil, state.violation == nil { state.violation = found }
        state.nodes[index] = core
        carryOut(outputs, of: index, &state)
    }

    private func carryOut(_ outputs: GossipOutputs, of index: Int, _ state: inout State) {
        for output in outputs.list {
            switch output {
            case .send(let range, _):
                let bytes = Array(outputs.bytes[range])
                recordSeal(bytes, &state)
                state.flights.append(Flight(bytes: bytes, receiver: 1 - index, hash: hash(bytes)))
            case .persist(.session(let session)): state.memories[index].session = session
            default: break
            }
        }
    }

    /// S5: the sequence numbers of a traffic key rise.
    private func recordSeal(_ bytes: [UInt8], _ state: inout State) {
        guard let header = try? Header(bytes[...]), header.kind != .hello, header.kind != .helloAnswer else { return }
        let key = mix(mix(header.sender.number, header.senderSession), UInt64(header.key))
        if state.sealed[key, default: 0] >= header.sequence { state.violation = Violation("S5", "sequence \(header.sequence) sealed twice") }
        state.sealed[key] = header.sequence
    }
}
