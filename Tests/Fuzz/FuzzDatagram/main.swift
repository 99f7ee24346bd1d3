import FuzzWorld
import Glibc
import Gossip
import Wire

// Attackers without the key who have seen all datagrams on the wire. They must not change any state of the node.

/// The actions of an input.
///
///     0  any bytes: u16 length, bytes                 3  a recorded datagram, again, from elsewhere: index
///     1  a forged header, then any bytes as the body  4  time passes: one byte
///     2  a recorded datagram, with a change           5  time passes in which no node runs: one byte
private let actionsCount = 6
/// The limit on the virtual time of an input.
private let timeMax = Duration.seconds(5)
private let settled: FuzzWorld = {
    do { return try FuzzWorld() } catch { fatalError("\(error)") }
}()

private func forged(_ input: inout FuzzInput, _ world: FuzzWorld) -> [UInt8] {
    let seen = world.history[Int(input.byte()) % world.history.count].bytes
    guard var header = try? Header(seen[...]) else { return [] }
    let fields = input.byte()
    if let kind = DatagramKind(rawValue: input.byte() % 13) { header.kind = kind }
    if fields & 1 != 0 { header.key = UInt32(truncatingIfNeeded: input.word()) }
    if fields & 2 != 0 { header.key = world.ringKey.id }
    if fields & 4 != 0 { header.sender = NodeID(UInt64(98) + UInt64(input.choice(8))) }
    if fields & 8 != 0 { header.senderSession &+= UInt64(bitPattern: Int64(Int8(bitPattern: input.byte()))) }
    if fields & 16 != 0 { header.sequence = input.word() }
    if fields & 32 != 0 { header.receiverSession = header.kind == .hello ? 0 : input.word() }
    if fields & 64 != 0 { header.cluster = input.word() }
    if fields & 128 == 0 { header.receiver = FuzzWorld.id(0) }
    var bytes: [UInt8] = []
    header.write(to: &bytes)
    return bytes + input.chunk(limit: 2_048)
}

private func changed(_ input: inout FuzzInput, _ world: FuzzWorld) -> [UInt8] {
    var bytes = world.history[Int(input.byte()) % world.history.count].bytes
    let position = Int(input.byte()) << 3 | Int(input.byte() & 7)
    let difference = max(1, input.byte())
    if position < bytes.count { bytes[position] ^= difference } else { bytes.removeLast(min(bytes.count, Int(difference))) }
    return bytes
}

/// The state that an attacker must not change.
private struct ProtectedState: Equatable {
    let tables: UInt64
    let session: UInt64
    let places: [SocketAddress?]
    let sessions: [UInt64?]
    let states: [PeerState?]
    let verdicts: [ServerVerdict?]

    init(_ node: GossipNode) {
        (tables, session) = (node.tables.hash, node.session)
        let proven = [1, 2].map { node.proven(FuzzWorld.id($0)) }
        (places, sessions) = (proven.map { $0?.address }, proven.map { $0?.session })
        states = [1, 2].map { node.state(of: FuzzWorld.id($0)) }
        verdicts = FuzzWorld.servers.map { node.verdict(of: $0.id) }
    }
}

private func attack(_ world: inout FuzzWorld, _ bytes: [UInt8], from source: SocketAddress) {
    let before = ProtectedState(world.nodes[0])
    let sent = world.nodes[0].counters.sent
    world.inject(bytes[...], from: source)
    precondition(ProtectedState(world.nodes[0]) == before, "a stranger's datagram has changed the node's state")
    // A repeated HELLO is answered, which proves nothing. Other datagrams get no answer.
    precondition(world.nodes[0].counters.sent - sent <= 1, "a stranger's datagram got several answers")
    let isAnswerable = bytes.count > 3 && bytes[3] == DatagramKind.hello.rawValue
    precondition(isAnswerable || world.nodes[0].counters.sent == sent, "a stranger's datagram got an answer")
}

private func act(_ world: inout FuzzWorld, _ input: inout FuzzInput) {
    switch input.choice(actionsCount) {
    case 0: attack(&world, Array(input.chunk(limit: 2_048)), from: FuzzWorld.elsewhere)
    case 1: attack(&world, forged(&input, world), from: FuzzWorld.address(1))
    case 2: attack(&world, changed(&input, world), from: FuzzWorld.address(1))
    case 3: attack(&world, world.history[Int(input.byte()) % world.history.count].bytes, from: FuzzWorld.elsewhere)
    case 4: world.advance(input.duration())
    default: world.starve(input.duration())
    }
}

@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    var seeds: [(name: String, bytes: [UInt8])] = []
    var kinds: [UInt8] = []
    for (bytes, _) in settled.history where bytes.count > 3 && !kinds.contains(bytes[3]) {
        kinds.append(bytes[3])
        seeds.append(("seen-\(bytes[3])", [0, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes))
    }
    for kind in UInt8(1)...11 { seeds.append(("forged-\(kind)", [1, 0, kind == 1 ? 34 : 0, kind, 0, 64] + Array(repeating: kind, count: 64))) }
    seeds.append(("sequence", [1, 200, 16, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 54] + Array(repeating: 7, count: 54)))
    for index in UInt8(0)..<8 { seeds.append(("again-\(index)", [3, index, 4, 10, 3, index])) }
    for bit in [0, 8, 32, 56, 70] as [UInt8] { seeds.append(("changed-\(bit)", [2, bit, bit / 8, bit % 8, 1, 4, 100, 3, bit])) }
    seeds.append(("starved", [5, 200, 3, 0, 4, 200, 5, 255, 4, 1]))
    return seeds
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        var world = settled
        for seal in world.seals { seal.reset() }
        var input = FuzzInput(start, count)
        let before = world.nodes[0].counters.notAuthentic
        while !input.isAtEnd, settled.now.duration(to: world.now) < timeMax {
            act(&world, &input)
            world.checkInvariants()
        }
        // A forged datagram may do damage that shows later: the peers must still be alive.
        guard world.nodes[0].counters.notAuthentic > before else { return 0 }
        world.advance(.milliseconds(600))
        for peer in [1, 2] { precondition(world.nodes[0].state(of: FuzzWorld.id(peer)) == .alive, "a forger has silenced a peer") }
        return 0
    })
