// Rows about the first of two nodes, or about what both depend on. A new row is one more entry here.

import Foundation
import Support

/// The rows with two nodes behind a load balancer.
package enum BalancedRows {
    /// A row of this kind.
    package typealias Row = FailoverRow<BalancedScene>

    /// All rows in their order.
    package static let all = [
        soft, drained, rolling, stopped, reloads, killedWorker, killedNode, hostGone, hung, fullDisk, noDescriptors, noDatabase, cutOff, gossipCut, probeStorm,
        garbage,
        trafficStorm,
    ]

    /// The limit for the verdict: the load balancer's time plus a margin for two busy cores.
    private static func ejection(_ times: BalancerTimes) -> Double { times.ejectionMax + 0.5 }
    private static func returnLimit(_ times: BalancerTimes) -> Double { times.returnMax + 4 }

    /// The promise that clients are not affected at all.
    private static func unnoticed(_ times: BalancerTimes) -> FailoverPromise {
        var promise = FailoverPromise()
        (promise.failedConnects, promise.sessionsEnded, promise.untouched) = (0, 0, ["tsukada01", "tsukada02"])
        promise.slowestSeconds = 1.5
        return promise
    }

    /// The promise for the loss of one node: the load balancer ejects it in time, and the other node is not affected.
    private static func oneLost(_ times: BalancerTimes) -> FailoverPromise {
        var promise = FailoverPromise()
        (promise.ejectedWithin, promise.backWithin, promise.untouched) = (ejection(times), returnLimit(times), ["tsukada02"])
        return promise
    }

    // MARK: Planned stops

    private static let soft = Row(name: "soft-stop", event: "SIGUSR1; started again after the ejection") { scene in
        let proxy = try scene.proxy
        try scene.event { proxy.send(signal: SIGUSR1) }
        scene.waitForEjection()
        scene.observe(scene.cluster.abilities.canDrain ? scene.cluster.drainSeconds : 0)
        try scene.hardStop()
        try scene.recover { try scene.cluster.start(scene.victim) }
    } promises: { abilities, times in
        var promise = oneLost(times)
        if abilities.canDrain { (promise.failedConnects, promise.sessionsEnded) = (0, 0) }
        return promise
    }

    private static let drained = Row(name: "drain", event: "tsukada drain; started again after the ejection") { scene in
        guard scene.cluster.abilities.canDrain else { return scene.note("this program has no 'drain'") }
        let proxy = try scene.proxy
        let files = ["-f", "/etc/haproxy/haproxy.cfg", "-f", "/etc/tsukada/tsukada.cfg"]
        try scene.event { try scene.victim.demand([proxy.program.path, "drain"] + files) }
        scene.waitForEjection()
        scene.observe(scene.cluster.drainSeconds)
        try scene.hardStop()
        try scene.recover { try scene.cluster.start(scene.victim) }
    } promises: { abilities, times in
        guard abilities.canDrain else { return unnoticed(times) }
        var promise = oneLost(times)
        (promise.failedConnects, promise.sessionsEnded) = (0, 0)
        return promise
    }

    private static let rolling = Row(name: "rolling-upgrade", event: "SIGUSR1 and start: one node, then the other") { scene in
        for node in scene.cluster.nodes {
            let proxy = try scene.cluster.proxy(on: node)
            try scene.event { proxy.send(signal: SIGUSR1) }
            scene.waitForEjection(of: node)
            scene.observe(scene.cluster.abilities.canDrain ? scene.cluster.drainSeconds : 0)
            proxy.stop()
            try scene.cluster.start(node)
            try scene.cluster.waitUntilHealthy()
        }
    } promises: { abilities, times in
        var promise = FailoverPromise()
        if abilities.canDrain { promise.failedConnects = 0 }
        return promise
    }

    private static let stopped = Row(name: "stop", event: "SIGTERM; started again after the ejection") { scene in
        let proxy = try scene.proxy
        try scene.event { proxy.send(signal: SIGTERM) }
        scene.waitForEjection()
        try scene.recover { try scene.cluster.start(scene.victim) }
    } promises: { _, times in
        oneLost(times)
    }

    private static let reloads = Row(name: "reloads", event: "100 reloads, every tenth with a broken file, every tenth with other nbthread") { scene in
        guard scene.cluster.abilities.hasMaster else { return scene.note("not tried: this program has no master") }
        var refused = 0
        try scene.event {
            for round in 1...100 {
                let line = round % 10 == 5 ? "nbthread 0" : round % 10 == 0 ? "nbthread \(round % 20 == 0 ? 1 : 4)" : "nbthread 2"
                if try scene.cluster.reload(scene.victim, global: line).hasPrefix("Success=0") { refused += 1 }
            }
        }
        if refused != 10 { throw ChildProcessError(description: "\(refused) of 100 reloads were refused; 10 had a broken file") }
        _ = try scene.cluster.reload(scene.victim, global: "nbthread 2")
        let blinks = scene.cluster.balancer.events.filter { $0.state == "failing" && $0.at > scene.lastEventAt }
        if !blinks.isEmpty { throw ChildProcessError(description: "probes failed during reloads: \(blinks)") }
        scene.note("\(try scene.proxy.workers.count) workers remain with the long sessions")
    } promises: { abilities, times in
        unnoticed(times)
    }

    // MARK: Loss of a node or process

    private static let killedWorker = Row(name: "kill-worker", event: "kill -9 of the worker process") { scene in
        guard scene.cluster.abilities.hasMaster else { return scene.note("not tried: this program has no master") }
        guard let worker = try scene.proxy.workers.last else { throw ChildProcessError(description: "the proxy has no worker") }
        try scene.event { kill(worker, SIGKILL) }
        scene.observe(2 * scene.cluster.times.ejectionMax)
    } promises: { abilities, times in
        var promise = FailoverPromise()
        (promise.failedConnects, promise.neverEjects, promise.slowestSeconds) = (0, true, 1.5)
        return promise
    }

    private static let killedNode = Row(name: "kill-node", event: "kill -9 of a whole node, started again") { scene in
        let proxy = try scene.proxy
        try scene.event { proxy.sendAll(signal: SIGKILL) }
        scene.waitForEjection()
        try scene.recover { try scene.cluster.start(scene.victim) }
    } promises: { _, times in
        oneLost(times)
    }

    private static let hostGone = Row(name: "host-gone", event: "its link is down until the ejection (and 7 s more, if probes take 1 s)") { scene in
        let world = scene.cluster.cluster.world
        try scene.event { try world.demand("ip link set to-\(scene.victim.name) down") }
        scene.waitForEjection()
        // Long enough for waiting clients to time out.
        if scene.cluster.times.interval >= 1 { scene.observe(Double(FailoverLoad.patience) + 1) }
        try scene.recover { try world.demand("ip link set to-\(scene.victim.name) up") }
    } promises: { _, times in
        oneLost(times)
    }

    private static let hung = Row(name: "hang", event: "SIGSTOP for 20 s, or for 5 s with short intervals") { scene in
        let proxy = try scene.proxy
        try scene.event { proxy.sendAll(signal: SIGSTOP) }
        scene.waitForEjection()
        let end = scene.lastEventAt + (scene.cluster.times.interval < 1 ? 5 : 20) * 1_000_000_000
        scene.observe(Double(max(0, end - MonotonicMoment.now)) / 1e9)
        try scene.recover { proxy.sendAll(signal: SIGCONT) }
    } promises: { abilities, times in
        oneLost(times)
    }

    // MARK: Resources of a node

    private static let fullDisk = Row(name: "full-disk", event: "its disk is full and its log refused, for 3 s") { scene in
        try scene.event {
            try scene.victim.refuse("udp dport 514")
            if scene.cluster.abilities.isTsukada {
                let blocks = BalancedCluster.stateBytes / 4096 + 1
                let filled = try scene.victim.run(["dd", "if=/dev/zero", "of=/var/lib/tsukada/filled", "bs=4k", "count=\(blocks)"])
                if filled.status == 0 { throw ChildProcessError(description: "the disk did not fill up") }
            }
        }
        scene.observe(3)
        try scene.victim.refuse(nil)
    } promises: { _, times in
        unnoticed(times)
    }

    private static let noDescriptors = Row(name: "no-descriptors", event: "no descriptor is free for 4 s") { scene in
        let process = try scene.proxy.workers.last ?? scene.proxy.process
        let limits = try ChildProcess.openFilesLimits(of: process)
        // As the process's user: root needs CAP_SYS_RESOURCE, which it may lack here.
        func allow(_ number: Int) throws {
            let user = ["setpriv", "--reuid", "haproxy", "--regid", "haproxy", "--clear-groups"]
            try ChildProcess.demand(user + ["prlimit", "--pid", "\(process)", "--nofile=\(number):\(limits.hard)"])
        }
        try scene.event { try allow(1) }
        scene.waitForEjection(within: 4)
        try scene.recover { try allow(limits.soft) }
    } promises: { abilities, times in
        oneLost(times)
    }

    private static let noDatabase = Row(name: "no-database", event: "both replicas are killed, started again") { scene in
        let replicas = [scene.cluster.cluster.replica01, scene.cluster.cluster.replica02]
        try scene.event { for replica in replicas { try replica.killAtOnce() } }
        // The nodes need `inter 2000 fall 3`, then the load balancer needs its own time.
        scene.waitForEjection(within: 7 + scene.cluster.times.ejectionMax)
        try scene.recover(within: 20) {
            for replica in replicas { try replica.start() }
            for replica in replicas { try replica.waitUntilReady() }
        }
        if scene.cluster.balancer.events.contains(where: { $0.state == "fail-open" && $0.at > (scene.happenedAt ?? 0) }) {
            scene.note("the load balancer failed open")
        }
    } promises: { abilities, _ in
        var promise = FailoverPromise()
        // Connects fail without a database, but the nodes are not at fault and their probes say pass.
        if abilities.supportsWhenNone { promise.neverEjects = true }
        return promise
    }

    private static let cutOff = Row(name: "cut-off", event: "one node is cut off from the databases") { scene in
        try scene.event { try scene.victim.refuse("tcp dport 3306") }
        scene.waitForEjection(within: 8 + scene.cluster.times.ejectionMax)
        try scene.recover(within: 15) { try scene.victim.refuse(nil) }
    } promises: { abilities, times in
        var promise = oneLost(times)
        // Down after `inter 2000 fall 3`, and up after `rise 2`.
        promise.ejectedWithin = 6.5 + ejection(times)
        promise.backWithin = 8 + returnLimit(times)
        return promise
    }

    private static let gossipCut = Row(name: "gossip-cut", event: "the nodes do not hear each other, for 3 s") { scene in
        try scene.event { for node in scene.cluster.nodes { try node.drop("udp dport 7946") } }
        scene.observe(3)
        for node in scene.cluster.nodes { try node.refuse(nil) }
    } promises: { _, times in
        unnoticed(times)
    }

    // MARK: Unwanted connections

    /// Sends `load` from the load balancer's node to a port of the victim: 100 connections per second for 3 s.
    private static func storm(_ load: ConnectionStorm.Load, port: Int, _ scene: BalancedScene) throws {
        let words = ["storm", "--to", "\(scene.victim.address):\(port)", "--send", load.rawValue, "--rate", "100", "--seconds", "3"]
        var output = ""
        try scene.event { output = try scene.cluster.balancer.node.demand([clusterTool] + words, within: 40) }
        let report = try JSONDecoder().decode(StormReport.self, from: Data(output.utf8))
        scene.note("\(report.tried) connections, half aborted: \(report.refused) refused, \(report.passed) passed")
    }

    private static let probeStorm = Row(name: "probe-storm", event: "100 probes/s of the probe port, half aborted") { scene in
        guard scene.cluster.abilities.isTsukada else { return scene.note("this program has no probe port") }
        try storm(.probes, port: 3307, scene)
    } promises: { _, times in
        unnoticed(times)
    }

    private static let garbage = Row(name: "garbage", event: "100/s of garbage on the probe port, half aborted") { scene in
        guard scene.cluster.abilities.isTsukada else { return scene.note("this program has no probe port") }
        try storm(.garbage, port: 3307, scene)
    } promises: { _, times in
        unnoticed(times)
    }

    /// No client logs in through the node during the storm, because a login would reset the databases' error count.
    private static let trafficStorm = Row(name: "traffic-storm", event: "100 TCP probes/s of the traffic port, max_connect_errors=20") { scene in
        let replicas = [scene.cluster.cluster.replica01, scene.cluster.cluster.replica02]
        for replica in replicas { try replica.execute("set global max_connect_errors=20; flush local hosts") }
        defer { for replica in replicas { _ = try? replica.execute("set global max_connect_errors=100; flush local hosts") } }
        _ = try scene.cluster.balancer.command("deregister \(scene.victim.name)")
        scene.observe(0.5)
        try storm(.nothing, port: 3306, scene)
        let back = MonotonicMoment.now
        _ = try scene.cluster.balancer.command("register \(scene.victim.name)")
        if scene.cluster.balancer.wait(for: "healthy", of: scene.victim, after: back, within: 3) == nil { scene.note("the node stayed out") }
        scene.observe(1)
        let answers = try scene.cluster.cluster.client.query(scene.victim, count: 4)
        for answer in answers where answer.outcome != .answered { scene.note("then: \(answer.detail)") }
    } promises: { _, times in
        unnoticed(times)
    }
}

extension FailoverRow where Scene == BalancedScene {
    /// A row whose promise depends on the program's features and the load balancer's times.
    fileprivate init(
        name: String, event: String, happens: @escaping @Sendable (Scene) throws -> Void,
        promises: @escaping @Sendable (ProxyAbilities, BalancerTimes) -> FailoverPromise
    ) {
        self.init(name: name, event: event, happens: happens) { promises($0.cluster.abilities, $0.cluster.times) }
    }
}
