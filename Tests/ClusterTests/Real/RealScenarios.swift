// What happens to the real servers. `a` is on dbserver01, `b` on dbserver02.

import ClusterWorld
import Foundation

extension RealScenario {
    private static func nodes(_ pair: RealPair) -> (Node, Node) { (pair.cluster.replica01.node, pair.cluster.replica02.node) }

    /// Two independent servers: one is killed and starts again, then it stops and continues.
    private static func twins(_ name: String, port: Int, _ make: (Node) throws -> RealServer, on pair: RealPair) throws -> RealScenario {
        let (first, second) = (try make(nodes(pair).0), try make(nodes(pair).1))
        return RealScenario(
            ports: [name: port], servers: [first, second],
            events: [
                Event("\(name): start", [name: ["a", "b"]]) {
                    try first.start()
                    try second.start()
                },
                Event("\(name): kill -9", [name: ["b"]]) { try first.kill() },
                Event("\(name): start again", [name: ["a", "b"]]) { try first.start() },
                Event("\(name): stopped", [name: ["a"]]) { try second.send(signal: SIGSTOP) },
                Event("\(name): continued", [name: ["a", "b"]]) { try second.send(signal: SIGCONT) },
            ])
    }

    static func secureShell(_ pair: RealPair) throws -> RealScenario { try twins("ssh", port: 22, secureShellServer, on: pair) }

    static func directory(_ pair: RealPair) throws -> RealScenario { try twins("directory", port: 389, directoryServer, on: pair) }

    static func messages(_ pair: RealPair) throws -> RealScenario { try twins("messages", port: 1883, messageBroker, on: pair) }

    static func mail(_ pair: RealPair) throws -> RealScenario {
        let (first, second) = (try mailServer(on: nodes(pair).0), try mailServer(on: nodes(pair).1))
        return RealScenario(
            ports: ["mail": 25], servers: [first, second],
            events: [
                Event("mail: start", ["mail": ["a", "b"]]) {
                    try first.start()
                    try second.start()
                },
                Event("mail: kill -9", ["mail": ["b"]]) { try first.kill() },
                Event("mail: start again", ["mail": ["a", "b"]]) { try first.start() },
            ])
    }

    static func web(_ pair: RealPair) throws -> RealScenario {
        let (first, second) = (try WebServer(on: nodes(pair).0), try WebServer(on: nodes(pair).1))
        return RealScenario(
            ports: ["web": 80], servers: [first.program, second.program],
            events: [
                Event("web: start", ["web": ["a", "b"]]) {
                    try first.program.start()
                    try second.program.start()
                },
                Event("web: maintenance file", ["web": ["b"]]) { try first.maintain(true) },
                Event("web: maintenance ends", ["web": ["a", "b"]]) { try first.maintain(false) },
                Event("web: kill -9", ["web": ["a"]]) { try second.program.kill() },
                Event("web: start again", ["web": ["a", "b"]]) { try second.program.start() },
            ])
    }

    static func redis(_ pair: RealPair) throws -> RealScenario {
        let all = try RedisServers(on: nodes(pair), sentinel: pair.cluster.primary.node)
        let returned = try RedisServers.server(on: nodes(pair).1, replicaOf: nodes(pair).0)
        return RealScenario(
            ports: ["redis": 6379, "redis-master": 6380], servers: [all.first, all.second, all.sentinel, returned],
            events: [
                Event("redis: start", ["redis": ["a", "b"], "redis-master": ["a"]]) {
                    try all.first.start()
                    try all.second.start()
                },
                Event("redis: the roles are exchanged", ["redis": ["a", "b"], "redis-master": ["b"]]) { try all.exchangeRoles() },
                Event("redis: the master is killed, and Sentinel promotes the replica", ["redis": ["a"], "redis-master": ["a"]]) {
                    try all.watch()
                    try all.second.kill()
                },
                Event("redis: it returns as a replica", ["redis": ["a", "b"], "redis-master": ["a"]]) { try returned.start() },
            ])
    }

    static func galera(_ pair: RealPair) throws -> RealScenario {
        let (one, two) = nodes(pair)
        let template = pair.cluster.emptyDatabase
        let first = try GaleraNode(on: one, of: [one, two], weight: 2, template: template)
        let second = try GaleraNode(on: two, of: [one, two], weight: 1, template: template)
        return RealScenario(
            ports: ["galera": 3307], servers: [first.database, second.database, first.reporter, second.reporter],
            events: [
                Event("galera: the first node", ["galera": ["a"]]) {
                    for each in [first.reporter, second.reporter, first.database] { try each.start() }
                },
                Event("galera: the second node joins", ["galera": ["a", "b"]]) { try second.database.start() },
                Event("galera: a node is desynced", ["galera": ["b"]]) { try first.execute("set global wsrep_desync=1") },
                Event("galera: it is synced again", ["galera": ["a", "b"]]) { try first.execute("set global wsrep_desync=0") },
                Event("galera: kill -9", ["galera": ["a"]]) { try second.database.kill() },
                Event("galera: it joins again", ["galera": ["a", "b"]]) {
                    try first.waitUntilAlone()
                    try second.database.start()
                },
            ])
    }

    static func patroni(_ pair: RealPair) throws -> RealScenario {
        let storeNode = pair.cluster.primary.node
        let store = try PatroniNode.store(on: storeNode)
        let (first, second) = (try PatroniNode(on: nodes(pair).0, store: storeNode), try PatroniNode(on: nodes(pair).1, store: storeNode))
        func usable(_ all: [String], writes: [String], reads: [String]) -> [String: [String]] {
            ["postgres": all, "postgres-write": writes, "postgres-read": reads]
        }
        return RealScenario(
            ports: ["postgres": 5432, "postgres-write": 5433, "postgres-read": 5434], servers: [store, first.program, second.program],
            events: [
                Event("patroni: a primary", usable(["a"], writes: ["a"], reads: [])) {
                    try store.start()
                    try first.program.start()
                },
                Event("patroni: a standby", usable(["a", "b"], writes: ["a"], reads: ["b"])) { try second.program.start() },
                Event("patroni: the roles are exchanged", usable(["a", "b"], writes: ["b"], reads: ["a"])) { try first.handOver(to: second) },
                Event("patroni: the primary's host dies", usable(["a"], writes: ["a"], reads: [])) { try second.program.kill() },
                Event("patroni: it returns as a standby", usable(["a", "b"], writes: ["a"], reads: ["b"])) {
                    try second.forget()
                    try second.program.start()
                },
            ])
    }
}
