// A mass failure, and its effect on every part that must not suffer from it.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Two nodes with 2,000 servers", .serialized, .tags(.alone), .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no gossip"))
    struct ManyServersTests {
        /// The balancing of the servers.
        enum Backend: String, CaseIterable, Sendable {
            case equal, weighted, leastconn

            /// The whole file: servers with even numbers are checked at one port, those with odd numbers at another.
            var configuration: String {
                let servers = (0..<serversCount).map { number in
                    let weight = self == .weighted ? " weight \(number % 256 + 1)" : ""
                    return "    server s\(number) 172.20.0.30:\(number.isMultiple(of: 2) ? steadyPort : dyingPort) check inter 1s fall 1 rise 1\(weight)\n"
                }
                return """
                    \(globalSection(log: "127.0.0.1:514"))
                    defaults
                        mode tcp
                        log global
                        timeout connect 10s
                        timeout client 1m
                        timeout server 1m
                        timeout check 10s
                    listen mysql
                        bind 0.0.0.0:3306
                        balance \(self == .leastconn ? "leastconn" : "roundrobin")

                    """ + servers.joined()
            }
        }

        private static let serversCount = 2000
        private static let steadyPort = 9001
        private static let dyingPort = 9002
        /// The maximum number of seconds until every change is visible. Checks are spread over `inter`, one second.
        private static let markingMax = 10.0
        /// The maximum number of milliseconds for an answer of the runtime socket meanwhile.
        private static let answerMax = 100.0

        private func acceptor(on node: Node, port: Int) throws -> NodeProcess {
            let process = try node.start([clusterTool, "accept", "--listen", "\(node.address):\(port)"])
            try eventually(within: 5, "the servers: \(process.outside.output)") { process.outside.output.contains("accepting") }
            return process
        }

        private func usable(on member: GossipMember) throws -> Int? {
            let lines = try RuntimeQuestion.ask(member.runtimeSocket, "show stat mysql 2 -1").split(separator: "\n").map {
                $0.split(separator: ",", omittingEmptySubsequences: false)
            }
            guard lines.count > 1, let column = lines[0].firstIndex(of: "act") else { return nil }
            return Int(lines[1][column])
        }

        private func wait(until count: Int, on pair: GossipPair) throws {
            for member in pair.both {
                try eventually(within: Self.markingMax, "\(count) servers to be UP on \(member.node.name)", interval: 50) { try usable(on: member) == count }
            }
        }

        /// Kills half of the servers at once, and starts them again.
        private func flip(_ pair: GossipPair, on node: Node, _ dying: NodeProcess) throws -> NodeProcess {
            try dying.killAtOnce()
            let killed = MonotonicMoment.now
            try wait(until: Self.serversCount / 2, on: pair)
            print("| gossip | half of 2,000 servers dead | until they are DOWN on both nodes | \((MonotonicMoment.now - killed) / 1_000_000) ms |")
            for member in pair.both {
                let status = try member.proxy.statistics("status")
                #expect((0..<Self.serversCount).allSatisfy { status["s\($0)"] == ($0.isMultiple(of: 2) ? "UP" : "DOWN") })
            }
            let revived = try acceptor(on: node, port: Self.dyingPort)
            try wait(until: Self.serversCount, on: pair)
            return revived
        }

        /// A load balancer that asks both nodes' probes every 100 ms, and reports an answer that is not 200.
        private func prober(of pair: GossipPair, on node: Node) throws -> BalancerNode {
            var times = BalancerTimes(interval: 0.1)
            (times.threshold, times.timeout) = (1, 1)
            let prober = try BalancerNode(on: node, targets: pair.both.map(\.node), times: times, more: ["--probe", "http:/", "--probe-port", "3307"])
            for member in pair.both where prober.wait(for: "healthy", of: member.node, after: 0, within: 5) == nil {
                prober.stop()
                throw ChildProcessError(description: "the probe of \(member.node.name) does not pass")
            }
            return prober
        }

        @Test("mark half of them DOWN without an effect on probe, peer and runtime socket", arguments: Backend.allCases)
        func massFailure(backend: Backend) throws {
            let cluster = try freshCluster()
            let steady = try acceptor(on: cluster.client, port: Self.steadyPort)
            var dying = try acceptor(on: cluster.client, port: Self.dyingPort)
            defer { for process in [steady, dying] { _ = try? process.killAtOnce() } }
            let probe = ["probe web", "bind 0.0.0.0:3307", "mode http", "require mysql 1"]
            let pair = try GossipPair(cluster, sections: probe, configuration: backend.configuration)
            defer { pair.stop() }
            try pair.waitUntilAlive()
            try wait(until: Self.serversCount, on: pair)
            let prober = try prober(of: pair, on: cluster.balancer)
            defer { prober.stop() }
            try pair.expectNoDeath(for: 1)

            let start = MonotonicMoment.now
            let delays = MachineDelays()
            let watchers = pair.both.map(RuntimeWatcher.init)
            let flipped = Result { try flip(pair, on: cluster.client, dying) }
            watchers.forEach { $0.stop() }
            delays.stop()

            #expect(prober.events.filter { $0.at >= start }.isEmpty, "a probe has failed")
            for (member, watcher) in zip(pair.both, watchers) {
                #expect(watcher.count > 10 && watcher.wrongAnswers.isEmpty, "\(member.node.name)")
                // On a quiet machine the delays are zero. A busy machine delays the answer of the runtime socket, and this process when it reads the answer.
                let longest = watcher.milliseconds(without: delays).max() ?? .nan
                print("| gossip | half of 2,000 servers dead, \(backend) | longest of \(watcher.count) answers of \(member.node.name) | \(longest) ms |")
                #expect(longest <= Self.answerMax)
                for word in ["is SUSPECT", "is DEAD"] { #expect(member.lines(with: word).isEmpty, "\(member.node.name)") }
            }
            dying = try flipped.get()
        }
    }
}
