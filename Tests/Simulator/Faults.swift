import Gossip
import Simulation
import Wire

/// Faults, drawn from the seed.
extension Scenario {
    private static let attackerAddress = SocketAddress.ip(.v4(0x0606_0606), port: 6)

    /// Runs a phase of faults.
    func injectFaults() {
        for index in nodes { start(index) }
        run(.milliseconds(draw(2_000)))
        for _ in 0..<settings.faults where failure == nil {
            fault()
            run(.milliseconds(draw(700)))
        }
    }

    private func fault() {
        let node = draw(world.members.count)
        switch draw(12) {
        case 0, 1: networkFault()
        case 2, 3: nodeFault(node)
        case 4: forge(node)
        case 5: rotate(node)
        case 6, 7: databaseFault()
        case 8: operate(node)
        case 9: reconfigure(node)
        case 10: heal()
        default: burst(node)
        }
    }

    private func heal() {
        world.heal()
        seal.rewrite = nil
        for index in nodes where world.members[index].core == nil { start(index) }
    }

    private func networkFault() {
        switch draw(6) {
        case 0: world.network.loss = draw(40)
        case 1: world.network.duplicates = draw(30)
        case 2: (world.network.bitFlips, world.network.truncations) = (draw(10), draw(10))
        case 3: world.network.delayMax = world.network.delayMin + .milliseconds(draw(150))
        case 4: world.network.blocked.append((from: draw(world.members.count), to: draw(world.members.count)))
        default:
            let left = Array(nodes.filter { _ in draw(2) == 0 })
            world.partition(left, nodes.filter { !left.contains($0) })
        }
    }

    /// Drops everything from, and usually to, a node or one of its peers for up to 0.9 s.
    private func burst(_ node: Int) {
        let before = world.network.blocked
        let others = draw(2) == 0 ? Array(world.members.indices) : [draw(world.members.count)]
        for other in others where other != node {
            world.network.blocked.append((from: node, to: other))
            if draw(4) > 0 { world.network.blocked.append((from: other, to: node)) }
        }
        world.schedule(after: .milliseconds(draw(900))) { [weak self] in self?.world.network.blocked = before }
    }

    private func nodeFault(_ node: Int) {
        let isRunning = world.members[node].core != nil
        switch draw(10) {
        case 0, 1: world.crash(node)
        case 2: restart(node)
        case 3: if isRunning { pause(node) }
        case 4, 5: if pausedSince[node] != nil { resume(node, losesInbox: draw(3) == 0) }
        case 6: world.move(node, to: GossipWorld.address(node, port: UInt16(1_000 + draw(1_000))))
        case 7 where isRunning && pausedSince[node] == nil: stepClock(node)
        case 8: memories[node] = world.members[node].memory
        case 9 where isRunning && pausedSince[node] == nil && draw(3) == 0:
            world.local(node, .leave)
            run(.milliseconds(draw(200)))
            world.crash(node)
        default: break
        }
    }

    /// Restarts a node with its store kept, lost or outdated; the clock may be stepped.
    private func restart(_ node: Int) {
        switch draw(4) {
        case 0, 1: start(node)
        case 2:
            forgetStore(of: node)
            start(node, losesStore: true)
        default:
            forgetStore(of: node)
            world.members[node].memory = memories[node] ?? GossipMemory()
            if draw(2) == 0 { world.walls[node] -= UInt64(draw(100_000)) }
            start(node)
        }
    }

    func forgetStore(of node: Int) {
        issued.nodesWithoutStore.insert(GossipWorld.id(node))
        lostCommands = issued.commands.count
    }

    private func stepClock(_ node: Int) {
        world.walls[node] = draw(2) == 0 ? world.walls[node] + UInt64(draw(100_000)) : world.walls[node] - UInt64(draw(100_000))
        world.local(node, .wallClock(milliseconds: world.wall(node)))
    }

    /// Replays, junk, another version, and a receiver that loses rows it has acknowledged.
    private func forge(_ node: Int) {
        guard pausedSince[node] == nil, !world.history.isEmpty else { return }
        switch draw(4) {
        case 0:
            for _ in 0...draw(20) { world.inject(world.history[draw(world.history.count)].bytes, from: Scenario.attackerAddress, to: node) }
        case 1:
            for _ in 0...draw(5) {
                var bytes = world.history[draw(world.history.count)].bytes
                // Mostly headers, because the rest is sealed.
                bytes[draw(draw(2) == 0 ? 56 : bytes.count)] ^= UInt8(1 << draw(8))
                world.inject(bytes, from: Scenario.attackerAddress, to: node)
            }
        case 2:
            var later = world.history[draw(world.history.count)].bytes
            later[2] = 2
            world.inject(later, from: Scenario.attackerAddress, to: node)
        default:
            seal.rewrite = { bytes in
                if bytes[3] == DatagramKind.delta.rawValue { Scenario.discardRows(&bytes) }
            }
        }
    }

    /// Gives the records after the range record an unknown type: the range is acknowledged, and its rows are lost.
    private static func discardRows(_ bytes: inout [UInt8]) {
        var offset = Header.bytesCount
        while offset + 3 <= bytes.count {
            let length = Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
            if offset > Header.bytesCount { bytes[offset] = 200 }
            offset += 3 + length
        }
    }

    private func databaseFault() {
        let index = draw(databases.list.count)
        let conditions: [Databases.Condition] = [.up, .up, .refused, .refused, .silent, .full, .denied]
        switch draw(8) {
        case 0...4: databases[index].condition = conditions[draw(conditions.count)]
        case 5: databases[index].blocks = draw(2) == 0 ? [] : [draw(world.members.count)]
        case 6: databases.exhausted = draw(2) == 0 ? [] : [draw(world.members.count)]
        default:
            databases[index].address = .ip(.v4(0x0a02_0001 + UInt32(draw(1_000))), port: 3_306)
            for node in world.members.indices {
                world.schedule(after: .milliseconds(draw(1_500))) { [weak self] in self?.learn(index, by: node) }
            }
        }
    }

    /// A node resolves a server's name again.
    func learn(_ server: Int, by node: Int) {
        views[node][server] = databases[server].address
        guard pausedSince[node] == nil else { return }
        world.local(node, .addressChanged(databases[server].server.id, databases[server].address))
    }

    private func operate(_ node: Int) {
        guard pausedSince[node] == nil else { return }
        let server = databases[draw(databases.list.count)].server.id
        let state = [AdministrativeState.ready, .drain, .maint][draw(3)]
        let (weight, duration) = (draw(2) == 0 ? nil : UInt16(draw(257)), draw(2) == 0 ? nil : Duration.milliseconds(draw(5_000)))
        let force: AdministrationForce = draw(2) == 0 ? .careful : .forced
        switch draw(6) {
        case 0: world.local(node, .acquireLease(UInt64(draw(2))))
        case 1: world.local(node, .releaseLease(UInt64(draw(2))))
        case 2: world.local(node, .requestPeerChecks(server))
        case 3:
            world.local(node, .ballot(subject: UInt64(draw(2)), epoch: UInt64(1 + draw(9)), choice: server.number, isConfirmed: draw(2) == 0))
        default:
            world.with(node) { core, now, outputs in
                // A refusal (the last usable server, a server that only other nodes have) is a valid result.
                try? core.administer(server, state, weight: weight, for: duration, force: force, now: now, into: &outputs)
            }
        }
    }

    /// A reload with other servers, an impostor, or names that resolve to other addresses.
    private func reconfigure(_ node: Int) {
        switch draw(4) {
        case 0, 1: configure(node, world.servers.filter { _ in draw(4) > 0 }, configuration: UInt64(1 + draw(2)))
        case 2: if let impostor { if world.members[impostor].core == nil { startImpostor(impostor) } else { world.crash(impostor) } }
        default: resolvePeers(of: node)
        }
    }

    /// Starts the impostor, which has the key. It may use the highest session, or publish an operator's command with the highest stamp.
    private func startImpostor(_ impostor: Int) {
        var memory = world.members[impostor].memory
        memory.administrative = []
        switch draw(3) {
        case 0: memory.session = GossipLimits.sessionMax - 2
        case 1:
            memory.session = 0
            let row = AdministrativeRow(
                server: databases[draw(databases.list.count)].server.id, stamp: HybridTime(bits: GossipLimits.clockMillisecondsMax << 16 - 1),
                origin: GossipWorld.id(1), state: .ready, weight: nil, expiry: nil)
            _ = issued.issue(row)
            memory.administrative = [row]
        default: break
        }
        world.members[impostor].memory = memory
        start(impostor)
    }

    func configure(_ node: Int, _ servers: [GossipServer], configuration: UInt64) {
        guard pausedSince[node] == nil else { return }
        world.members[node].servers = servers
        world.local(node, .configured(servers: servers, configuration: configuration))
        for index in databases.list.indices { world.local(node, .addressChanged(databases[index].server.id, views[node][index])) }
    }

    func resolvePeers(of node: Int) {
        guard pausedSince[node] == nil else { return }
        for peer in nodes where peer != node { world.local(node, .peerAddress(GossipWorld.id(peer), world.members[peer].address)) }
    }
}
