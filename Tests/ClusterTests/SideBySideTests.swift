// Each of these scenarios happens to tsukada and to Debian's haproxy 2.6 at the same time; the two logs must then tell the same.

import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Beside haproxy 2.6, with the unchanged file,", .serialized)
    struct SideBySideTests {
        @Test("round robin is even, and the log the same")
        func roundRobinIsEven() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            for attempts in try pair.both({ try pair.cluster.client.query($0.node, count: 40) }) {
                #expect(attempts.allSatisfy { $0.outcome == .answered })
                #expect(attempts.count { $0.detail == "dbserver01" } == 20, "\(attempts.map(\.detail))")
                #expect(attempts.count { $0.detail == "dbserver02" } == 20)
            }
            try pair.waitForLog("Connect from", times: 40)
            #expect(try pair.logDifferences() == [])
        }

        @Test("a killed replica leaves, and comes back")
        func killedReplicaLeavesAndComesBack() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            try pair.cluster.replica01.killAtOnce()
            try pair.waitForLog("Server mysql/read01 is DOWN.")
            for attempts in try pair.both({ try pair.cluster.client.query($0.node, count: 10) }) {
                #expect(attempts.allSatisfy { $0.outcome == .answered && $0.detail == "dbserver02" }, "\(attempts)")
            }
            try pair.cluster.replica01.start()
            try pair.waitForLog("Server mysql/read01 is UP.")
            for attempts in try pair.both({ try pair.cluster.client.query($0.node, count: 10) }) {
                #expect(attempts.count { $0.detail == "dbserver01" } == 5, "\(attempts.map(\.detail))")
            }
            try pair.waitForLog("Connect from", times: 20)
            #expect(try pair.logDifferences() == [])
        }
    }
}
