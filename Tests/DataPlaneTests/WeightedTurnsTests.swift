import Support
import Testing
import Wire

@testable import Proxy

@Suite("Turns")
struct WeightedTurnsTests {
    @Test("alternate between servers of equal weight, for any weight", arguments: [1, 100, 256])
    func even(weight: Int) {
        var bench = BalancerBench([weight, weight, weight])
        #expect((0..<9).map { _ in bench.visit() } == [0, 1, 2, 0, 1, 2, 0, 1, 2])
    }

    @Test("are proportional to the weights and evenly spread", arguments: seeds(50))
    func proportional(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let weights = (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 1...40, using: &random) }
        var bench = BalancerBench(weights)
        let total = weights.reduce(0, +)
        var shares = Array(repeating: 0, count: weights.count)
        for turn in 1...(16 * total) {
            let next = bench.visit()
            let server = try #require(next)
            shares[server] += 1
            guard turn % total == 0 else { continue }
            for (index, weight) in weights.enumerated() { #expect(abs(shares[index] - weight * turn / total) <= 2, "seed \(seed): \(weights), turn \(turn)") }
        }
    }

    @Test("of a server that was full are not repeated afterwards, and it gets its share again", arguments: [1, 100], [1, 20, 99, 1_580])
    func fullForAWhile(weight: Int, turns: Int) {
        var bench = BalancerBench([weight, weight]) { backend, _ in backend.servers[0].connectionsMax = 1 }
        #expect(bench.stay() == 0)
        #expect((0..<turns).map { _ in bench.visit() } == Array(repeating: 1, count: turns))
        bench.leave(0)
        var shares = [0, 0]
        for turn in 1...200 {
            if let server = bench.visit() { shares[server] += 1 }
            #expect(abs(shares[0] - shares[1]) <= 2, "turn \(turn): \(shares)")
        }
    }

    /// HAProxy's order at the start, measured with 2.6.
    @Test(
        "are in HAProxy's order", .timeLimit(.minutes(5)),
        arguments: [[1, 1, 1], [3, 1], [1, 2, 3], [5, 3, 7], [10, 1, 1, 1, 1], [200, 60, 7, 7], [256, 1, 128]])
    func order(weights: [Int]) throws {
        let peer = try HAProxyPeer(balance: "roundrobin", weights: weights)
        var bench = BalancerBench(weights)
        let count = min(200, 2 * 16 * weights.reduce(0, +))
        for turn in 0..<count {
            let (ours, theirs) = (bench.visit(), try peer.visit())
            try #require(ours == theirs, "turn \(turn) with \(weights)")
        }
    }

    @Test("are in HAProxy's order while servers fail, return and change their weights", .timeLimit(.minutes(5)), arguments: seeds(12))
    func changes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let weights = (0..<Int.random(in: 2...5, using: &random)).map { _ in Int.random(in: 1...(Bool.random(using: &random) ? 4 : 256), using: &random) }
        let peer = try HAProxyPeer(balance: "roundrobin", weights: weights)
        var bench = BalancerBench(weights)
        var story = "seed \(seed): \(weights)"
        for _ in 0..<8 {
            // With an even seed the first pass has no visits, so that servers change before the first turn.
            for _ in 0..<Int.random(in: seed % 2 == 0 && story.hasSuffix("]") ? 0...0 : 1...20, using: &random) {
                let (ours, theirs) = (bench.visit(), try peer.visit())
                try #require(ours == theirs, "\(story)")
            }
            let server = Int.random(in: weights.indices, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let weight = Int.random(in: 1...256, using: &random)
                story += ", s\(server) has weight \(weight)"
                try peer.ask("set weight in/s\(server) \(weight)")
                bench.route(server) { $0.weight = 4 * weight }
            default:
                let isUsable = !bench.routes[server].isUsable
                story += ", s\(server) \(isUsable ? "comes" : "goes")"
                try peer.ask("set server in/s\(server) state \(isUsable ? "ready" : "maint")")
                bench.route(server) { $0.isUsable = isUsable }
            }
        }
    }

    @Test("by leastconn are in HAProxy's order while sessions arrive", .timeLimit(.minutes(5)), arguments: [[1, 1, 1], [3, 1], [1, 2, 3], [200, 60, 7]])
    func leastConnections(weights: [Int]) throws {
        let peer = try HAProxyPeer(balance: "leastconn", weights: weights)
        var bench = BalancerBench(weights, balance: .leastConnections)
        for turn in 0..<40 {
            let (ours, theirs) = (bench.stay(), try peer.stay())
            try #require(ours == theirs, "session \(turn) with \(weights)")
        }
    }
}
