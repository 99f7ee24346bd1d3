// The rows of `deploy/failover-test` with short times, and their promises. One cluster for all of them; probes of 0.5 s x 2, where AWS's shortest are 5 s x 2.

import ClusterWorld
import Foundation
import Support
import Testing

extension ClusterSuite {
    @Suite("Two nodes behind a load balancer", .serialized, .disabled(if: ProxyProgram.testsHaproxy, "haproxy does not promise this"), .timeLimit(.minutes(8)))
    struct LoadBalancedTests {
        @Test("keep their promises to 40 clients in every row")
        func rows() throws {
            let cluster = try freshCluster()
            let times = BalancerTimes(interval: 0.5)
            let balanced = try BalancedCluster(cluster, program: .tsukada, times: times)
            defer { balanced.stop() }
            var results: [FailoverResult] = []
            for row in BalancedRows.all {
                let result = try balanced.run(row)
                results.append(result)
                #expect(result.attempts > 100 && result.queries > 20, "\(row.name): the clients did not run: \(result)")
                #expect(result.broken.isEmpty, "\(row.name): \(row.event): \(result.broken); \(result.examples)")
            }
            print(FailoverTable.balanced.text(results))
        }

        @Test("log the client's address while PROXY v2 is switched on and off under load, without an error")
        func proxyProtocol() throws {
            let cluster = try freshCluster()
            guard try ProxyAbilities(of: .tsukada, on: cluster.tsukada01).supportsProxyHeaders else {
                return print("not tested: this program has no 'accept-proxy optional from'")
            }
            let nodes = [cluster.tsukada01, cluster.tsukada02]
            let probe = "probe nlb\n    bind 0.0.0.0:3307\n    mode http\n    require mysql 1\n"
            let proxies = try nodes.map { node in
                let bind = "bind \(node.name):3306"
                let configuration = try seedConfiguration(of: node.name)
                    .replacingOccurrences(of: bind, with: "\(bind) accept-proxy optional from \(cluster.balancer.address)")
                return try RunningProxy(.tsukada, on: node, in: cluster.world, configuration: configuration, ownSections: probe)
            }
            defer { for proxy in proxies { proxy.stop() } }
            for proxy in proxies { try proxy.waitUntilBothServersAreUp() }
            let more = ["--probe", "http:/", "--probe-port", "3307"]
            let balancer = try BalancerNode(on: cluster.balancer, targets: nodes, times: BalancerTimes(interval: 0.5), more: more)
            defer { balancer.stop() }
            for node in nodes { #expect(balancer.wait(for: "healthy", of: node, after: 0, within: 10) != nil) }

            let log = try cluster.log(of: cluster.tsukada01)
            let load = try FailoverLoad(on: cluster.client, targets: [balancer.node])
            for value in ["on", "off", "on"] {
                try log.wait(for: "Connect from ", from: log.mark, times: 150)
                let mark = log.mark
                #expect(try balancer.command("proxy-v2 \(value)") == "done\n")
                let expected = value == "on" ? cluster.client.address : cluster.balancer.address
                try log.wait(for: "Connect from \(expected):", from: mark, times: 5)
            }
            let report = try load.stop()
            #expect(report.short.attempts > 500 && report.short.failures.isEmpty, "\(report.short.failures.prefix(3))")
            #expect(report.long.opened == FailoverLoad.clients && report.long.ends.isEmpty && report.long.failures.isEmpty, "\(report.long)")
            #expect(!balancer.events.contains { $0.state == "failing" || $0.state.hasPrefix("unhealthy") }, "\(balancer.events)")
        }

        @Test("see the client's own address and port when the load balancer keeps them")
        func clientAddress() throws {
            let cluster = try freshCluster()
            let proxy = try RunningProxy(.tsukada, on: cluster.tsukada01, in: cluster.world)
            defer { proxy.stop() }
            try proxy.waitUntilBothServersAreUp()
            let session = try cluster.log(of: cluster.tsukada01)
            for (isKept, expected) in [("on", "\(cluster.client.address):"), ("off", "\(cluster.balancer.address):")] {
                let more = ["--probe", "tcp", "--client-address", isKept]
                let balancer = try BalancerNode(on: cluster.balancer, targets: [cluster.tsukada01], times: BalancerTimes(interval: 0.5), more: more)
                defer { balancer.stop() }
                if isKept == "on" { try balancer.routeBack(to: cluster.client, from: [cluster.tsukada01]) }
                defer { try? balancer.routeBack(to: nil, from: [cluster.tsukada01]) }
                let mark = session.mark
                let attempts = try cluster.client.query(cluster.balancer, count: 2)
                #expect(attempts.allSatisfy { $0.outcome == .answered }, "\(attempts)")
                try session.wait(for: "Connect from \(expected)", from: mark, times: 2)
            }
        }
    }
}

@Suite("The failover test's table")
struct FailoverTableTests {
    private var result: FailoverResult {
        var result = FailoverResult(name: "kill-node", event: "kill -9")
        (result.attempts, result.failedConnects, result.ejectedAfter) = (12, 3, 0.96)
        result.notes = ["a remark"]
        return result
    }

    @Test("has one aligned line for each row, and marks missing values")
    func form() {
        let lines = FailoverTable.balanced.text([result, FailoverResult(name: "hang", event: "SIGSTOP")]).split(separator: "\n")
        let bars = lines.map { line in line.indices.filter { line[$0] == "|" }.dropLast().map { line.distance(from: line.startIndex, to: $0) } }
        #expect(lines.count == 4 && bars.allSatisfy { $0 == bars[0] && $0.count == 9 }, "\(lines)")
        #expect(lines[2].contains("| kill-node | kill -9") && lines[2].contains("| 1.0 s     | -          | 12 attempts, 0 queries; a remark"), "\(lines[2])")
    }

    @Test("shows a broken promise in capitals")
    func promises() {
        var promise = FailoverPromise()
        (promise.failedConnects, promise.ejectedWithin, promise.backWithin, promise.untouched) = (2, 1, 3, ["tsukada02"])
        var broken = result
        broken.judge(by: promise, ejected: ["tsukada01", "tsukada02"], flowsLost: ["tsukada01": 9, "tsukada02": 1])
        let sentences = ["failed connects: 3, promised at most 2", "back after: inf, promised at most 3.0", "tsukada02 was ejected"]
        #expect(broken.broken == sentences + ["flows lost on tsukada02: 1, promised at most 0"])
        #expect(FailoverTable.balanced.text([broken]).contains("PROMISE BROKEN: failed connects: 3"))
        var kept = result
        promise = FailoverPromise()
        (promise.failedConnects, promise.ejectedWithin) = (3, 1)
        promise.untouched = ["tsukada02"]
        kept.judge(by: promise, ejected: ["tsukada01"], flowsLost: ["tsukada01": 9])
        #expect(kept.broken.isEmpty)
    }
}
