// PROXY headers between tsukada, Debian's haproxy and MariaDB: each accepts the other's.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("The PROXY protocol", .serialized)
    struct ProxyProtocolTests {
        /// One port that accepts headers, and one for each form of header sent to the other node.
        private static func configuration(_ own: Node, to other: Node) -> String {
            let ways = ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"]
            let sections = ways.enumerated().map { number, way in
                """
                listen out\(number)
                    bind \(own.address):332\(number)
                    server next \(other.address):3311 check inter 200 \(way)

                """
            }
            return """
                global
                    log \(own.address) local2
                    pidfile /var/run/haproxy.pid
                    stats socket /var/lib/haproxy/stats
                    daemon
                defaults
                    mode tcp
                    log global
                    option tcplog
                    timeout connect 2s
                    timeout client 1500ms
                    timeout server 10s
                listen in
                    bind \(own.address):3311 accept-proxy
                    server read01 172.20.0.21:3306

                """ + sections.joined()
        }

        private func pair(_ cluster: Cluster) throws -> [(sender: RunningProxy, receiver: RunningProxy)] {
            let (one, two) = (cluster.tsukada01, cluster.tsukada02)
            let ours = try RunningProxy(.tsukada, on: one, in: cluster.world, configuration: Self.configuration(one, to: two))
            let theirs = try RunningProxy(.haproxy, on: two, in: cluster.world, configuration: Self.configuration(two, to: one))
            return [(theirs, ours), (ours, theirs)]
        }

        /// Sends bytes from the client node to the header port of `proxy`, and waits for the end. It sends one piece: bash writes line by line, and haproxy
        /// takes its first read for the whole header.
        private func send(_ bytes: String, to proxy: RunningProxy, from client: Node) throws {
            let script =
                "exec 3<>/dev/tcp/\(proxy.node.address)/3311; printf '\(bytes)' | dd bs=64k iflag=fullblock status=none >&3; \(bytes.isEmpty ? "" : "timeout 5 cat <&3 >/dev/null 2>&1; ")exit 0"
            try client.demand(["bash", "-c", script])
        }

        @Test("names the client both ways between tsukada and haproxy, and checks pass")
        func bothWays() throws {
            let cluster = try freshCluster()
            let pair = try pair(cluster)
            defer { for (sender, _) in pair { sender.stop() } }
            for (sender, receiver) in pair {
                let log = try cluster.log(of: receiver.node)
                try eventually(within: 10, "checks on \(sender.node.name)", interval: 50) {
                    try sender.command("show stat").split(separator: "\n").count { $0.contains(",next,") && $0.contains(",UP,") && $0.contains("L4OK") } == 3
                }
                let mark = log.mark
                for port in 3320...3322 {
                    let attempts = try cluster.client.query(sender.node, port: port, count: 5)
                    #expect(attempts.allSatisfy { $0.outcome == .answered && $0.detail == "dbserver01" }, "\(sender.program.tag), \(port): \(attempts)")
                }
                let session = /^172\.20\.0\.30:[0-9]+ \[.*\] in in\/read01 .* -- .*/
                try eventually(within: 5, "15 lines of \(receiver.program.tag)") { log.lines(from: mark).count { $0.text.contains(session) } == 15 }
                #expect(!log.lines().contains { $0.text.contains("PROXY protocol header") }, "\(log.lines().map(\.text))")
            }
        }

        /// A version 2 header with `rest` after its signature.
        private static func binary(_ rest: String) -> String { "\\r\\n\\r\\n\\x00\\r\\nQUIT\\n" + rest }

        @Test("refuses the same headers as haproxy, in the same words")
        func sameRefusals() throws {
            let cluster = try freshCluster()
            let inputs = [
                "", "GET / HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n", "PROXY TCP4 1.2.3.4 x\\r\\n", "PROXY UDP4 1.2.3.4 1.2.3.5 6 7\\r\\n", "PROXY UNKNOWN\\r\\n",
                "PROXY TCP4 10.1.2.3 10.0.0.1 40000 3306\\r\\n", "\\r\\n\\r\\n\\x00\\r\\nQUIT\\n\\x21\\x11\\x00\\x04\\x01\\x02\\x03\\x04",
                "PROXY UNKNOWN 1.2.3.4 1.2.3.5 6 7\\r\\n", Self.binary("\\x21\\x00\\x00\\x00"), Self.binary("\\x21\\x12\\x00\\x0cabcdefghijkl"),
                Self.binary("\\x21\\x31\\x00\\x0cabcdefghijkl"), Self.binary("\\x20\\x11\\x00\\x0cabcdefghijkl"),
            ]
            let pair = try pair(cluster)
            defer { for (sender, _) in pair { sender.stop() } }
            let texts = try pair.map { _, receiver in
                let log = try cluster.log(of: receiver.node)
                return try inputs.map { input in
                    // Without the lines of the other program's checks.
                    func lines(from mark: Int) -> [String] {
                        log.lines(from: mark).filter { !$0.text.hasPrefix("172.20.0.1") && $0.text.contains("] in") }.map {
                            $0.text.replacing(/:[0-9]+ \[.*?\]/, with: "").replacing(/\ -?[0-9]+\/-?[0-9]+\/[0-9]+ .* (..) .*/) { " \($0.1)" }
                        }
                    }
                    let mark = log.mark
                    try send(input, to: receiver, from: cluster.client)
                    try eventually(within: 20, "\(receiver.program.tag)'s line about \(input): \(log.lines(from: mark).map(\.text))") {
                        !lines(from: mark).isEmpty
                    }
                    return lines(from: mark)
                }
            }
            for (number, input) in inputs.enumerated() { #expect(texts[0][number] == texts[1][number], "\(input)") }
        }

        @Test("names the client to MariaDB", .disabled(if: ProxyProgram.testsHaproxy, "this tests tsukada only"))
        func tellsMariaDB() throws {
            let cluster = try freshCluster()
            try cluster.replica01.execute("set global proxy_protocol_networks='172.20.0.11'")
            defer { _ = try? cluster.replica01.execute("set global proxy_protocol_networks=''") }
            let node = cluster.tsukada01
            let text = try seedConfiguration(of: node.name).replacingOccurrences(of: "check port 3306 resolvers", with: "send-proxy-v2 check resolvers")
            let proxy = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: text)
            defer { proxy.stop() }
            // Only one of the replicas expects a header; the other one sees a malformed packet.
            try eventually(within: 20, "read01 to be UP and read02 DOWN", interval: 50) {
                try proxy.statistics("status").filter { $0.key.hasPrefix("read") } == ["read01": "UP", "read02": "DOWN"]
            }
            let attempts = try cluster.client.query(node, count: 6, text: "select user()")
            // An earlier test may have started the database with name lookups; then it shows the client's name.
            let clients = ["app@172.20.0.30", "app@client"]
            #expect(attempts.allSatisfy { clients.contains($0.detail) }, "\(attempts)")
        }

        @Test("can be switched on at the load balancer while clients connect", .disabled(if: ProxyProgram.testsHaproxy, "haproxy has no optional headers"))
        func switchedWithoutError() throws {
            let cluster = try freshCluster()
            let (node, balancer) = (cluster.tsukada01, cluster.tsukada02)
            let own = try seedConfiguration(of: node.name).replacingOccurrences(
                of: "bind tsukada01:3306", with: "bind tsukada01:3306 accept-proxy optional from \(balancer.address)")
            let proxy = try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: own)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let mark = try cluster.log(of: node).mark
            // A load balancer in the middle of the change: some of its connections send a header, others do not.
            let front = """
                global
                    pidfile /var/run/haproxy.pid
                    daemon
                defaults
                    mode tcp
                    timeout connect 9s
                    timeout client 9s
                    timeout server 9s
                listen before
                    bind \(balancer.address):3306
                    server next \(node.address):3306
                listen after
                    bind \(balancer.address):3307
                    server next \(node.address):3306 send-proxy-v2

                """
            let between = try RunningProxy(.haproxy, on: balancer, in: cluster.world, configuration: front)
            defer { between.stop() }
            let clients = try LoadClient(on: cluster.client, target: balancer, clients: 10, slowOverMilliseconds: 1_000)
            let changed = try cluster.client.query(balancer, port: 3307, count: 300)
            try eventually(within: 10, "lines of both") {
                try cluster.log(of: node).lines(from: mark).count { $0.text.contains("Connect from \(balancer.address)") } >= 50
            }
            let report = try clients.stop()
            #expect(changed.count == 300 && changed.allSatisfy { $0.outcome == .answered })
            #expect(report.failures.isEmpty, "\(report.failures.prefix(5))")
            #expect(try cluster.log(of: node).lines(from: mark).count { $0.text.contains("Connect from \(cluster.client.address)") } == 300)
        }
    }
}
