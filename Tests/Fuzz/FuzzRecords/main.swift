import FuzzWorld
import Glibc
import Gossip
import Wire

// A malicious node that has the key: arbitrary records in correctly sealed datagrams, in any order, with time and own checks in between.

private let actionsCount = 10
/// The limit on the virtual time of an input.
private let timeMax = Duration.seconds(20)
private let trafficKinds = DatagramKind.allCases.filter { $0 != .hello && $0 != .helloAnswer }.map(\.rawValue)
private let findings: [Finding] = [.passed, .failedWithResponse, .failedWithoutResponse, .accessDenied, .full, .blocked, .ownFault]
private let recordBytesMax = GossipLimits.datagramBytesMax - Header.bytesCount - SealFormat.tagBytes
private let settled: FuzzWorld = {
    do { return try FuzzWorld() } catch { fatalError("\(error)") }
}()

/// An action of an input.
///
///     0, 1  a peer sends: peer, kind, u16 length, records  6  an operator's command: server, state
///     2     time passes: one byte                          7  a peer falls silent, or sends again: peer
///     3     time passes in which no node runs              8  leases, checks, clocks, LEAVE: a choice
///     4     node 0 checks: server and finding              9  a peer's next handshake is forged: peer, offset, u16 length, bytes
///     5     a peer restarts: peer, session
private func act(_ world: inout FuzzWorld, _ input: inout FuzzInput) {
    let choice = input.choice(actionsCount)
    switch choice {
    case 0, 1:
        let before = world.usableCounts
        let (peer, kind) = (1 + input.choice(2), trafficKinds[input.choice(trafficKinds.count)])
        world.sendForged(kind, input.chunk(limit: recordBytesMax), by: peer)
        world.checkFloor(before: before)
        world.checkPeerEffect(of: peer)
    case 2: world.advance(input.duration())
    case 3: world.starve(input.duration())
    case 4: world.observe(input.choice(FuzzWorld.servers.count), findings[input.choice(findings.count)], at: 0)
    case 5: world.restart(1 + input.choice(2), session: input.word())
    case 6: administer(&world, &input)
    case 7: world.isMuted[1 + input.choice(2)].toggle()
    case 8: occur(&world, &input)
    default: world.seals[1 + input.choice(2)].handshake = (input.choice(80), input.chunk(limit: 400))
    }
}

private func administer(_ world: inout FuzzWorld, _ input: inout FuzzInput) {
    let server = FuzzWorld.servers[input.choice(FuzzWorld.servers.count)].id
    let bits = input.byte()
    let state = AdministrativeState.allCases[Int(bits & 3) % AdministrativeState.allCases.count]
    world.step(0) { node, now, outputs in
        // A refusal is a valid result.
        try? node.administer(
            server, state, weight: bits & 4 != 0 ? UInt16(bits) : nil, for: bits & 8 != 0 ? .milliseconds(500) : nil,
            force: bits & 16 != 0 ? .forced : .careful, now: now, into: &outputs)
    }
}

private func occur(_ world: inout FuzzWorld, _ input: inout FuzzInput) {
    let word = UInt64(input.byte())
    switch word % 8 {
    case 0: world.local(0, .acquireLease(word / 8))
    case 1: world.local(0, .releaseLease(word / 8))
    case 2: world.local(0, .requestPeerChecks(FuzzWorld.server(Int(word / 8) % 9)))
    case 3: world.local(0, .wallClock(milliseconds: input.word()))
    case 4: world.local(0, .peerAddress(FuzzWorld.id(1 + Int(word / 8) % 2), word & 8 != 0 ? nil : FuzzWorld.elsewhere))
    case 5: world.local(1 + Int(word / 8) % 2, .acquireLease(word / 16))
    case 6: world.observe(Int(word / 8) % FuzzWorld.servers.count, findings[input.choice(findings.count)], at: 1)
    default:
        world.local(0, word > 250 ? .leave : .ballot(subject: word / 64, epoch: word / 8, choice: word, isConfirmed: word & 8 != 0))
    }
}

/// Inputs made of the datagrams of honest nodes.
@MainActor private func seeds() -> [(name: String, bytes: [UInt8])] {
    var world = settled
    world.observe(1, .failedWithResponse, at: 1)
    world.step(1) { node, now, outputs in
        try? node.administer(FuzzWorld.server(2), .drain, weight: 5, for: .seconds(60), now: now, into: &outputs)
    }
    world.local(1, .acquireLease(3))
    world.local(1, .requestPeerChecks(FuzzWorld.server(1)))
    world.sendForged(DatagramKind.digest.rawValue, digestRecord(world), by: 1)
    world.sendForged(DatagramKind.pull.rawValue, pullRecord(), by: 1)
    world.advance(.milliseconds(600))
    world.isMuted[1] = true
    world.advance(.milliseconds(700))
    world.isMuted[1] = false
    world.advance(.seconds(1))
    world.local(1, .leave)
    world.advance(.seconds(1))
    var seeds: [(name: String, bytes: [UInt8])] = []
    var known: [[UInt8]] = []
    for (bytes, source) in world.history where bytes.count > Header.bytesCount + SealFormat.tagBytes && source == FuzzWorld.address(1) {
        guard let kind = trafficKinds.firstIndex(of: bytes[3]), known.count < 40 else { continue }
        let records = bytes[Header.bytesCount..<bytes.count - SealFormat.tagBytes]
        let shape = [bytes[3], UInt8(records.count >> 8), UInt8(records.count & 255)]
        guard !known.contains(shape) else { continue }
        known.append(shape)
        seeds.append(("said-\(bytes[3])-\(records.count)", [0, 0, UInt8(kind)] + shape[1...] + records + [2, 100]))
    }
    seeds += maliciousRows()
    seeds.append(("dead-peer", [7, 0, 2, 175, 7, 0, 2, 50]))
    seeds.append(("new-run", [5, 0, 0, 0, 1, 150, 0, 0, 0, 0, 2, 30]))
    seeds.append(("own-looks", [4, 0, 1, 2, 60, 4, 1, 1, 2, 60, 4, 1, 2, 2, 60, 4, 3, 4]))
    seeds.append(("operator", [6, 3, 2, 6, 3, 26, 2, 30, 8, 8, 8, 9]))
    seeds.append(("lying-handshake", [9, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 5, 0, 0, 0, 1, 150, 0, 0, 0, 0, 2, 90]))
    seeds.append(("starved", [3, 200, 0, 0, 0, 0, 0, 2, 10]))
    return seeds
}

/// Rows that would do harm if a rule were missing: a third node's death, a server that is down.
@MainActor private func maliciousRows() -> [(name: String, bytes: [UInt8])] {
    var records: [(name: String, record: Record)] = []
    for row in settled.nodes[0].tables.memberRows where row.node == FuzzWorld.id(2) {
        records.append(("death", .member(MemberRow(node: row.node, session: row.session, refutations: row.refutations, rank: .dead))))
    }
    for row in settled.nodes[0].tables.healthRows where row.observer == FuzzWorld.id(1) {
        var worse = row
        (worse.verdict, worse.failures, worse.version, worse.observed) = (.down, 3, row.version + 9, settled.now)
        records.append(("down-\(row.server.number)", .health(worse)))
    }
    return records.map { name, record in
        var bytes: [UInt8] = []
        record.write(to: &bytes, now: settled.now)
        return ("lie-" + name, [0, 0, 3, 0, UInt8(bytes.count)] + bytes + [2, 60])
    }
}

private func digestRecord(_ world: FuzzWorld) -> ArraySlice<UInt8> {
    var bytes: [UInt8] = []
    Record.digest(world.nodes[0].tables.digest.map { $0 &+ 1 }).write(to: &bytes, now: world.now)
    return bytes[...]
}

@MainActor private func pullRecord() -> ArraySlice<UInt8> {
    var bytes: [UInt8] = []
    Record.pull(.max).write(to: &bytes, now: settled.now)
    return bytes[...]
}

exit(
    FuzzDriver.run(seeds: seeds) { start, count in
        var world = settled
        for seal in world.seals { seal.reset() }
        var input = FuzzInput(start, count)
        while !input.isAtEnd, settled.now.duration(to: world.now) < timeMax {
            act(&world, &input)
            world.settle()
            world.checkInvariants()
        }
        return 0
    })
