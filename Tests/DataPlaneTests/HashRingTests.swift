import Support
import Testing
import Wire

@testable import Proxy

@Suite("The ring of hashes")
struct HashRingTests {
    /// The servers of hashes spread over the circle.
    private func servers(_ ring: inout HashRing) -> [Int] {
        (0..<100 as Range<UInt32>).map { ring.server(at: ring.place(nearest: $0 &* 2_654_435_761)) }
    }

    private func turns(_ ring: inout HashRing) -> [Int] { (0..<ring.count).map { _ in ring.takeTurn() } }

    @Test("is the same after any changes as a new one", arguments: seeds(40))
    func changes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var points = (0..<5).map { HashRing.Points(key: UInt32($0 + 1) * 4_096, count: Int.random(in: 0...40, using: &random)) }
        var ring = HashRing()
        for (server, each) in points.enumerated() { ring.append(each, of: server) }
        ring.sort()
        for step in 0..<20 {
            let server = Int.random(in: 0..<5, using: &random)
            var changed = HashRing.Points(key: points[server].key, count: Int.random(in: 0...60, using: &random))
            if Bool.random(using: &random) { changed.key = UInt32.random(in: 0 ... .max, using: &random) }
            ring.change(server, from: points[server], to: changed)
            points[server] = changed
            var fresh = HashRing()
            for (server, each) in points.enumerated() { fresh.append(each, of: server) }
            fresh.sort()
            #expect(ring.count == fresh.count, "seed \(seed), step \(step)")
            guard ring.count > 0 else { continue }
            #expect(servers(&ring) == servers(&fresh), "seed \(seed), step \(step)")
            #expect(turns(&ring).sorted() == turns(&fresh).sorted(), "seed \(seed), step \(step): turns pass every point once")
        }
    }

    @Test("moves only the hashes of a server that goes")
    func moves() {
        var ring = HashRing()
        let points = (0..<4).map { HashRing.Points(key: UInt32($0 + 1) * 4_096, count: 160) }
        for (server, each) in points.enumerated() { ring.append(each, of: server) }
        ring.sort()
        let before = servers(&ring)
        ring.change(2, from: points[2], to: HashRing.Points())
        let after = servers(&ring)
        #expect(zip(before, after).allSatisfy { $0 == $1 || $0 == 2 } && !after.contains(2))
    }

    @Test("gives a hash between two points to the nearer one, and to the lower one of two that are equally near")
    func distances() {
        var ring = HashRing()
        let keys: [UInt32] = [4_096, 8_192, 12_288]
        for (server, key) in keys.enumerated() { ring.append(HashRing.Points(key: key, count: 1), of: server) }
        ring.sort()
        let positions = keys.map { KeyHash.avalanche($0) }
        func distance(_ left: UInt32, _ right: UInt32) -> UInt32 { min(left &- right, right &- left) }
        for step in 0..<4_096 as Range<UInt32> {
            let hash = step << 20
            let server = ring.server(at: ring.place(nearest: hash))
            #expect(positions.allSatisfy { distance(hash, positions[server]) <= distance(hash, $0) }, "\(hash)")
        }
        let lowest = positions.sorted()
        let middle = lowest[0] + (lowest[1] - lowest[0]) / 2
        #expect(positions[ring.server(at: ring.place(nearest: middle))] == lowest[0])
    }

    static let keys: [(key: HashKey, address: SocketAddress?, number: UInt32)] = [
        (.identifier, .ip(.v4(0x0a00_0001), port: 80), 7 * 4_096), (.address, nil, 7 * 4_096), (.addressAndPort, .unix("/run/s"), 7 * 4_096),
        (.address, .ip(.v4(0x0a00_0001), port: 80), KeyHash.avalanche(0x0100_000a)),
        (.addressAndPort, .ip(.v4(0x0a00_0001), port: 80), KeyHash.avalanche(KeyHash.avalanche(80) &+ 0x0100_000a)),
    ]

    @Test("derives the points of a server from its id, or with hash-key from its address", arguments: keys.indices)
    func keyNumbers(index: Int) {
        let (key, address, number) = Self.keys[index]
        #expect(key.number(identifier: 7, address: address) == number)
    }

    @Test("hashes an address of IPv6 with XXH32, seeded by the port")
    func longKeys() {
        let address = IPAddress.v6(high: 0x2001_0db8_0000_0000, low: 1)
        let bytes: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + Array(repeating: 0, count: 11) + [1]
        let hashes = [0, KeyHash.avalanche(443)].map { seed in bytes.withUnsafeBytes { XXHash.hash32($0, seed: seed) } }
        let numbers = [HashKey.address, .addressAndPort].map { $0.number(identifier: 7, address: .ip(address, port: 443)) }
        #expect(numbers == hashes)
    }

    @Test("does not depend on the order of the servers with hash-key, and follows a server to another address")
    func addresses() {
        func bench(_ hosts: [UInt32]) -> BalancerBench {
            BalancerBench(hosts.map { _ in 3 }, balance: .hash) { backend, routes in
                backend.hashing.method = .consistent
                for server in hosts.indices {
                    backend.servers[server].hashKey = .address
                    routes[server].address = .ip(.v4(hosts[server]), port: 1)
                }
            }
        }
        func hosts(_ hosts: [UInt32], _ bench: inout BalancerBench) -> [UInt32?] {
            (0..<200 as Range<UInt32>).map { number in bench.visit(hash: number &* 2_654_435_761).map { hosts[$0] } }
        }
        var (one, other) = (bench([1, 2, 3]), bench([3, 1, 2]))
        let chosen = hosts([1, 2, 3], &one)
        #expect(chosen == hosts([3, 1, 2], &other))
        one.route(1) { $0.address = .ip(.v4(4), port: 1) }
        let moved = hosts([1, 4, 3], &one)
        #expect(zip(chosen, moved).allSatisfy { $0 == $1 || $0 == 2 || $1 == 4 } && chosen != moved)
        one.route(1) { $0.address = .ip(.v4(2), port: 1) }
        #expect(hosts([1, 2, 3], &one) == chosen)
    }
}

@Suite("The bound of hash-balance-factor")
struct LoadBoundTests {
    @Test("gives all servers together the sessions times the factor, rounded up, and each server at least one", arguments: seeds(100))
    func sums(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let weights = (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 1...4_096, using: &random) }
        let (total, factor, sessions) = (weights.reduce(0, +), Int.random(in: 101...300, using: &random), Int.random(in: 0...5_000, using: &random))
        var (before, limits) = (0, [Int]())
        for weight in weights {
            limits.append(LoadBound(factor: factor).limit(weight: weight, before: before, total: total, sessions: sessions))
            before += weight
        }
        let places = ((sessions + 1) * factor + 99) / 100
        #expect(limits.allSatisfy { $0 >= 1 } && limits.reduce(0, +) >= places, "seed \(seed)")
        #expect(limits.reduce(0, +) - limits.count { $0 == 1 } <= places, "seed \(seed)")
        #expect(limits.contains { $0 > sessions / weights.count }, "seed \(seed): one server has room")
        #expect(LoadBound(factor: 0).limit(weight: 1, before: 0, total: total, sessions: sessions) == .max)
    }

    @Test("lets a session wait for a full server within its bound, and passes over tried servers")
    func roomAndTried() {
        var bench = BalancerBench([1, 1], balance: .source) { backend, _ in
            backend.hashing.method = .consistent
            for server in 0...1 { backend.servers[server].connectionsMax = 1 }
        }
        let first = bench.stay(hash: 0)
        #expect(bench.take(hash: 0) == first.map { .full(UInt32(BalancerBench.first + $0)) })
        #expect(bench.take(tried: [0, 1], hash: 0) == .allTried)
        #expect(bench.stay(tried: first.map { [$0] } ?? [], hash: 0) == first.map { 1 - $0 })
    }
}
