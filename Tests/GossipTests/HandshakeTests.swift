import Gossip
import Simulation
import Support
import Testing
import Wire

@Suite("Gossip's handshake")
struct HandshakeTests {
    private let attackerAddress = SocketAddress.ip(.v4(0x0606_0606), port: 6)

    private func isHello(_ bytes: [UInt8]) -> Bool { bytes[3] == DatagramKind.hello.rawValue }

    @Test("gives a replayed HELLO no address, no session and no peer", arguments: [SafetyRules.all, SafetyRules.all.subtracting(.proofBeforeAddress)])
    func replayedHello(rules: SafetyRules) throws {
        let world = try GossipWorld(nodes: 2) { $0.rules = rules }
        world.startAll()
        world.run(.seconds(2))
        let before = try #require(world.members[0].core?.proven(GossipWorld.id(1)))
        for hello in world.history where hello.sender == 1 && isHello(hello.bytes) { world.inject(hello.bytes, from: attackerAddress, to: 0) }
        let after = try #require(world.members[0].core?.proven(GossipWorld.id(1)))
        #expect((before == after) == rules.contains(.proofBeforeAddress))
        world.run(.seconds(3))
        #expect(!rules.contains(.proofBeforeAddress) || world.peerChanges(1, of: 0).allSatisfy { $0.state == .alive })
    }

    @Test("accepts no datagram twice, and no datagram of an earlier handshake", arguments: 0..<8 as Range<UInt64>)
    func replaysOfEverything(seed: UInt64) throws {
        let world = try GossipWorld(nodes: 2, seed: seed)
        world.startAll()
        world.run(.seconds(3))
        let before = try #require(world.members[0].core?.proven(GossipWorld.id(1)))
        for _ in 0..<300 {
            world.inject(world.history[world.random(below: world.history.count)].bytes, from: attackerAddress, to: 0)
            #expect(try #require(world.members[0].core?.proven(GossipWorld.id(1))) == before, "seed \(seed)")
        }
        let old = world.history
        world.crash(1)
        world.start(1)
        world.run(.seconds(2))
        let proven = try #require(world.members[0].core?.proven(GossipWorld.id(1)))
        for datagram in old { world.inject(datagram.bytes, from: attackerAddress, to: 0) }
        #expect(try #require(world.members[0].core?.proven(GossipWorld.id(1))) == proven && proven.session > before.session)
        world.crash(1)
        world.run(.seconds(3))
        #expect(world.state(of: 1, at: 0) == .dead)
        // A replay of the recorded datagrams does not revive the dead peer.
        for datagram in world.history { world.inject(datagram.bytes, from: attackerAddress, to: 0) }
        #expect(world.state(of: 1, at: 0) == .dead && world.seal.reuses == 0)
    }

    @Test("does not complete an abandoned handshake when its datagrams are replayed")
    func staleHandshake() throws {
        let world = try GossipWorld(nodes: 2)
        world.start(1)
        world.run(.milliseconds(60))
        world.start(0)
        world.run(.microseconds(450))
        // Node 1 has answered node 0's HELLO and receives no further datagram of that handshake. The next one, after seven pings, completes.
        world.network.blocked = [(from: 0, to: 1)]
        world.run(.milliseconds(760))
        let recorded = world.history.filter { $0.sender == 0 && $0.bytes[3] == DatagramKind.ping.rawValue }
        world.heal()
        world.run(.seconds(20))
        #expect(world.allAlive && !recorded.isEmpty)
        let before = try #require(world.members[1].core?.proven(GossipWorld.id(0)))
        for datagram in recorded { world.inject(datagram.bytes, from: attackerAddress, to: 1) }
        #expect(try #require(world.members[1].core?.proven(GossipWorld.id(0))) == before)
        world.crash(0)
        world.run(.seconds(3))
        #expect(world.state(of: 0, at: 1) == .dead)
    }

    @Test("completes for a restarted node while a stranger repeats its HELLO from many addresses")
    func helloFlood() throws {
        let world = try GossipWorld(nodes: 2)
        world.startAll()
        world.run(.seconds(2))
        let hello = try #require(world.history.first { $0.sender == 1 && isHello($0.bytes) }).bytes
        world.crash(1)
        var source: UInt32 = 0
        func flood(_ steps: Int) {
            for _ in 0..<steps {
                for _ in 0..<150 {
                    source += 1
                    world.inject(hello, from: .ip(.v4(source), port: 1), to: 0)
                }
                world.run(.milliseconds(10))
            }
        }
        flood(50)
        world.start(1)
        flood(300)
        #expect(world.allAlive)
    }

    @Test("follows a peer to the source address of a fresh datagram, and back")
    func follows() throws {
        let world = try GossipWorld(nodes: 2)
        world.startAll()
        world.run(.seconds(1))
        world.move(1, to: GossipWorld.address(50))
        world.run(.seconds(1))
        #expect(world.members[0].core?.proven(GossipWorld.id(1))?.address == GossipWorld.address(50) && world.allAlive)
        world.move(1, to: GossipWorld.address(1))
        world.run(.seconds(1))
        #expect(world.members[0].core?.proven(GossipWorld.id(1))?.address == GossipWorld.address(1) && world.allAlive)
    }

    @Test("moves the replay window only after a datagram is verified", arguments: [SafetyRules.all, SafetyRules.all.subtracting(.windowCommitOrder)])
    func forgedSequences(rules: SafetyRules) throws {
        let world = try GossipWorld(nodes: 2) { $0.rules = rules }
        world.startAll()
        world.run(.seconds(2))
        var forged = try #require(world.history.last { $0.sender == 1 && $0.bytes[3] == DatagramKind.heartbeat.rawValue }).bytes
        forged[34] = 1
        world.inject(forged, from: attackerAddress, to: 0)
        world.run(.seconds(1))
        #expect(world.allAlive == rules.contains(.windowCommitOrder))
    }

    @Test("answers at most ten HELLOs a second from each source, and keeps a bounded number of handshakes")
    func helloLimits() throws {
        let world = try GossipWorld(nodes: 2)
        world.startAll()
        world.run(.seconds(2))
        let hello = try #require(world.history.first { $0.sender == 1 && isHello($0.bytes) }).bytes
        world.crash(1)
        let before = world.members[0].sentDatagrams
        for _ in 0..<1_000 { world.inject(hello, from: attackerAddress, to: 0) }
        #expect(world.members[0].sentDatagrams - before <= GossipLimits.hellosPerSourceMax)
        for index in 0..<1_000 { world.inject(hello, from: .ip(.v4(UInt32(index)), port: 1), to: 0) }
        let open = try #require(world.members[0].core?.openHandshakes)
        #expect(open.candidates <= 5 && open.sources <= GossipLimits.helloSourcesMax)
        #expect(world.members[0].sentDatagrams - before <= GossipLimits.hellosPerSecondMax + 20)
    }

    @Test("replaces the keys after a fixed number of datagrams, without loss")
    func rekeys() throws {
        let world = try GossipWorld(nodes: 2) { $0.rekeyDatagrams = 50 }
        world.startAll()
        world.run(.seconds(60))
        let keys = Set(world.history.filter { $0.sender == 0 && $0.bytes[3] == DatagramKind.heartbeat.rawValue }.map { Array($0.bytes[4..<8]) })
        #expect(keys.count >= 5 && world.seal.reuses == 0)
        #expect(world.peerChanges(0, of: 1).map(\.state) == [.alive])
    }

    @Test("reports other keys and other versions, and drops datagrams of other clusters")
    func foreignDatagrams() throws {
        let world = try GossipWorld(nodes: 2)
        world.setRing(1, KeyRing([try GossipWorld.key(9, world.seal)]))
        world.startAll()
        world.run(.seconds(3))
        #expect(world.state(of: 1, at: 0) == .unknown && world.alerts(0).contains(.unknownKey(peer: "node1")))
        var later = try #require(world.history.first).bytes
        later[2] = 2
        for _ in 0..<5 { world.inject(later, from: attackerAddress, to: 1) }
        #expect(world.alerts(1).filter { $0 == .unknownVersion(2) }.count == 1)
        var other = try #require(world.history.first { $0.sender == 1 }).bytes
        other[9] ^= 1
        world.inject(other, from: attackerAddress, to: 0)
        #expect(world.members[0].core?.counters.foreign == 1)
    }
}

@Suite("A key rotation")
struct KeyRotationTests {
    @Test("needs no downtime: install, use, remove on every node", arguments: 0..<8 as Range<UInt64>)
    func rotates(seed: UInt64) throws {
        let world = try GossipWorld(nodes: 3, seed: seed)
        world.network.loss = seed % 2 == 0 ? 0 : 10
        world.startAll()
        world.run(.seconds(3))
        let (old, new) = (try GossipWorld.key(1, world.seal), try GossipWorld.key(2, world.seal))
        for index in 0..<3 {
            try world.with(index) { core, _, _ in try core.installKey(new) }
            world.run(.seconds(2))
        }
        for index in 0..<3 {
            try world.with(index) { core, _, _ in try core.useKey(new.id) }
            world.run(.seconds(2))
        }
        world.run(.seconds(3))
        for index in 0..<3 {
            try world.with(index) { core, _, _ in try core.removeKey(old.id) }
            world.run(.seconds(2))
        }
        #expect(world.members.allSatisfy { $0.core?.ring.ids == [new.id] })
        #expect(world.allAlive && world.tablesAreEqual && world.seal.reuses == 0, "seed \(seed)")
        for index in 0..<3 { #expect(!world.members[index].log.contains { if case .peerChanged(_, .dead, _) = $0.output { true } else { false } }) }
    }

    @Test("causes no handshakes between its steps: nodes that send with different keys keep each other's channels")
    func isQuietBetweenSteps() throws {
        let world = try GossipWorld(nodes: 2)
        let keys = try [1, 2].map { try GossipWorld.key($0, world.seal) }
        world.setRing(0, KeyRing(keys))
        world.setRing(1, KeyRing(keys.reversed()))
        world.startAll()
        world.run(.seconds(3))
        let before = world.members.map(\.sentDatagrams)
        world.run(.seconds(10))
        #expect(world.allAlive)
        for (node, count) in before.enumerated() { #expect(world.members[node].sentDatagrams - count <= 62) }
    }

    @Test("refuses to remove a key while a node lacks the new one, and names the node")
    func refusesRemoval() throws {
        let world = try GossipWorld(nodes: 3)
        world.startAll()
        world.run(.seconds(2))
        world.crash(2)
        let (old, new) = (try GossipWorld.key(1, world.seal), try GossipWorld.key(2, world.seal))
        for index in 0..<2 {
            try world.with(index) { core, _, _ in
                try core.installKey(new)
                try core.useKey(new.id)
            }
        }
        world.run(.seconds(3))
        #expect(throws: KeyRing.Refusal.lacking(nodes: ["node2"])) { try world.with(0) { core, _, _ in try core.removeKey(old.id) } }
        #expect(throws: KeyRing.Refusal.inUse) { try world.with(0) { core, _, _ in try core.removeKey(new.id) } }
        #expect(throws: KeyRing.Refusal.unknown) { try world.with(0) { core, _, _ in try core.useKey(77) } }
        // The restarted node has the old key only, and the others still understand it.
        world.start(2)
        world.run(.seconds(2))
        #expect(world.allAlive)
        try world.with(2) { core, _, _ in try core.installKey(new) }
        world.run(.seconds(2))
        #expect(throws: KeyRing.Refusal.sentWith(by: ["node2"])) { try world.with(0) { core, _, _ in try core.removeKey(old.id) } }
        try world.with(2) { core, _, _ in try core.useKey(new.id) }
        world.run(.seconds(2))
        try world.with(0) { core, _, _ in try core.removeKey(old.id) }
        world.run(.seconds(3))
        #expect(world.state(of: 1, at: 0) == .alive)
    }

    @Test("holds at most eight keys")
    func ringIsLimited() throws {
        let world = try GossipWorld(nodes: 2)
        world.start(0)
        #expect(throws: KeyRing.Refusal.full(limit: 8)) {
            for number in 2...20 as ClosedRange<UInt64> {
                let key = try GossipWorld.key(number, world.seal)
                try world.with(0) { core, _, _ in try core.installKey(key) }
            }
        }
    }
}
