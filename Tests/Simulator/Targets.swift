import CLinux
import Gossip
import Simulation
import Wire

/// Measures the targets of the design, in virtual time where possible, and reports missed ones.
struct Targets {
    private(set) var missed = 0

    private mutating func report(_ what: String, _ measured: String, target: String, isMet: Bool) {
        if !isMet { missed += 1 }
        func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }
        print("    " + padded(what, 52) + padded(measured, 40) + padded("target " + target, 24) + (isMet ? "met" : "MISSED"))
    }

    private func formatted(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

    private mutating func reportTimes(_ what: String, _ times: [Duration], targetMilliseconds: Double) {
        let sorted = times.map(\.milliseconds).sorted()
        guard !sorted.isEmpty else { return report(what, "nothing measured", target: "", isMet: false) }
        func percentile(_ share: Double) -> Double { sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] }
        report(
            what, "p50 \(formatted(percentile(0.5))) p99 \(formatted(percentile(0.99))) ms (\(sorted.count))", target: "\(formatted(targetMilliseconds)) ms",
            isMet: percentile(0.99) <= targetMilliseconds)
    }

    mutating func run() throws {
        print("targets:")
        for (loss, target) in [(0, 1_100.0), (5, 1_200), (20, 1_600)] {
            reportTimes("dead peer detected, 2 nodes, \(loss) % loss", try deaths(loss: loss), targetMilliseconds: target)
        }
        for (loss, target) in [(0, 2.0), (5, 40), (20, 80)] {
            reportTimes("one health row to the peer, 2 nodes, \(loss) % loss", try rows(loss: loss), targetMilliseconds: target)
        }
        for (loss, target) in [(0, 150.0), (20, 300)] {
            reportTimes("first failed check to DOWN on both, \(loss) % loss", try downs(loss: loss), targetMilliseconds: target)
        }
        for (what, weather, limit) in [
            ("at <= 30 % loss", Hours.Weather.changing(lossMax: 30), 40), ("with long bursts and 3 % loss", .longBursts(loss: 3), 200),
        ] {
            let hours = try Hours(weather: weather).run(until: limit, file: nil)
            report("false deaths \(what)", "\(hours.falseDeaths) in \(hours.nodeHours) node-hours", target: "0", isMet: hours.falseDeaths == 0)
        }
        for (nodes, target) in [(2, 800), (10, 7_000)] {
            let bytes = try idleBytes(nodes: nodes)
            report("idle bytes/s a node, \(nodes) nodes", "\(bytes)", target: "\(target)", isMet: bytes <= target)
        }
        let rate = try junkRate()
        report("unauthenticated datagrams rejected per second", "\(rate)", target: "500000", isMet: rate >= 500_000)
        let bytes = try memory()
        report("memory of a node, 2 nodes, 64 servers", "\(bytes) bytes", target: "65536", isMet: bytes <= 65_536)
    }

    private func world(_ seed: UInt64, nodes: Int = 2, loss: Int = 0, servers: Int = 0) throws -> GossipWorld {
        let list = (0..<servers).map { GossipServer(id: ServerID(UInt64($0)), name: "s\($0)", proxy: 0) }
        let world = try GossipWorld(nodes: nodes, seed: seed, servers: list)
        world.startAll()
        world.run(.seconds(1))
        world.network.loss = loss
        return world
    }

    /// Measures the time from a crash, at any point between heartbeats, to DEAD.
    private func deaths(loss: Int) throws -> [Duration] {
        try (0..<600 as Range<UInt64>).compactMap { seed in
            let world = try world(seed, loss: loss)
            world.run(.seconds(60) + .microseconds(Int64(world.random(below: 400_000))))
            world.crash(1)
            let crashed = world.now
            guard world.state(of: 1, at: 0) != .dead else { return nil }
            world.run(until: crashed.advanced(by: .seconds(9))) { $0.state(of: 1, at: 0) == .dead }
            return crashed.duration(to: world.now)
        }
    }

    /// Measures the time from a check on one node to the arrival of its row on the other.
    private func rows(loss: Int) throws -> [Duration] {
        try (0..<20 as Range<UInt64>).flatMap { seed in
            let world = try world(seed, loss: loss, servers: 1)
            world.run(.seconds(10))
            world.observe(0, ServerID(0), .passed)
            return (0..<100).map { number in
                world.run(.milliseconds(500 + world.random(below: 500)))
                world.observe(0, ServerID(0), number % 2 == 0 ? .failedWithResponse : .passed)
                let (began, row) = (world.now, world.members[0].core?.tables.healthRows.first)
                func hasCome(_ world: GossipWorld) -> Bool { world.members[1].core?.tables.healthRows.first?.version == row?.version }
                world.run(until: began.advanced(by: .seconds(9)), hasCome)
                return began.duration(to: world.now)
            }
        }
    }

    /// Measures the time from the first failed check on one node, of a database that refuses connections, to DOWN on both nodes.
    private func downs(loss: Int) throws -> [Duration] {
        try (0..<1_000 as Range<UInt64>).map { seed in
            let world = try world(seed, servers: 2)
            for node in 0..<2 { for server in 0..<2 { world.observe(node, ServerID(UInt64(server)), .passed) } }
            world.run(.milliseconds(100))
            world.network.loss = loss
            world.check = { _, server in server == ServerID(0) ? Observation(.failedWithResponse, address: .ip(.v4(9), port: 3_306)) : nil }
            world.observe(0, ServerID(0), .failedWithResponse)
            let began = world.now
            func isDown(_ world: GossipWorld) -> Bool {
                (0..<2).allSatisfy { if case .down? = world.verdict(ServerID(0), at: $0) { true } else { false } }
            }
            world.run(until: began.advanced(by: .seconds(9)), isDown)
            return began.duration(to: world.now)
        }
    }

    private func idleBytes(nodes: Int) throws -> Int {
        let world = try world(1, nodes: nodes)
        world.run(.seconds(10))
        let before = world.members.map(\.sentBytes)
        world.run(.seconds(60))
        return zip(world.members, before).map { ($0.sentBytes - $1) / 60 }.max() ?? 0
    }

    /// Measures in real time how fast a node drops junk: unknown keys and random bytes.
    private func junkRate() throws -> Int {
        let world = try world(1)
        var random = SplitMix64(seed: 1)
        let samples = world.history.filter { $0.sender == 1 && $0.bytes[3] == DatagramKind.heartbeat.rawValue }.map(\.bytes)
        guard let sample = samples.last, var node = world.members[0].core else { return 0 }
        let junk = (0..<64).map { number in
            var bytes = sample
            for offset in (number % 2 == 0 ? 4 : 0)..<(number % 2 == 0 ? 8 : bytes.count) { bytes[offset] = UInt8(truncatingIfNeeded: random.next()) }
            return bytes
        }
        var outputs = GossipOutputs()
        let clock = ContinuousClock()
        let (began, count) = (clock.now, 1_000_000)
        for number in 0..<count { node.receive(junk[number % 64][...], from: GossipWorld.address(66), now: world.now, into: &outputs) }
        return Int(Double(count) / (Double(began.duration(to: clock.now).wholeNanoseconds) / 1e9))
    }

    /// Measures the heap memory that a node frees at its end, and the size of the node itself.
    private func memory() throws -> Int {
        let world = try world(1, servers: 64)
        for node in 0..<2 {
            for server in 0..<64 {
                world.observe(node, ServerID(UInt64(server)), .passed)
                world.run(.milliseconds(5))
            }
        }
        world.run(.seconds(10))
        let before = mallinfo2().uordblks
        world.crash(0)
        return Int(before) - Int(mallinfo2().uordblks) + MemoryLayout<GossipNode>.size
    }
}
