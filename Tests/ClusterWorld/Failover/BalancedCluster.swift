import Foundation
import Support

/// The article's cluster behind a load balancer. Both nodes run one program: tsukada with a probe and gossip in addition to the article's file, or haproxy with
/// that file only.
package final class BalancedCluster {
    /// The size of a node's disk for stored state, small enough to be filled.
    static let stateBytes = 256 << 10

    package let cluster: Cluster
    package let program: ProxyProgram
    package let abilities: ProxyAbilities
    package let times: BalancerTimes
    package let balancer: BalancerNode
    private let key: String
    private var proxies: [String: RunningProxy] = [:]

    /// Starts the load balancer.
    package init(_ cluster: Cluster, program: ProxyProgram, times: BalancerTimes) throws {
        (self.cluster, self.program, self.times) = (cluster, program, times)
        abilities = try ProxyAbilities(of: program, on: cluster.tsukada01)
        key = abilities.isTsukada ? try cluster.tsukada01.demand([program.path, "keygen"]).trimmingCharacters(in: .whitespacesAndNewlines) : ""
        // haproxy has no probe section, so the load balancer probes its traffic port, as in the article.
        let probe = abilities.isTsukada ? ["--probe", "http:/", "--probe-port", "3307"] : ["--probe", "tcp"]
        // docs/AWS.md recommends to turn termination off, and draining needs it.
        let drainingInterval = "\(Int(times.ejectionMax * 4000))ms"
        let more = probe + ["--termination", "off", "--draining-interval", drainingInterval, "--idle-timeout", "350s"]
        balancer = try BalancerNode(on: cluster.balancer, targets: [cluster.tsukada01, cluster.tsukada02], times: times, more: more)
        for node in nodes where abilities.isTsukada {
            let options = "size=\(Self.stateBytes),mode=700"
            try node.demand(["mount", "-t", "tmpfs", "-o", options, "tmpfs", "/var/lib/tsukada"])
            try node.demand(["chown", "haproxy:haproxy", "/var/lib/tsukada"])
        }
    }

    package var nodes: [Node] { [cluster.tsukada01, cluster.tsukada02] }

    /// The sections in addition to the article's file.
    private func ownSections(drainSeconds: Double) throws -> String? {
        guard abilities.isTsukada else { return nil }
        var gossip = GossipFile(key: key)
        gossip.more = ["state-dir /var/lib/tsukada"]
        for node in nodes { try gossip.writeKey(on: node) }
        var probe = ["bind 0.0.0.0:3307", "mode http", "require mysql 1"]
        if abilities.supportsWhenNone { probe.append("when-none pass") }
        if abilities.canDrain { probe.append("drain \(Int(drainSeconds * 1000))ms") }
        // The article's runtime socket has no admin level, which draining needs.
        return "global\n    stats socket /var/lib/haproxy/admin level admin\nprobe nlb\n" + probe.map { "    \($0)\n" }.joined() + gossip.text
    }

    /// The time for which a draining node keeps forwarding: twice the load balancer's longest verdict. The load balancer keeps flows for twice that.
    package var drainSeconds: Double { times.ejectionMax * 2 }

    /// Starts the proxy on a node, unless it runs.
    package func start(_ node: Node) throws {
        if proxies[node.name]?.isAlive == true { return }
        let own = try ownSections(drainSeconds: drainSeconds)
        let options = abilities.hasMaster ? ["-W", "-S", "/run/master"] : []
        proxies[node.name] = try RunningProxy(program, on: node, in: cluster.world, ownSections: own, options: options)
    }

    /// Makes a node's master reload its configuration with an additional line in `global`.
    /// - Returns: the master's answer.
    func reload(_ node: Node, global line: String) throws -> String {
        let own = try ownSections(drainSeconds: drainSeconds) ?? ""
        _ = try RunningProxy.writeFiles(on: node, configuration: nil, ownSections: own + "global\n    \(line)\n")
        return try node.demand(["bash", "-c", "echo reload | socat -t 20 - UNIX-CONNECT:/run/master"])
    }

    /// Returns the proxy that was last started on a node.
    package func proxy(on node: Node) throws -> RunningProxy {
        guard let proxy = proxies[node.name] else { throw ChildProcessError(description: "no proxy was started on \(node.name)") }
        return proxy
    }

    /// Restores the state at the start of a row: databases run, both nodes are healthy.
    package func settle() throws {
        for node in nodes { try repair(node) }
        try cluster.restore()
        for node in nodes { try start(node) }
        for node in nodes { try proxy(on: node).waitUntilBothServersAreUp(within: 40) }
        for node in nodes where abilities.isTsukada { try waitUntilProbePasses(on: node) }
        try waitUntilHealthy()
    }

    /// Waits until a node's probe passes. That is a second after its servers are up, and the load balancer may not have probed since.
    private func waitUntilProbePasses(on node: Node) throws {
        try eventually(within: 10, "the probe of \(node.name) to pass", interval: 50) {
            try node.demand(["bash", "-c", "echo show probe | socat -t 5 - UNIX-CONNECT:/var/lib/haproxy/admin"]).contains("\nnlb    pass ")
        }
    }

    /// Waits until the load balancer uses both nodes.
    func waitUntilHealthy() throws {
        try eventually(within: 10 + 3 * times.returnMax, "both nodes to be healthy: \(try balancer.status())", interval: 50) {
            try balancer.status().allSatisfy { $0.state == "healthy" }
        }
    }

    /// Undoes a row's faults on a node.
    private func repair(_ node: Node) throws {
        try node.demand(["nft", "flush ruleset"])
        try cluster.world.demand("ip link set to-\(node.name) up")
        if abilities.isTsukada { try node.demand(["rm", "-f", "/var/lib/tsukada/filled"]) }
        proxies[node.name]?.sendAll(signal: SIGCONT)
    }

    /// Stops the nodes and the load balancer; the cluster stays.
    package func stop() {
        for node in nodes {
            try? repair(node)
            proxies[node.name]?.stop()
            if abilities.isTsukada { _ = try? node.run(["umount", "/var/lib/tsukada"]) }
        }
        balancer.stop()
    }
}
