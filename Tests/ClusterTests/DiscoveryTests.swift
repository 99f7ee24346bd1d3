// Names whose addresses change, and faulty nameservers, while clients connect, query and close.

import ClusterWorld
import Foundation
import Support
import Testing

/// A node that proxies to a name of a nameserver that the test can change, with a load of clients.
private final class Pool {
    let cluster: Cluster
    let nameserver: PoolNameServer
    let proxy: RunningProxy
    private let load: LoadClient

    /// - Parameters:
    ///   - servers: the lines of servers.
    ///   - usable: the number of servers that must be up before the clients start.
    init(_ cluster: Cluster, _ nameserver: PoolNameServer, servers: [String], usable: Int, holdValid: String = "10s") throws {
        (self.cluster, self.nameserver) = (cluster, nameserver)
        let text = Pool.configuration(servers: servers, nameserver: PoolNameServer.address, holdValid: holdValid)
        proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: text)
        do {
            try Pool.wait(for: usable, of: proxy, within: 10)
            load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 400)
            let running = proxy
            try eventually(within: 10, "load") { Int(try running.statistics("stot")["FRONTEND"] ?? "0") ?? 0 > 300 }
        } catch {
            proxy.stop()
            throw error
        }
    }

    deinit {
        proxy.stop()
        try? nameserver.stop()
    }

    /// The seed's file with other servers and a port that needs no name.
    static func configuration(servers: [String], nameserver: String, holdValid: String = "10s", global: String = "") -> String {
        """
        \(globalSection(log: "172.20.0.11"))
        \(global)
        resolvers vpc
            nameserver vpc \(nameserver):53
            hold valid \(holdValid)
        defaults
            mode tcp
            log global
            retries 3
            timeout connect 10s
            timeout client 1m
            timeout server 1m
            timeout check 10s
        listen mysql
            bind 0.0.0.0:3306
            option mysql-check user haproxy_check
            balance roundrobin
        \(servers.map { "    \($0) resolvers vpc check inter 2000 fall 3\n" }.joined())
        """
    }

    static func usable(_ proxy: RunningProxy) throws -> [String] {
        let checks = try proxy.lastChecks()
        return try proxy.statistics("status").filter { $0.key != "BACKEND" && $0.value == "UP" && checks[$0.key] == "L7OK" }.map(\.key).sorted()
    }

    static func wait(for count: Int, of proxy: RunningProxy, within seconds: Double) throws {
        try eventually(within: seconds, "\(count) servers to be up: \(try proxy.statistics("status"))", interval: 20) { try usable(proxy).count == count }
    }

    /// Waits until `count` servers are up and returns the seconds.
    func wait(for count: Int) throws -> Double {
        let start = MonotonicMoment.now
        try Pool.wait(for: count, of: proxy, within: 10)
        return Double(MonotonicMoment.now - start) / 1e9
    }

    /// The number of sessions of each server so far.
    func sessions() throws -> [String: Int] {
        try proxy.statistics("stot").filter { $0.key.hasPrefix("read") }.mapValues { Int($0) ?? 0 }
    }

    /// Ends the clients and fails if a connect has failed or was slow.
    func finish(_ what: String) throws {
        try eventually(within: 20, "600 sessions") { try sessions().values.reduce(0, +) > 600 }
        let report = try load.stop()
        #expect(report.attempts > 500)
        #expect(report.failures.isEmpty, "\(report.failures.count) of \(report.attempts) failed: \(report.failures.prefix(3))")
        #expect(report.slow.isEmpty, "over 0.4 s: \(report.slow.prefix(3))")
        print("\(what): \(report.attempts) attempts, \(report.failures.count) failed, slowest \(report.slowestMilliseconds) ms")
    }

    /// The log's lines since the start of the test.
    func log(from mark: Int) throws -> [String] { try cluster.log(of: cluster.tsukada01).lines(from: mark).map(\.text) }
}

/// A fault of a nameserver; the failover test's rows have more of them.
enum NameserverIllness: String, CaseIterable, Sendable {
    case gone, refuses

    /// The log's text for the fault.
    var alarm: String {
        switch self {
        case .gone: "no answer for 'db.pool' from any nameserver"
        case .refuses: "vpc refuses to resolve 'db.pool'"
        }
    }
}

extension ClusterSuite {
    @Suite("A pool of databases by name", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "these are promises of tsukada's own"))
    struct DiscoveryTests {
        private static let replicas = [("db.pool", "172.20.0.21"), ("db.pool", "172.20.0.22")]
        private let cluster: Cluster
        private let nameserver: PoolNameServer

        init() throws {
            cluster = try freshCluster()
            nameserver = try PoolNameServer(on: cluster.nameserver.node)
        }

        /// Adds addresses to the databases.
        private func addAddresses(_ range: ClosedRange<Int>) throws {
            for (index, last) in range.enumerated() {
                let node = [cluster.replica01, cluster.replica02, cluster.primary][index % 3].node
                _ = try? node.demand(["ip", "address", "add", "172.20.0.\(last)/24", "dev", "eth0"])
            }
        }

        @Test("grows from 2 to 5 and back without a reload and without a failed connect, within 2 s of the time to live")
        func growsAndShrinks() throws {
            try addAddresses(51...53)
            try nameserver.serve(Self.replicas)
            let pool = try Pool(cluster, nameserver, servers: ["server-template read 6 db.pool:3306"], usable: 2)
            let mark = try cluster.log(of: cluster.tsukada01).mark
            let five = Self.replicas + (51...53).map { ("db.pool", "172.20.0.\($0)") }
            try nameserver.serve(five)
            let grown = try pool.wait(for: 5)
            #expect(grown < 3, "grown after \(grown) s: the time to live is 1 s")
            let before = try pool.proxy.statistics("stot")
            try eventually(within: 5, "sessions on all five") {
                let now = try pool.proxy.statistics("stot")
                return now.filter { $0.key.hasPrefix("read") }.count { Int($0.value) ?? 0 > Int(before[$0.key] ?? "0") ?? 0 } == 5
            }
            try nameserver.serve(Self.replicas)
            let shrunk = try pool.wait(for: 2)
            #expect(shrunk < 3, "shrunk after \(shrunk) s")
            // A removed server gets no session.
            let left = try pool.proxy.statistics("status").filter { $0.value == "MAINT (resolution)" }.map(\.key)
            let then = try pool.proxy.statistics("stot")
            #expect(left.count == 4, "\(left)")
            try holds(for: 0.5, "removed servers get no session: \(left) \(then)", interval: 100) {
                let now = try pool.proxy.statistics("stot")
                return left.allSatisfy { then[$0] == now[$0] }
            }
            try pool.finish("2 -> 5 in \(grown) s -> 2 in \(shrunk) s")
            #expect(try pool.log(from: mark).count { $0.contains("is DOWN") } == 0)
        }

        @Test("reports which number to raise when the name has more addresses than servers")
        func tooMany() throws {
            try addAddresses(51...53)
            try nameserver.serve(Self.replicas)
            let pool = try Pool(cluster, nameserver, servers: ["server-template read 2 db.pool:3306"], usable: 2)
            let mark = try cluster.log(of: cluster.tsukada01).mark
            try nameserver.serve(Self.replicas + [("db.pool", "172.20.0.51")])
            try cluster.log(of: cluster.tsukada01).wait(for: "'db.pool' has 3 addresses for the 2 servers of", from: mark)
            try holds(for: 3, "it is logged once", interval: 100) {
                try pool.log(from: mark).count { $0.contains("raise the number there to 3 or more") } == 1
            }
            try pool.finish("too many addresses")
        }

        @Test("loses no connect while its nameserver is faulty", arguments: NameserverIllness.allCases)
        func ill(illness: NameserverIllness) throws {
            try nameserver.serve(Self.replicas)
            let pool = try Pool(cluster, nameserver, servers: ["server-template read 4 db.pool:3306"], usable: 2)
            let mark = try cluster.log(of: cluster.tsukada01).mark
            switch illness {
            case .gone: try nameserver.stop()
            case .refuses: try nameserver.serve([])
            }
            try cluster.log(of: cluster.tsukada01).wait(for: illness.alarm, from: mark, within: 20)
            try holds(for: 2, "both servers stay usable", interval: 100) { try Pool.usable(pool.proxy).count == 2 }
            try pool.finish("nameserver \(illness)")
            let lines = try pool.log(from: mark)
            #expect(lines.allSatisfy { !$0.contains("DOWN") && !$0.contains("No IP") })
            #expect(lines.count { $0.contains("Resolvers vpc") } == 1, "\(lines.suffix(3))")
        }

        @Test("uses all addresses of an answer that exceeds UDP, and removes only the missing one")
        func truncated() throws {
            try addAddresses(101...140)
            let many = (101...140).map { ("db.pool", "172.20.0.\($0)") }
            try nameserver.serve(many)
            let pool = try Pool(cluster, nameserver, servers: ["server-template read 40 db.pool:3306"], usable: 40)
            try nameserver.serve(Array(many.dropLast(8)))
            #expect(try pool.wait(for: 32) < 4)
            try pool.finish("40 addresses over TCP")
        }

        @Test("follows a record that moves within 2 s of its time to live, without a failed connect")
        func moves() throws {
            try nameserver.serve([("db1.pool", "172.20.0.21"), ("db2.pool", "172.20.0.22")])
            let servers = ["server read01 db1.pool:3306 init-addr none", "server read02 db2.pool:3306 init-addr none"]
            let pool = try Pool(cluster, nameserver, servers: servers, usable: 2)
            try nameserver.serve([("db1.pool", "172.20.0.23"), ("db2.pool", "172.20.0.22")])
            let start = MonotonicMoment.now
            try eventually(within: 10, "the new address") { try pool.proxy.command("show servers state").contains("read01 172.20.0.23 ") }
            let after = Double(MonotonicMoment.now - start) / 1e9
            #expect(after < 3, "moved after \(after) s")
            // The other clients take turns as well.
            try eventually(within: 5, "a session at the new address") {
                try cluster.client.query(cluster.tsukada01, count: 4).contains { $0.detail == "dbserver03" }
            }
            try pool.finish("moved in \(after) s")
        }

        @Test("resolves the name again at once when a connect fails, regardless of the answer's time to live")
        func failedConnectAsks() throws {
            let (first, second) = ([("db1.pool", "172.20.0.21"), ("db2.pool", "172.20.0.22")], [("db1.pool", "172.20.0.23"), ("db2.pool", "172.20.0.22")])
            try nameserver.serve(first, timeToLive: 600)
            let servers = ["server read01 db1.pool:3306 init-addr none", "server read02 db2.pool:3306 init-addr none"]
            let pool = try Pool(cluster, nameserver, servers: servers, usable: 2, holdValid: "600s")
            try nameserver.serve(second, timeToLive: 600)
            try holds(for: 2.5, "the address stays while no connect fails", interval: 100) {
                try pool.proxy.command("show servers state").contains("read01 172.20.0.21 ")
            }
            // The old host refuses from here on; established connections are kept.
            try cluster.replica01.node.demand(["nft", "add table ip t; add chain ip t in { type filter hook input priority 0; }"])
            defer { _ = try? cluster.replica01.node.run(["nft", "delete table ip t"]) }
            try cluster.replica01.node.demand(["nft", "add rule ip t in tcp dport 3306 tcp flags & (syn | ack) == syn reject with tcp reset"])
            let start = MonotonicMoment.now
            try eventually(within: 10, "the new address", interval: 5) { try pool.proxy.command("show servers state").contains("read01 172.20.0.23 ") }
            let after = Double(MonotonicMoment.now - start) / 1e9
            #expect(after < 2, "moved after \(after) s")
            try pool.finish("a failed connect: moved in \(after) s")
        }

        @Test("uses a service's hosts, ports, weights and priorities")
        func service() throws {
            let records = [
                (host: "db1.pool", address: "172.20.0.21", port: 3306, priority: 10, weight: 30),
                (host: "db2.pool", address: "172.20.0.22", port: 3306, priority: 10, weight: 10),
                (host: "db3.pool", address: "172.20.0.23", port: 3306, priority: 20, weight: 10),
            ]
            try nameserver.serve(service: "_mysql._tcp.pool", records)
            let pool = try Pool(cluster, nameserver, servers: ["server-template read 4 _mysql._tcp.pool"], usable: 3)
            let before = try pool.sessions()
            let answers = try cluster.client.query(cluster.tsukada01, count: 80).map(\.detail)
            let shares = try pool.sessions().merging(before, uniquingKeysWith: -).values.sorted()
            // The other clients' sessions shift these clients' turns, so the limit is loose.
            #expect(answers.count { $0 == "dbserver01" } > 40, "about three quarters: \(answers)")
            #expect(abs(Double(shares.last ?? 0) / Double(shares.reduce(0, +)) - 0.75) < 0.03, "of all clients: \(shares)")
            #expect(!answers.contains("dbserver03"), "its priority is higher than the others'")
            // The first two are removed: the third one takes all sessions.
            try nameserver.serve(service: "_mysql._tcp.pool", Array(records.suffix(1)))
            #expect(try pool.wait(for: 1) < 3)
            #expect(try cluster.client.query(cluster.tsukada01, count: 5).allSatisfy { $0.detail == "dbserver03" })
            try nameserver.serve(service: "_mysql._tcp.pool", records)
            #expect(try pool.wait(for: 3) < 3)
            #expect(try !cluster.client.query(cluster.tsukada01, count: 8).contains { $0.detail == "dbserver03" })
            try pool.finish("services")
        }

        @Test(
            "starts without DNS with its previous addresses, after a check", arguments: ["server-template read 3 db.pool:3306", "server read dbserver01:3306"])
        func startsWithoutDNS(line: String) throws {
            try nameserver.serve(Self.replicas)
            defer { try? nameserver.stop() }
            let node = cluster.tsukada01
            let isTemplate = line.contains("template")
            let count = isTemplate ? 2 : 1
            let text = Pool.configuration(
                servers: [line], nameserver: isTemplate ? PoolNameServer.address : "172.20.0.2", global: "    state-dir /var/lib/tsukada")
            do {
                let first = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: text)
                defer { first.stop() }
                try Pool.wait(for: count, of: first, within: 10)
                try eventually(within: 15, "the file") { try node.run(["cat", "/var/lib/tsukada/addresses-tsukada01.state"]).output.contains("172.20.0.21") }
            }
            #expect(try node.demand(["stat", "-c", "%a %U", "/var/lib/tsukada/addresses-tsukada01.state"]) == "600 haproxy\n")
            try nameserver.pause()
            try cluster.nameserver.pause()
            defer { try? cluster.nameserver.resume() }
            // One of the stored addresses is dead: it takes no session.
            if isTemplate { try cluster.replica02.killAtOnce() }
            let start = MonotonicMoment.now
            let proxy = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: text)
            defer { proxy.stop() }
            try Pool.wait(for: 1, of: proxy, within: 10)
            let after = Double(MonotonicMoment.now - start) / 1e9
            let load = try LoadClient(on: cluster.client, target: node, clients: 20, slowOverMilliseconds: 400)
            try holds(for: 3, "one server serves", interval: 200) { try Pool.usable(proxy).count == 1 }
            let report = try load.stop()
            #expect(report.attempts > 500 && report.failures.isEmpty && report.slow.isEmpty, "\(report.failures.prefix(3)) \(report.slow.prefix(3))")
            #expect(report.answersByServer.keys.sorted() == ["dbserver01"])
            print("started without DNS, \(line): serves after \(after) s; \(report.attempts) attempts, \(report.failures.count) failed")
        }
    }
}
