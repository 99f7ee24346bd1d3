// The probes' answers: the table of docs/CONFIGURATION.md, row by row, on two gossiping nodes.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("The probes of two gossiping nodes", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no gossip"))
    struct GossipProbeTests {
        /// The article's `inter`, in seconds.
        private static let inter = 2.0

        private func pair(_ cluster: Cluster, whenNone: String) throws -> GossipPair {
            let probe = ["probe web", "bind 0.0.0.0:3307", "mode http", "require mysql 1", "when-none \(whenNone)"]
            let pair = try GossipPair(cluster, sections: probe)
            do {
                try pair.waitUntilSettled()
                for member in pair.both { try eventually(within: 5, "\(member.node.name)'s probe to pass") { try member.asked(by: cluster.client) == "200" } }
            } catch {
                pair.stop()
                throw error
            }
            return pair
        }

        /// Queries both probes for `seconds`, and fails at the first other answer.
        private func expect(_ answers: [String], of pair: GossipPair, for seconds: Double) throws {
            var last: [String] = []
            try holds(for: seconds, "the probes answer \(answers), not \(last)", interval: 100) {
                last = try pair.both.map { try $0.asked(by: pair.cluster.client) }
                return last == answers
            }
        }

        @Test("pass without interruption when every database is dead")
        func sharedFatePasses() throws {
            let cluster = try freshCluster()
            let pair = try pair(cluster, whenNone: "pass")
            defer { pair.stop() }
            let killed = MonotonicMoment.now
            for replica in [cluster.replica01, cluster.replica02] { try replica.killAtOnce() }
            for member in pair.both { try member.wait(for: "proxy mysql has no server available!", after: killed, within: 15) }
            try expect(["200", "200"], of: pair, for: 8)
            for member in pair.both {
                #expect(member.lines(with: "begins failing").isEmpty)
                #expect(try member.proxy.command("show probe").contains("mysql: 0 usable servers, 1 required; no peer sees enough"))
            }
        }

        @Test("fail when every database is dead with 'when-none fail', after three checks, and pass again")
        func sharedFateFails() throws {
            let cluster = try freshCluster()
            let pair = try pair(cluster, whenNone: "fail")
            defer { pair.stop() }
            let killed = MonotonicMoment.now
            for replica in [cluster.replica01, cluster.replica02] { try replica.killAtOnce() }
            var hold = MeasuredTimes()
            for member in pair.both {
                let none = try member.wait(for: "proxy mysql has no server available!", after: killed, within: 15)
                hold.add(from: none, to: try member.wait(for: "Probe web: begins failing", after: killed, within: 15))
            }
            hold.expect("every database dead", "from the last DOWN to the failing probe", target: 3 * Self.inter, median: 7, worst: 7.5)
            #expect(hold.median >= 3 * Self.inter - 0.2)
            for member in pair.both { #expect(try member.asked(by: cluster.client) == "503") }
            let back = MonotonicMoment.now
            for replica in [cluster.replica01, cluster.replica02] { try replica.start() }
            for member in pair.both { try member.wait(for: "Probe web: begins passing", after: back, within: 40) }
        }

        @Test("fail only on the node that is cut off from the databases, within a check of its DOWN")
        func cutOffNode() throws {
            let cluster = try freshCluster()
            let pair = try pair(cluster, whenNone: "pass")
            defer { pair.stop() }
            let cut = MonotonicMoment.now
            let chain = "chain output { type filter hook output priority 0; ip daddr { 172.20.0.21, 172.20.0.22 } tcp dport 3306 drop; };"
            try pair.second.node.demand(["nft", "table inet cut { \(chain) }"])
            let none = try pair.second.wait(for: "proxy mysql has no server available!", after: cut, within: 60)
            var failing = MeasuredTimes()
            failing.add(from: none, to: try pair.second.wait(for: "Probe web: begins failing", after: cut, within: 10))
            failing.expect("cut off from the databases", "from the last DOWN to the failing probe", target: 0.5, median: Self.inter, worst: Self.inter)
            try expect(["200", "503"], of: pair, for: 8)
            #expect(try pair.second.proxy.command("show probe").contains(" fail ") && pair.first.lines(with: "begins failing").isEmpty)
            let healed = MonotonicMoment.now
            try pair.second.node.demand(["nft", "flush ruleset"])
            try pair.second.wait(for: "Probe web: begins passing", after: healed, within: 40)
            #expect(pair.second.lines(with: "Probe web:").count == 3, "only passing, failing, passing")
        }

        @Test("do not answer while the process is stopped, and give the earlier answer when it continues")
        func stoppedProcess() throws {
            let cluster = try freshCluster()
            let pair = try pair(cluster, whenNone: "pass")
            defer { pair.stop() }
            pair.second.proxy.send(signal: SIGSTOP)
            try expect(["200", "000"], of: pair, for: 8)
            pair.second.proxy.send(signal: SIGCONT)
            try expect(["200", "200"], of: pair, for: 4)
            #expect(pair.second.lines(with: "Probe").map(\.text).filter { $0.contains("fail") }.isEmpty)
        }

        @Test("do not depend on the gossip or on a living peer")
        func withoutPeer() throws {
            let cluster = try freshCluster()
            let pair = try pair(cluster, whenNone: "pass")
            defer { pair.stop() }
            for member in pair.both { try member.node.drop(percent: 100) }
            for member in pair.both { try member.wait(for: "is DEAD", after: 0, within: 5) }
            try expect(["200", "200"], of: pair, for: 3)
            for member in pair.both { try member.node.drop(percent: 0) }
            try pair.waitUntilAlive()
            try pair.second.killAtOnce()
            try eventually(within: 5, "the death of the second") { pair.first.deathsClaimed == 2 }
            try expect(["200", "000"], of: pair, for: 3)
            #expect(pair.first.lines(with: "Probe web:").count == 1, "it has begun to pass only once")
            // Without a peer, only its own checks count.
            let killed = MonotonicMoment.now
            for replica in [cluster.replica01, cluster.replica02] { try replica.killAtOnce() }
            let none = try pair.first.wait(for: "proxy mysql has no server available!", after: killed, within: 20)
            var failing = MeasuredTimes()
            failing.add(from: none, to: try pair.first.wait(for: "Probe web: begins failing", after: killed, within: 5))
            failing.expect("every database dead, no peer", "from the last DOWN to the failing probe", target: 0, median: 0.5, worst: 0.5)
        }
    }
}

extension GossipMember {
    /// The answer of a node's HTTP probe on port 3307: the status, or 000 without an answer within a second.
    func asked(by client: Node) throws -> String {
        try client.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "1", "http://\(node.address):3307/"]).output
    }
}
