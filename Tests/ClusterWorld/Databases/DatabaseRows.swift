// The rows of docs/FAILOVER.md in which one or all of three databases fail. Other files have the rows about names and replication.

import Foundation
import Support

/// The rows with nodes and their databases.
package enum DatabaseRows {
    /// A row of this kind.
    package typealias Row = FailoverRow<DatabaseScene>

    /// All rows in their order.
    package static let all: [Row] = dying + silent + overloaded + replication + names + [passwordExpired]

    // MARK: Promises

    /// No connect fails, and the slowest takes at most `slowest` seconds.
    static func unnoticed(slowest: Double?) -> @Sendable (DatabaseScene) -> FailoverPromise {
        { _ in
            var promise = FailoverPromise()
            (promise.failedConnects, promise.slowestSeconds, promise.blocked) = (0, slowest, 0)
            return promise
        }
    }

    /// A fault that shows at once.
    private static func loud(_ name: String, _ event: String, _ body: @escaping @Sendable (DatabaseScene) throws -> Void) -> Row {
        Row(name: name, event: event, happens: { scene in try scene.fault(for: scene.pace.loud) { try body(scene) } }, promises: unnoticed(slowest: 0.4))
    }

    /// A fault that shows only by a timeout.
    private static func quiet(_ name: String, _ event: String, _ body: @escaping @Sendable (DatabaseScene) throws -> Void) -> Row {
        Row(name: name, event: event, happens: { scene in try scene.fault(for: scene.pace.silent) { try body(scene) } }, promises: unnoticed(slowest: 1.2))
    }

    // MARK: One of three refuses

    private static let dying = [
        loud("kill", "kill -9 of one database") { try $0.victim.killAtOnce() },
        loud("reset", "a firewall answers for one with RST") { try $0.victim.node.filter("input", "tcp dport 3306 reject with tcp reset") },
        loud("unreachable", "one's host is unreachable (ICMP)") {
            // By default the kernel sends six such messages at once and then one per second, so that the seventh client would get no answer.
            try $0.victim.node.demand(["sysctl", "-qw", "net.ipv4.icmp_ratelimit=0"])
            try $0.victim.node.filter("input", "tcp dport 3306 reject with icmp type host-unreachable")
        },
        full, blocked,
        loud("accept-close", "one accepts, and closes at once") { try $0.cluster.addFault($0.victim, .close) },
        loud("garbage", "one greets with another protocol") { try $0.cluster.addFault($0.victim, .garbage) },
    ]

    private static let full = Row(name: "full", event: "max_connections is reached on one (1040)") { scene in
        var limit: NodeProcess?
        try scene.fault(for: scene.pace.loud) {
            let words = ["--to", "\(scene.victim.node.address):3306", "--clients", "12", "--every", "1000"]
            scene.cluster.keepUntilRepair(try scene.cluster.cluster.client.start([clusterTool, "sessions"] + words, input: .heldPipe))
            try eventually(within: 5, "sessions that fill the database", interval: 20) {
                Int(try scene.victim.ask("select count(*) from information_schema.processlist where user='app' and host like 'client:%'")) ?? 0 >= 12
            }
            limit = try scene.victim.limitConnections(to: 10, for: scene.pace.loud)
            try eventually(within: 5, "the database to be full", interval: 20) {
                try scene.cluster.cluster.client.query(scene.victim.node).allSatisfy { $0.outcome == .errorPacket }
            }
        }
        try limit?.outside.wait(within: 10)
    } promises: {
        unnoticed(slowest: 0.4)($0)
    }

    private static let blocked = Row(name: "blocked", event: "one has blocked the node (1129)") { scene in
        let to = ["--to", "\(scene.victim.node.address):3306"]
        func isBlocked() throws -> Bool { try scene.node.query(scene.victim.node).contains { $0.detail.contains("is blocked") } }
        try scene.fault(for: scene.pace.loud) {
            // A successful login resets the error count, so the limit is a single abandoned login.
            try scene.victim.execute("set global max_connect_errors=1")
            var tries = 0
            repeat {
                tries += 1
                if tries > 50 { throw ChildProcessError(description: "the database did not block the node") }
                try scene.node.demand([clusterTool, "abandon", "--count", "20", "--greeting", "yes"] + to)
            } while try !isBlocked()
        }
        if try !isBlocked() { scene.note("the database has forgotten that it blocked the node") }
        try scene.repair { try scene.victim.execute("set global max_connect_errors=100; flush local hosts") }
    } promises: {
        unnoticed(slowest: 0.4)($0)
    }

    // MARK: One of three is silent

    private static let silent = [
        quiet("hang", "SIGSTOP of one database") { try $0.victim.send(signal: SIGSTOP) },
        quiet("link-down", "one's link is down") { try $0.cluster.cluster.world.demand("ip link set to-\($0.victim.node.name) down") },
        quiet("dropped", "one's packets are dropped (nftables)") { try $0.victim.node.filter("input", "tcp dport 3306 drop") },
        quiet("trickle", "one sends a byte a second of its greeting") { try $0.cluster.addFault($0.victim, .trickle) },
        frozen,
    ]

    private static let frozen = Row(name: "frozen", event: "max_connect_errors=20; SIGSTOP for 20 s, SIGCONT; TCP probes of the port all along") { scene in
        try scene.start(.reading)
        for replica in scene.cluster.replicas { try replica.execute("set global max_connect_errors=20; flush local hosts") }
        let seconds = Int(scene.pace.frozen) + 5
        let storm = ["--to", "\(scene.node.address):3306", "--send", "nothing", "--rate", "20", "--seconds", "\(seconds)"]
        let probes = try scene.cluster.cluster.balancer.start([clusterTool, "storm"] + storm)
        try scene.fault(for: scene.pace.frozen) { try scene.victim.send(signal: SIGSTOP) }
        try scene.repair()
        scene.observe(3)
        try probes.outside.wait(within: Double(seconds) + 10)
        let direct = try scene.node.query(scene.victim.node)
        let isBlocked = direct.contains { $0.detail.contains("is blocked") }
        if isBlocked { scene.note("in the end the database blocks the node") }
        scene.demand(!isBlocked, "the database blocks the node")
    } promises: { _ in
        var promise = FailoverPromise()
        (promise.failedConnects, promise.blocked) = (0, 0)
        return promise
    }

    // MARK: All of them

    private static let overloaded = [
        Row(name: "all-slow", event: "all replicas greet after 3 s") { scene in
            try scene.start(.reading)
            for replica in scene.cluster.replicas { try scene.cluster.addFault(replica, .late) }
            try scene.countConnects()
            try scene.fault(for: max(9, scene.pace.loud)) {}
            try scene.endClients()
        } promises: { _ in
            var promise = FailoverPromise()
            (promise.failedConnects, promise.connectsPerClient) = (0, 1.2)
            return promise
        }
    ]

    // MARK: The node's own fault

    private static let passwordExpired = Row(name: "password", event: "the checks' passwords expire, on both nodes") { scene in
        try scene.start(.watchingTogether)
        try scene.fault(for: scene.pace.silent + 5) {
            for replica in scene.cluster.replicas { try replica.execute("set global disconnect_on_expired_password=1") }
            try scene.cluster.cluster.primary.execute("alter user haproxy_check@'%' password expire; alter user monitor@'%' password expire")
        }
        scene.demand(try scene.cluster.hasLogged("password"), "no log line reports the expired password")
    } promises: {
        unnoticed(slowest: 1.2)($0)
    }
}
