// The purpose of gossip: a database that dies is taken out on both nodes at nearly the same time.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("With four lines of gossip beside the article's file", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no gossip"))
    struct GossipFailoverTests {
        private static let kills = 5

        /// The measured times of one kill.
        private struct Times {
            var fromKill = MeasuredTimes()
            var fromFirstFailure = MeasuredTimes()
            var apart = MeasuredTimes()
            /// From the first failed check on one node to the other node's failed check: the delivery of a row, and a check.
            var toOtherCheck = MeasuredTimes()

            mutating func add(killed: Int64, pair: GossipPair, server: String) throws {
                let failures = try pair.both.map { try $0.wait(for: "Health check for server mysql/\(server) failed", after: killed, within: 10) }
                let down = try pair.both.map { try $0.wait(for: "Server mysql/\(server) is DOWN", after: killed, within: 15) }
                fromKill.add(from: killed, to: max(down[0], down[1]))
                fromFirstFailure.add(from: min(failures[0], failures[1]), to: max(down[0], down[1]))
                apart.add(from: min(down[0], down[1]), to: max(down[0], down[1]))
                toOtherCheck.add(from: min(failures[0], failures[1]), to: max(failures[0], failures[1]))
            }

            /// Checks the design's targets; the limits leave room for other load on the machine.
            func expect(_ scenario: String) {
                fromKill.expect(scenario, "kill of a replica to DOWN on both", target: 2.6, median: 2.6, worst: 3.6)
                fromFirstFailure.expect(scenario, "first failed check to DOWN on both", target: 0.15, median: 0.3, worst: 1.3)
                apart.expect(scenario, "between the two DOWN", target: 0.3, median: 0.3, worst: 1)
                toOtherCheck.expect(scenario, "first failed check to the other node's", target: 0.05, median: 0.15, worst: 1)
            }
        }

        @Test("a replica killed without any traffic is DOWN on both nodes within 2.6 s, at most 0.3 s apart")
        func killedReplica() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster)
            defer { pair.stop() }
            var times = Times()
            for round in 0..<Self.kills {
                try pair.waitUntilSettled()
                // Spreads the kills over the time between two checks. Right after the wait above, every kill would come at the same point.
                try pair.expectNoDeath(for: 2 * Double(round) / Double(Self.kills))
                let (victim, server) = round.isMultiple(of: 2) ? (cluster.replica01, "read01") : (cluster.replica02, "read02")
                let killed = MonotonicMoment.now
                try victim.killAtOnce()
                try times.add(killed: killed, pair: pair, server: server)
                try victim.start()
            }
            times.expect("no loss")
            pair.expectDeathsClaimed(first: 0, second: 0)
        }

        @Test("a node without a peer detects a dead replica by its own checks")
        func killedReplicaWithoutPeer() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster)
            defer { pair.stop() }
            try pair.waitUntilSettled()
            try pair.second.killAtOnce()
            let killed = MonotonicMoment.now
            try cluster.replica01.killAtOnce()
            let down = try pair.first.wait(for: "Server mysql/read01 is DOWN", after: killed, within: 20)
            var alone = MeasuredTimes()
            alone.add(from: killed, to: down)
            // HAProxy's own timing with `inter 2000 fall 3`: up to 2 s to the first failed check, and two more of them.
            alone.expect("peer dead", "kill of a replica to DOWN", target: 6, median: 6 + 1, worst: 6 + 1)
            let attempts = try cluster.client.query(cluster.tsukada01, count: 4)
            #expect(attempts.allSatisfy { $0.outcome == .answered && $0.detail == "dbserver02" }, "\(attempts)")
        }
    }
}
