import ClusterWorld
import Foundation
import Support

/// A MariaDB server of a Galera cluster, and the script that reports its state over HTTP on port 9200, as clustercheck does.
struct GaleraNode: Sendable {
    static let port = 3307

    let database: RealServer
    let reporter: RealServer
    private let node: Node

    /// - Parameters:
    ///   - cluster: all nodes.
    ///   - weight: the node's votes when the cluster is divided.
    ///   - template: an empty database.
    init(on node: Node, of cluster: [Node], weight: Int, template: String) throws {
        self.node = node
        let isFirst = node.name == cluster.first?.name
        let provider = [
            "pc.weight=\(weight)", "gcache.size=8M", "gmcast.listen_addr=tcp://\(node.address):4567", "ist.recv_addr=\(node.address):4568",
            "evs.keepalive_period=PT0.3S", "evs.suspect_timeout=PT1S", "evs.inactive_timeout=PT3S",
        ]
        database = try RealServer(
            "galera", on: node, user: "mysql", processes: .family,
            command: [
                "mariadbd", "--no-defaults", "--user=mysql", "--datadir=/run/galera/data", "--socket=/run/galera/socket", "--pid-file=/run/galera/pid",
                "--tmpdir=/run/galera", "--bind-address=\(node.address)", "--port=\(Self.port)", "--innodb-log-file-size=4M",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-use-native-aio=0", "--innodb-buffer-pool-size=32M", "--performance-schema=0",
                "--binlog-format=row", "--innodb-autoinc-lock-mode=2", "--wsrep-on=1", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
                "--wsrep-cluster-address=gcomm://\(cluster.map(\.address).joined(separator: ","))", "--wsrep-cluster-name=shop",
                "--wsrep-node-name=\(node.name)", "--wsrep-node-address=\(node.address)", "--wsrep-sst-method=rsync",
                "--wsrep-provider-options=\(provider.joined(separator: ";"))",
            ] + (isFirst ? ["--wsrep-new-cluster"] : []))
        try ChildProcess.demand(["cp", "-r", template, "\(node.directory)/run/galera/data"])
        try node.demand(["chown", "-R", "mysql", "/run/galera/data"])
        reporter = try RealServer(
            "clustercheck", on: node, files: ["clustercheck": Self.script], processes: .family,
            command: ["socat", "TCP-LISTEN:9200,bind=\(node.address),fork,reuseaddr", "SYSTEM:bash /run/clustercheck/clustercheck"])
    }

    /// Answers 200 if the node is synced (state 4), otherwise 503. It reads the request first: a close before that would reset the connection.
    private static let script = """
        while IFS= read -r line && [ "${line%$'\\r'}" ]; do :; done
        state="$(mariadb --no-defaults --socket=/run/galera/socket --user=root --skip-column-names --execute="show status like 'wsrep_local_state'" 2>&1)"
        if [ "${state##*$'\\t'}" = 4 ]; then
            status="200 OK"
            text="Node is synced."
        else
            status="503 Service Unavailable"
            text="Node is not synced."
        fi
        printf 'HTTP/1.1 %s\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s\\r\\n' "$status" "$((${#text} + 2))" "$text"

        """

    /// Runs SQL statements as root.
    @discardableResult
    func execute(_ statements: String) throws -> String {
        try node.demand(["mariadb", "--no-defaults", "--socket=/run/galera/socket", "--user=root", "--skip-column-names", "--execute=\(statements)"])
    }

    /// Waits until the node has noticed that no other node is left.
    func waitUntilAlone() throws {
        try eventually(within: 20, "a cluster of one node", interval: 50) { try execute("show status like 'wsrep_cluster_size'") == "wsrep_cluster_size\t1\n" }
    }
}
