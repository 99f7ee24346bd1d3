// What clients notice. These are promises of tsukada's own: haproxy does not keep them all.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("tsukada", .serialized)
    struct FailoverTests {
        @Test(
            "loses only the dying replica's own connects when it is killed under load by 20 clients",
            .disabled(if: ProxyProgram.testsHaproxy, "haproxy does not promise this"), arguments: 1...2)
        func killUnderLoad(round: Int) throws {
            let cluster = try freshCluster()
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let mark = try cluster.log(of: cluster.tsukada01).mark
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 500)
            try eventually(within: 10, "load") { Int(try proxy.statistics("stot")["FRONTEND"] ?? "0") ?? 0 > 500 }

            let victim = round == 1 ? cluster.replica01 : cluster.replica02
            let gone = try victim.killAtOnce()
            try cluster.log(of: cluster.tsukada01).wait(for: "is DOWN.", from: mark)
            let report = try load.stop()

            #expect(report.attempts > 1000)
            let lost = report.failures.filter { ($0.connectedAt ?? $0.endedAt) > gone }
            #expect(lost.isEmpty, "\(lost.count) connects failed after the replica was gone, of \(report.attempts): \(lost.prefix(3))")
            #expect(report.failures.count <= 20, "each client can lose one: \(report.failures.prefix(30))")
            #expect(report.slow.isEmpty, "over 0.5 s: \(report.slow.prefix(5))")
            #expect(report.slowestMilliseconds < 500)
            print("kill under load: \(report.attempts) attempts, \(report.failures.count) failed, slowest answer \(report.slowestMilliseconds) ms")
        }

        @Test("serves no client after SIGTERM, and ends at once with sessions open")
        func terminatesAtOnce() throws {
            let cluster = try freshCluster()
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let session = try cluster.client.start([clusterTool, "query", "--to", "172.20.0.11:3306", "--text", "select sleep(20)"])
            try eventually(within: 5, "a session") { try proxy.statistics("scur")["FRONTEND"] == "1" }
            proxy.send(signal: SIGTERM)
            try proxy.waitForEnd(within: 3)
            try session.outside.wait(within: 5)
            let attempt = try JSONDecoder().decode(Attempt.self, from: Data(session.outside.output.utf8))
            #expect(attempt.outcome == .endedAfterGreeting, "\(attempt)")
            #expect(try cluster.client.query(cluster.tsukada01).allSatisfy { $0.outcome == .connectFailed })
        }

        @Test("runs on both nodes with the seed's two files")
        func bothNodesServe() throws {
            let cluster = try freshCluster()
            let proxies = try [cluster.tsukada01, cluster.tsukada02].map { try RunningProxy(.tsukada, on: $0, in: cluster.world) }
            defer { for proxy in proxies { proxy.stop() } }
            for proxy in proxies {
                try proxy.waitUntilBothServersAreUp()
                let attempts = try cluster.client.query(proxy.node, count: 4, text: "select number from shop.orders")
                #expect(attempts.allSatisfy { $0.outcome == .answered && $0.detail == "1" }, "\(attempts)")
            }
        }
    }
}
