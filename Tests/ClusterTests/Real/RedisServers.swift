import ClusterWorld
import Support

/// Two Redis servers, the second a replica of the first. Later they exchange their roles, and a Sentinel promotes the replica when the master is gone.
struct RedisServers: Sendable {
    let first: RealServer
    let second: RealServer
    let sentinel: RealServer

    init(on nodes: (Node, Node), sentinel node: Node) throws {
        first = try Self.server(on: nodes.0, replicaOf: nil)
        second = try Self.server(on: nodes.1, replicaOf: nodes.0)
        sentinel = try RealServer(
            "sentinel", on: node,
            files: [
                "sentinel.conf": """
                bind \(node.address)
                port 26379
                protected-mode no
                dir /run/sentinel
                sentinel monitor shop \(nodes.1.address) 6379 1
                sentinel down-after-milliseconds shop 500
                sentinel failover-timeout shop 2000

                """
            ],
            command: ["redis-sentinel", "/run/sentinel/sentinel.conf"])
    }

    /// A server that starts as a replica of another one, or as a master.
    static func server(on node: Node, replicaOf master: Node?) throws -> RealServer {
        let role = master.map { ["--replicaof", $0.address, "6379"] } ?? []
        return try RealServer(
            "redis", on: node,
            command: [
                "redis-server", "--bind", node.address, "--port", "6379", "--save", "", "--protected-mode", "no", "--dir", "/run/redis",
                "--repl-diskless-sync-delay", "0",
            ] + role)
    }

    /// Makes the replica the master, and the master its replica.
    func exchangeRoles() throws {
        try ask(first.node, port: 6379, ["failover", "to", second.node.address, "6379"], until: "OK\n")
    }

    /// Starts the Sentinel, and waits until it knows the replica.
    func watch() throws {
        try sentinel.start()
        try eventually(within: 20, "the Sentinel to know the replica", interval: 50) {
            try sentinel.node.run(["redis-cli", "-h", sentinel.node.address, "-p", "26379", "sentinel", "replicas", "shop"]).output.contains(first.node.address)
        }
    }

    private func ask(_ node: Node, port: Int, _ words: [String], until answer: String) throws {
        let command = ["redis-cli", "-h", node.address, "-p", "\(port)"] + words
        try eventually(within: 20, "'\(answer)' to \(words): \(try node.run(command))", interval: 100) { try node.run(command).output == answer }
    }
}
