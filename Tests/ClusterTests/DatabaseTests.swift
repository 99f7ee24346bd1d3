// Real replication: replicas that lag, stop and recover, a primary that is promoted elsewhere, a user that databases refuse.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Two nodes with database sections", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no database sections"))
    struct DatabaseTests {
        private static let password = "a secret, and no word of a log"

        /// Both nodes with the article's file, gossip, and at most eight lines for the replicas; the writer's proxy on port 3310.
        private final class Nodes {
            let pair: GossipPair
            let cluster: Cluster

            init(_ cluster: Cluster, asAdministrator: Bool = false) throws {
                self.cluster = cluster
                try cluster.primary.execute(
                    """
                    create or replace user tsukada_check@'%' identified by '\(DatabaseTests.password)'; grant replica monitor on *.* to tsukada_check@'%';
                    """)
                for replica in [cluster.replica01, cluster.replica02] {
                    try eventually(within: 10, "the user on \(replica.node.name): \(try replica.ask("show slave status"))", interval: 50) {
                        // An error while the user does not exist yet.
                        (try? replica.execute("show grants for tsukada_check@'%'"))?.contains("MONITOR") == true
                    }
                }
                for node in [cluster.tsukada01, cluster.tsukada02] {
                    let path = "\(node.directory)/etc-tsukada/check.password"
                    try "\(DatabaseTests.password)\n".write(toFile: path, atomically: false, encoding: .utf8)
                    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                }
                pair = try GossipPair(
                    cluster, asAdministrator: asAdministrator,
                    sections: [
                        "database mysql", "user tsukada_check", "password-file /etc/tsukada/check.password", "role replica", "max-lag 3s", "interval 1s",
                        "listen mysql-write", "bind 0.0.0.0:3310", "mode tcp", "option mysql-check user haproxy_check", "timeout connect 5s",
                        "timeout client 1m", "timeout server 1m", "timeout check 2s", "server db1 172.20.0.21:3306 check fall 2",
                        "server db2 172.20.0.22:3306 check fall 2", "server db3 172.20.0.23:3306 check fall 2",
                        "database mysql-write", "user tsukada_check", "password-file /etc/tsukada/check.password", "role primary", "interval 1s",
                    ])
                do {
                    try pair.waitUntilSettled()
                    for member in pair.both { try wait("the writer on \(member.node.name)") { try self.writer(member) == "db3" } }
                } catch {
                    pair.stop()
                    throw error
                }
            }

            /// The server that a node sends writes to.
            func writer(_ member: GossipMember) throws -> String { try field("Writer", "mysql-write", of: member) }

            func field(_ name: String, _ proxy: String, of member: GossipMember) throws -> String {
                let line = try member.proxy.command("show database \(proxy)").split(separator: "\n").first { $0.hasPrefix("\(name): ") }
                return line.map { String($0.dropFirst(name.count + 2)) } ?? ""
            }

            /// Waits; the error contains the nodes' output.
            func wait(_ what: String, within seconds: Double = 10, _ condition: () throws -> Bool) throws {
                let seen = { [self] in try pair.both.map { try $0.proxy.command("show database") }.joined(separator: "\n") }
                try eventually(within: seconds, "\(what): \(try seen())", interval: 50) { try condition() }
            }

            func end() {
                pair.stop()
                for database in [cluster.primary, cluster.replica01, cluster.replica02] {
                    _ = try? database.execute("set global read_only=\(database === cluster.primary ? 0 : 1)")
                }
            }
        }

        /// Rows for replication, one every half second, until the thread is stopped.
        static func writes(to database: Database) -> RepeatingThread {
            RepeatingThread(every: 500_000) {
                _ = try? database.execute("create table if not exists shop.ticks (at int); insert into shop.ticks values (1)")
            }
        }

        @Test("take a lagging replica out within 3 s of the limit and in again, and never all of them")
        func lag() throws {
            let cluster = try freshCluster()
            let nodes = try Nodes(cluster, asAdministrator: true)
            defer { nodes.end() }
            let writes = Self.writes(to: cluster.primary)
            defer { writes.stop() }
            let delay = { (database: Database, seconds: Int) throws in
                _ = try database.execute("stop slave; change master to master_delay=\(seconds); start slave")
            }
            defer { for replica in [cluster.replica01, cluster.replica02] { _ = try? delay(replica, 0) } }
            let begun = MonotonicMoment.now
            try delay(cluster.replica01, 30)
            for member in nodes.pair.both {
                let out = try member.wait(for: "Server mysql/read01 is OUT: replication lag", after: begun, within: 12)
                // The first delayed row is up to half a second old, and databases report lag in whole seconds.
                print("| database | lag passes 3s | OUT on \(member.node.name) \(Double(out - begun) / 1e9) s after the delay began |")
                #expect(Double(out - begun) / 1e9 < 7.5)
                #expect(try member.proxy.statistics("status")["read01"] == "NOLB")
                #expect(try member.proxy.command("show servers state").contains(" read01 172.20.0.21 3 "))
            }
            #expect(try cluster.client.query(cluster.tsukada01, count: 8).allSatisfy { $0.outcome == .answered && $0.detail == "dbserver02" })
            // A node's health rows contain the lag that it sees.
            #expect(try nodes.pair.first.rows("health").contains { $0["server"] == "mysql/read01" && (Int($0["lag_ms"] ?? "") ?? 0) > 3_000 })

            // Without the only fit replica the lagging one is used, without a moment in which none is.
            let all = MonotonicMoment.now
            for member in nodes.pair.both {
                #expect(try member.proxy.command("set server mysql/read02 state maint") == "\n")
                #expect(try member.proxy.statistics("status")["read01"] == "UP")
                #expect(try member.proxy.command("set server mysql/read02 state ready") == "\n")
                #expect(try member.proxy.statistics("status")["read01"] == "NOLB")
            }
            try delay(cluster.replica02, 30)
            try holds(for: 8, "one replica is UP on each node", interval: 250) {
                try nodes.pair.both.allSatisfy { member in
                    let status = try member.proxy.statistics("status")
                    return ["read01", "read02"].contains { status[$0] == "UP" }
                }
            }
            for member in nodes.pair.both {
                #expect(member.lines(with: "proxy mysql has no server available!").filter { $0.receivedAt > all }.isEmpty)
            }
            #expect(try cluster.client.query(cluster.tsukada02, count: 4).allSatisfy { $0.outcome == .answered })

            let back = MonotonicMoment.now
            for replica in [cluster.replica01, cluster.replica02] { try delay(replica, 0) }
            for member in nodes.pair.both {
                try nodes.wait("both replicas on \(member.node.name)", within: 10) {
                    let status = try member.proxy.statistics("status")
                    return ["read01", "read02"].allSatisfy { status[$0] == "UP" }
                }
            }
            print("| database | recovered | all in after \(Double(MonotonicMoment.now - back) / 1e9) s |")
        }

        @Test("take a replica out whose SQL thread has stopped, and report why")
        func stopped() throws {
            let cluster = try freshCluster()
            let nodes = try Nodes(cluster)
            defer { nodes.end() }
            try cluster.replica01.execute("set sql_log_bin=0; insert into shop.orders values (100)")
            let begun = MonotonicMoment.now
            try cluster.primary.execute("insert into shop.orders values (100)")
            for member in nodes.pair.both {
                let out = try member.wait(for: "Server mysql/read01 is OUT: replica SQL thread stopped: error 1062", after: begun, within: 6)
                print("| database | SQL thread stopped | OUT on \(member.node.name) after \(Double(out - begun) / 1e9) s |")
                #expect(Double(out - begun) / 1e9 < 3)
                #expect(try member.proxy.command("show database mysql").contains("sql:stopped"))
            }
            try cluster.replica01.execute("set sql_log_bin=0; delete from shop.orders where number=100; start slave")
            for member in nodes.pair.both { try member.wait(for: "Server mysql/read01 is IN (was OUT: ", after: begun, within: 6) }
            try cluster.primary.execute("delete from shop.orders where number=100")
        }

        @Test("send writes to the new primary within 3 s of its promotion, both to the same one, and close the sessions of the old one")
        func promotion() throws {
            let cluster = try freshCluster()
            let nodes = try Nodes(cluster)
            defer { nodes.end() }
            #expect(try cluster.client.query(cluster.tsukada01, port: 3310, count: 3).allSatisfy { $0.detail == "dbserver03" })
            let client = try cluster.client.start(["mariadb", "--host=172.20.0.12", "--port=3310", "--user=app", "--execute=select sleep(60)"])
            try eventually(within: 5, "the client's query") { try cluster.primary.execute("show processlist").contains("select sleep(60)") }
            try cluster.primary.execute("set global read_only=1")
            let promoted = MonotonicMoment.now
            try cluster.replica01.execute("set global read_only=0")
            for member in nodes.pair.both {
                let moved = try member.wait(for: ", epoch 2; sessions to the previous writer 'db3' are closed.", after: promoted, within: 6)
                print("| database | promotion | \(member.node.name) follows after \(Double(moved - promoted) / 1e9) s |")
                try nodes.wait("writes through \(member.node.name)", within: 3) {
                    try cluster.client.query(member.node, port: 3310).allSatisfy { $0.outcome == .answered && $0.detail == "dbserver01" }
                }
                #expect(Double(MonotonicMoment.now - promoted) / 1e9 < 3)
                #expect(try nodes.field("Epoch", "mysql-write", of: member) == "2")
            }
            try client.outside.wait(within: 3)
            #expect(client.outside.exitStatus != 0)
            // A replica that accepts writes is unfit.
            try nodes.pair.first.wait(for: "Server mysql/read01 is OUT: read_only is OFF on a replica", after: promoted, within: 3)

            // Two servers accept writes: the writer stays, and an alarm is raised.
            let second = MonotonicMoment.now
            try cluster.primary.execute("set global read_only=0")
            for member in nodes.pair.both {
                try member.wait(for: "db1 and db3 accept writes, but only one may; writes continue to server 'db1'", after: second, within: 8)
                #expect(try nodes.writer(member) == "db1")
            }
            // No server accepts writes: no session, and an alarm.
            for database in [cluster.primary, cluster.replica01] { try database.execute("set global read_only=1") }
            for member in nodes.pair.both { try member.wait(for: "Database mysql-write: no server accepts writes", after: second, within: 8) }
            #expect(try cluster.client.query(cluster.tsukada01, port: 3310).allSatisfy { $0.outcome != .answered })
            try cluster.primary.execute("set global read_only=0")
            for member in nodes.pair.both { try nodes.wait("the first primary on \(member.node.name)") { try nodes.writer(member) == "db3" } }
        }

        @Test("keep every server in service when the databases refuse their user, and never print its password")
        func expired() throws {
            let cluster = try freshCluster()
            let nodes = try Nodes(cluster)
            defer { nodes.end() }
            let begun = MonotonicMoment.now
            try cluster.primary.execute("alter user tsukada_check@'%' password expire")
            for member in nodes.pair.both {
                try member.wait(for: "Database mysql: read0", after: begun, within: 8)
                try member.wait(for: "Database mysql-write: db", after: begun, within: 8)
            }
            try holds(for: 6, "every server stays in service", interval: 250) {
                try nodes.pair.both.allSatisfy { member in
                    let status = try member.proxy.statistics("status")
                    return ["read01", "read02"].allSatisfy { status[$0] == "UP" }
                }
            }
            for member in nodes.pair.both {
                #expect(try nodes.writer(member) == "db3")
                #expect(try nodes.field("Alarm", "mysql", of: member).contains("servers cannot be queried as user 'tsukada_check'"))
                #expect(member.lines(with: "refuses user 'tsukada_check'").filter { $0.receivedAt > begun }.count == 2)
                #expect(try cluster.client.query(member.node, port: 3310).allSatisfy { $0.outcome == .answered && $0.detail == "dbserver03" })
                for text in [try member.proxy.command("show database"), member.lines(with: "").map(\.datagram).joined()] {
                    #expect(!text.contains(DatabaseTests.password))
                }
            }
            try cluster.primary.execute("alter user tsukada_check@'%' identified by '\(Self.password)'")
            for member in nodes.pair.both {
                try member.wait(for: "Database mysql: all servers accept user 'tsukada_check' again", after: begun, within: 10)
            }
        }
    }
}
