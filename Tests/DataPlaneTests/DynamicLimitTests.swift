import Support
import Testing
import Wire

@testable import Proxy

@Suite("minconn")
struct DynamicLimitTests {
    /// HAProxy's limit of a server (`srv_dynamic_maxconn`) while its backend has `load` sessions.
    private static func limit(_ server: Server, full: Int, load: Int) -> Int {
        guard server.connectionsMin > 0, load < full else { return server.connectionsMax }
        return max(server.connectionsMin, load * server.connectionsMax / full)
    }

    private static func server(min: Int, max: Int) -> Server {
        var server = Server(name: "s", identifier: 1, endpoint: .unix(""), port: .fixed(1), location: ConfigurationLocation(file: "f", line: 1))
        (server.connectionsMin, server.connectionsMax) = (min, max)
        return server
    }

    @Test("gives a server room from the load on at which HAProxy's limit allows another session", arguments: [1, 2, 3, 7, 20, 100])
    func threshold(full: Int) {
        for (min, max) in [(1, 5), (2, 3), (3, 10), (9, 10), (1, 100), (1, 2)] {
            let configured = Self.server(min: min, max: max)
            var server = BalancedServer(configured)
            server.limit = max
            for sessions in 0...(max + 1) {
                server.sessions = sessions
                server.updateRoom(fullConnections: full)
                for load in 0...(full + 1) {
                    let isAllowed = sessions < Self.limit(configured, full: full, load: load)
                    #expect((server.roomAt <= load) == isAllowed, "\(min) to \(max) at \(load) of \(full), \(sessions) sessions")
                }
            }
        }
    }

    @Test("is reduced in proportion during a slow start, and always allows one session")
    func slowStart() {
        var server = BalancedServer(Self.server(min: 4, max: 8))
        func mostSessions(limit: Int, load: Int) -> Int {
            server.limit = limit
            return (0...10).first {
                server.sessions = $0
                server.updateRoom(fullConnections: 10)
                return server.roomAt > load
            } ?? -1
        }
        #expect([0, 5, 8, 10].map { mostSessions(limit: 8, load: $0) } == [4, 4, 6, 8])
        #expect([0, 5, 8, 10].map { mostSessions(limit: 4, load: $0) } == [2, 2, 3, 4])
        #expect([0, 10].map { mostSessions(limit: 1, load: $0) } == [1, 1])
    }

    private static func bench(_ servers: Int, min: Int, max: Int, full: Int, balance: BalanceAlgorithm = .roundRobin) -> BalancerBench {
        BalancerBench(Array(repeating: 1, count: servers), balance: balance) { backend, _ in
            backend.fullConnections = full
            for server in 0..<servers { (backend.servers[server].connectionsMin, backend.servers[server].connectionsMax) = (min, max) }
        }
    }

    @Test("gives a place to the session that has waited longest when arrivals raise the limit")
    func arrivals() {
        var bench = Self.bench(1, min: 1, max: 5, full: 10)
        #expect(bench.stay() == 0)
        // The limit is load / 2: every second arrival opens a place.
        var granted: [UInt64] = []
        for session in 2...12 as ClosedRange<UInt64> {
            #expect(bench.take() == .full(nil), "session \(session)")
            granted += bench.queue(session).map(\.waiter.session)
            #expect(bench.held == min(5, max(1, Int(session) / 2)), "session \(session)")
        }
        #expect(granted == [2, 3, 4, 5])
    }

    @Test("takes places back as sessions leave")
    func departures() {
        var bench = Self.bench(1, min: 1, max: 5, full: 10)
        #expect(bench.stay() == 0)
        for session in 2...10 as ClosedRange<UInt64> { _ = bench.queue(session) }
        #expect(bench.held == 5 && bench.balancer.waitingCount == 5)
        // Nine sessions are left, and the limit is 4: the place is not given again.
        #expect(bench.leave(0) == nil && bench.held == 4)
        #expect(bench.leave(0)?.waiter.session == 6, "with eight sessions the limit is still 4")
        #expect(bench.leave(0) == nil && bench.held == 3)
    }

    @Test("spreads sessions over servers whose limits grow with the load, and opens a place at each of them at the same load")
    func several() {
        var bench = Self.bench(3, min: 1, max: 4, full: 20)
        #expect(bench.stays(3) == "123")
        for session in 4...9 as ClosedRange<UInt64> { #expect(bench.queue(session).isEmpty) }
        // At ten sessions the limit is 2.
        #expect(bench.queue(10).map(\.waiter.session) == [4, 5, 6])
    }

    @Test("keeps HAProxy's limits, and lets no session wait while a server has room", arguments: seeds(60))
    func properties(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let count = Int.random(in: 1...5, using: &random)
        let full = Int.random(in: 1...40, using: &random)
        let algorithms: [BalanceAlgorithm] = [.roundRobin, .leastConnections, .source, .staticRoundRobin, .first, .random(draws: 2), .hash]
        var bench = BalancerBench(Array(repeating: 1, count: count), balance: algorithms[Int(seed % 7)]) { backend, _ in
            backend.fullConnections = full
            backend.hashing.method = Bool.random(using: &random) ? .consistent : .mapBased
            for server in 0..<count {
                backend.servers[server].connectionsMax = Int.random(in: 1...10, using: &random)
                backend.servers[server].connectionsMin = Int.random(in: 0..<backend.servers[server].connectionsMax, using: &random)
            }
        }
        var held = Array(repeating: 0, count: count)
        var waiting: [UInt64: Int?] = [:]
        func hasRoom(_ server: Int) -> Bool { held[server] < Self.limit(bench.backend.servers[server], full: full, load: bench.load) }
        func apply(_ grants: [Grant], _ step: UInt64) {
            for grant in grants {
                let server = Int(grant.server) - BalancerBench.first
                #expect(hasRoom(server), "seed \(seed), step \(step)")
                held[server] += 1
                if grant.waiter.session != step { #expect(waiting.removeValue(forKey: grant.waiter.session) != nil, "seed \(seed), step \(step)") }
            }
        }
        for step in 0..<400 as Range<UInt64> {
            let server = Int.random(in: 0..<count, using: &random)
            if Int.random(in: 0..<5, using: &random) < 2 {
                guard held[server] > 0 else { continue }
                held[server] -= 1
                apply(bench.leave(server).map { [$0] } ?? [], step)
            } else {
                switch bench.take(hash: UInt32.random(in: 0 ... .max, using: &random)) {
                case .server(let server):
                    #expect(hasRoom(Int(server) - BalancerBench.first), "seed \(seed), step \(step)")
                    held[Int(server) - BalancerBench.first] += 1
                case .full(let only):
                    let wanted = only.map { Int($0) - BalancerBench.first }
                    let grants = bench.queue(step, for: wanted)
                    if !grants.contains(where: { $0.waiter.session == step }) { waiting[step] = wanted }
                    apply(grants, step)
                case .none, .allTried, .refused: Issue.record("seed \(seed), step \(step)")
                }
            }
            #expect(bench.balancer.waitingCount == waiting.count && bench.held == held.reduce(0, +), "seed \(seed), step \(step)")
            let isRoomWasted = waiting.values.contains { only in (0..<count).contains { (only == nil || only == $0) && hasRoom($0) } }
            #expect(!isRoomWasted, "seed \(seed), step \(step): a session waits although a server has room")
        }
    }
}
