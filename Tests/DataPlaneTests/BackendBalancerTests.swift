import Support
import Testing
import Wire

@testable import Proxy

/// A balancer and its routes.
struct BalancerBench {
    private static let address = SocketAddress.ip(.v4(1), port: 2)
    static let first = 100

    let backend: Backend
    private(set) var routes: [ServerRoute]
    private(set) var balancer: BackendBalancer
    /// The number of held places.
    private(set) var held = 0
    /// The number of the backend's sessions: those that hold a place, and those that wait.
    var load: Int { held + balancer.waitingCount }

    /// True when the server at `index` is in the tier that takes sessions.
    mutating func isServing(_ index: Int) -> Bool { balancer.isServing(UInt32(Self.first + index)) }

    /// True when another server is a better choice for a session at the server `current`.
    mutating func hasOther(than current: Int, _ tried: TriedServers) -> Bool { balancer.hasOther(than: UInt32(Self.first + current), tried) }

    /// Servers with these weights, in HAProxy's units; those with weight 0 are not usable.
    init(_ weights: [Int], balance: BalanceAlgorithm = .roundRobin, edit: (inout Backend, inout [ServerRoute]) -> Void = { _, _ in }) {
        var backend = Backend(name: "b", identifier: 1)
        backend.balance = balance
        let location = ConfigurationLocation(file: "f", line: 1)
        for (index, weight) in weights.enumerated() {
            var server = Server(name: "s\(index)", identifier: index + 1, endpoint: .unix(""), port: .fixed(1), location: location)
            server.weight = weight
            backend.servers.append(server)
        }
        var routes = weights.map { ServerRoute(address: Self.address, isUsable: $0 > 0, weight: 4 * $0) }
        edit(&backend, &routes)
        (self.backend, self.routes) = (backend, routes)
        balancer = BackendBalancer(backend, routes: routes, firstServer: Self.first, fullConnections: backend.fullConnections ?? 1, seed: 1)
    }

    /// Changes a server's route; returns the waiting sessions that get a place, with their servers.
    @discardableResult
    mutating func route(_ server: Int, _ edit: (inout ServerRoute) -> Void) -> [Grant] {
        edit(&routes[server])
        return count(balancer.update(UInt32(Self.first + server), routes[server]))
    }

    private mutating func count(_ grants: [Grant]) -> [Grant] {
        held += grants.count
        return grants
    }

    /// Takes a server for the next session, which stays there.
    mutating func take(tried: [Int] = [], hash: UInt32? = nil) -> Choice {
        var servers = TriedServers()
        for server in tried { servers.insert(UInt32(Self.first + server)) }
        let choice = balancer.take(servers, hash: hash, load: load + 1)
        if case .server = choice { held += 1 }
        return choice
    }

    /// The same in short: the server's number, or `nil`.
    mutating func stay(tried: [Int] = [], hash: UInt32? = nil) -> Int? {
        guard case .server(let server) = take(tried: tried, hash: hash) else { return nil }
        return Int(server) - Self.first
    }

    /// Takes a server for the next session, which leaves it at once.
    mutating func visit(tried: [Int] = [], hash: UInt32? = nil) -> Int? {
        let server = stay(tried: tried, hash: hash)
        if let server { leave(server) }
        return server
    }

    @discardableResult
    mutating func leave(_ server: Int) -> Grant? {
        held -= 1
        let grant = balancer.releasePlace(UInt32(Self.first + server), load: load)
        if grant != nil { held += 1 }
        return grant
    }

    /// Queues a session; returns the sessions that get a place because of it, with their servers.
    mutating func queue(_ session: UInt64, for server: Int? = nil) -> [Grant] {
        let waiter = Waiter(thread: 0, session: session, server: server.map { UInt32(Self.first + $0) })
        return count(balancer.wait(waiter, load: load + 1))
    }

    /// Queues a session; returns its server if it gets one at once.
    mutating func wait(_ session: UInt64, for server: Int? = nil) -> Int? {
        queue(session, for: server).first { $0.waiter.session == session }.map { Int($0.server) - Self.first }
    }

    /// The number of `count` sessions that each server gets.
    mutating func shares(of count: Int) -> [Int] {
        var shares = Array(repeating: 0, count: routes.count)
        for _ in 0..<count { if let server = visit() { shares[server] += 1 } }
        return shares
    }
}

@Suite("A backend's balancer")
struct BackendBalancerTests {
    @Test("gives sessions only to usable servers with an address and a weight")
    func usableOnly() {
        var bench = BalancerBench([1, 1, 1, 1])
        bench.route(1) { $0.isUsable = false }
        bench.route(2) { $0.address = nil }
        bench.route(3) { $0.weight = 0 }
        #expect(bench.shares(of: 4) == [4, 0, 0, 0])
        bench.route(0) { $0.isUsable = false }
        #expect(bench.take() == .none)
        bench.route(3) { $0.weight = 4 }
        #expect(bench.shares(of: 4) == [0, 0, 0, 4])
    }

    @Test("takes one backup when no other server is usable, preferably a near one")
    func backups() {
        var bench = BalancerBench([1, 1, 1, 1]) { backend, _ in
            for index in 1...3 { backend.servers[index].isBackup = true }
            backend.servers[1].isFar = true
        }
        #expect(bench.shares(of: 3) == [3, 0, 0, 0])
        bench.route(0) { $0.isUsable = false }
        #expect(bench.shares(of: 3) == [0, 0, 3, 0])
        bench.route(2) { $0.isSkipped = true }
        #expect(bench.shares(of: 3) == [0, 0, 0, 3])
        bench.route(3) { $0.isUsable = false }
        #expect(bench.shares(of: 3) == [0, 3, 0, 0])
        bench.route(1) { $0.isUsable = false }
        #expect(bench.shares(of: 3) == [0, 0, 3, 0], "a skipped server is better than none")
    }

    @Test("avoids skipped servers while there are others")
    func skipped() {
        var bench = BalancerBench([1, 1, 1])
        bench.route(0) { $0.isSkipped = true }
        #expect(bench.shares(of: 4) == [0, 2, 2])
        for server in 1...2 { bench.route(server) { $0.isSkipped = true } }
        #expect(bench.shares(of: 6) == [2, 2, 2])
    }

    @Test("gives sessions to the servers of the lowest priority")
    func priorities() {
        var bench = BalancerBench([1, 1, 1]) { for (index, priority) in [20, 10, 10].enumerated() { $1[index].priority = priority } }
        #expect(bench.shares(of: 4) == [0, 2, 2])
        for server in 1...2 { bench.route(server) { $0.isUsable = false } }
        #expect(bench.shares(of: 4) == [4, 0, 0])
    }

    private func zones(_ weights: [Int], far: Set<Int>, spillOver: Int = 0, balance: BalanceAlgorithm = .roundRobin) -> BalancerBench {
        BalancerBench(weights, balance: balance) { backend, _ in
            backend.spillOver = spillOver
            for server in far { backend.servers[server].isFar = true }
        }
    }

    @Test("gives other zones their share, regardless of the weights", arguments: [BalanceAlgorithm.roundRobin, .leastConnections])
    func zones(balance: BalanceAlgorithm) {
        var bench = zones([1, 1, 1], far: [2], balance: balance)
        #expect(bench.shares(of: 100) == [50, 50, 0])
        bench = zones([1, 1, 1], far: [2], spillOver: 10, balance: balance)
        #expect(bench.shares(of: 100) == [45, 45, 10])
        bench = zones([100, 1, 1], far: [1, 2], spillOver: 20, balance: balance)
        #expect(bench.shares(of: 100) == [80, 10, 10])
        bench = zones([1, 1], far: [1], spillOver: 100, balance: balance)
        #expect(bench.shares(of: 100) == [0, 100])
        bench = zones([0, 1, 1], far: [1, 2], balance: balance)
        #expect(bench.shares(of: 100) == [0, 50, 50])
    }

    @Test("gives other zones the sessions that near servers cannot take while all of them are warming")
    func warming() {
        var bench = zones([1, 1, 1], far: [2])
        bench.route(0) { $0.share = 4 }
        #expect(bench.shares(of: 100) == [20, 80, 0])
        bench.route(1) { $0.isUsable = false }
        #expect(bench.shares(of: 100) == [25, 0, 75])
        bench.route(0) { $0.share = 16 }
        #expect(bench.shares(of: 100) == [100, 0, 0])
    }

    @Test("passes over servers without room, and uses far servers instead", arguments: [BalanceAlgorithm.roundRobin, .leastConnections])
    func full(balance: BalanceAlgorithm) {
        var bench = BalancerBench([1, 1, 1], balance: balance) { backend, _ in
            backend.servers[2].isFar = true
            for server in 0...2 { backend.servers[server].connectionsMax = 2 }
        }
        #expect((0..<4).compactMap { _ in bench.stay() }.sorted() == [0, 0, 1, 1])
        #expect((0..<2).compactMap { _ in bench.stay() } == [2, 2])
        #expect(bench.take() == .full(nil))
        bench.leave(1)
        #expect(bench.stay() == 1)
    }

    @Test("divides the sessions that leave a server evenly among the others, without using turns of new sessions")
    func redispatch() {
        var bench = BalancerBench([1, 1, 1, 1])
        var shares = [0, 0, 0, 0]
        for _ in 0..<30 { if let server = bench.visit(tried: [1]) { shares[server] += 1 } }
        #expect(shares == [10, 0, 10, 10])
        #expect((0..<4).map { _ in bench.visit() } == [0, 1, 2, 3])
        #expect(bench.visit(tried: [0, 1, 3]) == 2)
        #expect(bench.take(tried: [0, 1, 2, 3]) == .allTried)
    }

    @Test("detects whether a better server exists than the one that does not answer")
    func hasOther() {
        var bench = BalancerBench([1, 1])
        func hasOther(_ current: Int, _ tried: [Int] = []) -> Bool {
            var servers = TriedServers()
            for server in tried { servers.insert(UInt32(BalancerBench.first + server)) }
            return bench.hasOther(than: current, servers)
        }
        #expect(hasOther(0) && hasOther(0, [0]) && !hasOther(0, [1]))
        bench.route(1) { $0.isSkipped = true }
        #expect(!hasOther(0) && hasOther(1))
        bench.route(0) { $0.isUsable = false }
        #expect(!hasOther(0), "the only other server is skipped")
    }

    @Test("gives a free place to the session that has waited longest, among those that can use the server")
    func queue() {
        var bench = BalancerBench([1, 1]) { backend, _ in for server in 0...1 { backend.servers[server].connectionsMax = 1 } }
        #expect([bench.stay(), bench.stay()] == [0, 1])
        #expect(bench.wait(1, for: 1) == nil && bench.wait(2) == nil && bench.wait(3) == nil)
        #expect(bench.leave(0)?.waiter.session == 2)
        #expect(bench.leave(1)?.waiter.session == 1)
        #expect(bench.leave(1)?.waiter.session == 3)
        #expect(bench.balancer.waitingCount == 0)
        #expect(bench.leave(1) == nil && bench.stay() == 1)
    }

    @Test("moves a session to any server when the one that it waits for is no longer usable")
    func goneServer() {
        var bench = BalancerBench([1, 1], balance: .source) { backend, _ in for server in 0...1 { backend.servers[server].connectionsMax = 1 } }
        #expect(bench.stay(hash: 0) == 0)
        #expect(bench.take(hash: 0) == .full(UInt32(BalancerBench.first)))
        #expect(bench.wait(1, for: 0) == nil)
        #expect(bench.route(0) { $0.isUsable = false }.map(\.server) == [UInt32(BalancerBench.first + 1)])
    }

    @Test("finds the server with room for a session that waits for that server only, regardless of which server has changed")
    func pinned() {
        var bench = BalancerBench([1, 1, 1], balance: .source) { backend, routes in
            for server in 0...2 { backend.servers[server].connectionsMax = 1 }
            routes[0].isUsable = false
            for server in 1...2 { routes[server].priority = 1 }
        }
        // The client's server is 2, which is full; 1 has room.
        #expect(bench.stay(hash: 1) == 2 && bench.wait(1, for: 2) == nil && bench.wait(2, for: 2) == nil)
        #expect(bench.route(0) { $0.isUsable = true }.map(\.waiter.session) == [1], "another tier serves")
        #expect(bench.leave(2) == nil)
        let own = UInt32(BalancerBench.first + 2)
        #expect(bench.route(0) { $0.isUsable = false } == [Grant(waiter: Waiter(thread: 0, session: 2, server: own), server: own)])
    }

    @Test("fills a server that becomes usable, or gets more room, with waiting sessions")
    func serves() {
        var bench = BalancerBench([1, 1]) {
            $1[0].connectionsMax = 1; $1[1].isUsable = false; $1[1].connectionsMax = 2
        }
        #expect(bench.stay() == 0)
        for session in 1...5 as ClosedRange<UInt64> { #expect(bench.wait(session) == nil) }
        #expect(bench.route(1) { $0.isUsable = true }.map(\.waiter.session) == [1, 2])
        #expect(bench.route(1) { $0.connectionsMax = 3 }.map(\.waiter.session) == [3])
        #expect(bench.route(0) { $0.connectionsMax = 0 }.map(\.waiter.session) == [4, 5])
    }

    @Test("keeps its invariants for any servers and any events", arguments: seeds(200))
    func properties(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let count = Int.random(in: 1...7, using: &random)
        let algorithms: [BalanceAlgorithm] = [.roundRobin, .leastConnections, .source, .staticRoundRobin, .first, .random(draws: 2), .hash]
        var bench = BalancerBench((0..<count).map { _ in Int.random(in: 0...9, using: &random) }, balance: algorithms[Int(seed % 7)]) { backend, _ in
            backend.spillOver = Int.random(in: 0...100, using: &random)
            backend.hashing.method = Bool.random(using: &random) ? .consistent : .mapBased
            backend.hashing.balanceFactor = Bool.random(using: &random) ? 120 : 0
            backend.usesAllBackups = Bool.random(using: &random)
            for server in 0..<count {
                backend.servers[server].isBackup = Int.random(in: 0..<4, using: &random) == 0
                backend.servers[server].isFar = Bool.random(using: &random)
                backend.servers[server].connectionsMax = Int.random(in: 0...3, using: &random)
            }
        }
        var held = Array(repeating: 0, count: count)
        var waiting: [UInt64: Int?] = [:]
        func hasRoom(_ server: Int) -> Bool {
            let limit = bench.routes[server].connectionsMax ?? bench.backend.servers[server].connectionsMax
            return limit == 0 || held[server] < limit
        }
        for step in 0..<400 as Range<UInt64> {
            let server = Int.random(in: 0..<count, using: &random)
            var grants: [Grant] = []
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                grants = bench.route(server) {
                    $0.isUsable = Bool.random(using: &random)
                    $0.isSkipped = Int.random(in: 0..<4, using: &random) == 0
                    $0.weight = 4 * Int.random(in: 0...9, using: &random)
                    $0.share = Int.random(in: 1...16, using: &random)
                    $0.priority = Int.random(in: 0...1, using: &random)
                }
            case 1 where held[server] > 0:
                held[server] -= 1
                grants = bench.leave(server).map { [$0] } ?? []
            case 1: break
            default:
                switch bench.take(hash: Int.random(in: 0..<4, using: &random) == 0 ? nil : UInt32.random(in: 0 ... .max, using: &random)) {
                case .server(let server): held[Int(server) - BalancerBench.first] += 1
                case .none: #expect((0..<count).allSatisfy { !bench.routes[$0].takesSessions }, "seed \(seed), step \(step)")
                case .allTried, .refused: Issue.record("seed \(seed), step \(step): no server was tried, and no queue has a limit")
                case .full(let only):
                    let serving = (0..<count).filter { bench.isServing($0) }
                    let wanted = only.map { Int($0) - BalancerBench.first }
                    #expect(serving.allSatisfy { !hasRoom($0) || wanted != nil && wanted != $0 }, "seed \(seed), step \(step)")
                    if let place = bench.wait(step, for: wanted) { held[place] += 1 } else { waiting[step] = wanted }
                }
            }
            for grant in grants {
                let server = Int(grant.server) - BalancerBench.first
                let isServing = bench.isServing(server)
                #expect(hasRoom(server) && isServing, "seed \(seed), step \(step)")
                held[server] += 1
                #expect(waiting.removeValue(forKey: grant.waiter.session) != nil, "seed \(seed), step \(step)")
            }
            #expect(bench.balancer.waitingCount == waiting.count, "seed \(seed), step \(step)")
            let serving = (0..<count).filter { bench.isServing($0) }
            let isRoomWasted = serving.contains(where: hasRoom) && waiting.values.contains { $0.map { !serving.contains($0) || hasRoom($0) } ?? true }
            #expect(!isRoomWasted, "seed \(seed), step \(step): a session waits although a server has room")
            #expect(serving.isEmpty == (0..<count).allSatisfy { !bench.routes[$0].takesSessions }, "seed \(seed), step \(step)")
        }
    }
}
