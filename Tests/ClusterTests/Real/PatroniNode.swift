import ClusterWorld
import Foundation
import Support

/// A PostgreSQL server that Patroni manages: a primary or a standby, as etcd says.
struct PatroniNode: Sendable {
    /// The folder of PostgreSQL's programs.
    static let programs: String = {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        return "/usr/lib/postgresql/\(versions.max { (Int($0) ?? 0) < (Int($1) ?? 0) } ?? "")/bin"
    }()

    /// The key-value store in which Patroni elects the primary.
    static func store(on node: Node) throws -> RealServer {
        let (clients, peers) = ("http://\(node.address):2379", "http://\(node.address):2380")
        return try RealServer(
            "etcd", on: node,
            command: [
                "etcd", "--data-dir", "/run/etcd/data", "--listen-client-urls", clients, "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                "--initial-advertise-peer-urls", peers, "--initial-cluster", "default=\(peers)", "--unsafe-no-fsync",
            ])
    }

    let program: RealServer
    private let node: Node

    init(on node: Node, store: Node) throws {
        self.node = node
        program = try RealServer(
            "patroni", on: node, user: "postgres", files: ["patroni.yml": Self.configuration(of: node, store: store)], processes: .family,
            command: ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "patroni", "/run/patroni/patroni.yml"])
    }

    private static func configuration(of node: Node, store: Node) -> String {
        """
        scope: shop
        name: \(node.name)
        restapi:
          listen: \(node.address):8008
          connect_address: \(node.address):8008
        etcd3:
          host: \(store.address):2379
        bootstrap:
          dcs:
            ttl: 20
            loop_wait: 1
            retry_timeout: 3
            postgresql:
              parameters:
                fsync: "off"
                max_connections: 20
                shared_buffers: 16MB
          initdb:
            - encoding: UTF8
            - no-sync
            - auth: trust
          pg_hba:
            - host replication all all trust
            - host all all all trust
            - local all all trust
        postgresql:
          listen: \(node.address):5432
          connect_address: \(node.address):5432
          data_dir: /run/patroni/data
          bin_dir: \(programs)
          pgpass: /run/patroni/pgpass
          authentication:
            replication: {username: replicator}
            superuser: {username: postgres}
          parameters:
            unix_socket_directories: /run/patroni
        watchdog:
          mode: "off"

        """
    }

    /// Makes another node the primary.
    func handOver(to other: PatroniNode) throws {
        let body = "{\"leader\":\"\(node.name)\",\"candidate\":\"\(other.node.name)\"}"
        try node.demand(["curl", "-sf", "http://\(node.address):8008/switchover", "-XPOST", "-d", body])
    }

    /// Deletes the data, so that the node copies the primary at its next start.
    func forget() throws { try node.demand(["rm", "-rf", "/run/patroni/data"]) }
}
