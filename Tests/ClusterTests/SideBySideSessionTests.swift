// Server and session options beyond up and down: the same events for tsukada and for Debian's haproxy 2.6, with the same lines in the article's file.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Beside haproxy 2.6, with HAProxy's options of servers,", .serialized)
    struct SideBySideSessionTests {
        /// Adds words to the lines of the two servers.
        private static func edit(read01: String, read02: String = "") -> (String) -> String {
            {
                $0.replacingOccurrences(of: "server read01 dbserver01:3306 ", with: "server read01 dbserver01:3306 \(read01) ")
                    .replacingOccurrences(of: "server read02 dbserver02:3306 ", with: "server read02 dbserver02:3306 \(read02) ")
            }
        }

        @Test(
            "observed connects take a server down although its checks pass, and checks bring it back", arguments: ["mark-down", "sudden-death", "fail-check"])
        func observedConnects(reaction: String) throws {
            // The traffic port refuses, the checked one passes. A retry would come a second later, and a passed check in between would restart the count.
            let pair = try SideBySide(freshCluster()) {
                $0.replacingOccurrences(
                    of: "server read01 dbserver01:3306 ", with: "server read01 dbserver01:3310 observe layer4 error-limit 4 on-error \(reaction) fastinter 1s "
                ).replacingOccurrences(of: "retries     3", with: "retries     0")
            }
            defer { pair.stop() }
            _ = try pair.both { try pair.cluster.client.query($0.node, count: 8) }
            try pair.waitForLog("Detected 4 consecutive errors, last one was: L4 unsuccessful connection")
            let isDown = reaction == "mark-down"
            try pair.waitForLog(isDown ? "Server mysql/read01 is UP." : "status: 3/3 UP", times: isDown ? 1 : 3)
            try pair.waitForLog("Connect from", times: 8)
            #expect(try pair.both { try $0.statistics("hanafail")["read01"] } == ["1", "1"])
            #expect(try pair.both { try $0.statistics("chkfail")["read01"] } == ["1", "1"])
            try pair.expectTheSameLog()
        }

        @Test("a server that comes back warms up in the same steps")
        func slowStart() throws {
            let pair = try SideBySide(freshCluster(), edit: Self.edit(read01: "weight 50 slowstart 5s"))
            defer { pair.stop() }
            try pair.cluster.replica01.killAtOnce()
            try pair.waitForLog("Server mysql/read01 is DOWN.")
            try pair.cluster.replica01.start()
            var seen: [[String]] = [[], []]
            try eventually(within: 60, "the full weight of both servers: \(seen)", interval: 100) {
                let rows = try pair.both { proxy in
                    (try proxy.statistics("status")["read01"], try proxy.statistics("weight")["read01"], try proxy.statistics("throttle")["read01"])
                }
                for (index, row) in rows.enumerated() where row.0 == "UP" {
                    let step = "\(row.1 ?? "") \(row.2 ?? "")"
                    if seen[index].last != step { seen[index].append(step) }
                }
                return seen.allSatisfy { $0.last == "50 " && $0.count > 1 }
            }
            // The answers for weight and throttle may be from two different steps.
            let steps = ["4 6", "13 25", "22 43", "32 62", "41 81", "50 "]
            for (index, list) in seen.enumerated() {
                #expect(list.filter(steps.contains).count >= 4, "\(["ours", "theirs"][index]): \(list)")
                #expect(list.filter(steps.contains) == steps.filter(list.contains), "\(["ours", "theirs"][index]): \(list)")
            }
            // 2.6 logs UP again when the server has reached its full weight.
            try pair.cluster.log(of: pair.theirs.node).wait(for: "Server mysql/read01 is UP.", from: pair.proxiesAndMarks[1].1, within: 10, times: 2)
            try pair.expectTheSameLog(butFor: "Server mysql/read01 is UP.")
        }

        @Test("a server with on-marked-up ends the sessions of the backup when it comes up")
        func shutdownBackupSessions() throws {
            let edit = Self.edit(read01: "on-marked-up shutdown-backup-sessions", read02: "backup")
            let pair = try SideBySide(freshCluster(), edit: edit)
            defer { pair.stop() }
            let cluster = pair.cluster
            try cluster.replica01.killAtOnce()
            try pair.waitForLog("Server mysql/read01 is DOWN.")
            let sessions = try pair.both { proxy in
                try cluster.client.start([clusterTool, "query", "--to", "\(proxy.node.address):3306", "--text", "select sleep(60)"])
            }
            for proxy in [pair.ours, pair.theirs] {
                try eventually(within: 5, "a session on \(proxy.node.name)") { try proxy.statistics("scur")["read02"] == "1" }
            }
            try cluster.replica01.start()
            try pair.waitForLog("Server mysql/read01 is UP.", within: 60)
            for session in sessions {
                try session.outside.wait(within: 5)
                let attempt = try JSONDecoder().decode(Attempt.self, from: Data(session.outside.output.utf8))
                #expect(attempt.outcome == .endedAfterGreeting, "\(attempt)")
            }
            for attempts in try pair.both({ try cluster.client.query($0.node, count: 4) }) {
                #expect(attempts.allSatisfy { $0.outcome == .answered && $0.detail == "dbserver01" }, "\(attempts)")
            }
            try pair.waitForLog("Connect from", times: 5)
            try pair.expectTheSameLog()
        }
    }
}
