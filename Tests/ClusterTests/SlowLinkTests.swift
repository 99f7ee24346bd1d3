import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("The slow link", .serialized)
    struct SlowLinkTests {
        @Test("delays both ways, loses only what it is configured to lose, passes large segments whole, and is removed without a trace")
        func delays() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada02
            let length = 60_000
            let question = "select length('\(String(repeating: "x", count: length))')"
            let link = try SlowLink(to: node, in: cluster.world, ["--delay", "50ms", "--jitter", "30ms", "--seed", "7"])
            let attempts = Result { try node.query(cluster.replica01.node, count: 3, text: question) }
            let reports = try link.remove()
            for attempt in try attempts.get() {
                #expect(attempt.outcome == .answered && attempt.detail == "\(length)", "\(attempt)")
                // A connect crosses the path both ways, in 20 to 80 ms each; address resolution may add as much once.
                let connecting = Double((attempt.connectedAt ?? 0) - attempt.startedAt) / 1e6
                #expect(connecting >= 40 && connecting < 400, "\(connecting) ms")
            }
            #expect(reports.count == 2 && reports.allSatisfy { $0.counts.passed > 20 && $0.counts.lost == 0 && $0.refused == 0 }, "\(reports)")
            #expect(reports.contains { $0.counts.overtook > 0 }, "\(reports)")
            let direct = try node.query(cluster.replica01.node, count: 3)
            #expect(direct.allSatisfy { $0.outcome == .answered && $0.milliseconds < 40 }, "\(direct)")
        }
    }
}
