// Near servers first, and sessions of a dead host: tsukada's own features.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("With zones and dead hosts", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has neither"))
    struct ZoneTests {
        /// read01 is in the node's zone, read02 is not.
        private static func zoned(_ lines: String = "") throws -> String {
            try seedConfiguration(of: "tsukada01")
                .replacingOccurrences(of: "server read01 dbserver01:3306 ", with: "\(lines)\n    server read01 dbserver01:3306 zone a ")
                .replacingOccurrences(of: "server read02 dbserver02:3306 ", with: "server read02 dbserver02:3306 zone b ")
        }

        private static let ownSections = "global\n    zone a\n"

        @Test(
            "sessions stay in the zone, use the other zone without a failed connect when the last near server dies, and return",
            arguments: ["roundrobin", "leastconn"])
        func nearFirst(balance: String) throws {
            let cluster = try freshCluster()
            let text = try Self.zoned().replacingOccurrences(of: "balance roundrobin", with: "balance \(balance)")
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: text, ownSections: Self.ownSections)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let mark = try cluster.log(of: cluster.tsukada01).mark
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 20, slowOverMilliseconds: 500)
            try eventually(within: 10, "load") { Int(try proxy.statistics("stot")["read01"] ?? "0") ?? 0 > 500 }
            #expect(try proxy.statistics("stot")["read02"] == "0")

            let gone = try cluster.replica01.killAtOnce()
            try cluster.log(of: cluster.tsukada01).wait(for: "Server mysql/read01 is DOWN.", from: mark)
            try cluster.replica01.start()
            try cluster.log(of: cluster.tsukada01).wait(for: "Server mysql/read01 is UP.", from: mark, within: 60)
            if balance == "leastconn" {
                let throttle = try proxy.statistics("throttle")["read01"] ?? ""
                #expect(1..<100 ~= Int(throttle) ?? 0, "it is warming: \(throttle)")
            }
            try eventually(within: 20, "its full weight") { try proxy.statistics("throttle")["read01"] == "" }
            let far = try proxy.statistics("stot")["read02"]
            #expect(Int(far ?? "0") ?? 0 > 50, "\(far ?? "")")
            // A connect that was in progress may still have arrived there.
            try holds(for: 1, "at most 20 further sessions in the other zone after \(far ?? "")", interval: 100) {
                abs((Int(try proxy.statistics("stot")["read02"] ?? "") ?? 0) - (Int(far ?? "") ?? 0)) <= 20
            }
            let report = try load.stop()
            let lost = report.failures.filter { ($0.connectedAt ?? $0.endedAt) > gone }
            #expect(lost.isEmpty, "\(lost.count) of \(report.attempts): \(lost.prefix(3))")
            #expect(report.failures.count <= 20)
            let counts = "\(report.attempts) attempts, \(report.failures.count) failed, \(far ?? "") elsewhere"
            print("zones, \(balance): \(counts), slowest answer \(report.slowestMilliseconds) ms")
        }

        @Test("the share of spill-over always uses the other zone")
        func spillOver() throws {
            let cluster = try freshCluster()
            let text = try Self.zoned("    spill-over 10%")
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: text, ownSections: Self.ownSections)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let attempts = try cluster.client.query(cluster.tsukada01, count: 40)
            #expect(attempts.count { $0.detail == "dbserver01" } == 36 && attempts.count { $0.detail == "dbserver02" } == 4, "\(attempts.map(\.detail))")
        }

        @Test("sessions of a dead host are closed before keepalive detects it, and those of a hanging database are not")
        func shutdownWhenGone() throws {
            let cluster = try freshCluster()
            let text = try seedConfiguration(of: "tsukada01").replacingOccurrences(
                of: "balance roundrobin", with: "option shutdown-sessions-when-gone\n    timeout check 1s\n    balance roundrobin"
            ).replacingOccurrences(of: "inter 2000 fall 3", with: "inter 1s fall 2 rise 2")
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, configuration: text)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let mark = try cluster.log(of: cluster.tsukada01).mark
            let sessions = try (0..<2).map { _ in
                try cluster.client.start([clusterTool, "query", "--to", "172.20.0.11:3306", "--text", "select concat(@@hostname, sleep(30))"])
            }
            try eventually(within: 5, "two sessions") { try proxy.statistics("scur")["BACKEND"] == "2" }
            // One host vanishes; on the other one, the database hangs.
            try cluster.world.demand("ip link set to-dbserver01 down")
            defer { try? cluster.world.demand("ip link set to-dbserver01 up") }
            try cluster.replica02.send(signal: SIGSTOP)
            defer { try? cluster.replica02.send(signal: SIGCONT) }
            try cluster.log(of: cluster.tsukada01).wait(for: "Server mysql/read01 has been unreachable for ", from: mark, within: 15)
            try eventually(within: 5, "the end of its session") { try proxy.statistics("scur")["read01"] == "0" }
            try cluster.log(of: cluster.tsukada01).wait(for: "Server mysql/read02 is DOWN.", from: mark, within: 15)
            try holds(for: 4, "the session of the hanging database stays", interval: 200) { try proxy.statistics("scur")["read02"] == "1" }
            #expect(try cluster.log(of: cluster.tsukada01).lines(from: mark).count { $0.text.contains("unreachable for") } == 1)
            for session in sessions { try session.send(signal: SIGKILL) }
        }
    }
}
