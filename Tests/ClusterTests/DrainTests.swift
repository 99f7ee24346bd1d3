// A draining node: first its probe fails, then the ports close, and sessions end last.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("A node that drains", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy closes its ports at once"))
    struct DrainTests {
        private static let probe = ["probe web", "bind 0.0.0.0:3307", "mode http", "require mysql 1"]

        private static func session(_ cluster: Cluster, on node: Node, seconds: Int) throws -> NodeProcess {
            try cluster.client.start([clusterTool, "query", "--to", "\(node.address):3306", "--text", "select sleep(\(seconds))"])
        }

        @Test("fails its probe first, keeps forwarding, closes its ports, and keeps sessions until the hard stop; the other node must wait")
        func drains() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, asAdministrator: true, sections: Self.probe + ["drain 4s", "global", "hard-stop-after 8s"])
            defer { pair.stop() }
            try pair.waitUntilSettled()
            let (first, second) = (pair.first, pair.second)
            let long = try Self.session(cluster, on: first.node, seconds: 60)
            let short = try Self.session(cluster, on: first.node, seconds: 7)
            try eventually(within: 5, "two sessions") { try first.proxy.statistics("scur")["FRONTEND"] == "2" }

            let files = ["-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/tsukada/tsukada.cfg"]
            let start = MonotonicMoment.now
            let answer = try first.node.demand([ProxyProgram.tsukada.path, "drain"] + files)
            #expect(answer.hasPrefix("Draining: the probe fails, the ports close in ") && answer.contains("2 sessions"), "\(answer)")
            try eventually(within: 1, "the probe to fail") { try first.asked(by: cluster.client) == "503" }
            try second.wait(for: "tsukada01 is draining", after: start, within: 2)
            let refused = try second.node.run([ProxyProgram.tsukada.path, "drain"] + files)
            #expect(refused.status == 1 && refused.output.contains("tsukada01 is draining: wait until it is back, or use 'drain force'."), "\(refused)")
            #expect(try second.asked(by: cluster.client) == "200")
            #expect(try second.proxy.command("show gossip").contains("Draining: tsukada01\n"))
            first.proxy.send(signal: SIGUSR1)

            try holds(for: 3.5 - Double(MonotonicMoment.now - start) / 1e9, "the port answers", interval: 100) {
                try cluster.client.query(first.node).allSatisfy { $0.outcome == .answered }
            }
            let closed = try first.wait(for: "Proxy mysql stopped (cumulated conns: FE:", after: start, within: 3)
            #expect(abs(Double(closed - start) / 1e9 - 4) < 0.7, "the ports closed after \(Double(closed - start) / 1e9) s")
            try eventually(within: 1, "the port to refuse") { try cluster.client.query(first.node).allSatisfy { $0.outcome == .connectFailed } }
            try short.outside.wait(within: 10)
            let ended = try JSONDecoder().decode(Attempt.self, from: Data(short.outside.output.utf8))
            #expect(ended.outcome == .answered, "\(ended)")

            try first.proxy.waitForEnd(within: 10)
            let over = Double(MonotonicMoment.now - start) / 1e9
            #expect(abs(over - 12) < 1.5, "the process ended after \(over) s")
            try long.outside.wait(within: 5)
            let killed = try first.wait(for: "soft-stop running for too long, performing a hard-stop.", after: start, within: 1)
            try first.wait(for: "Proxy mysql hard-stopped (1 remaining conns will be closed).", after: killed, within: 1)
            #expect(first.lines(with: "Draining: ").count == 2, "one line at the start, one after 10 s: \(first.lines(with: "Draining: ").map(\.text))")
            try second.wait(for: "peer tsukada01 has LEFT", after: start, within: 2)
            pair.expectDeathsClaimed(first: 0, second: 0)
        }

        @Test("may be forced while the other one drains, with a warning")
        func forced() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, asAdministrator: true, sections: Self.probe + ["drain 20s"])
            defer { pair.stop() }
            try pair.waitUntilSettled()
            let start = MonotonicMoment.now
            pair.first.proxy.send(signal: SIGUSR1)
            try pair.second.wait(for: "tsukada01 is draining", after: start, within: 3)
            #expect(try pair.second.proxy.command("drain force").hasPrefix("Draining: "))
            try pair.second.wait(for: "Draining although tsukada01 is draining as well", after: start, within: 2)
            for member in pair.both { #expect(try member.asked(by: cluster.client) == "503") }
            #expect(try cluster.client.query(pair.first.node, count: 2).allSatisfy { $0.outcome == .answered })
            // The lease passes to the remaining node.
            pair.first.proxy.send(signal: SIGTERM)
            try pair.first.proxy.waitForEnd(within: 3)
            try eventually(within: 3, "the lease to pass") { try pair.second.proxy.command("show gossip").contains("Draining: tsukada02\n") }
        }

        @Test("and crashes may drain again: its earlier lease is its own, and free for the other node after its death")
        func leftLease() throws {
            let cluster = try freshCluster()
            let pair = try GossipPair(cluster, asAdministrator: true, sections: Self.probe + ["drain 30s"])
            defer { pair.stop() }
            try pair.waitUntilSettled()
            func ask(_ member: GossipMember) throws -> String {
                var answer = ""
                try eventually(within: 5, "an answer to 'drain' on \(member.node.name)") {
                    answer = try member.proxy.command("drain")
                    return !answer.hasPrefix("Asking")
                }
                return answer
            }
            #expect(try ask(pair.first).hasPrefix("Draining: the probe fails"))
            #expect(try ask(pair.second).hasPrefix("tsukada01 is draining: "))
            try pair.first.killAtOnce()
            try pair.first.start()
            try pair.waitUntilSettled()
            #expect(try ask(pair.first).hasPrefix("Draining: the probe fails"))
            #expect(try ask(pair.second).hasPrefix("tsukada01 is draining: "))
            let killed = try pair.first.killAtOnce()
            try pair.second.wait(for: "peer tsukada01 is DEAD", after: killed, within: 5)
            #expect(try ask(pair.second).hasPrefix("Draining: the probe fails"))
        }

        @Test("exits with 0, on SIGTERM as well with 'drain-on-term', and the remaining sessions are closed over the spread")
        func exitCode() throws {
            let cluster = try freshCluster()
            let node = cluster.tsukada01
            let sections = ["global", "drain-on-term", "hard-stop-after 4s", "close-spread-time 2s"] + Self.probe + ["drain 1s"]
            let arguments = try RunningProxy.writeFiles(on: node, configuration: nil, ownSections: sections.joined(separator: "\n") + "\n")
            let process = try node.start([ProxyProgram.tsukada.path, "-db"] + arguments)
            try eventually(within: 20, "the node to serve") { try cluster.client.query(node).allSatisfy { $0.outcome == .answered } }
            let sessions = try (0..<4).map { _ in try Self.session(cluster, on: node, seconds: 60) }
            func sessionsNow() throws -> Int {
                let answer = try node.demand(["bash", "-c", "echo 'show info' | socat - UNIX-CONNECT:/var/lib/haproxy/stats"])
                return answer.split(separator: "\n").first { $0.hasPrefix("CurrConns: ") }.flatMap { Int($0.dropFirst(11)) } ?? -1
            }
            try eventually(within: 5, "the four sessions") { try sessionsNow() == 4 }
            let start = MonotonicMoment.now
            try process.send(signal: SIGTERM)
            #expect(try cluster.client.query(node).allSatisfy { $0.outcome == .answered }, "the ports keep forwarding")
            try holds(for: 2.5, "no session is closed before the spread", interval: 100) { try sessionsNow() == 4 }
            try process.outside.wait(within: 10)
            let lived = Double(MonotonicMoment.now - start) / 1e9
            #expect(process.outside.exitStatus == 0 && lived > 4 && lived < 6, "\(process.outside.exitStatus ?? -1) after \(lived) s")
            for session in sessions { try session.outside.wait(within: 5) }
        }

        @Test("stops at once on a second SIGTERM")
        func secondTerm() throws {
            let cluster = try freshCluster()
            let sections = (["global", "drain-on-term"] + Self.probe + ["drain 30s"]).joined(separator: "\n") + "\n"
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world, ownSections: sections)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            proxy.send(signal: SIGTERM)
            try holds(for: 0.7, "it drains") { proxy.isAlive }
            proxy.send(signal: SIGTERM)
            try proxy.waitForEnd(within: 2)
        }
    }
}
