// Membership on a bad network, with real sockets. Hostile and foreign datagrams are tested in virtual time (GossipTests).

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Two gossiping nodes", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no gossip"))
    struct GossipMembershipTests {
        /// The longest time in seconds until a dead node is detected, by percentage of loss: the design's targets; none is promised for 40 %.
        private static let deadKnownWithin = [0: 1.1, 5: 1.2, 20: 1.6, 40: 2.5]
        /// The delay of a process that waits for a core, and of the log line: added to every target before the median is judged.
        private static let slack = 0.15
        /// The worst of a few values may suffer from other load on the machine.
        private static let slackOfTheWorst = 1.0

        @Test("detect a killed one in time and a restarted one at once, and declare no live one dead, at 0, 5, 20 and 40 % loss")
        func loss() throws {
            let pair = try GossipPair(freshCluster())
            defer { pair.stop() }
            try pair.waitUntilAlive()
            var killed = 0
            for percent in [0, 5, 20, 40] {
                for member in pair.both { try member.node.drop(percent: percent) }
                try pair.expectNoDeath(for: 2)
                pair.expectDeathsClaimed(first: killed, second: 0)
                var known = MeasuredTimes()
                var back = MeasuredTimes()
                for _ in 0..<3 {
                    let gone = try pair.second.killAtOnce()
                    known.add(from: gone, to: try pair.first.wait(for: "peer tsukada02 is DEAD", after: gone, within: 8))
                    killed += 1
                    let began = try pair.second.start()
                    back.add(from: began, to: try pair.first.wait(for: "peer tsukada02 is ALIVE", after: began, within: 8))
                    try pair.waitUntilAlive()
                }
                let target = Self.deadKnownWithin[percent] ?? 0
                let limits = (median: target + Self.slack, worst: target + Self.slackOfTheWorst)
                known.expect("\(percent) % loss", "kill -9 of a node to DEAD", target: target, median: limits.median, worst: limits.worst)
                back.expect("\(percent) % loss", "start to ALIVE", target: 1, median: 1 + Self.slack + Double(percent) / 40, worst: 3)
            }
            pair.expectDeathsClaimed(first: killed, second: 0)
            print("| gossip | 0 to 40 % loss | false deaths | \(pair.first.deathsClaimed - killed + pair.second.deathsClaimed) | 0 | 0 |")
        }

        @Test("report a path that is blocked in one direction, and find each other again when it opens")
        func oneWayBlock() throws {
            let pair = try GossipPair(freshCluster())
            defer { pair.stop() }
            try pair.waitUntilAlive()
            let blocked = MonotonicMoment.now
            try pair.first.node.drop(percent: 100, from: pair.second.node)
            try pair.first.wait(for: "peer tsukada02 is DEAD", after: blocked, within: 5)
            let line = "UDP to tsukada01 is blocked: this node hears tsukada01, but tsukada01 does not hear this node"
            try pair.second.wait(for: line, after: blocked, within: 10)
            #expect(try pair.second.row(of: pair.first)["state"] == "alive", "its datagrams arrive, so it is alive")
            let opened = MonotonicMoment.now
            try pair.first.node.drop(percent: 0)
            var back = MeasuredTimes()
            back.add(from: opened, to: try pair.first.wait(for: "peer tsukada02 is ALIVE", after: opened, within: 5))
            back.expect("one way blocked", "opened to ALIVE", target: 2, median: 2 + Self.slack, worst: 2 + Self.slackOfTheWorst)
            pair.expectDeathsClaimed(first: 1, second: 0)
        }

        @Test("stay ALIVE over a path of 50 +- 30 ms on which datagrams overtake each other")
        func longWay() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster)
            defer { pair.stop() }
            try pair.waitUntilAlive()
            let link = try SlowLink(to: cluster.tsukada02, in: cluster.world, ["--delay", "50ms", "--jitter", "30ms", "--seed", "7"])
            do {
                defer { _ = try? link.remove() }
                try pair.expectNoDeath(for: 6)
                try pair.waitUntilAlive()
                pair.expectDeathsClaimed(first: 0, second: 0)
                let attempts = try cluster.tsukada02.query(cluster.replica01.node, port: 3306)
                #expect(attempts.allSatisfy { $0.outcome == .answered && $0.milliseconds > 80 }, "a connect and a query cross the path four times: \(attempts)")
                for member in pair.both { #expect(member.lines(with: "is SUSPECT").isEmpty, "\(member.lines(with: "Gossip"))") }
                let gone = try pair.second.killAtOnce()
                var known = MeasuredTimes()
                known.add(from: gone, to: try pair.first.wait(for: "peer tsukada02 is DEAD", after: gone, within: 8))
                known.expect("50 +- 30 ms", "kill -9 of a node to DEAD", target: 1.2, median: 1.2 + Self.slack, worst: 2.2)
            }
        }

        @Test("declare a stopped one dead, accept it again at once, and are not declared dead by it", arguments: [3, 20])
        func stopped(seconds: Int) throws {
            let pair = try GossipPair(freshCluster())
            defer { pair.stop() }
            try pair.waitUntilAlive()
            let halted = MonotonicMoment.now
            pair.second.proxy.send(signal: SIGSTOP)
            var known = MeasuredTimes()
            known.add(from: halted, to: try pair.first.wait(for: "peer tsukada02 is DEAD", after: halted, within: 5))
            try pair.expectNoDeath(for: Double(seconds) - Double(MonotonicMoment.now - halted) / 1e9)
            let continued = MonotonicMoment.now
            pair.second.proxy.send(signal: SIGCONT)
            var back = MeasuredTimes()
            back.add(from: continued, to: try pair.first.wait(for: "peer tsukada02 is ALIVE", after: continued, within: 5))
            try pair.expectNoDeath(for: 2)
            try pair.waitUntilAlive()
            pair.expectDeathsClaimed(first: 1, second: 0)
            known.expect("SIGSTOP for \(seconds) s", "SIGSTOP to DEAD", target: 1.1, median: 1.1 + Self.slack, worst: 1.1 + Self.slackOfTheWorst)
            back.expect("SIGSTOP for \(seconds) s", "SIGCONT to ALIVE", target: 1, median: 1, worst: 1)
        }

        @Test("recognise a restarted one without its store, and at another address, which it must prove")
        func restarted() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, hasStore: true)
            defer { pair.stop() }
            try pair.waitUntilAlive()
            let firstSession = UInt64(try pair.first.row(of: pair.second)["session"] ?? "") ?? 0
            #expect(firstSession > 0)

            func restart(_ scenario: String, _ change: () throws -> Void) throws -> [String: String] {
                let old = try pair.first.row(of: pair.second)["session"]
                try pair.second.killAtOnce()
                try change()
                var back = MeasuredTimes()
                let began = try pair.second.start()
                try eventually(within: 8, "another session of tsukada02; its first was \(old ?? "none")", interval: 5) {
                    let row = try pair.first.row(of: pair.second)
                    return row["session"] != old && row["state"] == "alive"
                }
                back.add(from: began, to: MonotonicMoment.now)
                back.expect(scenario, "start to ALIVE", target: 1, median: 1 + Self.slack, worst: 1 + Self.slack)
                return try pair.first.row(of: pair.second)
            }
            let kept = try restart("killed and started at once, store kept") {}
            let lost = try restart("killed and started at once, store lost") { try pair.second.loseStore() }
            for row in [kept, lost] { #expect(UInt64(row["session"] ?? "") ?? 0 > firstSession, "\(row)") }
            try cluster.tsukada02.demand(["ip", "address", "add", "172.20.0.13/24", "dev", "eth0"])
            defer { _ = try? cluster.tsukada02.run(["ip", "address", "delete", "172.20.0.13/24", "dev", "eth0"]) }
            let moved = try restart("started on another address") { pair.second.file.more += ["bind 172.20.0.13:7946"] }
            #expect(moved["address"] == "172.20.0.13:7946", "\(moved)")
            let seen = try pair.second.row(of: pair.first)
            #expect(seen["state"] == "alive" && seen["address"] == "172.20.0.11:7946", "\(seen)")
            pair.expectDeathsClaimed(first: 0, second: 0)
        }
    }
}
