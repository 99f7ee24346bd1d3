// Each of these scenarios happens to tsukada and to Debian's haproxy 2.6 at the same time; the two logs must then agree.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Beside haproxy 2.6, with the unchanged file,", .serialized)
    struct SideBySideTests {
        @Test("round robin is even, and the logs agree")
        func roundRobinIsEven() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            for attempts in try pair.both({ try pair.cluster.client.query($0.node, count: 40) }) {
                #expect(attempts.allSatisfy { $0.outcome == .answered })
                #expect(attempts.count { $0.detail == "dbserver01" } == 20, "\(attempts.map(\.detail))")
                #expect(attempts.count { $0.detail == "dbserver02" } == 20)
            }
            try pair.waitForLog("Connect from", times: 40)
            try pair.expectTheSameLog()
        }

        @Test("a killed replica goes down and comes back")
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
            try pair.expectTheSameLog()
        }

        @Test("an address that moves to another replica is followed")
        func movedAddressIsFollowed() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            var records = NameServer.records
            records["dbserver01"] = records["dbserver02"]
            try pair.cluster.nameserver.serve(records)
            for (proxy, mark) in pair.proxiesAndMarks {
                try pair.cluster.log(of: proxy.node).wait(for: "'172.20.0.22'", orFor: "to 172.20.0.22", from: mark)
            }
            for attempts in try pair.both({ try pair.cluster.client.query($0.node, count: 10) }) {
                #expect(attempts.allSatisfy { $0.outcome == .answered && $0.detail == "dbserver02" }, "\(attempts)")
            }
            try pair.waitForLog("Connect from", times: 10)
            try pair.expectTheSameLog()
        }

        @Test("both replicas down end every session, and both come back")
        func bothReplicasDownAndBack() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            try pair.cluster.replica01.killAtOnce()
            try pair.waitForLog("Server mysql/read01 is DOWN.")
            try pair.cluster.replica02.killAtOnce()
            try pair.waitForLog("proxy mysql has no server available!")
            for attempts in try pair.both({ try pair.cluster.client.query($0.node, count: 3) }) {
                #expect(attempts.allSatisfy { $0.outcome != .answered }, "\(attempts)")
            }
            try pair.cluster.replica02.start()
            try pair.waitForLog("Server mysql/read02 is UP.")
            try pair.cluster.replica01.start()
            try pair.waitForLog("Server mysql/read01 is UP.")
            for attempts in try pair.both({ try pair.cluster.client.query($0.node, count: 10) }) {
                #expect(attempts.count { $0.detail == "dbserver01" } == 5, "\(attempts)")
            }
            try pair.waitForLog("Connect from", times: 13)
            try pair.expectTheSameLog()
        }

        @Test("the runtime socket without a level does not let a client take a server out")
        func runtimeSocketLevel() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            for answer in try pair.both({ try $0.command("disable server mysql/read01") }) {
                #expect(answer.contains("Permission denied"), "\(answer)")
            }
            #expect(try pair.both { try $0.statistics("status") }.allSatisfy { $0["read01"] == "UP" })
        }

        @Test("a soft stop finishes running sessions and takes no new ones")
        func softStopLetsSessionsFinish() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            let cluster = pair.cluster
            let sessions = try pair.both { proxy in
                try cluster.client.start([
                    clusterTool, "query", "--to", "\(proxy.node.address):3306", "--text", "select concat(@@hostname, sleep(4))",
                ])
            }
            for proxy in [pair.ours, pair.theirs] {
                try eventually(within: 5, "a session on \(proxy.node.name)") { try proxy.statistics("scur")["FRONTEND"] == "1" }
            }
            try pair.waitForLog("Connect from")
            _ = pair.both { $0.send(signal: SIGUSR1) }
            try pair.waitForLog("Proxy mysql stopped (cumulated conns: FE: 1, BE: 1).")
            for attempts in try pair.both({ try cluster.client.query($0.node) }) {
                #expect(attempts.allSatisfy { $0.outcome == .connectFailed }, "\(attempts)")
            }
            #expect(pair.ours.isAlive && pair.theirs.isAlive, "both still have a session")
            for (session, proxy) in zip(sessions, [pair.ours, pair.theirs]) {
                try session.outside.wait(within: 15)
                let attempt = try JSONDecoder().decode(Attempt.self, from: Data(session.outside.output.utf8))
                #expect(attempt.outcome == .answered, "\(attempt)")
                try proxy.waitForEnd(within: 10)
            }
            try pair.expectTheSameLog()
        }

        @Test("a soft stop under load breaks no established session")
        func softStopUnderLoad() throws {
            let pair = try SideBySide(freshCluster())
            defer { pair.stop() }
            for proxy in [pair.ours, pair.theirs] {
                let load = try LoadClient(on: pair.cluster.client, target: proxy.node, clients: 20, slowOverMilliseconds: 500)
                try eventually(within: 10, "load") { Int(try proxy.statistics("stot")["FRONTEND"] ?? "0") ?? 0 > 200 }
                let stopped = MonotonicMoment.now
                proxy.send(signal: SIGUSR1)
                try proxy.waitForEnd(within: 10)
                let report = try load.stop()
                #expect(report.attempts > 200)
                // The kernel resets a connect that waits in the listener's queue at its close; all others are answered or refused.
                let broken = report.failures.filter { $0.outcome != .connectFailed && $0.endedAt < stopped }
                #expect(broken.isEmpty, "\(proxy.program.tag): \(broken.prefix(5))")
                let afterGreeting = report.failures.filter { $0.outcome == .endedAfterGreeting }
                #expect(afterGreeting.isEmpty, "\(proxy.program.tag): \(afterGreeting.prefix(5))")
            }
        }
    }
}
