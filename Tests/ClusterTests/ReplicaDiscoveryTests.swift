// Replicas that no configuration lists: the primary lists them.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Replicas from the primary's list", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no database sections"))
    struct ReplicaDiscoveryTests {
        private static let password = "check"
        private static let configuration = """
            \(globalSection(log: "172.20.0.11"))
                state-dir /var/lib/tsukada
            defaults
                mode tcp
                log global
                retries 3
                option mysql-check user haproxy_check
                timeout connect 5s
                timeout client 1m
                timeout server 1m
                timeout check 2s
            listen mysql
                bind 0.0.0.0:3306
                server-template read 4 replicas.mysql:3306 check fall 2
            listen mysql-write
                bind 0.0.0.0:3310
                server db1 172.20.0.21:3306 check fall 2
                server db2 172.20.0.22:3306 check fall 2
                server db3 172.20.0.23:3306 check fall 2
            database mysql
                user tsukada_check
                password-file /etc/tsukada/check.password
                role replica
                max-lag 5s
            database mysql-write
                user tsukada_check
                password-file /etc/tsukada/check.password
                role primary
                discover mysql hold 6s

            """

        /// tsukada01 with that file; the check's user may not see other users' sessions yet.
        private final class Scene {
            let cluster: Cluster
            let mark: Int
            private(set) var proxy: RunningProxy
            private var writes: RepeatingThread?

            init() throws {
                cluster = try freshCluster()
                // Databases in this network resolve names, so primaries would list names.
                for database in [cluster.primary, cluster.replica01] { try Self.restart(database, options: ["--skip-name-resolve"]) }
                mark = try cluster.log(of: cluster.tsukada01).mark
                try cluster.primary.execute(
                    """
                    create or replace user tsukada_check@'%' identified by '\(ReplicaDiscoveryTests.password)'; grant replica monitor on *.* to tsukada_check@'%';
                    """)
                let node = cluster.tsukada01
                let path = "\(node.directory)/etc-tsukada/check.password"
                try "\(ReplicaDiscoveryTests.password)\n".write(toFile: path, atomically: false, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                for replica in [cluster.replica01, cluster.replica02] {
                    try eventually(within: 10, "the check's user on the replica", interval: 50) {
                        (try? replica.execute("show grants for tsukada_check@'%'"))?.contains("MONITOR") ?? false
                    }
                }
                proxy = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: ReplicaDiscoveryTests.configuration)
            }

            private static func restart(_ database: Database, options: [String] = []) throws {
                try database.killAtOnce()
                try database.start(options: options)
                try database.waitUntilReady()
            }

            func restart() throws {
                proxy.stop()
                proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: ReplicaDiscoveryTests.configuration)
            }

            /// Writes a row every half second to this database only.
            func write(to database: Database?) {
                writes?.stop()
                writes = database.map { DatabaseTests.writes(to: $0) }
            }

            func grant() throws { try cluster.primary.execute("grant process on *.* to tsukada_check@'%'") }

            /// The addresses of the servers that take sessions: UP, or "UP 1/2" after a single failed check.
            func serving() throws -> [String] {
                let states = try proxy.command("show servers state mysql").split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                let status = try proxy.statistics("status")
                return states.filter { $0.count > 5 && $0[0] != "#" && status[$0[3]]?.hasPrefix("UP") == true }.map { $0[4] }.sorted()
            }

            /// Waits until exactly the servers with these last numbers take sessions, and returns the seconds.
            @discardableResult
            func wait(for last: [Int], within seconds: Double = 10) throws -> Double {
                let start = MonotonicMoment.now
                let wanted = last.map { "172.20.0.\($0)" }
                try eventually(within: seconds, "\(wanted), not \(try serving()): \(try proxy.command("show database"))", interval: 20) {
                    try serving() == wanted
                }
                return Double(MonotonicMoment.now - start) / 1e9
            }

            func wait(forLine text: String, within seconds: Double = 10, times: Int = 1) throws {
                try cluster.log(of: cluster.tsukada01).wait(for: text, from: mark, within: seconds, times: times)
            }

            /// The log's lines about servers since the start of the test, for messages.
            func serverLines() throws -> [String] {
                try cluster.log(of: cluster.tsukada01).lines(from: mark).map(\.text).filter { $0.contains("erver mysql/") }
            }

            /// Restores the state that every test expects.
            func end() {
                write(to: nil)
                proxy.stop()
                let (primary, replicas) = (cluster.primary, [cluster.replica01, cluster.replica02])
                if !replicas[1].isRunning { try? Self.restart(replicas[1]) }
                if !primary.isRunning { try? Self.restart(primary) }
                if (try? primary.ask("select @@read_only")) == "1" {
                    try? primary.promote(from: replicas[0], others: Array(replicas.dropFirst()))
                } else {
                    for replica in replicas { try? replica.replicate(from: primary) }
                }
                for database in [primary, replicas[0]] { try? Self.restart(database) }
            }
        }

        @Test("join and leave within seconds and follow a promotion, without a line of configuration and without a failed connect")
        func joinLeaveAndFollow() throws {
            let scene = try Scene()
            defer { scene.end() }
            let cluster = scene.cluster
            try cluster.replica02.execute("stop slave")
            scene.write(to: cluster.primary)
            try scene.wait(forLine: "Database mysql-write: db3 refuses to list its replicas: error 1227 ", within: 15)
            try scene.wait(forLine: "; known replicas stay; run GRANT PROCESS ON *.* TO 'tsukada_check'.")
            #expect(try scene.serving().isEmpty)
            #expect(try cluster.client.query(cluster.tsukada01, port: 3310).allSatisfy { $0.detail == "dbserver03" }, "the writer is found nevertheless")
            try scene.grant()
            print("| discover | first replica | serves \(try scene.wait(for: [21])) s after the GRANT |")
            try scene.wait(forLine: "by 'mysql-write/db3'.")
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 400)

            try cluster.replica02.replicate(from: cluster.primary)
            let joined = try scene.wait(for: [21, 22])
            #expect(joined < 4)
            try eventually(within: 5, "a session on the second replica") {
                try cluster.client.query(cluster.tsukada01, count: 4).contains { $0.detail == "dbserver02" }
            }
            let overview = try scene.proxy.command("show database mysql-write")
            #expect(overview.contains("Discover: mysql\nReplicas: 172.20.0.21 172.20.0.22\nDiscover_trouble: -\n"), "\(overview)")
            let empty = try scene.proxy.command("show database mysql").split(separator: "\n").first { $0.hasPrefix("read3 ") } ?? ""
            #expect(empty.hasPrefix("read3    MAINT ") && empty.hasSuffix("no address"), "\(empty)")
            #expect(try scene.proxy.command("show servers state mysql").contains(" replicas.mysql 3306 "))

            // It stops replicating: OUT at once, and removed from the pool after the hold time without it in the list.
            try cluster.replica02.execute("stop slave")
            let out = try scene.wait(for: [21])
            try scene.wait(forLine: "Server mysql/read2 is going DOWN for maintenance (not listed by the writer).", within: 20)
            #expect(out < 4)
            try cluster.replica02.replicate(from: cluster.primary)
            try scene.wait(for: [21, 22])

            // After a promotion, the new primary's replicas are the pool.
            scene.write(to: nil)
            let promoted = MonotonicMoment.now
            try cluster.replica01.promote(from: cluster.primary, others: [cluster.replica02])
            scene.write(to: cluster.replica01)
            try scene.wait(forLine: ", epoch 2; sessions to the previous writer 'db3' are closed.")
            try scene.wait(for: [22, 23])
            let followed = Double(MonotonicMoment.now - promoted) / 1e9
            #expect(followed < 8)
            try scene.wait(forLine: "Server mysql/read1 is going DOWN for maintenance (not listed by the writer).", within: 20)
            #expect(try scene.serving() == ["172.20.0.22", "172.20.0.23"])
            let report = try load.stop()
            #expect(report.attempts > 1_000)
            #expect(report.failures.isEmpty, "\(report.failures.count) of \(report.attempts) failed: \(report.failures.prefix(3))")
            print(
                "| discover | joined \(joined) s, out \(out) s, promotion \(followed) s | \(report.attempts) attempts, \(report.failures.count) failed, slowest \(report.slowestMilliseconds) ms |"
            )
        }

        @Test("stay when their primary dies, and a start without it uses the stored ones, after a check")
        func primaryDies() throws {
            let scene = try Scene()
            defer { scene.end() }
            let cluster = scene.cluster
            try scene.grant()
            try scene.wait(for: [21, 22])
            try eventually(within: 15, "the file") {
                try cluster.tsukada01.run(["cat", "/var/lib/tsukada/addresses-tsukada01.state"]).output.contains("name replicas.mysql ")
            }
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 400)
            try cluster.primary.killAtOnce()
            try holds(for: 10, "both replicas serve, not \(try scene.serving()): \(try scene.serverLines())", interval: 500) {
                try scene.serving() == ["172.20.0.21", "172.20.0.22"]
            }
            let report = try load.stop()
            #expect(report.attempts > 500 && report.failures.isEmpty, "\(report.failures.prefix(3))")
            try cluster.replica02.killAtOnce()
            try scene.restart()
            let after = try scene.wait(for: [21])
            #expect(try cluster.client.query(cluster.tsukada01, count: 4).allSatisfy { $0.detail == "dbserver01" })
            print(
                "| discover | primary dead | \(report.attempts) attempts, \(report.failures.count) failed; restarted without it: serves after \(after) s |")
        }
    }
}
