import Support
import Testing
import Wire

@testable import Proxy

extension BalancerBench {
    /// The servers of the next `count` sessions, numbered from 1 as in HAProxy's files; "-" for none. Each session leaves at once.
    mutating func turns(_ count: Int) -> String { (0..<count).map { _ in visit().map { String($0 + 1) } ?? "-" }.joined() }

    /// The servers of the next `count` sessions, which stay.
    mutating func stays(_ count: Int) -> String { (0..<count).map { _ in stay().map { String($0 + 1) } ?? "-" }.joined() }
}

/// Turns between changes of servers, measured with haproxy 2.6.
struct MeasuredTurns {
    let weights: [Int]
    /// The servers that are down at the start, and those with `backup`, numbered from 0.
    var down: Set<Int> = []
    var backups: Set<Int> = []
    /// Turns, and the server that goes down or comes back after them.
    let steps: [(turns: String, server: Int?)]

    /// Fails when the turns of a bench differ.
    func expect(from balance: BalanceAlgorithm) {
        var bench = BalancerBench(weights, balance: balance) { backend, routes in
            backend.usesAllBackups = true
            for server in backups { backend.servers[server].isBackup = true }
            for server in down { routes[server].isUsable = false }
        }
        for (place, step) in steps.enumerated() {
            #expect(bench.turns(step.turns.count) == step.turns, "step \(place) of \(weights)")
            if let server = step.server { bench.route(server) { $0.isUsable.toggle() } }
        }
    }
}

@Suite("The algorithm")
struct BalanceAlgorithmTests {
    static let roundRobin = [
        MeasuredTurns(weights: [1, 2, 3], steps: [("323132323132", nil)]), MeasuredTurns(weights: [2, 2, 3], steps: [("31321323132132", nil)]),
        MeasuredTurns(weights: [5, 3, 7], steps: [("313213312313312313213312313312", nil)]), MeasuredTurns(weights: [3, 1], steps: [("11121112", nil)]),
        MeasuredTurns(weights: [200, 60, 7, 7], steps: [("1112111211131211121112111211141211121111", nil)]),
        MeasuredTurns(weights: [10, 1, 1, 1], steps: [("11112111311141111211131114", nil)]),
        MeasuredTurns(weights: [1, 2, 3], steps: [("3231323", 2), ("2212212212", 2), ("2313232313232", nil)]),
        MeasuredTurns(weights: [1, 1, 1], steps: [("1231231", 2), ("2121212121", 2), ("2312312312312", nil)]),
        MeasuredTurns(weights: [1, 1, 3, 2], down: [0, 3], backups: [1, 2, 3], steps: [("33323", 3), ("3432343", nil)]),
    ]

    @Test("roundrobin has HAProxy's order of turns, also after servers go and come back, and among all backups", arguments: roundRobin.indices)
    func roundRobinOrder(index: Int) { Self.roundRobin[index].expect(from: .roundRobin) }

    static let staticRoundRobin = [
        MeasuredTurns(weights: [1, 2, 3], steps: [("132323132323", nil)]), MeasuredTurns(weights: [2, 2, 3], steps: [("12313231231323", nil)]),
        MeasuredTurns(weights: [5, 3, 7], steps: [("123131323131323123131323131323", nil)]), MeasuredTurns(weights: [3, 1], steps: [("11121112", nil)]),
        MeasuredTurns(weights: [200, 60, 7, 7], steps: [("1112111211121121112111211311121112111214", nil)]),
        MeasuredTurns(weights: [10, 1, 1, 1], steps: [("11112111311141111211131114", nil)]),
        // The map is not shortened for the servers that are left: the fourth turn is in the middle of 1212.
        MeasuredTurns(weights: [2, 2, 3], steps: [("123", 2), ("212121212", nil)]),
        MeasuredTurns(weights: [2, 2, 3], steps: [("1231323", 2), ("1212121212", 2), ("3132312313231", nil)]),
        MeasuredTurns(weights: [1, 2, 3], steps: [("132", 2), ("12212212212212", 2), ("2323132323132", nil)]),
        MeasuredTurns(weights: [2, 4, 6], steps: [("13232", 2), ("1221", 2), ("32323132323", 0), ("2323323233", nil)]),
        MeasuredTurns(weights: [1, 2, 2, 1], backups: [2, 3], steps: [("12", 0), ("22", 1), ("4334", 1), ("2222", 0), ("2122", nil)]),
    ]

    @Test("static-rr has HAProxy's order of turns, also after servers go and come back, and among all backups", arguments: staticRoundRobin.indices)
    func staticRoundRobinOrder(index: Int) { Self.staticRoundRobin[index].expect(from: .staticRoundRobin) }

    @Test("static-rr has HAProxy's order while servers fail and return", .timeLimit(.minutes(5)), arguments: seeds(8))
    func staticChanges(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let weights = (0..<Int.random(in: 2...5, using: &random)).map { _ in Int.random(in: 1...(Bool.random(using: &random) ? 4 : 256), using: &random) }
        let peer = try HAProxyPeer(balance: "static-rr", weights: weights)
        var bench = BalancerBench(weights, balance: .staticRoundRobin)
        var story = "seed \(seed): \(weights)"
        for _ in 0..<8 {
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let (ours, theirs) = (bench.visit(), try peer.visit())
                try #require(ours == theirs, "\(story)")
            }
            let server = Int.random(in: weights.indices, using: &random)
            let isUsable = !bench.routes[server].isUsable
            story += ", s\(server) \(isUsable ? "comes" : "goes")"
            try peer.ask("set server in/s\(server) state \(isUsable ? "ready" : "maint")")
            bench.route(server) { $0.isUsable = isUsable }
        }
    }

    @Test("static-rr passes over full servers, and uses far servers only when no near one has room")
    func staticFull() {
        var bench = BalancerBench([1, 1, 2, 1], balance: .staticRoundRobin) { backend, _ in
            backend.servers[3].isFar = true
            for server in 0...3 { backend.servers[server].connectionsMax = server == 2 ? 3 : 1 }
        }
        #expect(bench.stays(7) == "132334-")
        bench.leave(2)
        #expect(bench.stays(2) == "3-")
    }

    @Test("first fills the servers in the order of their identifiers, and returns to the lowest one with room")
    func first() {
        var bench = BalancerBench([1, 1, 1, 1], balance: .first) { backend, _ in
            for (server, identifier) in [10, 5, 3, 1].enumerated() {
                backend.servers[server].identifier = identifier
                backend.servers[server].connectionsMax = 2
            }
            backend.servers[3].isBackup = true
        }
        #expect(bench.stays(7) == "332211-")
        bench.leave(1)
        bench.leave(0)
        #expect(bench.stays(3) == "21-")
        #expect(bench.visit(tried: [1]) == nil)
        bench.leave(0)
        bench.leave(2)
        #expect(bench.visit(tried: [2]) == 0, "the next one, when a session has left the lowest")
        bench.route(2) { $0.isUsable = false }
        #expect(bench.stays(2) == "1-")
        for server in 0...1 { bench.route(server) { $0.isUsable = false } }
        #expect(bench.stays(3) == "44-")
    }

    @Test("random is proportional to the weights, also after they change")
    func random() {
        var bench = BalancerBench([1, 2, 3], balance: .random(draws: 1))
        func expectShares(_ weights: [Int]) {
            let shares = bench.shares(of: 6_000)
            for (share, weight) in zip(shares, weights) { #expect(abs(share - 6_000 * weight / weights.reduce(0, +)) < 200, "\(shares)") }
        }
        expectShares([1, 2, 3])
        bench.route(0) { $0.weight = 4 * 10 }
        expectShares([10, 2, 3])
        bench.route(1) { $0.isUsable = false }
        expectShares([10, 0, 3])
        bench.route(1) { $0.isUsable = true }
        expectShares([10, 2, 3])
    }

    @Test("random takes the least loaded of the servers that it draws, for their weights")
    func randomLoad() {
        var bench = BalancerBench([1, 1, 2], balance: .random(draws: 100))
        let stays = bench.stays(40)
        // A hundred draws include every one of three servers.
        #expect("123".map { name in stays.count { $0 == name } } == [10, 10, 20])
        bench = BalancerBench([1, 1], balance: .random(draws: 1))
        let single = bench.stays(40)
        #expect(single.contains("11") && single.contains("22"), "one draw ignores the load")
    }

    @Test("random draws only servers with room, and a session waits only when none has any")
    func randomFull() {
        var bench = BalancerBench([1, 100, 1], balance: .random(draws: 2)) { backend, _ in for server in 0...2 { backend.servers[server].connectionsMax = 2 } }
        #expect(bench.stays(6).sorted() == Array("112233"))
        #expect(bench.take() == .full(nil))
        bench.leave(2)
        #expect(bench.stays(2) == "3-")
    }

    @Test("of option allbackups is used among all usable backups, far ones included only where near ones cannot serve")
    func allBackups() {
        var bench = BalancerBench([1, 1, 1, 1, 1], balance: .leastConnections) { backend, _ in
            backend.usesAllBackups = true
            for server in 1...4 { backend.servers[server].isBackup = true }
            backend.servers[4].isFar = true
        }
        #expect(bench.shares(of: 3) == [3, 0, 0, 0, 0])
        bench.route(0) { $0.isUsable = false }
        #expect(bench.shares(of: 6) == [0, 2, 2, 2, 0])
        bench.route(2) { $0.isSkipped = true }
        #expect(bench.shares(of: 4) == [0, 2, 0, 2, 0])
        for server in 1...3 { bench.route(server) { $0.isUsable = false } }
        #expect(bench.shares(of: 2) == [0, 0, 0, 0, 2])
        bench.route(0) { $0.isUsable = true }
        #expect(bench.shares(of: 2) == [2, 0, 0, 0, 0])
    }
}

@Suite("A weighted draw")
struct WeightedDrawTests {
    @Test("finds the position of every unit of weight, while weights are added, changed and removed", arguments: seeds(30))
    func positions(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (draw, weights) = (WeightedDraw(), [Int]())
        for step in 0..<60 {
            let weight = Int.random(in: 0...5, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where !weights.isEmpty:
                let position = Int.random(in: weights.indices, using: &random)
                weights[position] = weight
                draw.set(weight, at: position)
            case 1 where !weights.isEmpty:
                let position = Int.random(in: weights.indices, using: &random)
                weights.swapAt(position, weights.count - 1)
                weights.removeLast()
                draw.remove(at: position)
            default:
                weights.append(weight)
                draw.append(weight)
            }
            let units = weights.enumerated().flatMap { Array(repeating: $0, count: $1) }
            #expect(draw.total == units.count, "seed \(seed), step \(step)")
            #expect(units.indices.map { draw.position(of: $0) } == units, "seed \(seed), step \(step): \(weights)")
        }
    }

    @Test("of nothing, or of weights 0, is nothing")
    func empty() {
        var (draw, random) = (WeightedDraw(), SplitMix64(seed: 1))
        #expect(draw.draw(&random) == nil)
        draw.append(0)
        #expect(draw.draw(&random) == nil)
    }
}
