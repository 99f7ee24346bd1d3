// Clients that close before they log in, as a load balancer's probes of the traffic port do, with a database that counts them.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Connections that end before a login", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy is blocked after 20 of them"))
    struct AbandonedHandshakeTests {
        @Test("do not get the node blocked by max_connect_errors", arguments: ["no", "yes"])
        func neverBlocked(greeting: String) throws {
            let cluster = try freshCluster()
            let (node, database) = (cluster.tsukada01, cluster.replica01)
            // A database that does not resolve names does not count them.
            try "127.0.0.1 localhost\n\(node.address) \(node.name)\n".write(toFile: "\(database.node.directory)/hosts", atomically: false, encoding: .utf8)
            try database.killAtOnce()
            try database.start(options: ["--skip-name-resolve=0", "--max-connect-errors=20"])
            defer { _ = try? database.killAtOnce() }
            try database.waitUntilReady()
            // One server, and no check in between, whose login would reset the count.
            let text = try seedConfiguration(of: node.name).replacingOccurrences(of: "inter 2000", with: "inter 60000")
                .replacing(/[ ]*server read02.*\n/, with: "")
            let proxy = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: text)
            defer { proxy.stop() }
            try eventually(within: 20, "read01 to be checked", interval: 50) { try proxy.lastChecks()["read01"] == "L7OK" }
            let mark = try cluster.log(of: node).mark
            try cluster.client.demand([clusterTool, "abandon", "--to", "\(node.address):3306", "--count", "200", "--greeting", greeting])
            try cluster.log(of: node).wait(for: "Connect from", from: mark, times: 200)
            let attempts = try cluster.client.query(node, count: 5)
            #expect(attempts.allSatisfy { $0.outcome == .answered && $0.detail == "dbserver01" }, "\(attempts)")
            try eventually(within: 15, "all sessions to end") { try proxy.statistics("scur").allSatisfy { $0.value == "0" } }
            // Proof that the test is valid: without tsukada the database does block.
            try node.demand([clusterTool, "abandon", "--to", "\(database.node.address):3306", "--count", "60", "--greeting", "yes"])
            let blocked = try cluster.client.query(node, count: 1)
            #expect(blocked.allSatisfy { $0.outcome == .errorPacket && $0.detail.contains("blocked") }, "\(blocked)")
        }
    }
}
