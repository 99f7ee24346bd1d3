// An operator's actions on two gossiping nodes: keys, a wrong key, a wrong cluster, servers taken out on both.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("An operator of two gossiping nodes", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no gossip"))
    struct GossipOperatorTests {
        /// `tsukada keys -f haproxy.cfg ...` on a node.
        private func keys(_ member: GossipMember, _ words: String, input: String = "") throws -> String {
            let command = "printf '%s\\n' '\(input)' | \(ProxyProgram.tsukada.path) keys -f /etc/haproxy/haproxy.cfg -f /etc/tsukada/tsukada.cfg \(words)"
            return try member.node.demand(["bash", "-c", command])
        }

        /// Waits until a node's `show gossip keys` meets the condition.
        private func waitForKey(_ member: GossipMember, _ what: String, _ condition: ([[String: String]]) -> Bool) throws {
            try eventually(within: 5, "\(what) on \(member.node.name): \(try member.rows("keys"))", interval: 50) { condition(try member.rows("keys")) }
        }

        @Test("replaces the key under load without a peer being declared DEAD")
        func rotatesKeys() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, asAdministrator: true)
            defer { pair.stop() }
            try pair.waitUntilSettled()
            let load = try LoadClient(on: cluster.client, target: cluster.tsukada01, clients: 10, slowOverMilliseconds: 1000)
            let before = try pair.first.rows("keys").compactMap { $0["key"] }
            #expect(before.count == 1, "\(before)")
            let old = before.first ?? ""
            let key = try GossipFile.newKey(on: cluster.tsukada01)
            for member in pair.both { _ = try keys(member, "install", input: key) }
            for member in pair.both {
                try waitForKey(member, "two keys that both hold") { keys in
                    keys.count == 2 && keys.allSatisfy { Set(($0["nodes"] ?? "").split(separator: ",")) == ["tsukada01", "tsukada02"] }
                }
            }
            let new = try pair.first.rows("keys").compactMap { $0["key"] }.first { $0 != old } ?? ""
            for member in pair.both { _ = try keys(member, "use \(new)") }
            for member in pair.both { try waitForKey(member, "the new key in use") { $0.contains { $0["key"] == new && $0["in_use"] == "yes" } } }
            // A node refuses until its peer sends with the new key.
            for member in pair.both {
                try eventually(within: 5, "the removal of the old key on \(member.node.name)") { (try? keys(member, "remove \(old)")) != nil }
            }
            for member in pair.both { try waitForKey(member, "one key") { $0.compactMap { $0["key"] } == [new] } }
            try pair.expectNoDeath(for: 2)
            try pair.waitUntilAlive()
            let report = try load.stop()
            #expect(report.attempts > 200 && report.failures.isEmpty, "\(report.attempts) attempts, failed: \(report.failures.prefix(3))")
            pair.expectDeathsClaimed(first: 0, second: 0)
            for member in pair.both { #expect(member.lines(with: "is SUSPECT").isEmpty) }
            print("| gossip | key rotation | connects under load, failed | \(report.attempts), \(report.failures.count) | 0 | 0 |")
        }

        @Test("sees a message about a wrong key; a node with a wrong key or of another cluster is never ALIVE and serves alone; with the right key it joins")
        func keepsStrangersOut() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster)
            defer { pair.stop() }
            try pair.waitUntilSettled()
            let right = pair.second.file

            func restart(_ file: GossipFile) throws -> Int64 {
                let wasAlive = try pair.first.row(of: pair.second)["state"] == "alive"
                let gone = try pair.second.killAtOnce()
                if wasAlive { try pair.first.wait(for: "peer tsukada02 is DEAD", after: gone, within: 8) }
                pair.second.file = file
                return try pair.second.start()
            }
            func expectStranger(since moment: Int64) throws {
                let ways = [(pair.first, pair.second), (pair.second, pair.first)]
                try holds(for: 3, "neither sees the other ALIVE", interval: 100) { try ways.allSatisfy { try $0.row(of: $1)["state"] != "alive" } }
                for (one, _) in ways {
                    #expect(one.lines(with: "is ALIVE").allSatisfy { $0.receivedAt < moment }, "\(one.node.name)")
                }
                try pair.second.proxy.waitUntilBothServersAreUp()
                let attempts = try cluster.client.query(cluster.tsukada02, count: 4)
                #expect(attempts.allSatisfy { $0.outcome == .answered }, "\(attempts)")
            }

            var wrong = right
            wrong.key = try GossipFile.newKey(on: cluster.tsukada01)
            let stranger = try restart(wrong)
            try expectStranger(since: stranger)
            try pair.first.wait(for: "tsukada02 uses a key that is not in key-file", after: stranger, within: 1)
            var other = right
            other.cluster = "other"
            try expectStranger(since: restart(other))
            let joined = try restart(right)
            try pair.first.wait(for: "peer tsukada02 is ALIVE", after: joined, within: 3)
            pair.expectDeathsClaimed(first: 1, second: 0)
        }

        @Test("takes a server out on both nodes by one command, and restarts of one or both do not bring it back")
        func takesServerOutOnCluster() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, asAdministrator: true, hasStore: true)
            defer { pair.stop() }
            try pair.waitUntilSettled()
            /// Waits until both nodes show the server in this state.
            func waitForState(_ state: String) throws -> Int64 {
                for member in pair.both {
                    try eventually(within: 15, "read01 to be \(state) on \(member.node.name): \(try member.rows("admin"))", interval: 20) {
                        try member.proxy.statistics("status")["read01"]?.hasPrefix(state) == true
                    }
                }
                return MonotonicMoment.now
            }
            var spread = MeasuredTimes()
            let said = MonotonicMoment.now
            let answer = try pair.first.proxy.command("disable server mysql/read01 on cluster")
            #expect(answer == "Acknowledged by \(pair.second.node.name).\n\n", "\(answer)")
            let logged = try pair.both.map { try $0.wait(for: "Server mysql/read01 is going DOWN for maintenance", after: said, within: 5) }
            spread.add(from: logged[0], to: logged[1])
            spread.expect("disable server on cluster", "maintenance here to there", target: 0.04, median: 0.3, worst: 0.3)
            _ = try waitForState("MAINT")
            let refused = try pair.second.proxy.command("disable server mysql/read02 on cluster")
            #expect(try pair.second.proxy.statistics("status")["read02"] == "UP", "the last usable server: \(refused)")
            for member in [pair.second, pair.first] {
                try member.killAtOnce()
                try member.start()
                try pair.waitUntilAlive()
                _ = try waitForState("MAINT")
                #expect(try cluster.client.query(member.node, count: 4).allSatisfy { $0.detail != "dbserver01" })
            }
            for member in pair.both { try member.killAtOnce() }
            for member in pair.both { try member.start() }
            _ = try waitForState("MAINT")
            _ = try pair.second.proxy.command("enable server mysql/read01 on cluster")
            _ = try waitForState("UP")
        }

        @Test("gets the chroot and the user of the article's file, also with gossip")
        func staysInItsChroot() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster)
            defer { pair.stop() }
            try pair.waitUntilAlive()
            let user = try cluster.tsukada01.demand(["id", "-u", "haproxy"]).trimmingCharacters(in: .newlines)
            for member in pair.both {
                let status = readWholeFile("/proc/\(member.proxy.process)/status") ?? ""
                #expect(status.contains("\nUid:\t\(user)\t\(user)\t\(user)\t\(user)\n"), "\(status)")
                #expect(try member.node.demand(["readlink", "/proc/\(member.proxy.innerProcess)/root"]) == "/var/lib/haproxy\n")
            }
            let answer = try pair.first.proxy.command("show gossip")
            #expect(answer.contains(": "), "\(answer)")
        }
    }
}
