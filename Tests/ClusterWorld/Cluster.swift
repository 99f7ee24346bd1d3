// The article's network: a nameserver, two proxy nodes, two read replicas and their primary, a client, and a node for a load balancer.

import Foundation
import Support
import Synchronization

package final class Cluster: Sendable {
    package let world: World
    package let nameserver: NameServer
    package let tsukada01: Node
    package let tsukada02: Node
    package let client: Node
    /// The load balancer's node, in tests that have a load balancer.
    package let balancer: Node
    package let replica01: Database
    package let replica02: Database
    package let primary: Database
    /// The folder of an empty database.
    package let emptyDatabase: String
    private let receivers: [String: LogReceiver]

    package init() throws {
        let world = try World()
        self.world = world
        func node(_ name: String, _ last: Int) throws -> Node {
            try Node(name, address: "172.20.0.\(last)", nameserver: "172.20.0.2", in: world)
        }
        nameserver = try NameServer(on: node("nameserver", 2))
        tsukada01 = try node("tsukada01", 11)
        tsukada02 = try node("tsukada02", 12)
        client = try node("client", 30)
        balancer = try node("balancer", 40)
        receivers = [
            "tsukada01": try LogReceiver(on: tsukada01),
            "tsukada02": try LogReceiver(on: tsukada02),
        ]
        let template = try Database.makeTemplate(in: world)
        emptyDatabase = template
        primary = try Database(on: node("dbserver03", 23), identifier: 3, template: template)
        replica01 = try Database(on: node("dbserver01", 21), identifier: 1, template: template)
        replica02 = try Database(on: node("dbserver02", 22), identifier: 2, template: template)
        try primary.waitUntilReady()
        try primary.createUsers()
        for replica in [replica01, replica02] {
            try replica.waitUntilReady()
            try replica.replicate(from: primary)
        }
        for replica in [replica01, replica02] { try waitUntilReplicated(replica) }
    }

    private func waitUntilReplicated(_ replica: Database) throws {
        try eventually(within: 20, "\(replica.node.name) to replicate", interval: 50) {
            try replica.execute("select count(*) from information_schema.tables where table_schema='shop'").contains("1")
        }
    }

    /// Returns the receiver of `node`'s log lines.
    package func log(of node: Node) throws -> LogReceiver {
        guard let receiver = receivers[node.name] else { throw ChildProcessError(description: "\(node.name) has no log receiver") }
        return receiver
    }

    /// Restores the databases and names to the state at the start of a test.
    package func restore() throws {
        try nameserver.serve(NameServer.records)
        for database in [primary, replica01, replica02] where !database.isRunning {
            try database.start()
        }
        for database in [primary, replica01, replica02] { try database.waitUntilReady() }
        // Aborted connections of one test must not block its host in the next one. Plain checks count as such, because they never log in.
        for replica in [replica01, replica02] { try replica.execute("set global max_connect_errors=100000; flush local hosts") }
    }

    /// Deletes the state that proxies have stored on the nodes, which the next proxy would load. No proxy may run.
    package func emptyStateDirectories() throws {
        for node in [tsukada01, tsukada02] {
            try node.demand(["find", "/var/lib/haproxy", "/var/lib/tsukada", "-mindepth", "1", "-delete"])
            try node.demand(["install", "-d", "-m", "700", "-o", "haproxy", "-g", "haproxy", "/var/lib/tsukada"])
        }
    }
}
