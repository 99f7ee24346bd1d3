import Gossip
import Simulation
import Wire

/// After the last fault everything must recover within the bounds.
extension Scenario {
    private static let bound = Duration.seconds(2)

    func recover() {
        guard failure == nil else { return }
        endFaults()
        let stopped = world.now
        expectAllAlive(by: stopped.advanced(by: Scenario.bound), "L1", "after the last fault")
        guard failure == nil,
            world.run(until: stopped.advanced(by: Scenario.bound), { $0.tablesAreEqual || self.failure != nil }) != nil || world.tablesAreEqual
        else {
            return fail(Violation("L2", "tables differ 2 s after the last fault: \(world.members.compactMap { $0.core?.tables.rowsCount }) rows"))
        }
        expectServersUp()
        endRotation()
        expectQuiet()
        expectCommandsEverywhere()
        expectCommandsAccepted()
        expectDeathDetected()
    }

    private func endFaults() {
        world.heal()
        let delay = world.network.delayMin
        world.network = GossipWorld.Network()
        (world.network.delayMin, world.network.delayMax) = (delay, delay + .milliseconds(2))
        seal.rewrite = nil
        if let impostor { world.crash(impostor) }
        for index in nodes {
            if pausedSince[index] != nil, world.members[index].core != nil { resume(index, losesInbox: false) }
            // When two nodes share a name, the operator ends one and restarts the other.
            if world.members[index].core == nil || index == 1 && impostor != nil || world.members[index].core?.ownRank != .alive { start(index) }
        }
        databases.recover()
        for index in nodes {
            configure(index, world.servers, configuration: 1)
            for server in databases.list.indices { learn(server, by: index) }
            resolvePeers(of: index)
        }
        if let reached = rotation?.reached, reached > .before { for index in nodes where step(of: index) == .before { rotate(index) } }
        // Waits for the end of bursts.
        run(.milliseconds(900))
        world.heal()
    }

    private func expectAllAlive(by end: Instant, _ rule: String, _ when: String) {
        guard failure == nil, !allAlive else { return }
        world.run(until: end) { _ in self.allAlive || self.failure != nil }
        guard failure == nil, !allAlive else { return }
        let pairs = nodes.flatMap { one in
            nodes.filter { $0 != one && world.state(of: $0, at: one) != .alive }.map {
                "\(one) sees \($0) \(world.state(of: $0, at: one).map { "\($0)" } ?? "not")"
            }
        }
        fail(Violation(rule, "\(when): \(pairs.prefix(6).joined(separator: ", "))"))
    }

    private var allAlive: Bool { nodes.allSatisfy { one in nodes.allSatisfy { $0 == one || world.state(of: $0, at: one) == .alive } } }

    /// All databases work: passed checks bring every server UP on every node.
    private func expectServersUp() {
        guard failure == nil else { return }
        world.run(until: world.now.advanced(by: .seconds(20))) { _ in self.allUp || self.failure != nil }
        guard failure == nil, !allUp else { return }
        let down = nodes.flatMap { node in world.servers.filter { world.verdict($0.id, at: node) != .up }.map { "\($0.name) at \(node)" } }
        fail(Violation("verdicts", "not UP although no fault is left: \(down.joined(separator: ", "))"))
    }

    private var allUp: Bool { nodes.allSatisfy { node in world.servers.allSatisfy { world.verdict($0.id, at: node) == .up } } }

    /// Checks L5, and L2 once the tables no longer change.
    private func expectQuiet() {
        run(.seconds(2))
        guard failure == nil else { return }
        guard world.tablesAreEqual else { return fail(Violation("L2", "tables differ without an event")) }
        let before = nodes.map { world.members[$0].sentDatagrams }
        run(.seconds(2))
        for index in nodes where failure == nil {
            let sent = world.members[index].sentDatagrams - before[index]
            // A row that still changes costs a few datagrams to and from each peer.
            guard sent <= 2 * 6 * (settings.nodes - 1) + 20 + 4 * settings.nodes else {
                return fail(Violation("L5", "node \(index) sends \(sent / 2) datagrams a second when idle"))
            }
        }
    }

    /// S12: every node has each command or a later one.
    private func expectCommandsEverywhere() {
        guard failure == nil else { return }
        for (number, word) in issued.commands.enumerated() where number >= lostCommands && (impostor == nil || word.origin != GossipWorld.id(1)) {
            for index in nodes {
                let row = world.members[index].core?.tables.administrativeRows.first { $0.server == word.server }
                guard row == word || row?.isNewer(than: word) == true else {
                    return fail(Violation("S12", "node \(index) has \(row.map { "\($0)" } ?? "no row"), but \(word) is later"))
                }
            }
        }
    }

    /// L7: regardless of what was sent before, an operator can give a later command on every node, and all nodes accept it.
    private func expectCommandsAccepted() {
        for (node, server) in zip(nodes.prefix(2), world.servers) where failure == nil {
            let isSaid = world.with(node) { core, now, outputs in (try? core.setWeight(server.id, 256, now: now, into: &outputs)) != nil }
            guard isSaid == true else { return fail(Violation("L7", "an operator of node \(node) cannot give a command for \(server.name)")) }
            run(.seconds(2))
            let unaware = nodes.filter { index in
                world.members[index].core?.tables.administrativeRows.first { $0.server == server.id }?.origin != GossipWorld.id(node)
            }
            if let first = unaware.first { fail(Violation("L7", "node \(first) has not accepted the command of node \(node)'s operator for \(server.name)")) }
        }
    }

    /// L3 and L4: a node dies and returns at another address without its store.
    private func expectDeathDetected() {
        guard failure == nil else { return }
        let victim = draw(settings.nodes)
        let loss = nodes.compactMap { world.members[$0].core?.loss(of: GossipWorld.id(victim)) }.map { max($0.fromPeer, $0.toPeer) }.max() ?? 0
        world.crash(victim)
        run(.milliseconds(loss <= 5 ? 1_200 : loss <= 20 ? 1_600 : 2_200))
        for index in nodes where index != victim && failure == nil && world.state(of: victim, at: index) != .dead {
            fail(Violation("L3", "node \(index) has not declared node \(victim) dead, at \(loss) % loss"))
        }
        run(.milliseconds(draw(5_000)))
        world.move(victim, to: GossipWorld.address(200 + draw(50)))
        forgetStore(of: victim)
        start(victim, losesStore: true)
        // Its peers may have moved as well.
        resolvePeers(of: victim)
        expectAllAlive(by: world.now.advanced(by: .seconds(1)), "L4", "a second after node \(victim) has returned at another address")
    }
}
